package exec

import (
	"slices"

	"github.com/kelpdb/kelp/query"
)

// A filter is a condition, worked out once per query: a tree of AND and OR whose
// leaves pass the rows for which their expression is true, or, under NOT, known
// to be false. So no leaf is ever asked for both, and unknown needs no bitmap of
// its own.
type filter struct {
	op   filterOp
	args []*filter
	leaf *leaf
}

type filterOp uint8

const (
	filterAnd filterOp = iota
	filterOr
	filterLeaf
)

// A leaf is a condition that is not split further.
type leaf struct {
	expr     *query.Bound
	want     bool  // pass where the expression is this, and known
	columns  []int // plan columns it reads
	null     bool  // it passes where all its columns are null
	spans    spanCache
	members  *members    // IN of many constants; nil: none
	compared *comparison // of numbers; nil: none
}

// compileFilter returns the filter for rows where b is want; nil for no condition.
func compileFilter(b *query.Bound, want bool) *filter {
	if b == nil {
		return nil
	}
	switch b.Op {
	case query.OpNot:
		return compileFilter(b.Args[0], !want)
	case query.OpAnd, query.OpOr:
		f := &filter{op: filterAnd}
		if (b.Op == query.OpAnd) != want {
			f.op = filterOr
		}
		for _, arg := range b.Args {
			a := compileFilter(arg, want)
			if a.op == f.op {
				f.args = append(f.args, a.args...)
			} else {
				f.args = append(f.args, a)
			}
		}
		return f
	}
	l := &leaf{expr: b, want: want, columns: columnsOf(nil, b)}
	l.null = l.passes(&valueRow{})
	l.compileSpans()
	l.members = compileMembers(b)
	l.compared = compileComparison(b)
	return &filter{op: filterLeaf, leaf: l}
}

// passes tells whether the leaf passes a row.
func (l *leaf) passes(r query.Row) bool {
	yes, known := l.expr.Truth(r)
	return known && yes == l.want
}

// verdict is what is known of a condition over a whole block.
type verdict uint8

const (
	someRows verdict = iota
	allRows
	noRows
)

// decide tells whether all rows of the block pass, or none, from statistics and
// dictionaries: no row is touched.
func (f *filter) decide(v *blockView) (verdict, error) {
	if f == nil {
		return allRows, nil
	}
	if f.op == filterLeaf {
		d, err := f.leaf.decide(v)
		if err == nil && f.leaf.warns(v) {
			d = someRows // whose rows warn is seen when they are looked at
		}
		return d, err
	}
	// Of AND one noRows decides, of OR one allRows; the neutral is the opposite.
	decides, neutral := noRows, allRows
	if f.op == filterOr {
		decides, neutral = allRows, noRows
	}
	all := neutral
	for _, arg := range f.args {
		d, err := arg.decide(v)
		if err != nil || d == decides {
			return d, err
		}
		if d != neutral {
			all = someRows
		}
	}
	return all, nil
}

// restrict takes the rows that do not pass out of sel.
func (f *filter) restrict(v *blockView, sel bitmap) error {
	switch {
	case f == nil:
		return nil
	case f.op == filterLeaf:
		return f.leaf.restrict(v, sel)
	}
	args, err := f.byCost(v)
	if err != nil {
		return err
	}
	if f.op == filterAnd {
		for _, arg := range args {
			if sel.empty() {
				return nil
			}
			if err := arg.restrict(v, sel); err != nil {
				return err
			}
		}
		return nil
	}
	// Of OR only the rows that no term has passed yet go to the next.
	left := bitmap(v.u64.take(len(sel)))
	copy(left, sel)
	part := bitmap(v.u64.take(len(sel)))
	for _, arg := range args {
		if left.empty() {
			return nil
		}
		copy(part, left)
		if err := arg.restrict(v, part); err != nil {
			return err
		}
		left.andNot(part)
	}
	sel.andNot(left)
	return nil
}

// byCost returns the terms of AND or OR, the cheapest first.
func (f *filter) byCost(v *blockView) ([]*filter, error) {
	type term struct {
		f    *filter
		cost int
	}
	terms := make([]term, len(f.args))
	for i, arg := range f.args {
		cost, err := arg.cost(v)
		if err != nil {
			return nil, err
		}
		terms[i] = term{f: arg, cost: cost}
	}
	slices.SortStableFunc(terms, func(a, b term) int { return a.cost - b.cost })
	args := make([]*filter, len(terms))
	for i := range terms {
		args[i] = terms[i].f
	}
	return args, nil
}

// cost is about what the filter takes for a row of the block, in tenths of a
// nanosecond.
func (f *filter) cost(v *blockView) (int, error) {
	if f.op == filterLeaf {
		path, err := f.leaf.path(v)
		return path.cost(), err
	}
	sum := 0
	for _, arg := range f.args {
		c, err := arg.cost(v)
		if err != nil {
			return 0, err
		}
		sum += c
	}
	return sum, nil
}
