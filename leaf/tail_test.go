package leaf

import (
	"context"
	"testing"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// askRound asks for what is new to a tail, as far as it fits the filter.
func askRound(t *testing.T, l *Leaf, id string, round uint64, schema query.Schema) (*query.Partial, error) {
	t.Helper()
	return l.Run(context.Background(), &query.Query{SQL: "SELECT * FROM t WHERE a >= 1 ORDER BY time SAMPLE 5 ROWS", Now: time.Now().UnixNano(),
		Schema: schema, Tail: query.Tail{ID: id, Round: round}})
}

// TestTail: each round has what was committed since the one before, the same again if it
// is asked again, and the exact number of what fits where not all is wanted.
func TestTail(t *testing.T) {
	l, now := newLeaf(t)
	schema := query.Schema{"a": storage.TypeSet(0).With(storage.TypeInt64), "time": storage.TypeSet(0).With(storage.TypeTime)}
	f := func(id string, round uint64, rows int, matched uint64, reason string) {
		t.Helper()
		p, err := askRound(t, l, id, round, schema)
		if err != nil {
			t.Fatal(err)
		}
		if p.Rows[0].Len() != rows || p.Stats.RowsMatched != matched || p.Leaves[0].Reason != reason {
			t.Errorf("tail %s round %d: %d rows of %d, reason %q; want %d of %d, %q", id, round,
				p.Rows[0].Len(), p.Stats.RowsMatched, p.Leaves[0].Reason, rows, matched, reason)
		}
	}
	add := func(n int) {
		t.Helper()
		if err := appendRows(context.Background(), l, n); err != nil {
			t.Fatal(err)
		}
	}
	add(3) // 0 does not fit
	f("x", 1, 0, 0, "")
	add(4)
	f("x", 2, 3, 3, "")
	f("x", 2, 3, 3, "")
	f("y", 1, 0, 0, "")
	add(1_001)
	f("x", 3, 5, 1_000, "")
	add(2)
	f("x", 3, 5, 1_000, "")
	f("x", 4, 1, 1, "")
	f("y", 2, 5, 1_001, "")
	f("x", 5, 0, 0, "")

	// One that the leaf does not know has missed what was committed.
	f("z", 7, 0, 0, "restarting")
	f("z", 7, 0, 0, "restarting")
	add(2)
	f("z", 8, 1, 1, "")

	// A round that could not be bound is not lost.
	add(3)
	delete(schema, "a")
	if _, err := askRound(t, l, "x", 6, schema); err == nil {
		t.Fatal("a plan without the column's type is answered")
	}
	schema["a"] = storage.TypeSet(0).With(storage.TypeInt64)
	f("x", 6, 3, 3, "") // those of z's last round, too

	now.Add(int64(tailLease / 2))
	f("x", 7, 0, 0, "")
	now.Add(int64(tailLease/2) + 1)
	l.sweepTails()
	if len(l.tails.byID) != 1 || l.tails.byID["x"] == nil {
		t.Errorf("%d tails are kept, want the one that has asked", len(l.tails.byID))
	}
	now.Add(int64(tailLease) + 1)
	l.sweepTails()
	if n := l.cfg.Store.Status().Views; len(l.tails.byID) != 0 || n != 0 {
		t.Errorf("%d tails and %d views are kept of those that are gone", len(l.tails.byID), n)
	}
}

// TestTailsMax: those who are too many are refused.
func TestTailsMax(t *testing.T) {
	l, _ := newLeaf(t)
	for i := range tailsMax {
		if _, err := askRound(t, l, string(rune('a'+i)), 1, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := askRound(t, l, "one more", 1, nil); err == nil {
		t.Error("there is no most")
	}
}
