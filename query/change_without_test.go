package query

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/kelpdb/kelp/storage"
)

// TestWithoutEach: what a state says of all groups but one is what merging the others
// comes to, for groups of nothing, of a few values and of many.
func TestWithoutEach(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	x := &Bound{Op: OpColumn, Type: storage.TypeFloat64}
	aggs := []Agg{{Kind: AggCount, Type: storage.TypeInt64}, {Kind: AggUniq, Arg: x, Type: storage.TypeInt64}}
	for _, p := range []float64{0, 0.5, 0.99, 1} {
		aggs = append(aggs, Agg{Kind: AggPercentile, Arg: x, Param: p, Type: storage.TypeFloat64})
	}
	side := &ChangeSide{Plan: &Plan{Aggs: aggs}}
	for range 40 {
		groups := 1 + r.IntN(6)
		for agg := range aggs {
			state := side.newState(agg, groups)
			for g := range groups {
				feedSome(r, state, uint32(g))
			}
			without := state.(withouter).withoutEach()
			if without == nil {
				t.Fatalf("%v must be merged", aggs[agg].Kind)
			}
			want := side.mergeOthers(agg, state, groups)
			for g := range groups {
				if got, want := without(g), want.Value(g); Order(got, want) != 0 || got.Type != want.Type {
					t.Errorf("aggregate %d (%v) of %d groups without %d: %v, want %v", agg, aggs[agg].Kind, groups, g, got, want)
				}
			}
		}
	}
}

// feedSome feeds a group nothing, a few values, or many, some of them another group's.
func feedSome(r *rand.Rand, state State, g uint32) {
	n := []int{0, 1, 5, 30, 600, 900, 3000}[r.IntN(7)]
	for range n {
		value := float64(r.IntN(4000))
		if r.IntN(3) == 0 {
			value = -math.Exp(r.NormFloat64() * 20)
		}
		switch s := state.(type) {
		case *CountState:
			s.AddN(g, 1+r.Uint64N(5))
		case *PercentileState:
			s.AddN(g, value, 1+r.Uint64N(5))
		case *UniqState:
			s.AddHash(g, HashFloat(value))
		}
	}
}

// TestWithoutEachSaturated: what does not fit 64 bits can not be taken off again.
func TestWithoutEachSaturated(t *testing.T) {
	count := &CountState{N: []uint64{math.MaxUint64, 7}}
	if count.withoutEach() != nil {
		t.Error("a count at the largest is taken off")
	}
	p := newPercentileState(&Agg{Kind: AggPercentile, Param: 0.5})
	p.Grow(2)
	p.AddN(0, 1, math.MaxUint64)
	p.AddN(1, 2, 5)
	if p.withoutEach() != nil {
		t.Error("a histogram at the largest is taken off")
	}
}

func BenchmarkWithoutEach(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	x := &Bound{Op: OpColumn, Type: storage.TypeFloat64}
	side := &ChangeSide{Plan: &Plan{Aggs: []Agg{{Kind: AggPercentile, Arg: x, Param: 0.99}, {Kind: AggUniq, Arg: x}}}}
	for agg, name := range []string{"percentile", "uniq"} {
		const groups = 200
		state := side.newState(agg, groups)
		for g := range uint32(groups) {
			for range 3000 {
				v := math.Exp(r.NormFloat64() * 2)
				if agg == 0 {
					state.(*PercentileState).AddN(g, v, 1)
				} else {
					state.(*UniqState).AddHash(g, HashFloat(v))
				}
			}
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				without := state.(withouter).withoutEach()
				for g := range groups {
					without(g)
				}
			}
		})
		b.Run(name+"/merged", func(b *testing.B) {
			for b.Loop() {
				state := side.mergeOthers(agg, state, groups)
				for g := range groups {
					state.Value(g)
				}
			}
		})
	}
}
