package oracle

import (
	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

type typeKey struct {
	e     query.Expr
	mode  aliasMode
	inAgg bool
}

// typeOf is the type of an expression's values for all rows: all of them are
// given this type.
func (o *oracle) typeOf(e query.Expr, c ctx) storage.Type {
	k := typeKey{e, c.mode, c.inAgg}
	t, ok := o.types[k]
	if !ok {
		t = o.findType(e, c)
		o.types[k] = t
	}
	return t
}

func (o *oracle) findType(e query.Expr, c ctx) storage.Type {
	switch e := e.(type) {
	case *query.Literal:
		return e.Value.Type
	case *query.Duration:
		if e.Ns%1_000_000_000 == 0 {
			return storage.TypeInt64
		}
		return storage.TypeFloat64
	case *query.Name:
		if it, ok := o.alias(e, c); ok {
			return o.typeOf(it.expr, ctx{})
		}
		return o.columnType(e.Name)
	case *query.Unary:
		if e.Op == query.UnaryNot {
			return storage.TypeBool
		}
		return arithmeticType(o.typeOf(e.X, c), storage.TypeInt64)
	case *query.Binary:
		return o.binaryType(e, c)
	case *query.Index:
		return storage.TypeString
	case *query.CastExpr:
		return e.Type
	case *query.Case:
		t := storage.TypeNull
		for _, w := range e.Whens {
			t = joinTypes(t, o.typeOf(w.Then, c))
		}
		if e.Else != nil {
			t = joinTypes(t, o.typeOf(e.Else, c))
		}
		return t
	case *query.Call:
		return o.callType(e, c)
	case *query.Extract:
		if e.Field == "epoch" {
			return storage.TypeFloat64
		}
		return storage.TypeInt64
	}
	return storage.TypeBool
}

// arithmeticType: integers make integers, all else floats.
func arithmeticType(a, b storage.Type) storage.Type {
	whole := func(t storage.Type) bool { return t == storage.TypeInt64 || t == storage.TypeNull }
	if whole(a) && whole(b) {
		return storage.TypeInt64
	}
	return storage.TypeFloat64
}

func (o *oracle) binaryType(e *query.Binary, c ctx) storage.Type {
	switch {
	case e.Op.IsComparison():
		return storage.TypeBool
	case e.Op == query.BinaryConcat:
		return storage.TypeString
	}
	if d, _ := monthsOf(e); d != nil {
		return storage.TypeTime
	}
	if o.isWrittenTime(e.X, e, c) || o.isWrittenTime(e.Y, e, c) {
		return storage.TypeTime
	}
	x, y := o.typeOf(e.X, c), o.typeOf(e.Y, c)
	xTime, yTime := x == storage.TypeTime, y == storage.TypeTime
	switch {
	case e.Op == query.BinarySub && (xTime && (yTime || y == storage.TypeString) || x == storage.TypeString && yTime):
		return storage.TypeFloat64
	case xTime || yTime:
		return storage.TypeTime
	}
	return arithmeticType(x, y)
}

func (o *oracle) callType(e *query.Call, c ctx) storage.Type {
	arg := func(i int) storage.Type {
		inner := c
		if isAggName(e.Name) {
			inner = c.inner(nil)
		}
		return o.typeOf(e.Args[i], inner)
	}
	switch e.Name {
	case "count", "count_if", "hits", "uniq", "uniq_exact", "length":
		return storage.TypeInt64
	case "sum":
		if t := arg(0); (t == storage.TypeInt64 || t == storage.TypeBool) && !o.floats[e] {
			return storage.TypeInt64
		}
		return storage.TypeFloat64
	case "topk":
		return storage.TypeList
	case "histogram":
		return storage.TypeString
	case "min", "max", "first", "last", "any", "arg_min", "arg_max":
		if t := arg(0); t != storage.TypeNull {
			return t
		}
		return storage.TypeString
	case "now", "time", "time_bucket", "date_trunc", "to_timestamp":
		return storage.TypeTime
	case "unnest", "concat", "lower", "upper", "substr", "replace", "trim", "split_part", "regexp_extract", "regexp_replace", "typeof", "json_extract":
		return storage.TypeString
	case "starts_with", "ends_with", "contains":
		return storage.TypeBool
	case "abs", "floor", "ceil", "round":
		return arithmeticType(arg(0), storage.TypeInt64)
	case "bucket":
		return arithmeticType(arg(0), arg(1))
	case "nullif":
		return arg(0)
	case "coalesce", "greatest", "least":
		t := storage.TypeNull
		for i := range e.Args {
			t = joinTypes(t, arg(i))
		}
		return t
	case "if":
		return joinTypes(arg(1), arg(2))
	}
	return storage.TypeFloat64
}
