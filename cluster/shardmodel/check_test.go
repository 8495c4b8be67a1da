package shardmodel

import (
	"strings"
	"testing"
)

// TestHolds: no state of the sizes looked at breaks an invariant.
func TestHolds(t *testing.T) {
	sizes := []Size{{Leaves: 2, Rows: 3, Epochs: 5}, {Leaves: 3, Rows: 1, Epochs: 5}, {Leaves: 3, Rows: 2, Epochs: 4}}
	for _, size := range sizes {
		r := Check(size, Without{})
		if r.Broken != "" {
			t.Errorf("%+v: %s:\n  %s", size, r.Broken, strings.Join(r.Way, "\n  "))
		}
		t.Logf("%+v: %d states", size, r.States)
	}
}

// TestEachRuleIsNeeded: without any one of them something breaks.
func TestEachRuleIsNeeded(t *testing.T) {
	f := func(name string, without Without) {
		t.Helper()
		r := Check(Size{Leaves: 3, Rows: 2, Epochs: 5}, without)
		if r.Broken == "" {
			t.Errorf("without %s nothing breaks, in %d states", name, r.States)
			return
		}
		t.Logf("without %s, %s:\n  %s", name, r.Broken, strings.Join(r.Way, "\n  "))
	}
	f("fencing", Without{Fencing: true})
	f("leases that end", Without{Lease: true})
	f("waiting for a lease to end", Without{Wait: true})
	f("the last home staying", Without{LastStays: true})
	f("waiting for a newcomer", Without{JoinWaits: true})
	f("giving up by the catalog", Without{Cancel: true})
	f("a timed lease beside a newcomer", Without{Timed: true})
	f("both homes' word", Without{Both: true})
}

// TestThingsHappen: the rules do not hold because nothing can happen.
func TestThingsHappen(t *testing.T) {
	f := func(what string, leaves int, found func(*State) bool) {
		t.Helper()
		r := search(&model{size: Size{Leaves: leaves, Rows: 2, Epochs: 3}}, func(s *State) string {
			if found(s) {
				return "found"
			}
			return ""
		})
		if r.Broken == "" {
			t.Errorf("%s: never, in %d states", what, r.States)
		}
	}
	both := func(s *State, i, j int) bool {
		return s.acked == 0b11 && s.leaves[i].lease && s.leaves[j].lease && s.catalog.inSync == set(0).with(i).with(j)
	}
	f("two homes answer with all rows", 2, func(s *State) bool { return both(s, 0, 1) && s.catalog.epoch == 1 })
	f("one home acknowledges while the other is there and knows nothing", 2, func(s *State) bool {
		return s.acked == 0b11 && s.leaves[0].up && s.leaves[0].view.epoch == 1 && s.leaves[1].lease && s.catalog.inSync == 0b10
	})
	f("a home comes back", 2, func(s *State) bool { return both(s, 0, 1) && s.catalog.epoch == 3 })
	f("the shard moves to other leaves", 3, func(s *State) bool { return both(s, 1, 2) && s.leaves[0].log.n == 0 })
	f("a tail that nobody acknowledged is dropped", 2, func(s *State) bool {
		return both(s, 0, 1) && s.leaves[0].log.rows[0] == 1 && s.catalog.epoch == 3
	})
}
