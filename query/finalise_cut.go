package query

import (
	"math"

	"github.com/kelpdb/kelp/storage"
)

// A leaf that knows that its answer is not merged with others need not write out
// a million groups of which twenty are shown. It keeps those that the first term
// of the order does not rule out; what Finalise makes of them is the same.

// cutMin is how many groups there must be, and cutShare how many times as many as
// are shown, for leaving some out to be worth a look at all.
const (
	cutMin   = 1024
	cutShare = 4
)

// ShownGroups returns the groups, ascending, out of which Finalise will make the
// same answer as out of all n groups of a partial with these states; ok is false
// if all are needed, or none can be ruled out. A clause that looks at groups that
// are not shown has to be named here.
func ShownGroups(plan *Plan, n int, states []State) (shown []uint32, ok bool) {
	limit := &plan.Limit
	if !plan.Grouped || plan.Having != nil || limit.WithOther || limit.ByN > 0 || limit.N < 0 ||
		len(plan.Order) == 0 || n < cutMin || plan.Fill || plan.Compare != nil {
		return nil, false
	}
	// One more than is shown, so that Finalise sees that there were more.
	keep := saturatedSum(saturatedSum(limit.N, limit.Offset), 1)
	if keep > int64(n)/cutShare {
		return nil, false
	}
	for _, s := range states {
		if _, can := s.(picker); !can {
			return nil, false
		}
		// These say in a warning, or by the type of their column, what is in any group.
		if sum, is := s.(*SumState); is && sum.Kind == AggSum && sum.Overflow() {
			return nil, false
		}
	}
	for _, cut := range countsPastInt64(states) {
		if cut {
			return nil, false
		}
	}
	for _, t := range plan.Order { // other expressions may warn
		if op := plan.Outputs[t.Output].Expr.Op; op != OpAgg && op != OpKey {
			return nil, false
		}
	}
	first := plan.Outputs[plan.Order[0].Output].Expr
	if first.Op != OpAgg {
		return nil, false
	}
	prefix := statePrefixes(plan.Order[0], states[first.Index], n)
	if prefix == nil {
		return nil, false
	}
	best := selectBest(prefix, int(keep), func(a, b uint64) bool { return a < b })
	last := best[len(best)-1]
	for g, p := range prefix {
		if p <= last {
			shown = append(shown, uint32(g))
		}
	}
	return shown, len(shown) < n
}

// statePrefixes returns for each group a number that sorts as the state's value
// does under a term of the order; nil if the values are better computed one by one.
func statePrefixes(by OrderTerm, state State, n int) []uint64 {
	var values []uint64
	var null func(g int) bool
	switch s := state.(type) {
	case *CountState:
		values = s.N
	case *SumState:
		if s.Kind != AggSum || s.Type != storage.TypeInt64 {
			return nil
		}
		values, null = s.Lo, func(g int) bool { return s.Weight[g] == 0 }
	default:
		return nil
	}
	out := make([]uint64, n)
	flip := uint64(1 << 63)
	if by.Desc {
		flip = ^flip
	}
	for g, v := range values[:n] {
		out[g] = v ^ flip
	}
	if null == nil {
		return out
	}
	missing := uint64(math.MaxUint64)
	if by.NullsFirst {
		missing = 0
	}
	for g := range out {
		if null(g) {
			out[g] = missing
		}
	}
	return out
}

// picker is a State that can be cut to some of its groups.
type picker interface {
	// pick returns a state of these groups alone, which shares memory with the old.
	pick(groups []uint32) State
}

// PickGroups returns the states of some groups, which ShownGroups has returned for
// them. The old ones are not to be used any more.
func PickGroups(states []State, groups []uint32) []State {
	out := make([]State, len(states))
	for i, s := range states {
		out[i] = s.(picker).pick(groups)
	}
	return out
}

// pickFrom returns the elements of some groups; none of a slice that is empty.
func pickFrom[T any](from []T, groups []uint32) []T {
	if len(from) == 0 {
		return nil
	}
	out := make([]T, len(groups))
	for i, g := range groups {
		out[i] = from[g]
	}
	return out
}

func (f *floatSums) pick(groups []uint32) floatSums {
	return floatSums{Sum: pickFrom(f.Sum, groups), Err: pickFrom(f.Err, groups)}
}

func (c *cells) pick(groups []uint32) cells {
	out := cells{
		Type: c.Type, Seen: make([]uint64, bitmapWords(len(groups))), Ints: pickFrom(c.Ints, groups),
		Floats: pickFrom(c.Floats, groups), Strs: pickFrom(c.Strs, groups), Lists: pickFrom(c.Lists, groups), n: len(groups),
	}
	for i, g := range groups {
		if c.has(int(g)) {
			bitmap(out.Seen).set(i)
		}
	}
	return out
}

func (s *CountState) pick(groups []uint32) State { return &CountState{N: pickFrom(s.N, groups)} }

func (s *SumState) pick(groups []uint32) State {
	return &SumState{
		Kind: s.Kind, Type: s.Type, Hi: pickFrom(s.Hi, groups), Lo: pickFrom(s.Lo, groups),
		Weight: pickFrom(s.Weight, groups), floats: s.floats.pick(groups),
	}
}

func (s *VarState) pick(groups []uint32) State {
	return &VarState{
		Kind: s.Kind, Weight: pickFrom(s.Weight, groups), sums: s.sums.pick(groups), squares: s.squares.pick(groups),
	}
}

func (s *PercentileState) pick(groups []uint32) State {
	return &PercentileState{share: s.share, hists: pickFrom(s.hists, groups)}
}

func (s *MinMaxState) pick(groups []uint32) State {
	return &MinMaxState{Kind: s.Kind, cells: s.cells.pick(groups)}
}

func (s *UniqState) pick(groups []uint32) State { return &UniqState{sets: pickFrom(s.sets, groups)} }
