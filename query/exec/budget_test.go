package exec

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/query/oracle"
	"github.com/kelpdb/kelp/storage"
)

// TestBudgetOfProcess: when the memory of all queries is used up, one that holds much
// answers with what it has and says so, one that holds little answers whole; and what
// was held is given back, also by a query that fails.
func TestBudgetOfProcess(t *testing.T) {
	var rows []oracle.Row
	for i := range 40_000 {
		rows = append(rows, oracle.Row{storage.TimeColumn: storage.Time(diffNow - int64(i)*1e6), "id": storage.Int(int64(i) * 7919),
			"text": storage.String("some text that takes room in a row of its own"), "service": storage.String([]string{"a", "b"}[i%2])})
	}
	d := layOut(t, rand.New(rand.NewPCG(3, 4)), rows, 1, 4_000)
	pool := NewPool(2)
	defer pool.Close()
	run := func(sql string, others int64) *query.Partial {
		t.Helper()
		pool.budget.held.Add(others)
		defer func() {
			if held := pool.budget.held.Add(-others); held != 0 {
				t.Errorf("%s: %d bytes are not given back", sql, held)
			}
		}()
		plan, err := d.query(sql, diffNow).Plan()
		if err != nil {
			t.Fatal(err)
		}
		p, _, err := pool.run(context.Background(), plan, d.leaves[0], Limits{})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	// Spare memory is let go when the budget is short, and not kept then.
	pool.spares.least = 1
	const byGroup = "SELECT id, count() FROM t GROUP BY id"
	if run(byGroup, 0); pool.spares.bytes == 0 {
		t.Error("nothing is kept for the next query")
	}
	if run("SELECT service, count() FROM t GROUP BY service", pool.budget.max-int64(pool.spares.bytes)/2); pool.spares.bytes > 1000 {
		t.Errorf("%d bytes are kept where queries have need of them", pool.spares.bytes)
	}
	if run(byGroup, pool.budget.max-1000); pool.spares.bytes > 1000 {
		t.Errorf("%d bytes are kept of a budget that is used up", pool.spares.bytes)
	}
	const much = 1 << 40 // what others hold
	for _, sql := range []string{"SELECT id, count() FROM t GROUP BY id", "SELECT * FROM t LIMIT ALL"} {
		pool.budget.max = 4 << 20
		if p := run(sql, 0); p.Truncated != nil && sql[7] == 'i' {
			t.Errorf("%s: alone it is cut: %+v", sql, p.Truncated)
		}
		p := run(sql, much)
		if p.Truncated == nil || p.Truncated.By != "memory" || p.Truncated.Limit != 4<<20 || p.Truncated.Kept == 0 || p.Truncated.Kept >= 40_000 {
			t.Errorf("%s: beside much: %+v", sql, p.Truncated)
		}
	}
	if p := run("SELECT service, count(), p99(id) FROM t GROUP BY service", much); p.Truncated != nil || p.Groups != 2 {
		t.Errorf("a small query: %+v, %d groups", p.Truncated, p.Groups)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	plan, err := d.query("SELECT id, count() FROM t GROUP BY id", diffNow).Plan()
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := pool.run(ctx, plan, d.leaves[0], Limits{}); err == nil || pool.budget.held.Load() != 0 {
		t.Errorf("cancelled: %v, %d bytes are held", err, pool.budget.held.Load())
	}
}
