package aggregator

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kelpdb/kelp/query"
)

// emptyLeaf answers any query with no rows and counts the calls.
type emptyLeaf struct {
	*faultLeaf
	calls atomic.Int64
}

func (l *emptyLeaf) Run(_ context.Context, q *query.Query) (*query.Partial, error) {
	l.calls.Add(1)
	plan, err := q.Plan()
	if err != nil {
		return nil, err
	}
	p := query.NewPartial(plan)
	p.Leaves = []query.LeafReport{{Leaf: l.name, Epoch: 1, Seq: 1}}
	return p, nil
}

// TestDistinctIsKept: the engine is asked again only for a table that has
// changed, and then not before what is known has served its time.
func TestDistinctIsKept(t *testing.T) {
	leaf := &emptyLeaf{faultLeaf: &faultLeaf{name: "leaf-1", rows: 3}}
	a := newTest(t)
	a.Attach("leaf-1", "", leaf, true)
	until(t, func() bool { return a.book.knows("t") })
	detail := func(rows uint64) (calls int64, columns []columnJSON) {
		t.Helper()
		d := &tableJSON{Table: "t", Rows: rows, Columns: []columnJSON{{Name: "a"}, {Name: "b"}}}
		d.Completeness.Leaves.Answered = 1
		before := leaf.calls.Load()
		a.addDistinct(t.Context(), d)
		return leaf.calls.Load() - before, d.Columns
	}
	f := func(when string, rows uint64, wantCalls int64) {
		t.Helper()
		calls, columns := detail(rows)
		if calls != wantCalls {
			t.Errorf("%s: the leaf was asked %d times, want %d", when, calls, wantCalls)
		}
		for _, c := range columns {
			if c.Distinct == nil || *c.Distinct != 0 {
				t.Errorf("%s: distinct of %s is %v, want 0", when, c.Name, c.Distinct)
			}
		}
	}
	f("first", 3, 2)
	f("unchanged", 3, 0)
	age := func(at time.Time, took time.Duration) {
		known := a.distincts.of("t")
		for name, e := range known {
			e.at, e.took = at, took
			known[name] = e
		}
		a.distincts.put("t", known)
	}
	age(time.Now(), time.Hour)
	f("changed, and what is known was dear", 4, 0)
	age(time.Now().Add(-distinctRest*time.Second), time.Second)
	f("changed, and what is known has served", 4, 2)

	leaf.fail = context.Canceled
	for range distinctTablesMax + 1 {
		a.distincts.put(time.Now().String(), nil)
	}
	if n := len(a.distincts.tables); n > distinctTablesMax {
		t.Errorf("%d tables are kept, at most %d", n, distinctTablesMax)
	}
}
