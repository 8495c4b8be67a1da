package storage

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestThinRows holds the choice of rows against chance: the share of all, of each
// sixteenth of the blocks, and of rows behind a kept one, over many blocks.
func TestThinRows(t *testing.T) {
	const blocks, rows = 200, RowsPerBlockMax
	for _, keep := range []uint64{2, 3, 10, 1000} {
		total, pairs, sum := 0, 0, 0.0
		var bins [16]int
		for i := range uint64(blocks) {
			kept := thinRows(nil, ShardID(i%5), BlockID{Epoch: 1_795_000_000_000 + i%3, Seq: i}, rows, keep)
			total += len(kept)
			for j, row := range kept {
				bins[int(row)*len(bins)/rows]++
				sum += float64(row) * float64(keep)
				if j > 0 && row == kept[j-1]+1 {
					pairs++
				}
			}
		}
		p := 1 / float64(keep)
		within := func(what string, got int, of, p float64) {
			t.Helper()
			if sigmas := (float64(got) - of*p) / math.Sqrt(of*p*(1-p)); math.Abs(sigmas) > 5 {
				t.Errorf("1 in %d: %s: %d of %.0f, %.1f standard deviations off", keep, what, got, of, sigmas)
			}
		}
		within("rows", total, blocks*rows, p)
		within("neighbours", pairs, blocks*(rows-1), p*p)
		// The weighted sum of the rows' numbers, whose squares add up to n^3/3.
		n, all := float64(rows), float64(blocks)*float64(rows)*float64(rows-1)/2
		if sigmas := (sum - all) / math.Sqrt(blocks*n*n*n/3*(1-p)/p); math.Abs(sigmas) > 5 {
			t.Errorf("1 in %d: a sum of %.0f became %.0f, %.1f standard deviations off", keep, all, sum, sigmas)
		}
		chi := 0.0
		for _, n := range bins {
			want := float64(total) / float64(len(bins))
			chi += (float64(n) - want) * (float64(n) - want) / want
		}
		if chi > 60 { // 15 degrees of freedom: by chance once in 5 million
			t.Errorf("1 in %d: rows are not spread evenly over blocks: chi-square %.1f, %v", keep, chi, bins)
		}
	}
	one, other := BlockID{Epoch: 5, Seq: 1}, BlockID{Epoch: 5, Seq: 2}
	if a, b := thinRows(nil, 1, one, 1000, 10), thinRows(nil, 1, one, 1000, 10); !slices.Equal(a, b) {
		t.Error("the same block is thinned in two ways")
	}
	if slices.Equal(thinRows(nil, 1, one, 1000, 10), thinRows(nil, 1, other, 1000, 10)) {
		t.Error("two blocks keep the same rows")
	}
	if slices.Equal(thinRows(nil, 1, one, 1000, 10), thinRows(nil, 2, one, 1000, 10)) {
		t.Error("blocks of two leaves with the same id keep the same rows")
	}
}

// thinRates are what may stand in sample_rate.
var thinRates = []Value{
	{}, Int(1), Int(7), Int(-3), Int(0), Float(4), Float(2.5), Float(math.NaN()), String("9"), Bool(true),
	List([]string{"5"}), Time(8), Int(math.MaxInt64 / 3), Int(math.MaxInt64),
}

// TestThinned thins random blocks of every type: what is left is some of the rows,
// unchanged but for the weight, in every layout.
func TestThinned(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	left := 0
	for range 24 {
		n, keep := []int{1, 3, 40, 700, 1500}[r.IntN(5)], []uint64{2, 3, 10, ThinKeepMax}[r.IntN(4)]
		rows, rates := randomRows(r, n, 0), thinRates
		if r.IntN(2) == 0 {
			rates = rates[:len(rates)-2] // without those whose sums saturate
		}
		for i := range rows {
			if rate := rates[r.IntN(len(rates))]; !rate.IsNull() {
				rows[i].values[SampleRateColumn] = rate
			} else {
				delete(rows[i].values, SampleRateColumn)
			}
		}
		if r.IntN(4) == 0 { // no such column at all
			for i := range rows {
				delete(rows[i].values, SampleRateColumn)
			}
		}
		whole := sealedRows(t, rows, Richness(r.IntN(2)))
		batch, err := whole.Thinned(keep)
		if err != nil {
			t.Fatal(err)
		}
		var want []modelRow
		sum := uint64(0)
		for _, row := range thinRows(nil, whole.Header().Shard, whole.Header().ID, n, keep) {
			one := modelRow{time: rowValue(t, whole, TimeColumn, int(row)).Int, values: map[string]Value{}}
			for _, c := range whole.Columns() {
				if v := rowValue(t, whole, c.Name(), int(row)); c.Name() != TimeColumn && !v.IsNull() {
					one.values[c.Name()] = v
				}
			}
			weight := Weight(one.values[SampleRateColumn])
			if weight > math.MaxInt64/keep {
				weight = math.MaxInt64
			} else {
				weight *= keep
			}
			one.values[SampleRateColumn] = Int(int64(weight))
			sum = addSaturating(sum, weight)
			want = append(want, one)
		}
		if left += len(want); len(want) != batch.Rows() {
			t.Fatalf("%d of %d rows are left, not %d", batch.Rows(), n, len(want))
		}
		if len(want) == 0 {
			continue
		}
		data, meta := sealed(t, batch, BlockOptions{Richness: Richness(r.IntN(2))})
		thin := mustOpen(t, data)
		checkRows(t, thin, want)
		if meta.Weight != sum || thin.Header().Weight != sum {
			t.Errorf("the weight is %d in meta and %d in the block, not %d", meta.Weight, thin.Header().Weight, sum)
		}
		if sum < math.MaxInt64 { // what sums over entries saturate at is the encoder's matter
			checkEntryWeights(t, thin)
		}
	}
	if left == 0 {
		t.Fatal("no row was left: the test shows nothing")
	}
}

// checkEntryWeights holds what dictionaries say of their entries against the rows.
func checkEntryWeights(t *testing.T, b *Block) {
	t.Helper()
	for _, c := range b.Columns() {
		if c.Shape() != ShapeCodes {
			continue
		}
		codes, err := c.Codes()
		if err != nil {
			t.Fatal(err)
		}
		checkCounts(t, c, codes, codes.Unpack16(nil), b.Find(SampleRateColumn))
	}
}

// BenchmarkThinRows measures the choice of rows, per row.
func BenchmarkThinRows(b *testing.B) {
	for _, keep := range []uint64{2, 10} {
		b.Run(fmt.Sprint("keep=", keep), func(b *testing.B) {
			var kept []uint32
			for i := range b.N {
				kept = thinRows(kept[:0], 1, BlockID{Epoch: 1, Seq: uint64(i)}, RowsPerBlockMax, keep)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/RowsPerBlockMax, "ns/row")
		})
	}
}

// BenchmarkThinned measures the thinning of a full block, without its encoding.
func BenchmarkThinned(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	block := sealedRows(b, randomRows(r, RowsPerBlockMax, 0), Rich)
	b.ReportAllocs()
	for range b.N {
		if _, err := block.Thinned(10); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/RowsPerBlockMax, "ns/row")
}
