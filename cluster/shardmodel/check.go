package shardmodel

import "slices"

// Result is what a Check found.
type Result struct {
	States int
	Broken string   // the invariant; "": none is
	Way    []string // to the state that breaks it, by the fewest steps
}

// Check visits every state of a model of this size, the nearest first, until one
// breaks an invariant. It takes about 200 bytes a state.
func Check(size Size, without Without) Result {
	return search(&model{size, without}, (*State).broken)
}

// search visits the states of a model, the nearest first, until one is found.
func search(m *model, found func(*State) string) Result {
	type from struct {
		state int // its number in order
		what  string
	}
	seen := map[State]struct{}{}
	var order []State
	var ways []from
	visit := func(s State, f from) {
		if _, ok := seen[s]; !ok {
			seen[s] = struct{}{}
			order, ways = append(order, s), append(ways, f)
		}
	}
	visit(first(m.size), from{-1, "two homes, no row"})
	for at := 0; at < len(order); at++ {
		if broken := found(&order[at]); broken != "" {
			r := Result{States: len(order), Broken: broken}
			for i := at; i >= 0; i = ways[i].state {
				r.Way = append(r.Way, ways[i].what)
			}
			slices.Reverse(r.Way)
			return r
		}
		m.steps(order[at], func(s State, what string) { visit(s, from{at, what}) })
	}
	return Result{States: len(order)}
}
