package query

import (
	"math"
	"slices"

	"github.com/kelpdb/kelp/storage"
)

// groupRow is one group as the inputs of an expression. It is moved from group
// to group.
type groupRow struct {
	plan     *Plan
	keys     []*Vec
	states   []State
	env      FinalEnv
	group    int
	filled   []bool // groups that FILL has added; nil: none
	ranking  bool   // rates only rank groups over the whole range
	warnings Warning
}

// Column, Key and Agg are Row's.
func (r *groupRow) Column(int) storage.Value { panic("BUG: a column outside of aggregates") }
func (r *groupRow) Key(i int) storage.Value  { return r.keys[i].Value(r.group) }
func (r *groupRow) Agg(i int) storage.Value {
	if r.isFilled() {
		if zero, ok := filledSum(r.plan, i, r.states[i]); ok {
			return zero
		}
	}
	return r.states[i].Value(r.group)
}

// Warn is Warner's.
func (r *groupRow) Warn(w Warning) { r.warnings |= w }

// rateSeconds is the length of the group's time bucket, else of the range.
func (r *groupRow) rateSeconds() float64 {
	if r.ranking { // which groups there are buckets of does not matter, nor does the length
		return 1
	}
	for k := range r.plan.Keys {
		key := &r.plan.Keys[k]
		if !key.TimeBucket || r.keys[k].IsNull(r.group) {
			continue
		}
		if s := key.buckets.seconds(r.keys[k].Ints[r.group]); s > 0 {
			return s
		}
	}
	from, to := r.plan.Range.From, r.plan.Range.To
	if from == timeMin {
		from = r.env.From
	}
	switch {
	case to == timeMax:
		to = r.env.To
	case r.plan.Closed:
		to--
	}
	return secondsBetween(from, to)
}

// finaliseGroups makes the rows of a grouped plan.
func finaliseGroups(plan *Plan, p *Partial, env FinalEnv, res *Result) {
	var filled []bool
	if plan.Fill {
		p, filled = fillBuckets(plan, p, env, res)
	}
	row := &groupRow{plan: plan, keys: p.Keys, states: p.States, env: env, filled: filled}
	items := sequence(p.Groups)
	if plan.Having != nil {
		kept := items[:0]
		for _, g := range items {
			row.group = int(g)
			if yes, known := plan.Having.Truth(row); yes && known {
				kept = append(kept, g)
			}
		}
		items = kept
	}
	warnOverflow(plan, p.States, res)
	if f := foldOther(row, items); f != nil {
		warnOverflow(plan, f.row.states, res)
		f.show(groupTable(f.row), res)
		row.warnings |= f.row.warnings
	} else {
		t := groupTable(row)
		cutAndShow(t, res, items, newResultOrder(t, plan.Order, p.Groups, items))
	}
	res.Warnings = append(res.Warnings, row.warnings.Texts()...)
}

// groupTable is the table of groups: outputs that are keys are there, the
// others are computed by moving the row.
func groupTable(row *groupRow) *resultTable {
	plan := row.plan
	t := &resultTable{plan: plan, types: shownTypes(plan, row.states), whole: make([]*Vec, len(plan.Outputs))}
	for i, o := range plan.Outputs {
		if o.Expr.Op == OpKey && row.keys[o.Expr.Index].Type == t.types[i] {
			t.whole[i] = row.keys[o.Expr.Index]
		}
	}
	t.eval = func(output, item int) storage.Value {
		row.group = item
		return plan.Outputs[output].Expr.Eval(row)
	}
	return t
}

// warnOverflow says which sums became floats and which counts are cut off.
func warnOverflow(plan *Plan, states []State, res *Result) {
	types, cut := shownTypes(plan, states), countsPastInt64(states)
	for i, o := range plan.Outputs {
		if types[i] != o.Type {
			res.Warnings = append(res.Warnings, "`"+o.Name+"` passes int64 in some group: the column is float64")
		}
		if o.Expr.any(func(b *Bound) bool { return b.Op == OpAgg && cut[b.Index] }) {
			res.Warnings = append(res.Warnings, "`"+o.Name+"` passes int64 in some group: its count stays at 9223372036854775807")
		}
	}
}

// countsPastInt64 tells of every aggregate whether it counts more in some group
// than its value says.
func countsPastInt64(states []State) []bool {
	cut := make([]bool, len(states))
	for i, s := range states {
		if c, ok := s.(*CountState); ok {
			cut[i] = slices.ContainsFunc(c.N, func(n uint64) bool { return n > math.MaxInt64 })
		}
	}
	return cut
}
