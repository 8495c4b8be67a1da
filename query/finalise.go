package query

import (
	"fmt"
	"math"
	"slices"

	"github.com/kelpdb/kelp/storage"
)

// Finalise makes the answer of a merged partial: output expressions, HAVING,
// order, limits. Only what is shown, or needed to sort, is computed. The partial
// stays as it is. A partial that does not fit the plan is an error.
func Finalise(plan *Plan, p *Partial, env FinalEnv) (*Result, error) {
	if err := checkPartial(plan, p); err != nil {
		return nil, err
	}
	res := &Result{Truncated: p.Truncated, Warnings: slices.Concat(plan.Warnings, p.Warnings)}
	if p.Later > 0 {
		what := "1 row is later than now and is left out"
		if p.Later > 1 {
			what = fmt.Sprintf("%d rows are later than now and are left out", p.Later)
		}
		res.Warnings = append(res.Warnings, what)
	}
	if plan.Grouped {
		p = p.scaled(plan)
		finaliseGroups(plan, p, env, res)
	} else {
		t := rowTable(plan, p)
		items := sequence(partialRows(p))
		cutAndShow(t, res, items, newResultOrder(t, plan.Order, len(items), items))
	}
	res.Approximate = approximateColumns(plan, p)
	res.Bucket = bucketOf(plan)
	res.Warnings = tidyWarnings(res.Warnings)
	return res, nil
}

// rowTable is the table of a row plan: every output is there.
func rowTable(plan *Plan, p *Partial) *resultTable {
	t := &resultTable{plan: plan, whole: p.Rows}
	for _, o := range plan.Outputs {
		t.types = append(t.types, o.Type)
	}
	return t
}

func sequence(n int) []uint32 {
	items := make([]uint32, n)
	for i := range items {
		items[i] = uint32(i)
	}
	return items
}

// cutAndShow sorts items, applies the limits and shows what is left.
func cutAndShow(t *resultTable, res *Result, items []uint32, order *resultOrder) {
	limit := &t.plan.Limit
	if limit.ByN > 0 {
		items = limitBy(t, selectBest(items, len(items), order.less))
	}
	from, to := cutRows(limit, res, len(items))
	if limit.ByN > 0 {
		items = items[:to] // they are in order
	} else {
		items = selectBest(items, to, order.less)
	}
	t.show(res, items[from:])
}

// cutRows returns which of so many rows LIMIT and OFFSET leave, and notes what was
// not asked for.
func cutRows(limit *Limit, res *Result, rows int) (from, to int) {
	total := int64(rows)
	keep := total
	if limit.N >= 0 {
		keep = min(total, saturatedSum(limit.N, limit.Offset))
	}
	skip := min(limit.Offset, keep)
	if keep < total && !limit.Explicit && res.Truncated == nil {
		res.Truncated = &Truncated{By: "rows", Limit: limit.N, Kept: keep - skip}
	}
	return int(skip), int(keep)
}

func saturatedSum(a, b int64) int64 {
	if sum, ok := addInt64(a, b); ok {
		return sum
	}
	return math.MaxInt64
}

// limitBy keeps the first n items of each value of the By outputs.
func limitBy(t *resultTable, sorted []uint32) []uint32 {
	limit := &t.plan.Limit
	cols := make([]*Vec, len(limit.By))
	keys := make([]*Vec, len(limit.By))
	for k, o := range limit.By {
		cols[k], keys[k] = NewVec(t.types[o]), NewVec(t.types[o])
		for _, i := range sorted {
			cols[k].Append(t.value(o, int(i)))
		}
	}
	ids := newGroupIDs(keys, 0)
	of := ids.of(cols, len(sorted))
	return firstOfEach(sorted, of, len(ids.hashes), limit.ByN)
}

// firstOfEach keeps the first n items of each value; of is the value of each.
func firstOfEach(items, of []uint32, values int, n int64) []uint32 {
	taken := make([]int64, values)
	kept := make([]uint32, 0, len(items))
	for at, i := range items {
		if taken[of[at]] < n {
			taken[of[at]]++
			kept = append(kept, i)
		}
	}
	return kept
}

// approximateColumns names the shown outputs that depend on an aggregate that
// is approximate by kind, or became so.
func approximateColumns(plan *Plan, p *Partial) []string {
	names := []string{}
	if !plan.Grouped {
		return names
	}
	approx := make([]bool, len(plan.Aggs))
	for i, a := range plan.Aggs {
		approx[i] = a.Kind == AggPercentile || a.Kind == AggUniq
	}
	for _, i := range p.Approx {
		if i >= 0 && i < len(approx) {
			approx[i] = true
		}
	}
	for i, s := range p.States {
		if exact, ok := s.(MayApproximate); ok && exact.Approx() {
			approx[i] = true
		}
	}
	for _, o := range plan.Outputs {
		if !o.Hidden && o.Expr.any(func(b *Bound) bool { return b.Op == OpAgg && approx[b.Index] }) {
			names = append(names, o.Name)
		}
	}
	return names
}

// any tells whether test holds for the expression or a part of it.
func (b *Bound) any(test func(*Bound) bool) bool {
	if test(b) {
		return true
	}
	for _, arg := range b.Args {
		if arg.any(test) {
			return true
		}
	}
	return false
}

// bucketOf finds the first shown column that is a time bucket of fixed width.
func bucketOf(plan *Plan) *Bucket {
	for _, o := range plan.Outputs {
		if o.Hidden || o.Expr.Op != OpKey {
			continue
		}
		if k := &plan.Keys[o.Expr.Index]; k.TimeBucket && k.Width > 0 {
			return &Bucket{Column: o.Name, WidthMs: k.Width / (nsPerSecond / 1000)}
		}
	}
	return nil
}

// shownTypes are the types of the outputs given what their values became: an
// integer sum that passes int64 makes floats of its column and of what is
// computed from it.
func shownTypes(plan *Plan, states []State) []storage.Type {
	types := make([]storage.Type, len(plan.Outputs))
	for i, o := range plan.Outputs {
		types[i] = o.Type
		if plan.becomesFloat(o.Expr, states) {
			types[i] = storage.TypeFloat64
		}
	}
	return types
}

func (p *Plan) becomesFloat(b *Bound, states []State) bool {
	if b.Type != storage.TypeInt64 || b.Op == OpCast {
		return false
	}
	if b.Op == OpAgg { // of both ranges of COMPARE, so that they have one type
		return passesInt64(states[b.Index]) || passesInt64(states[p.twinAgg(b.Index)])
	}
	for _, arg := range b.Args {
		if p.becomesFloat(arg, states) {
			return true
		}
	}
	return false
}

// passesInt64 tells an integer sum that passes int64 in some group.
func passesInt64(s State) bool {
	sum, ok := s.(*SumState)
	return ok && sum.Kind == AggSum && sum.Type == storage.TypeInt64 && sum.Overflow()
}
