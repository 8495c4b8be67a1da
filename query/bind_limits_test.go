package query

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// bindTimeMax is four times what the race detector makes of the longest.
const bindTimeMax = 10 * time.Second

// cpuTime is the time of processors that the process has used: other processes
// have no part in it.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestBindLarge binds texts of the largest size that make the most of what
// grows with pairs or with sharing. Each took minutes or gigabytes without a
// limit or a memory.
func TestBindLarge(t *testing.T) {
	repeat := func(n int, f func(i int) string, by string) string {
		var parts []string
		for i := range n {
			parts = append(parts, f(i))
		}
		return strings.Join(parts, by)
	}
	same := func(s string) func(int) string { return func(int) string { return s } }
	f := func(sql, want string) {
		t.Helper()
		begun := cpuTime(t)
		_, err := testQuery(sql).Plan()
		if d := cpuTime(t) - begun; d > bindTimeMax {
			t.Errorf("%s... took %v", sql[:60], d)
		}
		var e *Error
		switch {
		case want == "" && err != nil:
			t.Errorf("%s...: %v", sql[:60], err)
		case want != "" && (!errors.As(err, &e) || !strings.Contains(e.Message, want)):
			t.Errorf("%s...: %v, want %s", sql[:60], err, want)
		}
	}
	f("SELECT "+repeat(15_000, same("status"), ",")+" FROM t", "")
	f("SELECT "+repeat(50_000, same("status"), ",")+" FROM t", "at most 20000")
	f("SELECT "+repeat(15_000, func(i int) string { return fmt.Sprintf("status + %d", i) }, ",")+" FROM t", "")
	f("SELECT "+repeat(15_000, func(i int) string { return fmt.Sprintf("nosuch%d", i) }, ",")+" FROM t", "")
	f("SELECT count() FROM t GROUP BY "+repeat(101, func(i int) string { return fmt.Sprintf("status + %d", i) }, ","), "at most 100")
	f("SELECT status FROM t ORDER BY "+repeat(1001, func(i int) string { return fmt.Sprintf("status + %d", i) }, ","), "at most 1000")
	f("SELECT "+repeat(5_001, func(i int) string { return fmt.Sprintf("count_if(status=%d)", i) }, ",")+" FROM t", "at most 5000")
	f("SELECT "+repeat(5_000, func(i int) string { return fmt.Sprintf("count_if(status=%d)", i) }, ",")+" FROM t", "")
	large := "status IN (" + repeat(90_000, same("ms"), ",") + ")"
	f("SELECT service, max(ms) FILTER (WHERE "+large+") AS n FROM t GROUP BY service HAVING "+repeat(60_000, same("n=1"), " AND "), "")
	f("SELECT "+large+" AS n FROM t GROUP BY ms, status HAVING "+repeat(60_000, same("n"), " AND "), "")
	f("SELECT "+repeat(400, same("replace('"+strings.Repeat("a", 1000)+"', 'a', '"+strings.Repeat("b", 1000)+"')"), " || ")+" FROM t", "")
}

// FuzzBind: every text has a plan or an *Error.
func FuzzBind(f *testing.F) {
	for _, s := range []string{
		"SELECT service, count() FROM t WHERE status >= '500' GROUP BY service HAVING max(ms) > 1 ORDER BY 2 DESC LIMIT 10 WITH OTHER",
		"FROM t LAST 1mo SELECT time(auto), p99(ms) FILTER (WHERE tags HAS ANY ('x')) GROUP BY 1 LIMIT 3 BY 1 LIMIT 2",
		"SELECT CASE status WHEN -1 THEN x::text ELSE NULL END, -'5', time - '2026-11-22', 1 / 0, substr('abc', -1, 2) FROM t",
		"SELECT typeof(ms), extract(epoch FROM time), round(1e308, -400), '2026-11-22'::time + 1e300 FROM t BETWEEN now() - 1w AND now()",
		"SELECT sum(mix), uniq(tags), percentile(ms, 0.999) FROM t WHERE time BETWEEN now() - 1h AND now() AND path ~ '^/a' AND NOT ok",
		"SELECT regexp_replace('aXbX', 'x', '\\1', 'gi'), json_extract('{\"a\":[1]}', '$.a[0]'), bucket(-7, 2), power(0, -1), 'a' || null FROM t",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		plan, err := testQuery(sql).Plan()
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("%q: not an *Error: %v", sql, err)
		}
		if err == nil {
			planText(plan)
		}
	})
}

// BenchmarkPlan parses and binds what a chart asks.
func BenchmarkPlan(b *testing.B) {
	const sql = "SELECT time(1m), service, count(), p99(ms) FROM t LAST 1h WHERE status >= 500 AND path LIKE '/api/%' GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 10"
	for b.Loop() {
		if _, err := testQuery(sql).Plan(); err != nil {
			b.Fatal(err)
		}
	}
}
