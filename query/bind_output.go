package query

import (
	"slices"
	"strconv"

	"github.com/kelpdb/kelp/storage"
)

// finishOutputs makes the plan's outputs out of the items, with what ORDER BY
// and LIMIT BY need hidden behind them.
func (b *binder) finishOutputs() error {
	p := b.plan
	p.Grouped = p.Grouped || len(p.Aggs) > 0
	if p.Grouped {
		for _, item := range b.sel.Items {
			if item.Star {
				return errorAt(CodeBadRequest, item.Pos, "* cannot be selected from groups").
					withHint("name the columns of GROUP BY, and aggregates such as count()")
			}
		}
	}
	if err := b.addItems(b.prependKeys()); err != nil {
		return err
	}
	b.makeNamesUnique()
	for _, o := range b.limitBy {
		i, err := b.refOutput(o)
		if err != nil {
			return err
		}
		p.Limit.By = append(p.Limit.By, i)
	}
	if b.having == nil {
		return nil
	}
	var err error
	p.Having, err = b.overGroups(b.having)
	return err
}

// addItems makes outputs of the items, of which the first are put in front of
// those that were written, and turns references to items into such to outputs.
func (b *binder) addItems(front int) error {
	if err := b.checkCompared(); err != nil {
		return err
	}
	at := make([]int, len(b.items))
	for i, item := range b.items {
		at[i] = len(b.plan.Outputs)
		err := b.addOutput(item.name, item.expr, false)
		if err == nil && item.agg && b.plan.Compare != nil {
			err = b.addCompared(item)
		}
		if err != nil {
			return b.mustGroup(item, err)
		}
	}
	for _, terms := range [][]boundOrder{b.order, b.limitBy} {
		for i := range terms {
			if terms[i].item >= 0 {
				terms[i].item = at[terms[i].item+front]
			}
		}
	}
	return nil
}

// prependKeys lets the groups of a text begun with FROM show what they are
// grouped by. It returns by how many places the items have moved.
func (b *binder) prependKeys() int {
	if !b.sel.FromFirst {
		return 0
	}
	var front []boundItem
	for _, k := range b.plan.Keys {
		shown := k.Expr.Op == OpConst
		for _, item := range b.items {
			shown = shown || sameBound(item.expr, k.Expr)
		}
		if !shown {
			front = append(front, boundItem{name: k.Name, expr: k.Expr})
		}
	}
	b.items = append(front, b.items...)
	return len(front)
}

// refOutput returns the output that a term of ORDER BY or LIMIT BY means.
func (b *binder) refOutput(o boundOrder) (int, error) {
	if o.item >= 0 {
		return o.item, nil
	}
	return b.hiddenOutput(o.text, o.expr)
}

// addOutput appends an output; what groups have is checked here.
func (b *binder) addOutput(name string, e *Bound, hidden bool) error {
	e, err := b.outputOverGroups(e)
	if err != nil {
		return err
	}
	out := Output{Name: name, Type: e.Type, Expr: e, Hidden: hidden}
	if out.Type == storage.TypeNull {
		out.Type = storage.TypeString
	}
	b.plan.Outputs = append(b.plan.Outputs, out)
	return nil
}

// hiddenOutput returns the output with this expression, adding a hidden one if
// there is none.
func (b *binder) hiddenOutput(name string, e *Bound) (int, error) {
	over, err := b.outputOverGroups(e)
	if err != nil {
		return 0, err
	}
	for i, out := range b.plan.Outputs {
		if sameBound(out.Expr, over) {
			return i, nil
		}
	}
	return len(b.plan.Outputs), b.addOutput(name, over, true)
}

// makeNamesUnique gives the second of equal names _2, and so on.
func (b *binder) makeNamesUnique() {
	taken := make(map[string]bool)
	for _, out := range b.plan.Outputs {
		taken[out.Name] = true
	}
	next := make(map[string]int) // number to try next, of names seen
	for i := range b.plan.Outputs {
		out := &b.plan.Outputs[i]
		written := out.Name
		if next[written] == 0 {
			next[written] = 2
			continue
		}
		for taken[out.Name] {
			out.Name = written + "_" + strconv.Itoa(next[written])
			next[written]++
		}
		taken[out.Name] = true
		next[out.Name] = 2
	}
}

// outputOverGroups is overGroups of a whole output. A constant that is a key is
// that key: WITH OTHER makes it null.
func (b *binder) outputOverGroups(e *Bound) (*Bound, error) {
	if e.Op == OpConst && b.plan.Grouped {
		for i, k := range b.plan.Keys {
			if sameBound(k.Expr, e) {
				return &Bound{Op: OpKey, Type: k.Type, Index: i, Pos: e.Pos}, nil
			}
		}
	}
	return b.overGroups(e)
}

// overGroups rewrites an expression over columns and aggregates into one over
// keys and aggregates. Plans of rows keep theirs. What aliases share stays
// shared, so a plan is no larger than its text.
func (b *binder) overGroups(e *Bound) (*Bound, error) {
	if !b.plan.Grouped || e.Op == OpKey || e.Op == OpAgg || e.Op == OpConst {
		return e, nil
	}
	if made, ok := b.over[e]; ok {
		return made, nil
	}
	made, err := b.makeOverGroups(e)
	if err == nil {
		b.over[e] = made
	}
	return made, err
}

func (b *binder) makeOverGroups(e *Bound) (*Bound, error) {
	for i, k := range b.plan.Keys {
		if sameBound(k.Expr, e) {
			return &Bound{Op: OpKey, Type: k.Type, Index: i, Pos: e.Pos}, nil
		}
	}
	if e.Op == OpUnnest {
		return nil, errUnnestPlace(e.Pos)
	}
	if e.Op == OpColumn {
		name := b.plan.Columns[e.Index].Name
		err := errorAt(CodeBadRequest, e.Pos, "`%s` is neither in GROUP BY nor in an aggregate", name).
			withHint("write any(%s), or add it to GROUP BY", name)
		if !b.sel.GroupAll {
			err.fix.key = writtenName(name)
		}
		return nil, err
	}
	copied := *e
	copied.Args = make([]*Bound, len(e.Args))
	for i, arg := range e.Args {
		var err error
		if copied.Args[i], err = b.overGroups(arg); err != nil {
			return nil, err
		}
	}
	return &copied, nil
}

// finishOrder makes the order total: what ORDER BY says or the default, then
// the remaining outputs from left to right.
func (b *binder) finishOrder() error {
	visible := 0
	for _, out := range b.plan.Outputs {
		if !out.Hidden {
			visible++
		}
	}
	var err error
	switch {
	case len(b.order) > 0:
		err = b.writtenOrder()
	case b.plan.Grouped:
		err = b.groupsOrder(visible)
	default:
		var i int
		if i, err = b.hiddenOutput(storage.TimeColumn, b.column(storage.TimeColumn, Pos{})); err == nil {
			b.orderBy(i, true, false)
		}
	}
	if err != nil {
		return err
	}
	for i := range visible {
		b.orderBy(i, false, false)
	}
	if b.plan.Limit.WithOther {
		return b.checkOther()
	}
	return nil
}

func (b *binder) writtenOrder() error {
	for _, o := range b.order {
		i, err := b.refOutput(o)
		if err != nil {
			return err
		}
		b.orderBy(i, o.desc, o.null == NullsFirst)
	}
	return nil
}

// groupsOrder is the order of groups without ORDER BY: time buckets as they
// are written, then the first aggregate from the top, then the keys.
func (b *binder) groupsOrder(visible int) error {
	for i, k := range b.plan.Keys {
		if k.TimeBucket {
			if err := b.orderByKey(i); err != nil {
				return err
			}
		}
	}
	for i := range visible {
		if hasAgg(b.plan.Outputs[i].Expr) {
			b.orderBy(i, true, false)
			break
		}
	}
	for i := range b.plan.Keys {
		if err := b.orderByKey(i); err != nil {
			return err
		}
	}
	return nil
}

func (b *binder) orderByKey(key int) error {
	k := b.plan.Keys[key]
	if k.Expr.Op == OpConst {
		return nil
	}
	i, err := b.hiddenOutput(k.Name, k.Expr)
	if err == nil {
		b.orderBy(i, false, false)
	}
	return err
}

// orderBy appends a term, unless an earlier one orders by the same output.
func (b *binder) orderBy(output int, desc, nullsFirst bool) {
	for _, o := range b.plan.Order {
		if o.Output == output {
			return
		}
	}
	out := b.plan.Outputs[output]
	b.plan.Order = append(b.plan.Order, OrderTerm{
		Output: output, Desc: desc, NullsFirst: nullsFirst,
		Digits12: out.Type == storage.TypeFloat64 && hasAgg(out.Expr),
	})
}

// checkOther refuses WITH OTHER where there is nothing to put together.
func (b *binder) checkOther() error {
	if !b.plan.Grouped {
		return errorAt(CodeBadRequest, b.other, "WITH OTHER needs GROUP BY")
	}
	l := &b.plan.Limit
	for i, o := range l.By {
		e := b.plan.Outputs[o].Expr
		if e.Op != OpKey {
			by := b.sel.LimitBy.Exprs[i]
			return errorAt(CodeBadRequest, by.Expr.Position(), "`%s` is no key of GROUP BY, as LIMIT BY ... WITH OTHER needs them", by.Text).
				withHint("add it to GROUP BY, or leave WITH OTHER out")
		}
		l.ByKeys = append(l.ByKeys, e.Index)
	}
	for i, k := range b.plan.Keys {
		if !k.TimeBucket && !slices.Contains(l.ByKeys, i) {
			return nil
		}
	}
	if l.ByN > 0 {
		return errorAt(CodeBadRequest, b.other, "WITH OTHER needs a key in GROUP BY beside time buckets and those of LIMIT BY")
	}
	return errorAt(CodeBadRequest, b.other, "WITH OTHER needs a key in GROUP BY that is not a time bucket")
}
