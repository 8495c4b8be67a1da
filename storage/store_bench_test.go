package storage

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// BenchmarkStoreAppend gives the time of one call, by rows and callers.
func BenchmarkStoreAppend(b *testing.B) {
	for _, rows := range []int{1, 1_000, 65_536} {
		for _, callers := range []int{1, 32} {
			b.Run(fmt.Sprintf("rows=%d/callers=%d", rows, callers), func(b *testing.B) {
				cfg := testConfig(b, testShm(b))
				cfg.Budget = 512 << 20
				s := testOpen(b, cfg)
				now := time.Now().UnixNano()
				b.SetParallelism((callers + 1) / 2)
				b.ReportAllocs()
				b.ResetTimer()
				run := func(more func() bool) {
					batch := testBatch(0, rows, now)
					for more() {
						if _, err := s.Append(context.Background(), Append{Table: "t", Batch: batch, Arrival: now}); err != nil {
							b.Error(err)
							return
						}
					}
				}
				if callers == 1 {
					run(b.Loop)
				} else {
					b.RunParallel(func(pb *testing.PB) { run(pb.Next) })
				}
				b.ReportMetric(float64(b.N)*float64(rows)/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}

// BenchmarkStoreOpen gives the time to recover from memory, by blocks.
func BenchmarkStoreOpen(b *testing.B) {
	for _, blocks := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("blocks=%d", blocks), func(b *testing.B) {
			cfg := testConfig(b, testShm(b))
			s := testOpen(b, cfg)
			now := time.Now().UnixNano()
			rows := testBatch(0, 100, now)
			for range blocks {
				r, err := s.encodeBlock(context.Background(), "t", batchPart{batch: rows, arrival: now}, levelFinal, Cheap)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := s.commitRows(context.Background(), "t", []*Ref{r}, nil); err != nil {
					b.Fatal(err)
				}
			}
			testClose(b, s)
			for b.Loop() {
				s, err := Open(cfg)
				if err != nil {
					b.Fatal(err)
				}
				testClose(b, s)
			}
		})
	}
}
