package storage

import (
	"context"
	"testing"
)

// watchedIDs are the ids in blocks that a watch has returned.
func watchedIDs(t *testing.T, blocks []*Ref) (ids []int64) {
	t.Helper()
	for _, r := range blocks {
		b, err := r.Open()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range b.Find("id") {
			list, err := c.Ints(nil)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, list...)
		}
	}
	return ids
}

// TestWatch: who watches a table gets every row that is appended, once and in order,
// also those that merges have taken into other blocks and whose memory would be used
// anew; and none that were there.
func TestWatch(t *testing.T) {
	s := testOpen(t, testConfig(t, testShm(t)))
	const before, rows = 100, 3_000
	next := int64(0)
	add := func(table string) {
		testAppend(t, s, Append{Table: table, Batch: testBatch(next, 1, 1), Arrival: 1})
		next++
	}
	for range before {
		add("t")
	}
	w := s.Watch("t")
	for range rows {
		add("t")
	}
	testAppend(t, s, Append{Table: "other", Batch: testBatch(0, 5, 1), Arrival: 1})
	tab, _ := s.Table("t")
	waitFor(t, "merges have taken what was gathered", func() bool { return tab.SmallBlocks() < rows/2 })
	blocks, missed := w.Next()
	ids := watchedIDs(t, blocks)
	if len(ids) != rows || missed != 0 {
		t.Fatalf("%d rows and %d missed, want %d", len(ids), missed, rows)
	}
	for i, id := range ids {
		if id != before+int64(i) {
			t.Fatalf("row %d is %d, want %d", i, id, before+i)
		}
	}
	if s.Status().Views != 1 {
		t.Errorf("%d views are held, want one", s.Status().Views)
	}
	if blocks, missed := w.Next(); len(blocks) != 0 || missed != 0 {
		t.Errorf("then %d blocks, %d missed", len(blocks), missed)
	}
	if s.Status().Views != 0 {
		t.Errorf("%d views are held when nothing is gathered", s.Status().Views)
	}
	if err := s.DropTable("t"); err != nil {
		t.Fatal(err)
	}
	add("t")
	w.Close()
	add("t")
	if n := s.Status().Views; n != 0 || s.watches.some.Load() {
		t.Errorf("after its end a watch holds %d views", n)
	}
	w.Close()
}

// TestWatchBornAgain: a watch of a name outlives its table, and its blocks the drop.
func TestWatchBornAgain(t *testing.T) {
	s := testOpen(t, testConfig(t, testShm(t)))
	w := s.Watch("t")
	for life := range int64(3) {
		testAppend(t, s, Append{Table: "t", Batch: testBatch(10*life, 2, 1), Arrival: 1})
		if err := s.DropTable("t"); err != nil {
			t.Fatal(err)
		}
	}
	testAppend(t, s, Append{Table: "t", Batch: testBatch(30, 1, 1), Arrival: 1})
	blocks, _ := w.Next()
	if ids := watchedIDs(t, blocks); len(ids) != 7 || ids[0] != 0 || ids[2] != 10 || ids[6] != 30 {
		t.Errorf("ids %v", ids)
	}
	testAppend(t, s, Append{Table: "t", Batch: testBatch(31, 1, 1), Arrival: 1})
	testClose(t, s) // with what is gathered
	if n := s.pinned.Load(); n != 0 {
		t.Errorf("%d views are held after Close", n)
	}
}

// TestWatchFull: what there is no room for is counted.
func TestWatchFull(t *testing.T) {
	cfg := testConfig(t, testShm(t))
	cfg.Budget = 16 << 20
	s := testOpen(t, cfg)
	w := s.Watch("t")
	defer w.Close()
	appended := 0
	for range 60 {
		if _, err := s.Append(context.Background(), Append{Table: "t", Batch: testBatch(int64(appended), smallRowsMax, 1), Arrival: 1}); err != nil {
			t.Fatal(err)
		}
		appended += smallRowsMax
	}
	blocks, missed := w.Next()
	bytes := int64(0)
	for _, r := range blocks {
		bytes += int64(r.Meta.Length)
	}
	ids := len(watchedIDs(t, blocks))
	if missed == 0 || bytes > s.watchBytes() || ids == 0 || uint64(ids)+missed != uint64(appended) {
		t.Errorf("%d rows in %d bytes and %d missed of %d", ids, bytes, missed, appended)
	}
	testAppend(t, s, Append{Table: "t", Batch: testBatch(0, 3, 1), Arrival: 1})
	if blocks, missed := w.Next(); len(watchedIDs(t, blocks)) != 3 || missed != 0 {
		t.Errorf("with room again %d blocks, %d missed", len(blocks), missed)
	}
}
