package query

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The estimate is within five standard errors for every size, small or large,
// and has no bias to speak of over many sets.
func TestDistinctError(t *testing.T) {
	const standardError = 0.0081
	for _, n := range []int{1, 10, 1000, 1024, 1025, 3000, 20_000, 50_000, 200_000, 1_000_000} {
		sets := max(3, min(40, 2_000_000/n))
		sum := 0.0
		for set := range sets {
			var d distinct
			for i := range n {
				d.add(HashInt(int64(set)<<40 + int64(i)))
			}
			off := float64(d.count())/float64(n) - 1
			if n <= distinctFewMax && off != 0 || math.Abs(off) > 5*standardError {
				t.Errorf("%d distinct values are counted as %d", n, d.count())
			}
			sum += off
		}
		if mean := sum / float64(sets); math.Abs(mean) > 4*standardError/math.Sqrt(float64(sets)) {
			t.Errorf("%d distinct values: mean error %.4f over %d sets", n, mean, sets)
		}
	}
}

// The state is a function of the set: order, repetition, merging and travel do
// not show in its bytes.
func TestDistinctIsASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.SampledFrom([]int{0, 5, distinctFewMax - 1, distinctFewMax, distinctFewMax + 1, 5000}).Draw(t, "n")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		hashes := make([]uint64, n)
		for i := range hashes {
			hashes[i] = HashInt(int64(i))
		}
		var all distinct
		for _, h := range hashes {
			all.add(h)
		}
		want := string(appendDistinct(nil, &all))
		parts := make([]distinct, 4)
		for _, i := range append(rng.Perm(n), rng.Perm(n)...) {
			parts[rng.IntN(len(parts))].add(hashes[i])
		}
		var merged distinct
		for _, i := range rng.Perm(len(parts)) {
			travelled, ok := decodeDistinct(string(appendDistinct(nil, &parts[i])))
			if !ok {
				t.Fatal("a set does not travel")
			}
			merged.merge(&travelled)
		}
		if got := string(appendDistinct(nil, &merged)); got != want {
			t.Fatalf("%d hashes in parts give another state", n)
		}
		if merged.bytes() > hllRegisters {
			t.Fatalf("the state takes %d bytes", merged.bytes())
		}
		if merged.count() != all.count() {
			t.Fatalf("%d, not %d", merged.count(), all.count())
		}
	})
}

func TestWordSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.OneOf(rapid.Uint64Range(0, 20), rapid.Uint64())).Draw(t, "words")
		var s wordSet
		model := map[uint64]bool{}
		for _, w := range words {
			if s.add(w) == model[w] {
				t.Fatalf("%d is new: %v", w, !model[w])
			}
			model[w] = true
		}
		if s.len() != len(model) {
			t.Fatalf("%d words, not %d", s.len(), len(model))
		}
		s.each(func(w uint64) {
			if !model[w] {
				t.Fatalf("%d was never added", w)
			}
			delete(model, w)
		})
		if len(model) > 0 {
			t.Fatalf("%v are missing", model)
		}
	})
}

// Over its budget, count(distinct) counts about and says so, however it came there.
func TestUniqExactBudget(t *testing.T) {
	make1 := func(from, to int) *UniqExactState {
		s := &UniqExactState{max: 5000 * uniqWordBytes, Type: 2}
		s.Grow(1)
		for i := from; i < to; i++ {
			s.AddInts([]uint32{0}, []int64{int64(i) << 40}) // each in a page of its own
		}
		return s
	}
	exact := make1(0, 5000)
	if exact.Approx() || exact.Value(0).Int != 5000 {
		t.Errorf("within the budget: %v, approximate %v", exact.Value(0), exact.Approx())
	}
	over := make1(0, 8000)
	merged := make1(0, 4000)
	merged.Merge(make1(3000, 8000), []uint32{0})
	late := make1(0, 10)
	late.Merge(over, []uint32{0})
	for _, s := range []*UniqExactState{over, merged, late} {
		if n := s.Value(0).Int; !s.Approx() || n < 7700 || n > 8300 || n != over.Value(0).Int {
			t.Errorf("beyond the budget: %d, approximate %v", n, s.Approx())
		}
	}
}

// TestAddHashes: a run of hashes leaves what one by one leave, in any order.
func TestAddHashes(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 1))
	var runs, single UniqState
	runs.Grow(3)
	single.Grow(3)
	var groups []uint32
	var hashes []uint64
	for range 40_000 {
		groups = append(groups, uint32(min(r.IntN(3), r.IntN(40))))
		hashes = append(hashes, HashInt(r.Int64N(30_000)))
	}
	for at := 0; at < len(groups); at += 5000 {
		runs.AddHashes(groups[at:at+5000], hashes[at:at+5000])
	}
	for i := len(groups) - 1; i >= 0; i-- {
		single.AddHash(groups[i], hashes[i])
	}
	for g := range 3 {
		if got, want := appendDistinct(nil, &runs.sets[g]), appendDistinct(nil, &single.sets[g]); !slices.Equal(got, want) {
			t.Errorf("group %d counts %d, not %d", g, runs.sets[g].count(), single.sets[g].count())
		}
	}
	if runs.sets[2].registers == nil || single.sets[0].registers == nil {
		t.Error("no registers: the test tests nothing")
	}
}

func BenchmarkDistinct(b *testing.B) {
	hashes := make([]uint64, 4096)
	f := func(name string, distinctValues int64) {
		b.Run(name, func(b *testing.B) {
			var d distinct
			next := int64(0)
			for i := range hashes {
				hashes[i] = HashInt(int64(i) % distinctValues)
			}
			for b.Loop() {
				for i := range hashes {
					d.add(hashes[i])
				}
				next++
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(hashes)), "ns/hash")
		})
	}
	f("few", 500)
	f("registers", 4096)
	b.Run("merge-registers", func(b *testing.B) {
		var d, src distinct
		for i := range 5000 {
			src.add(HashInt(int64(i)))
		}
		for b.Loop() {
			d.merge(&src)
		}
	})
	b.Run("count", func(b *testing.B) {
		var d distinct
		for i := range 5000 {
			d.add(HashInt(int64(i)))
		}
		for b.Loop() {
			d.count()
		}
	})
}
