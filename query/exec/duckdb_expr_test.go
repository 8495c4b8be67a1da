//go:build peers

package exec

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// A duckExpr is an expression in DuckDB's dialect, with the type that kelp gives it.
type duckExpr struct {
	sql string
	typ storage.Type // TypeNull: the literal null
	lit *query.Literal
	agg bool // has an aggregate
	col bool // is a bare column
}

// A duckRefusal is what a query has in which the dialects do not agree, or which nobody
// has translated. It is a panic of the translator.
type duckRefusal string

func refuse(format string, args ...any) { panic(duckRefusal(fmt.Sprintf(format, args...))) }

// duckTypes are the types of columns, by kelp's.
var duckTypes = map[storage.Type]string{
	storage.TypeInt64: "BIGINT", storage.TypeFloat64: "DOUBLE", storage.TypeBool: "BOOLEAN", storage.TypeString: "VARCHAR",
	storage.TypeTime: "TIMESTAMP", storage.TypeList: "VARCHAR[]",
}

func isNumber(t storage.Type) bool { return t == storage.TypeInt64 || t == storage.TypeFloat64 }

func duckText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// duckTime is an instant; DuckDB's have microseconds.
func duckTime(ns int64) string {
	if ns%1000 != 0 {
		refuse("a time finer than a microsecond")
	}
	return fmt.Sprintf("make_timestamp(%d::BIGINT)", ns/1000)
}

func duckFloat(f float64) string {
	return duckText(strconv.FormatFloat(f, 'g', -1, 64)) + "::DOUBLE"
}

// try makes null of what DuckDB calls an error, such as an overflow. It takes no
// aggregates; of those the values are HUGEINTs, that do not pass their bounds.
func try(e duckExpr) duckExpr {
	if !e.agg {
		e.sql = "TRY(" + e.sql + ")"
	}
	return e
}

// expr translates an expression.
func (t *duckTranslator) expr(e query.Expr) duckExpr {
	switch e := e.(type) {
	case *query.Literal:
		return t.literal(e)
	case *query.Name:
		return t.name(e)
	case *query.Unary:
		return t.unary(e)
	case *query.Logic:
		op := " AND "
		if e.Or {
			op = " OR "
		}
		return t.joined(op, e.Args)
	case *query.Binary:
		return t.binary(e)
	case *query.IsNull:
		x := t.expr(e.X)
		if x.typ == storage.TypeNull {
			refuse("IS NULL of null")
		}
		return duckExpr{sql: "(" + x.sql + " IS " + not(e.Not) + "NULL)", typ: storage.TypeBool, agg: x.agg}
	case *query.In:
		return t.in(e)
	case *query.Between:
		x := t.expr(e.X)
		from, to := t.comparable(&x, t.expr(e.From)), t.comparable(&x, t.expr(e.To))
		return duckExpr{sql: fmt.Sprintf("(%s %sBETWEEN %s AND %s)", x.sql, not(e.Not), from.sql, to.sql), typ: storage.TypeBool, agg: x.agg}
	case *query.Like:
		return t.like(e)
	case *query.Regex:
		return t.regex(e)
	case *query.Has:
		return t.has(e)
	case *query.Index:
		x, at := t.typed(e.X, storage.TypeList), t.typed(e.At, storage.TypeInt64)
		// DuckDB counts from the end with a negative index.
		return duckExpr{sql: fmt.Sprintf("CASE WHEN %s >= 1 THEN (%s)[%s] END", at.sql, x.sql, at.sql), typ: storage.TypeString, agg: x.agg || at.agg}
	case *query.CastExpr:
		return t.cast(e)
	case *query.Case:
		return t.caseOf(e)
	case *query.Call:
		return t.call(e)
	case *query.Extract:
		if e.Zone != nil {
			refuse("a time zone")
		}
		x := t.typed(e.X, storage.TypeTime)
		if e.Field == "epoch" {
			return duckExpr{sql: "(epoch_us(" + x.sql + ") / 1e6::DOUBLE)", typ: storage.TypeFloat64, agg: x.agg}
		}
		return duckExpr{sql: "extract(" + e.Field + " FROM " + x.sql + ")::BIGINT", typ: storage.TypeInt64, agg: x.agg}
	}
	refuse("%T", e)
	return duckExpr{}
}

func not(is bool) string {
	if is {
		return "NOT "
	}
	return ""
}

// typed translates an expression that has to be of a type.
func (t *duckTranslator) typed(e query.Expr, typ storage.Type) duckExpr {
	x := t.expr(e)
	if x.typ != typ {
		refuse("%s where %s is wanted", x.typ, typ)
	}
	return x
}

func (t *duckTranslator) literal(e *query.Literal) duckExpr {
	x := duckExpr{typ: e.Value.Type, lit: e}
	switch e.Value.Type {
	case storage.TypeInt64:
		x.sql = fmt.Sprintf("%s::BIGINT", duckText(strconv.FormatInt(e.Value.Int, 10)))
	case storage.TypeFloat64:
		x.sql = duckFloat(e.Value.Float)
	case storage.TypeString:
		x.sql = duckText(e.Value.Str)
	case storage.TypeBool:
		x.sql = strconv.FormatBool(e.Value.Int != 0)
	default:
		x.sql = "NULL"
	}
	return x
}

func (t *duckTranslator) name(e *query.Name) duckExpr {
	typ, isColumn := t.columns[e.Name]
	derived, isDerived := t.derived[e.Name]
	isColumn = isColumn || isDerived
	if alias, ok := t.aliases[e.Name]; ok && (t.aliasFirst || t.aliasAfter && !isColumn) {
		first, after := t.aliasFirst, t.aliasAfter
		t.aliasFirst, t.aliasAfter = false, false
		x := t.expr(alias)
		t.aliasFirst, t.aliasAfter = first, after
		return x
	}
	if isDerived {
		return t.derivedColumn(e.Name, derived)
	}
	if !isColumn { // a column that no row has
		return duckExpr{sql: "NULL::VARCHAR", typ: storage.TypeString, col: true}
	}
	if typ == storage.TypeNull {
		refuse("a column of several types")
	}
	return duckExpr{sql: query.QuoteName(e.Name), typ: typ, col: true}
}

// derivedColumn is a column of WITH: it sees those before it, and the column it hides.
func (t *duckTranslator) derivedColumn(name string, e query.Expr) duckExpr {
	all, first, after := t.derived, t.aliasFirst, t.aliasAfter
	t.derived, t.aliasFirst, t.aliasAfter = make(map[string]query.Expr), false, false
	for _, w := range t.sel.With {
		if w.Name == name {
			break
		}
		t.derived[w.Name] = w.Expr
	}
	x := t.expr(e)
	if x.typ == storage.TypeNull {
		refuse("a derived null")
	}
	x.lit, x.col = nil, false
	t.derived, t.aliasFirst, t.aliasAfter = all, first, after
	return x
}

func (t *duckTranslator) unary(e *query.Unary) duckExpr {
	x := t.expr(e.X)
	if e.Op == query.UnaryNot {
		if x.typ != storage.TypeBool {
			refuse("NOT of %s", x.typ)
		}
		return duckExpr{sql: "(NOT " + x.sql + ")", typ: storage.TypeBool, agg: x.agg}
	}
	if !isNumber(x.typ) {
		refuse("- of %s", x.typ)
	}
	return try(duckExpr{sql: "(-" + x.sql + ")", typ: x.typ, agg: x.agg})
}

// joined translates AND and OR.
func (t *duckTranslator) joined(op string, args []query.Expr) duckExpr {
	out := duckExpr{typ: storage.TypeBool}
	var parts []string
	for _, arg := range args {
		x := t.typed(arg, storage.TypeBool)
		out.agg = out.agg || x.agg
		parts = append(parts, x.sql)
	}
	out.sql = "(" + strings.Join(parts, op) + ")"
	return out
}

func (t *duckTranslator) binary(e *query.Binary) duckExpr {
	if us, ok := durationOf([]query.Expr{e.Y}); ok && (e.Op == query.BinaryAdd || e.Op == query.BinarySub) {
		x := t.typed(e.X, storage.TypeTime)
		return try(duckExpr{sql: fmt.Sprintf("(%s %s to_microseconds(%d))", x.sql, e.Op, us), typ: storage.TypeTime, agg: x.agg})
	}
	if d, ok := e.Y.(*query.Duration); ok && d.Months != 0 && d.Ns == 0 && (e.Op == query.BinaryAdd || e.Op == query.BinarySub) {
		x := t.typed(e.X, storage.TypeTime)
		return try(duckExpr{sql: fmt.Sprintf("(%s %s to_months(%d))", x.sql, e.Op, d.Months), typ: storage.TypeTime, agg: x.agg})
	}
	x, y := t.expr(e.X), t.expr(e.Y)
	switch {
	case e.Op.IsComparison():
		x = t.comparable(&y, x)
		y = t.comparable(&x, y)
		return duckExpr{sql: "(" + x.sql + " " + e.Op.String() + " " + y.sql + ")", typ: storage.TypeBool, agg: x.agg || y.agg}
	case e.Op == query.BinaryConcat:
		return duckExpr{sql: "(" + t.text(x).sql + " || " + t.text(y).sql + ")", typ: storage.TypeString, agg: x.agg || y.agg}
	case isNumber(x.typ) && isNumber(y.typ):
		return t.arithmetic(e.Op, x, y)
	case e.Op == query.BinarySub && x.typ == storage.TypeTime && y.typ == storage.TypeTime:
		return duckExpr{sql: fmt.Sprintf("((epoch_us(%s) - epoch_us(%s)) / 1e6::DOUBLE)", x.sql, y.sql), typ: storage.TypeFloat64, agg: x.agg || y.agg}
	}
	refuse("%s %s %s", x.typ, e.Op, y.typ)
	return duckExpr{}
}

// arithmetic: x/0 and x%0 are null; / of integers truncates, as DuckDB's // does.
func (t *duckTranslator) arithmetic(op query.BinaryOp, x, y duckExpr) duckExpr {
	out := duckExpr{typ: storage.TypeFloat64, agg: x.agg || y.agg}
	if x.typ == storage.TypeInt64 && y.typ == storage.TypeInt64 {
		out.typ = storage.TypeInt64
	}
	sign := op.String()
	if op == query.BinaryDiv && out.typ == storage.TypeInt64 {
		sign = "//"
	}
	if out.typ == storage.TypeFloat64 { // one of them may be an aggregate's HUGEINT
		x.sql, y.sql = "("+x.sql+")::DOUBLE", "("+y.sql+")::DOUBLE"
	}
	out.sql = "(" + x.sql + " " + sign + " " + y.sql + ")"
	if op == query.BinaryDiv || op == query.BinaryMod {
		out.sql = "CASE WHEN " + y.sql + " = 0 THEN NULL ELSE " + out.sql + " END"
	}
	return try(out)
}

// text is a value in the context of text. A float's text differs: 3.0 is 3 in kelp.
func (t *duckTranslator) text(x duckExpr) duckExpr {
	switch x.typ {
	case storage.TypeString:
	case storage.TypeInt64, storage.TypeBool:
		x.sql = "(" + x.sql + ")::VARCHAR"
	default:
		refuse("the text of %s", x.typ)
	}
	x.typ = storage.TypeString
	return x
}

// comparable brings y into the type of x, as kelp does with literals beside columns.
func (t *duckTranslator) comparable(x *duckExpr, y duckExpr) duckExpr {
	switch {
	case y.typ == storage.TypeNull && x.typ != storage.TypeNull:
		y.sql, y.typ = "NULL::"+duckTypes[x.typ], x.typ
		return y
	case x.typ == storage.TypeNull && y.typ != storage.TypeNull:
		return y // x will be brought into its type
	case x.typ == storage.TypeInt64 && y.typ == storage.TypeFloat64 && y.lit != nil && x.col:
		// It does not read as an integer, and is equal to none.
		refuse("a float literal beside an integer column")
	case isNumber(x.typ) && isNumber(y.typ), x.typ == y.typ && x.typ != storage.TypeNull:
		return y
	case y.lit != nil && y.typ == storage.TypeString && x.lit == nil && (x.col || x.typ == storage.TypeTime):
		return t.textLiteral(x.typ, y)
	case x.lit != nil && x.typ == storage.TypeString && (y.col || y.typ == storage.TypeTime):
		return y // x will be brought into its type
	}
	refuse("%s compared with %s", x.typ, y.typ)
	return y
}

// textLiteral reads a text as another type, in the forms that need no thought.
func (t *duckTranslator) textLiteral(typ storage.Type, y duckExpr) duckExpr {
	text := y.lit.Value.Str
	switch typ {
	case storage.TypeTime:
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			refuse("a time that is no RFC 3339")
		}
		return duckExpr{sql: duckTime(at.UnixNano()), typ: typ}
	case storage.TypeInt64:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			refuse("a literal that is not of its column's type")
		}
		return duckExpr{sql: fmt.Sprintf("%s::BIGINT", duckText(strconv.FormatInt(n, 10))), typ: typ}
	case storage.TypeFloat64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			refuse("a literal that is not of its column's type")
		}
		return duckExpr{sql: duckFloat(f), typ: typ}
	}
	refuse("a text beside %s", typ)
	return y
}

func (t *duckTranslator) in(e *query.In) duckExpr {
	x := t.expr(e.X)
	if !x.col {
		refuse("IN of an expression")
	}
	var items []string
	for _, item := range e.List {
		y := t.expr(item)
		if y.lit == nil {
			refuse("IN a list of more than literals")
		}
		items = append(items, t.comparable(&x, y).sql)
	}
	return duckExpr{sql: fmt.Sprintf("(%s %sIN (%s))", x.sql, not(e.Not), strings.Join(items, ", ")), typ: storage.TypeBool}
}

// caseOf: all branches are of one type; kelp knows more.
func (t *duckTranslator) caseOf(e *query.Case) duckExpr {
	out := duckExpr{sql: "CASE", typ: storage.TypeNull}
	branch := func(e query.Expr) string {
		x := t.expr(e)
		if out.typ == storage.TypeNull {
			out.typ = x.typ
		}
		if x.typ != out.typ && x.typ != storage.TypeNull {
			refuse("branches of several types")
		}
		out.agg = out.agg || x.agg
		return x.sql
	}
	for _, w := range e.Whens {
		cond := w.Cond
		if e.Operand != nil {
			cond = &query.Binary{Op: query.BinaryEq, X: e.Operand, Y: w.Cond}
		}
		when := t.typed(cond, storage.TypeBool)
		out.agg = out.agg || when.agg
		out.sql += " WHEN " + when.sql + " THEN " + branch(w.Then)
	}
	if e.Else != nil {
		out.sql += " ELSE " + branch(e.Else)
	}
	if out.typ == storage.TypeNull {
		refuse("a CASE of nulls")
	}
	out.sql = "(" + out.sql + " END)"
	return out
}

// cast: DuckDB rounds halves to even, and reads and writes numbers and times as text
// in other forms.
func (t *duckTranslator) cast(e *query.CastExpr) duckExpr {
	x := t.expr(e.X)
	out := duckExpr{typ: e.Type, agg: x.agg}
	switch {
	case x.typ == e.Type:
		return x
	case e.Type == storage.TypeString:
		return t.text(x)
	case x.typ == storage.TypeFloat64 && e.Type == storage.TypeInt64:
		out.sql = "TRY_CAST(round(" + x.sql + ") AS BIGINT)"
	case x.typ == storage.TypeInt64 && e.Type == storage.TypeFloat64, x.typ == storage.TypeBool && isNumber(e.Type):
		out.sql = "(" + x.sql + ")::" + duckTypes[e.Type]
	default:
		refuse("%s as %s", x.typ, e.Type)
	}
	return out
}
