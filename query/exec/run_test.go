package exec

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// conditions, keys and aggregates of random queries: together they take every
// path of a leaf, a key and a vector.
var (
	testConditions = []string{
		"status >= 500", "status = 200", "status <> 404", "status = 200.5", "status > 199.5 AND status < '404'",
		"service = 'svc-3'", "service IN ('svc-1', 'svc-7', 'svc-9', 'svc-2', 'svc-11')", "service LIKE 'svc-1%'",
		"service NOT LIKE '%3'", "service ~ '-[13]$'", "ms > 50.5", "ms <= 3", "ms BETWEEN 10 AND 90", "ms NOT BETWEEN 10 AND 90",
		"size < 549755813888", "size >= 1e11", "size = 5", "size / 2 > 100000000000", "flag", "NOT flag", "flag = false",
		"ratio > 0", "ratio >= 0", "ratio < 0.5", "ratio = 0", "ratio <> 0.5", "ratio = 'NaN'", "ratio BETWEEN -3 AND 0.5",
		"host = 'host-007'", "host > 'host-250'", "upper(host) = 'HOST-123'", "user LIKE '%99%'", "user = 'user-000123'", "user < 'user-5'",
		"message LIKE '%timeout%'", "message NOT LIKE '%timeout'", "message ~ 'took [0-9]+ ms$'", "message ILIKE '%TIMEOUT%'",
		"length(message) > 30", "message = ''", "seen > '2026-11-25T00:00:00Z'", "time > '2026-11-22T10:05:00Z'",
		"time <= '2026-11-22T10:20:00.5Z'", "tags HAS 'tag1'", "tags HAS ANY ('tag1', 'tag5')", "tags HAS ALL ('tag1', 'tag2')",
		"tags HAS NONE ('tag3')", "NOT tags HAS 'tag0'", "length(tags) = 2", "tags[1] = 'tag2'", "mixed = '7'", "mixed = 7", "mixed > '1'", "mixed IS NULL",
		"mixed IS NOT NULL", "mixed LIKE '1%'", "NOT mixed = 'x'", "number > 2", "number = 1.5", "number < 1e18", "error IS NULL", "error IS NOT NULL",
		"error = 'error 3'", "NOT error = 'error 3'", "error LIKE '%4' OR status = 503", "code > 500000000", "code IS NULL", "NOT code > 500000000",
		"coalesce(code, 5) = 5", "service = host", "status > ms", "nosuch = 1", "nosuch IS NULL", "true", "false", "null", "1 = 1",
		"status IN (404, 500)", "status NOT IN (404, 500)", "size IN (1, 2, 3)", "ms NOT IN (1, null)", "status % 2 = 0", "flag IS NULL",
		longIn("host", "host-%03d", false), "NOT " + longIn("host", "host-%03d", true), longIn("user", "user-%06d", false),
		"NOT " + longIn("user", "user-%06d", false), longIn("mixed", "%d", true), longIn("status", "2%02d", false), "NOT " + longIn("code", "%d", true),
	}
	testKeys = []string{
		"service", "status", "host", "user", "ms", "ratio", "flag", "tags", "mixed", "number", "error", "code", "seen", "nosuch",
		"time(10s)", "time(1m)", "time(1h)", "time_bucket('7m', time)", "date_trunc('month', time)", "upper(service)", "bucket(size, 1000000000)",
		"substr(message, 1, 9)", "service || '/' || status", "length(tags)", "status / 100", "coalesce(error, service)", "'constant'",
		"message LIKE '%timeout%'", "size", "time",
	}
	testAggregates = []string{
		"count()", "hits()", "count(error)", "count(mixed)", "count(ms)", "sum(status)", "sum(ms)", "avg(ms)", "avg(status)", "sum(flag)",
		"sum(number)", "avg(mixed)", "sum(mixed)", "stddev(ms)", "variance(status)", "p50(ms)", "p95(ms)", "p99(size)", "min(ms)", "max(ms)",
		"min(service)", "max(user)", "min(seen)", "max(status)", "min(mixed)", "max(number)", "min(ratio)", "max(ratio)", "any(message)", "first(service)",
		"last(user)", "first(ms)", "last(mixed)", "first(tags)", "uniq(user)", "uniq(service)", "uniq(mixed)", "count(distinct host)", "count(distinct ms)",
		"uniq(tags)", "count(distinct tags)", "sum(size)", "sum(code)", "count_if(status >= 500)", "count() FILTER (WHERE ms > 100)",
		"avg(ms) FILTER (WHERE service = 'svc-3')", "p90(ms) FILTER (WHERE error IS NULL)", "sum(status * 2)", "max(length(message))", "avg(ms / status)",
		"min(upper(host))", "count(nosuch)", "sum(nosuch)", "last(error)", "sum(coalesce(code, 1))", "sum(1)", "max(tags[1])", "uniq(ratio)",
		"min(code)", "count(1)", "count(null)",
	}
	testRanges = []string{
		"", "", "SINCE '2026-11-22T10:07:00Z'", "SINCE '2026-11-22T10:03:00Z' UNTIL '2026-11-22T10:21:00.25Z'", "LAST 5m", "UNTIL '2020-01-01T00:00:00Z'",
	}
)

// longIn is an IN list that is long enough to be hashed.
func longIn(column, format string, null bool) string {
	var items []string
	for i := range 40 {
		item := fmt.Sprintf(format, i*3)
		if strings.ContainsAny(item, "-") || column == "mixed" {
			item = "'" + item + "'"
		}
		items = append(items, item)
	}
	if null {
		items = append(items, "null")
	}
	return column + " IN (" + strings.Join(items, ", ") + ")"
}

// randomCondition makes a condition of depth at most 2.
func randomCondition(r *rand.Rand) string {
	one := func() string { return testConditions[r.IntN(len(testConditions))] }
	switch r.IntN(6) {
	case 0:
		return fmt.Sprintf("(%s) AND (%s)", one(), one())
	case 1:
		return fmt.Sprintf("(%s) OR (%s)", one(), one())
	case 2:
		return fmt.Sprintf("NOT ((%s) AND ((%s) OR NOT (%s)))", one(), one(), one())
	}
	return one()
}

func randomGrouped(r *rand.Rand) string {
	var keys, outputs []string
	for range r.IntN(4) {
		keys = append(keys, testKeys[r.IntN(len(testKeys))])
	}
	outputs = append(outputs, keys...)
	for range 1 + r.IntN(4) {
		outputs = append(outputs, testAggregates[r.IntN(len(testAggregates))])
	}
	sql := "SELECT " + strings.Join(outputs, ", ") + " FROM t " + testRanges[r.IntN(len(testRanges))]
	if r.IntN(3) > 0 {
		sql += " WHERE " + randomCondition(r)
	}
	if len(keys) > 0 {
		sql += " GROUP BY " + strings.Join(keys, ", ")
	}
	sql += " LIMIT ALL"
	if r.IntN(5) == 0 {
		sql += " RAW"
	}
	return sql
}

func randomRows(r *rand.Rand) string {
	outputs := []string{}
	for range 1 + r.IntN(4) {
		outputs = append(outputs, testKeys[r.IntN(len(testKeys))])
	}
	sql := "SELECT " + strings.Join(outputs, ", ") + " FROM t " + testRanges[r.IntN(len(testRanges))]
	if r.IntN(3) > 0 {
		sql += " WHERE " + randomCondition(r)
	}
	if r.IntN(2) == 0 {
		sql += " ORDER BY " + testKeys[r.IntN(len(testKeys)-1)] + []string{"", " DESC", " NULLS FIRST", " DESC NULLS FIRST"}[r.IntN(4)]
	}
	sql += fmt.Sprintf(" LIMIT %d", []int{1, 10, 100, 1000, 0}[r.IntN(5)])
	if r.IntN(4) == 0 {
		sql += " OFFSET 7"
	}
	return sql
}

// randomTables are tables whose blocks take every encoding, from one row up.
func randomTables(t *testing.T, r *rand.Rand) []*testTable {
	return []*testTable{
		newTestTable(t, r, 1500, 1, 64, 1000, 129, 2),
		newTestTable(t, r, 9000, 700),
		newTestTable(t, r),
	}
}

func TestRandomQueries(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	pool := NewPool(2)
	defer pool.Close()
	rounds := 60
	if testing.Short() || underRace {
		rounds = 20
	}
	for range rounds / 20 {
		for _, table := range randomTables(t, r) {
			for range 20 {
				table.check(t, pool, randomGrouped(r))
				table.check(t, pool, randomRows(r))
			}
			if t.Failed() {
				return
			}
		}
	}
}

// TestEachPath asks for every condition, key and aggregate by itself.
func TestEachPath(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	pool := NewPool(3)
	defer pool.Close()
	for _, table := range []*testTable{newTestTable(t, r, 2000, 300, 7, 700)} {
		for _, c := range testConditions {
			table.check(t, pool, "SELECT count(), sum(status) FROM t WHERE "+c)
			table.check(t, pool, "SELECT service, hits() FROM t WHERE NOT ("+c+") GROUP BY service")
		}
		for _, k := range testKeys {
			table.check(t, pool, "SELECT "+k+", count(), avg(ms) FROM t GROUP BY "+k)
			table.check(t, pool, "SELECT "+k+", service, hits() FROM t WHERE status > 200 GROUP BY "+k+", service")
		}
		for _, a := range testAggregates {
			table.check(t, pool, "SELECT "+a+" FROM t")
			table.check(t, pool, "SELECT service, "+a+" FROM t GROUP BY service")
			table.check(t, pool, "SELECT user, "+a+" FROM t WHERE status > 200 GROUP BY user")
		}
	}
}

func TestCountByColumn(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	large := 20_000
	if underRace {
		large = 2000
	}
	table := newTestTable(t, r, 5000, 3000, large, 1, 700)
	pool := NewPool(2)
	defer pool.Close()
	for _, sql := range []string{
		"SELECT service, count() FROM t GROUP BY service",
		"SELECT service, count() FROM t WHERE status >= 500 GROUP BY service",
		"SELECT service, hits() FROM t WHERE status >= 500 GROUP BY service",
		"SELECT count() FROM t",
	} {
		table.check(t, pool, sql)
	}
}
