package query

import (
	"strings"

	"github.com/kelpdb/kelp/storage"
)

// nameOrCall reads a column, a function, INTERVAL '...' or type '...'.
func (p *parser) nameOrCall() (Expr, error) {
	t, after := p.cur(), p.ahead(1)
	if !t.quoted {
		if after.isOp("(") {
			return p.call()
		}
		if after.kind == tokenString {
			if t.isSoft("INTERVAL") {
				return p.interval()
			}
			if to, ok := typeByName(strings.ToLower(t.text)); ok {
				p.next()
				return &CastExpr{Pos: t.pos, X: textLiteral(p.next()), Type: to}, p.grow(1, t.pos)
			}
		}
	}
	p.next()
	return &Name{Pos: t.pos, Name: t.text}, nil
}

// call reads name(...) and a FILTER behind it.
func (p *parser) call() (Expr, error) {
	t := p.next()
	p.tokens[p.at].call = true
	p.next()
	c := &Call{Pos: t.pos, Name: strings.ToLower(t.text)}
	if c.Name == "extract" && p.ahead(1).isKeyword("FROM") {
		return p.extract(t.pos)
	}
	height := 0
	switch {
	case p.acceptOp(")"):
	case p.cur().isOp("*") && p.ahead(1).isOp(")"):
		p.next()
		p.next()
		c.Star = true
	default:
		c.Distinct = p.acceptKeyword("DISTINCT")
		err := p.list(func() error {
			e, err := p.expr()
			height = max(height, p.height)
			c.Args = append(c.Args, e)
			return err
		})
		if err == nil {
			err = p.closeCall()
		}
		if err != nil {
			return nil, err
		}
	}
	if p.cur().isSoft("FILTER") && p.ahead(1).isOp("(") {
		p.next()
		p.next()
		if err := p.expectKeyword("WHERE"); err != nil {
			return nil, err
		}
		cond, err := p.expr()
		if err != nil {
			return nil, err
		}
		height = max(height, p.height)
		c.Filter = cond
		if err := p.expectOp(")"); err != nil {
			return nil, err
		}
	}
	p.height = height
	return c, p.grow(0, t.pos)
}

func (p *parser) closeCall() error {
	if p.acceptOp(")") {
		return nil
	}
	return p.expected("`,` or `)`")
}

// extract reads field FROM x) of extract(.
func (p *parser) extract(pos Pos) (Expr, error) {
	field := p.cur()
	if field.kind != tokenName && field.kind != tokenString {
		return nil, p.expected("a part of a time such as hour")
	}
	p.next()
	p.next()
	x, err := p.expr()
	if err != nil {
		return nil, err
	}
	e := &Extract{Pos: pos, Field: strings.ToLower(field.text), X: x}
	if p.acceptOp(",") && p.cur().kind == tokenString {
		e.Zone = textLiteral(p.next())
	}
	if err = p.expectOp(")"); err != nil {
		return nil, err
	}
	return e, p.grow(0, pos)
}

// caseExpr reads CASE ... END.
func (p *parser) caseExpr() (Expr, error) {
	t := p.next()
	c := &Case{Pos: t.pos}
	height := 0
	part := func() (Expr, error) {
		e, err := p.expr()
		height = max(height, p.height)
		return e, err
	}
	var err error
	if !p.cur().isKeyword("WHEN") {
		if c.Operand, err = part(); err != nil {
			return nil, err
		}
	}
	for p.acceptKeyword("WHEN") {
		var w When
		if w.Cond, err = part(); err != nil {
			return nil, err
		}
		if err = p.expectKeyword("THEN"); err != nil {
			return nil, err
		}
		if w.Then, err = part(); err != nil {
			return nil, err
		}
		c.Whens = append(c.Whens, w)
	}
	if len(c.Whens) == 0 {
		return nil, p.expected("WHEN", "WHEN")
	}
	if p.acceptKeyword("ELSE") {
		if c.Else, err = part(); err != nil {
			return nil, err
		}
	}
	if !p.acceptKeyword("END") {
		return nil, p.expected("WHEN, ELSE or END", "WHEN", "ELSE", "END")
	}
	p.height = height
	return c, p.grow(0, t.pos)
}

// castExpr reads CAST(x AS type).
func (p *parser) castExpr() (Expr, error) {
	t := p.next()
	p.tokens[p.at].call = true
	if err := p.expectOp("("); err != nil {
		return nil, err
	}
	x, err := p.expr()
	if err != nil {
		return nil, err
	}
	if err = p.expectKeyword("AS"); err != nil {
		return nil, err
	}
	to, err := p.typeName()
	if err != nil {
		return nil, err
	}
	if err = p.expectOp(")"); err != nil {
		return nil, err
	}
	return &CastExpr{Pos: t.pos, X: x, Type: to}, p.grow(0, t.pos)
}

// typeName reads the name of a type.
func (p *parser) typeName() (storage.Type, error) {
	t := p.cur()
	if t.kind == tokenName {
		name := strings.ToLower(t.text)
		if name == "double" && p.ahead(1).isSoft("precision") {
			p.next()
		}
		if to, ok := typeByName(name); ok {
			p.next()
			return to, nil
		}
	}
	err := p.expected("the name of a type")
	if t.kind == tokenName {
		err.suggest(strings.ToLower(t.text), typeNames())
	}
	if err.Hint == "" {
		err.Hint = "types are int64, float64, string, bool, time"
	}
	return storage.TypeNull, err
}

func typeNames() []string {
	return []string{"int64", "bigint", "int", "integer", "float64", "double", "float", "string", "text", "varchar",
		"bool", "boolean", "time", "timestamp", "timestamptz"}
}

// typeByName finds a type by any of its names, in lower case.
func typeByName(name string) (storage.Type, bool) {
	switch name {
	case "int64", "bigint", "int", "integer":
		return storage.TypeInt64, true
	case "float64", "double", "float":
		return storage.TypeFloat64, true
	case "string", "text", "varchar":
		return storage.TypeString, true
	case "bool", "boolean":
		return storage.TypeBool, true
	case "time", "timestamp", "timestamptz":
		return storage.TypeTime, true
	}
	return storage.TypeNull, false
}
