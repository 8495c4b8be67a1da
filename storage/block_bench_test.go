package storage

import (
	"fmt"
	"math"
	"math/rand/v2"
	"syscall"
	"testing"
)

// referenceBatch makes rows like those of the reference workload: 16 columns of
// web-service events, about 8 ms apart.
func referenceBatch(rows int) *Batch { return referencePart(rows, 0) }

// referencePart makes one of several such batches that follow each other.
func referencePart(rows, part int) *Batch {
	r := rand.New(rand.NewPCG(1, uint64(part)))
	zipf := func(n uint64) func() int {
		z := rand.NewZipf(r, 1.2, 4, n-1)
		return func() int { return int(z.Uint64()) }
	}
	endpoint, country, service := zipf(200), zipf(60), zipf(12)
	b := NewBatch()
	slot := func(name string) int { return b.Slot([]byte(name)) }
	slots := []int{
		slot("service"), slot("endpoint"), slot("method"), slot("status"), slot("region"), slot("host"),
		slot("country"), slot("user_id"), slot("trace_id"), slot("duration_ms"), slot("bytes"), slot("error"),
		slot("tags"), slot("sample_rate"), slot("message"),
	}
	text := []byte{}
	str := func(slot int, format string, args ...any) {
		text = fmt.Appendf(text[:0], format, args...)
		b.SetString(slot, text)
	}
	at := int64(1_790_000_000_000 + part*rows*8)
	for range rows {
		at += int64(r.IntN(17))
		str(slots[0], "service-%02d", service())
		str(slots[1], "/api/v1/resource%03d/action", endpoint())
		str(slots[2], "%s", []string{"GET", "GET", "GET", "POST", "PUT", "DELETE", "PATCH"}[r.IntN(7)])
		b.SetInt(slots[3], []int64{200, 200, 200, 200, 201, 301, 400, 404, 429, 500, 503}[r.IntN(11)])
		str(slots[4], "region-%d", r.IntN(6))
		str(slots[5], "host-%04d.example.internal", r.IntN(500))
		str(slots[6], "C%02d", country())
		str(slots[7], "user-%06d", r.IntN(1_000_000))
		str(slots[8], "%016x%016x", r.Uint64(), r.Uint64())
		b.SetFloat(slots[9], math.Round(math.Exp(r.NormFloat64()+3)*1000)/1000)
		b.SetInt(slots[10], int64(math.Exp(r.NormFloat64()*1.2+8)))
		if r.IntN(100) < 3 {
			str(slots[11], "upstream error number %d: connection reset", r.IntN(40))
		}
		b.SetList(slots[12])
		for range r.IntN(5) {
			text = fmt.Appendf(text[:0], "tag%02d", r.IntN(30))
			b.AppendItem(slots[12], text)
		}
		rate := int64(1)
		if r.IntN(20) == 0 {
			rate = 10
		}
		b.SetInt(slots[13], rate)
		switch r.IntN(4) {
		case 0:
			str(slots[14], "completed request for user-%06d in %d ms with %d bytes, cache %s on shard %d", r.IntN(1e6), r.IntN(5000), r.IntN(1e6), []string{"hit", "miss"}[r.IntN(2)], r.IntN(64))
		case 1:
			str(slots[14], "db query on table orders took %d ms (rows=%d, plan=index_scan, conn=%d)", r.IntN(900), r.IntN(10000), r.IntN(100))
		case 2:
			str(slots[14], "retry %d of call to payments after timeout of %d ms, request %08x still open", r.IntN(5), r.IntN(3000), r.Uint32())
		default:
			str(slots[14], "published event order.updated seq=%d partition=%d to broker-%d ok in %d us", r.IntN(1e8), r.IntN(32), r.IntN(9), r.IntN(20000))
		}
		b.EndRow(at * 1_000_000)
	}
	return b
}

func BenchmarkAppendBlock(b *testing.B) {
	for _, rows := range []int{1, 100, 4096, RowsPerBlockMax} {
		for _, richness := range []Richness{Cheap, Rich} {
			batch := workloadBatch(rows, 0)
			b.Run(fmt.Sprintf("rows=%d/rich=%d", rows, richness), func(b *testing.B) {
				b.ReportAllocs()
				var dst []byte
				before := cpuTime(b)
				for b.Loop() {
					var err error
					if dst, _, err = AppendBlock(dst[:0], batch, BlockOptions{Richness: richness}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N*rows), "cpu-ns/row")
				b.ReportMetric(float64(len(dst))/float64(rows), "bytes/row")
			})
		}
	}
}

// BenchmarkAppendColumn shows what each column of the reference costs.
func BenchmarkAppendColumn(b *testing.B) {
	full := workloadBatch(RowsPerBlockMax, 0)
	for row := range full.times { // in order: sorting is not the column's cost
		full.times[row] = int64(row)
	}
	for i := range full.slots {
		one := NewBatch()
		one.slots = full.slots[i : i+1]
		one.byName[full.slots[i].Name] = 0
		one.times, one.rows = full.times, full.rows
		b.Run(full.slots[i].Name, func(b *testing.B) {
			var dst []byte
			before := cpuTime(b)
			for b.Loop() {
				dst, _, _ = AppendBlock(dst[:0], one, BlockOptions{Richness: Rich})
			}
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N*RowsPerBlockMax), "cpu-ns/row")
		})
	}
}

// cpuTime is the time of processors that the process has used, in nanoseconds:
// what work costs also where others compete for them.
func cpuTime(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// reader reads a column by the accessor of its shape, into the same buffers each
// time.
func reader(c *Column) func() error {
	var ints []int64
	var floats []float64
	var narrow []uint8
	var wide []uint16
	var text TextBuf
	var lists ListBuf
	return func() (err error) {
		switch c.Shape() {
		case ShapeCodes:
			var codes Codes
			if codes, err = c.Codes(); codes.Width <= 8 {
				narrow = codes.Unpack8(narrow)
			} else {
				wide = codes.Unpack16(wide)
			}
		case ShapeInts:
			ints, err = c.Ints(ints)
		case ShapeFloats:
			floats, err = c.Floats(floats)
		case ShapeText:
			_, err = c.Text(&text)
		case ShapeLists:
			_, err = c.Lists(&lists)
		}
		return err
	}
}

// BenchmarkRead shows what each accessor costs per row, columns already checked.
func BenchmarkRead(b *testing.B) {
	data, _, err := AppendBlock(nil, workloadBatch(RowsPerBlockMax, 0), BlockOptions{Richness: Rich})
	if err != nil {
		b.Fatal(err)
	}
	SealBlock(data, BlockID{1, 1})
	block := mustOpen(b, data)
	perRow := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*RowsPerBlockMax), "ns/row")
	}
	for _, c := range block.Columns() {
		b.Run(fmt.Sprintf("%s/%v", c.Name(), c.Encoding()), func(b *testing.B) {
			b.ReportAllocs()
			if err := c.Check(); err != nil {
				b.Fatal(err)
			}
			read := reader(c)
			before := cpuTime(b)
			for b.Loop() {
				if err := read(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N*RowsPerBlockMax), "cpu-ns/row")
		})
	}
	b.Run("open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := OpenBlock(data); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("open+check", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			block := mustOpen(b, data)
			for _, c := range block.Columns() {
				if err := c.Check(); err != nil {
					b.Fatal(err)
				}
			}
		}
		perRow(b)
	})
	b.Run("batch", func(b *testing.B) {
		batch := NewBatch()
		for b.Loop() {
			batch.Reset()
			if err := block.Batch(batch); err != nil {
				b.Fatal(err)
			}
		}
		perRow(b)
	})
}

// BenchmarkSeek shows what it costs per row to find a text without unpacking any.
func BenchmarkSeek(b *testing.B) {
	data, _ := sealed(b, workloadBatch(RowsPerBlockMax, 0), BlockOptions{Richness: Rich})
	block := mustOpen(b, data)
	dst := make([]uint64, bitmapWords(RowsPerBlockMax))
	f := func(name string, seek func(c *Column, text []byte) (bool, error), text string) {
		c := block.Find(name)[0]
		b.Run(fmt.Sprintf("%s/%v/%s", name, c.Encoding(), text), func(b *testing.B) {
			want := []byte(text)
			for b.Loop() {
				if ok, err := seek(c, want); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*RowsPerBlockMax), "ns/row")
		})
	}
	equal := func(c *Column, text []byte) (bool, error) { return c.EqualText(dst, text) }
	contain := func(c *Column, text []byte) (bool, error) { return c.MayContain(dst, text) }
	f("user_id", equal, "user-123456")
	f("trace_id", equal, "0123456789abcdef0123456789abcdef")
	f("message", contain, "timeout")
	f("message", contain, "12")
}

func BenchmarkMergeBlocks(b *testing.B) {
	for _, parts := range []int{3, 8, 16} {
		for _, richness := range []Richness{Cheap, Rich} {
			var blocks []*Block
			for i := range parts {
				data, _, err := AppendBlock(nil, workloadBatch(RowsPerBlockMax/parts, int64(i*RowsPerBlockMax/parts)), BlockOptions{Richness: richness})
				if err != nil {
					b.Fatal(err)
				}
				SealBlock(data, BlockID{1, uint64(i)})
				blocks = append(blocks, mustOpen(b, data))
			}
			blocks[0], blocks[1] = blocks[1], blocks[0] // two connections rarely keep the order
			b.Run(fmt.Sprintf("parts=%d/rich=%d", parts, richness), func(b *testing.B) {
				var dst []byte
				before := cpuTime(b)
				for b.Loop() {
					var err error
					if dst, _, err = MergeBlocks(dst[:0], blocks, BlockOptions{Richness: Rich}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N*RowsPerBlockMax), "cpu-ns/row")
			})
		}
	}
}

// BenchmarkAppendWideRow encodes one row of 100 columns, the least that an ingest
// call can ask for.
func BenchmarkAppendWideRow(b *testing.B) {
	batch := NewBatch()
	for i := range 100 {
		batch.SetInt(batch.Slot(fmt.Appendf(nil, "column_%d", i*37%100)), int64(i))
	}
	batch.EndRow(5)
	b.ReportAllocs()
	var dst []byte
	for b.Loop() {
		dst, _, _ = AppendBlock(dst[:0], batch, BlockOptions{})
	}
	b.ReportMetric(float64(len(dst)), "bytes")
}
