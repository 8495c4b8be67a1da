//go:build !goexperiment.simd || !amd64

package storage

import "math"

func subtract(dst []uint64, values []int64, low int64) { subtractPlain(dst, values, low) }

func minMax(values []int64) (low, high int64) {
	return minMaxPlain(values, math.MaxInt64, math.MinInt64)
}

func multiples(values []uint64, by divisor) int { return multiplesPlain(values, by) }

func narrow(dst []byte, codes []uint16) { narrowPlain(dst, codes) }

func minWord(values []uint64) uint64 { return minWordPlain(values, math.MaxUint64) }

func rebase(values []uint64, base uint64, by divisor) uint64 { return rebasePlain(values, base, by) }

func countPast(values []uint64, width int) int { return countPastPlain(values, width) }
