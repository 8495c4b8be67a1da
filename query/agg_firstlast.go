package query

import (
	"github.com/kelpdb/kelp/storage"
)

// FirstLastState keeps of each group the value of the earliest or latest row,
// of rows at the same time the smaller value.
type FirstLastState struct {
	Kind  AggKind // AggFirst or AggLast
	Times []int64 // of the values, ns
	cells
}

func newFirstLastState(a *Agg) *FirstLastState {
	return &FirstLastState{Kind: a.Kind, cells: cells{Type: a.Type}}
}

// AddInts feeds a run of a bool, int64 or time column with the times of its rows.
func (s *FirstLastState) AddInts(groups []uint32, times, values []int64) {
	for i, g := range groups {
		if s.Wants(g, times[i]) {
			s.AddValue(g, times[i], storage.Value{Type: s.Type, Int: values[i]})
		}
	}
}

// AddFloats feeds a run of floats.
func (s *FirstLastState) AddFloats(groups []uint32, times []int64, values []float64) {
	for i, g := range groups {
		if s.Wants(g, times[i]) {
			s.AddValue(g, times[i], storage.Float(values[i]))
		}
	}
}

// AddStrings feeds a run of text. Text that is kept is copied.
func (s *FirstLastState) AddStrings(groups []uint32, times []int64, values []string) {
	for i, g := range groups {
		if s.Wants(g, times[i]) {
			s.AddValue(g, times[i], storage.String(values[i]))
		}
	}
}

// Wants tells whether a value of a row at this time might be kept; if not, it
// need not be looked up.
func (s *FirstLastState) Wants(group uint32, time int64) bool {
	if !s.has(int(group)) {
		return true
	}
	if s.Kind == AggFirst {
		return time <= s.Times[group]
	}
	return time >= s.Times[group]
}

// AddValue feeds one value of any type; null does nothing.
func (s *FirstLastState) AddValue(group uint32, time int64, v storage.Value) {
	if v.IsNull() || !s.Wants(group, time) {
		return
	}
	if s.has(int(group)) && time == s.Times[group] && Order(v, s.value(int(group))) >= 0 {
		return
	}
	s.Times[group] = time
	s.set(int(group), v)
}

// Len, Grow, Merge, Value, Bytes and Columns are State's.
func (s *FirstLastState) Len() int { return s.n }

func (s *FirstLastState) Grow(n int) {
	s.Times = growSlice(s.Times, n)
	s.grow(n)
}

func (s *FirstLastState) Merge(src State, to []uint32) {
	from := src.(*FirstLastState)
	for i := range from.n {
		g := to[i]
		if !from.has(i) || !s.Wants(g, from.Times[i]) {
			continue
		}
		if s.has(int(g)) && from.Times[i] == s.Times[g] && from.compare(i, &s.cells, int(g)) >= 0 {
			continue
		}
		s.Times[g] = from.Times[i]
		s.take(int(g), &from.cells, i)
	}
}

func (s *FirstLastState) Value(i int) storage.Value { return s.value(i) }

func (s *FirstLastState) Bytes() int { return 8*cap(s.Times) + s.bytes() }

// Columns: times, and values, null in an empty group.
func (s *FirstLastState) Columns() []*Vec {
	return []*Vec{vecOfInts(s.Times), s.column()}
}

func decodeFirstLast(a *Agg, cols []*Vec) (State, error) {
	if err := checkColumns("first or last", cols, true, storage.TypeInt64, a.Type); err != nil {
		return nil, err
	}
	if cols[0].anyNull() {
		return nil, errState("first or last", "a time is null")
	}
	return &FirstLastState{Kind: a.Kind, Times: cols[0].Ints, cells: cellsOf(cols[1])}, nil
}
