package parquet

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	writer "github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
)

// BenchmarkReader reads a log of seven columns; a second for lists, whose levels
// are put together row by row.
func BenchmarkReader(b *testing.B) {
	const rows = 50_000
	flat := []arrow.Field{
		nullable("time", arrow.FixedWidthTypes.Timestamp_us), nullable("service", arrow.BinaryTypes.String), nullable("status", arrow.PrimitiveTypes.Int32),
		nullable("ms", arrow.PrimitiveTypes.Float64), nullable("trace", arrow.BinaryTypes.String), nullable("ok", arrow.FixedWidthTypes.Boolean),
		nullable("message", arrow.BinaryTypes.String),
	}
	r := rand.New(rand.NewPCG(1, 1))
	f := func(name string, fields []arrow.Field, row func(i int) string) {
		var text strings.Builder
		for i := range rows {
			text.WriteString("," + row(i))
		}
		file := written(b, recordOf(b, fields, "["+text.String()[1:]+"]"), writer.WithCompression(compress.Codecs.Zstd))
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if n, err := readBounded(file); err != nil || n != rows {
					b.Fatal(n, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
		})
	}
	f("flat", flat, func(i int) string {
		return fmt.Sprintf(`{"time":"2026-11-22 10:00:00.%06d","service":"svc-%d","status":%d,"ms":%d.5,"trace":"%016x","ok":true,"message":"GET /items/%d took long"}`,
			i, i%12, 200+i%3, i%1000, r.Uint64(), r.IntN(1000))
	})
	f("lists", []arrow.Field{nullable("tags", arrow.ListOf(arrow.BinaryTypes.String))}, func(i int) string {
		return fmt.Sprintf(`{"tags":["a","b%d","c"]}`, i%7)
	})
}
