package storage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"
)

// TestMergeBounds appends very many small batches while the merges run: the
// number of blocks stays bounded, no row is lost or doubled, and none is
// rewritten more than twice.
func TestMergeBounds(t *testing.T) {
	cfg := testConfig(t, testShm(t))
	s := testOpen(t, cfg)
	now := time.Now().UnixNano()
	const writers, calls, rows = 4, 6_000, 5
	want := map[int64]int{}
	var wg sync.WaitGroup
	for w := range writers {
		first := int64(w) * 10_000_000
		for i := range int64(calls * rows) {
			want[first+i] = 1
		}
		wg.Go(func() {
			for i := range int64(calls) {
				if _, err := s.Append(context.Background(), Append{Table: "t", Batch: testBatch(first+i*rows, rows, now), Arrival: now}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	peak := 0
	for running := true; running; {
		select {
		case <-done:
			running = false
		case <-time.After(time.Millisecond):
		}
		if tab, ok := s.Table("t"); ok {
			peak = max(peak, tab.SmallBlocks())
		}
	}
	if peak > smallBlocksMax+writers+midMergeBlocks {
		t.Fatalf("%d blocks waited for merges", peak)
	}
	tab, _ := s.Table("t")
	waitFor(t, "the merges are done", func() bool { return tab.SmallBlocks() < smallMergeBlocks+midMergeBlocks })
	wantIDs(t, s, "t", want)
	checkSums(t, tab)
	if tab.added != writers*calls*rows {
		t.Fatalf("%d rows were added, not %d: merges add none", tab.added, writers*calls*rows)
	}
	view := tab.Pin()
	defer view.Release()
	final := 0
	for _, r := range view.Blocks {
		if r.kind.level() == levelFinal {
			final++
			if r.Meta.Rows < finalRowsMin {
				t.Errorf("a final block has %d rows", r.Meta.Rows)
			}
		}
	}
	if final == 0 {
		t.Fatal("no merge came to a final block: the test shows nothing")
	}
	t.Logf("at most %d blocks waited, %d blocks for %d rows", peak, len(view.Blocks), tab.Rows())
}

// TestMergeMiddle shows that blocks which do not add up to a full one still merge.
func TestMergeMiddle(t *testing.T) {
	for _, rows := range []int{8_192, 12_000, 17_000, 24_000, 30_000, 32_767} {
		t.Run(fmt.Sprint(rows), func(t *testing.T) {
			s := testOpen(t, testConfig(t, testShm(t)))
			for i := range int64(9) {
				testAppend(t, s, Append{Table: "t", Batch: testBatch(i*int64(rows), rows, 1), Arrival: 1})
			}
			tab, _ := s.Table("t")
			waitFor(t, "few blocks are left", func() bool { return tab.Blocks() <= 9*rows/32_000+2 })
			if n := len(readIDs(t, s, "t")); n != 9*rows {
				t.Fatalf("%d rows, not %d", n, 9*rows)
			}
		})
	}
}

// TestMergeDropped drops the table, or a block, while it is being merged: the
// merge comes to nothing and no row comes back.
func TestMergeDropped(t *testing.T) {
	s := testOpen(t, testConfig(t, testShm(t)))
	for i := range int64(3) {
		testAppend(t, s, Append{Table: "t", Batch: testBatch(i*10, 10, 1), Arrival: 1})
	}
	tab, _ := s.Table("t")
	refs, _ := tab.candidates(levelFresh, classNear, 3, RowsPerBlockMax)
	s.commitMu.Lock()
	err := s.dropLocked(refs[:1])
	s.commitMu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.merge(tab, refs, mergeRuleOf(mergeFresh), classNear); err == nil {
		t.Fatal("a dropped block was merged")
	}
	refs, _ = tab.candidates(levelFresh, classNear, 3, RowsPerBlockMax)
	data, meta, err := s.encodeMerged(nil, refs, Cheap)
	if err != nil {
		t.Fatal(err)
	}
	at, err := s.reserve(context.Background(), "t", int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	merged, err := s.placeBlock(at, data, meta, levelMid)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.DropTable("t"); err != nil {
		t.Fatal(err)
	}
	if err := s.merge(tab, refs, mergeRuleOf(mergeFresh), classNear); err == nil {
		t.Fatal("blocks of a dropped table were merged")
	}
	if err := s.commitMerge(tab, refs, merged); !errors.Is(err, errMergeMoot) {
		t.Fatalf("blocks that went after they were read were replaced: %v", err)
	}
	s.discard([]*Ref{merged})
	if _, live, _ := s.alloc.stats(); live != 0 {
		t.Fatalf("%d bytes are in use by nothing", live)
	}
}

// TestMergeKeepsFarRowsApart shows that rows of wrong clocks never join others.
func TestMergeKeepsFarRowsApart(t *testing.T) {
	s := testOpen(t, testConfig(t, testShm(t)))
	now := time.Now().UnixNano()
	for i := range int64(2_000) {
		at := now
		if i%10 == 0 {
			at = 1
		}
		testAppend(t, s, Append{Table: "t", Batch: testBatch(i, 1, at), Arrival: now})
	}
	tab, _ := s.Table("t")
	waitFor(t, "there were merges", func() bool { return tab.Blocks() < 1_500 })
	view := tab.Pin()
	defer view.Release()
	for _, r := range view.Blocks {
		if r.Meta.MinTime < now/2 && r.Meta.MaxTime > now/2 {
			t.Fatalf("block %v has rows of 1970 and of now", r.ID)
		}
	}
}

// TestSegmentCutShort cuts a segment file under a running store: what is gone is
// named, the rest is read, and the process lives.
func TestSegmentCutShort(t *testing.T) {
	cfg := testConfig(t, testShm(t))
	cfg.Log = nil
	s := testOpen(t, cfg)
	for i := range int64(8) {
		testAppend(t, s, Append{Table: "t", Batch: noisyBatch(i*rollRows, rollRows, i), Arrival: i})
	}
	tab, _ := s.Table("t")
	view := tab.Pin()
	first, last := view.Blocks[0], view.Blocks[7]
	at := last.extent.Load()
	if err := os.Truncate(at.seg.path, roundUp(at.off, 4096)); err != nil {
		t.Fatal(err)
	}
	if _, err := last.Open(); err == nil {
		if err := last.check(); err == nil {
			t.Fatal("a block beyond the end of its file was read")
		} else {
			last.SetDamaged(err)
		}
	}
	if _, err := first.Open(); err != nil {
		t.Fatal(err)
	}
	if err := first.check(); err != nil {
		t.Fatal(err)
	}
	if last.State() != Damaged || s.Status().Damaged != 1 {
		t.Fatalf("state %d, %d damaged blocks", last.State(), s.Status().Damaged)
	}
	// A reader that was at it gets the address, and the store knows whose it is.
	err := Guard(func() error {
		sum := byte(0)
		for _, b := range at.bytes() {
			sum += b
		}
		return fmt.Errorf("read to %d", sum)
	})
	fault, ok := err.(*FaultError)
	if !ok {
		t.Fatalf("no fault: %v", err)
	}
	if r, ok := s.RefAt(fault.Addr); !ok || r != last {
		t.Fatalf("address %#x belongs to %v", fault.Addr, r)
	}
	view.Release()
	// Appends go on, elsewhere or not at all, but never kill the process.
	for i := range int64(3) {
		_, err := s.Append(context.Background(), Append{Table: "t", Batch: noisyBatch((100+i)*rollRows, rollRows, i), Arrival: i})
		t.Logf("append after the cut: %v", err)
	}
	testClose(t, s)
	s = testOpen(t, cfg)
	wantDamaged(t, s, "t", 1)
}

// wantDamaged reads all blocks of a table and counts those that are damaged.
func wantDamaged(t *testing.T, s *Store, table string, want int) {
	t.Helper()
	tab, _ := s.Table(table)
	view := tab.Pin()
	defer view.Release()
	damaged := 0
	for _, r := range view.Blocks {
		if readBlockOf(r) != nil {
			damaged++
		}
	}
	if damaged != want || s.Status().Damaged != want {
		t.Fatalf("%d blocks are damaged, status says %d, not %d", damaged, s.Status().Damaged, want)
	}
}

// TestMergeBytes shows that rows of very long values are not merged without end.
func TestMergeBytes(t *testing.T) {
	if underRace {
		t.Skip("one goroutine for much memory: the run without the race detector does it")
	}
	s := testOpen(t, testConfig(t, testShm(t)))
	rng := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, 1<<20)
	for i := range int64(80) {
		b := NewBatch()
		id, body := b.Slot([]byte("id")), b.Slot([]byte("body"))
		for j := range text {
			text[j] = 'a' + byte(rng.Uint32()&15)
		}
		b.SetInt(id, i)
		b.SetString(body, text)
		b.EndRow(1)
		testAppend(t, s, Append{Table: "t", Batch: b, Arrival: 1})
	}
	tab, _ := s.Table("t")
	for range 2 {
		for level := range mergeLevels {
			for s.mergeOnce(tab, level, mergeRule{from: mergeRuleOf(level).from, to: mergeRuleOf(level).to, most: 1_000, rowsMax: RowsPerBlockMax}) {
			}
		}
	}
	view := tab.Pin()
	defer view.Release()
	for _, r := range view.Blocks {
		if r.Meta.Length > mergeBytesMax+1<<20 {
			t.Errorf("block %v has %d bytes", r.ID, r.Meta.Length)
		}
	}
	if len(view.Blocks) > 20 {
		t.Errorf("%d blocks are left of 80", len(view.Blocks))
	}
	if n := len(readIDs(t, s, "t")); n != 80 {
		t.Fatalf("%d rows, not 80", n)
	}
}

// TestMergeBehind lets merges of fresh blocks come late, when many rows wait: the
// results still go together into final blocks.
func TestMergeBehind(t *testing.T) {
	s := testOpen(t, testConfig(t, testShm(t)))
	fresh := mergeRuleOf(mergeFresh)
	for _, rows := range []int{40_000, 30_000, 40_000, 30_000} {
		// A fresh merge takes at most so many rows, whatever waits.
		for first := 0; first < rows; first += fresh.rowsMax {
			part := testBatch(int64(first), min(fresh.rowsMax, rows-first), 1)
			r, err := s.encodeBlock(context.Background(), "t", batchPart{batch: part, arrival: 1}, fresh.to, Cheap)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.commitRows(context.Background(), "t", []*Ref{r}, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	tab, _ := s.Table("t")
	waitFor(t, "the blocks are merged", func() bool { return tab.SmallBlocks() < 3 })
}
