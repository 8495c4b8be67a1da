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

// BenchmarkStoreOpenRows gives the time to recover what a killed process left, by
// rows in full blocks: it must not grow with them.
func BenchmarkStoreOpenRows(b *testing.B) {
	for _, rows := range []int{100_000, 1_000_000, 10_000_000} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			cfg := testConfig(b, testShm(b))
			s := testOpen(b, cfg)
			fillFull(b, s, rows)
			left := cfg
			left.MemoryDir += "-left"
			copyDir(b, cfg.MemoryDir, left.MemoryDir) // as kill -9 leaves it
			testClose(b, s)
			var opening time.Duration
			for b.Loop() {
				start := time.Now()
				s, err := Open(left)
				if err != nil {
					b.Fatal(err)
				}
				opening += time.Since(start)
				if got := s.Status().Rows; got < int64(rows) {
					b.Fatalf("%d rows of %d", got, rows)
				}
				testClose(b, s)
			}
			b.ReportMetric(opening.Seconds()*1e3/float64(b.N), "open-ms")
		})
	}
}

// fillFull appends that many rows as full blocks, all with the same bytes.
func fillFull(b *testing.B, s *Store, rows int) {
	now := time.Now().UnixNano()
	data, meta, err := AppendBlock(nil, testBatch(0, RowsPerBlockMax, now), BlockOptions{Shard: s.super.shard, Arrival: now, Richness: Rich})
	if err != nil {
		b.Fatal(err)
	}
	for range (rows + RowsPerBlockMax - 1) / RowsPerBlockMax {
		e, err := s.reserve(context.Background(), "t", int64(len(data)))
		if err != nil {
			b.Fatal(err)
		}
		r, err := s.placeBlock(e, data, meta, levelFinal)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.commitRows(context.Background(), "t", []*Ref{r}, nil); err != nil {
			b.Fatal(err)
		}
	}
}
