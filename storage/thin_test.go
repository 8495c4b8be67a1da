package storage

import (
	"errors"
	"maps"
	"math"
	"strings"
	"testing"
	"time"
)

// readWeights returns the weight of each id of a table, and fails where an id is
// there twice.
func readWeights(t testing.TB, s *Store, table string) map[int64]uint64 {
	t.Helper()
	got := map[int64]uint64{}
	tab, ok := s.Table(table)
	if !ok {
		return got
	}
	view := tab.Pin()
	defer view.Release()
	for _, r := range view.Blocks {
		b, err := r.Open()
		if err != nil {
			t.Fatalf("block %v: %v", r.ID, err)
		}
		batch := NewBatch()
		if err := b.Batch(batch); err != nil {
			t.Fatal(err)
		}
		ids, sum := batch.vector("id", TypeInt64), uint64(0)
		weights := make([]uint64, batch.Rows())
		for i := range weights {
			weights[i] = 1
		}
		rates := batch.vector(SampleRateColumn, TypeInt64)
		for i, row := range rates.Rows {
			weights[row] = uint64(rates.Ints[i])
		}
		for i, row := range ids.Rows {
			if got[ids.Ints[i]] != 0 {
				t.Fatalf("row %d is there twice", ids.Ints[i])
			}
			got[ids.Ints[i]] = weights[row]
			sum += weights[row]
		}
		if r.Meta.Weight != sum || b.Header().Weight != sum {
			t.Fatalf("block %v: weight %d in the log and %d in the block, its rows have %d", r.ID, r.Meta.Weight, b.Header().Weight, sum)
		}
	}
	return got
}

// thinStore is a store with a clock of its own and a table with some settings.
func thinStore(t *testing.T, cfg Config, now *time.Time) *Store {
	t.Helper()
	cfg.Now = func() time.Time { return *now }
	return testOpen(t, cfg)
}

func setThinning(t testing.TB, s *Store, after time.Duration, keep int64) {
	t.Helper()
	if err := s.SetSettings("t", Settings{ThinAfter: after, ThinKeep: keep}); err != nil {
		t.Fatal(err)
	}
}

// thinAll thins a table until nothing is left to do: a merge that ends meanwhile
// makes a block that is thinned the next time.
func thinAll(t testing.TB, s *Store) {
	t.Helper()
	tab, _ := s.Table("t")
	waitFor(t, "all old blocks are thinned", func() bool {
		s.thin()
		now, set := s.cfg.Now().UnixNano(), tab.Settings()
		return set.ThinAfter == 0 || len(tab.thinnable(now-int64(set.ThinAfter), now)) == 0
	})
}

// wantShare fails unless the weights add up to about rows, each being keep.
func wantShare(t *testing.T, got map[int64]uint64, rows int, keep uint64) {
	t.Helper()
	p := 1 / float64(keep)
	if sigmas := (float64(len(got)) - float64(rows)*p) / math.Sqrt(float64(rows)*p*(1-p)); math.Abs(sigmas) > 5 {
		t.Errorf("%d rows are left of %d: not 1 in %d, %.1f standard deviations off", len(got), rows, keep, sigmas)
	}
	for id, w := range got {
		if w != keep {
			t.Fatalf("row %d weighs %d, not %d", id, w, keep)
		}
	}
}

// TestThin thins old rows once: not again after a restart, from memory or from disk
// alone, after a merge, or with other settings. Young rows stay as they are, and
// what is promised falls with the rows.
func TestThin(t *testing.T) {
	cfg, now := testDiskConfig(t), time.Now()
	cfg.flushEvery = time.Millisecond
	s := thinStore(t, cfg, &now)
	const old, fresh, keep = 20 * 9_000, finalRowsMin, 10 // what is fresh merges with nothing
	at := now.Add(-10 * time.Hour).UnixNano()
	for i := range int64(20) {
		testAppend(t, s, Append{Table: "t", Batch: testBatch(i*9_000, 9_000, at), Arrival: at})
	}
	testAppend(t, s, Append{Table: "t", Batch: testBatch(1_000_000, fresh, now.UnixNano())})
	split := func() (aged, young map[int64]uint64) {
		t.Helper()
		aged, young = readWeights(t, s, "t"), map[int64]uint64{}
		for id, w := range aged {
			if id >= 1_000_000 {
				young[id] = w
				delete(aged, id)
			}
		}
		if len(young) != fresh {
			t.Fatalf("%d young rows are left of %d", len(young), fresh)
		}
		return aged, young
	}
	thinAll(t, s)
	if aged, _ := split(); len(aged) != old {
		t.Fatalf("%d old rows are left of %d without a setting", len(aged), old)
	}
	setThinning(t, s, time.Hour, keep)
	thinAll(t, s)
	aged, young := split()
	wantShare(t, aged, old, keep)
	wantShare(t, young, fresh, 1)
	tab, _ := s.Table("t")
	if tab.Horizon() != 0 {
		t.Errorf("thinning moved the horizon to %d", tab.Horizon())
	}
	checkSums(t, tab)
	_, changes, _ := s.Changes(0)
	promised := uint64(0)
	for _, b := range changes[0].Buckets {
		promised += b.Rows
	}
	if want := uint64(len(aged) + fresh); promised != want || changes[0].Added != old+fresh {
		t.Errorf("%d rows are promised of %d added, %d are there", promised, changes[0].Added, want)
	}
	same := func(when string) {
		t.Helper()
		setThinning(t, s, time.Minute, 2)
		thinAll(t, s)
		if got, _ := split(); !maps.Equal(got, aged) {
			t.Fatalf("%s: %d rows are left, %d before", when, len(got), len(aged))
		}
	}
	same("with other settings")
	testClose(t, s)
	s = thinStore(t, cfg, &now)
	same("after a restart")
	testSync(t, s)
	testClose(t, s)
	reboot(t, cfg)
	s = thinStore(t, cfg, &now)
	waitLoaded(t, s)
	same("from disk alone")
	tab, _ = s.Table("t")
	waitFor(t, "the thinned blocks are merged", func() bool { return tab.Blocks() < 10 })
	same("after a merge")
	now = now.Add(2 * time.Hour)
	same2 := readWeights(t, s, "t")
	thinAll(t, s) // keep is 2 now
	got := readWeights(t, s, "t")
	left := 0
	for id, w := range got {
		if id >= 1_000_000 {
			left++
			if w != 2 {
				t.Fatalf("row %d weighs %d", id, w)
			}
		} else if w != same2[id] {
			t.Fatalf("row %d weighs %d, %d before", id, w, same2[id])
		}
	}
	if left < fresh/2-500 || left > fresh/2+500 || len(got)-left != len(aged) {
		t.Errorf("%d of %d rows left, and %d of %d thinned before", left, fresh, len(got)-left, len(aged))
	}
}

// TestThinKeepsApart: merges never join thinned rows with others.
func TestThinKeepsApart(t *testing.T) {
	now := time.Now()
	s := thinStore(t, testConfig(t, testShm(t)), &now)
	old := now.Add(-10 * time.Hour).UnixNano()
	for i := range int64(40) {
		testAppend(t, s, Append{Table: "t", Batch: testBatch(i*100, 100, old), Arrival: old})
	}
	setThinning(t, s, time.Hour, 4)
	thinAll(t, s)
	for i := range int64(40) {
		testAppend(t, s, Append{Table: "t", Batch: testBatch(10_000+i*100, 100, now.UnixNano())})
	}
	before := readWeights(t, s, "t")
	now = now.Add(2 * staleAfter)
	tab, _ := s.Table("t")
	waitFor(t, "both kinds are merged", func() bool {
		s.mergeStale()
		return tab.Blocks() == 2
	})
	if got := readWeights(t, s, "t"); !maps.Equal(got, before) {
		t.Errorf("%d rows, %d before", len(got), len(before))
	}
	view := tab.Pin()
	defer view.Release()
	if a, b := view.Blocks[0].kind.thinned(), view.Blocks[1].kind.thinned(); a == b {
		t.Errorf("two blocks of which both or none is thinned: %d, %d", a, b)
	}
}

// TestThinAway: a row or two of a quiet table may all go, and small blocks are left
// to merges at first.
func TestThinAway(t *testing.T) {
	now := time.Now()
	s := thinStore(t, testConfig(t, testShm(t)), &now)
	old := now.Add(-10 * time.Hour).UnixNano()
	for i := range int64(30) {
		testAppend(t, s, Append{Table: "t", Batch: testBatch(i, 1, old)})
	}
	setThinning(t, s, time.Hour, ThinKeepMax)
	thinAll(t, s)
	tab, _ := s.Table("t")
	if tab.Rows() != 30 {
		t.Fatalf("%d of 30 rows left: rows that have just come in small blocks were thinned", tab.Rows())
	}
	now = now.Add(thinSmallAfter + time.Second)
	thinAll(t, s)
	if tab.Rows() != 0 || tab.Blocks() != 0 || tab.Horizon() != 0 {
		t.Errorf("%d rows in %d blocks, horizon %d", tab.Rows(), tab.Blocks(), tab.Horizon())
	}
	checkSums(t, tab)
}

// TestThinDamaged: a block that cannot be read is not thinned to what it is not.
func TestThinDamaged(t *testing.T) {
	now := time.Now()
	s := thinStore(t, testConfig(t, testShm(t)), &now)
	old := now.Add(-10 * time.Hour).UnixNano()
	testAppend(t, s, Append{Table: "t", Batch: testBatch(0, 9_000, old), Arrival: old})
	tab, _ := s.Table("t")
	testFlip(t, tab.refs[0].extent.Load())
	setThinning(t, s, time.Hour, 10)
	thinAll(t, s)
	if tab.Rows() != 9_000 || s.Status().Damaged != 1 {
		t.Errorf("%d rows, %d blocks damaged: want 9000 and 1", tab.Rows(), s.Status().Damaged)
	}
}

// TestThinSettings refuses what would thin nothing, or not as meant.
func TestThinSettings(t *testing.T) {
	f := func(set Settings, want string) {
		t.Helper()
		err := errors.Join(set.Validate(), set.ValidateTogether())
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%+v: %v, want %q", set, err, want)
		}
	}
	f(Settings{ThinAfter: time.Hour, ThinKeep: 10}, "")
	f(Settings{ThinAfter: time.Hour, ThinKeep: ThinKeepMax, RetentionAge: 2 * time.Hour}, "")
	f(Settings{ThinAfter: time.Hour}, "thin_keep is 0")
	f(Settings{ThinAfter: time.Hour, ThinKeep: 1}, "thin_keep is 1")
	f(Settings{ThinAfter: time.Hour, ThinKeep: ThinKeepMax + 1}, "1000000")
	f(Settings{ThinKeep: 10}, "without thin_after")
	f(Settings{ThinAfter: -time.Hour, ThinKeep: 10}, "negative")
	f(Settings{ThinAfter: time.Hour, ThinKeep: -10}, "negative")
	f(Settings{ThinAfter: 2 * time.Hour, ThinKeep: 10, RetentionAge: 2 * time.Hour}, "retention_age")
}

// TestThinKill kills a process that appends and thins. Whatever it was about: a batch
// is there as a whole and unweighted, or thinned and weighted, once.
func TestThinKill(t *testing.T) {
	dir := testShm(t)
	cfg := testConfig(t, dir)
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	thinned, whole := 0, 0
	for round := 0; round < rounds || (thinned == 0 || whole == 0) && round < 5*rounds; round++ {
		life := time.Duration(100+round*70) * time.Millisecond
		chunks := runWriter(t, dir, int64(round)*100_000_000, life, thinEnv+"=1")
		s := testOpen(t, cfg)
		if st := s.Status(); st.LogDamaged || st.Damaged > 0 {
			t.Fatalf("round %d: a kill left damage: %+v", round, st)
		}
		weights := readWeights(t, s, "t")
		for id, w := range weights { // of the rounds before as well
			if w != 1 && w != thinEnvKeep {
				t.Fatalf("round %d: row %d weighs %d", round, id, w)
			}
		}
		for _, c := range chunks {
			count, heavy := 0, 0
			for i := range c.rows {
				switch weights[c.first+int64(i)] {
				case 1:
					count++
				case thinEnvKeep:
					count++
					heavy++
				}
			}
			part := float64(c.rows) / thinEnvKeep
			switch {
			case heavy == 0 && count == c.rows:
				whole++
			case heavy > 0 && heavy == count && math.Abs(float64(count)-part) < 6*math.Sqrt(part):
				thinned++
			case count > 0 || c.acked:
				t.Fatalf("round %d: of batch %d, %d rows, acknowledged: %v, %d rows are there, %d of them thinned", round, c.first, c.rows, c.acked, count, heavy)
			}
		}
		testClose(t, s)
	}
	t.Logf("%d batches thinned, %d whole", thinned, whole)
	if thinned == 0 || whole == 0 {
		t.Error("no kill fell between: the test shows nothing")
	}
}

// thinEnv makes the writer of TestStoreKill write old rows, thinEnvKeep of which
// become one, and thin them side by side, some batches at a time.
const (
	thinEnv     = childEnv + "_THIN"
	thinEnvKeep = 8
)

// writeAndThin is such a writer. It never returns.
func writeAndThin(t *testing.T, s *Store, first int64, say func(format string, args ...any)) {
	some := make(chan struct{}, 1)
	for next, batches := first, 0; ; batches++ {
		rows := richRowsMin + int(next%977)
		at := time.Now().Add(-10 * time.Hour).UnixNano()
		say("try t %d %d\n", next, rows)
		testAppend(t, s, Append{Table: "t", Batch: testBatch(next, rows, at), Arrival: at})
		say("ack t %d %d\n", next, rows)
		if next == first {
			setThinning(t, s, time.Hour, thinEnvKeep)
			go func() {
				for range some {
					s.thin()
				}
			}()
		}
		if batches%8 == 7 {
			signal(some)
		}
		next += int64(rows)
	}
}
