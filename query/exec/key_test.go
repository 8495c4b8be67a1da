package exec

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/query/oracle"
	"github.com/kelpdb/kelp/storage"
)

// TestCompactInVain: values of a key that no selected row has are not numbered.
func TestCompactInVain(t *testing.T) {
	var rows []oracle.Row
	for i := range 2000 {
		rows = append(rows, oracle.Row{storage.TimeColumn: storage.Time(diffNow - int64(i)*1e6), "n": storage.Int(int64(i % 200)),
			"path": storage.String(fmt.Sprintf("/%d/%d", i%50, i%200))})
	}
	d := layOut(t, diffRand(t, 11), rows, 1, 2000)
	pool := NewPool(1)
	defer pool.Close()
	plan, err := d.query("SELECT sum(n) FROM t WHERE n IN (3, 53) GROUP BY split_part(path, '/', 2)", diffNow).Plan()
	if err != nil {
		t.Fatal(err)
	}
	r := &run{ctx: t.Context(), plan: plan, lim: Limits{Groups: 1000, Bytes: 1 << 30}, budget: &pool.budget, spares: &pool.spares, filter: compileFilter(plan.Filter, true)}
	r.coverer.init(plan)
	r.compileGroupings()
	r.feeds = compileFeeds(plan)
	r.choose(d.leaves[0])
	c := r.newChain(0, 1)
	for s := new(scratch); c.step(s, time.Now().Add(time.Hour)); {
	}
	g := c.state.grouper
	if ids := int(g.tables[0].id(storage.String("a value that is new"))); g.index.groups != 1 || ids != 1 {
		t.Errorf("%d groups, %d values are numbered", g.index.groups, ids)
	}
}

// TestBucketsAtTheEdges: times at the ends of int64 have no bucket, or their
// own, and leave those of other rows alone.
func TestBucketsAtTheEdges(t *testing.T) {
	const low, high = math.MinInt64, math.MaxInt64
	pool := NewPool(1)
	defer pool.Close()
	for _, times := range [][]int64{
		{low, 0, 5, 86_400e9}, {0, 5, high - 1}, {low, low + 1, 0, 5, high - 1, high}, {low, low + 1}, {high - 2, high - 1},
		{low, high - 1}, {low + 8*86_400e9, 0, high - 8*86_400e9}, {low, low + 15*86_400e9, low + 15*86_400e9 + 1},
	} {
		table := &testTable{schema: query.Schema{}}
		b := storage.NewBatch()
		for _, at := range times {
			b.SetInt(b.Slot([]byte("n")), at%7)
			b.EndRow(at)
		}
		table.add(t, b, storage.Rich)
		table.rows = readRows(t, table.units[0])
		for _, width := range []string{"1s", "1d", "1w", "2w", "1mo", "5200w", "15000w"} {
			key := "time(" + width + ")"
			table.check(t, pool, "SELECT "+key+", count(), min(n) FROM t GROUP BY "+key)
			table.check(t, pool, "SELECT n, "+key+", count() FROM t WHERE n >= 0 GROUP BY n, "+key)
		}
	}
}

// TestBucketsAtTheEdgesWarn: a time without a bucket is told of.
func TestBucketsAtTheEdgesWarn(t *testing.T) {
	for _, width := range []string{"1w", "1mo"} {
		table := &testTable{schema: query.Schema{}}
		b := storage.NewBatch()
		for _, at := range []int64{math.MinInt64, math.MinInt64 + 1} {
			b.EndRow(at)
		}
		table.add(t, b, storage.Rich)
		pool := NewPool(1)
		p, _, err := pool.run(t.Context(), table.plan(t, "SELECT time("+width+"), count() FROM t GROUP BY time("+width+")"), table.units, Limits{})
		pool.Close()
		if err != nil || p.Groups != 1 || len(p.Warnings) == 0 {
			t.Errorf("time(%s): %d groups, warnings %q, %v", width, p.Groups, p.Warnings, err)
		}
	}
}
