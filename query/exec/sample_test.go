package exec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/query/oracle"
	"github.com/kelpdb/kelp/storage"
)

// sampleRows are rows of which one in ten failed; number n has n as its id.
func sampleRows(r *rand.Rand, n int) []oracle.Row {
	rows := make([]oracle.Row, n)
	for i := range rows {
		status := int64(200)
		if r.IntN(10) == 0 {
			status = 500
		}
		rows[i] = oracle.Row{
			storage.TimeColumn: storage.Time(diffNow - 7200e9 + int64(i)*1e8), "id": storage.Int(int64(i)), "status": storage.Int(status),
			"ms": storage.Float(r.ExpFloat64() * 100), "service": storage.String([]string{"api", "web", "db"}[r.IntN(3)]),
			"sample_rate": storage.Int(1 + 9*int64(r.IntN(2))),
		}
	}
	return rows
}

// TestSample holds what SAMPLE estimates against the truth, by the error that a
// uniform sample may have.
func TestSample(t *testing.T) {
	const rows, drawn, layouts = 12_000, 2_000, 12
	r := rand.New(rand.NewPCG(1, 2))
	all := sampleRows(r, rows)
	truth := map[string]float64{}
	for _, row := range all {
		w := float64(row["sample_rate"].Int)
		truth["count"] += w
		truth["sum"] += w * float64(row["id"].Int)
		truth["ms"] += w * row["ms"].Float
		if row["status"].Int == 500 {
			truth["failed"]++
		}
	}
	pool := NewPool(2)
	defer pool.Close()
	mean := 0.0
	for i := range layouts {
		d := layOut(t, r, all, 1+r.IntN(4), []int{3, 200, 2000, 12_000}[r.IntN(4)])
		res := d.mustAnswer(t, r, pool, fmt.Sprintf("SELECT hits(), count(), sum(id), sum(ms), hits() FILTER (WHERE status = 500) AS failed, avg(ms), max(id), rate() FROM t SAMPLE %d ROWS", drawn))
		value := func(c int) float64 { return float(res.Cols[c].Value(0)) }
		// The rows that stand behind the sample are counted.
		if got := value(0); got != rows {
			t.Errorf("hits() is %v of %d", got, rows)
		}
		// Weights 1 and 10, ids from 0 to rows, an exponential: the relative error of one row is at most 1.5.
		within := 6 * 1.5 / math.Sqrt(drawn)
		for c, want := range map[int]float64{1: truth["count"], 2: truth["sum"], 3: truth["ms"], 5: truth["ms"] / truth["count"]} {
			if got := value(c); math.Abs(got/want-1) > within {
				t.Errorf("%s is %g, the truth is %g", res.Columns[c].Name, got, want)
			}
		}
		mean += value(4) / layouts
		if want := []string{"hits()", "count()", "sum(id)", "sum(ms)", "failed", "avg(ms)", "max(id)", "rate()"}; !slices.Equal(res.Approximate, want) {
			t.Errorf("approximate: %q", res.Approximate)
		}
		if i == 0 {
			if again := d.mustAnswer(t, r, pool, fmt.Sprintf("SELECT sum(ms) FROM t SAMPLE %d ROWS", drawn)); float(again.Cols[0].Value(0)) != value(3) {
				t.Error("the same question has another answer")
			}
		}
	}
	p := truth["failed"] / rows
	if sd := rows * math.Sqrt(p*(1-p)/drawn/layouts); math.Abs(mean-truth["failed"]) > 5*sd {
		t.Errorf("of %g failed rows %g are estimated on average, 5 standard errors are %g", truth["failed"], mean, 5*sd)
	}
}

// TestSampleClauses asks for samples together with other clauses.
func TestSampleClauses(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	rows := sampleRows(r, 6000)
	d := layOut(t, r, rows, 3, 700)
	pool := NewPool(3)
	defer pool.Close()
	// Groups, Other and the range before are scaled alike: all of them together are all rows.
	res := d.mustAnswer(t, r, pool, `SELECT time(1m), bucket(id, 1000) AS k, hits() FROM t BETWEEN '2026-11-22T10:05:00Z' AND '2026-11-22T10:10:00Z'
		GROUP BY ALL LIMIT 2 WITH OTHER COMPARE 5m FILL SAMPLE 900 ROWS`)
	now, before := 0.0, 0.0
	for i := range res.Rows {
		now, before = now+float(res.Cols[2].Value(i)), before+float(res.Cols[3].Value(i))
	}
	if math.Abs(now-3000) > 20 || math.Abs(before-3000) > 20 { // each group is rounded
		t.Errorf("%g rows now, %g before; they are 3000 each", now, before)
	}
	// A histogram's events are scaled.
	h := d.mustAnswer(t, r, pool, "SELECT histogram(id, 1) FROM t SAMPLE 900 ROWS RAW").Cols[0].Value(0).Str
	var events, n float64
	for part := range strings.SplitSeq(strings.Trim(h, "[]"), "],[") {
		if _, err := fmt.Sscanf(part, "%g,%g,%g", new(float64), new(float64), &n); err != nil {
			t.Fatal(err)
		}
		events += n
	}
	if math.Abs(events-6000) > 5 {
		t.Errorf("%g events in %s", events, h)
	}
}

// TestSampleOfRows draws plain rows: exactly as many as are wanted, each once, of
// those that match, from all over the range.
func TestSampleOfRows(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	rows := sampleRows(r, 6000)
	failed := 0
	for _, row := range rows {
		if row["status"].Int == 500 {
			failed++
		}
	}
	pool := NewPool(2)
	defer pool.Close()
	for _, blockRows := range []int{3, 500, 6000} {
		d := layOut(t, r, rows, 2, blockRows)
		for want, sql := range map[int]string{
			500:    "SELECT id, status FROM t SAMPLE 500 ROWS",
			80:     "SELECT id, status FROM t WHERE status = 500 SAMPLE 80 ROWS",
			failed: "SELECT id, status FROM t WHERE status = 500 SAMPLE 100000 ROWS",
			30:     "SELECT id, status FROM t SAMPLE 400 ROWS LIMIT 30",
		} {
			res := d.mustAnswer(t, r, pool, sql)
			if res.Rows != want || len(res.Columns) != 2 || len(res.Approximate) > 0 {
				t.Fatalf("%s: %d rows, want %d; columns %v", sql, res.Rows, want, res.Columns)
			}
			early := 0
			for i := range res.Rows {
				id := res.Cols[0].Ints[i]
				if i > 0 && id >= res.Cols[0].Ints[i-1] {
					t.Fatalf("%s: row %d is not older than the one before", sql, i)
				}
				if rows[id]["status"].Int != res.Cols[1].Ints[i] || want == 80 && res.Cols[1].Ints[i] != 500 {
					t.Fatalf("%s: no such row: %d", sql, id)
				}
				if id < 3000 {
					early++
				}
			}
			if sd := math.Sqrt(float64(want)) / 2; want != 30 && math.Abs(float64(early)-float64(want)/2) > 6*sd {
				t.Errorf("%s: %d of %d rows are of the first half", sql, early, want)
			}
		}
	}
}

// TestSampleOfTwins draws from two leaves that were born in the same second and took
// the same rows since: what the one draws says nothing of what the other does.
func TestSampleOfTwins(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	rows := sampleRows(r, 6000)
	d := layOut(t, r, rows[:1], 1, 1)
	d.rows, d.leaves, d.to = append(slices.Clone(rows), rows...), nil, rows[len(rows)-1][storage.TimeColumn].Int
	for range 2 {
		d.shard++
		d.leaves = append(d.leaves, []unit{d.block(t, rows, storage.Rich, 1)})
	}
	pool := NewPool(2)
	defer pool.Close()
	for _, sql := range []string{"SELECT id FROM t SAMPLE 600 ROWS", "SELECT id FROM t GROUP BY id SAMPLE 600 ROWS"} {
		distinct := make(map[int64]bool)
		res := d.mustAnswer(t, r, pool, sql)
		for _, id := range res.Cols[0].Ints {
			distinct[id] = true
		}
		// 300 of 6000 twice: 15 are drawn by both on average.
		if len(distinct) < 500 {
			t.Errorf("%s: %d of %d rows are of different ids", sql, len(distinct), res.Rows)
		}
	}
}

func float(v storage.Value) float64 {
	f, _ := query.FloatOf(v)
	return f
}

func (d *diffTable) mustAnswer(t *testing.T, r *rand.Rand, pool *Pool, sql string) *query.Result {
	t.Helper()
	res, err := d.answer(r, pool, d.query(sql, diffNow))
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return res
}
