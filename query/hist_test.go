package query

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func newTestHistogram() *histogram {
	return &histogram{min: math.Inf(1), max: math.Inf(-1)}
}

// Every value lies in the bin that its middle says, within 0.78%.
func TestBins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := anyFloat.Draw(t, "value")
		i, ok := binOf(v)
		if ok != (v == v) {
			t.Fatalf("NaN is %v", v)
		}
		if !ok {
			return
		}
		m := bin{index: i}.middle()
		switch {
		case math.Abs(v) < 3e-308: // without the implied bit there is less to tell values apart
			if math.Abs(m) > 3e-308 {
				t.Fatalf("%v stands for %v", m, v)
			}
		case math.IsInf(v, 0):
			if m != v {
				t.Fatalf("%v stands for %v", m, v)
			}
		case math.Abs(m-v) > 0.0078*math.Abs(v) || math.IsInf(m, 0):
			t.Fatalf("%v stands for %v, off by %v", m, v, math.Abs(m-v)/math.Abs(v))
		}
		j, _ := binOf(m)
		if j != i {
			t.Fatalf("the middle %v of bin %d lies in bin %d", m, i, j)
		}
		w := anyFloat.Draw(t, "other")
		if k, ok := binOf(w); ok && (v < w && i > k || v > w && i < k) {
			t.Fatalf("%v and %v have bins %d and %d", v, w, i, k)
		}
	})
}

// exactRank is the smallest value whose cumulative weight reaches rank.
func exactRank(values []float64, weights []uint64, rank uint64) float64 {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return compareFloats(values[a], values[b]) })
	sum := uint64(0)
	for _, i := range order {
		if sum += weights[i]; sum >= rank {
			return values[i]
		}
	}
	panic("BUG: a rank beyond the total")
}

// Percentiles are within 1% of the exact ones, at both ends exact.
func TestPercentilesAgainstExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(anyFloat.Filter(func(f float64) bool { return f == f }), 1, 200).Draw(t, "values")
		weights := make([]uint64, len(values))
		total := uint64(0)
		h := newTestHistogram()
		for i, v := range values {
			weights[i] = rapid.Uint64Range(1, 5).Draw(t, "weight")
			total += weights[i]
			if weights[i] == 1 {
				h.addRun(values[i : i+1])
			} else {
				h.add(v, weights[i])
			}
		}
		if h.total() != total {
			t.Fatalf("the total is %d, not %d", h.total(), total)
		}
		for _, p := range []float64{0, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1} {
			rank := newShare(p).of(total)
			want, got := exactRank(values, weights, rank), h.atRank(rank, total)
			if math.Abs(got-want) > 0.01*math.Abs(want) && math.Abs(want) > 3e-308 || (p == 0 || p == 1) && got != want {
				t.Fatalf("p%v of %v (%v) is %v, not %v", 100*p, values, weights, got, want)
			}
		}
	})
}

// A million latencies: the usual case, far beyond the short list.
func TestPercentilesOfManyValues(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	values := make([]float64, 1_000_000)
	for i := range values {
		values[i] = math.Exp(3 + 1.2*rng.NormFloat64())
	}
	h := newTestHistogram()
	h.addRun(values)
	slices.Sort(values)
	for _, p := range []float64{0.001, 0.5, 0.9, 0.99, 0.999, 0.99999} {
		rank := newShare(p).of(uint64(len(values)))
		want, got := values[rank-1], h.atRank(rank, uint64(len(values)))
		if math.Abs(got-want) > 0.0078*want {
			t.Errorf("p%v is %v, not %v", 100*p, got, want)
		}
	}
	if h.bytes() > 16<<10 {
		t.Errorf("the histogram takes %d bytes", h.bytes())
	}
}

// One value far away costs a page and the way to it, not all between.
func TestHistogramStaysSmall(t *testing.T) {
	h := newTestHistogram()
	for i := range 1000 {
		h.add(float64(i), 1)
	}
	h.add(1e-300, 1)
	h.add(-1e300, 1)
	if h.bytes() > 64<<10 {
		t.Errorf("the histogram takes %d bytes", h.bytes())
	}
}

// Histograms that are merged hold what one that was shown all values holds, lists
// and pages, apart from each other, across and with gaps.
func TestHistogramMerge(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	bins := func(h *histogram) (all []bin) {
		h.each(func(b bin) bool { all = append(all, b); return true })
		return all
	}
	forms := map[[2]bool]int{}
	for range 2000 {
		whole, into := newTestHistogram(), newTestHistogram()
		var sources []*histogram
		var before [][]bin
		for range 1 + rng.IntN(3) {
			src, center, spread := newTestHistogram(), rng.NormFloat64()*20, 4*rng.Float64()
			for range rng.IntN(100) {
				v := math.Exp(center + spread*rng.NormFloat64())
				if rng.IntN(4) == 0 {
					v = -v
				}
				weight := uint64(1)
				if rng.IntN(50) == 0 {
					weight = math.MaxUint64 / 2
				}
				src.add(v, weight)
				whole.add(v, weight)
			}
			forms[[2]bool{into.pages != nil, src.pages != nil}]++
			sources, before = append(sources, src), append(before, bins(src))
			into.merge(src)
			into.merge(newTestHistogram())
		}
		if !slices.Equal(bins(into), bins(whole)) || into.min != whole.min || into.max != whole.max || (into.pages == nil) != (whole.pages == nil) {
			t.Fatalf("merged %v, not %v", bins(into), bins(whole))
		}
		for i, src := range sources {
			if !slices.Equal(bins(src), before[i]) {
				t.Fatal("merging has changed what was merged")
			}
		}
		var sum uint64
		for _, b := range bins(whole) {
			sum = addSaturated(sum, b.n)
		}
		if whole.total() != sum {
			t.Fatalf("the total is %d, not %d", whole.total(), sum)
		}
	}
	if len(forms) != 4 {
		t.Fatalf("the forms that were merged are %v", forms)
	}
}

func BenchmarkHistogram(b *testing.B) {
	rng := rand.New(rand.NewPCG(3, 4))
	values := make([]float64, 4096)
	for i := range values {
		values[i] = math.Exp(3 + 1.2*rng.NormFloat64())
	}
	b.Run("one-group", func(b *testing.B) {
		h := newTestHistogram()
		b.SetBytes(int64(8 * len(values)))
		for b.Loop() {
			h.addRun(values)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(values)), "ns/value")
	})
	b.Run("20-groups", func(b *testing.B) {
		s := newPercentileState(&Agg{Kind: AggPercentile, Param: 0.99})
		s.Grow(20)
		groups := make([]uint32, len(values))
		for i := range groups {
			groups[i] = uint32(rng.IntN(20))
		}
		for b.Loop() {
			s.Add(groups, values, nil)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(values)), "ns/value")
	})
	b.Run("rank", func(b *testing.B) {
		h := newTestHistogram()
		h.addRun(values)
		for b.Loop() {
			total := h.total()
			h.atRank(total/2, total)
		}
	})
	b.Run("merge-anew", func(b *testing.B) {
		src := newTestHistogram()
		src.addRun(values)
		for b.Loop() {
			newTestHistogram().merge(src)
		}
	})
	b.Run("merge", func(b *testing.B) {
		h, src := newTestHistogram(), newTestHistogram()
		src.addRun(values)
		for b.Loop() {
			h.merge(src)
		}
	})
}
