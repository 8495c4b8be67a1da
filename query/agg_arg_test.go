package query

import (
	"testing"

	"github.com/kelpdb/kelp/storage"
)

func TestArgDamagedColumns(t *testing.T) {
	a := &Agg{Kind: AggArgMax, Arg: &Bound{Type: storage.TypeInt64}, By: &Bound{Type: storage.TypeFloat64}, Type: storage.TypeInt64}
	nan := storage.Float(0)
	nan.Float /= nan.Float
	f := func(by, value storage.Value, good bool) {
		t.Helper()
		bys, values := NewVec(storage.TypeFloat64), NewVec(storage.TypeInt64)
		bys.Append(by)
		values.Append(value)
		if _, err := DecodeState(a, []*Vec{bys, values}); (err == nil) != good {
			t.Errorf("%v by %v: %v", value, by, err)
		}
	}
	f(storage.Float(1), storage.Int(2), true)
	f(storage.Value{}, storage.Value{}, true)
	f(storage.Float(1), storage.Value{}, false)
	f(storage.Value{}, storage.Int(2), false)
	f(nan, storage.Int(2), false)
}

func BenchmarkArgMax(b *testing.B) {
	const rows = 4096
	s := NewState(&Agg{Kind: AggArgMax, Arg: &Bound{Type: storage.TypeString}, By: &Bound{Type: storage.TypeFloat64}, Type: storage.TypeString}).(*ArgState)
	s.Grow(16)
	groups, by := make([]uint32, rows), make([]float64, rows)
	for i := range rows {
		groups[i], by[i] = uint32(i%16), float64(i*7919%1000)
	}
	value := storage.String("x")
	for b.Loop() {
		s.AddFloats(groups, by, func(int) storage.Value { return value })
	}
	b.SetBytes(rows)
}
