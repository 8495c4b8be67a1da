package storage

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
)

// codedTwin makes the same batch twice, with a column of codes and with plain
// texts. One row in nullEvery has none; 0: no row.
func codedTwin(rng *rand.Rand, rows, entries, nullEvery int) (coded, plain *Batch) {
	coded, plain = NewBatch(), NewBatch()
	for _, b := range []*Batch{coded, plain} {
		b.Slot([]byte("other"))
		b.Slot([]byte("c"))
	}
	texts := make([]string, entries)
	for i := range texts {
		texts[i] = fmt.Sprintf("%x-entry %d", rng.IntN(1000), i)
	}
	texts[rng.IntN(entries)] = "" // texts are numbered: none occurs twice, but below
	codes := map[int]uint16{}
	v := coded.Extend(1, TypeString)
	v.SetCoded()
	var times []int64
	for row := range rows {
		at := int64(rng.IntN(rows))
		times = append(times, at)
		plain.SetInt(0, at)
		o := coded.Extend(0, TypeInt64)
		o.Rows, o.Ints = append(o.Rows, uint32(row)), append(o.Ints, at)
		if nullEvery == 0 || rng.IntN(nullEvery) > 0 {
			i := rng.IntN(entries)
			code, known := codes[i]
			if !known || rng.IntN(1000) == 0 { // now and then a second entry of the same text
				var ok bool
				if code, ok = v.AppendEntry([]byte(texts[i])); !ok {
					panic("too many entries for the test")
				}
				codes[i] = code
			}
			v.Rows, v.Codes = append(v.Rows, uint32(row)), append(v.Codes, code)
			v.CodedBytes += len(texts[i])
			plain.SetString(1, []byte(texts[i]))
		}
		plain.EndRow(at)
	}
	coded.EndRows(times)
	return coded, plain
}

// TestCodedBatch: a batch with codes is the batch with the texts, and becomes the
// same block to the byte, whatever encoding it gets.
func TestCodedBatch(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 3))
	f := func(rows, entries, nullEvery int) {
		t.Helper()
		coded, plain := codedTwin(rng, rows, entries, nullEvery)
		if coded.Bytes() != plain.Bytes() || coded.shape() != plain.shape() || !reflect.DeepEqual(rowsOfBatch(t, coded), rowsOfBatch(t, plain)) {
			t.Fatalf("seed %d: %d rows of %d entries are others as codes", seed, rows, entries)
		}
		blocks := func(when string) {
			t.Helper()
			for _, richness := range []Richness{Rich, Cheap} {
				got, gotMeta := sealed(t, coded, BlockOptions{Richness: richness})
				want, wantMeta := sealed(t, plain, BlockOptions{Richness: richness})
				if !bytes.Equal(got, want) || !reflect.DeepEqual(gotMeta, wantMeta) {
					t.Fatalf("seed %d: the block of %d rows of %d entries, richness %d, is another %s", seed, rows, entries, richness, when)
				}
			}
		}
		blocks("with codes")
		// As the committer gathers and cuts batches.
		gathered, cut := NewBatch(), NewBatch()
		gathered.appendBatch(plain)
		gathered.appendBatch(coded)
		cut.appendRows(coded, func(row int) bool { return row%2 == 0 })
		want := rowsOfBatch(t, plain)
		if got := rowsOfBatch(t, gathered); !reflect.DeepEqual(got, append(want[:rows:rows], want...)) {
			t.Fatalf("seed %d: gathered rows are others", seed)
		}
		for i, row := range rowsOfBatch(t, cut) {
			if !reflect.DeepEqual(row, want[2*i]) {
				t.Fatalf("seed %d: row %d is another after a cut", seed, 2*i)
			}
		}
		// A row set by itself makes the column plain; a reset forgets that it was coded.
		for _, b := range []*Batch{coded, plain} {
			b.SetString(1, []byte("one more"))
			b.EndRow(7)
		}
		if !reflect.DeepEqual(rowsOfBatch(t, coded), rowsOfBatch(t, plain)) || coded.Bytes() != plain.Bytes() {
			t.Fatalf("seed %d: rows are others after one more", seed)
		}
		blocks("after one more row")
		coded.Reset()
		coded.SetString(1, []byte("again"))
		coded.EndRow(8)
		if got := rowsOfBatch(t, coded); len(got) != 1 || got[0]["c"].Str != "again" {
			t.Fatalf("seed %d: after a reset %v", seed, got)
		}
	}
	f(1, 1, 0)
	f(100, 1, 0)
	f(100, 1, 3)
	f(1000, 7, 0)
	f(1000, 1000, 2) // no use for codes
	f(5000, 40, 30)  // with nulls
	f(5000, 300, 0)
	f(10_000, 3000, 0)
	f(RowsPerBlockMax/2, 20, 0)
	for range 10 {
		rows := 1 + rng.IntN(3000)
		f(rows, 1+rng.IntN(min(rows, 500)), rng.IntN(40))
	}
	coded, plain := codedTwin(rng, 500, 20, 0) // kept sparse
	for _, b := range []*Batch{coded, plain} {
		for i := range 500 * sparseRatio {
			b.EndRows([]int64{int64(i)})
		}
	}
	if !bytes.Equal(first(sealed(t, coded, BlockOptions{Richness: Rich})), first(sealed(t, plain, BlockOptions{Richness: Rich}))) {
		t.Fatal("the sparse column is another")
	}
}

func first[A, B any](a A, _ B) A { return a }

// TestCodedBatchFull: codes end where 16 bits do.
func TestCodedBatchFull(t *testing.T) {
	b := NewBatch()
	v := b.Extend(b.Slot([]byte("c")), TypeString)
	v.SetCoded()
	for i := range dictEntriesMax - 1 {
		if code, ok := v.AppendEntry(fmt.Append(nil, i)); !ok || int(code) != i {
			t.Fatalf("entry %d got code %d, %t", i, code, ok)
		}
	}
	if _, ok := v.AppendEntry([]byte("one more")); ok {
		t.Error("an entry that no code can say was taken")
	}
}

// TestBatchColumnsAsserts: what would mix rows and columns is a bug of the caller.
func TestBatchColumnsAsserts(t *testing.T) {
	f := func(what string, do func(b *Batch)) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Errorf("%s: taken", what)
			}
		}()
		do(NewBatch())
	}
	f("rows past a block", func(b *Batch) { b.EndRows(make([]int64, RowsPerBlockMax+1)) })
	f("columns in an open row", func(b *Batch) {
		b.SetInt(b.Slot([]byte("a")), 1)
		b.EndRows([]int64{1})
	})
	f("codes of integers", func(b *Batch) { b.Extend(b.Slot([]byte("a")), TypeInt64).SetCoded() })
	f("codes behind texts", func(b *Batch) {
		b.SetString(b.Slot([]byte("a")), []byte("x"))
		b.EndRow(1)
		b.Extend(0, TypeString).SetCoded()
	})
}

// BenchmarkAppendCoded is BenchmarkAppendColumn of a column of 200 texts that
// came as codes, beside the same as texts.
func BenchmarkAppendCoded(b *testing.B) {
	coded, plain := codedTwin(rand.New(rand.NewPCG(1, 2)), RowsPerBlockMax, 200, 0)
	for name, batch := range map[string]*Batch{"codes": coded, "texts": plain} {
		one := NewBatch()
		one.slots, one.rows = batch.slots[1:2], batch.rows
		one.times = make([]int64, one.rows)
		b.Run(name, func(b *testing.B) {
			var dst []byte
			before := cpuTime(b)
			for b.Loop() {
				dst, _, _ = AppendBlock(dst[:0], one, BlockOptions{Richness: Rich})
			}
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N*RowsPerBlockMax), "cpu-ns/row")
		})
	}
}
