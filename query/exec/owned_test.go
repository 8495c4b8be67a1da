package exec

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/kelpdb/kelp/query"
)

// TestPartialOwnsItsMemory: answers stay what they are when the blocks they came
// from are overwritten, as mapped memory may be after its view is released.
func TestPartialOwnsItsMemory(t *testing.T) {
	r := rand.New(rand.NewPCG(71, 72))
	table := newTestTable(t, r, 3000, 200, 1500)
	pool := NewPool(2)
	defer pool.Close()
	type answer struct {
		sql   string
		plan  *query.Plan
		p     *query.Partial
		lines []string
	}
	var answers []answer
	ask := func(sql string) {
		plan := table.plan(t, sql)
		p, _, err := pool.run(context.Background(), plan, table.units, Limits{})
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		answers = append(answers, answer{sql, plan, p, show(t, plan, p)})
	}
	for _, k := range testKeys {
		ask("SELECT " + k + ", count() FROM t GROUP BY " + k + " LIMIT ALL")
		ask("SELECT " + k + " FROM t LIMIT 500")
	}
	for _, a := range testAggregates {
		ask("SELECT host, " + a + " FROM t GROUP BY host LIMIT ALL")
	}
	for _, data := range table.data {
		for i := range data {
			data[i] = 0xa5
		}
	}
	for _, a := range answers {
		sameLines(t, a.sql, show(t, a.plan, a.p), a.lines)
	}
}
