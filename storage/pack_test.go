package storage

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestPackKernels: the kernels do what they say for any length, base and divisor, and
// plain ones the same.
func TestPackKernels(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 31))
	f := func(n int, scale uint64, low int64) {
		t.Helper()
		values, want := make([]int64, n), make([]uint64, n)
		least, any := uint64(math.MaxUint64), uint64(0)
		for i := range values {
			want[i] = rng.Uint64() >> rng.IntN(64) / scale
			values[i] = int64(uint64(low) + want[i]*scale)
			least, any = min(least, want[i]*scale), any|want[i]
		}
		words, plain := make([]uint64, n), make([]uint64, n)
		subtract(words, values, low)
		subtractPlain(plain, values, low)
		for i, w := range want {
			if words[i] != w*scale || plain[i] != w*scale {
				t.Fatalf("seed %d: %d less %d is %d and %d", seed, values[i], low, words[i], plain[i])
			}
		}
		if a, b := minWord(words), minWordPlain(words, math.MaxUint64); a != least || b != least {
			t.Fatalf("seed %d: smallest of %d values is %d and %d, not %d", seed, n, a, b, least)
		}
		if n > 0 {
			low, high := minMax(values)
			plainLow, plainHigh := minMaxPlain(values, values[0], values[0])
			if low != slices.Min(values) || high != slices.Max(values) || plainLow != low || plainHigh != high {
				t.Fatalf("seed %d: %d values from %d to %d, and %d to %d", seed, n, low, high, plainLow, plainHigh)
			}
		}
		if scale > 1 {
			odd := rng.IntN(n + 1)
			for i := range words {
				words[i] = want[i] * scale
				if i >= odd && rng.IntN(2) == 0 {
					words[i]++
				}
			}
			whole := slices.IndexFunc(words, func(w uint64) bool { return w%scale != 0 })
			if whole < 0 {
				whole = n
			}
			if a, b := multiples(words, divisorOf(scale)), multiplesPlain(words, divisorOf(scale)); a != whole || b != whole {
				t.Fatalf("seed %d: %d is said to divide %d and %d of %d values, it divides %d", seed, scale, a, b, n, whole)
			}
			copy(words, plain)
		}
		base := rng.Uint64()
		for i := range words {
			words[i] += base
			plain[i] += base
		}
		a, b := rebase(words, base, divisorOf(scale)), rebasePlain(plain, base, divisorOf(scale))
		if a != any || b != any || !slices.Equal(words, want) || !slices.Equal(plain, want) {
			t.Fatalf("seed %d: %d values by %d are others", seed, n, scale)
		}
		for width := range 64 {
			past := 0
			for _, w := range want {
				if bits.Len64(w) > width {
					past++
				}
			}
			if a, b := countPast(words, width), countPastPlain(words, width); a != past || b != past {
				t.Fatalf("seed %d: %d and %d of %d values have more than %d bits, not %d", seed, a, b, n, width, past)
			}
		}
	}
	for n := range 70 {
		f(n, 1, 0)
		f(n, 1<<rng.IntN(20), math.MinInt64)
		f(n, 1+rng.Uint64N(1e9), rng.Int64())
	}
	f(runRows, 1_000_000, -1)
}

// TestPackedCodes: codes of every width are found where they were packed, and
// counted.
func TestPackedCodes(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 41))
	var e encoder
	for _, width := range []int{1, 2, 4, 8, 16} {
		for _, n := range []int{0, 1, 3, 31, 32, 33, 127, 1023, 1024, 5001} {
			codes, counts := make([]uint16, n), make([]uint32, 1<<width)
			for i := range codes {
				codes[i] = uint16(rng.UintN(1 << width))
				counts[codes[i]]++
			}
			packed := appendPacked([]byte("before"), codes, width)
			if want := len("before") + (n*width+7)/8; len(packed) != want || string(packed[:6]) != "before" {
				t.Fatalf("seed %d: %d codes of %d bits take %d bytes, not %d", seed, n, width, len(packed), want)
			}
			for i, code := range codes {
				if got := codeAt(packed[6:], width, i); got != int(code) {
					t.Fatalf("seed %d: code %d of %d with %d bits is %d, not %d", seed, i, n, width, got, code)
				}
			}
			if got := e.countRows(codes, len(counts)); !slices.Equal(got, counts) {
				t.Fatalf("seed %d: the counts of %d codes of %d bits are wrong", seed, n, width)
			}
		}
	}
}

// BenchmarkCodes counts and packs the codes of a block.
func BenchmarkCodes(b *testing.B) {
	for _, width := range []int{1, 4, 8} {
		codes := make([]uint16, RowsPerBlockMax)
		for i := range codes {
			codes[i] = uint16(rand.UintN(1 << width))
		}
		b.Run(fmt.Sprintf("bits=%d", width), func(b *testing.B) {
			b.SetBytes(2 * RowsPerBlockMax)
			var e encoder
			var dst []byte
			for b.Loop() {
				e.countRows(codes, 1<<width)
				dst = appendPacked(dst[:0], codes, width)
			}
		})
	}
}

// TestRunWidthIsTheBest: the width is the one that looking at all of them finds.
func TestRunWidthIsTheBest(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 37))
	for range 2000 {
		values := make([]uint64, rng.IntN(200))
		usual, rare := rng.IntN(65), rng.IntN(65)
		longest := 0
		for i := range values {
			shift := usual
			if rng.IntN(1+rng.IntN(60)) == 0 {
				shift = rare
			}
			values[i] = rng.Uint64() >> shift
			longest = max(longest, bits.Len64(values[i]))
		}
		best, width, exceptions := math.MaxInt, 0, 0
		for n := 64; n >= 0; n-- {
			past := 0
			for _, v := range values {
				if bits.Len64(v) > n {
					past++
				}
			}
			if cost := packedBytes(len(values), n) + past*exceptionBytes; packedWidth(n) == n && cost < best {
				best, width, exceptions = cost, n, past
			}
		}
		if gotWidth, gotExceptions := runWidth(values, longest); gotWidth != width || gotExceptions != exceptions {
			t.Fatalf("seed %d: %d bits and %d exceptions for %d values, want %d and %d", seed, gotWidth, gotExceptions, len(values), width, exceptions)
		}
	}
}

func BenchmarkPackRun(b *testing.B) {
	values, words := make([]int64, runRows), make([]uint64, runRows)
	for i := range values {
		values[i] = rand.Int64N(1_000_000)
	}
	var dst []byte
	b.SetBytes(8 * runRows)
	for b.Loop() {
		subtract(words, values, 0)
		width, exceptions := runWidth(words, bits.Len64(rebase(words, minWord(words), divisorOf(1))))
		dst = appendRun(dst[:0], words, width, exceptions)
	}
}
