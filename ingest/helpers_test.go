package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/kelpdb/kelp/storage"
)

// testNow is the time of arrival in tests.
var testNow = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func testOptions(f Format) Options {
	return Options{Format: f, Now: func() time.Time { return testNow }}
}

// chunksOf decodes a whole body.
func chunksOf(r io.Reader, o Options) ([]*Chunk, error) {
	d, err := NewDecoder(r, o)
	if err != nil {
		return nil, err
	}
	return restOf(d)
}

// pooled decodes a whole body with a decoder of a pool, describes what came of
// it, and gives decoder and chunks back.
func pooled(p *Pool, r io.Reader, o Options, describe func([]*Chunk, error) string) string {
	d, err := p.Take(r, "test", o)
	if err != nil {
		return describe(nil, err)
	}
	defer p.Put(d)
	chunks, err := restOf(d)
	text := describe(chunks, err)
	for _, c := range chunks {
		d.Recycle(c)
	}
	return text
}

func restOf(d *Decoder) ([]*Chunk, error) {
	var all []*Chunk
	for {
		c, err := d.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, c)
	}
}

// rowsOf lists the rows of a batch by name, the time under "time".
func rowsOf(b *storage.Batch) []map[string]storage.Value {
	rows := make([]map[string]storage.Value, b.Rows())
	for i, ns := range b.Times() {
		rows[i] = map[string]storage.Value{"time": storage.Time(ns)}
	}
	slots := b.Slots()
	for i := range slots {
		for _, v := range slots[i].Vectors {
			if v == nil {
				continue
			}
			for k, row := range v.Rows {
				if old, ok := rows[row][slots[i].Name]; ok {
					panic(fmt.Sprintf("row %d has %q twice: %v", row, slots[i].Name, old))
				}
				rows[row][slots[i].Name] = v.Value(k)
			}
		}
	}
	return rows
}

// show writes a value so that its type is seen.
func show(v storage.Value) string {
	switch v.Type {
	case storage.TypeBool:
		return fmt.Sprint(v.Int != 0)
	case storage.TypeInt64:
		return fmt.Sprint(v.Int)
	case storage.TypeFloat64:
		return fmt.Sprintf("%gf", v.Float)
	case storage.TypeTime:
		return time.Unix(0, v.Int).UTC().Format(time.RFC3339Nano)
	case storage.TypeString:
		if len(v.Str) > 100 {
			return fmt.Sprintf("text of %d", len(v.Str))
		}
		return fmt.Sprintf("%q", v.Str)
	case storage.TypeList:
		return fmt.Sprintf("%q", v.List)
	}
	return "null"
}

// render writes what became of a body: a line per row (without the time if it
// is that of arrival), then a line per rejected row, then the warnings.
func render(chunks []*Chunk) string {
	var out strings.Builder
	for _, c := range chunks {
		if c.Batch.Rows() != int(c.Accepted) {
			fmt.Fprintf(&out, "BUG: accepted %d, batch has %d\n", c.Accepted, c.Batch.Rows())
		}
		for _, row := range rowsOf(c.Batch) {
			var fields []string
			for name, v := range row {
				if name != "time" || v.Int != testNow.UnixNano() {
					fields = append(fields, name+"="+show(v))
				}
			}
			sort.Strings(fields)
			fmt.Fprintf(&out, "{%s}\n", strings.Join(fields, " "))
		}
		for _, e := range c.Errors {
			fmt.Fprintf(&out, "!%d %s\n", e.Row, e.Error)
		}
		if extra := int(c.Rejected) - len(c.Errors); extra > 0 {
			fmt.Fprintf(&out, "!+%d\n", extra)
		}
		for _, w := range c.Warnings {
			fmt.Fprintf(&out, "?%s\n", w)
		}
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// checker returns f(body, want): the body decodes to the lines of want.
// A decoder that has read all the bodies before must say the same.
func checker(t *testing.T, o Options) func(body string, want ...string) {
	var worn Pool
	return func(body string, want ...string) {
		t.Helper()
		chunks, err := chunksOf(strings.NewReader(body), o)
		if err != nil {
			t.Errorf("%.200q: %v", body, err)
			return
		}
		if got := render(chunks); got != strings.Join(want, "\n") {
			t.Errorf("%.80q:\n got %.2000s\nwant %.2000s", body, got, strings.Join(want, "\n"))
		}
		for range 2 { // the second time it knows all the names
			got := pooled(&worn, strings.NewReader(body), o, func(chunks []*Chunk, _ error) string { return render(chunks) })
			if got != strings.Join(want, "\n") {
				t.Errorf("%.80q in a worn decoder:\n got %.2000s\nwant %.2000s", body, got, strings.Join(want, "\n"))
			}
		}
	}
}
