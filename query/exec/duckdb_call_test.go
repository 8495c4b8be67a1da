//go:build peers

package exec

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

func (t *duckTranslator) like(e *query.Like) duckExpr {
	x, pattern := t.text(t.expr(e.X)), t.typed(e.Pattern, storage.TypeString)
	if e.Escape != nil || pattern.lit == nil {
		refuse("LIKE with ESCAPE, or a pattern that is no literal")
	}
	op := "LIKE"
	if e.Fold {
		op = "ILIKE"
	}
	return duckExpr{sql: fmt.Sprintf(`(%s %s%s %s ESCAPE '\')`, x.sql, not(e.Not), op, pattern.sql), typ: storage.TypeBool, agg: x.agg}
}

func (t *duckTranslator) regex(e *query.Regex) duckExpr {
	x, pattern := t.text(t.expr(e.X)), t.typed(e.Pattern, storage.TypeString)
	if pattern.lit == nil {
		refuse("a regular expression that is no literal")
	}
	options := "'c'"
	if e.Fold {
		options = "'i'"
	}
	return duckExpr{sql: fmt.Sprintf("(%sregexp_matches(%s, %s, %s))", not(e.Not), x.sql, pattern.sql, options), typ: storage.TypeBool, agg: x.agg}
}

// has: a null list is empty.
func (t *duckTranslator) has(e *query.Has) duckExpr {
	x := t.typed(e.X, storage.TypeList)
	var items []string
	for _, item := range e.Items {
		y := t.typed(item, storage.TypeString)
		if y.lit == nil {
			refuse("HAS of more than literals")
		}
		items = append(items, y.sql)
	}
	call, sign := "list_has_any", ""
	switch e.Kind {
	case query.HasAll:
		call = "list_has_all"
	case query.HasNone:
		sign = "NOT "
	}
	return duckExpr{sql: fmt.Sprintf("(%scoalesce(%s(%s, [%s]), false))", sign, call, x.sql, strings.Join(items, ", ")), typ: storage.TypeBool, agg: x.agg}
}

// duckSimple are functions that DuckDB calls alike: what they take, and give.
var duckSimple = map[string]struct {
	takes []storage.Type
	gives storage.Type
}{
	"lower": {text1, storage.TypeString}, "upper": {text1, storage.TypeString}, "trim": {text1, storage.TypeString},
	"starts_with": {text2, storage.TypeBool}, "ends_with": {text2, storage.TypeBool}, "contains": {text2, storage.TypeBool},
	"replace": {append(text1, text2...), storage.TypeString},
}

var (
	text1 = []storage.Type{storage.TypeString}
	text2 = []storage.Type{storage.TypeString, storage.TypeString}
)

func (t *duckTranslator) call(e *query.Call) duckExpr {
	if aggregateName.MatchString(e.Name) {
		return t.aggregate(e)
	}
	if d, ok := durationOf(e.Args); ok && e.Name == "time" {
		return duckExpr{sql: bucketOf(`"time"`, d), typ: storage.TypeTime}
	}
	if e.Name == "unnest" {
		list := t.typed(e.Args[0], storage.TypeList)
		t.unnested = list.sql
		return duckExpr{sql: "__item", typ: storage.TypeString}
	}
	var args []duckExpr
	out := duckExpr{}
	var texts []string
	for _, arg := range e.Args {
		x := t.expr(arg)
		args, texts = append(args, x), append(texts, x.sql)
		out.agg = out.agg || x.agg
	}
	if f, ok := duckSimple[e.Name]; ok && len(f.takes) == len(args) {
		for i, typ := range f.takes {
			if args[i].typ != typ {
				refuse("%s of %s", e.Name, args[i].typ)
			}
		}
		out.typ, out.sql = f.gives, e.Name+"("+strings.Join(texts, ", ")+")"
		return out
	}
	switch e.Name {
	case "now":
		return duckExpr{sql: duckTime(t.now), typ: storage.TypeTime}
	case "abs", "floor", "ceil", "sqrt", "round":
		return t.math(e.Name, args)
	case "coalesce", "greatest", "least", "nullif", "if":
		return t.choice(e.Name, args)
	case "length":
		if args[0].typ != storage.TypeList {
			args[0] = t.text(args[0])
		}
		return duckExpr{sql: "length(" + args[0].sql + ")::BIGINT", typ: storage.TypeInt64, agg: out.agg}
	case "concat":
		for i := range args {
			texts[i] = t.text(args[i]).sql
		}
		return duckExpr{sql: "concat(" + strings.Join(texts, ", ") + ")", typ: storage.TypeString, agg: out.agg}
	case "bucket":
		return t.bucket(args)
	case "substr", "split_part":
		return t.piece(e.Name, args)
	case "regexp_extract", "regexp_replace":
		return t.regexpCall(e.Name, args)
	case "time_bucket", "date_trunc", "to_timestamp":
		return t.timeCall(e, args)
	}
	refuse("%s()", e.Name)
	return out
}

func (t *duckTranslator) math(name string, args []duckExpr) duckExpr {
	x := args[0]
	out := duckExpr{typ: x.typ, agg: x.agg}
	switch {
	case !isNumber(x.typ) || len(args) > 1: // round(x, n): kelp goes by the decimals that are written
		refuse("%s of %s", name, x.typ)
	case name == "sqrt":
		out.typ = storage.TypeFloat64
	case x.typ == storage.TypeInt64 && name != "abs":
		return x
	}
	out.sql = name + "(" + x.sql + ")"
	return try(out)
}

func (t *duckTranslator) choice(name string, args []duckExpr) duckExpr {
	first := args[0]
	if name == "if" {
		if first.typ != storage.TypeBool {
			refuse("if of %s", first.typ)
		}
		args = args[1:]
	}
	out := duckExpr{typ: args[0].typ, agg: first.agg}
	var texts []string
	for _, x := range args {
		if x.typ != out.typ || x.typ == storage.TypeNull {
			refuse("%s of several types", name)
		}
		out.agg = out.agg || x.agg
		texts = append(texts, x.sql)
	}
	out.sql = name + "(" + strings.Join(texts, ", ") + ")"
	if name == "if" {
		out.sql = fmt.Sprintf("(CASE WHEN %s THEN %s ELSE %s END)", first.sql, texts[0], texts[1])
	}
	return out
}

// bucket is floor(x / w) * w. Of floats kelp and DuckDB agree where this is written out.
func (t *duckTranslator) bucket(args []duckExpr) duckExpr {
	x, w := args[0], args[1]
	if w.lit == nil || !isNumber(w.typ) || w.typ == storage.TypeInt64 && w.lit.Value.Int <= 0 {
		refuse("bucket of an odd width")
	}
	out := duckExpr{typ: storage.TypeFloat64, agg: x.agg}
	switch {
	case x.typ == storage.TypeInt64 && w.typ == storage.TypeInt64:
		out.typ = storage.TypeInt64
		out.sql = fmt.Sprintf("(%s - ((%s %% %s) + %s) %% %s)", x.sql, x.sql, w.sql, w.sql, w.sql)
	case isNumber(x.typ):
		out.sql = fmt.Sprintf("(floor((%s)::DOUBLE / (%s)::DOUBLE) * (%s)::DOUBLE)", x.sql, w.sql, w.sql)
	default:
		refuse("bucket of %s", x.typ)
	}
	return try(out)
}

// piece: DuckDB counts places below 1 from the end.
func (t *duckTranslator) piece(name string, args []duckExpr) duckExpr {
	last := len(args) - 1
	if args[0].typ != storage.TypeString || len(args) != 3 {
		refuse("%s of %s", name, args[0].typ)
	}
	for i := 1; i <= last; i++ {
		isNumber := i == last || name == "substr"
		if args[i].lit == nil || isNumber && (args[i].typ != storage.TypeInt64 || args[i].lit.Value.Int < int64(2-i)) || !isNumber && args[i].typ != storage.TypeString {
			refuse("%s at places that are not literals from 1", name)
		}
	}
	if name == "split_part" && args[2].lit.Value.Int < 1 {
		refuse("split_part from the end")
	}
	return duckExpr{sql: fmt.Sprintf("%s(%s, %s, %s)", name, args[0].sql, args[1].sql, args[2].sql), typ: storage.TypeString, agg: args[0].agg}
}

// optionalGroup is a group that may take no part in a match: then it is null in kelp.
var optionalGroup = regexp.MustCompile(`\)[?*|{]|\|`)

func (t *duckTranslator) regexpCall(name string, args []duckExpr) duckExpr {
	for i, x := range args {
		if x.typ != storage.TypeString || i > 0 && x.lit == nil {
			refuse("%s of %s", name, x.typ)
		}
	}
	x, pattern := args[0].sql, args[1].sql
	out := duckExpr{typ: storage.TypeString, agg: args[0].agg}
	if name == "regexp_replace" {
		re, err := regexp.Compile(args[1].lit.Value.Str)
		if err != nil || strings.Contains(args[2].lit.Value.Str, `\1`) && re.NumSubexp() < 1 {
			refuse("a group in a replacement that the pattern has not") // DuckDB then replaces nothing
		}
		var texts []string
		for _, arg := range args {
			texts = append(texts, arg.sql)
		}
		out.sql = "regexp_replace(" + strings.Join(texts, ", ") + ")"
		return out
	}
	re, err := regexp.Compile(args[1].lit.Value.Str)
	if err != nil || optionalGroup.MatchString(args[1].lit.Value.Str) {
		refuse("a group that may take no part in a match")
	}
	out.sql = fmt.Sprintf("(CASE WHEN regexp_matches(%s, %s) THEN regexp_extract(%s, %s, %d) END)", x, pattern, x, pattern, min(re.NumSubexp(), 1))
	return out
}

// timeCall: buckets of fixed width are made by arithmetic, since DuckDB counts them
// from another day.
func (t *duckTranslator) timeCall(e *query.Call, args []duckExpr) duckExpr {
	switch {
	case e.Name == "to_timestamp" && args[0].typ == storage.TypeInt64:
		out := try(duckExpr{sql: fmt.Sprintf("make_timestamp(%s * 1000000::BIGINT)", args[0].sql), typ: storage.TypeTime, agg: args[0].agg})
		return out
	case e.Name == "date_trunc" && len(args) == 2 && args[0].lit != nil && args[1].typ == storage.TypeTime:
		return duckExpr{sql: fmt.Sprintf("date_trunc(%s, %s)::TIMESTAMP", args[0].sql, args[1].sql), typ: storage.TypeTime, agg: args[1].agg}
	case e.Name == "time_bucket" && len(args) == 2 && args[0].lit != nil && args[1].typ == storage.TypeTime:
		us, ok := bucketWidths[args[0].lit.Value.Str]
		if !ok {
			refuse("a bucket of %s", args[0].lit.Value.Str)
		}
		return duckExpr{sql: bucketOf(args[1].sql, us), typ: storage.TypeTime, agg: args[1].agg}
	}
	refuse("%s()", e.Name)
	return duckExpr{}
}

// bucketWidths are the buckets of fixed width that begin at 1970, in microseconds.
var bucketWidths = map[string]int64{"1m": 60e6, "5m": 300e6, "10m": 600e6, "30m": 1800e6, "90s": 90e6, "1h": 3600e6, "1d": 86400e6}

func bucketOf(x string, us int64) string {
	return fmt.Sprintf("make_timestamp(epoch_us(%s) - ((epoch_us(%s) %% %d) + %d) %% %d)", x, x, us, us, us)
}

// durationOf is a single argument that is a whole number of microseconds, and no weeks:
// those begin on Monday.
func durationOf(args []query.Expr) (us int64, ok bool) {
	if len(args) != 1 {
		return 0, false
	}
	d, ok := args[0].(*query.Duration) // as an argument, and as what a time moves by
	if !ok || d.Months != 0 || d.Ns <= 0 || d.Ns%1000 != 0 || d.Ns >= 7*86400e9 {
		return 0, false
	}
	return d.Ns / 1000, true
}

var aggregateName = regexp.MustCompile(`^(count|count_if|hits|sum|avg|min|max|any|first|last|arg_min|arg_max|uniq|uniq_exact|median|p[0-9_]+|percentile|variance|stddev|topk|histogram|rate)$`)

var percentileName = regexp.MustCompile(`^p([0-9]+)(_[0-9]+)?$`)

// aggregate translates an aggregate; __w is the weight of a row.
func (t *duckTranslator) aggregate(e *query.Call) duckExpr {
	out := duckExpr{agg: true, typ: storage.TypeFloat64}
	var x, by duckExpr
	if len(e.Args) > 0 {
		x = t.inAggregate(e.Args[0])
	}
	if len(e.Args) > 1 && strings.HasPrefix(e.Name, "arg_") {
		by = t.inAggregate(e.Args[1])
	}
	var where []string
	if e.Filter != nil {
		where = append(where, t.typed(e.Filter, storage.TypeBool).sql)
	}
	if x.sql != "" && e.Name != "count_if" {
		where = append(where, x.sql+" IS NOT NULL")
	}
	filtered := func(agg string, more ...string) string {
		if all := append(where, more...); len(all) > 0 {
			return agg + " FILTER (WHERE " + strings.Join(all, " AND ") + ")"
		}
		return agg
	}
	switch name := e.Name; name {
	case "count":
		out.typ, out.sql = storage.TypeInt64, filtered("coalesce(sum(__w)")+", 0)"
		if e.Distinct {
			out.sql = filtered("count(DISTINCT " + x.sql + ")")
		} else if len(where) == 0 {
			out.sql = "coalesce(sum(__w), 0)"
		}
	case "count_if":
		if x.typ != storage.TypeBool {
			refuse("count_if of %s", x.typ)
		}
		out.typ, out.sql = storage.TypeInt64, filtered("coalesce(sum(__w)", x.sql)+", 0)"
	case "hits":
		out.typ, out.sql = storage.TypeInt64, filtered("count(*)")
	case "uniq_exact":
		out.typ, out.sql = storage.TypeInt64, filtered("count(DISTINCT "+x.sql+")")
	case "stddev", "variance":
		if t.weighted || x.typ != storage.TypeInt64 || x.sql != `"status"` && x.sql != `"rare"` {
			refuse("%s of what loses digits, or of events", name)
		}
		out.sql = filtered(map[string]string{"stddev": "stddev_samp", "variance": "var_samp"}[name] + "(" + x.sql + ")")
		t.percentiles = true // no answer is to be ordered by it
	case "sum", "avg":
		t.addends(&x)
		if out.typ = x.typ; name == "avg" {
			out.typ = storage.TypeFloat64
		}
		out.sql = filtered("sum(" + x.sql + " * __w)")
		if name == "avg" {
			out.sql = fmt.Sprintf("(%s)::DOUBLE / (%s)::DOUBLE", out.sql, filtered("sum(__w)"))
		}
	case "min", "max":
		out.typ = x.typ
		out.sql = filtered(name+"("+x.sql+")", t.noNaN(x)...)
	case "any": // the smallest; NaN if there is nothing else
		out.typ = x.typ
		out.sql = filtered("min(" + x.sql + ")")
	case "first", "last":
		out.typ = x.typ
		out.sql = t.nth(x, `"time"`, name == "last", filtered)
	case "arg_min", "arg_max":
		out.typ = x.typ
		out.sql = t.nth(x, by.sql, name == "arg_max", func(agg string, more ...string) string {
			return filtered(agg, append(t.noNaN(by), by.sql+" IS NOT NULL")...)
		})
	default:
		p := percentileName.FindStringSubmatch(name)
		if p == nil && name != "median" || !isNumber(x.typ) || t.weighted {
			refuse("%s()", name)
		}
		share := 0.5
		if p != nil {
			share, _ = strconv.ParseFloat("0."+p[1]+strings.TrimPrefix(p[2], "_"), 64)
		}
		out.sql = filtered(fmt.Sprintf("quantile_disc(%s, %g)", x.sql, share), t.noNaN(x)...) + "::DOUBLE"
		t.percentiles = true
	}
	if x.typ == storage.TypeNull && len(e.Args) > 0 {
		refuse("%s of null", e.Name)
	}
	return out
}

// nth is the value of the row where by is smallest or largest; of equals the smaller.
func (t *duckTranslator) nth(x duckExpr, by string, largest bool, filtered func(string, ...string) string) string {
	desc := ""
	if largest {
		desc = " DESC"
	}
	return "(" + filtered(fmt.Sprintf("list(%s ORDER BY %s%s, %s)", x.sql, by, desc, x.sql)) + ")[1]"
}

// addends: true counts as 1; integers are added up in 128 bits.
func (t *duckTranslator) addends(x *duckExpr) {
	switch x.typ {
	case storage.TypeBool:
		x.sql, x.typ = "("+x.sql+")::BIGINT::HUGEINT", storage.TypeInt64
	case storage.TypeInt64:
		x.sql = "(" + x.sql + ")::HUGEINT"
	case storage.TypeFloat64:
	default:
		refuse("a sum of %s", x.typ)
	}
}

// noNaN: NaN is no least and no largest number.
func (t *duckTranslator) noNaN(x duckExpr) []string {
	if x.typ == storage.TypeFloat64 {
		return []string{"NOT isnan(" + x.sql + ")"}
	}
	return nil
}

// inAggregate translates the argument of an aggregate: it sees columns alone.
func (t *duckTranslator) inAggregate(e query.Expr) duckExpr {
	x := t.expr(e)
	if x.agg {
		refuse("an aggregate in an aggregate")
	}
	return x
}
