package storage

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// noisyBatch makes rows that do not compress: some 35 bytes each.
func noisyBatch(first int64, rows int, at int64) *Batch {
	rng := rand.New(rand.NewPCG(uint64(first), 3))
	b := NewBatch()
	id := b.Slot([]byte("id"))
	var noise [4]int
	for i := range noise {
		noise[i] = b.Slot([]byte{'a' + byte(i)})
	}
	for i := range rows {
		b.SetInt(id, first+int64(i))
		for _, slot := range noise {
			b.SetFloat(slot, rng.NormFloat64())
		}
		b.EndRow(at)
	}
	return b
}

func TestBudgetEvict(t *testing.T) {
	cfg := testConfig(t, testShm(t))
	cfg.Budget = 16 << 20
	s := testOpen(t, cfg)
	fillAndRoll(t, s, 20)
	if used := s.Status().Used; used > cfg.Budget {
		t.Fatalf("%d bytes used of a budget of %d", used, cfg.Budget)
	}
	testClose(t, s)
	s = testOpen(t, cfg)
	checkRolled(t, s, 20)
	fillAndRoll(t, s, 5)
}

const rollRows = 33_000

// fillAndRoll appends more than memory holds to two tables. Nothing fails, the
// oldest rows go and the horizon says how far.
func fillAndRoll(t *testing.T, s *Store, rounds int) {
	t.Helper()
	for i := range rounds {
		at := int64(1_000_000 * (i + 1))
		for _, table := range []string{"a", "b"} {
			testAppend(t, s, Append{Table: table, Batch: noisyBatch(int64(i)*rollRows, rollRows, at), Arrival: at})
			testAppend(t, s, Append{Table: table, Batch: noisyBatch(int64(i)*rollRows, 1, at), Arrival: at})
		}
	}
	checkRolled(t, s, rounds)
}

func checkRolled(t *testing.T, s *Store, rounds int) {
	t.Helper()
	for _, name := range []string{"a", "b"} {
		tab, _ := s.Table(name)
		horizon := tab.Horizon()
		if horizon == 0 {
			t.Fatalf("table %s: nothing was evicted", name)
		}
		checkSums(t, tab)
		view := tab.Pin()
		final := map[int64]int{}
		for _, r := range view.Blocks {
			if r.kind.level() == levelFinal {
				final[r.Meta.MaxTime]++
			}
		}
		view.Release()
		newest := int64(1_000_000 * rounds)
		for at := horizon + 1_000_000; at <= newest; at += 1_000_000 {
			if final[at] == 0 {
				t.Fatalf("table %s: rows of %d are gone, the horizon is %d", name, at, horizon)
			}
		}
		if len(final) < 3 {
			t.Fatalf("table %s: %d full blocks are left", name, len(final))
		}
		readIDs(t, s, name)
	}
}

func TestBudgetReject(t *testing.T) {
	cfg := testConfig(t, testShm(t))
	cfg.Budget, cfg.WhenFull = 16<<20, WhenFullReject
	s := testOpen(t, cfg)
	fillUntilFull(t, s, cfg.Budget)
}

// fillUntilFull appends until the store refuses, and shows that queries, drops
// and appends after a drop still work.
func fillUntilFull(t *testing.T, s *Store, budget int64) {
	t.Helper()
	var full *FullError
	rows := 0
	for i := 0; ; i++ {
		if i > 1_000 {
			t.Fatal("memory never gets full")
		}
		_, err := s.Append(context.Background(), Append{Table: "t", Batch: noisyBatch(int64(i)*rollRows, rollRows, 1), Arrival: 1})
		if err == nil {
			rows += rollRows
			continue
		}
		if !errors.As(err, &full) {
			t.Fatal(err)
		}
		break
	}
	if full.Table != "t" || full.Budget != budget || full.Bytes == 0 || full.Knob != "--memory" {
		t.Fatalf("the error says %+v", full)
	}
	if n := len(readIDs(t, s, "t")); n != rows {
		t.Fatalf("%d rows, %d were acknowledged", n, rows)
	}
	// Small ones fill the last gaps and then fail too.
	for i := 0; ; i++ {
		_, err := s.Append(context.Background(), Append{Table: "small", Batch: noisyBatch(int64(i)*4_000, 4_000, 1), Arrival: 1})
		if errors.As(err, &full) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if tab, _ := s.Table("t"); tab.Horizon() != 0 || s.Status().Evicted != 0 {
		t.Fatal("rows were evicted")
	}
	if err := s.DropTable("t"); err != nil {
		t.Fatal(err)
	}
	testAppend(t, s, Append{Table: "u", Batch: noisyBatch(0, rollRows, 1), Arrival: 1})
	if n := len(readIDs(t, s, "u")); n != rollRows {
		t.Fatalf("%d rows after the drop", n)
	}
}

// TestBudgetPinned fills memory while a view holds what was dropped: the append
// waits for the view, and evicts no more than it must.
func TestBudgetPinned(t *testing.T) {
	cfg := testConfig(t, testShm(t))
	cfg.Budget = 16 << 20
	s := testOpen(t, cfg)
	for i := range int64(60) {
		testAppend(t, s, Append{Table: "t", Batch: noisyBatch(i*rollRows, rollRows, i), Arrival: i})
	}
	tab, _ := s.Table("t")
	view := tab.Pin()
	before := len(view.Blocks)
	done := make(chan error, 1)
	go func() {
		for i := range int64(3) {
			if _, err := s.Append(context.Background(), Append{Table: "t", Batch: noisyBatch(i*rollRows, rollRows, 100+i), Arrival: 100 + i}); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	waitFor(t, "an append waits for the view", func() bool { return s.Status().Pending > 0 })
	for _, r := range view.Blocks {
		b, err := r.Open()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range b.Columns() {
			if err := c.Check(); err != nil {
				t.Fatalf("a block is overwritten while a view holds it: %v", err)
			}
		}
	}
	view.Release()
	view.Release()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if after := tab.Blocks(); after < before-8 {
		t.Fatalf("%d blocks became %d: more were evicted than needed", before, after)
	}
	if p := s.Status().Pending; p != 0 {
		t.Fatalf("%d bytes are pending without a view", p)
	}
}

func TestRetention(t *testing.T) {
	cfg := testConfig(t, testShm(t))
	base := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	now := base.Add(100 * time.Hour)
	cfg.Now = func() time.Time { return now }
	s := testOpen(t, cfg)
	want := map[int64]int{}
	for i := range int64(100) {
		at := base.Add(time.Duration(i) * time.Hour).UnixNano()
		testAppend(t, s, Append{Table: "age", Batch: testBatch(i*10, 10, at), Arrival: at})
		testAppend(t, s, Append{Table: "bytes", Batch: testBatch(i*10, 10, at), Arrival: at})
		if i >= 90 {
			for j := range int64(10) {
				want[i*10+j] = 1
			}
		}
	}
	// A row from the far future is as old as its arrival, one from 1970 is old.
	arrival := base.Add(50 * time.Hour).UnixNano()
	far := NewBatch()
	id := far.Slot([]byte("id"))
	for i, at := range []int64{now.Add(10_000 * time.Hour).UnixNano(), 1} {
		far.SetInt(id, 5_000+int64(i))
		far.EndRow(at)
	}
	testAppend(t, s, Append{Table: "age", Batch: far, Arrival: arrival})

	keep := Settings{RetentionAge: 10*time.Hour + 30*time.Minute}
	if err := s.SetSettings("age", keep); err != nil {
		t.Fatal(err)
	}
	tab, _ := s.Table("bytes")
	half := tab.Bytes() / 2
	if err := s.SetSettings("bytes", Settings{RetentionBytes: half}); err != nil {
		t.Fatal(err)
	}
	seq := s.Seq()
	s.retain()
	if edits := s.Seq() - seq; edits != 2 {
		t.Fatalf("retention of two tables took %d edits", edits)
	}
	for range 2 {
		wantIDs(t, s, "age", want)
		tab, _ = s.Table("age")
		if h := tab.Horizon(); h < base.Add(89*time.Hour).UnixNano() || h > base.Add(90*time.Hour).UnixNano() {
			t.Fatalf("the horizon is %v", time.Unix(0, h).UTC())
		}
		tab, _ = s.Table("bytes")
		if tab.Bytes() > half || tab.Bytes() < half/2 || tab.Horizon() == 0 {
			t.Fatalf("%d of %d bytes, horizon %d", tab.Bytes(), half, tab.Horizon())
		}
		if got := readIDs(t, s, "bytes"); got[999] != 1 || got[0] != 0 {
			t.Fatal("not the oldest rows went")
		}
		checkSums(t, tab)
		testClose(t, s)
		s = testOpen(t, cfg)
	}
}

// TestHorizon shows that the horizon lies behind every row that went, unless its
// clock was far off.
func TestHorizon(t *testing.T) {
	s := testOpen(t, testConfig(t, testShm(t)))
	arrival := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).UnixNano()
	hour := int64(time.Hour)
	testAppend(t, s, Append{Table: "near", Batch: testBatch(0, 10, arrival+hour), Arrival: arrival})
	testAppend(t, s, Append{Table: "future", Batch: testBatch(0, 10, arrival+10_000*hour), Arrival: arrival})
	testAppend(t, s, Append{Table: "past", Batch: testBatch(0, 10, arrival-10_000*hour), Arrival: arrival})
	near, _ := s.Table("near")
	want := map[string]int64{"near": near.Newest(), "future": arrival, "past": arrival - 10_000*hour + 9*int64(time.Millisecond)}
	for range want {
		if ok, err := s.evict(1 << 30); !ok || err != nil {
			if s.Status().Rows == 0 {
				break
			}
			t.Fatalf("%v, %v", ok, err)
		}
	}
	for name, at := range want {
		tab, _ := s.Table(name)
		if tab.Rows() != 0 || tab.Horizon() != at {
			t.Errorf("table %s: %d rows, horizon %v, not %v", name, tab.Rows(), time.Unix(0, tab.Horizon()).UTC(), time.Unix(0, at).UTC())
		}
	}
}

// TestBudgetCrowd lets many callers meet full memory at once: together they evict
// about what they need, not each a share of the budget.
func TestBudgetCrowd(t *testing.T) {
	cfg := testConfig(t, testShm(t))
	cfg.Budget = 48 << 20
	s := testOpen(t, cfg)
	for s.Status().Evicted == 0 {
		testAppend(t, s, Append{Table: "t", Batch: noisyBatch(0, rollRows, 1), Arrival: 1})
	}
	for {
		if _, err := s.alloc.alloc(64<<10, s.appendLimit()); err != nil {
			break // not even a small block fits
		}
	}
	before := s.Status().Rows
	const callers, length = 64, 64 << 10
	extents := make(chan *extent, callers)
	var wg sync.WaitGroup
	var asking atomic.Int32
	s.commitMu.Lock() // nobody evicts before all have asked
	for range callers {
		wg.Go(func() {
			asking.Add(1)
			e, err := s.reserve(context.Background(), "t", length)
			if err != nil {
				t.Error(err)
				return
			}
			extents <- e
		})
	}
	waitFor(t, "all callers ask", func() bool { return asking.Load() == callers })
	for range 1_000 {
		runtime.Gosched()
	}
	s.commitMu.Unlock()
	wg.Wait()
	close(extents)
	for e := range extents {
		s.alloc.release(e)
	}
	// The callers need 4 MiB of 48.
	if after := s.Status().Rows; after < before*3/4 {
		t.Fatalf("%d rows became %d", before, after)
	}
}
