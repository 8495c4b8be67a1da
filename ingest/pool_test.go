package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

// columnsObject is a row of n columns, from number first on, of a value.
func columnsObject(first, n int, value string) string {
	var s strings.Builder
	for i := range n {
		fmt.Fprintf(&s, `,"c%d":%s`, first+i, value)
	}
	return `{` + s.String()[1:] + `}`
}

// TestPoolKnowsNoNames: names met in other bodies do not change where the
// limits fall. A null makes no column, so only the names are counted.
func TestPoolKnowsNoNames(t *testing.T) {
	o := testOptions(JSON)
	tell := func(chunks []*Chunk, err error) string { return fmt.Sprint(render(chunks), err) }
	const before = 1000
	for _, body := range []string{
		columnsObject(0, ColumnsPerRowMax, "null"),
		columnsObject(0, ColumnsPerRowMax+1, "null"),
		columnsObject(0, before+1, "null") + columnsObject(0, ColumnsPerRowMax+1, "null"),
		columnsObject(1, 1, "null") + columnsObject(before, ColumnsPerRowMax, "null"),
	} {
		want := tell(chunksOf(strings.NewReader(body), o))
		var p Pool
		pooled(&p, strings.NewReader(columnsObject(0, before, "1")), o, tell)
		for range 2 {
			if got := pooled(&p, strings.NewReader(body), o, tell); got != want {
				t.Errorf("%.40q...: in a worn decoder %q, else %q", body, got, want)
			}
		}
	}
}

// TestPoolTimeField: another time field is another decoder's business.
func TestPoolTimeField(t *testing.T) {
	var p Pool
	tell := func(chunks []*Chunk, err error) string { return fmt.Sprint(render(chunks), err) }
	for _, field := range []string{"", "at", "time", "", "ts", "at"} {
		o := testOptions(JSON)
		o.TimeField = field
		body := `{"at":1700000001,"ts":1700000002,"time":1700000003}`
		want := tell(chunksOf(strings.NewReader(body), o))
		if got := pooled(&p, strings.NewReader(body), o, tell); got != want {
			t.Errorf("time=%q: %s, not %s", field, got, want)
		}
	}
}

// TestPoolBounds: what a pool keeps stays within its limits, whatever comes.
func TestPoolBounds(t *testing.T) {
	var p Pool
	var open []*Decoder
	feed := func(label, body string) {
		d, err := p.Take(strings.NewReader(body), label, testOptions(JSON))
		if err != nil {
			t.Fatal(err)
		}
		for {
			c, err := d.Next(context.Background())
			if errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			d.Recycle(c)
		}
		open = append(open, d)
	}
	held := func() (bytes int) {
		for _, d := range p.free {
			bytes += len(d.source.(*jsonRows).w.buf)
			for _, c := range d.free {
				if c.Batch.Rows() != 0 {
					t.Error("a batch with rows is kept")
				}
				bytes += c.Batch.Capacity()
			}
		}
		return bytes
	}
	for i := range 2 * pooledDecodersMax {
		feed(fmt.Sprint("t", i), `{"a":1}`)
	}
	for range 8 {
		feed("large", strings.Repeat(`{"text":"`+strings.Repeat("x", 1000)+`"}`, 9000))
	}
	feed("wide", columnsObject(0, pooledNamesMax+1, "1"))
	feed("long", `{"a":"`+strings.Repeat(`\n`, 1<<20)+`"}`)
	for _, d := range open {
		p.Put(d)
		if n := held(); len(p.free) > pooledDecodersMax || n > pooledBytesMax || p.bytes < n {
			t.Fatalf("%d decoders with %d bytes, %d by its own count", len(p.free), n, p.bytes)
		}
	}
	for _, d := range p.free {
		rows := d.source.(*jsonRows)
		if rows.names.kept > pooledNamesMax || len(rows.w.buf) > pooledWindowMax || cap(rows.scratch) > pooledWindowMax {
			t.Errorf("%s keeps %d names, a window of %d bytes, %d of scratch", d.label, rows.names.kept, len(rows.w.buf), cap(rows.scratch))
		}
	}
	for p.take("large") != nil {
	}
	for len(p.free) > 0 {
		p.dropLocked(0)
	}
	if p.bytes != 0 {
		t.Errorf("an empty pool counts %d bytes", p.bytes)
	}
}

// TestPoolAllocations: a body of one row allocates nothing once the decoder
// has seen one like it.
func TestPoolAllocations(t *testing.T) {
	var p Pool
	o := testOptions(JSON)
	body := []byte(`{"service":"api","status":200,"ms":12.5,"ok":true,"tags":["a","b"],"http":{"path":"/"},"time":1700000000}`)
	r := bytes.NewReader(body)
	one := func() {
		r.Reset(body)
		d, err := p.Take(r, "t", o)
		if err != nil {
			t.Fatal(err)
		}
		c, err := d.Next(context.Background())
		if err != nil || c.Accepted != 1 || !c.Last {
			t.Fatal(c, err)
		}
		d.Recycle(c)
		p.Put(d)
	}
	one()
	if n := testing.AllocsPerRun(100, one); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
