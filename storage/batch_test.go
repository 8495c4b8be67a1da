package storage

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// rowsOfBatch lists what a batch holds, by row and name.
func rowsOfBatch(t *testing.T, b *Batch) []map[string]Value {
	t.Helper()
	rows := make([]map[string]Value, b.Rows())
	for i := range rows {
		rows[i] = map[string]Value{}
	}
	for _, s := range b.Slots() {
		for _, v := range s.Vectors {
			for i := 0; v != nil && i < v.Len(); i++ {
				row := rows[v.Rows[i]]
				if _, twice := row[s.Name]; twice {
					t.Fatalf("row %d has %s twice", v.Rows[i], s.Name)
				}
				row[s.Name] = v.Value(i)
			}
		}
	}
	return rows
}

// TestBatchModel sets, takes back, closes, aborts and resets at random, and holds
// the batch against maps.
func TestBatchModel(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 1))
	array := []byte(strings.Repeat("0123456789abcdefghijklmnopqrstuvwxyz", 4))
	text := func() []byte { // with all sorts of room behind it
		from := rng.IntN(len(array))
		to := from + rng.IntN(min(len(array)-from, 2*shortText)+1)
		return array[from:to:min(len(array), to+rng.IntN(2*shortText))]
	}
	b := NewBatch()
	var want []map[string]Value
	open := map[string]Value{}
	set := func() {
		name := fmt.Sprint("c", rng.IntN(6))
		slot := b.Slot([]byte(name))
		var v Value
		switch rng.IntN(7) {
		case 0:
			v = Int(rng.Int64())
			b.SetInt(slot, v.Int)
		case 1:
			v = Bool(rng.IntN(2) == 0)
			b.SetBool(slot, v.Int != 0)
		case 2:
			v = Float(rng.Float64())
			b.SetFloat(slot, v.Float)
		case 3, 4:
			s := text()
			v = String(string(s))
			b.SetString(slot, s)
		case 5:
			items := []string{}
			b.SetList(slot)
			for range rng.IntN(4) {
				s := text()
				items = append(items, string(s))
				b.AppendItem(slot, s)
			}
			v = List(items)
		case 6:
			b.Unset(slot)
			delete(open, name)
			return
		}
		open[name] = v
	}
	for step := range 20_000 {
		switch n := rng.IntN(100); {
		case n < 80:
			set()
		case n < 92:
			b.EndRow(int64(step))
			want, open = append(want, open), map[string]Value{}
		case n < 99:
			b.AbortRow()
			open = map[string]Value{}
		case rng.IntN(10) == 0:
			b.Reset()
			want, open = nil, map[string]Value{}
		}
		if b.OpenColumns() != len(open) {
			t.Fatalf("seed %d, step %d: %d open columns, not %d", seed, step, b.OpenColumns(), len(open))
		}
		if step%500 == 0 {
			b.AbortRow()
			open = map[string]Value{}
			got := rowsOfBatch(t, b)
			for i := range got {
				if !reflect.DeepEqual(got[i], want[i]) {
					t.Fatalf("seed %d, step %d, row %d:\n got %v\nwant %v", seed, step, i, got[i], want[i])
				}
			}
		}
	}
	if !bytes.Equal(array, []byte(strings.Repeat("0123456789abcdefghijklmnopqrstuvwxyz", 4))) {
		t.Error("the texts given were written to")
	}
}

// TestRowsOfReusedBatch: the rows of a value are right in a batch that was used
// before, whichever rows have had one then and have one now.
func TestRowsOfReusedBatch(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 9))
	b := NewBatch()
	slot := b.Slot([]byte("c"))
	for round := range 200 {
		var want []uint32
		gap := rng.IntN(80) // the first row without a value
		for row := 0; row < 1+rng.IntN(100); {
			set := row < gap || rng.IntN(2) == 0
			if set {
				b.SetInt(slot, int64(row))
				if rng.IntN(5) == 0 {
					b.SetFloat(slot, 1)
					b.SetInt(slot, int64(row))
				}
			}
			if rng.IntN(8) == 0 {
				b.AbortRow()
				continue
			}
			if rng.IntN(40) == 0 {
				b.Unset(slot)
				set = false
			}
			if set {
				want = append(want, uint32(row))
			}
			b.EndRow(1)
			row++
		}
		if v := b.Slots()[slot].Vectors[TypeInt64]; v != nil && !slices.Equal(v.Rows, want) {
			t.Fatalf("seed %d, round %d: got rows %d, want %d", seed, round, v.Rows, want)
		}
		b.Reset()
	}
}
