package exec

import (
	"context"
	"strings"
	"testing"
)

// TestDescribe: an explanation names the ways that Run then goes, and about the
// bytes that it reads.
func TestDescribe(t *testing.T) {
	table := plainTable(t, 4, 5000)
	pool := NewPool(2)
	defer pool.Close()
	f := func(sql string, pruned, header int, facts ...string) {
		t.Helper()
		plan := table.plan(t, sql)
		e := describe(plan, table.units)
		if e.Blocks != 4 || e.BlocksPruned != pruned || e.BlocksHeader != header {
			t.Errorf("%s: %+v", sql, e)
		}
		all := strings.Join(append(append(append([]string{e.Rowwise}, e.Filter...), e.Keys...), e.Aggregates...), "\n")
		for _, fact := range facts {
			if !strings.Contains(all, fact) {
				t.Errorf("%s: no %q in\n%s", sql, fact, all)
			}
		}
		p, _, err := pool.run(context.Background(), plan, table.units, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if p.Stats.BytesScanned > e.Bytes+1000 {
			t.Errorf("%s: explained %d bytes, read %d", sql, e.Bytes, p.Stats.BytesScanned)
		}
		if int(p.Stats.BlocksPruned) < pruned {
			t.Errorf("%s: explained %d blocks pruned, were %d", sql, pruned, p.Stats.BlocksPruned)
		}
		if header == 4 && e.BytesPerRow >= 1 {
			t.Errorf("%s: %g bytes a row", sql, e.BytesPerRow)
		}
	}
	f("SELECT service, count() FROM t GROUP BY service", 0, 4, "service: header in 4 blocks", "count(): header in 4 blocks")
	f("SELECT count() FROM t WHERE n < 0", 4, 0)
	f("SELECT service, avg(n) FROM t WHERE user LIKE '%7' AND service = 'svc-1' GROUP BY service", 0, 0,
		"user LIKE: text in 4 blocks", "service =: codes in 4 blocks", "service: codes in 4 blocks", "avg(n): ints in 4 blocks")
	f("SELECT length(user) + n, time(1s), hits() FROM t SINCE '2026-11-22T10:02:00Z' GROUP BY 1, 2", 2, 0, "row-wise in 2 blocks", "time(1s): ints in 2 blocks")
	f("SELECT * FROM t", 0, 0, "newest blocks first")
}
