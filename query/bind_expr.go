package query

import (
	"github.com/kelpdb/kelp/storage"
)

// scope says what an expression may use where it stands.
type scope struct {
	place   string // clause, for errors
	aggs    bool   // aggregates may stand here
	inAgg   bool   // inside an aggregate's arguments
	noName  bool   // constants only
	aliases aliasMode
}

// aliasMode says what a name means that is a column and an alias.
type aliasMode uint8

const (
	aliasesNone  aliasMode = iota
	aliasesFirst           // the alias
	aliasesAfter           // the column
)

// expr binds an expression and folds what is constant.
func (b *binder) expr(e Expr, sc scope) (*Bound, error) {
	switch e := e.(type) {
	case *Literal:
		return constant(e.Value, e.Pos), nil
	case *Duration:
		return b.durationSeconds(e)
	case *Name:
		return b.name(e, sc)
	case *Unary:
		return b.unary(e, sc)
	case *Logic:
		return b.logic(e, sc)
	case *Binary:
		return b.binary(e, sc)
	case *IsNull:
		op := OpIsNull
		if e.Not {
			op = OpIsNotNull
		}
		return b.node(op, storage.TypeBool, e.Pos, sc, e.X)
	case *In:
		return b.in(e, sc)
	case *Between:
		return b.between(e, sc)
	case *Like:
		return b.like(e, sc)
	case *Regex:
		return b.regex(e, sc)
	case *Has:
		return b.has(e, sc)
	case *Index:
		return b.node(OpIndex, storage.TypeString, e.Pos, sc, e.X, e.At)
	case *CastExpr:
		return b.node(OpCast, e.Type, e.Pos, sc, e.X)
	case *Case:
		return b.caseOf(e, sc)
	case *Call:
		return b.call(e, sc)
	case *Extract:
		return b.extract(e, sc)
	}
	panic("BUG: an unknown expression")
}

func constant(v storage.Value, pos Pos) *Bound {
	return &Bound{Op: OpConst, Type: v.Type, Const: v, Pos: pos}
}

// node binds the operands and makes a node over them.
func (b *binder) node(op Op, t storage.Type, pos Pos, sc scope, operands ...Expr) (*Bound, error) {
	n := &Bound{Op: op, Type: t, Pos: pos, Args: make([]*Bound, len(operands))}
	for i, e := range operands {
		var err error
		if n.Args[i], err = b.expr(e, sc); err != nil {
			return nil, err
		}
	}
	return b.fold(n), nil
}

// foldRow is the row of a constant expression: it has nothing but warnings.
type foldRow struct {
	warnings Warning
}

func (*foldRow) Column(int) storage.Value { panic("BUG: a column in a constant") }
func (*foldRow) Key(int) storage.Value    { panic("BUG: a key in a constant") }
func (*foldRow) Agg(int) storage.Value    { panic("BUG: an aggregate in a constant") }
func (r *foldRow) Warn(w Warning)         { r.warnings |= w }

// fold replaces a node over constants by its value, of the same static type.
func (b *binder) fold(n *Bound) *Bound {
	if n.Op == OpAgg || n.Op == OpColumn || n.Op == OpKey || n.Op == OpRate {
		return n
	}
	for _, arg := range n.Args {
		if arg.Op != OpConst {
			return n
		}
	}
	var row foldRow
	v := Coerce(n.Eval(&row), n.Type)
	if len(v.Str) > textBytesMax {
		v = storage.Value{}
		row.Warn(WarnArgument)
	}
	for _, text := range row.warnings.Texts() {
		b.warn(text)
	}
	folded := &Bound{Op: OpConst, Type: n.Type, Const: v, Pos: n.Pos}
	for _, arg := range n.Args {
		folded.computed = folded.computed || arg.computed
	}
	return folded
}

// name binds a column or an alias.
func (b *binder) name(e *Name, sc scope) (*Bound, error) {
	if sc.noName {
		return nil, errorAt(CodeBadRequest, e.Pos, "`%s`: no column can stand in %s", clip(e.Name), sc.place).
			withHint("write a timestamp such as '2026-11-22T10:00:00Z', or now() - 1h")
	}
	item, isAlias := b.aliases[e.Name]
	switch {
	case !isAlias || sc.aliases == aliasesNone:
		if isAlias && !b.isColumn(e.Name) {
			b.warn("`" + e.Name + "` in " + sc.place + " is taken for a column, not for the alias")
		}
	case sc.aliases == aliasesFirst && !sc.inAgg, !b.isColumn(e.Name):
		if sc.inAgg && b.items[item].agg {
			return nil, errNestedAggregate(e.Pos)
		}
		return b.items[item].expr, nil
	}
	return b.columnOrDerived(e.Name, e.Pos, sc)
}

func (b *binder) columnOrDerived(name string, pos Pos, sc scope) (*Bound, error) {
	if i := b.derivedIndex(name); i >= 0 {
		return b.derive(i, sc)
	}
	return b.column(name, pos), nil
}

func errNestedAggregate(pos Pos) *Error {
	return errorAt(CodeBadRequest, pos, "an aggregate cannot stand inside an aggregate")
}

// durationSeconds is a length of time on its own: a number of seconds.
func (b *binder) durationSeconds(d *Duration) (*Bound, error) {
	if d.Months != 0 {
		return nil, errorAt(CodeType, d.Pos, "months have no fixed length here").
			withHint("they can be taken from and added to now() and timestamps; else write days, such as 30d")
	}
	if d.Ns%nsPerSecond == 0 {
		return constant(storage.Int(d.Ns/nsPerSecond), d.Pos), nil
	}
	return constant(storage.Float(float64(d.Ns)/float64(nsPerSecond)), d.Pos), nil
}

func (b *binder) unary(e *Unary, sc scope) (*Bound, error) {
	if e.Op == UnaryNot {
		x, err := b.condition(e.X, sc)
		if err != nil {
			return nil, err
		}
		return b.not(x, e.Pos), nil
	}
	x, err := b.expr(e.X, sc)
	if err != nil {
		return nil, err
	}
	if x.Type == storage.TypeTime {
		return nil, errorAt(CodeType, x.Pos, "- takes numbers, not a value of type time").withHint("epoch(t) is a number")
	}
	n := &Bound{Op: OpNeg, Type: numericType(x.Type, x.Type), Args: []*Bound{x}, Pos: e.Pos}
	return b.fold(n), nil
}

func (b *binder) not(x *Bound, pos Pos) *Bound {
	return b.fold(&Bound{Op: OpNot, Type: storage.TypeBool, Args: []*Bound{x}, Pos: pos})
}

func (b *binder) logic(e *Logic, sc scope) (*Bound, error) {
	op := OpAnd
	if e.Or {
		op = OpOr
	}
	n := &Bound{Op: op, Type: storage.TypeBool, Pos: e.Pos}
	for _, arg := range e.Args {
		x, err := b.condition(arg, sc)
		if err != nil {
			return nil, err
		}
		n.Args = append(n.Args, x)
	}
	return b.simplifyLogic(n), nil
}

// simplifyLogic drops operands that cannot matter: true of an AND, false of an OR.
func (b *binder) simplifyLogic(n *Bound) *Bound {
	var kept []*Bound
	computed := false
	for _, arg := range n.Args {
		computed = computed || !isLiteral(arg)
	}
	for _, arg := range n.Args {
		if arg.Op == OpConst && arg.Const.Type == storage.TypeBool {
			if (arg.Const.Int != 0) == (n.Op == OpOr) {
				return &Bound{Op: OpConst, Type: storage.TypeBool, Const: arg.Const, Pos: n.Pos, computed: computed}
			}
			continue
		}
		kept = append(kept, arg)
	}
	switch len(kept) {
	case 0:
		return &Bound{Op: OpConst, Type: storage.TypeBool, Const: storage.Bool(n.Op == OpAnd), Pos: n.Pos, computed: computed}
	case 1:
		if kept[0].Type == storage.TypeBool {
			return kept[0]
		}
	}
	n.Args = kept
	return b.fold(n)
}

// condition binds an expression that has to be true, false or null.
func (b *binder) condition(e Expr, sc scope) (*Bound, error) {
	x, err := b.expr(e, sc)
	if err != nil {
		return nil, err
	}
	switch {
	case x.Type == storage.TypeBool, x.Type == storage.TypeNull:
		return x, nil
	case x.Op == OpConst && x.Const.IsNull():
		return constant(storage.Value{}, x.Pos), nil
	case x.Op == OpColumn:
		if types := b.plan.Columns[x.Index].Types; types == 0 || types.Has(storage.TypeBool) {
			return x, nil
		}
	}
	what := "this is of type " + x.Type.String()
	if name, ok := e.(*Name); ok {
		what = "`" + clip(name.Name) + "` is of type " + x.Type.String()
	}
	return nil, errorAt(CodeType, e.Position(), "%s where a condition is expected", what).
		withHint("compare it with something, as in x = 1")
}

func (b *binder) binary(e *Binary, sc scope) (*Bound, error) {
	if n, ok, err := b.shiftByMonths(e, sc); ok || err != nil {
		return n, err
	}
	x, err := b.expr(e.X, sc)
	if err != nil {
		return nil, err
	}
	y, err := b.expr(e.Y, sc)
	if err != nil {
		return nil, err
	}
	switch {
	case e.Op.IsComparison():
		return b.compare(comparisonOps[e.Op], x, y, e.Pos), nil
	case e.Op == BinaryConcat:
		return b.fold(&Bound{Op: OpConcat, Type: storage.TypeString, Args: []*Bound{x, y}, Pos: e.Pos}), nil
	}
	return b.arithmetic(e, b.timeBeside(e.Y, x), b.timeBeside(e.X, y))
}

// timeBeside makes a time of a constant text that reads as one, beside a length
// of time: '2026-11-22' + 10h. Any other text is in numeric context.
func (b *binder) timeBeside(other Expr, x *Bound) *Bound {
	if _, ok := other.(*Duration); ok && x.Op == OpConst && x.Const.Type == storage.TypeString {
		if t, ok := b.writtenTime(x.Const); ok {
			return constant(t, x.Pos)
		}
	}
	return x
}

var comparisonOps = [...]Op{BinaryEq: OpEq, BinaryNe: OpNe, BinaryLt: OpLt, BinaryLe: OpLe, BinaryGt: OpGt, BinaryGe: OpGe}

var arithmeticOps = [...]Op{BinaryAdd: OpAdd, BinarySub: OpSub, BinaryMul: OpMul, BinaryDiv: OpDiv, BinaryMod: OpMod}

// arithmetic binds + - * / %, with numbers, or with times and lengths of time.
func (b *binder) arithmetic(e *Binary, x, y *Bound) (*Bound, error) {
	n := &Bound{Op: arithmeticOps[e.Op], Args: []*Bound{x, y}, Pos: e.Pos}
	isTime := func(a *Bound) bool { return a.Type == storage.TypeTime }
	switch {
	case !isTime(x) && !isTime(y):
		n.Type = numericType(x.Type, y.Type)
	case e.Op == BinarySub && isTime(x) && (isTime(y) || y.Type == storage.TypeString):
		n.Args[1] = b.literalTo(y, x)
		if n.Args[1] == nil {
			return nil, errorAt(CodeType, y.Pos, "'%s' is not a time", clip(CanonicalText(y.Const)))
		}
		n.Type = storage.TypeFloat64
	case e.Op == BinarySub && x.Type == storage.TypeString && isTime(y):
		if n.Args[0] = b.literalTo(x, y); n.Args[0] == nil {
			return nil, errorAt(CodeType, x.Pos, "'%s' is not a time", clip(CanonicalText(x.Const)))
		}
		n.Type = storage.TypeFloat64
	case isTime(x) != isTime(y) && (e.Op == BinaryAdd || e.Op == BinarySub && isTime(x)):
		n.Type = storage.TypeTime
	default:
		return nil, errorAt(CodeType, e.Pos, "%s %s %s is not possible", x.Type, e.Op, y.Type).
			withHint("time - time is seconds, time + 15m a time; epoch(t) is a number")
	}
	return b.fold(n), nil
}

// numericType is the type of arithmetic over two types: int64 of integers, else
// float64. What never is a number, a bool or a list, is null in it.
func numericType(x, y storage.Type) storage.Type {
	whole := func(t storage.Type) bool { return t == storage.TypeInt64 || t == storage.TypeNull }
	if whole(x) && whole(y) {
		return storage.TypeInt64
	}
	return storage.TypeFloat64
}
