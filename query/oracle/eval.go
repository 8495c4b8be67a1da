package oracle

import (
	"math"
	"math/big"
	"regexp"
	"slices"
	"unicode"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// eval is the value of an expression, in its type.
func (o *oracle) eval(e query.Expr, c ctx) storage.Value {
	v := o.value(e, c)
	return coerce(v, o.typeOf(e, c))
}

// isTrue tells whether a condition holds; unknown does not.
func (o *oracle) isTrue(e query.Expr, c ctx) bool {
	v := o.eval(e, c)
	return v.Type == storage.TypeBool && v.Int != 0
}

func (o *oracle) value(e query.Expr, c ctx) storage.Value {
	switch e := e.(type) {
	case *query.Literal:
		return o.zoned(e.Value)
	case *query.Duration:
		if e.Ns%1_000_000_000 == 0 {
			return storage.Int(e.Ns / 1_000_000_000)
		}
		return storage.Float(float64(e.Ns) / 1e9)
	case *query.Name:
		if it, ok := o.alias(e, c); ok {
			return o.eval(it.expr, ctx{row: c.row, group: c.group})
		}
		return c.row[e.Name]
	case *query.Unary:
		return o.unary(e, c)
	case *query.Logic:
		return o.logic(e, c)
	case *query.Binary:
		return o.binary(e, c)
	case *query.IsNull:
		return storage.Bool(isNull(o.eval(e.X, c)) != e.Not)
	case *query.In:
		return o.in(e, c)
	case *query.Between:
		from := o.compareAs(query.BinaryGe, e.X, e.From, c)
		to := o.compareAs(query.BinaryLe, e.X, e.To, c)
		return not(and([]storage.Value{from, to}), e.Not)
	case *query.Like:
		return o.like(e, c)
	case *query.Regex:
		return o.regex(e, c)
	case *query.Has:
		return o.has(e, c)
	case *query.Index:
		return o.index(e, c)
	case *query.CastExpr:
		return cast(o.stored(e.X, c), e.Type)
	case *query.Case:
		return o.caseOf(e, c)
	case *query.Call:
		if isAggName(e.Name) {
			return o.aggregate(e, c)
		}
		return o.call(e, c)
	case *query.Extract:
		return extract(e.Field, asTime(o.eval(e.X, c)), o.zoneOf(e.Zone))
	}
	panic("BUG: an unknown expression")
}

// stored is a column's value as it is stored; of all else the value in its type.
func (o *oracle) stored(e query.Expr, c ctx) storage.Value {
	if name, ok := o.column(e, c); ok {
		return c.row[name]
	}
	return o.eval(e, c)
}

func (o *oracle) unary(e *query.Unary, c ctx) storage.Value {
	v := o.eval(e.X, c)
	if e.Op == query.UnaryNot {
		return not(v, true)
	}
	n := number(v)
	switch {
	case isNull(n) || n.Type == storage.TypeInt64 && n.Int == math.MinInt64:
		return null
	case n.Type == storage.TypeInt64:
		return storage.Int(-n.Int)
	}
	return storage.Float(-n.Float)
}

// not negates if it is asked to; unknown stays unknown.
func not(v storage.Value, negate bool) storage.Value {
	if v.Type != storage.TypeBool || !negate {
		return v
	}
	return storage.Bool(v.Int == 0)
}

func and(vs []storage.Value) storage.Value {
	unknown := false
	for _, v := range vs {
		if v.Type == storage.TypeBool && v.Int == 0 {
			return v
		}
		unknown = unknown || v.Type != storage.TypeBool
	}
	if unknown {
		return null
	}
	return storage.Bool(true)
}

func (o *oracle) logic(e *query.Logic, c ctx) storage.Value {
	var vs []storage.Value
	for _, arg := range e.Args {
		vs = append(vs, not(o.eval(arg, c), e.Or))
	}
	return not(and(vs), e.Or) // a OR b is NOT (NOT a AND NOT b)
}

func (o *oracle) binary(e *query.Binary, c ctx) storage.Value {
	if e.Op.IsComparison() {
		return o.compareAs(e.Op, e.X, e.Y, c)
	}
	if d, of := monthsOf(e); d != nil {
		sign := int64(1)
		if e.Op == query.BinarySub {
			sign = -1
		}
		t := shiftMonths(asTime(o.eval(of, c)), sign*d.Months)
		return shiftNs(t, new(big.Int).Mul(big.NewInt(sign), big.NewInt(d.Ns)))
	}
	x, y := o.eval(e.X, c), o.eval(e.Y, c)
	if isNull(x) || isNull(y) {
		return null
	}
	if o.isWrittenTime(e.X, e, c) {
		x = asTime(x)
	}
	if o.isWrittenTime(e.Y, e, c) {
		y = asTime(y)
	}
	if e.Op == query.BinaryConcat {
		return storage.String(text(x) + text(y))
	}
	if x.Type == storage.TypeTime || y.Type == storage.TypeTime {
		if v := timeArithmetic(e.Op, x, y); v.Type == o.typeOf(e, c) {
			return v
		}
		return null // time - text is a time less another, or nothing
	}
	x, y = number(x), number(y)
	switch {
	case isNull(x) || isNull(y):
		return null
	case o.typeOf(e, c) == storage.TypeInt64:
		return intArithmetic(e.Op, x.Int, y.Int)
	}
	return floatArithmetic(e.Op, float(x), float(y))
}

// isWrittenTime tells whether an operand of + or - is a constant text that is a
// time, and the other one a length of time: a time literal then.
func (o *oracle) isWrittenTime(operand query.Expr, e *query.Binary, c ctx) bool {
	_, x := e.X.(*query.Duration)
	_, y := e.Y.(*query.Duration)
	if x == y || e.Op != query.BinaryAdd && e.Op != query.BinarySub || !o.isConstant(operand, c) {
		return false
	}
	v := o.eval(operand, c)
	return v.Type == storage.TypeString && !isNull(asTime(v))
}

// intArithmetic computes with big integers; null past int64 and by zero.
func intArithmetic(op query.BinaryOp, x, y int64) storage.Value {
	a, b, z := big.NewInt(x), big.NewInt(y), new(big.Int)
	switch op {
	case query.BinaryAdd:
		z.Add(a, b)
	case query.BinarySub:
		z.Sub(a, b)
	case query.BinaryMul:
		z.Mul(a, b)
	case query.BinaryDiv, query.BinaryMod:
		if y == 0 {
			return null
		}
		if op == query.BinaryDiv {
			z.Quo(a, b)
		} else {
			z.Rem(a, b)
		}
	}
	if !z.IsInt64() {
		return null
	}
	return storage.Int(z.Int64())
}

func floatArithmetic(op query.BinaryOp, x, y float64) storage.Value {
	switch op {
	case query.BinaryAdd:
		return storage.Float(x + y)
	case query.BinarySub:
		return storage.Float(x - y)
	case query.BinaryMul:
		return storage.Float(x * y)
	}
	if y == 0 {
		return null
	}
	if op == query.BinaryDiv {
		return storage.Float(x / y)
	}
	return storage.Float(math.Mod(x, y))
}

// isConstant tells whether an expression is the same for all rows.
func (o *oracle) isConstant(e query.Expr, c ctx) bool {
	constant := true
	o.walk(e, func(e query.Expr) {
		switch e := e.(type) {
		case *query.Name:
			constant = constant && e.Name == "auto"
		case *query.Call:
			constant = constant && !isAggName(e.Name) && e.Name != "time"
		}
	})
	return constant
}

// compareAs compares after a constant has taken the type of the other side; if
// it cannot, the answer is false.
func (o *oracle) compareAs(op query.BinaryOp, x, y query.Expr, c ctx) storage.Value {
	a, b := o.eval(x, c), o.eval(y, c)
	ok := true
	switch xc, yc := o.isConstant(x, c), o.isConstant(y, c); {
	case yc && !xc:
		b, ok = o.literalFor(b, x, c)
	case xc && !yc:
		a, ok = o.literalFor(a, y, c)
	case xc && a.Type == storage.TypeString:
		a, ok = o.literalFor(a, y, c)
	case yc && b.Type == storage.TypeString:
		b, ok = o.literalFor(b, x, c)
	}
	if !ok {
		return storage.Bool(false)
	}
	cmp, known := compare(a, b)
	if !known {
		return null
	}
	return storage.Bool(holds(op, cmp))
}

func holds(op query.BinaryOp, c int) bool {
	switch op {
	case query.BinaryEq:
		return c == 0
	case query.BinaryNe:
		return c != 0
	case query.BinaryLt:
		return c < 0
	case query.BinaryLe:
		return c <= 0
	case query.BinaryGt:
		return c > 0
	}
	return c >= 0
}

// literalFor gives a constant the type of an expression.
func (o *oracle) literalFor(v storage.Value, e query.Expr, c ctx) (storage.Value, bool) {
	to := o.typeOf(e, c)
	if isNull(v) || v.Type == to || to == storage.TypeNull {
		return v, true
	}
	_, column := o.column(e, c)
	switch to {
	case storage.TypeInt64, storage.TypeFloat64:
		if v.Type == storage.TypeString {
			if n := number(v); !isNull(n) {
				return n, true
			}
			v = cast(v, to)
			return v, !isNull(v)
		}
		return v, isNumeric(v.Type)
	case storage.TypeBool:
		v = cast(storage.String(text(v)), to)
		return v, !isNull(v)
	case storage.TypeString:
		if isNumeric(v.Type) && !column {
			return v, true
		}
		return storage.String(text(v)), true
	}
	if v.Type != storage.TypeString {
		return v, false
	}
	v = cast(v, to)
	return v, !isNull(v)
}

func (o *oracle) in(e *query.In, c ctx) storage.Value {
	var each []storage.Value
	for _, item := range e.List {
		each = append(each, not(o.compareAs(query.BinaryEq, e.X, item, c), true))
	}
	return not(and(each), !e.Not) // IN is NOT (x != a AND x != b ...)
}

// like matches a pattern by trying everything, code point by code point.
func (o *oracle) like(e *query.Like, c ctx) storage.Value {
	v, p := o.eval(e.X, c), o.eval(e.Pattern, c)
	if isNull(v) || isNull(p) {
		return null
	}
	escape := '\\'
	if e.Escape != nil {
		escape = -1
		for _, r := range text(o.eval(e.Escape, c)) {
			escape = r
		}
	}
	s, pattern := []rune(text(v)), []rune(text(p))
	if e.Fold {
		for i := range s {
			s[i] = unicode.ToLower(s[i])
		}
		for i := range pattern {
			pattern[i] = unicode.ToLower(pattern[i])
		}
		escape = unicode.ToLower(escape)
	}
	return storage.Bool(likeRunes(s, pattern, escape) != e.Not)
}

func likeRunes(s, p []rune, escape rune) bool {
	switch {
	case len(p) == 0:
		return len(s) == 0
	case p[0] == escape && len(p) > 1:
		return len(s) > 0 && s[0] == p[1] && likeRunes(s[1:], p[2:], escape)
	case p[0] == '%':
		for i := range len(s) + 1 {
			if likeRunes(s[i:], p[1:], escape) {
				return true
			}
		}
		return false
	case p[0] == '_':
		return len(s) > 0 && likeRunes(s[1:], p[1:], escape)
	}
	return len(s) > 0 && s[0] == p[0] && likeRunes(s[1:], p[1:], escape)
}

func (o *oracle) regex(e *query.Regex, c ctx) storage.Value {
	v, p := o.eval(e.X, c), o.eval(e.Pattern, c)
	if isNull(v) || isNull(p) {
		return null
	}
	pattern := text(p)
	if e.Fold {
		pattern = "(?i)" + pattern
	}
	return storage.Bool(regexp.MustCompile(pattern).MatchString(text(v)) != e.Not)
}

// itemsOf is a value as a list: text is a list of one, null is empty.
func itemsOf(v storage.Value) []string {
	switch v.Type {
	case storage.TypeNull:
		return nil
	case storage.TypeList:
		return v.List
	}
	return []string{text(v)}
}

func (o *oracle) has(e *query.Has, c ctx) storage.Value {
	v := o.value(e.X, c) // as it is stored: a list among texts stays one
	found := 0
	for _, item := range e.Items {
		if want := o.eval(item, c); !isNull(want) && slices.Contains(itemsOf(v), text(want)) {
			found++
		}
	}
	switch e.Kind {
	case query.HasAll:
		return storage.Bool(found == len(e.Items) && !isNull(v))
	case query.HasNone:
		return storage.Bool(found == 0)
	}
	return storage.Bool(found > 0)
}

func (o *oracle) index(e *query.Index, c ctx) storage.Value {
	items := itemsOf(o.value(e.X, c))
	at := cast(number(o.eval(e.At, c)), storage.TypeInt64)
	if isNull(at) || at.Int < 1 || at.Int > int64(len(items)) {
		return null
	}
	return storage.String(items[at.Int-1])
}

func (o *oracle) caseOf(e *query.Case, c ctx) storage.Value {
	for _, w := range e.Whens {
		hit := false
		if e.Operand == nil {
			hit = o.isTrue(w.Cond, c)
		} else {
			v := o.compareAs(query.BinaryEq, e.Operand, w.Cond, c)
			hit = v.Type == storage.TypeBool && v.Int != 0
		}
		if hit {
			return o.eval(w.Then, c)
		}
	}
	if e.Else == nil {
		return null
	}
	return o.eval(e.Else, c)
}
