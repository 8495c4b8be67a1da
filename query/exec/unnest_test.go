package exec

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/query/oracle"
	"github.com/kelpdb/kelp/storage"
)

// listTable is rows with lists of up to most items of few kinds, among them null
// lists, in blocks of any form.
func listTable(t testing.TB, rows, most int) *diffTable {
	r := rand.New(rand.NewPCG(uint64(rows), uint64(most)))
	var all []oracle.Row
	for i := range rows {
		row := oracle.Row{storage.TimeColumn: storage.Time(baseTime + int64(i)*1e6), "n": storage.Int(int64(i))}
		if r.IntN(10) > 0 {
			items := make([]string, r.IntN(most+1))
			for k := range items {
				items[k] = fmt.Sprintf("item-%d", r.IntN(40))
			}
			row["tags"] = storage.List(items)
			row["s"] = storage.String(fmt.Sprintf("text %d of %d", i, r.IntN(100)))
		}
		all = append(all, row)
	}
	return layOut(t, r, all, 1, rows/2)
}

// TestUnnestLongLists: lists with more items than the plans that are kept, and than
// the passes between which the scratch is taken back.
func TestUnnestLongLists(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	r := rand.New(rand.NewPCG(1, 2))
	for _, most := range []int{3, itemPassesMax - 1, itemPassesMax, itemPlansMax + 3*itemPassesMax} {
		d := listTable(t, 300, most)
		for _, sql := range []string{
			"SELECT unnest(tags), count(), sum(n), max(s), topk(3, s), p50(n) FROM t GROUP BY 1",
			"SELECT unnest(tags), n % 7, count() FROM t WHERE n > 20 GROUP BY 1, 2",
			"SELECT upper(unnest(tags)), count(distinct n) FILTER (WHERE s LIKE '%7%') FROM t GROUP BY 1",
		} {
			if problem, err := d.differs(r, pool, sql, diffNow); problem != "" || err != nil {
				t.Fatalf("lists of %d: %s: %s %v", most, sql, problem, err)
			}
		}
	}
}

// TestUnnestExpires: a query that ends while a block is taken item by item has all
// of the block or nothing of it.
func TestUnnestExpires(t *testing.T) {
	table := &testTable{schema: query.Schema{}}
	const rows, items = 1000, 4
	for range 3 {
		b := storage.NewBatch()
		for i := range rows {
			b.SetValue(b.Slot([]byte("tags")), storage.List([]string{"a", "b", "a", fmt.Sprint(i % 300)}))
			b.EndRow(baseTime + int64(i))
		}
		table.add(t, b, storage.Rich)
	}
	plan := table.plan(t, "SELECT unnest(tags), count() FROM t GROUP BY 1")
	seen := map[uint64]bool{}
	for polls := range 40 {
		r := &run{ctx: context.Background(), plan: plan, budget: &budget{max: processBytesMax}, spares: noSpares(), lim: Limits{Groups: 100_000, Bytes: 1 << 30}, unnests: true}
		r.coverer.init(plan)
		r.keys, r.feeds = compileKeys(plan.Keys), compileFeeds(plan)
		r.choose(table.units)
		c := r.newChain(0, 1)
		c.view.expired = func() bool {
			polls--
			return polls < 0
		}
		s := new(scratch)
		for c.next < len(c.units) && !r.over.Load() {
			if c.read(s) {
				c.next++
			}
		}
		p, cover, err := r.finish([]*chain{c})
		if err != nil {
			t.Fatal(err)
		}
		if n := countOf(p); n != cover.Covered*items || n%(rows*items) != 0 {
			t.Errorf("counted %d items of %d rows", n, cover.Covered)
		}
		seen[cover.Covered] = true
	}
	if len(seen) < 3 {
		t.Errorf("no query ended early: %v", seen)
	}
}

// TestUnnestItemsMax: an answer without the items beyond the limit says so.
func TestUnnestItemsMax(t *testing.T) {
	pool := NewPool(1)
	defer pool.Close()
	for _, over := range []int{0, 1} {
		table := &testTable{schema: query.Schema{}}
		b := storage.NewBatch()
		b.SetValue(b.Slot([]byte("tags")), storage.List(slices.Repeat([]string{"a"}, query.UnnestItemsMax+over)))
		b.EndRow(baseTime)
		table.add(t, b, storage.Rich)
		plan := table.plan(t, "SELECT unnest(tags), count() FROM t GROUP BY 1")
		p, _, err := pool.run(context.Background(), plan, table.units, Limits{})
		if err != nil || countOf(p) != query.UnnestItemsMax {
			t.Fatalf("counted %d, %v", countOf(p), err)
		}
		if cut := p.Truncated != nil; cut != (over > 0) || len(p.Warnings) != over {
			t.Errorf("%d items too many: truncated %+v, warnings %q", over, p.Truncated, p.Warnings)
		}
	}
}

// TestUnnestCancelled: nobody waits for the passes of a long list.
func TestUnnestCancelled(t *testing.T) {
	table := &testTable{schema: query.Schema{}}
	b := storage.NewBatch()
	b.SetValue(b.Slot([]byte("tags")), storage.List(slices.Repeat([]string{"a"}, 10_000)))
	b.EndRow(baseTime)
	table.add(t, b, storage.Rich)
	plan := table.plan(t, "SELECT unnest(tags), count() FROM t GROUP BY 1")
	ctx, cancel := context.WithCancel(context.Background())
	r := &run{ctx: ctx, plan: plan, budget: &budget{max: processBytesMax}, spares: noSpares(), lim: Limits{Groups: 100_000, Bytes: 1 << 30}, unnests: true}
	r.coverer.init(plan)
	r.keys, r.feeds = compileKeys(plan.Keys), compileFeeds(plan)
	r.choose(table.units)
	c := r.newChain(0, 1)
	c.view.expired = func() bool {
		cancel() // while the first pass is made
		return false
	}
	if c.read(new(scratch)) || !errors.Is(r.failed, context.Canceled) {
		t.Errorf("the query ends with %v", r.failed)
	}
	if len(c.items) > 3 {
		t.Errorf("%d passes were made", len(c.items))
	}
}
