package query

import (
	"github.com/kelpdb/kelp/storage"
)

// MinMaxState is for min, max and any, which is the smallest by Order. min and
// max skip NaN; to any it is the largest value.
type MinMaxState struct {
	Kind AggKind // AggMin, AggMax or AggAny
	cells
}

func newMinMaxState(a *Agg) *MinMaxState {
	return &MinMaxState{Kind: a.Kind, cells: cells{Type: a.Type}}
}

// AddInts feeds a run of a bool, int64 or time column.
func (s *MinMaxState) AddInts(groups []uint32, values []int64) {
	largest := s.Kind == AggMax
	for i, g := range groups {
		v := values[i]
		if !s.has(int(g)) {
			bitmap(s.Seen).set(int(g))
			s.Ints[g] = v
		} else if (v > s.Ints[g]) == largest { // equal values may be kept or set
			s.Ints[g] = v
		}
	}
}

// AddFloats feeds a run of floats.
func (s *MinMaxState) AddFloats(groups []uint32, values []float64) {
	for i, g := range groups {
		v := values[i]
		if v != v && s.Kind != AggAny {
			continue
		}
		if !s.has(int(g)) {
			bitmap(s.Seen).set(int(g))
			s.Floats[g] = v
		} else if c := compareFloats(v, s.Floats[g]); c > 0 && s.Kind == AggMax || c < 0 && s.Kind != AggMax {
			s.Floats[g] = v
		}
	}
}

// AddStrings feeds a run of text. Text that is kept is copied.
func (s *MinMaxState) AddStrings(groups []uint32, values []string) {
	for i, g := range groups {
		s.AddValue(g, storage.String(values[i]))
	}
}

// AddValue feeds one value of any type; null does nothing.
func (s *MinMaxState) AddValue(group uint32, v storage.Value) {
	if v.IsNull() || v.Type == storage.TypeFloat64 && v.Float != v.Float && s.Kind != AggAny {
		return
	}
	if s.has(int(group)) {
		if c := Order(v, s.value(int(group))); c == 0 || (c > 0) != (s.Kind == AggMax) {
			return
		}
	}
	s.set(int(group), v)
}

// Len, Grow, Merge, Value, Bytes and Columns are State's.
func (s *MinMaxState) Len() int { return s.n }

func (s *MinMaxState) Grow(n int) { s.grow(n) }

func (s *MinMaxState) Merge(src State, to []uint32) {
	from := &src.(*MinMaxState).cells
	for i := range from.n {
		g := int(to[i])
		if !from.has(i) {
			continue
		}
		if s.has(g) {
			if c := from.compare(i, &s.cells, g); c == 0 || (c > 0) != (s.Kind == AggMax) {
				continue
			}
		}
		s.take(g, from, i)
	}
}

func (s *MinMaxState) Value(i int) storage.Value { return s.value(i) }

func (s *MinMaxState) Bytes() int { return s.bytes() }

// Columns: the values, null in an empty group.
func (s *MinMaxState) Columns() []*Vec { return []*Vec{s.column()} }

func decodeMinMax(a *Agg, cols []*Vec) (State, error) {
	if err := checkColumns("min, max or any", cols, true, a.Type); err != nil {
		return nil, err
	}
	return &MinMaxState{Kind: a.Kind, cells: cellsOf(cols[0])}, nil
}
