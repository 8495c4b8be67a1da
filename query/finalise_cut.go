package query

import (
	"math"
	"math/bits"

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
// if all are needed, or none can be ruled out. present is a bitmap of the groups
// that there are, where the states have room for more; nil: all n. A clause that
// looks at groups that are not shown has to be named here.
func ShownGroups(plan *Plan, n int, states []State, present []uint64) (shown []uint32, ok bool) {
	limit := &plan.Limit
	if present != nil {
		n = 0
		for _, w := range present {
			n += bits.OnesCount64(w)
		}
	}
	if !plan.Grouped || plan.Having != nil || limit.WithOther || limit.ByN > 0 || limit.N < 0 ||
		len(plan.Order) == 0 || n < cutMin || plan.Fill || plan.Compare != nil || plan.Sample != nil {
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
	by, ok := rankStates(plan.Order[0], states[first.Index], present)
	if !ok {
		return nil, false
	}
	shown = by.upTo(by.last(int(keep)))
	return shown, len(shown) < n
}

// A ranking sorts groups as one of their states does: the smallest rank is shown
// first.
type ranking struct {
	values  []uint64
	flip    uint64
	weights []uint64 // nil: no group is null; else those without weight are
	null    uint64   // the rank of null
	present bitmap   // the groups that there are; nil: all
}

// rankStates returns the ranking under a term of the order; false if the values are
// better computed one by one.
func rankStates(by OrderTerm, state State, present []uint64) (ranking, bool) {
	r := ranking{flip: 1 << 63, null: math.MaxUint64, present: present}
	if by.Desc {
		r.flip = ^r.flip
	}
	if by.NullsFirst {
		r.null = 0
	}
	switch s := state.(type) {
	case *CountState:
		r.values = s.N
		return r, true
	case *SumState:
		r.values, r.weights = s.Lo, s.Weight
		return r, s.Kind == AggSum && s.Type == storage.TypeInt64
	}
	return r, false
}

// each visits the groups whose rank is at most limit, which visit may lower.
func (r *ranking) each(limit uint64, visit func(group int, rank uint64) uint64) {
	if r.weights == nil {
		for g, v := range r.values {
			if rank := v ^ r.flip; rank <= limit && (r.present == nil || r.present.has(g)) {
				limit = visit(g, rank)
			}
		}
		return
	}
	for g, v := range r.values {
		rank := v ^ r.flip
		if r.weights[g] == 0 {
			rank = r.null
		}
		if rank <= limit && (r.present == nil || r.present.has(g)) {
			limit = visit(g, rank)
		}
	}
}

// last is the rank of the keep-th group; there are as many.
func (r *ranking) last(keep int) uint64 {
	less := func(a, b uint64) bool { return a < b }
	limit := uint64(math.MaxUint64)
	best := make([]uint64, 0, 2*keep+cutMin)
	r.each(limit, func(_ int, rank uint64) uint64 {
		if best = append(best, rank); len(best) == cap(best) {
			copy(best, selectBest(best, keep, less))
			best = best[:keep]
			limit = max(best[keep-1], 1) - 1 // others can only tie
		}
		return limit
	})
	return selectBest(best, keep, less)[keep-1]
}

// upTo returns the groups up to a rank.
func (r *ranking) upTo(last uint64) (groups []uint32) {
	r.each(last, func(g int, _ uint64) uint64 {
		groups = append(groups, uint32(g))
		return last
	})
	return groups
}

// picker is a State that can be cut to some of its groups.
type picker interface {
	// pick returns a state of these groups alone, which shares memory with the old.
	pick(groups []uint32) State
}

// PickGroups returns the states of some groups, which ShownGroups has returned for
// them. The old ones keep nothing but their memory, see Flat.
func PickGroups(states []State, groups []uint32) []State {
	out := make([]State, len(states))
	for i, s := range states {
		out[i] = s.(picker).pick(groups)
	}
	return out
}

// An adopter is a State that takes over groups of another as they are.
type adopter interface{ adopt(src State, to []uint32) }

// Adopt folds groups of src, which nobody asks any more, into groups of dst that have
// nothing yet, each into one of its own: without a copy where that would be large.
func Adopt(dst, src State, to []uint32) {
	if a, can := dst.(adopter); can {
		a.adopt(src, to)
		return
	}
	dst.Merge(src, to)
}

func (s *PercentileState) adopt(src State, to []uint32) {
	for i, g := range to {
		s.hists[g] = src.(*PercentileState).hists[i]
	}
}

func (s *UniqState) adopt(src State, to []uint32) {
	for i, g := range to {
		s.sets[g] = src.(*UniqState).sets[i]
	}
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
	return &PercentileState{share: s.share, bins: s.bins, hists: pickFrom(s.hists, groups)}
}

func (s *MinMaxState) pick(groups []uint32) State {
	return &MinMaxState{Kind: s.Kind, cells: s.cells.pick(groups)}
}

func (s *UniqState) pick(groups []uint32) State { return &UniqState{sets: pickFrom(s.sets, groups)} }
