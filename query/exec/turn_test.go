package exec

import (
	"context"
	"testing"

	"github.com/kelpdb/kelp/query"
)

// blockAllocs is how many pieces of heap one more block takes that is counted by the
// head of a dictionary: the function that resolves its codes and the row that it asks,
// and no column, selection or set, which are used again.
const blockAllocs = 2

// TestTurnAllocates: what a block needs for its turn is there from the one before.
func TestTurnAllocates(t *testing.T) {
	if underRace {
		t.Skip("SKIP: the race detector allocates for itself")
	}
	table := plainTable(t, 1, 5000)
	pool := NewPool(1)
	defer pool.Close()
	plan := table.plan(t, "SELECT service, count() FROM t GROUP BY service")
	allocs := func(blocks int) float64 {
		units := make([]unit, blocks)
		for i := range units {
			units[i] = table.units[0]
		}
		return testing.AllocsPerRun(10, func() {
			p, _, err := pool.run(context.Background(), plan, units, Limits{})
			if err != nil || p.Stats.RowsMatched != uint64(5000*blocks) {
				t.Fatalf("%d of %d blocks: %d rows, %v", blocks, len(units), p.Stats.RowsMatched, err)
			}
		})
	}
	if more := (allocs(300) - allocs(100)) / 200; more > blockAllocs+0.5 {
		t.Errorf("one more block allocates %.2f times, at most %d were expected", more, blockAllocs)
	}
}

// TestTurnBegins: nothing of one block is left in the next.
func TestTurnBegins(t *testing.T) {
	table := plainTable(t, 3, 500)
	v := newBlockView([]query.ColumnRef{{Name: "service"}, {Name: "n"}}, func() bool { return false })
	s := new(scratch)
	for i := range table.units {
		b, err := table.units[i].open()
		if err != nil {
			t.Fatal(err)
		}
		v.open(s, b)
		for k, refs := range v.refs {
			stored := v.column(k)
			if len(stored) != 1 {
				t.Fatalf("block %d has %d columns %q", i, len(stored), refs.Name)
			}
			if c := stored[0]; c.touched || c.hasCodes || c.hasValid || c.ints != nil || c.entries != nil || c.codes16 != nil {
				t.Errorf("block %d: column %q begins with what another has left", i, refs.Name)
			}
		}
		if v.column(0)[0] == v.column(1)[0] {
			t.Fatalf("block %d: two columns share what is known of them", i)
		}
		for k := range v.refs {
			c := v.column(k)[0]
			if err := v.load(c, nil); err != nil {
				t.Fatal(err)
			}
			for row := range v.rows {
				if got, want := v.value(c, row), table.rows[i*500+row][v.refs[k].Name]; query.Order(got, want) != 0 {
					t.Fatalf("block %d, row %d, %q: %v, want %v", i, row, v.refs[k].Name, got, want)
				}
			}
		}
	}
}
