package query

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kelpdb/kelp/storage"
)

// compare binds a comparison. A constant takes the type of the other side; one
// that has no such form makes the comparison false, with a warning.
func (b *binder) compare(op Op, x, y *Bound, pos Pos) *Bound {
	operands := []*Bound{x, y}
	if op != OpEq && op != OpNe {
		b.warnMixed(x, y)
		b.warnMixed(y, x)
	}
	switch {
	case isLiteral(y) && !isLiteral(x):
		y = b.literalTo(y, x)
	case isLiteral(x) && !isLiteral(y):
		x = b.literalTo(x, y)
	case isLiteral(x) && x.Type == storage.TypeString:
		x = b.literalTo(x, y)
	case isLiteral(y) && y.Type == storage.TypeString:
		y = b.literalTo(y, x)
	}
	if x == nil || y == nil {
		return falseOf(pos, operands...)
	}
	return b.fold(&Bound{Op: op, Type: storage.TypeBool, Args: []*Bound{x, y}, Pos: pos})
}

// isLiteral tells constants that no column is written in. Others happen to be
// constant, which must not decide on how they are compared.
func isLiteral(x *Bound) bool { return x.Op == OpConst && !x.computed }

// falseOf is false, as the value of an expression over operands.
func falseOf(pos Pos, operands ...*Bound) *Bound {
	n := constant(storage.Bool(false), pos)
	for _, x := range operands {
		n.computed = n.computed || !isLiteral(x)
	}
	return n
}

// literalTo gives a constant the type of what it is compared with. It returns
// nil, with a warning, if the constant does not read as that type. A number
// stays a number beside an integer or a float, and beside text that is computed.
func (b *binder) literalTo(lit, other *Bound) *Bound {
	if !isLiteral(lit) || lit.Const.IsNull() || lit.Const.Type == other.Type {
		return lit
	}
	v, ok := literalAs(lit.Const, other.Type, other.Op == OpColumn)
	if other.Type == storage.TypeTime && lit.Const.Type == storage.TypeString {
		v, ok = b.writtenTime(lit.Const)
	}
	if !ok {
		what := "a value"
		if other.Op == OpColumn {
			what = "`" + b.plan.Columns[other.Index].Name + "`"
		}
		b.warn("'" + clip(CanonicalText(lit.Const)) + "' is not of the type of " + what + " (" + other.Type.String() + "): the comparison is false")
		return nil
	}
	return constant(v, lit.Pos)
}

// warnMixed says that a number and a column that holds numbers and text are
// ordered as text.
func (b *binder) warnMixed(lit, other *Bound) {
	if lit.Op != OpConst || !isNumber(lit.Const.Type) || other.Op != OpColumn || other.Type != storage.TypeString {
		return
	}
	c := b.plan.Columns[other.Index]
	if c.Types.Has(storage.TypeInt64) || c.Types.Has(storage.TypeFloat64) {
		b.warn("`" + c.Name + "` holds text and numbers, so it is compared as text; write " + c.Name + "::float64 to compare numbers")
	}
}

// literalAs converts the value of a literal to a type. column: what it is
// compared with is a column as it is stored.
func literalAs(v storage.Value, to storage.Type, column bool) (storage.Value, bool) {
	switch to {
	case storage.TypeNull:
		return v, true
	case storage.TypeInt64, storage.TypeFloat64:
		if v.Type != storage.TypeString {
			return v, isNumber(v.Type)
		}
		if n, ok := Number(v); ok {
			return n, true
		}
		return Cast(v, to)
	case storage.TypeBool:
		return Cast(storage.String(CanonicalText(v)), to)
	case storage.TypeString:
		if !column && isNumber(v.Type) {
			return v, true
		}
		return Cast(v, to)
	}
	if v.Type != storage.TypeString {
		return v, false
	}
	return Cast(v, to)
}

// in binds [NOT] IN: constants become a set, the rest comparisons.
func (b *binder) in(e *In, sc scope) (*Bound, error) {
	x, err := b.expr(e.X, sc)
	if err != nil {
		return nil, err
	}
	set := &Bound{Op: OpIn, Type: storage.TypeBool, Args: []*Bound{x}, Pos: e.Pos}
	var others []*Bound
	for _, item := range e.List {
		y, err := b.expr(item, sc)
		if err != nil {
			return nil, err
		}
		switch {
		case !isLiteral(y):
			others = append(others, b.compare(OpEq, x, y, e.Pos))
		case y.Const.IsNull():
			set.SetNull = true
		default:
			if y = b.literalTo(y, x); y != nil {
				set.Set = append(set.Set, y.Const)
			}
		}
	}
	slices.SortFunc(set.Set, Order)
	set.Set = slices.CompactFunc(set.Set, sameValue)
	if len(set.Set) > 0 || set.SetNull {
		others = append(others, b.fold(set))
	}
	var n *Bound
	switch len(others) {
	case 0:
		n = falseOf(e.Pos, x)
	case 1:
		n = others[0]
	default:
		n = b.simplifyLogic(&Bound{Op: OpOr, Type: storage.TypeBool, Args: others, Pos: e.Pos})
	}
	if e.Not {
		n = b.not(n, e.Pos)
	}
	return n, nil
}

func (b *binder) between(e *Between, sc scope) (*Bound, error) {
	x, err := b.expr(e.X, sc)
	if err != nil {
		return nil, err
	}
	// Not by node: that would fold BETWEEN of a constant before its bounds are there.
	return b.betweenBounds(&Bound{Op: OpBetween, Type: storage.TypeBool, Pos: e.Pos, Args: []*Bound{x}}, e, sc)
}

// betweenBounds adds the bounds to x BETWEEN.
func (b *binder) betweenBounds(n *Bound, e *Between, sc scope) (*Bound, error) {
	x := n.Args[0]
	for _, bound := range []Expr{e.From, e.To} {
		y, err := b.expr(bound, sc)
		if err != nil {
			return nil, err
		}
		b.warnMixed(y, x)
		if n.Args = append(n.Args, b.literalTo(y, x)); n.Args[len(n.Args)-1] == nil {
			n = falseOf(e.Pos, x, y)
			break
		}
	}
	if n.Op == OpBetween {
		n = b.fold(n)
	}
	if e.Not {
		n = b.not(n, e.Pos)
	}
	return n, nil
}

// constText is an operand that has to be a constant text; null is allowed.
func (b *binder) constText(e Expr, what string, sc scope) (text string, null bool, err error) {
	x, err := b.expr(e, sc)
	if err != nil {
		return "", false, err
	}
	if x.Op != OpConst {
		return "", false, errorAt(CodeBadRequest, e.Position(), "%s has to be a constant text", what)
	}
	return CanonicalText(x.Const), x.Const.IsNull(), nil
}

func (b *binder) like(e *Like, sc scope) (*Bound, error) {
	x, err := b.expr(e.X, sc)
	if err != nil {
		return nil, err
	}
	pattern, null, err := b.constText(e.Pattern, "the pattern of LIKE", sc)
	if err != nil {
		return nil, err
	}
	escape := '\\'
	if e.Escape != nil {
		text, _, err := b.constText(e.Escape, "ESCAPE", sc)
		if err != nil {
			return nil, err
		}
		if utf8.RuneCountInString(text) > 1 {
			return nil, errorAt(CodeBadRequest, e.Escape.Position(), "ESCAPE takes one character")
		}
		escape = 0
		for _, r := range text {
			escape = r
		}
	}
	m, err := CompileLike(pattern, escape, e.Fold)
	if err != nil {
		return nil, errorAt(CodeBadRequest, e.Pattern.Position(), "%s", err)
	}
	return b.match(OpLike, x, m, null, pattern, int(escape)<<1, e.Fold, e.Not, e.Pos), nil
}

func (b *binder) regex(e *Regex, sc scope) (*Bound, error) {
	x, err := b.expr(e.X, sc)
	if err != nil {
		return nil, err
	}
	pattern, null, err := b.constText(e.Pattern, "the regular expression", sc)
	if err != nil {
		return nil, err
	}
	m, err := CompileRegex(pattern, e.Fold)
	if err != nil {
		return nil, errorAt(CodeBadRequest, e.Pattern.Position(), "%s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return b.match(OpRegex, x, m, null, pattern, 0, e.Fold, e.Not, e.Pos), nil
}

// match makes the node of a pattern. Const and Index tell patterns apart where
// expressions are compared.
func (b *binder) match(op Op, x *Bound, m *Matcher, null bool, pattern string, index int, fold, not bool, pos Pos) *Bound {
	if null {
		return &Bound{Op: OpConst, Type: storage.TypeBool, Pos: pos, computed: !isLiteral(x)}
	}
	if fold {
		index++
	}
	n := b.fold(&Bound{Op: op, Type: storage.TypeBool, Args: []*Bound{x}, Match: m, Const: storage.String(pattern), Index: index, Pos: pos})
	if not {
		n = b.not(n, pos)
	}
	return n
}

var hasOps = [...]Op{HasItem: OpHasAny, HasAny: OpHasAny, HasAll: OpHasAll, HasNone: OpHasNone}

func (b *binder) has(e *Has, sc scope) (*Bound, error) {
	x, err := b.expr(e.X, sc)
	if err != nil {
		return nil, err
	}
	n := &Bound{Op: hasOps[e.Kind], Type: storage.TypeBool, Args: []*Bound{x}, Pos: e.Pos}
	for _, item := range e.Items {
		text, null, err := b.constText(item, "an item of HAS", sc)
		if err != nil {
			return nil, err
		}
		if null {
			n.SetNull = true
			continue
		}
		n.Set = append(n.Set, storage.String(text))
	}
	return b.fold(n), nil
}

// caseOf binds both forms of CASE; with an operand each WHEN is a comparison.
func (b *binder) caseOf(e *Case, sc scope) (*Bound, error) {
	n := &Bound{Op: OpCase, Pos: e.Pos}
	var operand *Bound
	if e.Operand != nil {
		var err error
		if operand, err = b.expr(e.Operand, sc); err != nil {
			return nil, err
		}
	}
	for _, w := range e.Whens {
		cond, err := b.whenCondition(w, operand, sc)
		if err != nil {
			return nil, err
		}
		then, err := b.expr(w.Then, sc)
		if err != nil {
			return nil, err
		}
		n.Args = append(n.Args, cond, then)
		n.Type = commonType(n.Type, then.Type)
	}
	if e.Else != nil {
		otherwise, err := b.expr(e.Else, sc)
		if err != nil {
			return nil, err
		}
		n.Args = append(n.Args, otherwise)
		n.Type = commonType(n.Type, otherwise.Type)
	}
	return b.fold(n), nil
}

func (b *binder) whenCondition(w When, operand *Bound, sc scope) (*Bound, error) {
	if operand == nil {
		return b.condition(w.Cond, sc)
	}
	y, err := b.expr(w.Cond, sc)
	if err != nil {
		return nil, err
	}
	return b.compare(OpEq, operand, y, w.Cond.Position()), nil
}

// commonType is the one type for values of two types: as for a column that
// holds both. Null adapts.
func commonType(x, y storage.Type) storage.Type {
	if x == storage.TypeNull || x == y {
		return y
	}
	if y == storage.TypeNull {
		return x
	}
	return ClusterType(storage.TypeSet(0).With(x).With(y))
}
