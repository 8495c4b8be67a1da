package ingest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"syscall"
	"testing"

	"github.com/kelpdb/kelp/bench/gen"
	"github.com/kelpdb/kelp/storage"
)

// BenchmarkArrow decodes record batches of the reference workload's columns.
func BenchmarkArrow(b *testing.B) {
	benchArrow(b, map[string]gen.ArrowForm{
		"plain": {}, "dict": {Dictionaries: true}, "plain/record=1000": {RecordRows: 1000}, "dict/record=1000": {Dictionaries: true, RecordRows: 1000},
	}, func(*Chunk) error { return nil })
}

// BenchmarkArrowToBlock decodes record batches and encodes each as a block, as
// BenchmarkJSONToBlock does with JSON.
func BenchmarkArrowToBlock(b *testing.B) {
	var block []byte
	benchArrow(b, map[string]gen.ArrowForm{"plain": {}, "dict": {Dictionaries: true}}, func(c *Chunk) (err error) {
		block, _, err = storage.AppendBlock(block[:0], c.Batch, storage.BlockOptions{Richness: storage.Rich})
		return err
	})
}

// benchArrow decodes a stream of each form, and hands out its chunks.
func benchArrow(b *testing.B, forms map[string]gen.ArrowForm, use func(*Chunk) error) {
	g := gen.New(gen.Config{Seed: 1})
	for name, form := range forms {
		body, err := g.AppendArrow(nil, 0, storage.RowsPerBlockMax, form)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			var p Pool
			rows, before := 0, cpuTime(b)
			for b.Loop() {
				d, err := p.Take(bytes.NewReader(body), "bench", Options{Format: ArrowStream})
				if err != nil {
					b.Fatal(err)
				}
				for {
					c, err := d.Next(context.Background())
					if errors.Is(err, io.EOF) {
						break
					}
					if err == nil {
						err = use(c)
					}
					if err != nil {
						b.Fatal(err)
					}
					rows += c.Batch.Rows()
					d.Recycle(c)
				}
				p.Put(d)
			}
			b.ReportMetric(float64(cpuTime(b)-before)/float64(rows), "cpu-ns/row")
		})
	}
}

// cpuTime is the time of processors that the process has used, in nanoseconds:
// other processes do not disturb it.
func cpuTime(tb testing.TB) int64 {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		tb.Fatal(err)
	}
	return use.Utime.Nano() + use.Stime.Nano()
}
