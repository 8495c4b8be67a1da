package query

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/kelpdb/kelp/storage"
)

var opTexts = map[Op]string{OpAnd: "and", OpOr: "or", OpNot: "not", OpIsNull: "isnull", OpIsNotNull: "notnull", OpEq: "=", OpNe: "!=", OpLt: "<",
	OpLe: "<=", OpGt: ">", OpGe: ">=", OpBetween: "between", OpIndex: "index", OpAdd: "+", OpSub: "-", OpMul: "*", OpDiv: "/", OpMod: "%",
	OpNeg: "neg", OpConcat: "||", OpCase: "case", OpRate: "rate", OpChange: "change"}

var aggTexts = map[AggKind]string{AggCount: "count", AggHits: "hits", AggSum: "sum", AggAvg: "avg", AggVariance: "variance", AggStddev: "stddev",
	AggPercentile: "percentile", AggMin: "min", AggMax: "max", AggFirst: "first", AggLast: "last", AggAny: "any", AggUniq: "uniq", AggUniqExact: "uniq_exact",
	AggArgMin: "arg_min", AggArgMax: "arg_max", AggHistogram: "histogram", AggTopK: "topk"}

func valueText(v storage.Value) string {
	switch v.Type {
	case storage.TypeNull:
		return "null"
	case storage.TypeString:
		return "'" + v.Str + "'"
	case storage.TypeFloat64:
		return fmt.Sprintf("%gf", v.Float)
	case storage.TypeTime:
		return time.Unix(0, v.Int).UTC().Format(time.RFC3339Nano)
	default:
		return CanonicalText(v)
	}
}

func valuesText(set []storage.Value) string {
	var texts []string
	for _, v := range set {
		texts = append(texts, valueText(v))
	}
	return "{" + strings.Join(texts, " ") + "}"
}

// boundText writes an expression in prefix form for tests: columns by name.
func boundText(p *Plan, b *Bound) string {
	var args []string
	for _, a := range b.Args {
		args = append(args, boundText(p, a))
	}
	list := strings.Join(args, " ")
	switch b.Op {
	case OpConst:
		return valueText(b.Const)
	case OpColumn:
		return p.Columns[b.Index].Name
	case OpKey:
		return fmt.Sprintf("key%d", b.Index)
	case OpAgg:
		return fmt.Sprintf("agg%d", b.Index)
	case OpIn:
		null := ""
		if b.SetNull {
			null = "null"
		}
		return "(in " + list + " " + valuesText(b.Set) + null + ")"
	case OpHasAny, OpHasAll, OpHasNone:
		return "(" + map[Op]string{OpHasAny: "hasany ", OpHasAll: "hasall ", OpHasNone: "hasnone "}[b.Op] + list + " " + valuesText(b.Set) + ")"
	case OpLike, OpRegex:
		return "(" + map[Op]string{OpLike: "like ", OpRegex: "regex "}[b.Op] + list + " " + valueText(b.Const) + ")"
	case OpCast:
		return "(" + b.Type.String() + " " + list + ")"
	case OpCall:
		return b.Func.Name + "(" + list + ")"
	}
	return "(" + opTexts[b.Op] + " " + list + ")"
}

// planText writes a plan, one line for each part that is there.
func planText(p *Plan) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	if p.Range.From != math.MinInt64 || p.Range.To != math.MaxInt64 {
		end := func(ns int64) string {
			if ns == math.MinInt64 || ns == math.MaxInt64 {
				return "open"
			}
			return valueText(storage.Time(ns))
		}
		line("range %s %s", end(p.Range.From), end(p.Range.To))
	}
	if p.Filter != nil {
		line("filter %s", boundText(p, p.Filter))
	}
	for _, k := range p.Keys {
		bucket := ""
		if k.TimeBucket {
			bucket = fmt.Sprintf(" bucket %v %v", time.Duration(k.Width), time.Duration(k.Origin))
		}
		line("key %s %s: %s%s", k.Name, k.Type, boundText(p, k.Expr), bucket)
	}
	for _, a := range p.Aggs {
		arg, where := "", ""
		if a.Arg != nil {
			arg = boundText(p, a.Arg)
		}
		if a.By != nil {
			arg += " " + boundText(p, a.By)
		}
		if a.Param != 0 {
			arg += fmt.Sprintf(" %g", a.Param)
		}
		if a.Filter != nil {
			where = " where " + boundText(p, a.Filter)
		}
		line("agg %s(%s) %s%s", aggTexts[a.Kind], arg, a.Type, where)
	}
	for _, o := range p.Outputs {
		hidden := ""
		if o.Hidden {
			hidden = " hidden"
		}
		line("out %s %s: %s%s", o.Name, o.Type, boundText(p, o.Expr), hidden)
	}
	if p.Having != nil {
		line("having %s", boundText(p, p.Having))
	}
	var order []string
	for _, o := range p.Order {
		s := fmt.Sprint(o.Output)
		if o.Desc {
			s += " desc"
		}
		if o.NullsFirst {
			s += " nullsfirst"
		}
		if o.Digits12 {
			s += " 12"
		}
		order = append(order, s)
	}
	line("order %s", strings.Join(order, ", "))
	if l := p.Limit; l.Explicit || l.Offset != 0 || l.ByN != 0 {
		line("limit %d offset %d by %d %v other %v", l.N, l.Offset, l.ByN, l.By, l.WithOther)
	}
	if p.Weighted {
		line("weighted")
	}
	for _, w := range p.Warnings {
		line("warning %s", w)
	}
	return b.String()
}
