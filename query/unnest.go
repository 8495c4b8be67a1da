package query

import "github.com/kelpdb/kelp/storage"

// GROUP BY UNNEST(list) gives a row to the groups of all its items. A worker takes
// a block's rows once for each position in a list: the rows that have an item there,
// grouped by it as by any other key. So keys, aggregates and codes need not know.

// Unnested is the list whose items the plan groups by; nil if there is none.
func (p *Plan) Unnested() *Bound {
	for _, k := range p.Keys {
		if u := unnestIn(k.Expr); u != nil {
			return u.Args[0]
		}
	}
	return nil
}

// ItemKeys returns the keys of the rows that have an item at a position, from 1,
// and the condition that they have one.
func (p *Plan) ItemKeys(position int) (keys []Key, has *Bound) {
	item := &Bound{Op: OpIndex, Type: storage.TypeString, Args: []*Bound{p.Unnested(), constant(storage.Int(int64(position)), Pos{})}}
	for _, k := range p.Keys {
		k.Expr = putItem(k.Expr, item)
		keys = append(keys, k)
	}
	return keys, &Bound{Op: OpIsNotNull, Type: storage.TypeBool, Args: []*Bound{item}}
}

// unnestIn finds UNNEST in an expression; nil if it has none.
func unnestIn(e *Bound) *Bound {
	if e.Op == OpUnnest {
		return e
	}
	for _, arg := range e.Args {
		if u := unnestIn(arg); u != nil {
			return u
		}
	}
	return nil
}

// putItem is an expression with an item in the place of UNNEST.
func putItem(e, item *Bound) *Bound {
	if e.Op == OpUnnest {
		return item
	}
	if unnestIn(e) == nil {
		return e
	}
	copied := *e
	copied.Args = make([]*Bound, len(e.Args))
	for i, arg := range e.Args {
		copied.Args[i] = putItem(arg, item)
	}
	return &copied
}

// unnest binds UNNEST(list). It is a key: where else it stands, finishOutputs refuses.
func (b *binder) unnest(e *Call, sc scope) (*Bound, error) {
	switch {
	case len(e.Args) != 1:
		return nil, errArgCount(e.Pos, "unnest", 1, 1, len(e.Args))
	case sc.inAgg:
		return nil, errUnnestInAggregate(e.Pos)
	case sc.noName, sc.place == "WHERE":
		return nil, errorAt(CodeBadRequest, e.Pos, "UNNEST cannot stand in %s", sc.place).withHint("a list is asked by tags HAS 'a'")
	}
	list, err := b.expr(e.Args[0], sc)
	if err != nil {
		return nil, err
	}
	if hasAgg(list) || unnestIn(list) != nil {
		return nil, errorAt(CodeBadRequest, e.Args[0].Position(), "UNNEST takes a list of the row, such as a column")
	}
	return &Bound{Op: OpUnnest, Type: storage.TypeString, Args: []*Bound{list}, Pos: e.Pos}, nil
}

// checkUnnest refuses UNNEST outside of GROUP BY, and of two lists.
func (b *binder) checkUnnest() error {
	list := b.plan.Unnested()
	for _, k := range b.plan.Keys {
		if u := unnestIn(k.Expr); u != nil && !sameBound(u.Args[0], list) {
			return errorAt(CodeBadRequest, u.Pos, "UNNEST of two lists in one query: only one is possible")
		}
	}
	for _, a := range b.plan.Aggs { // which an alias leads to, too
		for _, e := range []*Bound{a.Arg, a.Filter, a.By} {
			if e != nil && unnestIn(e) != nil {
				return errUnnestInAggregate(unnestIn(e).Pos)
			}
		}
	}
	if b.plan.Grouped || len(b.plan.Aggs) > 0 {
		return nil
	}
	for _, item := range b.items {
		if u := unnestIn(item.expr); u != nil {
			return errUnnestPlace(u.Pos)
		}
	}
	for _, terms := range [][]boundOrder{b.order, b.limitBy} {
		for _, o := range terms {
			if o.expr != nil && unnestIn(o.expr) != nil {
				return errUnnestPlace(o.expr.Pos)
			}
		}
	}
	return nil
}

func errUnnestInAggregate(pos Pos) *Error {
	return errorAt(CodeBadRequest, pos, "UNNEST cannot stand inside an aggregate").withHint("group by it, or use tags[1], length(tags), tags HAS 'a'")
}

func errUnnestPlace(pos Pos) *Error {
	return errorAt(CodeBadRequest, pos, "UNNEST has to stand in GROUP BY").withHint("write GROUP BY UNNEST(tags)")
}
