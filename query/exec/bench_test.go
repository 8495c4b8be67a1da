package exec

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// The benchmarks run over benchBlocks full blocks, each read benchTimes times:
// about 10 million rows, by two workers.
const (
	benchBlocks = 16
	benchTimes  = 10
)

// benchTable is like the reference workload: events of web services.
var benchTable = sync.OnceValue(func() *testTable {
	table := &testTable{schema: query.Schema{}}
	r := rand.New(rand.NewPCG(42, 42))
	zipf := rand.NewZipf(r, 1.3, 1, 199)
	at := baseTime
	for range benchBlocks {
		b := storage.NewBatch()
		text := func(name, format string, args ...any) {
			b.SetString(b.Slot([]byte(name)), fmt.Appendf(nil, format, args...))
		}
		for range storage.RowsPerBlockMax {
			at += r.Int64N(17) * 1e6
			text("service", "service-%d", min(r.IntN(12), r.IntN(12)))
			text("endpoint", "/api/v1/endpoint/%d", zipf.Uint64())
			text("region", "region-%d", r.IntN(6))
			text("host", "host-%03d", r.IntN(500))
			text("country", "C%d", min(r.IntN(60), r.IntN(60), r.IntN(60)))
			text("user_id", "user-%06d", r.IntN(1_000_000))
			text("message", "request %08x of user-%06d took %d ms on shard %d%s", r.Uint32(), r.IntN(1e6), r.IntN(1e4), r.IntN(64),
				[]string{"", ": timeout waiting for the backend"}[r.IntN(30)/29])
			b.SetInt(b.Slot([]byte("status")), []int64{200, 200, 200, 200, 201, 204, 301, 404, 500, 503}[r.IntN(10)])
			b.SetFloat(b.Slot([]byte("duration_ms")), math.Round(math.Exp(3+r.NormFloat64())*1000)/1000)
			b.SetInt(b.Slot([]byte("bytes")), int64(math.Exp(8+2*r.NormFloat64())))
			if r.IntN(33) == 0 {
				text("error", "error message number %d", r.IntN(40))
			}
			rate := int64(1)
			if r.IntN(20) == 0 {
				rate = 10
			}
			b.SetInt(b.Slot([]byte("sample_rate")), rate)
			b.EndRow(at)
		}
		data, meta, err := storage.AppendBlock(nil, b, storage.BlockOptions{Richness: storage.Rich})
		if err != nil {
			panic(err)
		}
		storage.SealBlock(data, storage.BlockID{Epoch: 1, Seq: uint64(len(table.units) + 1)})
		block, err := storage.OpenBlock(data)
		if err != nil {
			panic(err)
		}
		for _, c := range block.Columns() {
			table.schema[c.Name()] = table.schema[c.Name()].With(c.Type())
		}
		table.units = append(table.units, unit{meta: &meta, open: func() (*storage.Block, error) { return block, nil }})
	}
	return table
})

func BenchmarkQuery(b *testing.B) {
	table := benchTable()
	pool := NewPool(2)
	defer pool.Close()
	rows := float64(benchBlocks * benchTimes * storage.RowsPerBlockMax)
	var units []unit
	for range benchTimes {
		units = append(units, table.units...)
	}
	for _, q := range []struct{ name, sql string }{
		{"Q1-count", "SELECT count() FROM t"},
		{"Q2-service", "SELECT service, count() FROM t GROUP BY service"},
		{"Q2-service-status", "SELECT service, count() FROM t WHERE status >= 500 GROUP BY service"},
		{"Q2-service-ok", "SELECT service, count() FROM t WHERE status < 500 GROUP BY service"},
		{"Q3-errors", "SELECT endpoint, count(), avg(duration_ms), p50(duration_ms), p95(duration_ms), p99(duration_ms) FROM t WHERE status >= 500 GROUP BY endpoint"},
		{"Q3-all", "SELECT endpoint, count(), avg(duration_ms), p50(duration_ms), p95(duration_ms), p99(duration_ms) FROM t GROUP BY endpoint"},
		{"Q3-avg", "SELECT endpoint, count(), avg(duration_ms) FROM t GROUP BY endpoint"},
		{"Q4-minute-region", "SELECT time(1m), region, count() FROM t GROUP BY time(1m), region"},
		{"Q5-country", "SELECT time(5m), count(), p95(duration_ms) FROM t WHERE country = 'C1' AND service = 'service-1' GROUP BY time(5m)"},
		{"Q6-exact", "SELECT service, count(distinct user_id) FROM t GROUP BY service"},
		{"Q6a-uniq", "SELECT service, uniq(user_id) FROM t GROUP BY service"},
		{"Q6b-uniq-host", "SELECT service, uniq(host) FROM t GROUP BY service"},
		{"Q7-like", "SELECT host, count() FROM t WHERE message LIKE '%timeout%' GROUP BY host LIMIT 10"},
		{"Q8-user", "SELECT * FROM t WHERE user_id = 'user-000123'"},
		{"Q9-users", "SELECT user_id, count() FROM t GROUP BY user_id LIMIT 20"},
		{"Q10-newest", "SELECT * FROM t WHERE error IS NOT NULL LIMIT 100"},
		{"Q11-three-keys", "SELECT endpoint, host, status, count(), sum(bytes) FROM t GROUP BY endpoint, host, status LIMIT 50"},
		{"Q12-regex", "SELECT service, count() FROM t WHERE message ~ 'took [0-9]{4} ms on shard (1|2)' GROUP BY service"},
		{"min-max", "SELECT service, min(duration_ms), max(duration_ms), min(bytes) FROM t GROUP BY service"},
		{"sum-status", "SELECT service, sum(status), avg(status) FROM t GROUP BY service"},
		{"one-group", "SELECT count(), sum(bytes), avg(duration_ms), p99(duration_ms) FROM t"},
		{"Q3-sample", "SELECT endpoint, count(), avg(duration_ms), p50(duration_ms), p95(duration_ms), p99(duration_ms) FROM t GROUP BY endpoint SAMPLE 10000 ROWS"},
		{"sample-rows", "SELECT time, endpoint, message FROM t SAMPLE 100 ROWS"},
		{"heat-map", "SELECT time(5m), bucket(duration_ms, 50), count() FROM t GROUP BY 1, 2"},
		{"computed-sum", "SELECT service, sum(bytes / duration_ms) FROM t GROUP BY service"},
		{"computed-where", "SELECT count() FROM t WHERE bytes / 1024 > duration_ms"},
		{"last", "SELECT host, last(status) FROM t GROUP BY host"},
	} {
		b.Run(q.name, func(b *testing.B) {
			plan := table.plan(b, q.sql)
			before := cpuTime(b)
			for b.Loop() {
				if _, _, err := pool.run(context.Background(), plan, units, Limits{InRange: uint64(rows)}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N)/rows, "cpu-ns/row")
		})
	}
}

// BenchmarkHour asks questions of many groups over a few blocks, as over the last
// hour, of a leaf that is asked alone: what states cost before a row is in them, and
// after the last one.
func BenchmarkHour(b *testing.B) {
	table := benchTable()
	pool := NewPool(2)
	defer pool.Close()
	units := table.units[:hourBlocks]
	rows := float64(hourBlocks * storage.RowsPerBlockMax)
	for _, q := range []struct{ name, sql string }{
		{"Q3-all", "SELECT endpoint, count(), avg(duration_ms), p50(duration_ms), p95(duration_ms), p99(duration_ms) FROM t GROUP BY endpoint RAW"},
		{"Q6-exact", "SELECT service, count(distinct user_id) FROM t GROUP BY service RAW"},
		{"Q6a-uniq", "SELECT service, uniq(user_id) FROM t GROUP BY service RAW"},
		{"Q9-users", "SELECT user_id, count() AS n FROM t GROUP BY user_id ORDER BY n DESC, user_id LIMIT 20 RAW"},
		{"Q11-three-keys", "SELECT endpoint, host, status, count() AS n, sum(bytes) FROM t GROUP BY endpoint, host, status " +
			"ORDER BY n DESC, endpoint, host, status LIMIT 50 RAW"},
	} {
		b.Run(q.name, func(b *testing.B) {
			plan := table.plan(b, q.sql)
			b.ReportAllocs()
			before := cpuTime(b)
			for b.Loop() {
				if _, _, err := pool.run(context.Background(), plan, units, Limits{Sole: true}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N)/rows, "cpu-ns/row")
		})
	}
}

// hourBlocks is how many full blocks an hour of the reference workload has.
const hourBlocks = 7

// cpuTime is the time of processors that the process has used, in nanoseconds:
// what a query costs also where others compete for them.
func cpuTime(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
