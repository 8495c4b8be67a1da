package query

import "github.com/kelpdb/kelp/storage"

// Names of what COMPARE adds to an aggregate's column.
const (
	earlierSuffix = "_prev"
	changeSuffix  = "_change"
)

// bindEarlier binds COMPARE, once the range is known. An open end is now: else
// the range moved back would hold the present one.
func (b *binder) bindEarlier() error {
	d := b.sel.Compare
	if d == nil {
		return nil
	}
	p := b.plan
	if p.Range.From == openFrom {
		return errorAt(CodeBadRequest, d.Pos, "COMPARE needs a time range that begins somewhere").
			withHint("write LAST 1h or SINCE ... after the table")
	}
	if p.Range.To == openTo {
		p.Range.To = addClamped(b.q.Now, 1)
		p.Last, p.Closed = true, true
		b.checkRange()
	}
	end, ok := addMonths(p.Range.To, -d.Months)
	if ok {
		end, ok = subInt64(end, d.Ns)
	}
	back := int64(0)
	if ok {
		back, ok = subInt64(p.Range.To, end)
	}
	if ok {
		_, ok = subInt64(p.Range.From, back)
	}
	switch {
	case !ok:
		return errorAt(CodeBadRequest, d.Pos, "COMPARE reaches back past the times that there are")
	case back <= 0:
		return errorAt(CodeBadRequest, d.Pos, "COMPARE takes a duration above 0")
	}
	p.Compare = &Compared{Back: back}
	return nil
}

// addCompared puts what an aggregate was, and by how much it has changed, behind
// its output. In these outputs an OpAgg past the plan's aggregates is one of the
// range moved back.
func (b *binder) addCompared(item boundItem) error {
	now := b.plan.Outputs[len(b.plan.Outputs)-1]
	past := earlierAggs(now.Expr, len(b.plan.Aggs), make(map[*Bound]*Bound))
	if err := b.addOutput(item.name+earlierSuffix, past, false); err != nil {
		return err
	}
	change := &Bound{Op: OpChange, Type: storage.TypeFloat64, Args: []*Bound{now.Expr, past}, Pos: item.pos}
	return b.addOutput(item.name+changeSuffix, change, false)
}

// earlierAggs is an expression over groups with the aggregates of the past.
func earlierAggs(e *Bound, aggs int, made map[*Bound]*Bound) *Bound {
	if !hasAgg(e) {
		return e
	}
	if m, ok := made[e]; ok {
		return m
	}
	copied := *e
	if e.Op == OpAgg {
		copied.Index += aggs
	}
	copied.Args = make([]*Bound, len(e.Args))
	for i, arg := range e.Args {
		copied.Args[i] = earlierAggs(arg, aggs, made)
	}
	made[e] = &copied
	return &copied
}

// checkCompared refuses COMPARE where there is nothing to compare.
func (b *binder) checkCompared() error {
	if b.plan.Compare == nil {
		return nil
	}
	for _, item := range b.items {
		if item.agg {
			return nil
		}
	}
	return errorAt(CodeBadRequest, b.sel.Compare.Pos, "COMPARE compares aggregates, and none is selected").
		withHint("select count(), say")
}
