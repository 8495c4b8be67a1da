package query

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kelpdb/kelp/storage"
)

// shopSchema and shopRows are a small table: columns by name, of a row null if
// not given.
var shopSchema = Schema{
	"time":    storage.TypeSet(0).With(storage.TypeTime),
	"service": storage.TypeSet(0).With(storage.TypeString),
	"status":  storage.TypeSet(0).With(storage.TypeInt64),
	"ms":      storage.TypeSet(0).With(storage.TypeInt64).With(storage.TypeFloat64),
	"big":     storage.TypeSet(0).With(storage.TypeInt64),
}

type shopRow struct {
	second  int64
	service string
	status  int64
	ms      float64
	big     int64
	weight  uint64
}

// rowsFor lays rows out as the plan's columns want them.
func rowsFor(plan *Plan, rows []shopRow) []testRow {
	out := make([]testRow, len(rows))
	for i, r := range rows {
		t := storage.Time(r.second * nsPerSecond)
		out[i] = testRow{time: t.Int, weight: max(r.weight, 1)}
		if !plan.Weighted {
			out[i].weight = 1
		}
		for _, c := range plan.Columns {
			v := storage.Value{}
			switch c.Name {
			case "time":
				v = t
			case "service":
				if r.service != "" {
					v = storage.String(r.service)
				}
			case "status":
				v = storage.Int(r.status)
			case "ms":
				v = storage.Float(r.ms)
			case "big":
				v = storage.Int(r.big)
			}
			out[i].values = append(out[i].values, v)
		}
	}
	return out
}

func shopPlan(t testing.TB, sql string) *Plan {
	t.Helper()
	q := &Query{SQL: sql, Now: 1000 * nsPerSecond, Schema: shopSchema}
	plan, err := q.Plan()
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return plan
}

func resultLines(res *Result) []string {
	lines := make([]string, res.Rows)
	for i := range lines {
		var line []byte
		for c, col := range res.Cols {
			if c > 0 {
				line = append(line, ' ')
			}
			line = AppendJSONValue(line, col.Value(i))
		}
		lines[i] = string(line)
	}
	return lines
}

var shopRows = []shopRow{
	{1, "api", 200, 10, 1, 0}, {2, "api", 500, 30, 1, 0}, {3, "web", 200, 20, 1, 0},
	{61, "api", 200, 50, 1, 0}, {62, "db", 200, 1, 1, 0}, {63, "web", 404, 5, 1, 0},
	{64, "", 200, 7, 1, 0}, {121, "cron", 200, 100, 1, 0}, {122, "api", 200, 40, 1, 0},
}

func TestFinalise(t *testing.T) {
	f := func(sql string, want ...string) {
		t.Helper()
		plan := shopPlan(t, sql)
		p, err := Merge(plan, []*Partial{runPlan(plan, rowsFor(plan, shopRows))})
		if err != nil {
			t.Fatal(err)
		}
		res, err := Finalise(plan, p, FinalEnv{})
		if err != nil {
			t.Fatal(err)
		}
		got := resultLines(res)
		if res.Other != nil {
			got = append(got, fmt.Sprintf("other %v of %d", res.Other.Rows, res.Other.Groups))
		}
		if res.Truncated != nil {
			got = append(got, fmt.Sprintf("truncated by %s to %d", res.Truncated.By, res.Truncated.Kept))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n got %s\nwant %s", sql, strings.Join(got, " | "), strings.Join(want, " | "))
		}
	}
	// Orders.
	f("SELECT service, count() FROM t GROUP BY service", `"api" 4`, `"web" 2`, `"cron" 1`, `"db" 1`, `null 1`)
	f("SELECT service, count() FROM t GROUP BY service ORDER BY service DESC", `"web" 2`, `"db" 1`, `"cron" 1`, `"api" 4`, `null 1`)
	f("SELECT service, count() FROM t GROUP BY service ORDER BY service NULLS FIRST LIMIT 2", `null 1`, `"api" 4`)
	f("SELECT service, count() FROM t GROUP BY service ORDER BY count(), service LIMIT 2 OFFSET 1", `"db" 1`, `null 1`)
	f("SELECT service FROM t GROUP BY service ORDER BY max(ms) DESC LIMIT 2", `"cron"`, `"api"`)
	f("SELECT time(1m), count() FROM t GROUP BY time(1m)",
		`"1970-01-01T00:00:00Z" 3`, `"1970-01-01T00:01:00Z" 4`, `"1970-01-01T00:02:00Z" 2`)
	f("SELECT service, ms FROM t ORDER BY ms LIMIT 3", `"db" 1`, `"web" 5`, `null 7`)
	f("SELECT service FROM t LIMIT 2", `"api"`, `"cron"`) // newest first
	f("SELECT status FROM t ORDER BY 1 DESC LIMIT 2 OFFSET 1", "404", "200")
	f("SELECT status, service FROM t WHERE ms < 25 ORDER BY status, service DESC", `200 "web"`, `200 "db"`, `200 "api"`, "200 null", `404 "web"`)
	f("SELECT status, service FROM t WHERE ms < 25 ORDER BY status, service DESC NULLS FIRST LIMIT 2", "200 null", `200 "web"`)
	// HAVING, expressions, nothing.
	f("SELECT service, sum(ms) / count() AS mean FROM t GROUP BY service HAVING count() > 1", `"api" 32.5`, `"web" 12.5`)
	f("SELECT count(), sum(ms), min(service), uniq(service) FROM t WHERE status = 999", "0 null null 0")
	f("SELECT service, count() FROM t WHERE status = 999 GROUP BY service")
	f("SELECT service FROM t GROUP BY service HAVING max(service) > 'b'", `"cron"`, `"db"`, `"web"`)
	f("SELECT count() FROM t HAVING count() > 100")
	f("SELECT count(), count(service), count_if(status = 200), hits() FROM t", "9 8 7 9")
	f("SELECT count() FILTER (WHERE ms > 10), avg(ms) FILTER (WHERE status = 404) FROM t", "5 5")
	f("SELECT p50(ms), p99(ms), percentile(ms, 0) FROM t WHERE service = 'web'", "5 20 5")
	f("SELECT first(service), last(status), any(service), uniq_exact(service) FROM t", `"api" 200 "api" 4`)
	// LIMIT BY.
	f("SELECT service, ms FROM t ORDER BY ms DESC LIMIT 1 BY service", `"cron" 100`, `"api" 50`, `"web" 20`, `null 7`, `"db" 1`)
	f("SELECT service, ms FROM t ORDER BY ms DESC LIMIT 1 BY service LIMIT 2 OFFSET 1", `"api" 50`, `"web" 20`)
	// WITH OTHER.
	f("SELECT service, count(), max(ms) FROM t GROUP BY service LIMIT 2 WITH OTHER", `"api" 4 50`, `"web" 2 20`, `null 3 100`, "other [2] of 3")
	f("SELECT service, count() FROM t GROUP BY service LIMIT 1 WITH OTHER OFFSET 1", `"web" 2`, `null 7`, "other [1] of 4")
	f("SELECT service, count() FROM t GROUP BY service LIMIT 0 WITH OTHER", `null 9`, "other [0] of 5")
	f("SELECT service, count() FROM t GROUP BY service LIMIT 5 WITH OTHER", `"api" 4`, `"web" 2`, `"cron" 1`, `"db" 1`, `null 1`)
	f("SELECT service, count() FROM t GROUP BY service HAVING count() < 4 LIMIT 1 WITH OTHER", `"web" 2`, `null 3`, "other [1] of 3")
	f("SELECT time(1m), service, count() FROM t GROUP BY time(1m), service LIMIT 1 WITH OTHER",
		`"1970-01-01T00:00:00Z" "api" 2`, `"1970-01-01T00:00:00Z" null 1`,
		`"1970-01-01T00:01:00Z" "api" 1`, `"1970-01-01T00:01:00Z" null 3`,
		`"1970-01-01T00:02:00Z" "api" 1`, `"1970-01-01T00:02:00Z" null 1`, "other [1 3 5] of 4")
	f("SELECT time(1m), service, count() FROM t GROUP BY time(1m), service ORDER BY count() DESC LIMIT 1 WITH OTHER",
		`"1970-01-01T00:00:00Z" "api" 2`, `"1970-01-01T00:01:00Z" "api" 1`, `"1970-01-01T00:02:00Z" "api" 1`,
		`"1970-01-01T00:01:00Z" null 3`, `"1970-01-01T00:00:00Z" null 1`, `"1970-01-01T00:02:00Z" null 1`, "other [3 4 5] of 4")
	f("SELECT time(1m), service, count() FROM t GROUP BY time(1m), service LIMIT 5 WITH OTHER",
		`"1970-01-01T00:00:00Z" "api" 2`, `"1970-01-01T00:00:00Z" "web" 1`,
		`"1970-01-01T00:01:00Z" "api" 1`, `"1970-01-01T00:01:00Z" "db" 1`, `"1970-01-01T00:01:00Z" "web" 1`, `"1970-01-01T00:01:00Z" null 1`,
		`"1970-01-01T00:02:00Z" "api" 1`, `"1970-01-01T00:02:00Z" "cron" 1`)
	// Rates: per bucket, else over the range.
	f("SELECT time(1m), rate() FROM t GROUP BY time(1m) LIMIT 1", `"1970-01-01T00:00:00Z" 0.05`)
	f("SELECT rate(ms) FROM t SINCE '1970-01-01T00:00:00Z' UNTIL '1970-01-01T00:00:10Z' WHERE time < '1970-01-01T00:00:10Z'", "6")
	f("SELECT rate() * 86400 AS d FROM t WHERE service = 'db' GROUP BY date_trunc('month', time)", "0.03225806451612903") // 31 days
}

func TestSumPastInt64MakesTheColumnFloat(t *testing.T) {
	plan := shopPlan(t, "SELECT service, sum(big) AS s, sum(big) / 2 AS half, count() FROM t GROUP BY service ORDER BY service")
	p := runPlan(plan, rowsFor(plan, []shopRow{
		{1, "a", 0, 0, 1<<63 - 1, 0}, {2, "a", 0, 0, 1<<63 - 1, 0}, {3, "b", 0, 0, 7, 0},
	}))
	res, err := Finalise(plan, p, FinalEnv{})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(resultLines(res), " | "); got != `"a" 1.8446744073709552e+19 9.223372036854776e+18 2 | "b" 7 3.5 1` {
		t.Error(got)
	}
	for i, want := range []storage.Type{storage.TypeString, storage.TypeFloat64, storage.TypeFloat64, storage.TypeInt64} {
		if res.Columns[i].Type != want || res.Cols[i].Type != want {
			t.Errorf("column %d is of type %s", i, res.Columns[i].Type)
		}
	}
	if len(res.Warnings) != 2 {
		t.Errorf("warnings %q", res.Warnings)
	}
}

func TestDefaultLimit(t *testing.T) {
	f := func(sql string, rows, wantRows int, truncated bool) {
		t.Helper()
		plan := shopPlan(t, sql)
		all := make([]shopRow, rows)
		for i := range all {
			all[i] = shopRow{second: int64(i), service: fmt.Sprintf("s%06d", i)}
		}
		p, err := Merge(plan, []*Partial{runPlan(plan, rowsFor(plan, all[:rows/2])), runPlan(plan, rowsFor(plan, all[rows/2:]))})
		if err != nil {
			t.Fatal(err)
		}
		res, err := Finalise(plan, p, FinalEnv{})
		if err != nil {
			t.Fatal(err)
		}
		if res.Rows != wantRows || (res.Truncated != nil) != truncated {
			t.Errorf("%s: %d rows, truncated %+v", sql, res.Rows, res.Truncated)
		}
	}
	f("SELECT service FROM t", limitRowsDefault, limitRowsDefault, false)
	f("SELECT service FROM t", limitRowsDefault+2, limitRowsDefault, true)
	f("SELECT service FROM t LIMIT ALL", limitRowsDefault+2, limitRowsDefault+2, false)
	f("SELECT service FROM t LIMIT 3", 10, 3, false)
	f("SELECT service FROM t OFFSET 8", 10, 2, false)
	f("SELECT service FROM t OFFSET 80", 10, 0, false)
	f("SELECT service FROM t OFFSET 8", limitRowsDefault+8, limitRowsDefault, false)
	f("SELECT service FROM t OFFSET 8", limitRowsDefault+9, limitRowsDefault, true)
}

func TestResultReport(t *testing.T) {
	plan := shopPlan(t, "SELECT time(1m), p99(ms), uniq(service) + 1 AS u, uniq_exact(service) AS e, count() FROM t GROUP BY time(1m)")
	p := runPlan(plan, rowsFor(plan, shopRows))
	p.Later = 3
	p.Warnings = []string{"b", "a", "b"}
	p.Approx = []int{2}
	p.Truncated = &Truncated{By: "groups", Limit: 10, Kept: 10}
	res, err := Finalise(plan, p, FinalEnv{})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(res.Approximate, ","); got != "p99(ms),u,e" {
		t.Errorf("approximate %s", got)
	}
	if res.Bucket == nil || *res.Bucket != (Bucket{Column: "time(1m)", WidthMs: 60_000}) {
		t.Errorf("bucket %+v", res.Bucket)
	}
	if got := strings.Join(res.Warnings, "; "); got != "3 rows are later than now and are left out; a; b" {
		t.Errorf("warnings %s", got)
	}
	if res.Truncated != p.Truncated {
		t.Errorf("truncated %+v", res.Truncated)
	}
	plan = shopPlan(t, "SELECT service, 1 / (count() - 1) AS x FROM t GROUP BY service")
	res, err = Finalise(plan, runPlan(plan, rowsFor(plan, shopRows)), FinalEnv{})
	if err != nil || !slices.Equal(res.Warnings, WarnDivZero.Texts()) {
		t.Errorf("warnings %q, %v", res.Warnings, err)
	}
}

// An exact count that became an approximation is named, merged or not.
func TestApproximationNotAskedFor(t *testing.T) {
	plan := shopPlan(t, "SELECT count(), count(distinct service) AS services FROM t")
	p := runPlan(plan, rowsFor(plan, shopRows))
	for _, s := range p.States {
		if s, ok := s.(*UniqExactState); ok {
			s.approximate()
		}
	}
	merged, err := Merge(plan, []*Partial{p})
	if err != nil || len(merged.Approx) != 1 {
		t.Errorf("approximations %v, %v", merged.Approx, err)
	}
	for _, p := range []*Partial{p, merged} {
		res, err := Finalise(plan, p, FinalEnv{})
		if err != nil || !slices.Equal(res.Approximate, []string{"services"}) || resultLines(res)[0] != "9 4" {
			t.Errorf("%v approximate %q, %v", resultLines(res), res.Approximate, err)
		}
	}
}

// Sums that differ only in their last digits are equals to ORDER BY.
func TestOrderBy12Digits(t *testing.T) {
	plan := shopPlan(t, "SELECT service, sum(ms) AS s FROM t GROUP BY service ORDER BY s DESC")
	p := runPlan(plan, rowsFor(plan, []shopRow{
		{1, "b", 0, 0.1, 0, 0}, {2, "b", 0, 0.2, 0, 0}, {3, "a", 0, 0.3, 0, 0}, {4, "c", 0, 0.300000000001, 0, 0},
	}))
	res, err := Finalise(plan, p, FinalEnv{})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(resultLines(res), " | "); !strings.HasPrefix(got, `"c" 0.300000000001 | "a" 0.3 | "b" 0.30`) {
		t.Error(got)
	}
}
