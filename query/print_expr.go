package query

import "github.com/kelpdb/kelp/storage"

// operand writes an expression that stands inside another: in parentheses,
// unless it is one thing by itself. A negative number gets them too, so that
// no operator comes to stand before or behind its sign.
func (p *printer) operand(e Expr) {
	switch x := e.(type) {
	case *Name, *Duration, *Call, *Case, *Extract, *CastExpr:
		p.expr(e)
		return
	case *Literal:
		if v := x.Value; v.Type != storage.TypeInt64 && v.Type != storage.TypeFloat64 || v.Int >= 0 && v.Float >= 0 && !isNegativeZero(v) {
			p.expr(e)
			return
		}
	}
	p.text("(")
	p.expr(e)
	p.text(")")
}

func isNegativeZero(v storage.Value) bool {
	return v.Type == storage.TypeFloat64 && v.Float == 0 && 1/v.Float < 0
}

func (p *printer) exprs(list []Expr) {
	for i, e := range list {
		if i > 0 {
			p.text(", ")
		}
		p.expr(e)
	}
}

func (p *printer) not(not bool) {
	if not {
		p.text(" NOT")
	}
}

func (p *printer) expr(e Expr) {
	switch e := e.(type) {
	case *Literal:
		p.literal(e.Value)
	case *Duration:
		p.duration(e)
	case *Name:
		p.name(e.Name)
	case *Unary:
		if e.Op == UnaryNot {
			p.text("NOT ")
			p.operand(e.X)
			return
		}
		p.text("-(") // never two minus signs: that is a comment; never one before a number
		p.expr(e.X)
		p.text(")")
	case *Logic:
		p.logic(e)
	case *Binary:
		p.operand(e.X)
		p.text(" ", e.Op.String(), " ")
		p.operand(e.Y)
	case *CastExpr:
		p.text("CAST(")
		p.expr(e.X)
		p.text(" AS ", e.Type.String(), ")")
	case *Case:
		p.caseText(e)
	case *Call:
		p.call(e)
	case *Extract:
		p.text("extract(")
		p.quoted(e.Field)
		p.text(" FROM ")
		p.expr(e.X)
		if e.Zone != nil {
			p.text(", ")
			p.expr(e.Zone)
		}
		p.text(")")
	default:
		p.predicate(e)
	}
}

func (p *printer) logic(e *Logic) {
	for i, arg := range e.Args {
		if i > 0 {
			p.text(map[bool]string{false: " AND ", true: " OR "}[e.Or])
		}
		p.operand(arg)
	}
}

// predicate writes what stands behind its operand.
func (p *printer) predicate(e Expr) {
	switch e := e.(type) {
	case *IsNull:
		p.operand(e.X)
		p.text(" IS")
		p.not(e.Not)
		p.text(" NULL")
	case *In:
		p.operand(e.X)
		p.not(e.Not)
		p.text(" IN (")
		p.exprs(e.List)
		p.text(")")
	case *Between:
		p.operand(e.X)
		p.not(e.Not)
		p.text(" BETWEEN ")
		p.operand(e.From)
		p.text(" AND ")
		p.operand(e.To)
	case *Like:
		p.operand(e.X)
		p.not(e.Not)
		p.text(map[bool]string{false: " LIKE ", true: " ILIKE "}[e.Fold])
		p.operand(e.Pattern)
		if e.Escape != nil {
			p.text(" ESCAPE ")
			p.operand(e.Escape)
		}
	case *Regex:
		p.operand(e.X)
		p.text(" ", map[bool]string{false: "", true: "!"}[e.Not], "~", map[bool]string{false: "", true: "*"}[e.Fold], " ")
		p.operand(e.Pattern)
	case *Has:
		p.has(e)
	case *Index:
		p.operand(e.X)
		p.text("[")
		p.expr(e.At)
		p.text("]")
	default:
		panic("BUG: an unknown expression")
	}
}

func (p *printer) has(e *Has) {
	p.operand(e.X)
	switch e.Kind {
	case HasItem:
		p.text(" HAS ")
		p.operand(e.Items[0])
		return
	case HasAny:
		p.text(" HAS ANY (")
	case HasAll:
		p.text(" HAS ALL (")
	case HasNone:
		p.text(" HAS NONE (")
	}
	p.exprs(e.Items)
	p.text(")")
}

func (p *printer) caseText(e *Case) {
	p.text("CASE")
	if e.Operand != nil {
		p.text(" ")
		p.expr(e.Operand)
	}
	for _, w := range e.Whens {
		p.text(" WHEN ")
		p.expr(w.Cond)
		p.text(" THEN ")
		p.expr(w.Then)
	}
	if e.Else != nil {
		p.text(" ELSE ")
		p.expr(e.Else)
	}
	p.text(" END")
}

func (p *printer) call(e *Call) {
	p.text(e.Name, "(")
	switch {
	case e.Star:
		p.text("*")
	case e.Distinct:
		p.text("DISTINCT ")
	}
	p.exprs(e.Args)
	p.text(")")
	if e.Filter != nil {
		p.text(" FILTER (WHERE ")
		p.expr(e.Filter)
		p.text(")")
	}
}
