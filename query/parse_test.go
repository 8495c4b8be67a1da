package query

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestParse reads statements and compares what Print makes of them: names in
// quotes, parentheses around every operand that is an operation.
func TestParse(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		stmt, err := Parse(in)
		if err != nil {
			t.Errorf("%s\n  %v", in, err)
			return
		}
		got := Print(stmt)
		if got != want {
			t.Errorf("%s\n got  %s\n want %s", in, got, want)
		}
		again, err := Parse(got)
		if err != nil {
			t.Errorf("printed %s\n  %v", got, err)
		} else if twice := Print(again); twice != got {
			t.Errorf("printed %s\n then    %s", got, twice)
		}
	}
	// One expression in WHERE.
	e := func(in, want string) {
		t.Helper()
		f("SELECT a FROM t WHERE "+in, `SELECT "a" FROM "t" WHERE `+want)
	}

	f("select a from t", `SELECT "a" FROM "t"`)
	f("FROM t", `FROM "t" SELECT *`)
	f("SELECT service, count() FROM t WHERE status >= 500 GROUP BY service ORDER BY 2 DESC LIMIT 10",
		`SELECT "service", count() FROM "t" WHERE "status" >= 500 GROUP BY "service" ORDER BY 2 DESC LIMIT 10`)
	f("SELECT time, user, count, last, range, filter, raw, date FROM first.my-table LAST 15m",
		`SELECT "time", "user", "count", "last", "range", "filter", "raw", "date" FROM "first.my-table" LAST INTERVAL '15m'`)
	f("SELECT COUNT(*), Sum(x), count(DISTINCT y), last(z) FROM t", `SELECT count(*), sum("x"), count(DISTINCT "y"), last("z") FROM "t"`)
	f(`SELECT a.b."c d".e, "Ä ""x""", über, @timestamp FROM "t"`, `SELECT "a.b.c d.e", "Ä ""x""", "über", "@timestamp" FROM "t"`)
	f("SELECT a AS b, c AS count, d AS \"select\", FROM t", `SELECT "a" AS "b", "c" AS "count", "d" AS "select" FROM "t"`)
	f("SELECT /* one /* two */ */ a -- three\n, b FROM t;", `SELECT "a", "b" FROM "t"`)
	f("SELECT a FROM 2024-01.logs", `SELECT "a" FROM "2024-01.logs"`)
	f("SELECT a FROM t--comment", `SELECT "a" FROM "t"`)

	// Ranges.
	f("SELECT a FROM t LAST 1.5h", `SELECT "a" FROM "t" LAST INTERVAL '90m'`)
	f("SELECT a FROM t LAST 3mo", `SELECT "a" FROM "t" LAST INTERVAL '3mo'`)
	f("SELECT a FROM t SINCE '2026-01-01' UNTIL now() - 1h", `SELECT "a" FROM "t" SINCE '2026-01-01' UNTIL (now() - INTERVAL '1h')`)
	f("SELECT a FROM t BETWEEN '2026-01-01' AND '2026-01-02' WHERE b AND c",
		`SELECT "a" FROM "t" BETWEEN '2026-01-01' AND '2026-01-02' WHERE "b" AND "c"`)

	// Clauses, in any order behind FROM.
	f("FROM t LIMIT 3 WITH OTHER GROUP BY a, SELECT a, count(), LAST 10m ORDER BY 2 DESC NULLS LAST, a NULLS FIRST, OFFSET 1 HAVING count() > 1 WHERE b",
		`FROM "t" SELECT "a", count() LAST INTERVAL '10m' WHERE "b" GROUP BY "a" HAVING count() > 1 ORDER BY 2 DESC NULLS LAST, "a" NULLS FIRST LIMIT 3 WITH OTHER OFFSET 1`)
	f("FROM shop LAST 10m SELECT count(), p99(ms) GROUP BY service COMPARE 10m LIMIT 3 WITH OTHER",
		`FROM "shop" SELECT count(), p99("ms") LAST INTERVAL '10m' GROUP BY "service" LIMIT 3 WITH OTHER COMPARE INTERVAL '10m'`)
	f("SELECT a FROM t GROUP BY ALL LIMIT 2 BY a, LIMIT 5 OFFSET 2", `SELECT "a" FROM "t" GROUP BY ALL LIMIT 2 BY "a" LIMIT 5 OFFSET 2`)
	f("SELECT a FROM t LIMIT ALL", `SELECT "a" FROM "t" LIMIT ALL`)
	f("SELECT a FROM t COMPARE 1d SAMPLE 100 ROWS FILL WITHIN 250ms RAW TIMEZONE 'Europe/Berlin'",
		`SELECT "a" FROM "t" COMPARE INTERVAL '1d' SAMPLE 100 ROWS FILL WITHIN INTERVAL '250ms' RAW TIMEZONE 'Europe/Berlin'`)
	f("WITH x AS a + 1, y AS x * 2, SELECT y FROM t", `WITH "x" AS "a" + 1, "y" AS "x" * 2 SELECT "y" FROM "t"`)
	f("SELECT a FROM t GROUP BY a, last ORDER BY last, raw, LAST", `SELECT "a" FROM "t" GROUP BY "a", "last" ORDER BY "last", "raw", "LAST"`)

	// Other statements.
	f("show tables", "SHOW TABLES")
	f("DESCRIBE my-t", `DESCRIBE "my-t"`)
	f("EXPLAIN SELECT a FROM t", `EXPLAIN SELECT "a" FROM "t"`)
	f("EXPLAIN CHANGE OF p99(ms) FROM t LAST 1h WHERE a = 1 COMPARE 1d BY *",
		`EXPLAIN CHANGE OF p99("ms") FROM "t" LAST INTERVAL '1h' WHERE "a" = 1 COMPARE INTERVAL '1d' BY *`)
	f("EXPLAIN CHANGE OF count() FROM t COMPARE 1d BY a, b,", `EXPLAIN CHANGE OF count() FROM "t" COMPARE INTERVAL '1d' BY "a", "b"`)

	// Precedence.
	e("a OR b AND NOT c = 1 + 2 * -d", `"a" OR ("b" AND (NOT ("c" = (1 + (2 * (-("d")))))))`)
	e("a = 1 AND b = 2 AND c = 3", `("a" = 1) AND ("b" = 2) AND ("c" = 3)`)
	e("a - b - c", `("a" - "b") - "c"`)
	e("a == 1 OR a <> 2", `("a" = 1) OR ("a" != 2)`)
	e("NOT a IS NULL", `NOT ("a" IS NULL)`)
	e("a = b IS NOT NULL", `("a" = "b") IS NOT NULL`)
	e("a || 'x' LIKE b || '%'", `("a" || 'x') LIKE ("b" || '%')`)
	e("a BETWEEN 1 AND 2 AND b", `("a" BETWEEN 1 AND 2) AND "b"`)
	e("a NOT BETWEEN 1 + 1 AND 2", `"a" NOT BETWEEN (1 + 1) AND 2`)
	e("a NOT IN (1, 2,) AND b IN ('x')", `("a" NOT IN (1, 2)) AND ("b" IN ('x'))`)
	e(`a NOT LIKE 'a\_' ESCAPE '!'`, `"a" NOT LIKE 'a\_' ESCAPE '!'`)
	e("a ILIKE 'x' OR a NOT ILIKE 'y'", `("a" ILIKE 'x') OR ("a" NOT ILIKE 'y')`)
	e("a ~ 'x' AND a !~ 'x' AND a ~* 'x' AND a !~* 'x'", `("a" ~ 'x') AND ("a" !~ 'x') AND ("a" ~* 'x') AND ("a" !~* 'x')`)
	e("tags HAS 'a' AND tags HAS ANY ('a', 'b',) AND tags has all ('c') AND tags HAS NONE ('d')",
		`("tags" HAS 'a') AND ("tags" HAS ANY ('a', 'b')) AND ("tags" HAS ALL ('c')) AND ("tags" HAS NONE ('d'))`)
	e("tags[1] = tags[a + 1]", `("tags"[1]) = ("tags"["a" + 1])`)
	e("-a::int = - 3 AND x::double precision < 1", `((-(CAST("a" AS int64))) = (-3)) AND (CAST("x" AS float64) < 1)`)
	e("CAST(a AS varchar) = TIMESTAMP '2026-01-01'", `CAST("a" AS string) = CAST('2026-01-01' AS time)`)
	e("time > now() - INTERVAL '1 hour 30 minutes' AND t < 1h30m", `("time" > (now() - INTERVAL '90m')) AND ("t" < INTERVAL '90m')`)
	e("x = -9223372036854775808 OR x = 9223372036854775808 OR x = 1.5e3 OR x = .5",
		`("x" = (-9223372036854775808)) OR ("x" = 9.223372036854776e+18) OR ("x" = 1500.0) OR ("x" = 0.5)`)
	e("CASE WHEN a THEN 1 WHEN b THEN 2 ELSE 3 END = CASE x WHEN 1 THEN 'a' END",
		`CASE WHEN "a" THEN 1 WHEN "b" THEN 2 ELSE 3 END = CASE "x" WHEN 1 THEN 'a' END`)
	e("count(x) FILTER (WHERE y > 1) > 1 OR extract(hour FROM time) = 3", `(count("x") FILTER (WHERE "y" > 1) > 1) OR (extract('hour' FROM "time") = 3)`)
	e("a = 'it''s\n\\n'", `"a" = 'it''s`+"\n"+`\n'`)
	e("true OR FALSE OR null IS NULL", `TRUE OR FALSE OR (NULL IS NULL)`)
}

func TestParseErrors(t *testing.T) {
	f := func(in string, line, column int, want string) {
		t.Helper()
		_, err := Parse(in)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: no error, want %s", in, want)
			return
		}
		if !strings.Contains(e.Error(), want) || e.Pos != (Pos{Line: line, Column: column}) {
			t.Errorf("%s\n got  %v\n want %s (line %d, column %d)", in, e, want, line, column)
		}
	}
	f("SELECT a FROM t WHERE", 1, 22, "expected an expression after WHERE")
	f("SELECT a FROM t\nWHERE GROUP BY a", 2, 7, "expected an expression after WHERE, found GROUP")
	f("SELECT 'ä' bar FROM t", 1, 12, "expected FROM after the text 'ä', found `bar`")
	f("SELECT a FORM t", 1, 10, "did you mean `FROM`?")
	f("SELCT a FROM t", 1, 1, "did you mean `SELECT`?")
	f("SELECT a FROM t WHER b", 1, 17, "did you mean `WHERE`?")
	f("SELECT a FROM t LIMIT 3 LIMIT 4", 1, 25, "a second time")
	f("SELECT a FROM t LIMIT 3 WHERE b", 1, 25, "WHERE must stand before LIMIT")
	f("FROM t WHERE a WHERE b", 1, 16, "WHERE stands here a second time")
	f("SELECT a FROM t WHERE a = 'x", 1, 27, "not closed")
	f("SELECT a /* FROM t", 1, 10, "not closed")
	f("SELECT a FROM t WHERE a = 15q", 1, 27, "neither a number nor a duration")
	f("SELECT a FROM t WHERE a = 1 = 2", 1, 29, "chained")
	f("SELECT a FROM t WHERE (a = 1", 1, 29, "expected `)`")
	f("SELECT a FROM t WHERE a IN ()", 1, 29, "expected an expression")
	f("SELECT a::strng FROM t", 1, 11, "did you mean `string`?")
	f("SELECT a FROM t LAST 15", 1, 22, "expected a duration after `LAST`, found `15`")
	f("SELECT a FROM t LIMIT -1", 1, 23, "expected a whole number of rows")
	f("SELECT a AS select FROM t", 1, 13, "double quotes")
	f("SELECT CASE a END FROM t", 1, 15, "expected WHEN")
	f("SELECT a FROM t WHERE a & b", 1, 25, "write AND")
	f("SELECT a FROM t, u", 1, 16, "one table")
	f("SELECT DISTINCT a FROM t", 1, 8, "GROUP BY ALL")
	f("", 1, 1, "expected SELECT or FROM")
	f("SELECT a FROM t WHERE \"\" = 1", 1, 23, "cannot be empty")
	f("SELECT a FROM \"a b\"", 1, 15, "not the name of a table")
	f("SELECT a FROM "+strings.Repeat("t", 129), 1, 15, "at most 128")
	f("FROM t GROUP BY a", 1, 18, "expected SELECT")
}

func TestParseDepth(t *testing.T) {
	nested := func(open, middle, shut string, n int) string {
		return "SELECT a FROM t WHERE " + strings.Repeat(open, n) + middle + strings.Repeat(shut, n)
	}
	deep := func(sql string) {
		t.Helper()
		_, err := Parse(sql)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.Message, "nested deeper") {
			t.Errorf("%s...: %v", sql[:40], err)
		}
	}
	fine := func(sql string) {
		t.Helper()
		if stmt, err := Parse(sql); err != nil {
			t.Errorf("%s...: %v", sql[:40], err)
		} else if _, err := Parse(Print(stmt)); err != nil {
			t.Errorf("printed %s...: %v", sql[:40], err)
		}
	}
	fine(nested("CASE WHEN a THEN 1 ELSE ", "2", " END", 500))
	fine(nested("CASE WHEN ", "a", " THEN true END", 500))
	fine(nested("(", "a", ")", 900))
	deep(nested("(", "a", ")", 10_000))
	deep(nested("NOT ", "a", "", 10_000))
	deep(nested("- ", "a", "", 10_000))
	deep(nested("f(", "a", ")", 10_000))
	deep(nested("", "a", "::text", 10_000))
	deep(nested("", "a", "[1]", 10_000))
	deep(nested("", "a", " + 1", 10_000))
	deep(nested("", "a", " IS NULL", 10_000))
	deep(nested("(", "a", " + 1 + 1 + 1)", 500))
	fine(nested("", "a = 1", " OR a = 2", 10_000))

	var list strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&list, "'%036d',", i)
	}
	fine("SELECT a FROM t WHERE a IN (" + list.String() + ")")
	if _, err := Parse("SELECT '" + strings.Repeat("x", queryBytesMax) + "' FROM t"); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("a text past the limit: %v", err)
	}
	if _, err := Parse("SELECT '\xff' FROM t"); err == nil || !strings.Contains(err.Error(), "UTF-8") {
		t.Errorf("invalid UTF-8: %v", err)
	}
}

// TestItemText checks the names that outputs get without an alias.
func TestItemText(t *testing.T) {
	f := func(in string, want ...string) {
		t.Helper()
		stmt, err := Parse("SELECT " + in + " FROM t")
		if err != nil {
			t.Fatalf("%s: %v", in, err)
		}
		for i, item := range stmt.(*Select).Items {
			if item.Text != want[i] {
				t.Errorf("%s: named %q, want %q", in, item.Text, want[i])
			}
		}
	}
	f("count( ), count ( * ), sum( ms ), count( distinct  a )", "count()", "count(*)", "sum(ms)", "count(distinct a)")
	f("a+b, a +b, (  a ) * 2, tags[ 1 ], coalesce(a ,b,  c)", "a+b", "a +b", "(a) * 2", "tags[1]", "coalesce(a,b, c)")
	f("a IN  ( 1 ), CAST ( a AS int ), tags HAS ANY ( 'x  y' )", "a IN (1)", "CAST(a AS int)", "tags HAS ANY ('x  y')")
	f("sum(a) /* x ( y */ FILTER  ( WHERE b )", "sum(a) FILTER (WHERE b)")
	f("a  +\n\tb /* c */ , Count(*)", "a + b", "Count(*)")
	f(`"a b", "x"."y", "a" || 'two  blanks'`, "a b", "x.y", `"a" || 'two  blanks'`)
	f("sum(a)  FILTER(WHERE b)", "sum(a) FILTER(WHERE b)")
}

func TestTableOf(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		if got, err := TableOf(in); err != nil || got != want {
			t.Errorf("%s: %q, %v", in, got, err)
		}
	}
	f("SELECT a FROM shop", "shop")
	f("FROM shop", "shop")
	f("EXPLAIN FROM shop", "shop")
	f("EXPLAIN CHANGE OF count() FROM shop COMPARE 1d BY *", "shop")
	f("DESCRIBE shop", "shop")
	f("SHOW TABLES", "")
}

func TestDurations(t *testing.T) {
	f := func(in string, months, ns int64, ok bool) {
		t.Helper()
		m, n, good := parseDuration(in)
		if good != ok || ok && (m != months || n != ns) {
			t.Errorf("%s: %d months %d ns %v", in, m, n, good)
		}
	}
	f("250ms", 0, 250e6, true)
	f("15m", 0, 15*nsPerMinute, true)
	f("1.5h", 0, 90*nsPerMinute, true)
	f("3mo", 3, 0, true)
	f("1w", 0, nsPerWeek, true)
	f("1h30m", 0, 90*nsPerMinute, true)
	f("1.5mo", 0, 0, false)
	f("15", 0, 0, false)
	f("15q", 0, 0, false)
	f("", 0, 0, false)
	f("99999999999w", 0, 0, false)
	f("200000d", 0, 0, false)
	f("9999mo", 0, 0, false)
	f("106751d", 0, 106751*nsPerDay, true)
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"SELECT service, count() FROM t WHERE status >= 500 GROUP BY service ORDER BY 2 DESC LIMIT 10",
		"FROM t LAST 10m SELECT time(1m), p99(ms) FILTER (WHERE a HAS ANY ('x')) GROUP BY 1 LIMIT 3 WITH OTHER",
		"SELECT CASE a WHEN -1 THEN x::text ELSE NULL END AS \"q\"\"r\" FROM t BETWEEN '2026' AND now() - 1h WHERE a NOT LIKE 'b' ESCAPE ''",
		"WITH x AS - - 1 SELECT tags[1], extract(hour FROM time) FROM t SINCE '1' UNTIL '2' RAW TIMEZONE 'UTC'",
		"EXPLAIN CHANGE OF avg(x) FROM t COMPARE 1d BY a, b", "SHOW TABLES;", "DESC t",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		stmt, err := Parse(sql)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Message == "" {
				t.Fatalf("not an *Error: %v", err)
			}
			return
		}
		printed := Print(stmt)
		again, err := Parse(printed)
		if err != nil {
			var e *Error
			if errors.As(err, &e) && e.Code == CodeBadRequest {
				return // printed, it passes a limit
			}
			t.Fatalf("%s\nprinted %s\n%v", sql, printed, err)
		}
		if twice := Print(again); twice != printed {
			t.Fatalf("%s\nprinted %s\nthen    %s", sql, printed, twice)
		}
	})
}
