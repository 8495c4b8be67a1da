package query

import (
	"cmp"

	"github.com/kelpdb/kelp/storage"
)

// ArgState is for arg_min and arg_max: of each group it keeps the value of the
// row in which another one, by, is smallest or largest; of rows with equal by
// the smaller value. NaN in by is skipped, as by min and max.
type ArgState struct {
	Kind  AggKind // AggArgMin or AggArgMax
	by    cells
	cells // of the rows chosen
}

func newArgState(a *Agg) *ArgState {
	return &ArgState{Kind: a.Kind, by: cells{Type: a.By.Type}, cells: cells{Type: a.Type}}
}

// loses tells whether by is worse than what the group has, given how it compares.
func (s *ArgState) loses(c int) bool { return c != 0 && (c > 0) != (s.Kind == AggArgMax) }

// AddInts feeds a run of by as a bool, int64 or time column; value gives the
// value of the row at a position of the run, and is asked only where it may be kept.
func (s *ArgState) AddInts(groups []uint32, by []int64, value func(at int) storage.Value) {
	for i, g := range groups {
		if s.by.has(int(g)) && s.loses(cmp.Compare(by[i], s.by.Ints[g])) {
			continue
		}
		s.AddValue(g, storage.Value{Type: s.by.Type, Int: by[i]}, value(i))
	}
}

// AddFloats feeds a run of by as floats.
func (s *ArgState) AddFloats(groups []uint32, by []float64, value func(at int) storage.Value) {
	for i, g := range groups {
		b := by[i]
		if b != b || s.by.has(int(g)) && s.loses(compareFloats(b, s.by.Floats[g])) {
			continue
		}
		s.AddValue(g, storage.Float(b), value(i))
	}
}

// AddStrings feeds a run of by as text. Text that is kept is copied.
func (s *ArgState) AddStrings(groups []uint32, by []string, value func(at int) storage.Value) {
	for i, g := range groups {
		if s.by.has(int(g)) && s.loses(cmp.Compare(by[i], s.by.Strs[g])) {
			continue
		}
		s.AddValue(g, storage.String(by[i]), value(i))
	}
}

// AddValue feeds one row; it does nothing if either is null.
func (s *ArgState) AddValue(group uint32, by, v storage.Value) {
	g := int(group)
	if by.IsNull() || v.IsNull() || by.Type == storage.TypeFloat64 && by.Float != by.Float {
		return
	}
	if s.by.has(g) {
		c := Order(by, s.by.value(g))
		if s.loses(c) || c == 0 && Order(v, s.value(g)) >= 0 {
			return
		}
	}
	s.by.set(g, by)
	s.set(g, v)
}

// Len, Grow, Merge, Value, Bytes and Columns are State's.
func (s *ArgState) Len() int { return s.n }

func (s *ArgState) Grow(n int) {
	s.by.grow(n)
	s.grow(n)
}

func (s *ArgState) Merge(src State, to []uint32) {
	from := src.(*ArgState)
	for i := range from.n {
		g := int(to[i])
		if !from.has(i) {
			continue
		}
		if s.has(g) {
			c := from.by.compare(i, &s.by, g)
			if s.loses(c) || c == 0 && from.compare(i, &s.cells, g) >= 0 {
				continue
			}
		}
		s.by.take(g, &from.by, i)
		s.take(g, &from.cells, i)
	}
}

func (s *ArgState) Value(i int) storage.Value { return s.value(i) }

func (s *ArgState) Bytes() int { return s.by.bytes() + s.bytes() }

// Columns: by and the values, both null in an empty group.
func (s *ArgState) Columns() []*Vec { return []*Vec{s.by.column(), s.column()} }

func decodeArg(a *Agg, cols []*Vec) (State, error) {
	const what = "arg_min or arg_max"
	if err := checkColumns(what, cols, true, a.By.Type, a.Type); err != nil {
		return nil, err
	}
	for i := range cols[0].Len() {
		if cols[0].IsNull(i) != cols[1].IsNull(i) {
			return nil, errState(what, "group %d is half empty", i)
		}
		if cols[0].Type == storage.TypeFloat64 && !cols[0].IsNull(i) && cols[0].Floats[i] != cols[0].Floats[i] {
			return nil, errState(what, "group %d was chosen by NaN", i)
		}
	}
	return &ArgState{Kind: a.Kind, by: cellsOf(cols[0]), cells: cellsOf(cols[1])}, nil
}
