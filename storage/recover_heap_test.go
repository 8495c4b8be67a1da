package storage

import (
	"fmt"
	"math"
	"runtime"
	"testing"
)

// TestOpenTakesLittle: what a start makes of the log for each block and key is bounded.
// There are thousands, and pages that the system has to make first cost more than
// reading the log.
func TestOpenTakesLittle(t *testing.T) {
	const few, many, most = 50, 450, 1_250
	opened := func(blocks int) (least uint64) {
		cfg := testConfig(t, testShm(t))
		cfg.Unmerged = true
		s := testOpen(t, cfg)
		for n := range blocks {
			b := NewBatch()
			for row := range 640 { // 20 buckets
				b.SetInt(b.Slot([]byte("a")), int64(row))
				b.EndRow(int64(n*20+row/32) * 1e9)
			}
			testAppend(t, s, Append{Table: "t", Batch: b, Key: fmt.Sprintf("01JD0000000000000000%06d", n)})
		}
		testClose(t, s)
		least = math.MaxUint64
		for range 3 { // other goroutines take memory, too
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			s, err := Open(cfg)
			runtime.ReadMemStats(&after)
			if err != nil {
				t.Fatal(err)
			}
			if got := mustTable(t, s, "t"); got.Blocks() != blocks || got.keys.count() != blocks {
				t.Fatalf("%d blocks and %d keys of %d", got.Blocks(), got.keys.count(), blocks)
			}
			least = min(least, after.TotalAlloc-before.TotalAlloc)
			testClose(t, s)
		}
		return least
	}
	if each := (opened(many) - opened(few)) / (many - few); each > most {
		t.Errorf("a start takes %d bytes of heap for each block and its key, want at most %d", each, most)
	} else {
		t.Logf("%d bytes for each block and its key", each)
	}
}
