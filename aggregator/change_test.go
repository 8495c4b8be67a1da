package aggregator

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// groupsLeaf has its rows in one group of each set that is asked for, and is dead for
// some questions.
type groupsLeaf struct {
	*faultLeaf
	dead func(sql string) bool
	sets chan int // gets how many sets each question has
	cut  func(sets int) *query.Truncated
}

func (l *groupsLeaf) Run(_ context.Context, q *query.Query) (*query.Partial, error) {
	if l.dead(q.SQL) {
		return nil, &wire.Error{Code: wire.CodeUnreachable, Message: "refused"}
	}
	plan, err := q.Plan()
	if err != nil {
		return nil, err
	}
	l.sets <- len(plan.Sets)
	p := query.NewPartial(plan)
	for set := range plan.Sets {
		for _, column := range p.Keys[:len(p.Keys)-1] {
			column.Append(storage.Value{})
		}
		p.Keys[len(p.Keys)-1].Append(storage.Int(int64(set)))
		p.Groups++
	}
	for _, s := range p.States {
		s.Grow(p.Groups)
		for g := range p.Groups {
			s.(*query.CountState).N[g] = l.rows
		}
	}
	p.Leaves = []query.LeafReport{{Leaf: l.name, Covered: l.rows, Epoch: 1, Seq: 1}}
	p.Stats.RowsScanned = l.rows
	if l.cut != nil {
		p.Truncated = l.cut(len(plan.Sets))
	}
	return p, nil
}

// TestChangeHalves: columns that take too much memory together are asked for in halves,
// those of too many groups are not, as each has as many alone; and the cost is that of
// all questions.
func TestChangeHalves(t *testing.T) {
	f := func(by string, questions int, truncated bool) {
		t.Helper()
		sets := make(chan int, 100)
		a := newTest(t)
		a.Attach("leaf-1", "", &groupsLeaf{&faultLeaf{name: "leaf-1", rows: 10}, func(string) bool { return false }, sets, func(sets int) *query.Truncated {
			if sets > 2 {
				return &query.Truncated{By: by, Limit: 5, Kept: 5}
			}
			return nil
		}}, true)
		until(t, a.Ready)
		ans, err := a.Answer(t.Context(), Ask{SQL: "EXPLAIN CHANGE OF count() FROM t SINCE '1970-01-01T00:00:00Z' UNTIL '1970-01-01T00:00:01Z' COMPARE 1s BY a, b, c, d"})
		if err != nil {
			t.Fatal(err)
		}
		if len(sets) != questions || ans.Stats.RowsScanned != 10*uint64(questions) || (ans.Result.Truncated != nil) != truncated {
			t.Errorf("cut by %s: %d questions, %d rows scanned, %+v", by, len(sets), ans.Stats.RowsScanned, ans.Result.Truncated)
		}
	}
	f("memory", 6, false)
	f("groups", 2, true)
}

// TestChangeMissing: a leaf that is dead is missed in the completeness of both sides of
// a change, or of the side that it was dead for, and of a selection and its rest. All
// columns are asked for in one question of a side.
func TestChangeMissing(t *testing.T) {
	const sql = "EXPLAIN CHANGE OF count() FROM t SINCE '1970-01-01T00:00:00Z' UNTIL '1970-01-01T00:00:01Z' COMPARE 1s BY a, b, c"
	f := func(dead func(sql string) bool, present, past int) {
		t.Helper()
		sets := make(chan int, 100)
		a := newTest(t)
		a.Attach("leaf-1", "", &groupsLeaf{&faultLeaf{name: "leaf-1", rows: 10}, func(string) bool { return false }, sets, nil}, true)
		a.Attach("leaf-2", "", &groupsLeaf{&faultLeaf{name: "leaf-2", rows: 30}, dead, sets, nil}, true)
		until(t, a.Ready)
		ans, err := a.Answer(t.Context(), Ask{SQL: sql})
		if err != nil {
			t.Fatal(err)
		}
		now, before := ans.Completeness, ans.Compare.Completeness
		if len(now.Leaves.Missing) != present || (now.Ratio == 1) != (present == 0) || len(before.Leaves.Missing) != past || (before.Ratio == 1) != (past == 0) {
			t.Errorf("now %+v, before %+v", now, before)
		}
		for len(sets) > 0 {
			if n := <-sets; n != 3 {
				t.Errorf("a question of %d sets", n)
			}
		}
		w := do(t, a.Handler(HTTPConfig{}), "POST", "/v1/differs", `{"table": "t", "selection": "a = 'x'", "by": ["a", "b"]}`)
		var got struct{ Completeness Completeness }
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
			t.Fatalf("%d %v: %s", w.Code, err, w.Body)
		}
		if c := got.Completeness; dead("") && (c.Ratio != 0.25 || len(c.Leaves.Missing) != 1) {
			t.Errorf("differs: %+v", c)
		}
	}
	f(func(string) bool { return false }, 0, 0)
	f(func(string) bool { return true }, 1, 1)
	f(func(sql string) bool { return strings.Contains(sql, "1969") }, 0, 1)
	f(func(sql string) bool { return strings.Contains(sql, "UNTIL '1970-01-01T00:00:01Z'") }, 1, 0)
}
