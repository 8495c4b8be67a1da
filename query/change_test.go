package query

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kelpdb/kelp/storage"
)

func changeOf(t *testing.T, sql string) (*Change, error) {
	t.Helper()
	stmt, err := Parse(sql)
	if err != nil {
		t.Fatal(err)
	}
	schema := Schema{"ms": storage.TypeSet(0).With(storage.TypeFloat64), "service": storage.TypeSet(0).With(storage.TypeString)}
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).UnixNano()
	return BindChange(stmt.(*ExplainChange), &Query{SQL: sql, Now: now, Schema: schema})
}

// TestBindChange: which questions a change comes to. Conditions on time are part of
// the range, and hold for the present alone.
func TestBindChange(t *testing.T) {
	f := func(sql, now, before string) {
		t.Helper()
		c, err := changeOf(t, sql)
		if err != nil {
			t.Errorf("%s: %v", sql, err)
			return
		}
		by := []int{0, 1}[:len(c.By)]
		for _, side := range []struct {
			of   Range
			want string
		}{{c.Present, now}, {c.Past, before}} {
			got := c.SQL(side.of, by)
			got = strings.TrimSuffix(strings.TrimPrefix(got, `SELECT count() AS "agg", count() AS "events" FROM "t" `), " LIMIT ALL")
			if got != side.want {
				t.Errorf("%s:\n got %s\nwant %s", sql, got, side.want)
			}
			if _, err := Parse(c.SQL(side.of, by)); err != nil {
				t.Errorf("%s: %v", got, err)
			}
		}
	}
	f("EXPLAIN CHANGE OF count() FROM t LAST 1h COMPARE 1d BY service",
		`SINCE '2026-11-22T11:00:00Z' UNTIL '2026-11-22T12:00:00.000000001Z' GROUP BY "service"`,
		`SINCE '2026-11-21T11:00:00Z' UNTIL '2026-11-21T12:00:00.000000001Z' GROUP BY "service"`)
	f("EXPLAIN CHANGE OF count() FROM t COMPARE 10m BY service, upper(service)",
		`SINCE '2026-11-22T11:50:00Z' UNTIL '2026-11-22T12:00:00.000000001Z' GROUP BY "service", upper("service")`,
		`SINCE '2026-11-22T11:40:00Z' UNTIL '2026-11-22T11:50:00.000000001Z' GROUP BY "service", upper("service")`)
	f("EXPLAIN CHANGE OF count() FROM t WHERE time >= '2026-11-22T10:00:00Z' AND (time < '2026-11-22T11:00:00Z' AND ms > 5) COMPARE 1mo BY service",
		`SINCE '2026-11-22T10:00:00Z' UNTIL '2026-11-22T11:00:00Z' WHERE "ms" > 5 GROUP BY "service"`,
		`SINCE '2026-10-22T10:00:00Z' UNTIL '2026-10-22T11:00:00Z' WHERE "ms" > 5 GROUP BY "service"`)
	f("EXPLAIN CHANGE OF count() FROM t LAST 1h WHERE time BETWEEN '2026-11-22T11:00:00Z' AND '2026-11-22T11:30:00Z' AND extract(hour FROM time) = 11 COMPARE 1h BY *",
		`SINCE '2026-11-22T11:00:00Z' UNTIL '2026-11-22T11:30:00.000000001Z' WHERE extract('hour' FROM "time") = 11`,
		`SINCE '2026-11-22T10:00:00Z' UNTIL '2026-11-22T10:30:00.000000001Z' WHERE extract('hour' FROM "time") = 11`)
}

// TestBindChangeRefuses: what is no question of a change says why.
func TestBindChangeRefuses(t *testing.T) {
	f := func(sql, want string) {
		t.Helper()
		if _, err := changeOf(t, sql); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", sql, err, want)
		}
	}
	f("EXPLAIN CHANGE OF ms FROM t COMPARE 1h BY service", "takes an aggregate (line 1, column 19)")
	f("EXPLAIN CHANGE OF max(service) FROM t COMPARE 1h BY service", "that is a number, this one is a string")
	f("EXPLAIN CHANGE OF count() FROM t SINCE '2026-11-22T11:00:00Z' COMPARE 1h BY service", "a range with two ends")
	f("EXPLAIN CHANGE OF count() FROM t COMPARE 0s BY service", "a duration above 0")
	f("EXPLAIN CHANGE OF count() FROM t COMPARE 1h BY 1", "BY takes columns, not constants")
}

// TestNarrow: what stands for all other values is none that there is, and null only
// where null is not among the best.
func TestNarrow(t *testing.T) {
	f := func(values []storage.Value, best int, other storage.Value, sql string) {
		t.Helper()
		c, err := changeOf(t, "EXPLAIN CHANGE OF count() FROM t LAST 1h COMPARE 1d BY service")
		if err != nil {
			t.Fatal(err)
		}
		c.Narrow(0, values, best)
		if _, got, _ := strings.Cut(c.SQL(c.Present, []int{0}), "GROUP BY "); got != sql+" LIMIT ALL" {
			t.Errorf("%v: %s", values, got)
		}
		for _, v := range append(values, other) {
			is := v.Type == other.Type && Order(v, other) == 0
			if by := &c.By[0]; by.IsOther(v) != is {
				t.Errorf("%v among %v: other is %v", v, values, by.other)
			}
		}
	}
	text, null := storage.String, storage.Value{}
	f([]storage.Value{text("a"), text("b"), text("c")}, 2, null, `CASE WHEN "service" IN ('a', 'b') THEN "service" END`)
	f([]storage.Value{text("a"), null, text("3"), text("4")}, 2, text("5"), `CASE WHEN ("service" IN ('a')) OR ("service" IS NULL) THEN "service" ELSE '5' END`)
	f([]storage.Value{null, storage.Int(-1), storage.Int(4), storage.Int(5)}, 2, storage.Int(6), `CASE WHEN ("service" IN (-1)) OR ("service" IS NULL) THEN "service" ELSE 6 END`)
}

// TestCompareFactors: the rank is total, and what has no score is last.
func TestCompareFactors(t *testing.T) {
	nan := storage.Float(0).Float / storage.Float(0).Float
	text := func(s string) []storage.Value { return []storage.Value{storage.String(s)} }
	want := []Factor{
		{By: []int{0}, Values: text("a"), Score: 0.5},
		{By: []int{0}, Values: text("b"), Score: 0.5 + 1e-12},
		{By: []int{1}, Values: text("a"), Score: 0.5},
		{By: []int{0, 1}, Values: slices.Concat(text("a"), text("b")), Score: 0.5},
		{By: []int{0}, Values: text("c"), Score: -1},
		{By: []int{0}, Values: text("d"), Score: nan},
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, func(a, b Factor) int { return CompareFactors(&a, &b) })
	for i := range got {
		if got[i].Values[0].Str != want[i].Values[0].Str || !slices.Equal(got[i].By, want[i].By) {
			t.Fatalf("place %d: %+v", i, got[i])
		}
	}
}

// TestParseExpr: a condition alone, to its end.
func TestParseExpr(t *testing.T) {
	if e, err := ParseExpr("status >= 500 AND ok"); err != nil || PrintExpr(e) != `("status" >= 500) AND "ok"` {
		t.Errorf("%v %v", PrintExpr(e), err)
	}
	if _, err := ParseExpr("status >= 500 LIMIT 5"); err == nil || !strings.Contains(err.Error(), "expected the end of the condition") {
		t.Errorf("%v", err)
	}
}
