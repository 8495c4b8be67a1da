package ingest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/kelpdb/kelp/storage"
)

// referenceRows writes n rows like those of the reference workload.
func referenceRows(n int) []byte {
	rng := rand.New(rand.NewPCG(7, 7))
	services := []string{"api", "web", "auth", "search", "checkout", "billing"}
	methods := []string{"GET", "POST", "PUT", "DELETE"}
	var out bytes.Buffer
	for i := range n {
		fmt.Fprintf(&out, `{"time":%d,"service":%q,"endpoint":"/v1/%s/%d","method":%q,"status":%d,"region":"eu-west-%d","host":"host-%03d","country":"DE","user_id":"user-%06d","trace_id":"%016x%016x","duration_ms":%.3f,"bytes":%d`,
			1700000000000+i*8+rng.IntN(100), services[rng.IntN(6)], services[rng.IntN(6)], rng.IntN(200), methods[rng.IntN(4)], 200+rng.IntN(5)*100,
			rng.IntN(3), rng.IntN(500), rng.IntN(1e6), rng.Uint64(), rng.Uint64(), rng.ExpFloat64()*40, rng.IntN(100_000))
		if rng.IntN(33) == 0 {
			fmt.Fprintf(&out, `,"error":"upstream timed out after %d ms"`, rng.IntN(40))
		}
		fmt.Fprintf(&out, `,"tags":["t%d","t%d"],"sample_rate":1,"message":"request %d of session %08x took longer than expected in the handler %s"}`+"\n",
			rng.IntN(30), rng.IntN(30), rng.IntN(1e6), rng.Uint32(), services[rng.IntN(6)])
	}
	return out.Bytes()
}

func BenchmarkJSON(b *testing.B) {
	const rows = 65_536
	body := referenceRows(rows)
	d, err := NewDecoder(&endless{body: body}, Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	before := cpuTime(b)
	for b.Loop() {
		c, err := d.Next(context.Background())
		if err != nil || c.Accepted != rows {
			b.Fatal(err, c)
		}
		d.Recycle(c)
	}
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N*rows), "cpu-ns/row")
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkJSONToBlock decodes bodies as writers commonly send them and encodes
// each as a block, which is all that a server does with them but for HTTP, copies
// and merges.
func BenchmarkJSONToBlock(b *testing.B) {
	const rows = 20_000
	body := referenceRows(rows)
	d, err := NewDecoder(&endless{body: body}, Options{ChunkRows: rows})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	var block []byte
	before := cpuTime(b)
	for b.Loop() {
		c, err := d.Next(context.Background())
		if err != nil || c.Accepted != rows {
			b.Fatal(err, c)
		}
		if block, _, err = storage.AppendBlock(block[:0], c.Batch, storage.BlockOptions{Richness: storage.Rich}); err != nil {
			b.Fatal(err)
		}
		d.Recycle(c)
	}
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N*rows), "cpu-ns/row")
}

// endless repeats a body for ever.
type endless struct {
	body []byte
	pos  int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.body[e.pos:])
	e.pos = (e.pos + n) % len(e.body)
	return n, nil
}

// TestJSONAllocations: what a chunk allocates depends neither on its rows nor
// on their fields.
func TestJSONAllocations(t *testing.T) {
	perChunk := func(rows, fields int) float64 {
		var row bytes.Buffer
		row.WriteString(`{"time":"2026-01-02T03:04:05Z"`)
		for i := range fields {
			fmt.Fprintf(&row, `,"i%d":%d,"f%d":1.5,"s%d":"te\nxt","b%d":true,"l%d":["a","b"],"o%d":{"x":null,"y":[1,2]}`, i, i, i, i, i, i, i)
		}
		row.WriteString("}\n")
		d, err := NewDecoder(&endless{body: row.Bytes()}, Options{ChunkRows: rows})
		if err != nil {
			t.Fatal(err)
		}
		next := func() {
			c, err := d.Next(context.Background())
			if err != nil || c.Rejected != 0 {
				t.Fatal(err, c)
			}
			d.Recycle(c)
		}
		for range 30 { // until the read buffer has its size
			next()
		}
		return testing.AllocsPerRun(20, next)
	}
	base := perChunk(10, 1)
	if base > 4 {
		t.Errorf("%v allocations for a chunk of 10 rows", base)
	}
	for _, size := range [][2]int{{1000, 1}, {10, 50}, {300, 20}} {
		if got := perChunk(size[0], size[1]); got > base {
			t.Errorf("%d rows of %d fields: %v allocations a chunk, %v for 10 rows of 1", size[0], 6*size[1], got, base)
		}
	}
}

func BenchmarkJSONSmall(b *testing.B) {
	body := referenceRows(1)
	b.ReportAllocs()
	for b.Loop() {
		d, err := NewDecoder(bytes.NewReader(body), Options{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := d.Next(context.Background()); err != nil {
			b.Fatal(err)
		}
		if _, err := d.Next(context.Background()); err != io.EOF {
			b.Fatal(err)
		}
	}
}
