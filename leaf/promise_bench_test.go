package leaf

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kelpdb/kelp/query/exec"
	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// BenchmarkPromisedAppend gives what an append of one row costs until a subscriber
// has confirmed it, by how many tables the leaf has: it must not grow with them.
func BenchmarkPromisedAppend(b *testing.B) {
	for _, tables := range []int{10, 1_000, 10_000} {
		b.Run(fmt.Sprint(tables), func(b *testing.B) {
			dir := filepath.Join("/dev/shm", fmt.Sprintf("kelp-test-%d", os.Getpid()))
			store, err := storage.Open(storage.Config{MemoryDir: dir, Budget: 1 << 30})
			if err != nil {
				b.Fatal(err)
			}
			pool := exec.NewPool(2)
			b.Cleanup(func() {
				if err := store.Close(); err != nil {
					b.Error(err)
				}
				pool.Close()
				os.RemoveAll(dir)
			})
			l := New(Config{Name: "leaf-1", Store: store, Pool: pool, Log: slog.New(slog.DiscardHandler), Now: time.Now})
			batch := storage.NewBatch()
			for i := range 20 {
				batch.SetInt(batch.Slot(fmt.Appendf(nil, "column_%d", i)), int64(i))
			}
			batch.EndRow(time.Now().UnixNano())
			one := func(i int) {
				_, err := l.Append(context.Background(), &wire.Append{
					Table: fmt.Sprint("table-", i%tables), Batch: batch, Arrival: time.Now().UnixNano(), Receipt: storage.Receipt{Accepted: 1}})
				if err != nil {
					b.Fatal(err)
				}
			}
			for i := range tables {
				one(i)
			}
			ctx, stop := context.WithCancel(context.Background())
			ended := make(chan struct{})
			first := make(chan struct{})
			go func() {
				defer close(ended)
				_ = l.Subscribe(ctx, wire.Subscriber{Name: "agg"}, func(u *wire.Update) error {
					if u.Full {
						close(first)
					}
					return nil
				})
			}()
			<-first
			b.ReportAllocs()
			i := 0
			b.ResetTimer()
			for b.Loop() {
				one(i)
				i++
			}
			stop()
			<-ended
		})
	}
}
