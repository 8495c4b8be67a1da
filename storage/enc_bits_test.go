package storage

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
)

func TestBitsOfEveryWidth(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for n := range 65 {
		width := packedWidth(n)
		for _, count := range []int{1, 7, 8, 9, 63, 64, 65, 1023, 1024} {
			values := make([]uint64, count)
			for i := range values {
				values[i] = r.Uint64()
				if width < 64 {
					values[i] &= 1<<width - 1
				}
			}
			packed := appendBits(nil, values, width)
			if len(packed) != packedBytes(count, width) {
				t.Fatalf("%d values of %d bits take %d bytes", count, width, len(packed))
			}
			packed = append(packed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
			base, scale := r.Uint64(), r.Uint64()
			got := make([]int64, count)
			unpackBits(got, packed, width, base, scale)
			for i, v := range values {
				if at := bitsAt(packed, width, i); at != v || got[i] != int64(base+scale*v) {
					t.Fatalf("width %d, value %d of %d: %x alone, %x together, want %x", width, i, count, at, got[i], v)
				}
			}
		}
	}
}

// TestIntegers packs integers of every spread and reads them in both ways.
func TestIntegers(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range 300 {
		values := make([]int64, 1+r.IntN(3000))
		shift, scale := r.IntN(64), int64(1+r.IntN(3)*499)
		base := int64(r.Uint64()) >> r.IntN(64)
		for i := range values {
			values[i] = base + int64(r.Uint64()>>shift)*scale
			if r.IntN(300) == 0 {
				values[i] = []int64{math.MinInt64, math.MaxInt64, int64(r.Uint64())}[r.IntN(3)]
			}
		}
		e := new(encoder)
		if i%2 == 0 {
			data := e.appendFOR(nil, &source{n: len(values), rows: len(values)}, values, slices.Min(values))
			checkInts(t, fmt.Sprintf("for %d", i), section{enc: EncFOR, data: data}, values)
		}
		slices.Sort(values)
		checkInts(t, fmt.Sprintf("delta %d", i), section{enc: EncDelta, data: e.appendDelta(nil, values)}, values)
	}
}

func checkInts(t *testing.T, name string, s section, want []int64) {
	t.Helper()
	size := len(s.data)
	s.typ, s.rows, s.data = TypeInt64, len(want), appendZeros(s.data, tailBytes)[:size]
	o, err := s.open()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for row, got := range o.ints.all(nil) {
		if got != want[row] {
			t.Fatalf("%s: row %d is %d, want %d", name, row, got, want[row])
		}
		if row%37 == 0 && o.ints.at(row) != want[row] {
			t.Fatalf("%s: row %d alone is %d, want %d", name, row, o.ints.at(row), want[row])
		}
	}
	if r, ok := o.ints.(*deltaReader); ok {
		checkBelow(t, name, r, want)
	}
}

// checkBelow counts the values below some of them, and below those beside them.
func checkBelow(t *testing.T, name string, r *deltaReader, ascending []int64) {
	t.Helper()
	for row := 0; row < len(ascending); row += 29 {
		for _, x := range []int64{ascending[row], ascending[row] - 1, ascending[row] + 1, math.MinInt64, math.MaxInt64} {
			if got, want := r.below(x), sort.Search(len(ascending), func(i int) bool { return ascending[i] >= x }); got != want {
				t.Fatalf("%s: %d values below %d, want %d", name, got, x, want)
			}
		}
	}
}

// BenchmarkBelow searches a full column of times for one of them.
func BenchmarkBelow(b *testing.B) {
	values := make([]int64, RowsPerBlockMax)
	for i := range values {
		values[i] = int64(i) * 8e6
	}
	s := section{enc: EncDelta, typ: TypeTime, rows: len(values), data: new(encoder).appendDelta(nil, values)}
	s.data = appendZeros(s.data, tailBytes)[:len(s.data)]
	o, err := s.open()
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		o.ints.(*deltaReader).below(int64(i%len(values)) * 8e6)
	}
}

func TestRunWidthPatchesOutliers(t *testing.T) {
	values := make([]uint64, runRows)
	for i := range values {
		values[i] = uint64(i % 16)
	}
	values[100], values[900] = 1<<60, 1<<50
	if width, exceptions := runWidth(values, 61); width != 4 || exceptions != 2 {
		t.Errorf("%d bits and %d exceptions, want 4 and 2", width, exceptions)
	}
	for i := range values {
		values[i] = uint64(i) << 40
	}
	if width, exceptions := runWidth(values, 64); width != bits.Len64(values[runRows-1]) || exceptions != 0 {
		t.Errorf("%d bits and %d exceptions", width, exceptions)
	}
}

func TestCommonDivisor(t *testing.T) {
	f := func(want uint64, values ...uint64) {
		t.Helper()
		if got := commonDivisor(values); got != want {
			t.Errorf("divisor of %d is %d, want %d", values, got, want)
		}
	}
	f(1)
	f(1, 0, 0)
	f(7, 0, 7)
	f(6, 12, 18, 0, 30)
	f(1, 12, 18, 35)
	f(1<<63, 1<<63, 0)
	f(1, math.MaxUint64, 1<<63)
}

// TestDivisor: quotients of multiples are right, and nothing else is taken for one.
func TestDivisor(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	for round := range 20_000 {
		d := rng.Uint64() >> rng.IntN(64)
		if round%3 == 0 {
			d = d >> 20 << rng.IntN(20)
		}
		d = max(d, 1)
		by := divisorOf(d)
		multiple := rng.Uint64N(math.MaxUint64/d) * d
		for _, v := range []uint64{0, 1, d - 1, d, d + 1, multiple, multiple + 1, multiple - 1, rng.Uint64(), math.MaxUint64, math.MaxUint64 / d * d} {
			if got := by.divides(v); got != (v%d == 0) {
				t.Fatalf("seed %d: %d divides %d: got %v", seed, d, v, got)
			}
			if v%d == 0 && by.quotient(v) != v/d {
				t.Fatalf("seed %d: %d / %d: got %d", seed, v, d, by.quotient(v))
			}
		}
	}
}

func TestCodesBelow(t *testing.T) {
	for _, width := range []int{1, 2, 4, 8, 16} {
		top := 1 << width
		for _, codes := range []int{1, 2, 3, top/2 - 1, top / 2, top/2 + 1, top - 1, top} {
			if codes < 1 || codes > top {
				continue
			}
			for _, code := range []int{0, 1, codes - 2, codes - 1, codes, codes + 1, top - 1} {
				if code < 0 || code >= top {
					continue
				}
				for _, n := range []int{1, 9, 40} {
					all := make([]uint16, n)
					all[n-1] = uint16(code)
					if got := codesBelow(appendPacked(nil, all, width), width, codes); got != (code < codes) {
						t.Errorf("code %d of %d bits below %d: %v", code, width, codes, got)
					}
				}
			}
		}
	}
}

func BenchmarkUnpackBits(b *testing.B) {
	values := make([]uint64, runRows)
	for i := range values {
		values[i] = uint64(i)
	}
	dst := make([]int64, runRows)
	for _, width := range []int{1, 5, 11, 17, 32, 64} {
		packed := appendZeros(appendBits(nil, values, width), 8)
		b.Run(fmt.Sprint(width), func(b *testing.B) {
			for b.Loop() {
				unpackBits(dst, packed, width, 1000, 1)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*runRows), "ns/value")
		})
	}
}
