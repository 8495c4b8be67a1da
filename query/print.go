package query

import (
	"strconv"
	"strings"

	"github.com/kelpdb/kelp/storage"
)

// Print writes a statement so that it parses to the same again: one line, the
// clauses in the order of a SELECT, parentheses around every operation that
// stands inside another.
func Print(stmt Statement) string {
	p := &printer{}
	switch s := stmt.(type) {
	case *Select:
		p.selectText(s)
	case *Explain:
		p.text("EXPLAIN ")
		p.selectText(s.Select)
	case *ExplainChange:
		p.explainChange(s)
	case *ShowTables:
		p.text("SHOW TABLES")
	case *Describe:
		p.text("DESCRIBE ")
		p.name(s.Table)
	default:
		panic("BUG: an unknown statement")
	}
	return p.b.String()
}

// PrintExpr writes an expression like Print.
func PrintExpr(e Expr) string {
	p := &printer{}
	p.expr(e)
	return p.b.String()
}

type printer struct {
	b strings.Builder
}

func (p *printer) text(parts ...string) {
	for _, s := range parts {
		p.b.WriteString(s)
	}
}

// name writes a name in double quotes, so that no name is special.
func (p *printer) name(s string) { p.text(`"`, strings.ReplaceAll(s, `"`, `""`), `"`) }

func (p *printer) quoted(s string) { p.text("'", strings.ReplaceAll(s, "'", "''"), "'") }

func (p *printer) explainChange(s *ExplainChange) {
	p.text("EXPLAIN CHANGE OF ")
	p.expr(s.Agg)
	p.text(" FROM ")
	p.name(s.Table)
	p.rangeText(s.Range)
	if s.Where != nil {
		p.text(" WHERE ")
		p.expr(s.Where)
	}
	p.text(" COMPARE ")
	p.duration(s.Compare)
	p.text(" BY ")
	if s.All {
		p.text("*")
		return
	}
	p.exprs(s.By)
}

func (p *printer) selectText(s *Select) {
	for i, w := range s.With {
		if i == 0 {
			p.text("WITH ")
		} else {
			p.text(", ")
		}
		p.name(w.Name)
		p.text(" AS ")
		p.expr(w.Expr)
	}
	if len(s.With) > 0 {
		p.text(" ")
	}
	if s.FromFirst {
		p.text("FROM ")
		p.name(s.Table)
		p.text(" ")
	}
	p.items(s.Items)
	if !s.FromFirst {
		p.text(" FROM ")
		p.name(s.Table)
	}
	p.rangeText(s.Range)
	if s.Where != nil {
		p.text(" WHERE ")
		p.expr(s.Where)
	}
	switch {
	case s.GroupAll && len(s.GroupBy) > 0:
		p.text(" GROUP BY ALL, ")
	case s.GroupAll:
		p.text(" GROUP BY ALL")
	case len(s.GroupBy) > 0 && s.Sets == nil:
		p.text(" GROUP BY ")
	}
	if s.Sets != nil {
		p.groupingSets(s)
	} else {
		p.groupItems(s.GroupBy)
	}
	if s.Having != nil {
		p.text(" HAVING ")
		p.expr(s.Having)
	}
	p.orderBy(s.OrderBy)
	p.tail(s)
}

func (p *printer) items(items []SelectItem) {
	p.text("SELECT ")
	for i, item := range items {
		if i > 0 {
			p.text(", ")
		}
		if item.Star {
			p.text("*")
			continue
		}
		p.expr(item.Expr)
		if item.Alias != "" {
			p.text(" AS ")
			p.name(item.Alias)
		}
	}
}

func (p *printer) groupingSets(s *Select) {
	p.text(" GROUP BY GROUPING SETS (")
	for i, set := range s.Sets {
		if i > 0 {
			p.text(", ")
		}
		p.text("(")
		items := make([]GroupItem, len(set))
		for k, at := range set {
			items[k] = s.GroupBy[at]
		}
		p.groupItems(items)
		p.text(")")
	}
	p.text(")")
}

func (p *printer) groupItems(items []GroupItem) {
	for i, g := range items {
		if i > 0 {
			p.text(", ")
		}
		p.expr(g.Expr)
	}
}

func (p *printer) orderBy(items []OrderItem) {
	for i, o := range items {
		if i == 0 {
			p.text(" ORDER BY ")
		} else {
			p.text(", ")
		}
		p.expr(o.Expr)
		if o.Desc {
			p.text(" DESC")
		}
		switch o.Nulls {
		case NullsFirst:
			p.text(" NULLS FIRST")
		case NullsLast:
			p.text(" NULLS LAST")
		}
	}
}

// tail writes LIMIT and all behind it.
func (p *printer) tail(s *Select) {
	if l := s.LimitBy; l != nil {
		p.text(" LIMIT ", strconv.FormatInt(l.N, 10), " BY ")
		p.groupItems(l.Exprs)
		p.other(l.Other)
	}
	if l := s.Limit; l != nil {
		n := "ALL"
		if l.N >= 0 {
			n = strconv.FormatInt(l.N, 10)
		}
		p.text(" LIMIT ", n)
		p.other(l.Other)
	}
	if s.Offset > 0 {
		p.text(" OFFSET ", strconv.FormatInt(s.Offset, 10))
	}
	if s.Compare != nil {
		p.text(" COMPARE ")
		p.duration(s.Compare)
	}
	if s.Sample != nil {
		p.text(" SAMPLE ", strconv.FormatInt(s.Sample.Rows, 10), " ROWS")
	}
	if s.Fill {
		p.text(" FILL")
	}
	if s.Within != nil {
		p.text(" WITHIN ")
		p.duration(s.Within)
	}
	if s.Raw {
		p.text(" RAW")
	}
	if s.Zone != nil {
		p.text(" TIMEZONE ")
		p.quoted(s.Zone.Value.Str)
	}
}

func (p *printer) other(with bool) {
	if with {
		p.text(" WITH OTHER")
	}
}

func (p *printer) rangeText(r *RangeClause) {
	switch {
	case r == nil:
	case r.Kind == RangeLast:
		p.text(" LAST ")
		p.duration(r.Last)
	case r.Kind == RangeBetween:
		p.text(" BETWEEN ")
		p.operand(r.From)
		p.text(" AND ")
		p.operand(r.To)
	default:
		if r.From != nil {
			p.text(" SINCE ")
			p.operand(r.From)
		}
		if r.To != nil {
			p.text(" UNTIL ")
			p.operand(r.To)
		}
	}
}

// duration writes INTERVAL '...', which takes every length and sign.
func (p *printer) duration(d *Duration) {
	p.text("INTERVAL '")
	if d.Months != 0 {
		p.text(strconv.FormatInt(d.Months, 10), "mo")
	}
	if d.Months != 0 && d.Ns != 0 {
		p.text(" ")
	}
	if d.Ns != 0 || d.Months == 0 {
		p.text(durationText(0, d.Ns))
	}
	p.text("'")
}

func (p *printer) literal(v storage.Value) {
	switch v.Type {
	case storage.TypeNull:
		p.text("NULL")
	case storage.TypeBool:
		p.text(map[bool]string{false: "FALSE", true: "TRUE"}[v.Int != 0])
	case storage.TypeInt64:
		p.text(strconv.FormatInt(v.Int, 10))
	case storage.TypeFloat64:
		s := strconv.FormatFloat(v.Float, 'g', -1, 64)
		if !strings.ContainsAny(s, ".e") {
			s += ".0"
		}
		p.text(s)
	case storage.TypeString:
		p.quoted(v.Str)
	default:
		panic("BUG: a literal of " + v.Type.String())
	}
}
