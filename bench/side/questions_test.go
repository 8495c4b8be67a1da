package side

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kelpdb/kelp/bench/gen"
)

func workload(rows int64) *gen.Generator {
	return gen.New(gen.Config{Seed: 1, Rows: rows, End: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)})
}

func TestQuestionText(t *testing.T) {
	book := newBook(questions())
	c := draw(workload(1000), 1, 1)[0]
	f := func(id string, d *dialect, hour bool, want ...string) {
		t.Helper()
		if got := book.question(id).text(d, hour, c); !slices.Equal(got, want) {
			t.Errorf("%s:\n%s\nwant:\n%s", id, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	f("Q1", kelpDialect(), false, "SELECT count(*) FROM events RAW")
	f("Q1", clickhouseDialect(), false, "SELECT count(*) FROM events") // no condition: it may answer from its parts' headers
	f("Q7", kelpDialect(), true, "SELECT host, count(*) AS n FROM events SINCE '2026-11-22T11:00:00Z' UNTIL '2026-11-22T12:00:00Z' "+
		"WHERE contains(message, 'timeout') GROUP BY host ORDER BY n DESC, host LIMIT 10 RAW")
	f("Q5", duckdbDialect(), true,
		"SELECT epoch_ms(time) // 300000 * 300000, count(*), approx_quantile(duration_ms, 0.95) FROM events WHERE time >= TIMESTAMP '2026-11-22 11:00:00' "+
			"AND time < TIMESTAMP '2026-11-22 12:00:00' AND country = 'US' AND service = 'api' GROUP BY 1",
		"SELECT epoch_ms(time) // 300000 * 300000, count(*), quantile_disc(duration_ms, 0.95) FROM events WHERE time >= TIMESTAMP '2026-11-22 11:00:00' "+
			"AND time < TIMESTAMP '2026-11-22 12:00:00' AND country = 'US' AND service = 'api' GROUP BY 1",
		"SELECT epoch_ms(time_bucket(INTERVAL 5 minutes, time)), count(*), approx_quantile(duration_ms, 0.95) FROM events WHERE time >= TIMESTAMP "+
			"'2026-11-22 11:00:00' AND time < TIMESTAMP '2026-11-22 12:00:00' AND country = 'US' AND service = 'api' GROUP BY 1",
		"SELECT epoch_ms(time_bucket(INTERVAL 5 minutes, time)), count(*), quantile_disc(duration_ms, 0.95) FROM events WHERE time >= TIMESTAMP "+
			"'2026-11-22 11:00:00' AND time < TIMESTAMP '2026-11-22 12:00:00' AND country = 'US' AND service = 'api' GROUP BY 1")
}

// Every system asks every question, in the same number of ways each time, with
// nothing left to fill in.
func TestEveryQuestionInEveryDialect(t *testing.T) {
	left := regexp.MustCompile(`\{[a-z0-9 ]*[a-z]\}`)
	rounds := draw(workload(10_000), 3, 20)
	for name, d := range map[string]*dialect{"kelp": kelpDialect(), "duckdb": duckdbDialect(), "clickhouse": clickhouseDialect(), "exact": exactDialect()} {
		for _, q := range questions() {
			for _, hour := range []bool{false, true} {
				first := q.text(d, hour, rounds[0])
				if name == "exact" && len(first) != 1 {
					t.Errorf("%s, %s: %d exact ways", name, q.id, len(first))
				}
				for _, c := range rounds {
					ways := q.text(d, hour, c)
					if len(ways) != len(first) {
						t.Fatalf("%s, %s: %d ways, then %d", name, q.id, len(first), len(ways))
					}
					for _, sql := range ways {
						if left.MatchString(sql) || strings.Contains(sql, "SELECT FROM") {
							t.Errorf("%s, %s: %s", name, q.id, sql)
						}
					}
				}
			}
		}
	}
}

func TestDraw(t *testing.T) {
	g := workload(100_000)
	a, b := draw(g, 5, 30), draw(g, 5, 30)
	if first := a[0]; first.country != "US" || first.service != "api" || first.needle != "timeout" || !first.to.Equal(g.Config().End) {
		t.Errorf("the first constants are not the published ones: %+v", first)
	}
	rows := map[string]time.Time{}
	for i := range g.Config().Rows {
		row := g.Row(i)
		rows[row.TraceID()] = row.Time()
	}
	traces := map[string]bool{}
	for i := range a {
		if *a[i] != *b[i] {
			t.Errorf("round %d: %+v, then %+v", i, a[i], b[i])
		}
		if at, ok := rows[a[i].trace]; !ok || at.Before(a[i].from) || !at.Before(a[i].to) {
			t.Errorf("round %d: trace of %v is not within %v to %v", i, at, a[i].from, a[i].to)
		}
		if a[i].to.Sub(a[i].from) != time.Hour || g.Config().End.Sub(a[i].to) >= time.Minute {
			t.Errorf("round %d: %v to %v is not the last hour", i, a[i].from, a[i].to)
		}
		traces[a[i].trace] = true
	}
	if len(traces) < 25 {
		t.Errorf("only %d different traces in 30 rounds", len(traces))
	}
	if c := draw(g, 6, 2); *c[1] == *a[1] {
		t.Error("another seed drew the same constants")
	}
}

// A tiny workload has rows for every round, too.
func TestDrawOfFewRows(t *testing.T) {
	for _, c := range draw(workload(1), 1, 5) {
		if len(c.trace) != 32 {
			t.Errorf("trace %q", c.trace)
		}
	}
}
