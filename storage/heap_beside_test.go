package storage

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// heapOf is how much heap lives after what do does, in bytes: more than bound only
// where it stays more. Merges that run on behind it hold scratch memory of their own
// for a while.
func heapOf(bound int64, do func()) (held int64) {
	before := heapAtRest()
	do()
	held = heapAtRest() - before
	for end := time.Now().Add(30 * time.Second); held > bound && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
		held = heapAtRest() - before
	}
	return held
}

// heapAtRest is the heap that lives, without what is kept for the next block.
func heapAtRest() int64 {
	var stats runtime.MemStats
	emptyShelves()
	runtime.GC()
	runtime.GC() // pools are empty after two
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// emptyShelves lets go of the scratch memory that is kept for the next block.
func emptyShelves() {
	for {
		_, a := encoders.Take()
		_, b := mergers.Take()
		_, c := blockBuffers.Take()
		if !a && !b && !c {
			return
		}
	}
}

// wideBatch is rows of 100 columns.
func wideBatch(rows int, at int64) *Batch {
	b := NewBatch()
	for row := range rows {
		for i := range 100 {
			slot := b.Slot(fmt.Appendf(nil, "column_%d", i))
			if i%3 == 0 {
				b.SetString(slot, fmt.Appendf(nil, "value-%d", row%7))
			} else {
				b.SetInt(slot, int64(i*row))
			}
		}
		b.EndRow(at)
	}
	return b
}

// TestHeapBesideBlocks: what a table, a block and a key take of the heap, as
// doc_store.go tells. The bounds are below twice of it.
func TestHeapBesideBlocks(t *testing.T) {
	if underRace {
		t.Skip("the race detector makes the heap larger")
	}
	clock := newTestClock()
	cfg := testConfig(t, testShm(t))
	cfg.Now, cfg.Budget = clock.now, 256<<20
	cfg.DataDir = t.TempDir()
	cfg.syncFile = func(*os.File) error { return nil }
	s := testOpen(t, cfg)
	f := func(what string, n int, bound int64, do func()) {
		t.Helper()
		got := heapOf(bound*int64(n), do) / int64(n)
		if got > bound {
			t.Errorf("a %s takes %d bytes of heap, more than %d", what, got, bound)
		}
		t.Logf("a %s takes %d bytes of heap", what, got)
	}
	flushed := func() {
		if err := s.Sync(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	wide := wideBatch(1, clock.now().UnixNano())
	const tables = 1_000
	f("table of 100 columns and a row", tables, 4_000, func() {
		for i := range tables {
			testAppend(t, s, Append{Table: fmt.Sprint("table-", i), Batch: wide})
		}
		flushed()
	})
	// Whoever asks for schemas and opens blocks leaves no more than is kept of those
	// asked for last.
	f("table whose schema was asked for", tables, 4_000+openedBytesMax/tables, func() {
		for _, tab := range s.Tables() {
			if len(tab.Schema()) != 101 {
				t.Fatal("not all columns")
			}
		}
	})
	const blocks = 5_000
	one := testBatch(1, 1, clock.now().UnixNano())
	part := batchPart{batch: one, arrival: clock.now().UnixNano()}
	f("block", blocks, 700, func() {
		for range blocks {
			r, err := s.encodeBlock(context.Background(), "blocks", part, levelFinal, Cheap)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.commitRows(context.Background(), "blocks", []*Ref{r}, nil); err != nil {
				t.Fatal(err)
			}
		}
		flushed()
	})
	const keys = 50_000
	tab, _ := s.Table("blocks")
	f("key of 36 bytes", keys, 220, func() {
		for i := range keys {
			tab.keys.put(fmt.Sprintf("%036d", i), &chunkReceipt{chunk: 0, digest: uint64(i), seq: 1 + uint64(i), at: clock.now().UnixNano(), receipt: Receipt{Accepted: 1}})
		}
	})
}

// TestOpenedBlocks: blocks are kept open up to a bound, those asked for lately and
// no others, and none that is gone.
func TestOpenedBlocks(t *testing.T) {
	s := testOpen(t, testConfig(t, testShm(t)))
	part := batchPart{batch: wideBatch(1, 1), arrival: 1}
	const blocks = openedBytesMax/(101*openedColumnBytes) + 300
	for range blocks {
		r, err := s.encodeBlock(context.Background(), "t", part, levelFinal, Cheap)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.commitRows(context.Background(), "t", []*Ref{r}, nil); err != nil {
			t.Fatal(err)
		}
	}
	tab, _ := s.Table("t")
	view := tab.Pin()
	for range 2 { // the second look spares what the first has opened
		if _, err := view.Blocks[0].Open(); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range view.Blocks {
		if b, err := r.Open(); err != nil || len(b.Columns()) != 101 {
			t.Fatal(err)
		}
	}
	bytes, n := s.opened.kept()
	if bytes > openedBytesMax || bytes < openedBytesMax/2 || n >= blocks || n < blocks/2 {
		t.Errorf("%d blocks of %d are open and count as %d bytes", n, blocks, bytes)
	}
	open := func(r *Ref) bool { return r.extent.Load().block.Load() != nil }
	if !open(view.Blocks[0]) || open(view.Blocks[1]) || !open(view.Blocks[blocks-1]) {
		t.Errorf("the first, asked for twice: %v; the second: %v; the last: %v",
			open(view.Blocks[0]), open(view.Blocks[1]), open(view.Blocks[blocks-1]))
	}
	if _, err := view.Blocks[1].Open(); err != nil {
		t.Errorf("opened again: %v", err)
	}
	view.Release()
	if err := s.DropTable("t"); err != nil {
		t.Fatal(err)
	}
	if bytes, n := s.opened.kept(); bytes != 0 || n != 0 {
		t.Errorf("%d blocks of a table that is gone count as %d bytes", n, bytes)
	}
}

// TestSchemaIsForgotten: what sums up the columns of a table goes when nobody asks
// any more, and says the same when somebody does again.
func TestSchemaIsForgotten(t *testing.T) {
	clock := newTestClock()
	cfg := testConfig(t, testShm(t))
	cfg.Now = clock.now
	s := testOpen(t, cfg)
	for i := range int64(2 * schemaBlocksMin) {
		testAppend(t, s, Append{Table: "t", Batch: testBatch(i, 1+int(i), clock.now().UnixNano())})
	}
	tab, _ := s.Table("t")
	kept := func() bool {
		tab.schema.mu.Lock()
		defer tab.schema.mu.Unlock()
		return tab.schema.columns != nil
	}
	before := tab.Schema()
	s.mergeStale()
	if !kept() {
		t.Error("forgotten at once")
	}
	clock.advance(schemaIdle + time.Second)
	s.mergeStale()
	if kept() || tab.refs[0].columns != nil {
		t.Error("still there")
	}
	after := tab.Schema()
	if len(after) != len(before) {
		t.Errorf("%d columns, not %d", len(after), len(before))
	}
	for name, info := range before {
		if got := after[name]; got.Rows != info.Rows || got.Types != info.Types || got.Nulls != info.Nulls {
			t.Errorf("column %s: %+v, not %+v", name, got, info)
		}
	}
}

// TestVanishedBuckets: a reader of Changes who keeps up hears that buckets have
// gone; nobody remembers them for one who does not, and that one hears all.
func TestVanishedBuckets(t *testing.T) {
	clock := newTestClock()
	cfg := testConfig(t, testShm(t))
	cfg.Now = clock.now
	s := testOpen(t, cfg)
	for i := range int64(30) {
		testAppend(t, s, Append{Table: "t", Batch: testBatch(i, 1, clock.now().UnixNano())})
		clock.advance(time.Second)
	}
	early, _, _ := s.Changes(0)
	clock.advance(restAfter + time.Second)
	settle(t, s)
	tab, _ := s.Table("t")
	if tab.Blocks() != 1 {
		t.Fatalf("%d blocks", tab.Blocks())
	}
	rows := func(c TableChange) (n, gone uint64) {
		for _, b := range c.Buckets {
			if n += b.Rows; b.Rows == 0 {
				gone++
			}
		}
		return n, gone
	}
	_, changes, _ := s.Changes(early)
	if n, gone := rows(changes[0]); n != 30 || gone < 20 || changes[0].Full {
		t.Errorf("%d rows, %d buckets are gone: %+v", n, gone, changes[0])
	}
	for range 3 {
		s.mergeStale()
	}
	tab.mu.Lock()
	tombstones, buckets := tab.hist.tombstones, len(tab.hist.buckets)
	tab.mu.Unlock()
	if tombstones != 0 || buckets > histBucketsMin {
		t.Errorf("%d vanished buckets of %d are remembered", tombstones, buckets)
	}
	_, changes, _ = s.Changes(early)
	if n, gone := rows(changes[0]); n != 30 || gone != 0 || !changes[0].Full {
		t.Errorf("%d rows, %d buckets are gone: %+v", n, gone, changes[0])
	}
}

// TestMemoryGoesBack: what the blocks of a table took goes back to the system when
// it is dropped, or when retention has taken most of it, and what is left can be
// read.
func TestMemoryGoesBack(t *testing.T) {
	if underRace {
		t.Skip("one goroutine for much memory: the run without the race detector does it")
	}
	for _, retention := range []bool{false, true} {
		t.Run(fmt.Sprintf("retention=%v", retention), func(t *testing.T) {
			clock := newTestClock()
			cfg := testConfig(t, testShm(t))
			cfg.Now, cfg.Budget = clock.now, 512<<20
			s := testOpen(t, cfg)
			// Blocks that go lie between blocks that stay.
			const blocks = 130
			for i := range int64(blocks) {
				name := "goes"
				if i%10 == 0 {
					name = "stays"
				}
				testAppend(t, s, Append{Table: name, Batch: noisyBatch(i*rollRows, rollRows, clock.now().UnixNano())})
			}
			pages := func() int64 {
				s.alloc.mu.Lock()
				defer s.alloc.mu.Unlock()
				return pagesOf(t, s.alloc)
			}
			before := pages()
			if before < 3*idleBytesMax {
				t.Fatalf("%d bytes are too few to show anything", before)
			}
			if retention {
				if err := s.SetSettings("goes", Settings{RetentionAge: time.Hour}); err != nil {
					t.Fatal(err)
				}
				clock.advance(2 * time.Hour)
				s.retain()
			} else if err := s.DropTable("goes"); err != nil {
				t.Fatal(err)
			}
			s.giveBack()
			s.giveBack()
			after := pages()
			if after > before/4 {
				t.Errorf("%d bytes of %d are left", after, before)
			}
			checkSums(t, mustTable(t, s, "stays"))
			testAppend(t, s, Append{Table: "goes", Batch: noisyBatch(1, rollRows, clock.now().UnixNano())})
			checkSums(t, mustTable(t, s, "goes"))
			t.Logf("%d bytes of pages, then %d", before, after)
		})
	}
}

func mustTable(t *testing.T, s *Store, name string) *Table {
	t.Helper()
	tab, ok := s.Table(name)
	if !ok {
		t.Fatalf("no table %s", name)
	}
	return tab
}
