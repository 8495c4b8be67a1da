package exec

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
)

// diffGen makes random queries over the columns of diffColumns. What it makes
// is mostly valid; its orders never depend on an approximate aggregate.
type diffGen struct {
	r *rand.Rand
}

func (g *diffGen) one(list ...string) string { return list[g.r.IntN(len(list))] }

func (g *diffGen) chance(percent int) bool { return g.r.IntN(100) < percent }

// number is an expression that is a number, or text that may be one.
func (g *diffGen) number(depth int) string {
	if depth <= 0 || g.chance(40) {
		return g.one("status", "ms", "f", "big", "rare", "mix", "odd", "nosuch", "seq", "2", "-1", "0", "0.5", "1e3", "100", "status", "ms", "any", "ok", "true")
	}
	x, y := g.number(depth-1), g.number(depth-1)
	switch g.r.IntN(15) {
	case 14:
		return fmt.Sprintf("(%s)::%s", g.one("any", "mix", "stamp", g.time(depth-1)), g.one("int", "float64", "bool::int", "time::text::float"))
	case 0, 1, 2:
		return fmt.Sprintf("(%s %s %s)", x, g.one("+", "-", "*", "/", "%"), y)
	case 3:
		return "-(" + x + ")"
	case 4:
		return fmt.Sprintf("%s(%s)", g.one("abs", "floor", "ceil", "round", "sqrt"), x)
	case 5:
		return fmt.Sprintf("round(%s, %s)", x, g.one("1", "2", "-1", "-2", "0"))
	case 6:
		return fmt.Sprintf("bucket(%s, %s)", x, g.one("10", "0.5", "100", "0", "-3"))
	case 7:
		return fmt.Sprintf("length(%s)", g.one("service", "path", "tags", "mix", g.text(depth-1)))
	case 8:
		return fmt.Sprintf("CASE WHEN %s THEN %s ELSE %s END", g.cond(depth-1), x, y)
	case 9:
		return fmt.Sprintf("%s(%s, %s)", g.one("coalesce", "greatest", "least", "nullif"), x, y)
	case 10:
		return fmt.Sprintf("(%s)::%s", g.one(x, g.text(depth-1), "ok"), g.one("int", "float64", "bigint"))
	case 11:
		return fmt.Sprintf("extract(%s FROM %s)", g.one("hour", "minute", "dow", "isodow", "week", "doy", "epoch", "quarter"), g.time(depth-1))
	case 12:
		return fmt.Sprintf("(%s - %s)", g.time(depth-1), g.time(depth-1))
	}
	return fmt.Sprintf("if(%s, %s, %s)", g.cond(depth-1), x, y)
}

func (g *diffGen) text(depth int) string {
	if depth <= 0 || g.chance(40) {
		return g.one("service", "path", "mix", "odd", "any", "stamp", "nosuch", "id", "line", "same", "'api'", "'x'", "''", "'10'")
	}
	x, y := g.text(depth-1), g.text(depth-1)
	switch g.r.IntN(13) {
	case 0:
		return fmt.Sprintf("(%s || %s)", x, g.one(y, "status", "ms", "ok", "f", "seen"))
	case 1:
		return fmt.Sprintf("%s(%s)", g.one("lower", "upper", "trim"), x)
	case 2:
		return fmt.Sprintf("substr(%s, %s, %s)", x, g.one("1", "2", "0", "-1"), g.one("0", "1", "3", "100"))
	case 3:
		return fmt.Sprintf("split_part(%s, '/', %s)", x, g.one("1", "2", "3", "-1", "9"))
	case 4:
		return fmt.Sprintf("concat(%s, %s, %s)", x, g.one("status", "ms", "null", "tags[1]"), y)
	case 5:
		return fmt.Sprintf("replace(%s, %s, %s)", x, g.one("'a'", "'/'", "''"), g.one("''", "'zz'"))
	case 6:
		return fmt.Sprintf("regexp_extract(%s, %s)", x, g.one("'[0-9]+'", "'/([a-z]+)/'", "'(q)?a'"))
	case 7:
		return fmt.Sprintf("regexp_replace(%s, %s, %s%s)", x, g.one("'[a-z]'", "'([0-9])'", "'/'"), g.one(`'<\1>'`, "''", "'$1'"), g.one("", ", 'g'"))
	case 8:
		return fmt.Sprintf("(%s)::text", g.one(g.number(depth-1), "ok", "seen", "time"))
	case 9:
		return fmt.Sprintf("tags[%s]", g.one("1", "2", "0", "-1", "status"))
	case 10:
		return fmt.Sprintf("coalesce(%s, %s)", x, y)
	case 11:
		return fmt.Sprintf("CASE %s WHEN %s THEN %s ELSE %s END", g.one("status", "service", "mix"), g.one("'200'", "'api'", "404", "'zz'", "null"), x, y)
	}
	return fmt.Sprintf("if(%s, %s, %s)", g.cond(depth-1), x, y)
}

func (g *diffGen) time(depth int) string {
	if depth <= 0 || g.chance(50) {
		return g.one("time", "seen", "now()", "time", "stamp::time", "any::time", "odd::timestamptz")
	}
	switch g.r.IntN(8) {
	case 0:
		return fmt.Sprintf("(%s %s %s)", g.time(depth-1), g.one("+", "-"), g.one("1h", "15m", "1.5s", "250ms", "7d", "rare", "ok", "any"))
	case 5, 6:
		return fmt.Sprintf("(%s %s %s)", g.one(g.time(depth-1), g.time(depth-1), "stamp", "any", "'2024-02-29'", "'2026-08-31 23:30+02'"), g.one("+", "-"),
			g.one("1mo", "3mo", "12mo", "INTERVAL '1 month 2 days'", "INTERVAL '1 year'", "13mo", "INTERVAL '2 months 36 hours'"))
	case 7:
		return fmt.Sprintf("(%s + %s)", g.one("'2026-11-22 10:00:00+0200'", "'2024-02-29'", "1mo", "2h"), g.one("2h", "INTERVAL '90 minutes'", "'2026-01-31'", "seen"))
	case 1:
		return fmt.Sprintf("time_bucket('%s', %s)", g.one("5m", "1h", "1w", "1mo", "90s"), g.time(depth-1))
	case 2:
		return fmt.Sprintf("date_trunc('%s', %s)", g.one("minute", "hour", "day", "week", "month", "quarter", "year"), g.time(depth-1))
	case 3:
		return "odd::time"
	}
	return "to_timestamp(" + g.one("status", "ms", "1795341600") + ")"
}

// cond is a condition.
func (g *diffGen) cond(depth int) string {
	if depth > 0 && g.chance(45) {
		x, y := g.cond(depth-1), g.cond(depth-1)
		return g.one("("+x+" AND "+y+")", "("+x+" OR "+y+")", "NOT ("+x+")", "("+x+" AND "+y+")")
	}
	op := g.one("=", "!=", "<", "<=", ">", ">=", "=", ">=")
	switch g.r.IntN(21) {
	case 17:
		return fmt.Sprintf("seq %s %s", op, g.one("1025000", "1000000", "'1040000'", "1.5e6", "999999"))
	case 18:
		return fmt.Sprintf("id %s %s", op, g.one("'00'", "'0000000000000001'", "'8'", "'ffff'", "10"))
	case 19:
		return fmt.Sprintf("line %s%s %s", g.one("", "NOT "), g.one("LIKE", "ILIKE"), g.one("'%timeout'", "'GET%ms'", "'%7%took _ ms%'", "'%item/42%'", "'get%'"))
	case 20:
		return g.one("user = 'user-000007'", "user IN ('user-000007', 'user-001234', 'x')", "user != 'user-000008'", "user = 'user-7'", "user LIKE 'user-0001%'", "user >= 'user-002000'",
			"trace = '0000000000000000-0000000000000000'", "trace != '9e3779b97f4a7c15-d6e8feb86659fd93'", "trace = '9E3779B97F4A7C15-D6E8FEB86659FD93'", "trace LIKE '%659fd93'",
			"log LIKE '%timeout%'", "log NOT LIKE '%out%'", "log LIKE '%10.0.1%'", "log ~ 'took [0-9]+'", "log !~ 'key 0'", "log LIKE 'state open%' OR log = 'state out, key 0'", "contains(log, 'out, key')",
			g.longIn("seq", 1_000_000, 1), g.longIn("status", 190, 1), g.longIn("path", 0, 0), "same = 'only'", "same LIKE 'on%'", "same IS NULL",
			"line ~ 'took [0-9] ms'", "line ~* 'GET.*TIMEOUT'", "id ~ '^0+[1-9]'")
	case 0, 1:
		return fmt.Sprintf("status %s %s", op, g.one("200", "500", "'404'", "200.5", "'abc'", "null", "-1", "status"))
	case 2:
		return fmt.Sprintf("service %s %s", op, g.one("'api'", "'web'", "''", "5", "path", "null"))
	case 3:
		return fmt.Sprintf("%s %s %s", g.one("ms", "f", "big", "rare"), op, g.one("10", "0", "0.5", "'NaN'", "'x'", "9223372036854775807", "1e300", "'Infinity'"))
	case 4:
		// A time without a zone has no meaning but that one to the oracle.
		return fmt.Sprintf("%s %s %s", g.one("mix", "any", "any::bool::int", "any::float64"), op, g.one("'10'", "10", "2", "'x'", "1.5", "null", "'true'", "true", "'2026-11-22T00:00:00Z'"))
	case 5:
		return g.one("ok", "NOT ok", "ok = true", "ok != 'false'", "ok = 1", "ok IS NULL", "true", "false", "nosuch IS NULL", "status IS NOT NULL", "mix IS NULL")
	case 6:
		return fmt.Sprintf("%s %sIN (%s)", g.one("status", "service", "mix", "ms", "f"), g.one("", "NOT "),
			g.one("200, 404", "'api', 'web'", "1, '2', null", "'abc'", "0.5, 'NaN'", "status, 200", "10, 2.5, 'x'"))
	case 7:
		return fmt.Sprintf("%s %sBETWEEN %s AND %s", g.one("status", "ms", "service", "mix"), g.one("", "NOT "), g.one("1", "'a'", "'2'", "0.5"), g.one("300", "'b'", "9", "'x'"))
	case 8:
		return fmt.Sprintf("%s %s%s %s", g.one("service", "path", "mix", "status", g.text(depth-1)), g.one("", "NOT "), g.one("LIKE", "ILIKE"),
			g.one("'a%'", "'%B'", "'%/api/%'", `'a\_b'`, `'a\%b'`, "'_'", "'%'", "''", "'A_I'", "'ün_'", "'%1%2%'"))
	case 9:
		return fmt.Sprintf("%s %s %s", g.one("service", "path", "mix", "status"), g.one("~", "!~", "~*", "!~*"), g.one("'a'", "'^/api/[0-9]$'", "'[0-4]'", "'B$'", "''", "'(x|1)'"))
	case 10:
		return g.one("tags", "tags", "any") + " HAS " + g.one("'a'", "ANY ('a', 'b')", "ALL ('a', 'b')", "NONE ('a', 'c')", "''", "ALL ('a')", "NONE ('z')")
	case 11:
		return fmt.Sprintf("%s %s %s", g.time(depth-1), op, g.one("'2026-11-22T10:30:00Z'", "now() - 1h", "seen", "'2026-11-22'"))
	case 12:
		return fmt.Sprintf("%s %s %s", g.number(depth), op, g.number(depth))
	case 13:
		return fmt.Sprintf("%s %s %s", g.text(depth), op, g.one("'api'", "'10'", "10", g.text(depth-1)))
	case 14:
		return fmt.Sprintf("%s(%s, %s)", g.one("starts_with", "ends_with", "contains"), g.one("service", "path", "mix"), g.one("'a'", "'/'", "''", "'1'"))
	case 15:
		return fmt.Sprintf("time %s %s", op, g.one("'2026-11-22T10:30:00Z'", "now() - 45m", "'2026-11-22T10:59:00.5Z'"))
	}
	return fmt.Sprintf("%s %s", g.one(g.number(depth), g.time(depth)), g.one("IS NULL", "IS NOT NULL"))
}

// longIn is an IN list that is worth a table: of numbers from first on, or of paths.
func (g *diffGen) longIn(column string, first, step int) string {
	var items []string
	for i := range 20 + g.r.IntN(300) {
		if step == 0 {
			items = append(items, fmt.Sprintf("'/api/%d'", i))
			continue
		}
		items = append(items, fmt.Sprint(first+i*g.one2(1, 7)))
	}
	return fmt.Sprintf("%s %sIN (%s)", column, g.one("", "NOT "), strings.Join(items, ", "))
}

func (g *diffGen) one2(a, b int) int {
	if g.chance(50) {
		return a
	}
	return b
}

func (g *diffGen) any(depth int) string {
	switch g.r.IntN(6) {
	case 0, 1:
		return g.number(depth)
	case 2, 3:
		return g.text(depth)
	case 4:
		return g.one("tags", "ok", "seen", "service", "ms", "mix", "f", "big", "any", "stamp", "typeof(any)", "any::text", "any[1]")
	}
	return g.time(depth)
}

// key is a GROUP BY expression.
func (g *diffGen) key() string {
	return g.one("unnest(tags)", "UNNEST(any)", "upper(unnest(tags))", "unnest(tags)", "service", "status", "ok", "mix", "f", "ms", "tags", "rare", "odd", "nosuch", "path", "big", "user", "log", "trace", "service", "status", "id", "seq", "same", "bucket(seq, 1000)", "seq % 7",
		"status / 100", "lower(service)", "bucket(ms, 100)", "length(tags)", "coalesce(rare, -1)", "service || status", "ms > 100",
		"date_trunc('day', seen)", "date_trunc('day', seen, 'America/Havana')", "extract(hour FROM seen, 'Asia/Kolkata')", "any", "stamp::time", "typeof(any)", "any::bool", "date_trunc('month', "+g.time(1)+")", "split_part(path, '/', 2)", g.number(1), g.text(1))
}

func (g *diffGen) bucket() string {
	return g.one("time(1m)", "time(auto)", "time(10m)", "time_bucket('30m', time)", "date_trunc('hour', time)", "time(1w)", "time(1mo)", "time(1d)", "time(1d, 'Asia/Kolkata')", "time(1mo, 'Europe/Berlin')")
}

// exact is an aggregate that may be ordered by.
func (g *diffGen) exact() string {
	a := g.one("count()", "count(*)", "hits()", "count(rare)", "count(mix)", "sum(status)", "sum(ms)", "sum(big)", "sum(ok)", "sum(mix)", "sum(odd)", "sum(rare)",
		"avg(ms)", "avg(status)", "avg(ok)", "sum(any)", "avg(any)", "avg(mix)", "rate(any)", "rate(ok)", "avg(odd)", "min(any)", "max(any)", "any(any)", "last(any)", "count(distinct any)", "sum(ok + 1)",
		"sum("+g.one("any", "ok", "mix")+"::float64)", "max("+g.time(1)+")", "count("+g.time(1)+")", "min(ms)", "max(ms)", "min(f)", "max(f)", "min(service)", "max(mix)", "min(ok)", "max(seen)", "max(big)",
		"first(service)", "last(ms)", "arg_max(service, ms)", "arg_min(ms, service)", "arg_max(tags, mix)", "arg_min(any, f)", "arg_max("+g.text(1)+", "+g.number(1)+")", "arg_min(path, time)",
		"topk(3, service)", "topk(1, ms)", "topk(100, any)", "topk(2, f)", "topk(5, tags)", "topk(2, ok)", "topk(3, "+g.text(1)+")", "topk(4, seq)", "topk(3, time)",
		"histogram(ms)", "histogram(f, 3)", "histogram(any, 1)", "histogram(status, 100)", "histogram("+g.number(1)+", 8)", "sum(seq)", "min(seq)", "max(id)", "count(distinct id)", "count(distinct seq)", "any(line)", "min(line)", "max(same)", "first(mix)", "last(tags)", "any(path)", "any(tags)", "any(f)", "count(distinct service)", "count(distinct ms)",
		"uniq_exact(tags)", "count(distinct mix)", "count(distinct f)", "count_if(status >= 500)", "count_if("+g.cond(1)+")", "rate()", "rate(status)",
		"sum("+g.number(1)+")", "min("+g.text(1)+")", "max("+g.number(1)+")", "count("+g.text(1)+")", "count(1)", "count(null)", "first(time)", "max(length(tags))")
	if g.chance(20) {
		a += " FILTER (WHERE " + g.cond(1) + ")"
	}
	return a
}

func (g *diffGen) approximate() string {
	return g.one("p50(ms)", "p99(ms)", "p99_9(status)", "percentile(ms, 0.25)", "percentile(ms, 0)", "percentile(ms, 1)", "median(mix)", "p90(rare)", "p95(f)", "median(any)", "p99(any)", "variance(any)", "stddev(any)", "p50(ok)", "stddev(ok)", "percentile(odd, 0.3)", "uniq(any)", "p90("+g.number(1)+")",
		"uniq(service)", "uniq(path)", "uniq(ms)", "uniq(tags)", "uniq(id)", "uniq(seq)", "p99(seq)", "stddev(seq)", "stddev(ms)", "variance(status)", "stddev(rare)", "variance(mix)", "p90(ms) FILTER (WHERE "+g.cond(1)+")")
}

func (g *diffGen) timeRange() string {
	return g.one("", "", "", "LAST 90m", "LAST 1h", "LAST 1w", "SINCE '2026-11-22T10:30:00Z'", "SINCE now() - 100m UNTIL now() - 30m",
		"BETWEEN '2026-11-22T10:00:00Z' AND '2026-11-22T11:00:00Z'", "UNTIL '2026-11-22T10:45:00Z'", "LAST 1mo")
}

func (g *diffGen) query() string {
	with := g.with()
	if g.chance(30) {
		return with + g.rows()
	}
	return with + g.groups()
}

func (g *diffGen) where() string {
	if g.chance(60) {
		return " WHERE " + g.cond(2)
	}
	return ""
}

func (g *diffGen) nulls() string {
	return g.one("", "", " DESC", " NULLS FIRST", " DESC NULLS FIRST", " ASC NULLS LAST")
}

func (g *diffGen) tail() string {
	s := ""
	if g.chance(70) {
		s = " LIMIT " + g.one("0", "1", "3", "10", "ALL", "1000")
	}
	if g.chance(25) {
		s += " OFFSET " + g.one("0", "1", "5", "100000")
	}
	if g.chance(15) {
		s += " RAW"
	}
	if g.chance(10) { // of fewer the oracle knows nothing: TestSample does
		s += " SAMPLE 1000000 ROWS"
	}
	return s
}

func (g *diffGen) rows() string {
	var items, order []string
	if g.chance(15) {
		items = []string{"*"}
	}
	for range 1 + g.r.IntN(4) {
		items = append(items, g.any(2))
	}
	sql := "SELECT " + strings.Join(items, ", ") + " FROM t " + g.timeRange() + g.where()
	if g.chance(50) {
		for range 1 + g.r.IntN(2) {
			order = append(order, g.one(g.any(1), "1")+g.nulls())
		}
		sql += " ORDER BY " + strings.Join(order, ", ")
	}
	if g.chance(20) {
		sql += " LIMIT " + g.one("1", "2", "5") + " BY " + g.one("service", "status", "ok, mix", "1", "ms > 100")
	}
	return sql + g.tail()
}

// approximateItem is an aggregate by which no answer may be ordered: what is within
// its error comes in any order.
var approximateItem = regexp.MustCompile(`^(p[0-9_]+|percentile|median|variance|stddev|uniq)\(`)

// named gives the items aliases, some of them the names of columns, and the keys
// by alias, position or text.
func (g *diffGen) named(items, keys []string) (shown, by []string) {
	for i, item := range items {
		alias := fmt.Sprintf("x%d", i)
		if i > len(keys) && !approximateItem.MatchString(item) { // orders go by ms
			alias = g.one(alias, "ms", "service", "mix")
		}
		shown = append(shown, item+" AS "+alias)
	}
	for i, key := range keys {
		by = append(by, g.one(key, fmt.Sprintf("x%d", i), fmt.Sprint(i+1)))
	}
	return shown, by
}

func (g *diffGen) groups() string {
	var keys, items []string
	for range g.r.IntN(3) {
		keys = append(keys, g.key())
	}
	bucket := g.chance(35)
	if bucket {
		keys = append([]string{g.bucket()}, keys...)
	}
	written := keys
	items = append(items, keys...)
	items = append(items, g.exact())
	named := g.chance(30)
	for range g.r.IntN(4) {
		items = append(items, g.one(g.exact(), g.exact(), g.approximate()))
	}
	if g.chance(15) {
		items = append(items, "sum(status) + count() * 2", "max(ms) - min(ms)")
	}
	where := g.where()
	if strings.Contains(where, " OR ") {
		// An OR that comes down to a condition on time narrows the range that a
		// rate divides by and time(auto) goes by, or does not.
		for _, texts := range [][]string{keys, items} {
			for i := range texts {
				texts[i] = strings.ReplaceAll(texts[i], "time(auto", "time(1m")
			}
		}
		for i := range items {
			items[i] = strings.ReplaceAll(items[i], "rate(", "sum(")
			items[i] = strings.ReplaceAll(items[i], "sum()", "count()")
		}
	}
	shown := items
	if named {
		shown, keys = g.named(items, keys)
	}
	sql := "SELECT " + strings.Join(shown, ", ") + " FROM t " + g.timeRange() + where
	if len(keys) > 0 {
		sql += " GROUP BY " + g.one(strings.Join(keys, ", "), strings.Join(keys, ", "), "ALL")
	}
	other := len(keys) > 1 && g.chance(35) || len(keys) == 1 && !bucket && g.chance(35)
	if g.chance(20) && !other {
		sql += " HAVING " + g.one("count() > 2", "hits() < 10 OR max(ms) > 100", "max(service) != 'web'", "sum(status) IS NOT NULL")
	}
	if named && g.chance(20) && !other && !strings.Contains(sql, " HAVING ") {
		sql += " HAVING " + fmt.Sprintf(g.one("x%d IS NOT NULL", "x%d > 2", "NOT x%d = 1"), len(keys)) + g.one("", " OR max(ms) > 10")
	}
	if g.chance(40) {
		var order []string
		for range 1 + g.r.IntN(2) {
			order = append(order, g.one(g.exact(), "1", g.one(items[:len(keys)+1]...))+g.nulls())
		}
		if named {
			order[0] = g.one("x0", "x0", fmt.Sprintf("x%d", len(keys)), "ms", "max(ms)") + g.nulls()
			if !other && g.chance(20) { // what is computed of a bucket does not lead with Other
				order[0] = "coalesce(x0, null)" + g.nulls()
			}
		}
		sql += " ORDER BY " + strings.Join(order, ", ")
	}
	if other {
		return sql + g.limitOther(keys, bucket) + g.clauses(written, bucket, where)
	}
	if g.chance(15) && len(keys) > 0 {
		sql += " LIMIT " + g.one("1", "2") + " BY " + keys[0]
	}
	return sql + g.tail() + g.clauses(written, bucket, where)
}
