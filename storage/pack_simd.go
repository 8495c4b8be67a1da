//go:build goexperiment.simd && amd64

package storage

import (
	"math"
	"math/bits"
	"simd/archsimd"
)

// subtract writes every value less low.
func subtract(dst []uint64, values []int64, low int64) {
	done := 0
	if archsimd.X86.AVX512() {
		less := archsimd.BroadcastInt64x8(low)
		for ; done+8 <= len(values); done += 8 {
			archsimd.LoadInt64x8Slice(values[done : done+8]).Sub(less).AsUint64x8().StoreSlice(dst[done : done+8])
		}
	}
	subtractPlain(dst[done:], values[done:], low)
}

// minMax is the smallest and the largest of values.
func minMax(values []int64) (low, high int64) {
	done := 0
	low, high = math.MaxInt64, math.MinInt64
	if archsimd.X86.AVX512() {
		lows, highs := archsimd.BroadcastInt64x8(low), archsimd.BroadcastInt64x8(high)
		for ; done+8 <= len(values); done += 8 {
			v := archsimd.LoadInt64x8Slice(values[done : done+8])
			lows, highs = lows.Min(v), highs.Max(v)
		}
		var least, most [8]int64
		lows.Store(&least)
		highs.Store(&most)
		low, _ = minMaxPlain(least[:], low, high)
		_, high = minMaxPlain(most[:], low, high)
	}
	return minMaxPlain(values[done:], low, high)
}

// multiples is how many values from the first on the divisor divides.
func multiples(values []uint64, by divisor) int {
	done := 0
	if archsimd.X86.AVX512() {
		inverse, twos := archsimd.BroadcastUint64x8(by.inverse), archsimd.BroadcastUint64x8(uint64(by.twos))
		most := archsimd.BroadcastUint64x8(by.most)
		for ; done+8 <= len(values); done += 8 {
			quotients := archsimd.LoadUint64x8Slice(values[done : done+8]).Mul(inverse).RotateRight(twos)
			if quotients.Greater(most).ToBits() != 0 {
				break
			}
		}
	}
	return done + multiplesPlain(values[done:], by)
}

// narrow writes codes below 256 as bytes.
func narrow(dst []byte, codes []uint16) {
	done := 0
	if archsimd.X86.AVX512() {
		for ; done+32 <= len(codes); done += 32 {
			archsimd.LoadUint16x32Slice(codes[done : done+32]).TruncateToUint8().StoreSlice(dst[done : done+32])
		}
	}
	narrowPlain(dst[done:], codes[done:])
}

// minWord is the smallest of values.
func minWord(values []uint64) uint64 {
	done, least := 0, uint64(math.MaxUint64)
	if archsimd.X86.AVX512() {
		a := archsimd.BroadcastUint64x8(math.MaxUint64)
		b := a
		for ; done+16 <= len(values); done += 16 {
			a = a.Min(archsimd.LoadUint64x8Slice(values[done : done+8]))
			b = b.Min(archsimd.LoadUint64x8Slice(values[done+8 : done+16]))
		}
		var lanes [8]uint64
		a.Min(b).Store(&lanes)
		least = minWordPlain(lanes[:], least)
	}
	return minWordPlain(values[done:], least)
}

// rebase subtracts base from every value, divides it, and returns the bits that any
// has after it.
func rebase(values []uint64, base uint64, by divisor) (any uint64) {
	done := 0
	if archsimd.X86.AVX512() {
		less, or := archsimd.BroadcastUint64x8(base), archsimd.BroadcastUint64x8(0)
		inverse, twos := archsimd.BroadcastUint64x8(by.inverse), archsimd.BroadcastUint64x8(uint64(by.twos))
		for ; done+8 <= len(values); done += 8 {
			v := archsimd.LoadUint64x8Slice(values[done : done+8]).Sub(less).Mul(inverse).RotateRight(twos)
			or = or.Or(v)
			v.StoreSlice(values[done : done+8])
		}
		var lanes [8]uint64
		or.Store(&lanes)
		for _, v := range lanes {
			any |= v
		}
	}
	return any | rebasePlain(values[done:], base, by)
}

// countPast counts the values that have more than width bits; width is below 64.
func countPast(values []uint64, width int) (past int) {
	done := 0
	if archsimd.X86.AVX512() {
		most := archsimd.BroadcastUint64x8(1<<width - 1)
		for ; done+16 <= len(values); done += 16 {
			a := archsimd.LoadUint64x8Slice(values[done : done+8]).Greater(most).ToBits()
			b := archsimd.LoadUint64x8Slice(values[done+8 : done+16]).Greater(most).ToBits()
			past += bits.OnesCount16(uint16(a) | uint16(b)<<8)
		}
	}
	return past + countPastPlain(values[done:], width)
}
