package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kelpdb/kelp/bench/gen"
	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/query/oracle"
	"github.com/kelpdb/kelp/storage"
)

// oracleQuestions are asked over HTTP and of the row-at-a-time oracle. %[1]s and
// %[2]s are times that cut through the data.
var oracleQuestions = []string{
	"SELECT count(), hits() FROM events",
	"SELECT service, count() FROM events GROUP BY service",
	"SELECT endpoint, count(), avg(duration_ms), p50(duration_ms), p95(duration_ms), p99(duration_ms) FROM events WHERE status >= 500 GROUP BY endpoint",
	"SELECT time(1m), region, count() FROM events SINCE '%[1]s' UNTIL '%[2]s' GROUP BY time(1m), region",
	"SELECT time(5m), count(), p95(duration_ms) FROM events WHERE country = 'US' AND service = 'api' GROUP BY 1",
	"SELECT service, count(distinct user_id), uniq(user_id) FROM events GROUP BY service",
	"SELECT host, count() FROM events WHERE message LIKE '%%timeout%%' GROUP BY host LIMIT 10",
	"SELECT user_id, count() FROM events GROUP BY user_id LIMIT 20",
	"SELECT time, trace_id, service, error FROM events WHERE error IS NOT NULL LIMIT 100",
	"SELECT endpoint, host, status, count(), sum(bytes) FROM events GROUP BY endpoint, host, status LIMIT 50",
	"SELECT service, count() FROM events WHERE message ~ 'order [0-9]+7' GROUP BY service",
	"SELECT status, count(), sum(bytes), min(duration_ms), max(duration_ms), stddev(duration_ms) FROM events GROUP BY status ORDER BY status",
	"SELECT tags[1] AS first, count() FROM events WHERE tags HAS ANY ('canary', 'beta') OR length(tags) = 2 GROUP BY first",
	"SELECT service, region, count() FROM events GROUP BY service, region LIMIT 5 WITH OTHER",
	"SELECT upper(method) AS m, rate(), count(error), count_if(status = 404) FROM events SINCE '%[1]s' GROUP BY m HAVING count() > 10",
	"SELECT first(service), last(service), min(time), max(time), any(host) FROM events UNTIL '%[2]s'",
	"SELECT bucket(duration_ms, 50) AS b, count() FROM events GROUP BY b ORDER BY b LIMIT 40",
	"SELECT count() FILTER (WHERE status >= 500) AS bad, count(), region FROM events GROUP BY region ORDER BY bad DESC",
	"SELECT trace_id, duration_ms FROM events ORDER BY duration_ms DESC LIMIT 5 OFFSET 3",
	"SELECT service, trace_id, bytes FROM events ORDER BY bytes DESC LIMIT 2 BY service",
	"SELECT sum(nothing), count(nothing), avg(nothing), max(nothing) FROM events",
}

// TestAnswersEqualOracle loads 200,000 reference events over four leaves, kills
// the server on the way, and holds its answers against the oracle's.
func TestAnswersEqualOracle(t *testing.T) {
	const rows, perBody = 200_000, 5_000
	args := serveArgs(t, "--leaves", "4")
	s := start(t, args...)
	end := time.Now().Truncate(time.Minute)
	g := gen.New(gen.Config{Rows: rows, Seed: 7, Span: time.Hour, End: end})
	var body []byte
	for i := range rows {
		body = g.AppendNDJSON(body, int64(i))
		if (i+1)%perBody == 0 {
			s.ingest("events", body)
			body = body[:0]
		}
		if i == rows/2 {
			s.kill()
			s = start(t, args...)
		}
	}
	want := referenceRows(t, g, rows)
	s.kill()
	s = start(t, args...)
	from, to := end.Add(-41*time.Minute-13*time.Second), end.Add(-9*time.Minute-7*time.Second)
	for _, question := range oracleQuestions {
		sql := strings.NewReplacer("%[1]s", from.UTC().Format(time.RFC3339), "%[2]s", to.UTC().Format(time.RFC3339), "%%", "%").Replace(question)
		t.Run("", func(t *testing.T) {
			t.Parallel() // the oracle takes its time
			sameAsOracle(t, s, sql, want)
		})
	}
}

// sameAsOracle asks both one question.
func sameAsOracle(t *testing.T, s *process, sql string, rows []oracle.Row) {
	t.Helper()
	stmt, err := query.Parse(sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	right, err := oracle.Run(stmt.(*query.Select), rows, time.Now().UnixNano())
	if err != nil {
		t.Fatalf("%s: the oracle: %v", sql, err)
	}
	if len(right.Rows) == 0 {
		t.Errorf("%s: no rows, so nothing is compared", sql)
	}
	a, err := s.ask(sql, 30*time.Second)
	if err != nil || a.Error != nil {
		t.Fatalf("%s: %v %+v", sql, err, a.Error)
	}
	if a.Completeness.Ratio != 1 || a.Completeness.Leaves.Answered != 4 {
		t.Errorf("%s: completeness %+v", sql, a.Completeness)
	}
	if problem := differs(a, right); problem != "" {
		t.Errorf("%s: %s", sql, problem)
	}
}

// referenceRows are the generator's rows as the oracle takes them.
func referenceRows(t *testing.T, g *gen.Generator, n int) []oracle.Row {
	t.Helper()
	rows := make([]oracle.Row, n)
	for i := range rows {
		r := g.Row(int64(i))
		row := oracle.Row{
			"time": storage.Time(r.TimeMs * 1e6), "service": storage.String(r.Service), "endpoint": storage.String(r.Endpoint),
			"method": storage.String(r.Method), "status": storage.Int(r.Status), "region": storage.String(r.Region),
			"host": storage.String(r.Host), "country": storage.String(r.Country), "user_id": storage.String(r.UserID()),
			"trace_id": storage.String(r.TraceID()), "duration_ms": storage.Float(r.DurationMs()), "bytes": storage.Int(r.Bytes),
			"tags": storage.List(slices.Clone(r.Tags())), "sample_rate": storage.Int(r.SampleRate), "message": storage.String(r.Message()),
		}
		if r.Error != "" {
			row["error"] = storage.String(r.Error)
		}
		rows[i] = row
	}
	return rows
}

// differs says how an answer differs from the right one, "" if it does not.
func differs(got answer, want *oracle.Result) string {
	if len(got.Columns) != len(want.Names) || len(got.Rows) != len(want.Rows) {
		return fmt.Sprintf("%d columns and %d rows, want %d and %d", len(got.Columns), len(got.Rows), len(want.Names), len(want.Rows))
	}
	for i, c := range got.Columns {
		if c.Name != want.Names[i] || c.Type != want.Types[i].String() {
			return fmt.Sprintf("column %d is %s %s, want %s %s", i, c.Name, c.Type, want.Names[i], want.Types[i])
		}
	}
	for r := range want.Rows {
		for c, cell := range want.Rows[r] {
			if !sameCell(got.Rows[r][c], cell) {
				return fmt.Sprintf("row %d, %s: %v, want %+v", r, want.Names[c], got.Rows[r][c], cell)
			}
		}
	}
	return ""
}

// sameCell holds a JSON value against the oracle's.
func sameCell(got any, want oracle.Cell) bool {
	w := want.Value
	switch w.Type {
	case storage.TypeNull:
		return got == nil
	case storage.TypeInt64:
		n, ok := got.(json.Number)
		if !ok {
			return false
		}
		v, err := n.Int64()
		return err == nil && math.Abs(float64(v-w.Int)) <= want.Tol
	case storage.TypeFloat64:
		n, ok := got.(json.Number)
		if !ok {
			return false
		}
		v, err := n.Float64()
		return err == nil && (v == w.Float || math.Abs(v-w.Float) <= want.Tol)
	case storage.TypeString:
		return got == w.Str
	case storage.TypeTime:
		text, _ := got.(string)
		at, err := time.Parse(time.RFC3339Nano, text)
		return err == nil && at.UnixNano() == w.Int
	case storage.TypeList:
		items, ok := got.([]any)
		return ok && slices.EqualFunc(items, w.List, func(a any, b string) bool { return a == b })
	}
	return false
}
