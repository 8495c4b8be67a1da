package query

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kelpdb/kelp/storage"
)

func typeSet(types ...storage.Type) storage.TypeSet {
	var s storage.TypeSet
	for _, t := range types {
		s = s.With(t)
	}
	return s
}

// testSchema has a column of each type and of some mixes.
func testSchema() Schema {
	return Schema{
		"status": typeSet(storage.TypeInt64), "ms": typeSet(storage.TypeInt64, storage.TypeFloat64), "f": typeSet(storage.TypeFloat64),
		"service": typeSet(storage.TypeString), "path": typeSet(storage.TypeString), "ok": typeSet(storage.TypeBool),
		"tags": typeSet(storage.TypeList), "seen": typeSet(storage.TypeTime), "mix": typeSet(storage.TypeInt64, storage.TypeString),
		"a.b": typeSet(storage.TypeInt64), "count": typeSet(storage.TypeInt64),
	}
}

func testQuery(sql string) *Query {
	return &Query{SQL: sql, Now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).UnixNano(), Schema: testSchema()}
}

// bindsTo returns a check that a query's plan, written by planText, is as wanted.
func bindsTo(t *testing.T) func(sql string, want ...string) {
	return func(sql string, want ...string) {
		t.Helper()
		p, err := testQuery(sql).Plan()
		if err != nil {
			t.Errorf("%s\n  %v", sql, err)
			return
		}
		if got := strings.TrimSuffix(planText(p), "\n"); got != strings.Join(want, "\n") {
			t.Errorf("%s\n--- got\n%s\n--- want\n%s", sql, got, strings.Join(want, "\n"))
		}
	}
}

func TestBindRows(t *testing.T) {
	f := bindsTo(t)
	f("SELECT * FROM t",
		"out time time: time",
		"out a.b int64: a.b",
		"out count int64: count",
		"out f float64: f",
		"out mix string: mix",
		"out ms float64: ms",
		"out ok bool: ok",
		"out path string: path",
		"out seen time: seen",
		"out service string: service",
		"out status int64: status",
		"out tags list: tags",
		"order 0 desc, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11")
	f("SELECT status AS s, status, status, s FROM t ORDER BY s DESC, ms + 1 NULLS FIRST, 2",
		"out s int64: status",
		"out status int64: status",
		"out status_2 int64: status",
		"out s_2 string: s",
		"out ms + 1 float64: (+ ms 1) hidden",
		"order 0 desc, 4 nullsfirst, 1, 2, 3",
		"warning `s` in SELECT is taken for a column, not for the alias",
		"warning no row has `s`")
	f("SELECT status + 1, status / 2 * ms, f % 2, mix + 1, -status, -f, time - seen, time - 15m, time + 1.5h, '2026-11-22' - time, 5m + 1 FROM t",
		"out status + 1 int64: (+ status 1)",
		"out status / 2 * ms float64: (* (/ status 2) ms)",
		"out f % 2 float64: (% f 2)",
		"out mix + 1 float64: (+ mix 1)",
		"out -status int64: (neg status)",
		"out -f float64: (neg f)",
		"out time - seen float64: (- time seen)",
		"out time - 15m time: (- time 900)",
		"out time + 1.5h time: (+ time 5400)",
		"out '2026-11-22' - time float64: (- 2026-11-22T00:00:00Z time)",
		"out 5m + 1 int64: 301",
		"out time time: time hidden",
		"order 11 desc, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10")
	f("SELECT status, service, ms FROM t ORDER BY ms LIMIT 2 BY service, path LIMIT 5 OFFSET 3",
		"out status int64: status",
		"out service string: service",
		"out ms float64: ms",
		"out path string: path hidden",
		"order 2, 0, 1",
		"limit 5 offset 3 by 2 [1 3] other false")
	f("SELECT CASE WHEN ok THEN 1 ELSE 1.5 END, CASE status WHEN '200' THEN 'a' WHEN 'x' THEN 'b' END, CASE WHEN ok THEN status ELSE service END, tags[1], status::text, CAST('5' AS int), CAST(null AS int), null FROM t",
		"out CASE WHEN ok THEN 1 ELSE 1.5 END float64: (case ok 1 1.5f)",
		"out CASE status WHEN '200' THEN 'a' WHEN 'x' THEN 'b' END string: (case (= status 200) 'a' false 'b')",
		"out CASE WHEN ok THEN status ELSE service END string: (case ok status service)",
		"out tags[1] string: (index tags 1)",
		"out status::text string: (string status)",
		"out CAST('5' AS int) int64: 5",
		"out CAST(null AS int) int64: null",
		"out null string: null",
		"out time time: time hidden",
		"order 8 desc, 0, 1, 2, 3, 4, 5, 6, 7",
		"warning 'x' is not of the type of `status` (int64): the comparison is false")
	f("EXPLAIN SELECT ms FROM t TIMEZONE 'UTC'",
		"out ms float64: ms",
		"out time time: time hidden",
		"order 1 desc, 0")
}

func TestBindRowsB(t *testing.T) {
	f := bindsTo(t)
	f("SELECT nullif(status, '5'), if(ok, 1, 2), greatest(status, ms), bucket(status, 100), typeof(mix), abs(status), power(2, 3) FROM t",
		"out nullif(status, '5') int64: nullif(status 5)",
		"out if(ok, 1, 2) int64: if(ok 1 2)",
		"out greatest(status, ms) float64: greatest(status ms)",
		"out bucket(status, 100) int64: bucket(status 100)",
		"out typeof(mix) string: typeof(mix)",
		"out abs(status) int64: abs(status)",
		"out power(2, 3) float64: 8f",
		"out time time: time hidden",
		"order 7 desc, 0, 1, 2, 3, 4, 5, 6")
}

func TestBindGroups(t *testing.T) {
	f := bindsTo(t)
	f("SELECT count(), count(status), count(1), count(null), hits(), sum(status), sum(ms), sum(ok), avg(f), min(service), max(seen), first(mix), any(tags), uniq(path), count(distinct path), p50(ms), median(ms), p99_9(ms), percentile(ms, 0.999), stddev(ms), variance(ms) FROM t",
		"agg count() int64",
		"agg count(status) int64",
		"agg count(null) int64",
		"agg hits() int64",
		"agg sum(status) int64",
		"agg sum(ms) float64",
		"agg sum(ok) int64",
		"agg avg(f) float64",
		"agg min(service) string",
		"agg max(seen) time",
		"agg first(mix) string",
		"agg any(tags) list",
		"agg uniq(path) int64",
		"agg uniq_exact(path) int64",
		"agg percentile(ms 0.5) float64",
		"agg percentile(ms 0.999) float64",
		"agg stddev(ms) float64",
		"agg variance(ms) float64",
		"out count() int64: agg0",
		"out count(status) int64: agg1",
		"out count(1) int64: agg0",
		"out count(null) int64: agg2",
		"out hits() int64: agg3",
		"out sum(status) int64: agg4",
		"out sum(ms) float64: agg5",
		"out sum(ok) int64: agg6",
		"out avg(f) float64: agg7",
		"out min(service) string: agg8",
		"out max(seen) time: agg9",
		"out first(mix) string: agg10",
		"out any(tags) list: agg11",
		"out uniq(path) int64: agg12",
		"out count(distinct path) int64: agg13",
		"out p50(ms) float64: agg14",
		"out median(ms) float64: agg14",
		"out p99_9(ms) float64: agg15",
		"out percentile(ms, 0.999) float64: agg15",
		"out stddev(ms) float64: agg16",
		"out variance(ms) float64: agg17",
		"order 0 desc, 1, 2, 3, 4, 5, 6 12, 7, 8 12, 9, 10, 11, 12, 13, 14, 15 12, 16 12, 17 12, 18 12, 19 12, 20 12")
	f("SELECT rate(), rate(ms), count_if(status >= 500), count() FILTER (WHERE ok), count_if(ok) FILTER (WHERE status = 1), sum(ms) + sum(ms) FROM t",
		"agg count() int64",
		"agg sum(ms) float64",
		"agg count() int64 where (>= status 500)",
		"agg count() int64 where ok",
		"agg count() int64 where (and ok (= status 1))",
		"out rate() float64: (rate nullif(agg0 0))",
		"out rate(ms) float64: (rate agg1)",
		"out count_if(status >= 500) int64: agg2",
		"out count() FILTER (WHERE ok) int64: agg3",
		"out count_if(ok) FILTER (WHERE status = 1) int64: agg4",
		"out sum(ms) + sum(ms) float64: (+ agg1 agg1)",
		"order 0 desc 12, 1 12, 2, 3, 4, 5 12")
	f("SELECT service AS svc, lower FROM t WHERE svc = 'x' GROUP BY svc, lower",
		"filter (= svc 'x')",
		"key svc string: service",
		"key lower string: lower",
		"out svc string: key0",
		"out lower string: key1",
		"order 0, 1",
		"warning no row has `svc`",
		"warning no row has `lower`")
}

func TestBindGroupsB(t *testing.T) {
	f := bindsTo(t)
	f("SELECT service AS svc, count() AS n FROM t GROUP BY svc HAVING n > 5 AND max(ms) > 100 AND svc != 'x' ORDER BY n + 1, avg(ms) DESC",
		"key svc string: service",
		"agg count() int64",
		"agg max(ms) float64",
		"agg avg(ms) float64",
		"out svc string: key0",
		"out n int64: agg0",
		"out n + 1 int64: (+ agg0 1) hidden",
		"out avg(ms) float64: agg2 hidden",
		"having (and (> agg0 5) (> agg1 100) (!= key0 'x'))",
		"order 2, 3 desc 12, 0, 1")
	f("SELECT status || 'x' AS status, count() FROM t GROUP BY status || 'x'",
		"key status || 'x' string: (|| status 'x')",
		"agg count() int64",
		"out status string: key0",
		"out count() int64: agg0",
		"order 1 desc, 0")
	f("SELECT status || 'x' || status, count() FROM t GROUP BY status",
		"key status int64: status",
		"agg count() int64",
		"out status || 'x' || status string: (|| (|| key0 'x') key0)",
		"out count() int64: agg0",
		"out status int64: key0 hidden",
		"order 1 desc, 2, 0")
	f("SELECT status + 1, service, count() AS c FROM t GROUP BY ALL",
		"key status + 1 int64: (+ status 1)",
		"key service string: service",
		"agg count() int64",
		"out status + 1 int64: key0",
		"out service string: key1",
		"out c int64: agg0",
		"order 2 desc, 0, 1")
	f("SELECT count(), 1 FROM t GROUP BY 'all', 2",
		"key 'all' string: 'all'",
		"key 1 int64: 1",
		"agg count() int64",
		"out count() int64: agg0",
		"out 1 int64: key1",
		"order 0 desc, 1")
	f("FROM t SELECT count(), max(ms) GROUP BY service, status ORDER BY 1 LIMIT 3 WITH OTHER",
		"key service string: service",
		"key status int64: status",
		"agg count() int64",
		"agg max(ms) float64",
		"out service string: key0",
		"out status int64: key1",
		"out count() int64: agg0",
		"out max(ms) float64: agg1",
		"order 2, 0, 1, 3 12",
		"limit 3 offset 0 by 0 [] other true")
	f("SELECT count() FROM t WHERE false",
		"filter false",
		"agg count() int64",
		"out count() int64: agg0",
		"order 0 desc")
	f(`SELECT max(ms) FROM t ORDER BY "max(ms)"`,
		"agg max(ms) float64",
		"out max(ms) float64: agg0",
		"order 0 12")
}

func TestBindCompare(t *testing.T) {
	f := bindsTo(t)
	f("SELECT ms FROM t WHERE status = '500' AND status = 'abc' OR status != 'abc' OR NOT status = 'abc'",
		"out ms float64: ms",
		"out time time: time hidden",
		"order 1 desc, 0",
		"warning 'abc' is not of the type of `status` (int64): the comparison is false")
	f("SELECT ms FROM t WHERE status IN (3, '4', 'abc', null, 1, 1, ms) OR status NOT IN ('x') OR service IN ('b', 'a', 5)",
		"out ms float64: ms",
		"out time time: time hidden",
		"order 1 desc, 0",
		"warning 'abc' is not of the type of `status` (int64): the comparison is false",
		"warning 'x' is not of the type of `status` (int64): the comparison is false")
	f("SELECT ms FROM t WHERE mix > 5 AND service = 5 AND ok = 'true' AND ok = 1 AND seen > '2026-01-01' AND ms = 'NaN' AND tags = 'a' AND status > 1.5 AND service = now()",
		`filter (and (> mix '5') (= service '5') (= ok true) (= ok true) (> seen 2026-01-01T00:00:00Z) (= ms NaNf) (= tags ["a"]) (> status 1.5f) (= service '2026-11-22T12:00:00Z'))`,
		"out ms float64: ms",
		"out time time: time hidden",
		"order 1 desc, 0",
		"warning `mix` holds text and numbers, so it is compared as text; write mix::float64 to compare numbers")
	f("SELECT ms FROM t WHERE status BETWEEN '1' AND 5 AND status NOT BETWEEN 'x' AND 5 AND mix BETWEEN 1 AND 2",
		"filter (and (between status 1 5) (between mix '1' '2'))",
		"out ms float64: ms",
		"out time time: time hidden",
		"order 1 desc, 0",
		"warning 'x' is not of the type of `status` (int64): the comparison is false",
		"warning `mix` holds text and numbers, so it is compared as text; write mix::float64 to compare numbers")
	f(`SELECT ms FROM t WHERE contains(path, '5%\') AND NOT starts_with(path, '/a_') AND ends_with(path, '')`,
		`filter (and (like path '%5\%\\%') (not (like path '/a\_%')) (like path '%'))`,
		"out ms float64: ms", "out time time: time hidden", "order 1 desc, 0")
	f("SELECT ms FROM t WHERE path LIKE '/api/%' AND path NOT ILIKE 'x' ESCAPE '' AND path ~ 'a+' AND path !~* 'B' AND tags HAS 'a' AND tags HAS NONE ('a', 5)",
		"filter (and (like path '/api/%') (not (like path 'x')) (regex path 'a+') (not (regex path 'B')) (hasany tags {'a'}) (hasnone tags {'a' '5'}))",
		"out ms float64: ms",
		"out time time: time hidden",
		"order 1 desc, 0")
	f(`SELECT statsu, "Status", a.b, count FROM t WHERE servce = 'x' AND nosuch`,
		"filter (and (= servce 'x') nosuch)",
		"out statsu string: statsu",
		"out Status string: Status",
		"out a.b int64: a.b",
		"out count int64: count",
		"out time time: time hidden",
		"order 4 desc, 0, 1, 2, 3",
		"warning no row has `servce`; did you mean `service`?",
		"warning no row has `nosuch`",
		"warning no row has `statsu`; did you mean `status`?",
		"warning no row has `Status`; did you mean `status`?")
	f("SELECT 1 + 1, 1 / 0, 'a' || 1, 7 / 2, now(), now() - 1mo, 1h30m, 250ms FROM t WHERE true AND 1 = 1",
		"out 1 + 1 int64: 2",
		"out 1 / 0 int64: null",
		"out 'a' || 1 string: 'a1'",
		"out 7 / 2 int64: 3",
		"out now() time: 2026-11-22T12:00:00Z",
		"out now() - 1mo time: 2026-10-22T12:00:00Z",
		"out 1h30m int64: 5400",
		"out 250ms float64: 0.25f",
		"out time time: time hidden",
		"order 8 desc, 0, 1, 2, 3, 4, 5, 6, 7",
		"warning some values were divided by zero; the results are null")
	f("SELECT ok + 1, -tags, abs(ok), time + 1mo, 3mo + time, time - INTERVAL '1 month 2 days' FROM t LIMIT 1",
		"out ok + 1 float64: (+ ok 1)",
		"out -tags float64: (neg tags)",
		"out abs(ok) float64: abs(ok)",
		"out time + 1mo time: time_shift(1 0 time)",
		"out 3mo + time time: time_shift(3 0 time)",
		"out time - INTERVAL '1 month 2 days' time: time_shift(-1 -172800000000000 time)",
		"out time time: time hidden",
		"order 6 desc, 0, 1, 2, 3, 4, 5",
		"limit 1 offset 0 by 0 [] other false")
}

func TestBindTime(t *testing.T) {
	f := bindsTo(t)
	f("SELECT status, count() FROM t WHERE time >= now() - 1h AND '2026-11-22T11:30:00Z' > time AND service = 'api' GROUP BY status",
		"range 2026-11-22T11:00:00Z 2026-11-22T11:30:00Z",
		"filter (and (>= time 2026-11-22T11:00:00Z) (> 2026-11-22T11:30:00Z time) (= service 'api'))",
		"key status int64: status",
		"agg count() int64",
		"out status int64: key0",
		"out count() int64: agg0",
		"order 1 desc, 0")
	f("SELECT service FROM t LAST 15m",
		"range 2026-11-22T11:45:00Z 2026-11-22T12:00:00.000000001Z",
		"out service string: service",
		"out time time: time hidden",
		"order 1 desc, 0")
	f("SELECT service FROM t SINCE '2026-11-22' UNTIL '2026-11-23 10:00:00' WHERE time BETWEEN '2026-11-22T10:00:00Z' AND '2026-11-22T11:00:00Z'",
		"range 2026-11-22T10:00:00Z 2026-11-22T11:00:00.000000001Z",
		"filter (between time 2026-11-22T10:00:00Z 2026-11-22T11:00:00Z)",
		"out service string: service",
		"out time time: time hidden",
		"order 1 desc, 0")
	f("SELECT service FROM t BETWEEN now() - 1mo AND now() WHERE time > '2026-11-01' AND time <= '2026-11-02' OR ok",
		"range 2026-10-22T12:00:00Z 2026-11-22T12:00:00Z",
		"filter (or (and (> time 2026-11-01T00:00:00Z) (<= time 2026-11-02T00:00:00Z)) ok)",
		"out service string: service",
		"out time time: time hidden",
		"order 1 desc, 0")
	f("SELECT time FROM t WHERE time = '2026-11-01' AND ok",
		"range 2026-11-01T00:00:00Z 2026-11-01T00:00:00.000000001Z",
		"filter (and (= time 2026-11-01T00:00:00Z) ok)",
		"out time time: time",
		"order 0 desc")
	f("SELECT time(1m), count() FROM t LAST 1h GROUP BY 1",
		"range 2026-11-22T11:00:00Z 2026-11-22T12:00:00.000000001Z",
		"key time(1m) time: time_bucket('1m' time) bucket 1m0s 0s",
		"agg count() int64",
		"out time(1m) time: key0",
		"out count() int64: agg0",
		"order 0, 1 desc")
	f("SELECT time(auto), service, p99(ms) FROM t LAST 1h GROUP BY time(auto), service",
		"range 2026-11-22T11:00:00Z 2026-11-22T12:00:00.000000001Z",
		"key time(auto) time: time_bucket('15s' time) bucket 15s 0s",
		"key service string: service",
		"agg percentile(ms 0.99) float64",
		"out time(auto) time: key0",
		"out service string: key1",
		"out p99(ms) float64: agg0",
		"order 0, 2 desc 12, 1")
	f("SELECT service, count() FROM t LAST 6h GROUP BY service, time(auto) LIMIT 5 WITH OTHER",
		"range 2026-11-22T06:00:00Z 2026-11-22T12:00:00.000000001Z",
		"key service string: service",
		"key time(auto) time: time_bucket('2m' time) bucket 2m0s 0s",
		"agg count() int64",
		"out service string: key0",
		"out count() int64: agg0",
		"out time(auto) time: key1 hidden",
		"order 2, 1 desc, 0",
		"limit 5 offset 0 by 0 [] other true")
	f("SELECT time_bucket('5m', time) AS b, date_trunc('week', time), count() FROM t GROUP BY b, 2 ORDER BY count() DESC",
		"key b time: time_bucket('5m' time) bucket 5m0s 0s",
		"key date_trunc('week', time) time: time_bucket('1w' time) bucket 168h0m0s 96h0m0s",
		"agg count() int64",
		"out b time: key0",
		"out date_trunc('week', time) time: key1",
		"out count() int64: agg0",
		"order 2 desc, 0, 1")
}

func TestBindTimeB(t *testing.T) {
	f := bindsTo(t)
	f("SELECT date_trunc('month', time), time(3mo, 'UTC'), time(1d), date_trunc('hour', seen), count() FROM t GROUP BY ALL",
		"key date_trunc('month', time) time: time_bucket('1mo' time) bucket 0s 0s",
		"key time(3mo, 'UTC') time: time_bucket('3mo' time) bucket 0s 0s",
		"key time(1d) time: time_bucket('1d' time) bucket 24h0m0s 0s",
		"key date_trunc('hour', seen) time: time_bucket('1h' seen)",
		"agg count() int64",
		"out date_trunc('month', time) time: key0",
		"out time(3mo, 'UTC') time: key1",
		"out time(1d) time: key2",
		"out date_trunc('hour', seen) time: key3",
		"out count() int64: agg0",
		"order 0, 1, 2, 4 desc, 3")
	f("SELECT time_bucket('300s', time), count() FROM t GROUP BY time(5m)",
		"key time(5m) time: time_bucket('5m' time) bucket 5m0s 0s",
		"agg count() int64",
		"out time_bucket('300s', time) time: key0",
		"out count() int64: agg0",
		"order 0, 1 desc")
	f("SELECT date_trunc('hour', '2026-11-22T10:20:30Z'), extract(hour FROM time), epoch(time), round(ms, 2), coalesce(mix, 5), length(path), lower(service) FROM t WHERE time(1h) = '2026-11-22T10:00:00Z'",
		"filter (= time_bucket('1h' time) 2026-11-22T10:00:00Z)",
		"out date_trunc('hour', '2026-11-22T10:20:30Z') time: 2026-11-22T10:00:00Z",
		"out extract(hour FROM time) int64: extract('hour' time)",
		"out epoch(time) float64: epoch(time)",
		"out round(ms, 2) float64: round(ms 2)",
		"out coalesce(mix, 5) string: coalesce(mix 5)",
		"out length(path) int64: length(path)",
		"out lower(service) string: lower(service)",
		"out time time: time hidden",
		"order 7 desc, 0, 1, 2, 3, 4, 5, 6")
}

// bindFails returns a check of the error that a query gives: its code and whole text.
func bindFails(t *testing.T) func(sql, code, want string) {
	return func(sql, code, want string) {
		t.Helper()
		_, err := testQuery(sql).Plan()
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: no error, want %s", sql, want)
			return
		}
		if e.Code != code || e.Error() != want {
			t.Errorf("%s\n got  %s: %v\n want %s: %s", sql, e.Code, e, code, want)
		}
	}
}

func TestBindErrors(t *testing.T) {
	e := bindFails(t)
	e("SELECT coun(*) FROM t", CodeUnknownFunction, "there is no function `coun` (line 1, column 8); did you mean `count`? SELECT count(*) FROM t")
	e("SELECT cuont() FROM t", CodeUnknownFunction, "there is no function `cuont` (line 1, column 8); did you mean `count`? SELECT count() FROM t")
	e("SELECT max(count()) FROM t", CodeBadRequest, "an aggregate cannot stand inside an aggregate (line 1, column 12)")
	e("SELECT ms FROM t WHERE count() > 5", CodeBadRequest, "the aggregate count() cannot stand in WHERE (line 1, column 24); conditions on aggregates stand in HAVING: SELECT ms FROM t GROUP BY ms HAVING count() > 5")
	e("SELECT service FROM t GROUP BY count()", CodeBadRequest, "the aggregate count() cannot stand in GROUP BY (line 1, column 32)")
	e("SELECT service, count() FROM t", CodeBadRequest, "`service` is neither in GROUP BY nor in an aggregate (line 1, column 8); write any(service), or add it to GROUP BY: SELECT service, count() FROM t GROUP BY service")
	e("SELECT *, count() FROM t", CodeBadRequest, "* cannot be selected from groups (line 1, column 8); name the columns of GROUP BY, and aggregates such as count()")
	e("SELECT ms FROM t GROUP BY 3", CodeBadRequest, "GROUP BY 3: there is no such column, 1 are selected (line 1, column 27)")
	e("SELECT ms FROM t ORDER BY 0", CodeBadRequest, "ORDER BY 0: there is no such column, 1 are selected (line 1, column 27)")
	e("SELECT max(tags), 1 FROM t", CodeType, "max() cannot be taken of a value of type list (line 1, column 8)")
	e("SELECT sum(distinct ms) FROM t", CodeType, "sum(distinct x) is not possible (line 1, column 8); count(distinct x) is")
	e("SELECT avg(DISTINCT ms) FROM t", CodeType, "avg(distinct x) is not possible (line 1, column 8); count(distinct x) is")
	e("SELECT sum(service, 1) FROM t", CodeBadRequest, "sum takes 1 argument, found 2 (line 1, column 8)")
	e("SELECT lower(service, 1) FROM t", CodeBadRequest, "lower takes 1 argument, found 2 (line 1, column 8)")
	e("SELECT lower() FROM t", CodeBadRequest, "lower takes 1 argument, found 0 (line 1, column 8)")
	e("SELECT now(1) FROM t", CodeBadRequest, "now takes no arguments, found 1 (line 1, column 8)")
	e("SELECT ms FROM t WHERE status", CodeType, "`status` is of type int64 where a condition is expected (line 1, column 24); compare it with something, as in x = 1")
	e("SELECT ms FROM t WHERE NOT service AND ok", CodeType, "`service` is of type string where a condition is expected (line 1, column 28); compare it with something, as in x = 1")
	e("SELECT ms FROM t WHERE 5", CodeType, "this is of type int64 where a condition is expected (line 1, column 24); compare it with something, as in x = 1")
	e("SELECT -time FROM t", CodeType, "- takes numbers, not a value of type time (line 1, column 9); epoch(t) is a number")
	e("SELECT abs(time) FROM t", CodeType, "abs: it takes numbers, not a value of type time; epoch(t) is a number (line 1, column 8)")
	e("SELECT ms + 1mo FROM t", CodeType, "months can be added to a time only (line 1, column 8)")
	e("SELECT 'x' - 1mo FROM t", CodeType, "months can be added to a time only (line 1, column 8)")
	e("SELECT time * 1mo FROM t", CodeType, "months have no fixed length here (line 1, column 15); they can be taken from and added to now() and timestamps; else write days, such as 30d")
	e("SELECT time - INTERVAL '1 month -9223372036854775808 ns' FROM t", CodeBadRequest, "the duration is too long (line 1, column 15)")
	e("SELECT time * 2 FROM t", CodeType, "time * int64 is not possible (line 1, column 13); time - time is seconds, time + 15m a time; epoch(t) is a number")
	e("SELECT time + time FROM t", CodeType, "time + time is not possible (line 1, column 13); time - time is seconds, time + 15m a time; epoch(t) is a number")
	e("SELECT time - 'x' FROM t", CodeType, "'x' is not a time (line 1, column 15)")
	e("SELECT percentile(ms, 2) FROM t", CodeBadRequest, "the share of a percentile is a constant from 0 to 1 (line 1, column 23); percentile(x, 0.99) is p99(x)")
	e("SELECT percentile(ms, ms) FROM t", CodeBadRequest, "the share of a percentile is a constant from 0 to 1 (line 1, column 23); percentile(x, 0.99) is p99(x)")
	e("SELECT ms FROM t WHERE path LIKE service", CodeBadRequest, "the pattern of LIKE has to be a constant text (line 1, column 34)")
	e("SELECT ms FROM t WHERE path ~ '('", CodeBadRequest, "missing closing ): `(` (line 1, column 31)")
	e("SELECT ms FROM t WHERE path LIKE 'a' ESCAPE 'ab'", CodeBadRequest, "ESCAPE takes one character (line 1, column 45)")
	e("SELECT time(5) FROM t", CodeBadRequest, "'5' is not the width of a time bucket (line 1, column 13); widths are durations such as 30s, 5m, 1d; units of date_trunc are second minute hour day week month quarter year")
	e("SELECT time(0s) FROM t", CodeBadRequest, "a time bucket is either of months or of a fixed length, and longer than nothing (line 1, column 13)")
	e("SELECT time(x) FROM t", CodeBadRequest, "time() takes a width such as 1m, not `x` (line 1, column 13); time(auto) chooses one")
	e("SELECT date_trunc('hours and hours', time) FROM t", CodeBadRequest, "'hours and hours' is not the width of a time bucket (line 1, column 19); widths are durations such as 30s, 5m, 1d; units of date_trunc are second minute hour day week month quarter year")
	e("SELECT ms FROM t SINCE 'yesterday'", CodeType, "'yesterday' is not a time (line 1, column 24); write it like '2026-11-22T10:00:00Z', or now() - 1h")
	e("SELECT ms FROM t SINCE ms", CodeBadRequest, "`ms`: no column can stand in the range (line 1, column 24); write a timestamp such as '2026-11-22T10:00:00Z', or now() - 1h")
	e("SELECT ms FROM t SINCE 5", CodeType, "the range takes a time (line 1, column 24); write '2026-11-22T10:00:00Z', now() - 1h, or LAST 15m")
	e("SELECT ms FROM t LIMIT 5 WITH OTHER", CodeBadRequest, "WITH OTHER needs GROUP BY (line 1, column 18)")
	e("SELECT time(1m), count() FROM t GROUP BY 1 LIMIT 5 WITH OTHER", CodeBadRequest, "WITH OTHER needs a key in GROUP BY that is not a time bucket (line 1, column 44)")
	e("SELECT service, count() FROM t GROUP BY 1 LIMIT ALL WITH OTHER", CodeBadRequest, "WITH OTHER needs a number of groups to keep, not ALL (line 1, column 43)")
	e("SELECT ms FROM t WHERE ms > 1mo", CodeType, "months have no fixed length here (line 1, column 29); they can be taken from and added to now() and timestamps; else write days, such as 30d")
	e("SHOW TABLES", CodeBadRequest, "this statement reads no rows")
	e("SELECT count() FROM t WHERE time(auto) = now()", CodeBadRequest, "time(auto) cannot stand in WHERE, it depends on it (line 1, column 34)")
	e("SELECT max(distinct *) FROM t", CodeParse, "expected an expression after DISTINCT, found `*` (line 1, column 21)")
	e("SELECT lower(*) FROM t", CodeBadRequest, "lower(*): only count takes * (line 1, column 8)")
	e("SELECT lower(DISTINCT ms) FROM t", CodeBadRequest, "DISTINCT stands in count(distinct x) only (line 1, column 8)")
	e("SELECT lower(ms) FILTER (WHERE ok) FROM t", CodeBadRequest, "FILTER stands behind aggregates, lower is none (line 1, column 8)")
	e("SELECT time(1m) FROM t HAVING count() > 1", CodeBadRequest, "`time` is neither in GROUP BY nor in an aggregate (line 1, column 8); write any(time), or add it to GROUP BY: SELECT time(1m) FROM t GROUP BY time(1m) HAVING count() > 1")
	e("SELECT unnest(tags) FROM t", CodeBadRequest, "UNNEST has to stand in GROUP BY (line 1, column 8); write GROUP BY UNNEST(tags)")
	e("SELECT ms FROM t ORDER BY upper(unnest(tags))", CodeBadRequest, "UNNEST has to stand in GROUP BY (line 1, column 27); write GROUP BY UNNEST(tags)")
	e("SELECT unnest(tags), count() FROM t GROUP BY service", CodeBadRequest, "UNNEST has to stand in GROUP BY (line 1, column 8); write GROUP BY UNNEST(tags): SELECT unnest(tags), count() FROM t GROUP BY service, unnest(tags)")
	e("SELECT count() FROM t GROUP BY service HAVING unnest(tags) = 'a'", CodeBadRequest, "UNNEST has to stand in GROUP BY (line 1, column 47); write GROUP BY UNNEST(tags)")
	e("SELECT count() FROM t WHERE unnest(tags) = 'a'", CodeBadRequest, "UNNEST cannot stand in WHERE (line 1, column 29); a list is asked by tags HAS 'a'")
	e("SELECT max(unnest(tags)) FROM t", CodeBadRequest, "UNNEST cannot stand inside an aggregate (line 1, column 12); group by it, or use tags[1], length(tags), tags HAS 'a'")
	e("SELECT count() FROM t GROUP BY unnest(unnest(tags))", CodeBadRequest, "UNNEST takes a list of the row, such as a column (line 1, column 39)")
	e("SELECT count() FROM t GROUP BY unnest(tags), unnest(service)", CodeBadRequest, "UNNEST of two lists in one query: only one is possible (line 1, column 46)")
	e("SELECT count() FROM t GROUP BY unnest()", CodeBadRequest, "unnest takes 1 argument, found 0 (line 1, column 32)")
	e("SELECT topk(0, ms) FROM t", CodeBadRequest, "the k of topk is a constant from 1 to 1000 (line 1, column 13)")
	e("SELECT topk(2.5, ms) FROM t", CodeBadRequest, "the k of topk is a constant from 1 to 1000 (line 1, column 13)")
	e("SELECT topk(service, 5) FROM t", CodeBadRequest, "the k of topk is a constant from 1 to 1000 (line 1, column 13); k comes first: topk(5, x)")
	e("SELECT topk(ms) FROM t", CodeBadRequest, "topk takes 2 arguments, found 1 (line 1, column 8)")
	e("SELECT topk(5, distinct ms) FROM t", CodeParse, "expected `,` or `)` after `,`, found DISTINCT (line 1, column 16)")
	e("SELECT histogram(ms, 1001) FROM t", CodeBadRequest, "the number of bins is a constant from 1 to 1000 (line 1, column 22)")
	e("SELECT histogram(time) FROM t", CodeType, "histogram() cannot be taken of a value of type time (line 1, column 8)")
	e("SELECT arg_min(ms) FROM t", CodeBadRequest, "arg_min takes 2 arguments, found 1 (line 1, column 8)")
	e("SELECT arg_max(ms, tags) FROM t", CodeType, "arg_max(): a row cannot be chosen by a value of type list (line 1, column 8)")
	e("SELECT arg_max(distinct ms, time) FROM t", CodeType, "arg_max(distinct x) is not possible (line 1, column 8); count(distinct x) is")
}

func TestBindClauses(t *testing.T) {
	e := bindFails(t)
	e("SELECT service, count() FROM t GROUP BY 1 LIMIT 1 BY service WITH OTHER", CodeBadRequest, "WITH OTHER needs a key in GROUP BY beside time buckets and those of LIMIT BY (line 1, column 43)")
	e("SELECT ms FROM t SAMPLE 0 ROWS", CodeBadRequest, "SAMPLE takes a number of rows above 0 (line 1, column 18); write SAMPLE 10000 ROWS, say")
	e("SELECT ms FROM t SAMPLE 10", CodeParse, "expected ROWS after `10` (line 1, column 27); write SAMPLE 10 ROWS")
	e("SELECT ms FROM t WITHIN 0s", CodeBadRequest, "WITHIN takes a time to wait, above 0 (line 1, column 25); write WITHIN 2s, say")
	e("SELECT ms FROM t WITHIN 1mo", CodeBadRequest, "WITHIN takes a time to wait, above 0 (line 1, column 25); write WITHIN 2s, say")
}
