package query

import (
	"cmp"
	"errors"
	"maps"
	"math"
	"math/bits"
	"slices"

	"github.com/kelpdb/kelp/storage"
)

// How a change is explained. Let A be the aggregate now and B before, and A', B' the
// same without the rows of some value. Then
//
//	share    = 1 - (A' - B') / (A - B)    how much of the move goes away with the rows
//	expected = 1 - B' / B                 how much of the level before went away with them
//	score    = share - expected
//
// Leaving rows out works for every aggregate, also for percentiles and distinct
// counts, of which the parts do not add up; of a count or a sum, share is simply the
// value's own move over that of all. Score is how much more of the move a value
// accounts for than of what there was before: a region with half of all traffic that
// has half of the new errors too explains nothing, and scores 0.

const (
	// factorsMax is how many values of a column are weighed: those with most
	// events, and those that moved most.
	factorsMax = 200

	// factorBytesMax is what the states of all weighed values may hold before fewer
	// are weighed, down to factorsMin: each is merged some eight times.
	factorBytesMax = 4 << 20
	factorsMin     = 8
)

// ChangeSide is the merged answer to Change.SQL for one of the ranges.
type ChangeSide struct {
	Plan    *Plan
	Partial *Partial
	Env     FinalEnv
}

// Factor is what a value, or a combination of values, has to do with a change.
// Numbers that cannot be known are NaN: aggregates over nothing, and shares of
// a move of nothing.
type Factor struct {
	By                        []int           // indexes into Change.By
	Values                    []storage.Value // one for each
	Now, Before               float64         // the aggregate of its rows
	Events, EventsBefore      float64         // their number, weighed
	Share, Expected, Score    float64
	withoutNow, withoutBefore float64
}

// Factors explains a change by the values of some of its columns. all is the change
// itself: its Now and Before are of all rows. The factors are in no order.
func Factors(by []int, now, before ChangeSide) (all Factor, list []Factor, err error) {
	for _, s := range []ChangeSide{now, before} {
		if err := checkPartial(s.Plan, s.Partial); err != nil {
			return all, nil, err
		}
	}
	values, err := alignValues(now.Partial, before.Partial)
	if err != nil {
		return all, nil, err
	}
	chosen := values.choose(now, before)
	n, b := values.leaveOut(&now, chosen, 0), values.leaveOut(&before, chosen, 1)
	all = Factor{Now: n.all, Before: b.all, Events: n.events, EventsBefore: b.events, Share: 1, Expected: 1}
	for i, v := range chosen {
		f := Factor{By: by, Values: values.values(v), Now: n.own[i], Before: b.own[i], Events: n.ownEvents[i], EventsBefore: b.ownEvents[i],
			withoutNow: n.without[i], withoutBefore: b.without[i]}
		f.weigh(&all)
		list = append(list, f)
	}
	return all, list, nil
}

// weigh fills in the shares.
func (f *Factor) weigh(all *Factor) {
	level := func(x float64) float64 { // of nothing there is nothing
		if x != x {
			return 0
		}
		return x
	}
	move := level(all.Now) - level(all.Before)
	f.Share, f.Expected, f.Score = math.NaN(), math.NaN(), math.NaN()
	if move == 0 || math.IsInf(move, 0) || math.IsNaN(f.withoutNow) != math.IsNaN(f.withoutBefore) {
		return
	}
	f.Share = 1 - (level(f.withoutNow)-level(f.withoutBefore))/move
	f.Expected = 0
	if b := level(all.Before); b != 0 && !math.IsInf(b, 0) {
		f.Expected = 1 - level(f.withoutBefore)/b
	}
	f.Score = f.Share - f.Expected
}

// CompareFactors ranks: the higher score first, those without one last, then fewer
// columns, then columns and values. Scores are compared by 9 digits, so that the last
// bits of a sum do not decide.
func CompareFactors(a, b *Factor) int {
	rank := func(f *Factor) float64 {
		if f.Score != f.Score {
			return math.Inf(-1)
		}
		return math.Round(f.Score*1e9) / 1e9
	}
	if c := cmp.Compare(rank(b), rank(a)); c != 0 {
		return c
	}
	if c := cmp.Compare(len(a.By), len(b.By)); c != 0 {
		return c
	}
	if c := slices.Compare(a.By, b.By); c != 0 {
		return c
	}
	return slices.CompareFunc(a.Values, b.Values, Order)
}

// alignedValues is the values of both sides: which there are, and which group of
// either side each is.
type alignedValues struct {
	keys  []*Vec
	count int
	of    [2][]uint32 // by side and group: the value
}

func alignValues(now, before *Partial) (*alignedValues, error) {
	a := &alignedValues{}
	for k, column := range now.Keys {
		if len(before.Keys) != len(now.Keys) || before.Keys[k].Type != column.Type {
			return nil, errors.New("a column has got values of another type between two questions: ask again")
		}
		a.keys = append(a.keys, NewVec(column.Type))
	}
	ids := newGroupIDs(a.keys, now.Groups+before.Groups)
	for side, p := range []*Partial{now, before} {
		a.of[side] = ids.of(p.Keys, p.Groups)
	}
	a.count = len(ids.hashes)
	return a, nil
}

// values is the combination of values with a number.
func (a *alignedValues) values(v int) []storage.Value {
	list := make([]storage.Value, len(a.keys))
	for k, column := range a.keys {
		list[k] = column.Value(v)
	}
	return list
}

// less orders the numbers of values by the values.
func (a *alignedValues) less(x, y int) bool {
	for _, column := range a.keys {
		if c := column.compare(x, column, y); c != 0 {
			return c < 0
		}
	}
	return false
}

// choose picks the values that are weighed, in a fixed order.
func (a *alignedValues) choose(now, before ChangeSide) []int {
	all := make([]int, a.count)
	for i := range all {
		all[i] = i
	}
	most := factorsMax
	if bytes := now.bytes() + before.bytes(); bytes > factorBytesMax {
		most = max(factorsMin, factorsMax*factorBytesMax/bytes)
	}
	if len(all) <= most {
		return selectBest(all, len(all), a.less)
	}
	events, moved := make([]float64, a.count), make([]float64, a.count)
	for side, s := range []ChangeSide{now, before} {
		row := s.row(s.Partial.States)
		sign := float64(1 - 2*side)
		for g, v := range a.of[side] {
			row.group = g
			events[v] = max(events[v], numberOr(row.output(eventsOutput), 0))
			moved[v] += sign * numberOr(row.output(aggOutput), 0)
		}
	}
	taken := make(map[int]bool)
	for _, by := range [][]float64{events, moved} {
		for _, v := range selectBest(all, most/2, func(x, y int) bool {
			if c := cmp.Compare(math.Abs(by[x]), math.Abs(by[y])); c != 0 { // NaN is the least
				return c > 0
			}
			return a.less(x, y)
		}) {
			taken[v] = true
		}
	}
	chosen := slices.Collect(maps.Keys(taken))
	return selectBest(chosen, len(chosen), a.less)
}

// bytes is about what the states hold.
func (s *ChangeSide) bytes() int {
	n := 0
	for _, state := range s.Partial.States {
		n += state.Bytes()
	}
	return n
}

// Outputs of Change.SQL.
const (
	aggOutput = iota
	eventsOutput
)

// sideValues is a side with each chosen value left out in turn.
type sideValues struct {
	all, events             float64
	own, without, ownEvents []float64 // by chosen value
}

// leaveOut evaluates the aggregate of all rows, and of each chosen value with and
// without. What is not chosen is folded into one group first.
func (a *alignedValues) leaveOut(s *ChangeSide, chosen []int, side int) sideValues {
	rest := uint32(len(chosen))
	place := make([]uint32, a.count)
	for i := range place {
		place[i] = rest
	}
	for i, v := range chosen {
		place[v] = uint32(i)
	}
	to := make([]uint32, s.Partial.Groups)
	for g := range to {
		to[g] = place[a.of[side][g]]
	}
	folded := s.fold(s.Partial.States, len(chosen)+1, to)
	row := s.row(s.fold(folded, 1, make([]uint32, len(chosen)+1)))
	out := sideValues{all: numberOr(row.output(aggOutput), math.NaN()), events: numberOr(row.output(eventsOutput), 0)}
	row = s.row(folded)
	for i := range chosen {
		row.group = i
		out.own = append(out.own, numberOr(row.output(aggOutput), math.NaN()))
		out.ownEvents = append(out.ownEvents, numberOr(row.output(eventsOutput), 0))
	}
	row = s.row(s.leaveEachOut(folded, len(chosen)+1))
	for i := range chosen {
		row.group = i
		out.without = append(out.without, numberOr(row.output(aggOutput), math.NaN()))
	}
	return out
}

// leaveEachOut makes of n groups as many, each of all but one.
func (s *ChangeSide) leaveEachOut(folded []State, n int) []State {
	out := make([]State, len(folded))
	var rest []int
	for i, state := range folded {
		if w, ok := state.(withouter); ok {
			if without := w.withoutEach(); without != nil {
				out[i] = leftOut{state, without}
				continue
			}
		}
		rest = append(rest, i)
	}
	for _, i := range rest {
		out[i] = s.mergeOthers(i, folded[i], n)
	}
	return out
}

// mergeOthers is leaveEachOut for one state, by merging. It halves: what is
// outside of a half is what is outside of both, and the other half. So each group is
// merged once for each time that n can be halved, and not n times.
func (s *ChangeSide) mergeOthers(agg int, folded State, n int) State {
	levels := bits.Len(uint(n - 1))
	outside := s.newState(agg, 1)
	to := make([]uint32, n)
	for level := 1; level <= levels; level++ {
		halves := 1 << level
		parents := make([]uint32, halves/2)
		next := s.newState(agg, halves)
		for half := range uint32(2) {
			for i := range parents {
				parents[i] = 2*uint32(i) + half
			}
			next.Merge(outside, parents)
		}
		for i := range to {
			to[i] = uint32(i>>(levels-level)) ^ 1 // the other half
		}
		next.Merge(folded, to)
		outside = next
	}
	return outside
}

// fold merges states into groups.
func (s *ChangeSide) fold(states []State, groups int, to []uint32) []State {
	out := make([]State, len(states))
	for i := range states {
		out[i] = s.newState(i, groups)
		out[i].Merge(states[i], to)
	}
	return out
}

// newState is an empty state of an aggregate.
func (s *ChangeSide) newState(agg, groups int) State {
	state := NewState(&s.Plan.Aggs[agg])
	state.Grow(groups)
	return state
}

func (s *ChangeSide) row(states []State) *groupRow {
	return &groupRow{plan: s.Plan, states: states, env: s.Env}
}

// output is the value of an output for the group that the row stands at.
func (r *groupRow) output(i int) storage.Value { return r.plan.Outputs[i].Expr.Eval(r) }

// numberOr is a number as a float64; other where it is none.
func numberOr(v storage.Value, other float64) float64 {
	switch v.Type {
	case storage.TypeInt64:
		return float64(v.Int)
	case storage.TypeFloat64:
		return v.Float
	}
	return other
}
