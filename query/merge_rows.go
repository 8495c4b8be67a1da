package query

import "github.com/kelpdb/kelp/storage"

// mergeRows joins the rows of all parts, and keeps the best of them where the
// plan says how many it wants.
func mergeRows(plan *Plan, out *Partial, parts []*Partial) {
	total := 0
	for _, p := range parts {
		total += partialRows(p)
	}
	keep := RowsWanted(plan)
	if keep < 0 || int64(total) <= keep {
		for _, p := range parts {
			for i := range partialRows(p) {
				appendRow(out.Rows, p.Rows, i)
			}
		}
		return
	}
	refs := make([]rowRef, 0, total)
	for part, p := range parts {
		for i := range partialRows(p) {
			refs = append(refs, rowRef{uint32(part), uint32(i)})
		}
	}
	less := func(a, b rowRef) bool {
		return compareRows(plan, parts[a.part].Rows, int(a.row), parts[b.part].Rows, int(b.row)) < 0
	}
	for _, ref := range selectBest(refs, int(keep), less) {
		appendRow(out.Rows, parts[ref.part].Rows, int(ref.row))
	}
}

// rowRef is a row of one of several partials.
type rowRef struct {
	part, row uint32
}

// RowsWanted is how many rows of a row plan are enough for its answer, the best
// by Plan.Order, or with SAMPLE by what they have drawn; -1 is all. One more than the default LIMIT tells whether it cut.
func RowsWanted(plan *Plan) int64 {
	if plan.Sample != nil {
		return plan.Sample.Rows
	}
	if plan.Limit.N < 0 || plan.Limit.ByN > 0 {
		return -1
	}
	n := plan.Limit.N
	if !plan.Limit.Explicit {
		n++
	}
	sum, ok := addInt64(n, plan.Limit.Offset)
	if !ok {
		return -1
	}
	return sum
}

func partialRows(p *Partial) int {
	if len(p.Rows) == 0 {
		return 0
	}
	return p.Rows[0].Len()
}

func appendRow(dst, src []*Vec, i int) {
	for c, v := range src {
		dst[c].AppendFrom(v, i)
	}
}

// compareRows orders row i of a against row j of b by what the plan keeps first.
func compareRows(plan *Plan, a []*Vec, i int, b []*Vec, j int) int {
	if s := plan.Sample; s != nil {
		if c := a[s.Draw].compare(i, b[s.Draw], j); c != 0 {
			return c
		}
	}
	for k := range plan.Order {
		o := &plan.Order[k]
		if c := o.compareVecs(a[o.Output], i, b[o.Output], j); c != 0 {
			return c
		}
	}
	return 0
}

// compareVecs orders two values of one output by the term.
func (o *OrderTerm) compareVecs(a *Vec, i int, b *Vec, j int) int {
	if an, bn := a.IsNull(i), b.IsNull(j); an || bn {
		return compareNulls(an, bn, o.NullsFirst)
	}
	c := 0
	if o.Digits12 && a.Type == storage.TypeFloat64 {
		c = compareFloats(round12(a.Floats[i]), round12(b.Floats[j]))
	} else {
		c = a.compare(i, b, j)
	}
	if o.Desc {
		return -c
	}
	return c
}

func compareNulls(a, b, first bool) int {
	switch {
	case a == b:
		return 0
	case a == first:
		return -1
	}
	return 1
}
