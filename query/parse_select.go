package query

import (
	"fmt"
	"strings"
)

// clause is a part of a SELECT; in a text begun with SELECT they stand in this
// order, those from LIMIT on in any.
type clause uint8

const (
	clauseNone clause = iota
	clauseSelect
	clauseRange
	clauseWhere
	clauseGroup
	clauseHaving
	clauseOrder
	clauseLimit
	clauseOffset
	clauseCompare
	clauseSample
	clauseFill
	clauseWithin
	clauseRaw
	clauseZone
	clausesCount
)

var clauseNames = [clausesCount]string{"", "SELECT", "the range", "WHERE", "GROUP BY", "HAVING", "ORDER BY", "LIMIT", "OFFSET",
	"COMPARE", "SAMPLE", "FILL", "WITHIN", "RAW", "TIMEZONE"}

// selectStatement reads [WITH ...] SELECT ... or [WITH ...] FROM ...
func (p *parser) selectStatement() (*Select, error) {
	s := &Select{Pos: p.cur().pos}
	if p.acceptSoft("WITH") {
		if err := p.withItems(s); err != nil {
			return nil, err
		}
	}
	switch {
	case p.acceptKeyword("SELECT"):
		if err := p.selectItems(s); err != nil {
			return nil, err
		}
		if !p.acceptKeyword("FROM") {
			return nil, p.afterItem("FROM")
		}
	case p.acceptKeyword("FROM"):
		s.FromFirst = true
	default:
		return nil, p.expected("SELECT or FROM", "SELECT", "FROM", "EXPLAIN", "SHOW", "DESCRIBE", "WITH")
	}
	var err error
	if s.Table, s.TablePos, err = p.tableName(); err != nil {
		return nil, err
	}
	if err = p.clauses(s); err != nil {
		return nil, err
	}
	if s.Items == nil {
		if s.GroupBy != nil || s.GroupAll || s.Having != nil {
			return nil, p.expected("SELECT with what to show of each group")
		}
		s.Items = []SelectItem{{Pos: s.Pos, Star: true}}
	}
	return s, nil
}

// afterItem is the error behind an expression in a list of outputs.
func (p *parser) afterItem(want string) *Error {
	err := p.expected(want, want)
	if t := p.cur(); t.kind == tokenName && err.Hint == "" {
		err.Hint = "an alias stands behind AS, the next expression behind a comma"
	}
	return err
}

func (p *parser) withItems(s *Select) error {
	for {
		t := p.cur()
		if t.kind != tokenName {
			return p.expected("the name of a derived column")
		}
		p.next()
		if err := p.expectKeyword("AS"); err != nil {
			return err
		}
		e, err := p.expr()
		if err != nil {
			return err
		}
		s.With = append(s.With, WithItem{Pos: t.pos, Name: t.text, Expr: e})
		if !p.acceptOp(",") || p.cur().kind == tokenKeyword {
			return nil
		}
	}
}

func (p *parser) selectItems(s *Select) error {
	if t := p.cur(); t.isKeyword("DISTINCT") {
		return errorAt(CodeBadRequest, t.pos, "SELECT DISTINCT is not there").withHint("write GROUP BY ALL")
	}
	return p.list(func() error {
		item, err := p.selectItem()
		s.Items = append(s.Items, item)
		return err
	})
}

func (p *parser) selectItem() (SelectItem, error) {
	item := SelectItem{Pos: p.cur().pos}
	if p.acceptOp("*") {
		item.Star = true
		return item, nil
	}
	from := p.at
	var err error
	if item.Expr, err = p.expr(); err != nil {
		return item, err
	}
	item.Text = p.itemText(item.Expr, from)
	if !p.acceptKeyword("AS") {
		return item, nil
	}
	t := p.cur()
	if t.kind != tokenName {
		err := p.expected("a name")
		if t.kind == tokenKeyword || t.kind == tokenString {
			err.Hint = "write it in double quotes"
		}
		return item, err
	}
	item.Alias = p.next().text
	return item, nil
}

// clauseAt tells which clause begins here.
func (p *parser) clauseAt() clause {
	t := p.cur()
	if t.kind == tokenKeyword {
		switch t.text {
		case "SELECT":
			return clauseSelect
		case "BETWEEN":
			return clauseRange
		case "WHERE":
			return clauseWhere
		case "GROUP":
			return clauseGroup
		case "HAVING":
			return clauseHaving
		case "ORDER":
			return clauseOrder
		case "LIMIT":
			return clauseLimit
		case "OFFSET":
			return clauseOffset
		}
	}
	if t.kind == tokenName && !t.quoted {
		switch strings.ToUpper(t.text) {
		case "LAST", "SINCE", "UNTIL":
			return clauseRange
		case "COMPARE":
			return clauseCompare
		case "SAMPLE":
			return clauseSample
		case "FILL":
			return clauseFill
		case "WITHIN":
			return clauseWithin
		case "RAW":
			return clauseRaw
		case "TIMEZONE":
			return clauseZone
		}
	}
	return clauseNone
}

func (p *parser) atRange() bool { return p.clauseAt() == clauseRange }

// rank is a clause's place in a text begun with SELECT.
func (c clause) rank() clause { return min(c, clauseLimit) }

// clauses reads what follows the table.
func (p *parser) clauses(s *Select) error {
	var seen [clausesCount]bool
	last := clauseNone
	if !s.FromFirst {
		seen[clauseSelect] = true
	}
	for {
		c := p.clauseAt()
		t := p.cur()
		if c == clauseNone {
			return nil
		}
		again := seen[c] && !(c == clauseLimit && s.LimitBy != nil && s.Limit == nil)
		if again {
			return errorAt(CodeParse, t.pos, "%s stands here a second time", clauseNames[c])
		}
		if !s.FromFirst && c.rank() < last.rank() {
			return errorAt(CodeParse, t.pos, "%s must stand before %s", clauseNames[c], clauseNames[last]).
				withHint("begun with FROM, the clauses may stand in any order")
		}
		seen[c], last = true, c
		if err := p.clause(s, c); err != nil {
			return err
		}
	}
}

// clause reads one clause, its first word included.
func (p *parser) clause(s *Select, c clause) (err error) {
	if c == clauseRange {
		s.Range, err = p.rangeClause()
		return err
	}
	t := p.next()
	switch c {
	case clauseSelect:
		return p.selectItems(s)
	case clauseWhere:
		s.Where, err = p.expr()
	case clauseGroup:
		err = p.groupBy(s)
	case clauseHaving:
		s.Having, err = p.expr()
	case clauseOrder:
		err = p.orderBy(s)
	case clauseLimit:
		err = p.limit(s, t.pos)
	case clauseOffset:
		s.Offset, err = p.count("a whole number of rows")
	case clauseCompare:
		s.Compare, err = p.duration()
	case clauseSample:
		s.Sample = &SampleClause{Pos: t.pos}
		err = p.sample(s.Sample)
	case clauseFill:
		s.Fill, s.FillPos = true, t.pos
	case clauseWithin:
		s.Within, err = p.duration()
	case clauseRaw:
		s.Raw = true
	case clauseZone:
		if z := p.cur(); z.kind == tokenString {
			p.next()
			s.Zone = textLiteral(z)
			return nil
		}
		return p.expected("the name of a time zone as text")
	}
	return err
}

// sample reads n ROWS.
func (p *parser) sample(s *SampleClause) error {
	var err error
	if s.Rows, err = p.count("a whole number of rows"); err != nil || p.acceptSoft("ROWS") {
		return err
	}
	missing := p.expected("ROWS", "ROWS")
	if missing.Hint == "" {
		missing.Hint = fmt.Sprintf("write SAMPLE %d ROWS", s.Rows)
	}
	return missing
}

func (p *parser) rangeClause() (*RangeClause, error) {
	t := p.next()
	r := &RangeClause{Pos: t.pos}
	var err error
	switch {
	case t.isSoft("LAST"):
		r.Kind = RangeLast
		r.Last, err = p.duration()
	case t.isSoft("SINCE"):
		r.Kind = RangeSince
		if r.From, err = p.binary(precAdd); err == nil && p.acceptSoft("UNTIL") {
			r.To, err = p.binary(precAdd)
		}
	case t.isSoft("UNTIL"):
		r.Kind = RangeSince
		if r.To, err = p.binary(precAdd); err == nil && p.acceptSoft("SINCE") {
			r.From, err = p.binary(precAdd)
		}
	default:
		r.Kind = RangeBetween
		if r.From, err = p.binary(precAdd); err != nil {
			return nil, err
		}
		if err = p.expectKeyword("AND"); err != nil {
			return nil, err
		}
		r.To, err = p.binary(precAdd)
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (p *parser) groupBy(s *Select) error {
	if err := p.expectKeyword("BY"); err != nil {
		return err
	}
	if p.cur().isSoft("GROUPING") && p.ahead(1).isSoft("SETS") {
		return p.groupingSets(s)
	}
	return p.list(func() error {
		if p.atGroupAll() {
			p.next()
			s.GroupAll = true
			return nil
		}
		item, err := p.groupItem()
		s.GroupBy = append(s.GroupBy, item)
		return err
	})
}

// atGroupAll tells whether ALL stands for all outputs without an aggregate: it
// does alone and without quotes. In an expression it is a column.
func (p *parser) atGroupAll() bool {
	if !p.cur().isSoft("ALL") {
		return false
	}
	switch after := p.ahead(1); after.kind {
	case tokenOp:
		return after.text == "," || after.text == ";" || after.text == ")"
	case tokenKeyword:
		switch after.text {
		case "AND", "OR", "NOT", "IN", "IS", "LIKE", "ILIKE", "BETWEEN":
			return false
		}
	}
	return true
}

func (p *parser) groupItem() (GroupItem, error) {
	from := p.at
	e, err := p.expr()
	return GroupItem{Expr: e, Text: p.itemText(e, from)}, err
}

// itemText is the name of an expression without an alias: a column's is its
// name without quotes.
func (p *parser) itemText(e Expr, from int) string {
	if name, ok := e.(*Name); ok && p.at == from+1 {
		return name.Name
	}
	return p.textOf(from)
}

func (p *parser) orderBy(s *Select) error {
	if err := p.expectKeyword("BY"); err != nil {
		return err
	}
	return p.list(func() error {
		from := p.at
		e, err := p.expr()
		if err != nil {
			return err
		}
		item := OrderItem{Expr: e, Text: p.itemText(e, from)}
		if p.acceptSoft("DESC") {
			item.Desc = true
		} else {
			p.acceptSoft("ASC")
		}
		if p.acceptSoft("NULLS") {
			switch {
			case p.acceptSoft("FIRST"):
				item.Nulls = NullsFirst
			case p.acceptSoft("LAST"):
				item.Nulls = NullsLast
			default:
				return p.expected("FIRST or LAST", "FIRST", "LAST")
			}
		}
		s.OrderBy = append(s.OrderBy, item)
		return nil
	})
}

// limit reads what follows LIMIT: ALL, n, or n BY expr, ..., each perhaps WITH OTHER.
func (p *parser) limit(s *Select, pos Pos) error {
	n := int64(-1)
	if !p.acceptSoft("ALL") {
		var err error
		if n, err = p.count("a whole number of rows, or ALL"); err != nil {
			return err
		}
	}
	var by *LimitByClause
	if s.LimitBy == nil && s.Limit == nil && n >= 0 && p.acceptKeyword("BY") {
		by = &LimitByClause{Pos: pos, N: n}
		err := p.list(func() error {
			item, err := p.groupItem()
			by.Exprs = append(by.Exprs, item)
			return err
		})
		if err != nil {
			return err
		}
	}
	other := false
	if p.acceptSoft("WITH") {
		if err := p.expectSoft("OTHER"); err != nil {
			return err
		}
		other = true
	}
	if by != nil {
		by.Other = other
		s.LimitBy = by
		return nil
	}
	s.Limit = &LimitClause{Pos: pos, N: n, Other: other}
	return nil
}

// unexpectedTail is the error for what stands behind a whole statement.
func (p *parser) unexpectedTail() *Error {
	err := p.expected("the end of the query", clauseNames[clauseWhere], "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "LAST", "SINCE", "UNTIL",
		"COMPARE", "SAMPLE", "FILL", "WITHIN", "RAW", "TIMEZONE")
	if t := p.cur(); t.isSoft("JOIN") || t.isOp(",") {
		err.Hint = "a query reads one table"
	}
	return err
}
