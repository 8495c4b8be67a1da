package storage

import (
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
