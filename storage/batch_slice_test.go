package storage

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"unsafe"
)

// sliceableBatch is rows of all types of values, some of them null, and of a column
// of codes.
func sliceableBatch(rng *rand.Rand, rows int) *Batch {
	b, _ := codedTwin(rng, rows, 20, 3)
	plain := NewBatch()
	texts := []string{"", "a", "bcd", "a longer text than others"}
	for range rows {
		for slot, set := range []func(slot int){
			func(slot int) { plain.SetBool(slot, rng.IntN(2) > 0) },
			func(slot int) { plain.SetTime(slot, rng.Int64()) },
			func(slot int) { plain.SetFloat(slot, rng.Float64()) },
			func(slot int) { plain.SetString(slot, []byte(texts[rng.IntN(len(texts))])) },
			func(slot int) {
				plain.SetList(slot)
				for range rng.IntN(3) {
					plain.AppendItem(slot, []byte(texts[rng.IntN(len(texts))]))
				}
			},
		} {
			if at := plain.Slot([]byte{'v', byte('0' + slot)}); rng.IntN(5) > 0 {
				set(at)
			}
		}
		plain.EndRow(0)
	}
	for i := range plain.slots {
		b.slots[b.Slot([]byte(plain.slots[i].Name))].Vectors = plain.slots[i].Vectors
	}
	return b
}

// TestSliceBatch: a slice has the rows of the batch, makes the block that a copy of
// them makes, and shares the values.
func TestSliceBatch(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 17))
	f := func(rows, from, to int) {
		t.Helper()
		b := sliceableBatch(rng, rows)
		copied, part := NewBatch(), b.slice(from, to)
		copied.appendRows(b, func(row int) bool { return row >= from && row < to })
		if !reflect.DeepEqual(rowsOfBatch(t, part), rowsOfBatch(t, copied)) || part.Bytes() != copied.Bytes() {
			t.Fatalf("seed %d: rows %d to %d of %d are others in a slice", seed, from, to, rows)
		}
		got, _ := sealed(t, part, BlockOptions{Richness: Rich})
		want, _ := sealed(t, copied, BlockOptions{Richness: Rich})
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: rows %d to %d of %d make another block as a slice", seed, from, to, rows)
		}
	}
	f(1, 0, 1)
	f(2, 1, 2)
	f(100, 0, 100)
	f(5000, 0, 4000)
	for range 20 {
		rows := 2 + rng.IntN(500)
		from := rng.IntN(rows - 1)
		f(rows, from, from+1+rng.IntN(rows-from-1))
	}
}

// TestCutBatchSlices: rows in order of time that straddle the limit of a class are
// not copied, those in no order are; each row is in the part of its class.
func TestCutBatchSlices(t *testing.T) {
	arrival := 10 * int64(clockSlack)
	f := func(shared bool, want map[blockKind]int, times ...int64) {
		t.Helper()
		b := NewBatch()
		for _, at := range times {
			b.SetInt(b.Slot([]byte("x")), at)
			b.EndRow(at)
		}
		whole, got := b.slots[0].Vectors[TypeInt64], map[blockKind]int{}
		low, high := unsafe.SliceData(whole.Ints), &whole.Ints[len(whole.Ints)-1]
		for _, p := range cutBatch(b, arrival) {
			got[p.class] += p.batch.Rows()
			v := p.batch.slots[0].Vectors[TypeInt64]
			for i, at := range p.batch.Times() {
				if timeClass(at, arrival) != p.class || v.Ints[i] != at {
					t.Fatalf("row %d of class %v has time %d, value %d", i, p.class, at, v.Ints[i])
				}
			}
			first := uintptr(unsafe.Pointer(unsafe.SliceData(v.Ints)))
			if in := first >= uintptr(unsafe.Pointer(low)) && first <= uintptr(unsafe.Pointer(high)); in != shared {
				t.Fatalf("times %v: a part shares the values: %t", times, in)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("times %v: rows by class %v, want %v", times, got, want)
		}
	}
	f(true, map[blockKind]int{classPast: 2, classNear: 1}, 1, 2, arrival)
	f(true, map[blockKind]int{classPast: 1, classNear: 2, classFuture: 2}, arrival, arrival+1, 3*arrival, 4*arrival, 1)
	f(true, map[blockKind]int{classNear: 1}, arrival)
	f(false, map[blockKind]int{classPast: 2, classNear: 1}, 1, arrival, 2)
}
