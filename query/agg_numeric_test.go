package query

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/kelpdb/kelp/storage"
)

// Integer sums are exact whatever the weights; past int64 the column is floats.
func TestSumIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &SumState{Kind: AggSum, Type: storage.TypeInt64}
		s.Grow(1)
		want, weight := new(big.Int), new(big.Int)
		n := rapid.IntRange(1, 20).Draw(t, "n")
		for range n {
			v := rapid.Int64().Draw(t, "value")
			w := rapid.Uint64Range(1, 1<<40).Draw(t, "weight")
			term := new(big.Int).SetInt64(v)
			switch rapid.IntRange(0, 2).Draw(t, "way") {
			case 0:
				s.AddInts([]uint32{0}, []int64{v}, nil)
				w = 1
			case 1:
				s.AddInts([]uint32{0}, []int64{v}, []uint64{w})
				term.Mul(term, new(big.Int).SetUint64(w))
			case 2: // three equal rows, summed by the caller
				hi, lo := mulWeight(v, 3)
				s.AddIntSum(0, hi, lo, 3, w)
				w *= 3
				term.Mul(term, new(big.Int).SetUint64(w))
			}
			want.Add(want, term)
			weight.Add(weight, new(big.Int).SetUint64(w))
		}
		got := new(big.Int).Lsh(big.NewInt(s.Hi[0]), 64)
		got.Add(got, new(big.Int).SetUint64(s.Lo[0]))
		if got.Cmp(want) != 0 {
			t.Fatalf("the sum is %v, not %v", got, want)
		}
		if new(big.Int).SetUint64(s.Weight[0]).Cmp(weight) != 0 {
			t.Fatalf("the weight is %v, not %v", s.Weight[0], weight)
		}
		wantFloat, _ := new(big.Float).SetInt(want).Float64()
		if f := int128Float(s.Hi[0], s.Lo[0]); math.Abs(f-wantFloat) > 1e-15*math.Abs(wantFloat) {
			t.Fatalf("as a float %v, not %v", f, wantFloat)
		}
		if v := s.Value(0); want.IsInt64() != (v.Type == storage.TypeInt64) || want.IsInt64() && v.Int != want.Int64() {
			t.Fatalf("%v is shown as %v", want, v)
		}
	})
}

// Sums whose weights take them past 128 bits stay at the largest, whichever way
// the rows come, and rows that follow do not turn them round.
func TestSumSaturates(t *testing.T) {
	const heavy = 1<<63 - 1
	for _, v := range []int64{math.MaxInt64, math.MinInt64} {
		for way := range 4 {
			s := &SumState{Kind: AggSum, Type: storage.TypeInt64}
			s.Grow(1)
			switch way {
			case 0:
				s.AddInts(make([]uint32, 4), []int64{v, v, v, v}, []uint64{heavy, heavy, heavy, heavy})
			case 1: // 60,000 rows summed by the caller
				hi, lo := mulWeight(v, 60_000)
				s.AddIntSum(0, hi, lo, 60_000, heavy)
			case 2:
				hi, lo := mulWeight(v, 3)
				for range 3 {
					s.AddIntSum(0, hi, lo, 3, heavy/3)
				}
			case 3:
				part := &SumState{Kind: AggSum, Type: storage.TypeInt64}
				part.Grow(1)
				part.AddInts([]uint32{0}, []int64{v}, []uint64{heavy})
				for range 5 {
					s.Merge(part, []uint32{0})
				}
			}
			for range 1000 {
				s.AddInts([]uint32{0}, []int64{v}, nil)
			}
			s.AddInts([]uint32{0}, []int64{-v / 2}, []uint64{1}) // a little back from beyond
			want := math.Copysign(math.Ldexp(1, 127), float64(v))
			if got := s.Value(0); got.Type != storage.TypeFloat64 || math.Abs(got.Float/want-1) > 1e-9 {
				t.Errorf("%d, way %d: %v, not %v", v, way, got, want)
			}
		}
	}
}

// A sum of many rows and its weight are multiplied exactly as long as 128 bits
// hold the product.
func TestMulWeight128(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hi, lo, w := rapid.Int64().Draw(t, "hi")>>rapid.IntRange(0, 63).Draw(t, "shift"), rapid.Uint64().Draw(t, "lo"), rapid.Uint64().Draw(t, "weight")
		w >>= rapid.IntRange(0, 63).Draw(t, "less")
		want := new(big.Int).Lsh(big.NewInt(hi), 64)
		want.Add(want, new(big.Int).SetUint64(lo)).Mul(want, new(big.Int).SetUint64(w))
		gotHi, gotLo := mulWeight128(hi, lo, w)
		got := new(big.Int).Lsh(big.NewInt(gotHi), 64)
		got.Add(got, new(big.Int).SetUint64(gotLo))
		limit := new(big.Int).Lsh(big.NewInt(1), 127)
		fits := want.Cmp(limit) < 0 && want.Cmp(limit.Neg(limit)) >= 0
		if fits && got.Cmp(want) != 0 || !fits && (got.Sign() != want.Sign() || got.CmpAbs(big.NewInt(math.MaxInt64)) < 0) {
			t.Fatalf("(%d, %d)·%d is %v, not %v", hi, lo, w, got, want)
		}
	})
}

func TestSumOverflowIsOfTheColumn(t *testing.T) {
	s := &SumState{Kind: AggSum, Type: storage.TypeInt64}
	s.Grow(2)
	s.AddInts([]uint32{0, 1, 1}, []int64{7, math.MaxInt64, math.MaxInt64}, nil)
	if v := s.Value(0); v.Type != storage.TypeFloat64 || v.Float != 7 {
		t.Errorf("beside a sum past int64, 7 is %v", v)
	}
	s.AddIntSum(1, -1, 1, 1, 1) // 1 - 2^64
	if v := s.Value(0); v.Type != storage.TypeInt64 {
		t.Errorf("beside a sum that came back, 7 is %v", v)
	}
	s.AddInts([]uint32{1, 1}, []int64{math.MaxInt64, math.MaxInt64}, nil)
	back := &SumState{Kind: AggSum, Type: storage.TypeInt64}
	back.Grow(2)
	if back.Overflow() {
		t.Error("nothing passes int64")
	}
	back.Merge(s, []uint32{0, 1})
	if v := back.Value(0); v.Type != storage.TypeFloat64 {
		t.Errorf("beside a merged sum past int64, 7 is %v", v)
	}
	back.AddInts([]uint32{1}, []int64{-math.MaxInt64}, nil)
	if v := back.Value(0); v.Type != storage.TypeInt64 || v.Int != 7 {
		t.Errorf("once no sum passes int64, 7 is %v", v)
	}
}

// Float sums agree with the exact one far below 1e-12, in any order, even where
// most of them cancels.
func TestFloatSumsAreCompensated(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const n = 200_000
	values := make([]float64, 0, 2*n)
	exact := new(big.Float).SetPrec(2000)
	for range n {
		v := math.Ldexp(rng.Float64()-0.3, rng.IntN(60))
		values = append(values, v)
		exact.Add(exact, new(big.Float).SetFloat64(v))
	}
	for _, v := range values[:n/2] { // and most of the large ones away again
		values = append(values, -v)
		exact.Sub(exact, new(big.Float).SetFloat64(v))
	}
	want, _ := exact.Float64()
	for round := range 3 {
		rng.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
		s := &SumState{Kind: AggSum, Type: storage.TypeFloat64}
		s.Grow(1)
		for from := 0; from < len(values); from += 1000 { // parts, as blocks and workers make them
			part := &SumState{Kind: AggSum, Type: storage.TypeFloat64}
			part.Grow(1)
			part.AddFloats(make([]uint32, len(values[from:min(from+1000, len(values))])), values[from:min(from+1000, len(values))], nil)
			s.Merge(part, []uint32{0})
		}
		if got := s.Value(0).Float; math.Abs(got-want) > 1e-13*math.Abs(want) {
			t.Errorf("round %d: %v, not %v", round, got, want)
		}
	}
}

func TestWeighedFloatSums(t *testing.T) {
	s := &SumState{Kind: AggAvg, Type: storage.TypeFloat64}
	s.Grow(2)
	s.AddFloats([]uint32{0, 0}, []float64{0.1, 0.4}, []uint64{3, 1})
	s.AddFloatSum(1, 0.2, 0, 2, 3) // two rows of 0.1, three events each
	if got := s.Value(0).Float; math.Abs(got-0.175) > 1e-15 {
		t.Errorf("weighed mean %v", got)
	}
	if got := s.Value(1).Float; math.Abs(got-0.1) > 1e-15 {
		t.Errorf("mean of presummed rows %v", got)
	}
}

func TestVariance(t *testing.T) {
	f := func(want float64, weights []uint64, values ...float64) {
		t.Helper()
		s := &VarState{Kind: AggVariance}
		s.Grow(1)
		s.AddFloats(make([]uint32, len(values)), values, weights)
		v := s.Value(0)
		if math.IsNaN(want) {
			if !v.IsNull() {
				t.Errorf("variance of %v is %v, not null", values, v)
			}
			return
		}
		if math.Abs(v.Float-want) > 1e-12*want || v.IsNull() {
			t.Errorf("variance of %v is %v, not %v", values, v, want)
		}
		sd := &VarState{Kind: AggStddev}
		sd.Grow(1)
		sd.Merge(s, []uint32{0})
		if got := sd.Value(0).Float; math.Abs(got*got-want) > 1e-12*want {
			t.Errorf("stddev of %v is %v", values, got)
		}
	}
	null := math.NaN()
	f(null, nil)
	f(null, nil, 5)
	f(0, nil, 5, 5, 5)
	f(1, nil, 1, 2, 3)
	f(2.0/3, []uint64{1, 2, 1}, 1, 2, 3)
	f(0, []uint64{2}, 5)
	f(0, nil, 0.1, 0.1, 0.1)
	f(1, nil, 1e9+1, 1e9+2, 1e9+3) // far from zero
	f(1.0/(1<<20), nil, 1e6+1.0/1024, 1e6+2.0/1024, 1e6+3.0/1024)
}

func TestVarianceOfIntegers(t *testing.T) {
	s := &VarState{Kind: AggVariance}
	s.Grow(2)
	base := int64(1<<54 + 1) // more than a float64 holds
	s.AddInts([]uint32{0, 0, 0}, []int64{base + 10001, base + 20002, base + 30003}, nil)
	s.AddInts([]uint32{1, 1}, []int64{math.MaxInt64, math.MinInt64}, nil)
	if got := s.Value(1).Float; math.Abs(got-0x1p127) > 1e-12*0x1p127 {
		t.Errorf("variance of the ends of int64 is %v", got)
	}
	if got := s.Value(0).Float; math.Abs(got-10001*10001) > 1e-5*10001*10001 {
		t.Errorf("variance of close large integers is %v, not 10001²", got)
	}
}

// TestSumMergeSaturates: sums that are merged stay at the largest, as those that are
// added do, and no carry between the words is lost.
func TestSumMergeSaturates(t *testing.T) {
	f := func(aHi int64, aLo uint64, bHi int64, bLo uint64) {
		t.Helper()
		of := func(hi int64, lo uint64) *SumState {
			return &SumState{Kind: AggSum, Type: storage.TypeInt64, Hi: []int64{hi}, Lo: []uint64{lo}, Weight: []uint64{1}}
		}
		want, to, same := of(aHi, aLo), of(aHi, aLo), of(aHi, aLo)
		want.addInt128(0, bHi, bLo)
		to.Merge(of(bHi, bLo), []uint32{0})
		same.MergeSame(of(bHi, bLo))
		for _, got := range []*SumState{to, same} {
			if got.Hi[0] != want.Hi[0] || got.Lo[0] != want.Lo[0] || got.Weight[0] != 2 {
				t.Errorf("%d:%d and %d:%d are %d:%d, want %d:%d", aHi, aLo, bHi, bLo, got.Hi[0], got.Lo[0], want.Hi[0], want.Lo[0])
			}
		}
	}
	his := []int64{0, 1, -1, 5, 1 << 32, 1<<32 - 1, -1 << 32, -1<<32 - 1, 1<<62 - 1, -1 << 62, sumHiMax, -sumHiMax}
	for _, a := range his {
		for _, b := range his {
			for _, lo := range []uint64{0, 1, 1 << 63, math.MaxUint64} {
				f(a, lo, b, math.MaxUint64-lo)
				f(a, lo, b, lo)
			}
		}
	}
}

func BenchmarkStates(b *testing.B) {
	const n = 4096
	rng := rand.New(rand.NewPCG(5, 6))
	groups, ints, floats, weights := make([]uint32, n), make([]int64, n), make([]float64, n), make([]uint64, n)
	for i := range groups {
		groups[i], ints[i], floats[i], weights[i] = uint32(rng.IntN(20)), rng.Int64N(1000), rng.Float64(), uint64(1+rng.IntN(3))
	}
	f := func(name string, s State, add func()) {
		b.Run(name, func(b *testing.B) {
			s.Grow(20)
			for b.Loop() {
				add()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/row")
		})
	}
	count, sum, variance := &CountState{}, &SumState{Kind: AggSum, Type: storage.TypeInt64}, &VarState{Kind: AggVariance}
	f("count", count, func() { count.Add(groups, nil) })
	f("count-weighed", count, func() { count.Add(groups, weights) })
	f("sum-ints", sum, func() { sum.AddInts(groups, ints, nil) })
	f("sum-ints-weighed", sum, func() { sum.AddInts(groups, ints, weights) })
	f("sum-floats", sum, func() { sum.AddFloats(groups, floats, nil) })
	f("variance-floats", variance, func() { variance.AddFloats(groups, floats, nil) })
	largest := &MinMaxState{Kind: AggMax, cells: cells{Type: storage.TypeInt64}}
	f("max-ints", largest, func() { largest.AddInts(groups, ints) })
}

// The rank of a percentile is that of the decimal fraction as written.
func TestShare(t *testing.T) {
	f := func(p float64, total, want uint64) {
		t.Helper()
		if got := newShare(p).of(total); got != want {
			t.Errorf("the share %v of %d is rank %d, not %d", p, total, got, want)
		}
	}
	f(0, 10, 1)
	f(1, 10, 10)
	f(0.5, 10, 5)
	f(0.5, 11, 6)
	f(0.07, 100, 7) // 0.07*100 > 7 in floats
	f(0.29, 100, 29)
	f(0.999, 1000, 999)
	f(0.999, 1001, 1000)
	f(1e-30, 1000, 1)
	f(0.1, math.MaxUint64, math.MaxUint64/10+1)
	f(0.9999999999999999, 3, 3)
	rapid.Check(t, func(t *rapid.T) {
		num := rapid.Int64Range(1, 9999).Draw(t, "num")
		total := rapid.Uint64().Draw(t, "total") | 1
		want := new(big.Int).Mul(big.NewInt(num), new(big.Int).SetUint64(total))
		want.Add(want, big.NewInt(9999)).Div(want, big.NewInt(10000))
		if got := newShare(float64(num) / 10000).of(total); got != want.Uint64() {
			t.Fatalf("the share %d/10000 of %d is %d, not %v", num, total, got, want)
		}
	})
}
