package storage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// ownFlushes opens a store whose flushes are the test's own.
func ownFlushes(t *testing.T, cfg *Config) *Store {
	t.Helper()
	cfg.Log, cfg.flushEvery = nil, time.Hour
	s := testOpen(t, *cfg)
	select {
	case <-s.disk.ready:
	case <-time.After(10 * time.Second):
		t.Fatal("the data directory is never known")
	}
	s.disk.flushOnce()
	return s
}

func firstRef(t *testing.T, s *Store, table string) *Ref {
	t.Helper()
	tab, ok := s.Table(table)
	if !ok {
		t.Fatalf("no table %s", table)
	}
	view := tab.Pin()
	defer view.Release()
	return view.Blocks[0]
}

// TestDiskDropsUnplaced drops a block that was damaged before it came to disk, so
// that the disk log names it without a place: after a reboot it is not missed.
func TestDiskDropsUnplaced(t *testing.T) {
	for _, rewrite := range []bool{false, true} {
		t.Run(fmt.Sprint("rewrite=", rewrite), func(t *testing.T) {
			cfg := testDiskConfig(t)
			s := ownFlushes(t, &cfg)
			now := time.Now().UnixNano()
			testAppend(t, s, Append{Table: "t", Batch: testBatch(0, 5, now)})
			r := firstRef(t, s, "t")
			r.SetDamaged(errors.New("for the test"))
			testAppend(t, s, Append{Table: "t", Batch: testBatch(100, 5, now)})
			s.disk.stale = rewrite
			s.disk.flushOnce()
			if len(s.disk.unplaced) != 1 {
				t.Fatalf("%d blocks are logged without a place", len(s.disk.unplaced))
			}
			s.commitMu.Lock()
			err := s.dropLocked([]*Ref{r})
			s.commitMu.Unlock()
			if err != nil {
				t.Fatal(err)
			}
			s.disk.flushOnce()
			if err := s.disk.failure(); err != nil || len(s.disk.unplaced) != 0 {
				t.Fatalf("%d blocks without a place, %v", len(s.disk.unplaced), err)
			}
			testClose(t, s)
			reboot(t, cfg)
			s = testOpen(t, cfg)
			waitLoaded(t, s)
			if n := s.Status().Damaged; n != 0 {
				t.Fatalf("%d dropped blocks are missed after a reboot", n)
			}
			if n := len(readIDs(t, s, "t")); n != 5 {
				t.Fatalf("%d rows of 5", n)
			}
		})
	}
}

// TestReloadAgain takes the files of the data directory away for a while: blocks
// that could not be read are there when the files are.
func TestReloadAgain(t *testing.T) {
	cfg := testDiskConfig(t)
	cfg.Log, cfg.reloadEvery = nil, 5*time.Millisecond
	rows, _ := testLoading(t, cfg)
	files, _ := filepath.Glob(filepath.Join(cfg.DataDir, diskFilePrefix+"*"))
	for _, f := range files {
		if err := os.Rename(f, f+".away"); err != nil {
			t.Fatal(err)
		}
	}
	s := testOpen(t, cfg)
	waitFor(t, "all blocks were tried", func() bool { return s.Status().Damaged == 3 })
	for _, f := range files {
		if err := os.Rename(f+".away", f); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "all blocks are back", func() bool { st := s.Status(); return st.Damaged+st.Loading == 0 })
	if n := len(readIDs(t, s, "t")); n != rows {
		t.Fatalf("%d rows of %d", n, rows)
	}
}

// TestReloadShrinks reads a block from disk where its memory is free, but lies in
// segments of the other kind: nothing is evicted for it.
func TestReloadShrinks(t *testing.T) {
	cfg := testDiskConfig(t)
	cfg.Log, cfg.Budget = nil, 16<<20
	s := testOpen(t, cfg)
	testAppend(t, s, Append{Table: "t", Batch: noisyBatch(0, rollRows, 1), Arrival: 1})
	testSync(t, s)
	var taken []*extent
	for {
		e, err := s.alloc.alloc(fullBlockBytes/2, s.mergeLimit())
		if errors.Is(err, errNoSpace) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, e)
	}
	for _, e := range taken {
		s.alloc.release(e)
	}
	r := firstRef(t, s, "t")
	r.SetDamaged(errors.New("for the test"))
	waitFor(t, "the block is read again or gone", func() bool {
		tab, _ := s.Table("t")
		return r.State() == Live || tab.Blocks() == 0
	})
	if n := len(readIDs(t, s, "t")); n != rollRows || s.Status().Evicted != 0 {
		t.Fatalf("%d rows are left, %d blocks were evicted", n, s.Status().Evicted)
	}
}

// TestPlaceUnwritable: a segment that cannot be written fails the append that was to
// lie there; the next ones go elsewhere, and no memory is lost to it.
func TestPlaceUnwritable(t *testing.T) {
	cfg := testConfig(t, testShm(t))
	cfg.Log = nil
	s := testOpen(t, cfg)
	testAppend(t, s, Append{Table: "t", Batch: testBatch(0, 10, 1), Arrival: 1})
	_, before, _ := s.alloc.stats()
	seg := firstRef(t, s, "t").extent.Load().seg
	readOnly, err := os.Open(seg.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := seg.file.Close(); err != nil {
		t.Fatal(err)
	}
	seg.file = readOnly
	if _, err := s.Append(context.Background(), Append{Table: "t", Batch: testBatch(10, 10, 1), Arrival: 1}); !errors.Is(err, syscall.EBADF) {
		t.Fatalf("an append into a segment that cannot be written: %v", err)
	}
	if _, after, _ := s.alloc.stats(); after != before {
		t.Fatalf("%d bytes were in use, now %d: the place of the block that failed is lost", before, after)
	}
	testAppend(t, s, Append{Table: "u", Batch: testBatch(20, 10, 1), Arrival: 1})
	if n := len(readIDs(t, s, "u")); n != 10 {
		t.Fatalf("%d rows", n)
	}
}

// TestDamageOfOldCopy shows that an error of a copy that was replaced does not set
// the new copy aside.
func TestDamageOfOldCopy(t *testing.T) {
	cfg := testDiskConfig(t)
	cfg.Log = nil
	s := testOpen(t, cfg)
	testAppend(t, s, Append{Table: "t", Batch: testBatch(0, 20_000, 1)})
	testSync(t, s)
	r := firstRef(t, s, "t")
	old, err := r.Open()
	if err != nil {
		t.Fatal(err)
	}
	place := r.extent.Load()
	id := old.Find("id")[0]
	testFlip(t, place)
	var damage *DamageError
	for _, c := range old.Columns() {
		if err := c.Check(); err != nil {
			errors.As(err, &damage)
		}
	}
	if damage == nil {
		t.Fatal("no column notices the damage")
	}
	heal := func() {
		t.Helper()
		r.SetDamaged(damage)
		waitFor(t, "the block is read again", func() bool { return r.extent.Load() != place && r.State() == Live })
	}
	heal()
	for name, err := range map[string]error{
		"a column": damage,
		"a value":  id.damaged(errors.New("for the test")),
		"a fault":  &FaultError{Addr: damage.addr + 8, Err: errors.New("for the test")},
	} {
		if r.SetDamaged(fmt.Errorf("a query: %w", err)); r.State() != Live || s.Status().Damaged != 0 {
			t.Fatalf("an error of %s of the old copy set the new one aside", name)
		}
	}
	now, err := r.Open()
	if err != nil {
		t.Fatal(err)
	}
	place = r.extent.Load()
	errors.As(now.Find("id")[0].damaged(errors.New("for the test")), &damage)
	heal()
}

// TestChangesManyDropped drops more tables between two calls of Changes than are
// remembered: the caller learns that it has to forget those it is not told of.
func TestChangesManyDropped(t *testing.T) {
	s := testOpen(t, testConfig(t, testShm(t)))
	table := func(i int) string { return fmt.Sprint("t", i) }
	known := map[string]bool{}
	hear := func(since uint64) (upTo uint64, all bool) {
		upTo, changes, all := s.Changes(since)
		if all {
			clear(known)
		}
		for _, c := range changes {
			if known[c.Table] = true; c.Dropped {
				delete(known, c.Table)
			}
		}
		return upTo, all
	}
	const n = droppedTablesMax + 50
	for i := range n + 1 {
		testAppend(t, s, Append{Table: table(i), Batch: testBatch(int64(i), 1, 1)})
	}
	since, all := hear(0)
	if all || len(known) != n+1 {
		t.Fatalf("%d tables are known, all is %t", len(known), all)
	}
	for i := range n {
		if err := s.DropTable(table(i)); err != nil {
			t.Fatal(err)
		}
	}
	since, all = hear(since)
	if !all || len(known) != 1 || !known[table(n)] {
		t.Fatalf("%d tables are known after all but one were dropped, all is %t", len(known), all)
	}
	if err := s.DropTable(table(n)); err != nil {
		t.Fatal(err)
	}
	if _, all = hear(since); all || len(known) != 0 {
		t.Fatalf("%d tables are known after the last was dropped, all is %t", len(known), all)
	}
}
