package storage

import (
	"reflect"
	"testing"
)

// heldBy is how many bytes the arrays take that a value holds, and those in their
// elements. Two slices of one array count twice.
func heldBy(v reflect.Value) (bytes int) {
	switch v.Kind() {
	case reflect.Slice:
		v = v.Slice(0, v.Cap()) // arrays wait behind the length for their next use
		bytes = v.Len() * int(v.Type().Elem().Size())
		for i := 0; i < v.Len() && holds(v.Type().Elem()); i++ {
			bytes += heldBy(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			bytes += heldBy(v.Field(i))
		}
	}
	return bytes
}

// holds tells whether values of a type hold arrays.
func holds(t reflect.Type) bool {
	for i := 0; t.Kind() == reflect.Struct && i < t.NumField(); i++ {
		if holds(t.Field(i).Type) {
			return true
		}
	}
	return t.Kind() == reflect.Slice
}

// TestEncoderHeld bounds the scratch memory of one encoder, of which there is one a
// processor for appends and one for merges: after full blocks, one after another, and
// after such are merged. Arrays that grew with each block would pass it.
func TestEncoderHeld(t *testing.T) {
	if underRace {
		t.Skip("one goroutine for much memory: the run without the race detector does it")
	}
	const appendMost, mergeMost = 21 << 20, 16 << 20
	e := new(encoder)
	for i := range 3 {
		b := workloadBatch(RowsPerBlockMax, int64(i)*RowsPerBlockMax)
		var shelf Shelf[*encoder]
		e.begin(b.Rows(), BlockOptions{Richness: Rich})
		e.orderRows(b.Times())
		if err := e.collect(b); err != nil {
			t.Fatal(err)
		}
		if _, _, err := e.block(nil, BlockOptions{Richness: Rich}); err != nil {
			t.Fatal(err)
		}
		e.release(&shelf)
		if got := heldBy(reflect.ValueOf(e).Elem()); got > appendMost {
			t.Errorf("after block %d an encoder holds %d bytes, more than %d", i, got, appendMost)
		} else {
			t.Logf("after block %d an encoder holds %d bytes", i, got)
		}
	}
	var parts []*Block
	for i := range 8 {
		data, _ := sealed(t, workloadBatch(RowsPerBlockMax/8, int64(i)*RowsPerBlockMax/8), BlockOptions{Richness: Rich})
		parts = append(parts, mustOpen(t, data))
	}
	if _, _, err := MergeBlocks(nil, parts, BlockOptions{Richness: Rich}); err != nil {
		t.Fatal(err)
	}
	m, ok := mergers.Take()
	if !ok {
		t.Fatal("a merge puts its encoder nowhere")
	}
	got := heldBy(reflect.ValueOf(m).Elem())
	if got > mergeMost {
		t.Errorf("after a merge its encoder holds %d bytes, more than %d", got, mergeMost)
	}
	t.Logf("after a merge its encoder holds %d bytes", got)
}
