package storage

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// shapedBatch has a row with each of the columns.
func shapedBatch(columns ...columnName) *Batch {
	b := NewBatch()
	for _, c := range columns {
		v := b.vector(c.name, c.typ)
		v.Rows, v.Ints = append(v.Rows, 0), append(v.Ints, 1)
	}
	b.EndRow(time.Now().UnixNano())
	return b
}

// TestShape: it says the same for the same columns, whatever their order and
// what else the batch has slots for, and else something else.
func TestShape(t *testing.T) {
	var all []columnName
	for i := range 6 {
		for _, typ := range []Type{TypeBool, TypeInt64, TypeTime} {
			all = append(all, columnName{fmt.Sprint("column", i), typ})
		}
	}
	seen := map[uint64]int{}
	for set := range 1 << len(all) {
		if set%7 != 0 && set > 1<<12 {
			continue
		}
		var columns []columnName
		for i, c := range all {
			if set>>i&1 != 0 {
				columns = append(columns, c)
			}
		}
		shape := shapedBatch(columns...).shape()
		if other, ok := seen[shape]; ok || shape == 0 {
			t.Fatalf("sets %b and %b of columns have shape %x", set, other, shape)
		}
		seen[shape] = set
		rand.Shuffle(len(columns), func(i, j int) { columns[i], columns[j] = columns[j], columns[i] })
		worn := shapedBatch(append(columns, columnName{"more", TypeInt64})...)
		more := worn.vector("more", TypeInt64)
		more.Rows, more.Ints = more.Rows[:0], more.Ints[:0]
		if worn.shape() != shape {
			t.Fatalf("columns %v have two shapes", columns)
		}
	}
}

// TestChangesTellOfColumns: a reader of Changes has to look at the columns only
// after rows of a kind that was not there.
func TestChangesTellOfColumns(t *testing.T) {
	s := testOpen(t, testConfig(t, testShm(t)))
	defer func() { testClose(t, s) }()
	a, b := columnName{"a", TypeInt64}, columnName{"b", TypeInt64}
	since := uint64(0)
	f := func(want bool, columns ...columnName) {
		t.Helper()
		testAppend(t, s, Append{Table: "t", Batch: shapedBatch(columns...)})
		upTo, changes, _ := s.Changes(since)
		if len(changes) != 1 || changes[0].Columns != want {
			t.Errorf("%v: %+v", columns, changes)
		}
		since = upTo
	}
	f(true, a)
	for range 3 {
		f(false, a)
	}
	f(true, a, b)
	f(true, b)
	f(false, a, b)
	f(true, columnName{"a", TypeBool})
	for i := range shapesMax + 10 {
		f(true, columnName{fmt.Sprint("c", i), TypeInt64})
	}
	if tab, _ := s.Table("t"); len(tab.shapes.known) > shapesMax {
		t.Errorf("%d sets of columns are remembered", len(tab.shapes.known))
	}
}
