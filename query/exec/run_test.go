package exec

import (
	"math/rand/v2"
	"testing"
)

func TestCountByColumn(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	table := newTestTable(t, r, 5000, 3000, 20_000, 1, 700)
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
