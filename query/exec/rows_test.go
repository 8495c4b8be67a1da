package exec

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// tiedTable has many rows of one time, spread over blocks in any order.
func tiedTable(t *testing.T, blocks, rows int) *testTable {
	r := rand.New(rand.NewPCG(21, 22))
	table := &testTable{schema: map[string]storage.TypeSet{}}
	for range blocks {
		b := storage.NewBatch()
		slot := b.Slot([]byte("user"))
		for range rows {
			b.SetString(slot, fmt.Appendf(nil, "user-%05d", r.IntN(100_000)))
			b.EndRow(baseTime + r.Int64N(6)*10e9)
		}
		table.add(t, b, storage.Rich)
		table.rows = append(table.rows, readRows(t, table.units[len(table.units)-1])...)
	}
	return table
}

func TestNewestRows(t *testing.T) {
	table := tiedTable(t, 9, 300)
	for _, workers := range []int{1, 2, 4} {
		pool := NewPool(workers)
		for _, limit := range []int{0, 1, 2, 5, 50, 449, 450, 451, 900, 2700, 5000} {
			for _, sql := range []string{
				"SELECT time, user FROM t LIMIT %d",
				"SELECT time, user FROM t ORDER BY time LIMIT %d",
				"SELECT user FROM t WHERE user > 'user-3' ORDER BY time DESC LIMIT %d OFFSET 3",
				"SELECT user FROM t SINCE '2026-11-22T10:00:10Z' UNTIL '2026-11-22T10:00:40Z' ORDER BY time DESC LIMIT %d",
			} {
				table.check(t, pool, fmt.Sprintf(sql, limit))
			}
		}
		pool.Close()
	}
}

// TestNewestStopsEarly: blocks that are older than the rows wanted are not read.
func TestNewestStopsEarly(t *testing.T) {
	table := &testTable{schema: map[string]storage.TypeSet{}}
	for i := range 20 {
		b := storage.NewBatch()
		for k := range 1000 {
			b.SetInt(b.Slot([]byte("n")), int64(k))
			b.EndRow(baseTime + int64(i)*60e9 + int64(k)*1e6)
		}
		table.add(t, b, storage.Rich)
	}
	pool := NewPool(1)
	defer pool.Close()
	plan := table.plan(t, "SELECT * FROM t LIMIT 100")
	p, cover, err := pool.run(context.Background(), plan, table.units, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if p.Stats.BlocksScanned != 1 || p.Stats.BlocksPruned != 19 {
		t.Errorf("%d blocks read, %d pruned", p.Stats.BlocksScanned, p.Stats.BlocksPruned)
	}
	if cover.Covered != 20_000 {
		t.Errorf("covered %d: what need not be read stands behind the answer too", cover.Covered)
	}
}

func TestTimeRangeEdges(t *testing.T) {
	table := tiedTable(t, 3, 200)
	pool := NewPool(2)
	defer pool.Close()
	for from := range 6 {
		for to := range 6 {
			table.check(t, pool, fmt.Sprintf(
				"SELECT time(10s), count() FROM t SINCE '2026-11-22T10:00:%02dZ' UNTIL '2026-11-22T10:00:%02dZ' GROUP BY time(10s)", from*10, to*10))
			table.check(t, pool, fmt.Sprintf(
				"SELECT count() FROM t WHERE time >= '2026-11-22T10:00:%02dZ' AND time < '2026-11-22T10:00:%02dZ'", from*10, to*10))
		}
	}
}

// TestUnevenBuckets: buckets of months, in blocks within one and across several.
func TestUnevenBuckets(t *testing.T) {
	r := rand.New(rand.NewPCG(61, 62))
	table := &testTable{schema: map[string]storage.TypeSet{}}
	const day = int64(86_400e9)
	for i := range int64(8) {
		b := storage.NewBatch()
		for range 200 {
			b.SetInt(b.Slot([]byte("n")), r.Int64N(5))
			b.EndRow(baseTime + i*9*day + r.Int64N(1+(i%3)*20)*day)
		}
		table.add(t, b, storage.Rich)
		table.rows = append(table.rows, readRows(t, table.units[i])...)
	}
	pool := NewPool(2)
	defer pool.Close()
	for _, key := range []string{"date_trunc('month', time)", "date_trunc('year', time)", "date_trunc('quarter', time)", "time(1mo)", "time(1w)", "time(1d)"} {
		table.check(t, pool, "SELECT "+key+", n, count() FROM t GROUP BY 1, 2")
	}
}

// TestKeepWithoutEnd: who wants more rows than there can be never has any dropped, nor
// those that came sorted anew after each block.
func TestKeepWithoutEnd(t *testing.T) {
	c := &rowCollector{rowPlan: &rowPlan{keep: math.MaxInt64}, part: &query.Partial{}}
	if err := c.compact(); err != nil {
		t.Fatal(err)
	}
}
