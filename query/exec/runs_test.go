package exec

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

func TestSumInts(t *testing.T) {
	r := rand.New(rand.NewPCG(41, 42))
	for _, n := range []int{0, 1, 2, 3, 1000, 65_536} {
		for _, spread := range []int64{10, 1 << 40, math.MaxInt64} {
			values := make([]int64, n)
			want := new(big.Int)
			for i := range values {
				values[i] = r.Int64N(spread)
				if r.IntN(2) == 0 {
					values[i] = -values[i] - 1
				}
				if spread == math.MaxInt64 && n == 65_536 {
					values[i] = []int64{math.MinInt64, math.MaxInt64}[i%100/99]
				}
				want.Add(want, big.NewInt(values[i]))
			}
			hi, lo := sumInts(values)
			got := new(big.Int).Lsh(big.NewInt(hi), 64)
			got.Add(got, new(big.Int).SetUint64(lo))
			if got.Cmp(want) != 0 {
				t.Errorf("%d values up to %d: %v, want %v", n, spread, got, want)
			}
		}
	}
}

func TestSumFloats(t *testing.T) {
	r := rand.New(rand.NewPCG(43, 44))
	for _, n := range []int{0, 1, 3, 4, 5, 1000, 65_536} {
		values := make([]float64, n)
		want := new(big.Float).SetPrec(2000)
		for i := range values {
			values[i] = (r.Float64() - 0.5) * math.Pow(10, float64(r.IntN(20)))
			want.Add(want, new(big.Float).SetFloat64(values[i]))
		}
		sum, err := sumFloats(values)
		exact, _ := want.Float64()
		if diff := math.Abs(sum + err - exact); diff > 1e-14*math.Abs(exact) {
			t.Errorf("%d values: %v, want %v", n, sum+err, exact)
		}
	}
	if sum, _ := sumFloats([]float64{1, math.Inf(1), 2, 3, 4}); !math.IsInf(sum, 1) {
		t.Errorf("sum with an infinity is %v", sum)
	}
}

func BenchmarkRuns(b *testing.B) {
	const rows = 65_536
	r := rand.New(rand.NewPCG(1, 1))
	codes, floats, ints := make([]uint8, rows), make([]float64, rows), make([]int64, rows)
	counts := make([]uint32, 200)
	for i := range codes {
		codes[i] = uint8(r.IntN(200))
		floats[i], ints[i] = r.ExpFloat64(), r.Int64()
		counts[codes[i]]++
	}
	first, next := make([]uint32, 200), make([]uint32, 200)
	for i := 1; i < 200; i++ {
		first[i] = first[i-1] + counts[i-1]
	}
	dst := make([]float64, rows)
	s := new(scratch)
	run := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
		})
	}
	run("scatter", func() {
		copy(next, first)
		scatter(dst, floats, codes, next)
	})
	run("sum-floats", func() { sumFloats(floats) })
	run("sum-ints", func() { sumInts(ints) })
	run("count", func() {
		s.reset()
		clear(counts)
		countCodes(s, counts, codes)
	})
	groups := make([]uint32, rows)
	run("map-codes", func() { mapCodes(groups, codes, first) })
}
