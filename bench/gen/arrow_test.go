package gen

import (
	"bytes"
	"context"
	"errors"
	"io"
	"reflect"
	"testing"

	"github.com/kelpdb/kelp/ingest"
	"github.com/kelpdb/kelp/storage"
)

// decoded lists the rows of a body as kelp reads them.
func decoded(t *testing.T, body []byte, format ingest.Format) (rows []map[string]storage.Value) {
	t.Helper()
	d, err := ingest.NewDecoder(bytes.NewReader(body), ingest.Options{Format: format})
	if err != nil {
		t.Fatal(err)
	}
	for {
		c, err := d.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return rows
		}
		if err != nil || c.Rejected > 0 || len(c.Warnings) > 0 {
			t.Fatalf("%v %v, %v", c.Errors, c.Warnings, err)
		}
		base := len(rows)
		for _, ns := range c.Batch.Times() {
			rows = append(rows, map[string]storage.Value{storage.TimeColumn: {Type: storage.TypeTime, Int: ns}})
		}
		for _, s := range c.Batch.Slots() {
			for _, v := range s.Vectors {
				for i := 0; v != nil && i < v.Len(); i++ {
					rows[base+int(v.Rows[i])][s.Name] = v.Value(i)
				}
			}
		}
	}
}

// The streams hold the same rows as the lines, in every form.
func TestArrowIsNDJSON(t *testing.T) {
	g := New(Config{Seed: 5, Rows: 3000, End: reference().End})
	const from, to = 100, 2900
	var lines []byte
	for i := int64(from); i < to; i++ {
		lines = g.AppendNDJSON(lines, i)
	}
	want := decoded(t, lines, ingest.JSON)
	for _, form := range []ArrowForm{{}, {RecordRows: 300}, {Dictionaries: true}, {Dictionaries: true, RecordRows: 999}} {
		body, err := g.AppendArrow([]byte{}, from, to, form)
		if err != nil {
			t.Fatal(err)
		}
		got := decoded(t, body, ingest.ArrowStream)
		if len(got) != len(want) {
			t.Fatalf("%+v: %d rows, want %d", form, len(got), len(want))
		}
		for i := range want {
			if !reflect.DeepEqual(got[i], want[i]) {
				t.Fatalf("%+v: row %d\n%v, want\n%v", form, i, got[i], want[i])
			}
		}
	}
}
