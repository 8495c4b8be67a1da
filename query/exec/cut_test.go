package exec

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// orderedTable has blocks in the order of time, which are searched, and one that is
// not: a row every 10 ms, some of one time.
func orderedTable(t testing.TB) *testTable {
	table := &testTable{schema: query.Schema{}}
	for i := range int64(4) {
		b := storage.NewBatch()
		for k := range int64(5000) {
			b.SetInt(b.Slot([]byte("n")), k%7)
			b.EndRow(baseTime + i*50e9 + k/3*30e6)
		}
		table.add(t, b, []storage.Richness{storage.Rich, storage.Rich, storage.Cheap, storage.Rich}[i])
		table.rows = append(table.rows, readRows(t, table.units[i])...)
	}
	return table
}

func TestCutOrdered(t *testing.T) {
	table := orderedTable(t)
	pool := NewPool(2)
	defer pool.Close()
	at := func(ms int) string {
		return time.Unix(0, baseTime+int64(ms)*1e6).UTC().Format("2006-01-02T15:04:05.000Z")
	}
	edges := []int{-1000, 0, 31, 20_000, 49_979, 49_980, 77_777, 140_010, 199_981}
	for _, from := range edges {
		for _, to := range edges {
			for _, sql := range []string{
				"SELECT count(), min(time), max(time) FROM t SINCE '%s' UNTIL '%s'",
				"SELECT time(20s), n, count() FROM t SINCE '%s' UNTIL '%s' GROUP BY 1, 2",
				"SELECT time(70s), count() FROM t SINCE '%s' UNTIL '%s' WHERE n < 3 GROUP BY 1",
			} {
				if to >= from {
					table.check(t, pool, fmt.Sprintf(sql, at(from), at(to)))
				}
			}
		}
	}
}

// TestCutStats: what was read says the same of a block in the order of time and of one
// that is not.
func TestCutStats(t *testing.T) {
	var answers []Coverage
	for _, richness := range []storage.Richness{storage.Rich, storage.Cheap} {
		b := storage.NewBatch()
		for k := range int64(3000) {
			b.SetInt(b.Slot([]byte("n")), k)
			b.EndRow(baseTime + k*1e6)
		}
		table := &testTable{schema: query.Schema{}}
		table.add(t, b, richness)
		pool := NewPool(1)
		plan := table.plan(t, "SELECT count() FROM t SINCE '2026-11-22T10:00:01Z' UNTIL '2026-11-22T10:00:02Z'")
		part, cover, err := pool.run(t.Context(), plan, table.units, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		pool.Close()
		if part.From != baseTime+1e9 || part.To != baseTime+2e9-1e6 {
			t.Errorf("the rows read lie between %d and %d", part.From-baseTime, part.To-baseTime)
		}
		answers = append(answers, cover)
	}
	if answers[0].Covered != 1000 || answers[1].Covered != 1000 {
		t.Errorf("%d and %d rows covered, want 1000", answers[0].Covered, answers[1].Covered)
	}
}

func TestSetRange(t *testing.T) {
	for _, rows := range []int{1, 63, 64, 65, 200} {
		for first := range rows + 1 {
			for past := range rows + 1 {
				got, want := make(bitmap, words(rows)), make(bitmap, words(rows))
				got.setAll(rows)
				got.setRange(first, past)
				for i := first; i < past; i++ {
					want.set(i)
				}
				if !slices.Equal(got, want) {
					t.Fatalf("rows [%d, %d) of %d are %x, want %x", first, past, rows, got, want)
				}
			}
		}
	}
}

// BenchmarkCut counts the rows of the middle of a block.
func BenchmarkCut(b *testing.B) {
	table := benchTable()
	units := table.units[:1]
	meta := units[0].meta
	from, to := time.Unix(0, meta.MinTime).Add(time.Minute).UTC(), time.Unix(0, meta.MaxTime).Add(-time.Minute).UTC()
	pool := NewPool(1)
	defer pool.Close()
	for _, sql := range []string{"SELECT count() FROM t", "SELECT time(1m), count() FROM t"} {
		sql = fmt.Sprintf(sql+" SINCE '%s' UNTIL '%s'", from.Format(time.RFC3339), to.Format(time.RFC3339))
		if sql[7] == 't' {
			sql += " GROUP BY 1"
		}
		plan := table.plan(b, sql)
		b.Run(sql[:24], func(b *testing.B) {
			for b.Loop() {
				if _, _, err := pool.run(b.Context(), plan, units, Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
