package query

import (
	"math"

	"github.com/kelpdb/kelp/storage"
)

// Ends of a range that is open.
const (
	openFrom = math.MinInt64
	openTo   = math.MaxInt64
)

// bindRange binds LAST, SINCE, UNTIL and BETWEEN after the table.
func (b *binder) bindRange() error {
	r := &b.plan.Range
	r.From, r.To = openFrom, openTo
	c := b.sel.Range
	if c == nil {
		return nil
	}
	if c.Kind == RangeLast {
		if c.Last.Ns < 0 || c.Last.Months < 0 {
			return errorAt(CodeBadRequest, c.Last.Pos, "LAST takes a duration above 0")
		}
		from, ok := addMonths(b.q.Now, -c.Last.Months)
		if !ok {
			from = openFrom
		}
		r.From = subClamped(from, c.Last.Ns)
		r.To = addClamped(b.q.Now, 1)
		b.plan.Last, b.plan.Closed = true, true
		return nil
	}
	var err error
	if c.From != nil {
		if r.From, err = b.rangeEnd(c.From); err != nil {
			return err
		}
	}
	if c.To != nil {
		if r.To, err = b.rangeEnd(c.To); err != nil {
			return err
		}
	}
	b.checkRange()
	return nil
}

// rangeEnd is the time that an end of the range means.
func (b *binder) rangeEnd(e Expr) (int64, error) {
	x, err := b.expr(e, scope{place: "the range", noName: true})
	if err != nil {
		return 0, err
	}
	if x.Op == OpConst && !x.Const.IsNull() && (x.Type == storage.TypeTime || x.Type == storage.TypeString) {
		if t, ok := b.writtenTime(x.Const); ok {
			return t.Int, nil
		}
		return 0, errorAt(CodeType, e.Position(), "'%s' is not a time", clip(x.Const.Str)).
			withHint("write it like '2026-11-22T10:00:00Z', or now() - 1h")
	}
	return 0, errorAt(CodeType, e.Position(), "the range takes a time").
		withHint("write '2026-11-22T10:00:00Z', now() - 1h, or LAST 15m")
}

func addClamped(t, d int64) int64 {
	if s, ok := addInt64(t, d); ok {
		return s
	}
	return openTo
}

func subClamped(t, d int64) int64 {
	if s, ok := subInt64(t, d); ok {
		return s
	}
	return openFrom
}

// checkRange closes a range that ends before it begins.
func (b *binder) checkRange() {
	r := &b.plan.Range
	if r.From >= r.To {
		r.To = r.From
		b.warn("the time range is empty: it ends before it begins")
	}
}

// narrowRange takes the conditions on time that have to hold for every row into
// the range.
func (b *binder) narrowRange(cond *Bound) {
	before := b.plan.Range
	b.narrow(cond)
	if b.plan.Range != before {
		b.plan.Last = b.plan.Last && b.plan.Range.To == before.To
		b.checkRange()
	}
}

func (b *binder) narrow(cond *Bound) {
	switch cond.Op {
	case OpAnd:
		for _, arg := range cond.Args {
			b.narrow(arg)
		}
	case OpEq, OpLt, OpLe, OpGt, OpGe:
		x, y, op := cond.Args[0], cond.Args[1], cond.Op
		if y.Op == OpColumn {
			x, y, op = y, x, reversedOps[op]
		}
		if b.isTimeColumn(x) && isTimeConst(y) {
			b.narrowBy(op, y.Const.Int)
		}
	case OpBetween:
		if b.isTimeColumn(cond.Args[0]) && isTimeConst(cond.Args[1]) && isTimeConst(cond.Args[2]) {
			b.narrowBy(OpGe, cond.Args[1].Const.Int)
			b.narrowBy(OpLe, cond.Args[2].Const.Int)
		}
	}
}

// reversedOps is the operator when its operands change places.
var reversedOps = map[Op]Op{OpEq: OpEq, OpLt: OpGt, OpLe: OpGe, OpGt: OpLt, OpGe: OpLe}

func (b *binder) isTimeColumn(x *Bound) bool {
	return x.Op == OpColumn && b.plan.Columns[x.Index].Name == storage.TimeColumn
}

func isTimeConst(x *Bound) bool { return x.Op == OpConst && x.Const.Type == storage.TypeTime }

// narrowBy cuts the range to time op t.
func (b *binder) narrowBy(op Op, t int64) {
	r := &b.plan.Range
	from, to, closed := r.From, r.To, b.plan.Closed
	switch op {
	case OpGe:
		from = t
	case OpGt:
		from = addClamped(t, 1)
	case OpLt:
		to, closed = t, false
	case OpLe:
		to, closed = addClamped(t, 1), true
	case OpEq:
		from, to, closed = t, addClamped(t, 1), true
	}
	r.From = max(r.From, from)
	if to < r.To {
		r.To, b.plan.Closed = to, closed
	}
}
