package exec

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestLoneRows: a few rows of large blocks, of every column and of expressions.
func TestLoneRows(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	table := newTestTable(t, r, 6000, 2100, 600)
	pool := NewPool(2)
	defer pool.Close()
	for range 60 {
		row := table.rows[r.IntN(len(table.rows))]
		from := row["time"].Int
		at := func(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }
		where := fmt.Sprintf("time BETWEEN '%s' AND '%s'", at(from), at(from+[]int64{0, 25e7, 50e7, 150e7}[r.IntN(4)]))
		table.check(t, pool, "SELECT * FROM t WHERE "+where)
		table.check(t, pool, "SELECT mixed, upper(message), size + status, coalesce(error, user), tags FROM t WHERE "+where+" ORDER BY time LIMIT 9")
	}
}

// TestLoneDamage: a damaged column that is read row by row takes its block out.
func TestLoneDamage(t *testing.T) {
	table := plainTable(t, 1, 2000)
	plan := table.plan(t, "SELECT user FROM t WHERE time = '2026-11-22T10:02:01.500Z'")
	pool := NewPool(2)
	defer pool.Close()
	p, cover, err := pool.run(context.Background(), plan, []unit{damagedUnit(t, 2000, "svc-1")}, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Rows) > 0 && p.Rows[0].Len() > 0 || skippedRows(cover, "damaged") == 0 {
		t.Errorf("rows %v, %d rows damaged", p.Rows, skippedRows(cover, "damaged"))
	}
}

// BenchmarkLoneRows takes some rows of a full block as they are.
func BenchmarkLoneRows(b *testing.B) {
	table := benchTable()
	pool := NewPool(1)
	defer pool.Close()
	for _, rows := range []int{1, 4, 30, 100} {
		plan := table.plan(b, fmt.Sprintf("SELECT * FROM t WHERE error IS NOT NULL LIMIT %d", rows))
		b.Run(fmt.Sprint(rows), func(b *testing.B) {
			for b.Loop() {
				if _, _, err := pool.run(context.Background(), plan, table.units[:1], Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
