package query

import (
	"math"
	"slices"

	"github.com/kelpdb/kelp/storage"
)

// folded is the groups after WITH OTHER: those kept, then those that stand for
// all the others.
type folded struct {
	row     *groupRow
	kept    int // groups below are kept, those from here on are Other's
	groups  int
	folded  int   // combinations that Other stands for
	across  []int // keys: time buckets, over all of which groups are ranked
	combine []int // the others, whose combinations are kept or folded
	held    []int // keys that Other's groups have too: time buckets, and those of LIMIT BY
}

// foldOther keeps the best LIMIT n combinations of the keys that are not time
// buckets, ranked over the whole range, and folds the states of all others
// together: into one group, or one per time bucket. LIMIT n BY x does so for each x
// by itself. It is nil if the plan does not ask for it. items are the groups that
// HAVING lets through.
func foldOther(row *groupRow, items []uint32) *folded {
	plan := row.plan
	if !plan.Limit.WithOther || len(plan.Keys) == 0 {
		return nil
	}
	f := &folded{}
	for k := range plan.Keys {
		by := slices.Contains(plan.Limit.ByKeys, k)
		if plan.Keys[k].TimeBucket && !by {
			f.across = append(f.across, k)
		} else {
			f.combine = append(f.combine, k)
		}
		if plan.Keys[k].TimeBucket || by {
			f.held = append(f.held, k)
		}
	}
	keep := make([]bool, row.keys[0].Len())
	if len(f.across) == 0 {
		order := newResultOrder(groupTable(row), plan.Order, len(keep), items)
		best := bestOfLimit(row, slices.Clone(items), order)
		f.folded = len(items) - len(best)
		for _, g := range best {
			keep[g] = true
		}
	} else {
		comboOf, combos := combinations(row, items, f.combine)
		best := f.rankCombinations(row, items, comboOf, combos)
		f.folded = combos - len(best)
		keepCombo := make([]bool, combos)
		for _, c := range best {
			keepCombo[c] = true
		}
		for at, g := range items {
			keep[g] = keepCombo[comboOf[at]]
		}
	}
	f.fold(row, items, keep)
	return f
}

// bestOfLimit returns the items that WITH OTHER keeps: the best after the offset, or
// the best of each value of the keys of LIMIT BY. items come into disorder.
func bestOfLimit(row *groupRow, items []uint32, order *resultOrder) []uint32 {
	limit := &row.plan.Limit
	if limit.ByN == 0 {
		most := min(saturatedSum(limit.Offset, limit.N), int64(len(items)))
		best := selectBest(items, int(most), order.less)
		return best[min(limit.Offset, int64(len(best))):]
	}
	items = selectBest(items, len(items), order.less)
	of, values := combinations(row, items, limit.ByKeys)
	return firstOfEach(items, of, values, limit.ByN)
}

// combinations numbers the combinations of some keys over items. comboOf is by item.
func combinations(row *groupRow, items []uint32, keys []int) (comboOf []uint32, count int) {
	cols := takeKeys(row, items, keys)
	ids := newGroupIDs(emptyLike(cols), len(items))
	comboOf = ids.of(cols, len(items))
	return comboOf, len(ids.hashes)
}

// takeKeys copies some keys of items.
func takeKeys(row *groupRow, items []uint32, keys []int) []*Vec {
	cols := make([]*Vec, len(keys))
	for i, k := range keys {
		cols[i] = NewVec(row.keys[k].Type)
		for _, g := range items {
			cols[i].AppendFrom(row.keys[k], int(g))
		}
	}
	return cols
}

func emptyLike(cols []*Vec) []*Vec {
	out := make([]*Vec, len(cols))
	for i, c := range cols {
		out[i] = NewVec(c.Type)
	}
	return out
}

// regroup folds the states of all groups by to. Groups that are not in items
// stay by themselves behind the others, where nobody reads them.
func regroup(row *groupRow, items, to []uint32, groups int) []State {
	const unset = math.MaxUint32
	all := slices.Repeat([]uint32{unset}, row.keys[0].Len())
	for at, g := range items {
		all[g] = to[at]
	}
	size := groups
	for g, id := range all {
		if id == unset {
			all[g] = uint32(size)
			size++
		}
	}
	states := make([]State, len(row.states))
	for a, s := range row.states {
		states[a] = NewState(&row.plan.Aggs[a])
		states[a].Grow(size)
		states[a].Merge(s, all)
	}
	return states
}

// rankCombinations returns the combinations that are kept.
func (f *folded) rankCombinations(row *groupRow, items, comboOf []uint32, combos int) []uint32 {
	whole := &groupRow{plan: row.plan, env: row.env, ranking: true, states: regroup(row, items, comboOf, combos),
		filled: allFilled(row.filled, items, comboOf, combos)}
	first := make([]uint32, combos)
	for at := len(items) - 1; at >= 0; at-- {
		first[comboOf[at]] = items[at]
	}
	for k, c := range row.keys {
		col := NewVec(c.Type)
		for _, g := range first {
			if slices.Contains(f.across, k) {
				col.Append(storage.Value{})
			} else {
				col.AppendFrom(c, int(g))
			}
		}
		whole.keys = append(whole.keys, col)
	}
	t := groupTable(whole)
	ranked := sequence(combos)
	order := newResultOrder(t, rankingTerms(row.plan, f.across), combos, ranked)
	return bestOfLimit(whole, ranked, order)
}

// rankingTerms are the terms of the order that do not look at the time. If the
// order begins with the time and goes on without an aggregate, descending, the
// ranking is by the first aggregate: the largest are meant to be kept.
func rankingTerms(plan *Plan, bucketKeys []int) []OrderTerm {
	var terms []OrderTerm
	for _, o := range plan.Order {
		if !dependsOnKeys(plan.Outputs[o.Output].Expr, bucketKeys) {
			terms = append(terms, o)
		}
	}
	led := len(plan.Order) > 0 && dependsOnKeys(plan.Outputs[plan.Order[0].Output].Expr, bucketKeys)
	if !led || len(terms) > 0 && terms[0].Desc && dependsOnAgg(plan.Outputs[terms[0].Output].Expr) {
		return terms
	}
	for i, o := range plan.Outputs {
		if dependsOnAgg(o.Expr) {
			return append([]OrderTerm{{Output: i, Desc: true, Digits12: true}}, terms...)
		}
	}
	return terms
}

func dependsOnKeys(b *Bound, keys []int) bool {
	return b.any(func(b *Bound) bool {
		if b.Op != OpKey {
			return false
		}
		for _, k := range keys {
			if b.Index == k {
				return true
			}
		}
		return false
	})
}

func dependsOnAgg(b *Bound) bool {
	return b.any(func(b *Bound) bool { return b.Op == OpAgg })
}

// fold makes the groups that are shown.
func (f *folded) fold(row *groupRow, items []uint32, keep []bool) {
	keys := emptyLike(row.keys)
	to := make([]uint32, len(items))
	var others []uint32 // positions in items
	for at, g := range items {
		if !keep[g] {
			others = append(others, uint32(at))
			continue
		}
		to[at] = uint32(f.kept)
		f.kept++
		for k, c := range row.keys {
			keys[k].AppendFrom(c, int(g))
		}
	}
	otherItems := make([]uint32, len(others))
	for i, at := range others {
		otherItems[i] = items[at]
	}
	held := takeKeys(row, otherItems, f.held)
	ids := newGroupIDs(emptyLike(held), 0)
	for i, id := range ids.of(held, len(others)) {
		to[others[i]] = uint32(f.kept) + id
	}
	f.groups = f.kept + len(ids.hashes)
	for g := range ids.hashes {
		for i, k := range f.held {
			keys[k].AppendFrom(ids.keys[i], g)
		}
	}
	for k := range keys {
		for keys[k].Len() < f.groups {
			keys[k].Append(storage.Value{})
		}
	}
	f.row = &groupRow{plan: row.plan, env: row.env, keys: keys, states: regroup(row, items, to, f.groups),
		filled: allFilled(row.filled, items, to, f.groups)}
}

// show sorts and shows the groups, Other's after those of the same time where
// the order begins with the time, else last; and likewise for keys of LIMIT BY. Behind
// that a LIMIT and OFFSET of rows may follow.
func (f *folded) show(t *resultTable, res *Result) {
	items := sequence(f.groups)
	order := newResultOrder(t, t.plan.Order, f.groups, items)
	order.late = func(item int) bool { return item >= f.kept }
	for _, o := range t.plan.Order {
		if !dependsOnKeys(t.plan.Outputs[o.Output].Expr, f.held) {
			break
		}
		order.lateAfter++
	}
	items = selectBest(items, len(items), order.less)
	if t.plan.Limit.ByN > 0 {
		from, to := cutRows(&t.plan.Limit, res, len(items))
		items = items[from:to]
	}
	if f.folded > 0 {
		res.Other = &Other{Groups: f.folded, Rows: []int{}}
	}
	for at, g := range items {
		if int(g) >= f.kept {
			res.Other.Rows = append(res.Other.Rows, at)
		}
	}
	t.show(res, items)
}
