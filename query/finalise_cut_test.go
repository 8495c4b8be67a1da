package query

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kelpdb/kelp/storage"
)

// cutPlan is a plan of one key, count, sum, min and p50, ordered by one of them.
func cutPlan(r *rand.Rand) *Plan {
	col := &Bound{Op: OpColumn, Type: storage.TypeInt64}
	plan := &Plan{Grouped: true, Keys: []Key{{Type: storage.TypeInt64, Name: "k"}}, Aggs: []Agg{
		{Kind: AggCount, Type: storage.TypeInt64}, {Kind: AggSum, Arg: col, Type: storage.TypeInt64},
		{Kind: AggMin, Arg: col, Type: storage.TypeInt64}, {Kind: AggPercentile, Param: 0.5, Arg: col, Type: storage.TypeFloat64},
	}}
	plan.Outputs = []Output{{Name: "k", Type: storage.TypeInt64, Expr: &Bound{Op: OpKey, Type: storage.TypeInt64}}}
	for i, a := range plan.Aggs {
		plan.Outputs = append(plan.Outputs, Output{Name: fmt.Sprint("a", i), Type: a.Type, Expr: &Bound{Op: OpAgg, Type: a.Type, Index: i}})
	}
	plan.Order = []OrderTerm{
		{Output: 1 + r.IntN(2), Desc: r.IntN(2) == 0, NullsFirst: r.IntN(2) == 0}, {Output: r.IntN(3)}, {Output: 0},
	}
	plan.Limit = Limit{N: int64(r.IntN(300)), Offset: int64(r.IntN(2) * r.IntN(50)), Explicit: r.IntN(2) == 0}
	return plan
}

// TestShownGroups: what Finalise makes of the shown groups is what it makes of all.
func TestShownGroups(t *testing.T) {
	cuts := 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 9))
		plan := cutPlan(r)
		n := cutMin + r.IntN(3000)
		p := NewPartial(plan)
		p.Groups = n
		spread := int64(1) << r.IntN(62)
		for i := range p.States {
			p.States[i].Grow(n)
		}
		for g := range uint32(n) {
			p.Keys[0].Append(storage.Int(int64(g) ^ 0x2a5))
			p.States[0].(*CountState).AddN(g, uint64(r.Int64N(spread)))
			if r.IntN(5) > 0 {
				v := r.Int64N(spread) - spread/2
				p.States[1].(*SumState).AddInts([]uint32{g}, []int64{v}, nil)
				p.States[2].(*MinMaxState).AddInts([]uint32{g}, []int64{v})
				p.States[3].(*PercentileState).Add([]uint32{g}, []float64{float64(v)}, nil)
			}
		}
		if seed%10 == 0 { // sums and counts that pass int64 are told of
			p.States[0].(*CountState).AddN(5, math.MaxInt64+uint64(seed%20))
			p.States[1].(*SumState).AddInts([]uint32{7, 7}, []int64{math.MaxInt64, math.MaxInt64}, nil)
		}
		whole, err := Finalise(plan, p, FinalEnv{})
		if err != nil {
			t.Fatal(err)
		}
		shown, ok := ShownGroups(plan, n, p.States, nil)
		if !ok {
			continue
		}
		cuts++
		for name, other := range map[string]func(p *Plan){
			"FILL": func(p *Plan) { p.Fill = true }, "COMPARE": func(p *Plan) { p.Compare = &Compared{} },
			"HAVING": func(p *Plan) { p.Having = &Bound{} }, "WITH OTHER": func(p *Plan) { p.Limit.WithOther = true },
			"LIMIT BY": func(p *Plan) { p.Limit.ByN = 1 }, "LIMIT ALL": func(p *Plan) { p.Limit.N = -1 },
		} {
			all := *plan
			other(&all)
			if _, cut := ShownGroups(&all, n, p.States, nil); cut {
				t.Fatalf("with %s, groups are left out that it looks at", name)
			}
		}
		few := *p
		few.Groups, few.States, few.Keys = len(shown), PickGroups(p.States, shown), []*Vec{NewVec(storage.TypeInt64)}
		for _, g := range shown {
			few.Keys[0].AppendFrom(p.Keys[0], int(g))
		}
		cut, err := Finalise(plan, &few, FinalEnv{})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := describeResult(cut), describeResult(whole); got != want {
			t.Fatalf("seed %d: %+v\n%.600s\nwant\n%.600s", seed, plan.Limit, got, want)
		}
	}
	if cuts < 100 {
		t.Fatalf("groups were left out %d times: the test tests nothing", cuts)
	}
}

// TestShownGroupsPresent: groups that are not there do not show, whatever the order.
func TestShownGroupsPresent(t *testing.T) {
	cuts := 0
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 10))
		plan := cutPlan(r)
		n := 2*cutMin + r.IntN(3000)
		states := NewPartial(plan).States
		for _, s := range states {
			s.Grow(n)
		}
		present, groups := make([]uint64, bitmapWords(n)), []uint32(nil)
		for g := range uint32(n) {
			if r.IntN(3) == 0 {
				continue
			}
			bitmap(present).set(int(g))
			groups = append(groups, g)
			states[0].(*CountState).AddN(g, 1+uint64(r.IntN(20)))
			if r.IntN(5) > 0 {
				states[1].(*SumState).AddInts([]uint32{g}, []int64{r.Int64N(400) - 200}, nil)
			}
		}
		shown, ok := ShownGroups(plan, n, states, present)
		picked, same := ShownGroups(plan, len(groups), PickGroups(states, groups), nil)
		if ok != same {
			t.Fatalf("seed %d: groups can be left out %v, without gaps %v", seed, ok, same)
		}
		for i, g := range picked {
			picked[i] = groups[g]
		}
		if ok && !slices.Equal(shown, picked) {
			t.Fatalf("seed %d, %+v: %d shown, without gaps %d", seed, plan.Order, shown, picked)
		}
		if ok {
			cuts++
		}
	}
	if cuts < 100 {
		t.Fatalf("groups were left out %d times: the test tests nothing", cuts)
	}
}

// BenchmarkShownGroups looks for 20 of a million groups, a third of which are there.
func BenchmarkShownGroups(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	const n = 1_000_000
	plan := cutPlan(r)
	plan.Order[0], plan.Limit = OrderTerm{Output: 1, Desc: true}, Limit{N: 20}
	plan.Aggs = plan.Aggs[:1]
	state, present := &CountState{N: make([]uint64, n)}, make([]uint64, bitmapWords(n))
	for range n / 2 {
		g := r.IntN(n)
		bitmap(present).set(g)
		state.N[g]++
	}
	for b.Loop() {
		if shown, ok := ShownGroups(plan, n, []State{state}, present); !ok || len(shown) < 20 {
			b.Fatal("too few are shown")
		}
	}
}

func describeResult(r *Result) string {
	out := fmt.Sprintf("%d %+v %v %+v\n", r.Rows, r.Truncated, r.Warnings, r.Approximate)
	for i := range r.Rows {
		for _, c := range r.Cols {
			out += fmt.Sprint(c.Value(i), " ")
		}
		out += "\n"
	}
	return out
}
