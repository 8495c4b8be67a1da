package query

import (
	"strconv"
	"strings"

	"github.com/kelpdb/kelp/storage"
)

// precedence says how tightly an operator binds, as in PostgreSQL.
type precedence uint8

const (
	precOr precedence = iota
	precAnd
	precNot
	precIs
	precCompare
	precRange // BETWEEN, IN, LIKE, HAS
	precOther // ||, ~
	precAdd
	precMul
	precUnary
)

// expr reads an expression.
func (p *parser) expr() (Expr, error) { return p.binary(precOr) }

// binary reads an expression whose operators all bind at least as tightly as min.
func (p *parser) binary(min precedence) (Expr, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > exprDepthMax {
		return nil, p.tooDeep(p.cur().pos)
	}
	x, err := p.prefix(min)
	if err != nil {
		return nil, err
	}
	compared := false
	for {
		prec, ok := p.infixPrecedence()
		if !ok || prec < min {
			return x, nil
		}
		if prec == precCompare {
			if compared {
				return nil, errorAt(CodeParse, p.cur().pos, "comparisons cannot be chained").withHint("join them with AND, or use parentheses")
			}
			compared = true
		}
		height, pos := p.height, p.cur().pos
		if x, err = p.infix(x, prec); err != nil {
			return nil, err
		}
		if err = p.grow(height, pos); err != nil {
			return nil, err
		}
	}
}

// grow notes that the node just built stands over the expression read last and
// over one of the given height.
func (p *parser) grow(height int, pos Pos) error {
	p.height = max(p.height, height) + 1
	if p.height > exprDepthMax {
		return p.tooDeep(pos)
	}
	return nil
}

func (p *parser) tooDeep(pos Pos) error {
	return errorAt(CodeBadRequest, pos, "the expression is nested deeper than %d levels", exprDepthMax)
}

// infixPrecedence looks at the operator that follows an operand.
func (p *parser) infixPrecedence() (precedence, bool) {
	t := p.cur()
	switch t.kind {
	case tokenKeyword:
		switch t.text {
		case "OR":
			return precOr, true
		case "AND":
			return precAnd, true
		case "IS":
			return precIs, true
		case "IN", "LIKE", "ILIKE", "BETWEEN", "NOT":
			return precRange, true
		}
	case tokenName:
		if t.isSoft("HAS") {
			return precRange, true
		}
	case tokenOp:
		switch t.text {
		case "=", "==", "!=", "<>", "<", "<=", ">", ">=":
			return precCompare, true
		case "||", "~", "~*", "!~", "!~*":
			return precOther, true
		case "+", "-":
			return precAdd, true
		case "*", "/", "%":
			return precMul, true
		}
	}
	return 0, false
}

// infix reads an operator and its right operands. p.height is then that of the
// highest right operand.
func (p *parser) infix(x Expr, prec precedence) (Expr, error) {
	t := p.next()
	p.height = 0
	switch prec {
	case precOr, precAnd:
		return p.logic(x, t, prec)
	case precIs:
		not := p.acceptKeyword("NOT")
		if !p.acceptKeyword("NULL") {
			return nil, p.expected("NULL", "NULL")
		}
		return &IsNull{Pos: t.pos, X: x, Not: not}, nil
	case precRange:
		return p.rangeOperator(x, t)
	}
	y, err := p.binary(prec + 1)
	if err != nil {
		return nil, err
	}
	switch t.text {
	case "~", "~*", "!~", "!~*":
		return &Regex{Pos: t.pos, X: x, Pattern: y, Fold: strings.HasSuffix(t.text, "*"), Not: t.text[0] == '!'}, nil
	}
	return &Binary{Pos: t.pos, Op: binaryOpOf(t.text), X: x, Y: y}, nil
}

func binaryOpOf(text string) BinaryOp {
	switch text {
	case "==":
		return BinaryEq
	case "<>":
		return BinaryNe
	}
	for op, s := range binaryOpTexts {
		if s == text {
			return BinaryOp(op)
		}
	}
	panic("BUG: no operator " + text)
}

// logic reads the operands that follow x and a first AND or OR; a chain is one
// node, so that it may be long.
func (p *parser) logic(x Expr, t token, prec precedence) (Expr, error) {
	l := &Logic{Pos: t.pos, Or: prec == precOr, Args: []Expr{x}}
	height := 0
	for {
		y, err := p.binary(prec + 1)
		if err != nil {
			return nil, err
		}
		height = max(height, p.height)
		l.Args = append(l.Args, y)
		if !p.acceptKeyword(t.text) {
			p.height = height
			return l, nil
		}
	}
}

// rangeOperator reads [NOT] IN, BETWEEN, LIKE, ILIKE and HAS behind x; t is
// the first word, already read.
func (p *parser) rangeOperator(x Expr, t token) (Expr, error) {
	not := false
	word := t
	if t.isKeyword("NOT") {
		not = true
		word = p.cur()
		switch {
		case word.isKeyword("IN"), word.isKeyword("BETWEEN"), word.isKeyword("LIKE"), word.isKeyword("ILIKE"):
			p.next()
		default:
			return nil, p.expected("IN, BETWEEN, LIKE or ILIKE", "IN", "BETWEEN", "LIKE", "ILIKE")
		}
	}
	switch {
	case word.isKeyword("IN"):
		list, err := p.exprList()
		return &In{Pos: t.pos, X: x, List: list, Not: not}, err
	case word.isKeyword("BETWEEN"):
		return p.between(x, t.pos, not)
	case word.isSoft("HAS"):
		return p.has(x, t.pos)
	}
	pattern, err := p.binary(precOther)
	if err != nil {
		return nil, err
	}
	like := &Like{Pos: t.pos, X: x, Pattern: pattern, Fold: word.text == "ILIKE", Not: not}
	if p.acceptSoft("ESCAPE") {
		height := p.height
		like.Escape, err = p.binary(precOther)
		p.height = max(height, p.height)
	}
	return like, err
}

func (p *parser) between(x Expr, pos Pos, not bool) (Expr, error) {
	from, err := p.binary(precOther)
	if err != nil {
		return nil, err
	}
	height := p.height
	if err = p.expectKeyword("AND"); err != nil {
		return nil, err
	}
	to, err := p.binary(precOther)
	p.height = max(height, p.height)
	return &Between{Pos: pos, X: x, From: from, To: to, Not: not}, err
}

func (p *parser) has(x Expr, pos Pos) (Expr, error) {
	h := &Has{Pos: pos, X: x}
	if p.ahead(1).isOp("(") {
		switch {
		case p.acceptSoft("ANY"):
			h.Kind = HasAny
		case p.acceptSoft("ALL"):
			h.Kind = HasAll
		case p.acceptSoft("NONE"):
			h.Kind = HasNone
		}
	}
	var err error
	if h.Kind == HasItem {
		var item Expr
		item, err = p.binary(precOther)
		h.Items = []Expr{item}
	} else {
		h.Items, err = p.exprList()
	}
	return h, err
}

// exprList reads (expr, ...), at least one. p.height is that of the highest.
func (p *parser) exprList() ([]Expr, error) {
	if err := p.expectOp("("); err != nil {
		return nil, err
	}
	var exprs []Expr
	height := 0
	err := p.list(func() error {
		e, err := p.expr()
		height = max(height, p.height)
		exprs = append(exprs, e)
		return err
	})
	if err != nil {
		return nil, err
	}
	p.height = height
	return exprs, p.expectOp(")")
}

// prefix reads an operand with what stands before it, and the [..] and :: behind it.
func (p *parser) prefix(min precedence) (Expr, error) {
	t := p.cur()
	switch {
	case t.isKeyword("NOT"):
		if min > precNot {
			return nil, p.expected("an expression")
		}
		p.next()
		x, err := p.binary(precNot)
		if err != nil {
			return nil, err
		}
		return &Unary{Pos: t.pos, Op: UnaryNot, X: x}, p.grow(0, t.pos)
	case t.isOp("-"), t.isOp("+"):
		return p.sign(t)
	}
	x, err := p.primary()
	if err != nil {
		return nil, err
	}
	return p.postfix(x)
}

// sign reads -x or +x. A minus before a number belongs to it, so that the
// smallest int64 can be written.
func (p *parser) sign(t token) (Expr, error) {
	p.next()
	if num, after := p.cur(), p.ahead(1); t.text == "-" && num.kind == tokenNumber && !after.isOp("::") && !after.isOp("[") {
		p.next()
		return p.number(num, "-", t.pos)
	}
	x, err := p.binary(precUnary)
	if err != nil || t.text == "+" {
		return x, err
	}
	return &Unary{Pos: t.pos, Op: UnaryNeg, X: x}, p.grow(0, t.pos)
}

// postfix reads x[1] and x::type.
func (p *parser) postfix(x Expr) (Expr, error) {
	for {
		t := p.cur()
		switch {
		case t.isOp("["):
			p.next()
			height := p.height
			at, err := p.expr()
			if err != nil {
				return nil, err
			}
			if err = p.expectOp("]"); err != nil {
				return nil, err
			}
			x = &Index{Pos: t.pos, X: x, At: at}
			if err = p.grow(height, t.pos); err != nil {
				return nil, err
			}
		case t.isOp("::"):
			p.next()
			to, err := p.typeName()
			if err != nil {
				return nil, err
			}
			x = &CastExpr{Pos: t.pos, X: x, Type: to}
			if err = p.grow(0, t.pos); err != nil {
				return nil, err
			}
		default:
			return x, nil
		}
	}
}

// primary reads an operand without operators.
func (p *parser) primary() (Expr, error) {
	t := p.cur()
	p.height = 1
	switch t.kind {
	case tokenNumber:
		p.next()
		return p.number(t, "", t.pos)
	case tokenString:
		p.next()
		return textLiteral(t), nil
	case tokenDuration:
		return p.duration()
	case tokenName:
		return p.nameOrCall()
	case tokenOp:
		if t.text == "(" {
			p.next()
			x, err := p.expr()
			if err != nil {
				return nil, err
			}
			return x, p.expectOp(")")
		}
	case tokenKeyword:
		switch t.text {
		case "NULL":
			p.next()
			return &Literal{Pos: t.pos}, nil
		case "TRUE", "FALSE":
			p.next()
			return &Literal{Pos: t.pos, Value: storage.Bool(t.text == "TRUE")}, nil
		case "CASE":
			return p.caseExpr()
		case "CAST":
			return p.castExpr()
		}
	}
	return nil, p.expected("an expression")
}

func textLiteral(t token) *Literal { return &Literal{Pos: t.pos, Value: storage.String(t.text)} }

// number makes a literal: int64 if it is a whole number that fits, else float64.
func (p *parser) number(t token, sign string, pos Pos) (Expr, error) {
	p.height = 1
	if !strings.ContainsAny(t.text, ".eE") {
		if n, err := strconv.ParseInt(sign+t.text, 10, 64); err == nil {
			return &Literal{Pos: pos, Value: storage.Int(n)}, nil
		}
	}
	f, err := strconv.ParseFloat(sign+t.text, 64)
	if err != nil {
		return nil, errorAt(CodeParse, t.pos, "the number %s is out of range", clip(t.text))
	}
	return &Literal{Pos: pos, Value: storage.Float(f)}, nil
}
