package ingest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/kelpdb/kelp/bench/gen"
	"github.com/kelpdb/kelp/storage"
)

// TestArrowLends holds that texts which are not copied are what they were until their
// chunk is given back, also while the next is read, and that nothing is written over
// them: bodies of records that fill a chunk, and of such that do not, by one decoder.
func TestArrowLends(t *testing.T) {
	const chunkRows = 64
	g := gen.New(gen.Config{Seed: 5})
	o := testOptions(ArrowStream)
	o.ChunkRows = chunkRows
	var p Pool
	for round, form := range []gen.ArrowForm{
		{RecordRows: chunkRows}, {RecordRows: 50}, {RecordRows: chunkRows, Dictionaries: true}, {RecordRows: chunkRows}, {RecordRows: 100},
	} {
		body, err := g.AppendArrow(nil, int64(1000*round), int64(1000*round+5*chunkRows), form)
		if err != nil {
			t.Fatal(err)
		}
		want, err := byRow(body, o)
		if err != nil {
			t.Fatal(err)
		}
		d, err := p.Take(bytes.NewReader(body), "", o)
		if err != nil {
			t.Fatal(err)
		}
		var before *Chunk
		check := func(n int) {
			if got := render([]*Chunk{before}); got != render(want[n:n+1]) {
				t.Fatalf("round %d, chunk %d reads\n%.300s\nnot\n%.300s", round, n, got, render(want[n:n+1]))
			}
			d.Recycle(before)
		}
		n := 0
		for ; ; n++ {
			c, err := d.Next(context.Background())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if lent := form.RecordRows == chunkRows; (c.body != nil) != lent {
				t.Fatalf("round %d, chunk %d: lent is %t", round, n, !lent)
			}
			if before != nil {
				check(n - 1)
			}
			before = c
		}
		check(n - 1)
		if n != len(want) {
			t.Fatalf("round %d: %d chunks, not %d", round, n, len(want))
		}
		p.Put(d)
	}
}

// TestArrowHeld bounds what reading a full record takes: its message once, and columns
// of rows, ends and numbers. What a decoder keeps from body to body is as much.
func TestArrowHeld(t *testing.T) {
	const rows = storage.RowsPerBlockMax
	g := gen.New(gen.Config{Seed: 5})
	for _, dictionaries := range []bool{false, true} {
		body, err := g.AppendArrow(nil, 0, rows, gen.ArrowForm{Dictionaries: dictionaries})
		if err != nil {
			t.Fatal(err)
		}
		var p Pool
		for round := range 3 {
			d, err := p.Take(bytes.NewReader(body), "", testOptions(ArrowStream))
			if err != nil {
				t.Fatal(err)
			}
			c, err := d.Next(context.Background())
			if err != nil || !c.Last || c.Batch.Rows() != rows {
				t.Fatalf("%d rows, %v", c.Batch.Rows(), err)
			}
			d.Recycle(c)
			p.Put(d)
			// 16 columns: numbers of rows in 4 bytes, and 8 more at most for what is
			// not a text of the message; arrays grow by a quarter more than they need.
			if most := len(body)*11/10 + rows*16*12; d.held > most {
				t.Errorf("dictionaries %t, round %d: %d bytes are held for a body of %d, more than %d", dictionaries, round, d.held, len(body), most)
			}
		}
	}
}
