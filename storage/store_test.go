package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// testShm returns a directory on tmpfs that goes with the test.
func testShm(t testing.TB) string {
	t.Helper()
	base := "/dev/shm"
	if err := DefaultTmpfsOK(base); err != nil {
		base = t.TempDir()
	}
	dir, err := os.MkdirTemp(base, fmt.Sprintf("kelp-test-%d-", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

type testLog struct{ t testing.TB }

func (l testLog) Write(p []byte) (int, error) {
	l.t.Logf("%s", p)
	return len(p), nil
}

// testConfig trusts the directory whatever it lies on.
func testConfig(t testing.TB, dir string) Config {
	return Config{
		MemoryDir: filepath.Join(dir, "mem"),
		BootID:    func() (string, error) { return "boot-1", nil },
		TmpfsOK:   func(string) error { return nil },
		Log:       slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelWarn})),
		LeafName:  "test",
	}
}

func testOpen(t testing.TB, cfg Config) *Store {
	t.Helper()
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, ErrClosed) {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func testClose(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// testBatch makes rows with ascending ids and a few other columns.
func testBatch(first int64, rows int, at int64) *Batch {
	b := NewBatch()
	id, service, ms := b.Slot([]byte("id")), b.Slot([]byte("service")), b.Slot([]byte("ms"))
	for i := range rows {
		n := first + int64(i)
		b.SetInt(id, n)
		b.SetString(service, []byte([]string{"api", "web", "db"}[n%3]))
		b.SetFloat(ms, float64(n)/2)
		b.EndRow(at + int64(i)*int64(time.Millisecond))
	}
	return b
}

// readIDs returns how often each id stands in the live rows of a table.
func readIDs(t testing.TB, s *Store, table string) map[int64]int {
	t.Helper()
	got := map[int64]int{}
	tab, ok := s.Table(table)
	if !ok {
		return got
	}
	view := tab.Pin()
	defer view.Release()
	rows := 0
	for _, r := range view.Blocks {
		b, err := r.Open()
		if err != nil {
			t.Fatalf("block %v: %v", r.ID, err)
		}
		for _, c := range b.Find("id") {
			var ids []int64
			if c.Type() == TypeFloat64 {
				floats, err := c.Floats(nil)
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range floats {
					ids = append(ids, int64(f))
				}
			} else if ids, err = c.Ints(nil); err != nil {
				t.Fatal(err)
			}
			for _, id := range ids {
				got[id]++
			}
			rows += len(ids)
		}
	}
	sum := 0
	for _, r := range view.Blocks {
		sum += r.Meta.Rows
	}
	if sum != rows {
		t.Fatalf("blocks say %d rows, %d were read", sum, rows)
	}
	return got
}

func wantIDs(t testing.TB, s *Store, table string, want map[int64]int) {
	t.Helper()
	got := readIDs(t, s, table)
	if maps.Equal(got, want) {
		return
	}
	n := 0
	for _, id := range slices.Sorted(maps.Keys(want)) {
		if got[id] != want[id] {
			if n++; n < 5 {
				t.Errorf("table %s: row %d is there %d times, not %d", table, id, got[id], want[id])
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(got)) {
		if want[id] == 0 {
			if n++; n < 10 {
				t.Errorf("table %s: row %d is there and must not be", table, id)
			}
		}
	}
	t.Fatalf("table %s: %d of %d rows are wrong", table, n, len(want))
}

func testAppend(t testing.TB, s *Store, a Append) AppendResult {
	t.Helper()
	res, err := s.Append(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestStoreAppendAndReopen(t *testing.T) {
	cfg := testConfig(t, testShm(t))
	s := testOpen(t, cfg)
	want := map[int64]int{}
	next := int64(0)
	now := time.Now().UnixNano()
	for _, rows := range []int{1, 5, 1, 8_191, 8_192, 20_000, 65_536, 3} {
		testAppend(t, s, Append{Table: "events", Batch: testBatch(next, rows, now)})
		for range rows {
			want[next] = 1
			next++
		}
		wantIDs(t, s, "events", want)
	}
	leaf, epoch, seq := s.LeafID(), s.Epoch(), s.Seq()
	testClose(t, s)
	if _, err := s.Append(context.Background(), Append{Table: "events", Batch: testBatch(0, 1, now)}); !errors.Is(err, ErrClosed) {
		t.Fatalf("append after close: %v", err)
	}
	s = testOpen(t, cfg)
	if s.LeafID() != leaf || s.Epoch() != epoch || s.Seq() < seq {
		t.Fatalf("leaf %s epoch %d seq %d became %s %d %d", leaf, epoch, seq, s.LeafID(), s.Epoch(), s.Seq())
	}
	wantIDs(t, s, "events", want)
	testAppend(t, s, Append{Table: "events", Batch: testBatch(next, 10, now)})
	for range 10 {
		want[next] = 1
		next++
	}
	wantIDs(t, s, "events", want)
	tab, _ := s.Table("events")
	if tab.Rows() != next {
		t.Fatalf("%d rows, not %d", tab.Rows(), next)
	}
	schema := tab.Schema()
	var counted uint64
	for _, n := range schema["service"].Rows {
		counted += n
	}
	if counted != uint64(next) {
		t.Fatalf("the schema counts %d values of service, not %d", counted, next)
	}
}

func TestStoreKeys(t *testing.T) {
	cfg := testConfig(t, testShm(t))
	s := testOpen(t, cfg)
	now := time.Now().UnixNano()
	a := Append{
		Table: "events", Batch: testBatch(0, 10, now), Key: "k1", Chunk: 3, Digest: 77,
		Receipt: Receipt{Accepted: 10, Rejected: 1, Errors: []RowError{{Row: 4, Error: "not JSON"}}, Warnings: []string{"w"}},
	}
	first := testAppend(t, s, a)
	check := func(when string) {
		t.Helper()
		again := testAppend(t, s, a)
		if !again.Duplicate || again.Seq != first.Seq || again.Receipt.Accepted != 10 || again.Receipt.Errors[0].Error != "not JSON" || again.Receipt.Warnings[0] != "w" {
			t.Fatalf("%s: the repeat got %+v, the first %+v", when, again, first)
		}
		other := a
		other.Digest++
		if _, err := s.Append(context.Background(), other); !errors.Is(err, ErrKeyReused) {
			t.Fatalf("%s: other content under the same key: %v", when, err)
		}
		if !s.Holds("events", "k1") || s.Holds("events", "k2") || s.Holds("other", "k1") {
			t.Fatalf("%s: Holds is wrong", when)
		}
		if n := len(readIDs(t, s, "events")); n != 10 {
			t.Fatalf("%s: %d rows, not 10", when, n)
		}
	}
	check("at once")
	testClose(t, s)
	s = testOpen(t, cfg)
	check("after a restart")
	s.commitMu.Lock()
	err := s.checkpointLocked()
	s.commitMu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	check("after a checkpoint")
	testClose(t, s)
	s = testOpen(t, cfg)
	check("after a checkpoint and a restart")

	if err := s.DropTable("events"); err != nil {
		t.Fatal(err)
	}
	if res := testAppend(t, s, a); res.Duplicate {
		t.Fatal("a dropped table's keys are still known")
	}
	if err := s.DropTable("none"); !errors.Is(err, ErrUnknownTable) {
		t.Fatalf("dropping no table: %v", err)
	}
}

func TestStoreSameKeyInFlight(t *testing.T) {
	s := testOpen(t, testConfig(t, testShm(t)))
	now := time.Now().UnixNano()
	for round := range 20 {
		var wg sync.WaitGroup
		var mu sync.Mutex
		firsts := 0
		for range 8 {
			wg.Go(func() {
				res, err := s.Append(context.Background(), Append{
					Table: "t", Batch: testBatch(int64(round), 1, now), Key: fmt.Sprint("k", round), Receipt: Receipt{Accepted: 1},
				})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				if !res.Duplicate {
					firsts++
				}
			})
		}
		wg.Wait()
		if firsts != 1 {
			t.Fatalf("round %d: %d of 8 calls with one key were the first", round, firsts)
		}
	}
	if n := len(readIDs(t, s, "t")); n != 20 {
		t.Fatalf("%d rows, not 20", n)
	}
}

func TestStoreFarClocks(t *testing.T) {
	s := testOpen(t, testConfig(t, testShm(t)))
	now := time.Now().UnixNano()
	b := NewBatch()
	id := b.Slot([]byte("id"))
	times := []int64{now, 0, now + int64(90*24*time.Hour), now - 1, -1 << 63, 1<<63 - 1, 5}
	for i, at := range times {
		b.SetInt(id, int64(i))
		b.EndRow(at)
	}
	testAppend(t, s, Append{Table: "t", Batch: b})
	tab, _ := s.Table("t")
	if tab.Blocks() != 3 {
		t.Fatalf("%d blocks for near, past and future, not 3", tab.Blocks())
	}
	if n := len(readIDs(t, s, "t")); n != len(times) {
		t.Fatalf("%d rows, not %d", n, len(times))
	}
}

// TestStoreConcurrent appends small and large batches of several tables while
// views are taken, and compares with what was acknowledged.
func TestStoreConcurrent(t *testing.T) {
	cfg := testConfig(t, testShm(t))
	s := testOpen(t, cfg)
	now := time.Now().UnixNano()
	var mu sync.Mutex
	want := map[string]map[int64]int{"a": {}, "b": {}}
	var wg sync.WaitGroup
	for w := range 6 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 1))
			next := int64(w) * 10_000_000
			for range 150 {
				rows := 1 + rng.IntN(40)
				if rng.IntN(50) == 0 {
					rows = 9_000
				}
				table := []string{"a", "b"}[rng.IntN(2)]
				if _, err := s.Append(context.Background(), Append{Table: table, Batch: testBatch(next, rows, now)}); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for range rows {
					want[table][next] = 1
					next++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for range 2 {
		wantIDs(t, s, "a", want["a"])
		wantIDs(t, s, "b", want["b"])
		for _, tab := range s.Tables() {
			checkSums(t, tab)
		}
		testClose(t, s)
		s = testOpen(t, cfg)
	}
}

// checkSums compares a table's sums with its blocks.
func checkSums(t testing.TB, tab *Table) {
	t.Helper()
	tab.mu.Lock()
	defer tab.mu.Unlock()
	var rows, bytes int64
	hist := map[bucketName]uint64{}
	for _, r := range tab.refs {
		rows += int64(r.Meta.Rows)
		bytes += int64(r.Meta.Length)
		var inHist uint64
		for h := range r.Meta.Hist.All() {
			hist[bucketName{h.From, h.Width}] += h.Rows
			inHist += h.Rows
		}
		if inHist != uint64(r.Meta.Rows) {
			t.Fatalf("block %v: histogram of %d rows, not %d", r.ID, inHist, r.Meta.Rows)
		}
	}
	if rows != tab.rows || bytes != tab.bytes {
		t.Fatalf("table %s: %d rows %d bytes, its blocks have %d and %d", tab.name, tab.rows, tab.bytes, rows, bytes)
	}
	for name, b := range tab.histLocked().buckets {
		if got := b.rows; got != hist[name] {
			t.Fatalf("table %s: bucket %v counts %d rows, its blocks %d", tab.name, name, got, hist[name])
		}
		delete(hist, name)
	}
	if len(hist) > 0 {
		t.Fatalf("table %s: buckets are missing: %v", tab.name, hist)
	}
}
