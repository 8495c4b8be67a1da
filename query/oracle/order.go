package oracle

import (
	"math"
	"slices"
	"strconv"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// sortable is a line with where it came from.
type sortable struct {
	line
	c ctx
}

// term is one term of the order: an output or an expression of its own.
type term struct {
	output     int // -1: expr
	expr       query.Expr
	mode       aliasMode
	desc       bool
	nullsFirst bool
	agg        bool
	bucket     bool // is a time bucket, over all of which WITH OTHER ranks
	held       bool // is a key that rows of Other have too
}

// orderTerms are ORDER BY or the default order, then the outputs from left to right.
func (o *oracle) orderTerms() []term {
	var terms []term
	for _, t := range o.sel.OrderBy {
		n := term{output: -1, expr: t.Expr, mode: aliasFirst, desc: t.Desc, nullsFirst: t.Nulls == query.NullsFirst}
		if at, ok := o.position(t.Expr); ok {
			n.output = at
		} else if name, ok := t.Expr.(*query.Name); ok {
			n.output = o.outputNamed(name.Name)
		}
		terms = append(terms, n)
	}
	if len(terms) == 0 {
		terms = o.defaultOrder()
	}
	for i := range o.items {
		terms = append(terms, term{output: i})
	}
	for i := range terms {
		t := &terms[i]
		if t.output >= 0 {
			t.expr, t.mode = o.items[t.output].expr, o.items[t.output].mode
		}
		t.agg = o.hasAgg(t.expr, t.mode)
		for _, k := range o.keys {
			if o.same(t.expr, t.mode, k.expr, k.mode) {
				t.bucket = t.bucket || k.bucket != nil && !k.by
				t.held = t.held || k.held()
			}
		}
	}
	return terms
}

// outputNamed is the item with an alias, or the one named so if no column is; else -1.
func (o *oracle) outputNamed(name string) int {
	if at, ok := o.aliases[name]; ok {
		return at
	}
	if _, column := o.columns[name]; column {
		return -1
	}
	return slices.IndexFunc(o.items, func(it item) bool { return it.name == name })
}

func (o *oracle) defaultOrder() []term {
	var terms []term
	if !o.grouped {
		return []term{{output: -1, expr: &query.Name{Name: storage.TimeColumn}, desc: true}}
	}
	for _, k := range o.keys {
		if k.bucket != nil {
			terms = append(terms, term{output: -1, expr: k.expr, mode: k.mode})
		}
	}
	for i, it := range o.items {
		if o.hasAgg(it.expr, it.mode) {
			terms = append(terms, term{output: i, desc: true})
			break
		}
	}
	for _, k := range o.keys {
		terms = append(terms, term{output: -1, expr: k.expr, mode: k.mode})
	}
	return terms
}

// sortValue is what a line is sorted by: float aggregates to 12 digits.
func (o *oracle) sortValue(t term, l *sortable) storage.Value {
	var v storage.Value
	if t.output >= 0 {
		v = l.cells[t.output].Value
	} else {
		c := l.c
		c.mode = t.mode
		v = o.eval(t.expr, c)
		if l.late {
			for _, k := range o.keys {
				if !k.held() && o.same(t.expr, t.mode, k.expr, k.mode) {
					v = null
				}
			}
		}
	}
	if t.agg && v.Type == storage.TypeFloat64 && !math.IsInf(v.Float, 0) {
		r, err := strconv.ParseFloat(strconv.FormatFloat(v.Float, 'e', 11, 64), 64)
		if err == nil {
			v.Float = r
		}
	}
	return v
}

// sort orders lines; lines of Other come after all that are equal in the terms
// that lead with keys that they have.
func (o *oracle) sort(lines []sortable, terms []term) {
	for known := -1; known < len(o.floats); { // again if a sum turned out to pass int64
		known = len(o.floats)
		for i := range lines {
			lines[i].terms = nil
			for _, t := range terms {
				lines[i].terms = append(lines[i].terms, o.sortValue(t, &lines[i]))
			}
		}
	}
	slices.SortStableFunc(lines, func(a, b sortable) int {
		late := func() int {
			switch {
			case a.late == b.late:
				return 0
			case a.late:
				return 1
			}
			return -1
		}
		leading := true
		for i, t := range terms {
			if leading && !t.held {
				leading = false
				if c := late(); c != 0 {
					return c
				}
			}
			if c := compareTerm(t, a.terms[i], b.terms[i]); c != 0 {
				return c
			}
		}
		return late()
	})
}

func compareTerm(t term, a, b storage.Value) int {
	switch {
	case isNull(a) && isNull(b):
		return 0
	case isNull(a):
		if t.nullsFirst {
			return -1
		}
		return 1
	case isNull(b):
		if t.nullsFirst {
			return 1
		}
		return -1
	}
	if t.desc {
		return order(b, a)
	}
	return order(a, b)
}

// limitDefault is the LIMIT of a query without one.
const limitDefault = 100_000

// finish sorts, cuts and names.
func (o *oracle) finish(lines []sortable, terms []term) *Result {
	o.sort(lines, terms)
	if o.sel.LimitBy != nil {
		lines = o.firstOfEach(lines)
	}
	res := o.result()
	o.cut(res, lines)
	return res
}

// firstOfEach is LIMIT BY.
func (o *oracle) firstOfEach(lines []sortable) []sortable {
	taken := make(map[string]int64)
	return slices.DeleteFunc(lines, func(l sortable) bool {
		taken[l.by]++
		return taken[l.by] > o.sel.LimitBy.N
	})
}

// cut shows what LIMIT and OFFSET leave of lines.
func (o *oracle) cut(res *Result, lines []sortable) {
	limit := int64(limitDefault)
	if o.sel.Limit != nil {
		limit = o.sel.Limit.N
	}
	lines = lines[min(int64(len(lines)), o.sel.Offset):]
	if limit >= 0 && int64(len(lines)) > limit {
		lines = lines[:limit]
		res.Truncated = o.sel.Limit == nil
	}
	o.show(res, lines)
}

func (o *oracle) show(res *Result, lines []sortable) {
	for _, l := range lines {
		if l.late {
			res.Other = append(res.Other, len(res.Rows))
		}
		res.Rows = append(res.Rows, l.cells)
	}
}

// result is an answer without rows. Repeated names get _2 and so on.
func (o *oracle) result() *Result {
	res := &Result{}
	taken := make(map[string]bool)
	for _, it := range o.items {
		taken[it.name] = true
	}
	seen := make(map[string]bool)
	for _, it := range o.items {
		name := it.name
		for n := 2; seen[name]; n++ {
			if s := it.name + "_" + strconv.Itoa(n); !taken[s] {
				name = s
				taken[s] = true
			}
		}
		seen[name] = true
		res.Names = append(res.Names, name)
		res.Types = append(res.Types, o.itemType(it))
	}
	return res
}

// finishOther is LIMIT n WITH OTHER: the best n combinations of the keys that
// are not time buckets, over the whole range, and all else in one row or in one
// per time bucket. LIMIT n BY x WITH OTHER does so for each x by itself.
func (o *oracle) finishOther(groups []*group, terms []term) *Result {
	ranked := func(k key) bool { return k.bucket == nil || k.by }
	combos := make(map[string]*group)
	var all []*group
	var names []string
	for _, g := range groups {
		k := o.keyValues(g.first(), ranked)
		if combos[k] == nil {
			combos[k] = &group{filled: true}
			all, names = append(all, combos[k]), append(names, k)
		}
		combos[k].add(g)
	}
	best := o.bestCombos(all, terms)
	clear(o.floats) // only the groups that are shown decide on types
	clear(o.types)
	keep := make(map[string]bool)
	for _, i := range best {
		keep[names[i]] = true
	}
	var shown []*group
	rest := make(map[string]*group)
	for _, g := range groups {
		if keep[o.keyValues(g.first(), ranked)] {
			shown = append(shown, g)
			continue
		}
		k := o.keyValues(g.first(), key.held)
		if rest[k] == nil {
			rest[k] = &group{isRest: true, filled: true}
			shown = append(shown, rest[k])
		}
		rest[k].add(g)
	}
	lines := o.groupLines(shown)
	o.sort(lines, terms)
	res := o.result()
	if o.sel.LimitBy == nil {
		o.show(res, lines)
	} else {
		o.cut(res, lines)
	}
	if n := len(all) - len(best); n > 0 {
		res.OtherGroups = n
	}
	return res
}

// bestCombos ranks groups over the whole range and returns the numbers of those kept.
func (o *oracle) bestCombos(all []*group, terms []term) []int {
	ranking := slices.DeleteFunc(slices.Clone(terms), func(t term) bool { return t.bucket })
	if len(terms) > 0 && terms[0].bucket && !(ranking[0].desc && ranking[0].agg) {
		for i, it := range o.items {
			if o.hasAgg(it.expr, it.mode) {
				ranking = append([]term{{output: i, expr: it.expr, mode: it.mode, desc: true, agg: true}}, ranking...)
				break
			}
		}
	}
	o.ranking = slices.ContainsFunc(o.keys, func(k key) bool { return k.bucket != nil && !k.by })
	lines := o.groupLines(all)
	for i := range lines {
		lines[i].number = i
	}
	o.sort(lines, ranking)
	o.ranking = false
	if o.sel.LimitBy != nil {
		lines = o.firstOfEach(lines)
	} else {
		lines = lines[min(o.sel.Offset, int64(len(lines))):]
		lines = lines[:min(o.sel.Limit.N, int64(len(lines)))]
	}
	var best []int
	for _, l := range lines {
		best = append(best, l.number)
	}
	return best
}
