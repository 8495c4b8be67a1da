package storage

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestMergeBacklogWaits: at either bound of blocks to be merged receipts wait for a
// merge, whether the request makes a fresh block or a larger one.
func TestMergeBacklogWaits(t *testing.T) {
	s := testOpen(t, testConfig(t, testShm(t)))
	testAppend(t, s, Append{Table: "t", Batch: testBatch(0, 10, 1), Arrival: 1})
	tab, _ := s.Table("t")
	id := int64(1000)
	f := func(count *int, most, rows int) {
		t.Helper()
		pretend := func(n int) {
			tab.mu.Lock()
			defer tab.mu.Unlock()
			*count += n
		}
		batch := testBatch(id, rows, 1)
		id += int64(rows)
		pretend(most) // there is nothing to merge that would take them away
		ctx, cancel := context.WithCancel(context.Background())
		cancelled := make(chan error, 1)
		go func() {
			_, err := s.Append(ctx, Append{Table: "t", Batch: batch, Arrival: 1})
			cancelled <- err
		}()
		cancel()
		if err := <-cancelled; !errors.Is(err, context.Canceled) {
			t.Errorf("%d rows at %d blocks: %v before a merge", rows, most, err)
		}
		begun := time.Now()
		testAppend(t, s, Append{Table: "t", Batch: testBatch(id, rows, 1), Arrival: 1})
		id += int64(rows)
		if took := time.Since(begun); took < mergeWait {
			t.Errorf("%d rows at %d blocks had a receipt after %v, without a merge", rows, most, took)
		}
		pretend(-most)
	}
	f(&tab.fresh.blocks, smallBlocksMax, 1)
	f(&tab.mid.blocks, midBlocksMax, 1)
	f(&tab.mid.blocks, midBlocksMax, richRowsMin)
	f(&tab.mid.blocks, midBlocksMax, finalRowsMin-1)

	// A merge of either level ends the wait.
	for level, rows := range [mergeLevels]int{1, richRowsMin} {
		name := "two." + mergeNames[level] // two blocks alone are not merged by themselves
		for i := range int64(2) {
			testAppend(t, s, Append{Table: name, Batch: testBatch(i*int64(rows), rows, 1), Arrival: 1})
		}
		done, rule := s.merges.wait(), mergeRuleOf(level)
		rule.blocks = 2
		tab, _ := s.Table(name)
		if !s.mergeOnce(tab, level, rule) {
			t.Fatalf("no merge of level %s", mergeNames[level])
		}
		select {
		case <-done:
		default:
			t.Errorf("a merge of level %s tells nobody", mergeNames[level])
		}
	}
}
