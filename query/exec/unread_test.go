package exec

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// checkGroups demands that a partial merges and that all its groups have rows.
func checkGroups(t *testing.T, what string, plan *query.Plan, p *query.Partial, groups int, rows uint64) {
	t.Helper()
	if _, err := query.Merge(plan, []*query.Partial{p}); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	counts := p.States[0].(*query.CountState).N
	if p.Groups != groups || len(counts) != groups || countOf(p) != rows {
		t.Errorf("%s: %d groups, %d states of %d rows, want %d of %d", what, p.Groups, len(counts), countOf(p), groups, rows)
	}
	if slices.Contains(counts, 0) {
		t.Errorf("%s: there are groups of no rows", what)
	}
}

// TestDamageAfterGroups: what groups a block has is known before its damage is
// met; they are not in the answer.
func TestDamageAfterGroups(t *testing.T) {
	table := plainTable(t, 5, 2000)
	plan := table.plan(t, "SELECT service, count(), max(user) FROM t GROUP BY service")
	for _, workers := range []int{1, 2} {
		pool := NewPool(workers)
		for at := range table.units {
			units := slices.Clone(table.units)
			bad := damagedUnit(t, 2000, "ghost")
			bad.meta.MinTime, bad.meta.MaxTime = units[at].meta.MinTime, units[at].meta.MaxTime
			units[at] = bad
			p, cover, err := pool.run(context.Background(), plan, units, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			what := fmt.Sprintf("block %d of %d workers", at, workers)
			checkGroups(t, what, plan, p, 5, 8000)
			if cover.Covered != 8000 || skippedRows(cover, "damaged") != 2000 {
				t.Errorf("%s: covered %d, damaged %d", what, cover.Covered, skippedRows(cover, "damaged"))
			}
		}
		p, _, err := pool.run(context.Background(), plan, []unit{damagedUnit(t, 2000, "ghost")}, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		checkGroups(t, "no other block", plan, p, 0, 0)
		// Nor is an answer cut by groups that it does not hold.
		units := append(slices.Clone(table.units[:1]), damagedUnit(t, 2000, "ghost"))
		p, _, err = pool.run(context.Background(), plan, units, Limits{Groups: 5})
		if err != nil {
			t.Fatal(err)
		}
		checkGroups(t, "a limit", plan, p, 5, 2000)
		if p.Truncated != nil {
			t.Errorf("truncated: %+v", p.Truncated)
		}
		pool.Close()
	}
}

// TestExpiredAfterGroups: the deadline passes between the keys of a block and
// the argument of its aggregate; what was read before is the answer.
func TestExpiredAfterGroups(t *testing.T) {
	table := plainTable(t, 4, 3000)
	// Of two chains, the second one reads the groups that the first one has let go.
	table.units[1].open = table.units[2].open
	for _, keys := range []string{"user", "user, n"} { // an array of groups, a hash table
		plan := table.plan(t, "SELECT "+keys+", count(), max(concat(user, '-', service)) FROM t GROUP BY "+keys)
		for _, chains := range []int{1, 2} {
			r := &run{ctx: context.Background(), plan: plan, budget: &budget{max: processBytesMax}, spares: noSpares(), lim: Limits{Groups: 100_000, Bytes: 1 << 30}}
			r.coverer.init(plan)
			r.keys, r.feeds = compileKeys(plan.Keys), compileFeeds(plan)
			r.choose(table.units)
			s := new(scratch)
			var all []*chain
			for i := range chains {
				c := r.newChain(i, chains)
				all = append(all, c)
				if !c.read(s) {
					t.Fatal("a good block fails")
				}
				c.next++
			}
			for _, c := range all {
				c.view.expired = func() bool { return true }
				if c.read(s) {
					t.Fatal("a block is read after the deadline")
				}
			}
			p, cover, err := r.finish(all)
			if err != nil {
				t.Fatal(err)
			}
			checkGroups(t, fmt.Sprintf("%s in %d chains", keys, chains), plan, p, 3000*chains, uint64(3000*chains))
			if late := skippedRows(cover, "timeout"); cover.Covered+late != 12_000 || late != uint64(12_000-3000*chains) {
				t.Errorf("covered %d, late %d", cover.Covered, late)
			}
		}
	}
}

// TestBugOutsideOfABlock: a bug between two blocks ends the query, not the worker.
func TestBugOutsideOfABlock(t *testing.T) {
	table := plainTable(t, 3, 100)
	plan := table.plan(t, "SELECT service, count() FROM t GROUP BY service")
	r := &run{ctx: context.Background(), plan: plan, budget: &budget{max: processBytesMax}, spares: noSpares(), lim: Limits{Groups: 100, Bytes: 1 << 20}}
	r.coverer.init(plan)
	r.keys, r.feeds = compileKeys(plan.Keys), compileFeeds(plan)
	r.choose(table.units)
	c := r.newChain(0, 1)
	// A block that gives up after it has changed the state is a bug.
	c.units[1].open = func() (*storage.Block, error) {
		c.dirty = true
		return nil, errExpired
	}
	pool := NewPool(1)
	defer pool.Close()
	var bug *BugError
	if err := r.work(pool, []*chain{c}); !errors.As(err, &bug) || len(bug.Stack) == 0 {
		t.Errorf("a bug gives %v", err)
	}
	if p, _, err := pool.run(context.Background(), plan, table.units[:1], Limits{}); err != nil || countOf(p) != 100 {
		t.Errorf("the next query gives %v", err)
	}
}
