package query

import (
	"slices"
	"strconv"
	"strings"

	"github.com/kelpdb/kelp/storage"
)

// call binds a function or an aggregate.
func (b *binder) call(e *Call, sc scope) (*Bound, error) {
	if spec, ok := aggregateByName(e.Name); ok {
		return b.aggregate(e, spec, sc)
	}
	if _, ok := LookupFunction(e.Name); !ok && !slices.Contains(boundNames(), e.Name) {
		return nil, errUnknownFunction(e.Name, e.Pos)
	}
	switch {
	case e.Star:
		return nil, errorAt(CodeBadRequest, e.Pos, "%s(*): only count takes *", e.Name)
	case e.Distinct:
		return nil, errorAt(CodeBadRequest, e.Pos, "DISTINCT stands in count(distinct x) only")
	case e.Filter != nil:
		return nil, errorAt(CodeBadRequest, e.Pos, "FILTER stands behind aggregates, %s is none", e.Name)
	}
	switch e.Name {
	case "now":
		if len(e.Args) > 0 {
			return nil, errArgCount(e.Pos, "now", 0, 0, len(e.Args))
		}
		return constant(storage.Time(b.q.Now), e.Pos), nil
	case "time", "time_bucket", "date_trunc":
		return b.timeBucket(e, sc)
	case "unnest":
		return b.unnest(e, sc)
	case "extract":
		if len(e.Args) == 2 && b.zone != nil { // the query's zone, as in extract(x FROM t)
			zone := &Literal{Pos: e.Pos, Value: storage.String(b.zoneName)}
			return b.function(e.Name, []Expr{e.Args[0], e.Args[1], zone}, e.Pos, sc)
		}
	}
	return b.function(e.Name, e.Args, e.Pos, sc)
}

// function binds a call of a scalar function.
func (b *binder) function(name string, args []Expr, pos Pos, sc scope) (*Bound, error) {
	f, ok := LookupFunction(name)
	if !ok {
		return nil, errUnknownFunction(name, pos)
	}
	if len(args) < f.MinArgs || f.MaxArgs >= 0 && len(args) > f.MaxArgs {
		return nil, errArgCount(pos, name, f.MinArgs, f.MaxArgs, len(args))
	}
	n := &Bound{Op: OpCall, Pos: pos}
	var types []storage.Type
	for _, arg := range args {
		x, err := b.expr(arg, sc)
		if err != nil {
			return nil, err
		}
		n.Args = append(n.Args, x)
		types = append(types, x.Type)
	}
	return b.callOf(f, n, types)
}

// callOf completes a call whose arguments are bound.
func (b *binder) callOf(f *Function, n *Bound, types []storage.Type) (*Bound, error) {
	if f.Name == "nullif" {
		if n.Args[1] = b.literalTo(n.Args[1], n.Args[0]); n.Args[1] == nil {
			return n.Args[0], nil
		}
		types[1] = n.Args[1].Type
	}
	var problem string
	if n.Type, problem = f.ResultType(types); problem != "" {
		return nil, errorAt(CodeType, n.Pos, "%s: %s", f.Name, problem)
	}
	var err error
	if n.Func, err = f.Prepare(n.Args); err != nil {
		return nil, errorAt(CodeBadRequest, n.Pos, "%s: %s", f.Name, err)
	}
	if pattern, ok := likePattern(f.Name, n.Args); ok {
		m, err := CompileLike(pattern, '\\', false)
		if err != nil {
			return nil, errorAt(CodeBadRequest, n.Pos, "%s: %s", f.Name, err)
		}
		return b.match(OpLike, n.Args[0], m, false, pattern, '\\'<<1, false, false, n.Pos), nil
	}
	if f.Name == "typeof" && b.holdsIntsAndFloats(n.Args[0]) {
		return typeofNumber(n), nil
	}
	return b.fold(n), nil
}

// likePattern returns the pattern of LIKE that means the same as contains,
// starts_with or ends_with of a constant: LIKE is sought in dictionaries and
// templates, a call is made for every row.
func likePattern(name string, args []*Bound) (pattern string, ok bool) {
	if len(args) != 2 || args[0].Type != storage.TypeString || args[1].Op != OpConst || args[1].Type != storage.TypeString || args[1].Const.IsNull() {
		return "", false
	}
	text := likeEscaper.Replace(args[1].Const.Str)
	switch name {
	case "contains":
		return "%" + text + "%", true
	case "starts_with":
		return text + "%", true
	case "ends_with":
		return "%" + text, true
	}
	return "", false
}

var likeEscaper = strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`)

// holdsIntsAndFloats tells a column of which integers may be stored as floats,
// where a block has both.
func (b *binder) holdsIntsAndFloats(x *Bound) bool {
	if x.Op != OpColumn {
		return false
	}
	types := b.plan.Columns[x.Index].Types
	return types.Has(storage.TypeInt64) && types.Has(storage.TypeFloat64)
}

// typeofNumber makes typeof(x) say float64 of integers too, so that it does not
// depend on which rows share a block.
func typeofNumber(n *Bound) *Bound {
	ints := constant(storage.String(storage.TypeInt64.String()), n.Pos)
	floats := constant(storage.String(storage.TypeFloat64.String()), n.Pos)
	isInt := &Bound{Op: OpEq, Type: storage.TypeBool, Args: []*Bound{n, ints}, Pos: n.Pos}
	return &Bound{Op: OpCase, Type: storage.TypeString, Args: []*Bound{isInt, floats, n}, Pos: n.Pos}
}

func errUnknownFunction(name string, pos Pos) *Error {
	return errorAt(CodeUnknownFunction, pos, "there is no function `%s`", clip(name)).suggest(name, CallNames())
}

func errArgCount(pos Pos, name string, atLeast, atMost, got int) *Error {
	want := strconv.Itoa(atLeast)
	switch {
	case atMost < 0:
		want = "at least " + want
	case atMost > atLeast:
		want += " to " + strconv.Itoa(atMost)
	}
	if atLeast == 0 && atMost == 0 {
		want = "no"
	}
	noun := " arguments"
	if want == "1" || want == "at least 1" {
		noun = " argument"
	}
	return errorAt(CodeBadRequest, pos, "%s takes %s%s, found %d", name, want, noun, got)
}

// boundNames are the functions that the binder itself knows.
func boundNames() []string { return []string{"now", "time", "time_bucket", "date_trunc", "unnest"} }

// CallNames are the names of all functions and aggregates, sorted.
func CallNames() []string {
	names := slices.Concat(FunctionNames(), boundNames(), aggregateNames())
	slices.Sort(names)
	return slices.Compact(names)
}

// aggregateSpec is what a name stands for.
type aggregateSpec struct {
	kind     AggKind
	min, max int // arguments
	param    float64
	rate     bool // divided by the seconds of the bucket or range
	cond     bool // the argument is a condition
	percent  bool // the second argument is the share
	count    bool // an argument is a whole number: bins behind, or k before
	by       bool // the second argument is what the row is chosen by
}

func aggregateNames() []string {
	return []string{"count", "count_if", "sum", "avg", "stddev", "variance", "median", "p50", "p90", "p95", "p99", "p99_9", "percentile",
		"rate", "hits", "min", "max", "first", "last", "any", "uniq", "uniq_exact", "topk", "histogram", "arg_min", "arg_max"}
}

// aggregateByName finds an aggregate by its name in lower case.
func aggregateByName(name string) (aggregateSpec, bool) {
	one := func(kind AggKind) (aggregateSpec, bool) { return aggregateSpec{kind: kind, min: 1, max: 1}, true }
	switch name {
	case "count":
		return aggregateSpec{kind: AggCount, max: 1}, true
	case "hits":
		return aggregateSpec{kind: AggHits}, true
	case "count_if":
		return aggregateSpec{kind: AggCount, min: 1, max: 1, cond: true}, true
	case "rate":
		return aggregateSpec{kind: AggCount, max: 1, rate: true}, true
	case "sum":
		return one(AggSum)
	case "avg":
		return one(AggAvg)
	case "stddev":
		return one(AggStddev)
	case "variance":
		return one(AggVariance)
	case "min":
		return one(AggMin)
	case "max":
		return one(AggMax)
	case "first":
		return one(AggFirst)
	case "last":
		return one(AggLast)
	case "any":
		return one(AggAny)
	case "uniq":
		return one(AggUniq)
	case "uniq_exact":
		return one(AggUniqExact)
	case "arg_min":
		return aggregateSpec{kind: AggArgMin, min: 2, max: 2, by: true}, true
	case "arg_max":
		return aggregateSpec{kind: AggArgMax, min: 2, max: 2, by: true}, true
	case "histogram":
		return aggregateSpec{kind: AggHistogram, min: 1, max: 2, param: histogramBinsDefault, count: true}, true
	case "topk":
		return aggregateSpec{kind: AggTopK, min: 2, max: 2, count: true}, true
	case "median":
		return aggregateSpec{kind: AggPercentile, min: 1, max: 1, param: 0.5}, true
	case "percentile":
		return aggregateSpec{kind: AggPercentile, min: 2, max: 2, percent: true}, true
	}
	if share, ok := percentileOfName(name); ok {
		return aggregateSpec{kind: AggPercentile, min: 1, max: 1, param: share}, true
	}
	return aggregateSpec{}, false
}

// percentileOfName reads p50, p99, p99_9: one or two digits, more behind _.
func percentileOfName(name string) (float64, bool) {
	digits, ok := strings.CutPrefix(name, "p")
	if !ok || digits == "" {
		return 0, false
	}
	whole, part, dotted := strings.Cut(digits, "_")
	if digitsLen(whole) != len(whole) || len(whole) == 0 || len(whole) > 2 || digitsLen(part) != len(part) || dotted && (part == "" || len(part) > 6) {
		return 0, false
	}
	// One division of whole numbers gives the float64 nearest to the decimal,
	// the same that percentile(x, 0.999) is given.
	share, err := strconv.ParseFloat("0."+strings.Repeat("0", 2-len(whole))+whole+part, 64)
	return share, err == nil
}

// aggregate binds an aggregate to one of the plan's; equal ones are one.
func (b *binder) aggregate(e *Call, spec aggregateSpec, sc scope) (*Bound, error) {
	if sc.inAgg {
		return nil, errNestedAggregate(e.Pos)
	}
	if !sc.aggs {
		err := errorAt(CodeBadRequest, e.Pos, "the aggregate %s() cannot stand in %s", e.Name, sc.place)
		if sc.place == "WHERE" {
			err.Hint, err.fix = "conditions on aggregates stand in HAVING", correction{groupOnly: b.inHaving()}
		}
		return nil, err
	}
	if e.Star && e.Name != "count" {
		return nil, errorAt(CodeBadRequest, e.Pos, "%s(*): only count takes *", e.Name)
	}
	if len(e.Args) < spec.min || len(e.Args) > spec.max {
		return nil, errArgCount(e.Pos, e.Name, spec.min, spec.max, len(e.Args))
	}
	inner := scope{place: e.Name + "()", inAgg: true}
	if sc.aliases != aliasesNone {
		inner.aliases = aliasesAfter
	}
	agg := Agg{Kind: spec.kind, Param: spec.param}
	if err := b.aggregateArgs(&agg, e, spec, inner); err != nil {
		return nil, err
	}
	if e.Filter != nil {
		cond, err := b.condition(e.Filter, inner)
		if err != nil {
			return nil, err
		}
		b.addAggFilter(&agg, cond)
	}
	if err := b.finishAgg(&agg, e, spec); err != nil {
		return nil, err
	}
	n := &Bound{Op: OpAgg, Type: agg.Type, Index: b.addAgg(agg), Pos: e.Pos}
	if len(b.plan.Aggs) > aggsMax {
		return nil, errTooMany(e.Pos, "aggregates", len(b.plan.Aggs), aggsMax)
	}
	if spec.rate {
		return b.rate(agg.Kind, n)
	}
	return n, nil
}

// rate divides a count or a sum by a length of time. Over nothing it is null:
// only counts are 0.
func (b *binder) rate(kind AggKind, n *Bound) (*Bound, error) {
	if kind == AggCount {
		f, ok := LookupFunction("nullif")
		if !ok {
			panic("BUG: there is no function nullif")
		}
		zero := constant(storage.Int(0), n.Pos)
		var err error
		if n, err = b.callOf(f, &Bound{Op: OpCall, Args: []*Bound{n, zero}, Pos: n.Pos}, []storage.Type{n.Type, zero.Type}); err != nil {
			return nil, err
		}
	}
	return &Bound{Op: OpRate, Type: storage.TypeFloat64, Args: []*Bound{n}, Pos: n.Pos}, nil
}

func (b *binder) aggregateArgs(agg *Agg, e *Call, spec aggregateSpec, inner scope) error {
	if len(e.Args) == 0 {
		return nil
	}
	if spec.cond {
		cond, err := b.condition(e.Args[0], inner)
		if err == nil {
			b.addAggFilter(agg, cond)
		}
		return err
	}
	var err error
	value, other := e.Args[0], 1
	if spec.kind == AggTopK {
		value, other = e.Args[1], 0
	}
	if agg.Arg, err = b.expr(value, inner); err != nil {
		return err
	}
	switch {
	case other >= len(e.Args):
		return nil
	case spec.by:
		agg.By, err = b.expr(e.Args[other], inner)
		return err
	case spec.count:
		return b.countArg(agg, e.Args[other], inner)
	}
	p, err := b.expr(e.Args[1], inner)
	if err != nil {
		return err
	}
	share, ok := FloatOf(p.Const)
	if p.Op != OpConst || !ok || share < 0 || share > 1 {
		return errorAt(CodeBadRequest, e.Args[1].Position(), "the share of a percentile is a constant from 0 to 1").
			withHint("percentile(x, 0.99) is p99(x)")
	}
	agg.Param = share
	return nil
}

// addAggFilter makes an aggregate take only rows that meet a condition too.
func (b *binder) addAggFilter(agg *Agg, cond *Bound) {
	if cond.Op == OpConst && cond.Const.Type == storage.TypeBool && cond.Const.Int != 0 {
		return
	}
	if agg.Filter == nil {
		agg.Filter = cond
		return
	}
	agg.Filter = &Bound{Op: OpAnd, Type: storage.TypeBool, Args: []*Bound{agg.Filter, cond}, Pos: cond.Pos}
}

// finishAgg lowers what is written in terms of the plan's kinds, checks types
// and sets that of the result.
func (b *binder) finishAgg(agg *Agg, e *Call, spec aggregateSpec) error {
	t := storage.TypeNull
	if agg.Arg != nil {
		t = agg.Arg.Type
	}
	if e.Distinct {
		switch {
		case e.Name == "count":
			agg.Kind = AggUniqExact
		case agg.Kind == AggMin, agg.Kind == AggMax, agg.Kind == AggUniq, agg.Kind == AggUniqExact, agg.Kind == AggAny:
		default:
			return errorAt(CodeType, e.Pos, "%s(distinct x) is not possible", e.Name).withHint("count(distinct x) is")
		}
	}
	if spec.rate && agg.Arg != nil {
		agg.Kind = AggSum
	}
	if agg.Kind == AggCount && agg.Arg != nil && agg.Arg.Op == OpConst && !agg.Arg.Const.IsNull() {
		agg.Arg = nil
	}
	switch agg.Kind {
	case AggCount, AggHits, AggUniq, AggUniqExact:
		agg.Type = storage.TypeInt64
	case AggSum:
		agg.Type = storage.TypeFloat64
		if t == storage.TypeInt64 || t == storage.TypeBool {
			agg.Type = storage.TypeInt64
		}
	case AggHistogram:
		agg.Type = storage.TypeString
	case AggTopK:
		agg.Type = storage.TypeList
	case AggMin, AggMax, AggFirst, AggLast, AggAny, AggArgMin, AggArgMax:
		if agg.Type = t; t == storage.TypeNull {
			agg.Type = storage.TypeString
		}
	default:
		agg.Type = storage.TypeFloat64
	}
	if agg.Arg != nil {
		agg.Arg = b.numberArg(agg.Kind, agg.Arg)
	}
	if agg.By != nil && agg.By.Type == storage.TypeList {
		return errorAt(CodeType, e.Pos, "%s(): a row cannot be chosen by a value of type %s", e.Name, agg.By.Type)
	}
	return checkAggType(agg.Kind, e, t)
}

func checkAggType(kind AggKind, e *Call, t storage.Type) error {
	bad := false
	switch kind {
	case AggMin, AggMax:
		bad = t == storage.TypeList
	case AggSum, AggAvg, AggStddev, AggVariance, AggPercentile, AggHistogram:
		bad = t == storage.TypeList || t == storage.TypeTime
	}
	if bad {
		return errorAt(CodeType, e.Pos, "%s() cannot be taken of a value of type %s", e.Name, t)
	}
	return nil
}

func (b *binder) addAgg(agg Agg) int {
	mark := aggMark(agg)
	for i, a := range b.plan.Aggs {
		if b.marks[i] == mark && sameAgg(a, agg) {
			return i
		}
	}
	b.plan.Aggs, b.marks = append(b.plan.Aggs, agg), append(b.marks, mark)
	return len(b.plan.Aggs) - 1
}
