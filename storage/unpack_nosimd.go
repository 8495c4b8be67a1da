//go:build !goexperiment.simd || !amd64

package storage

func unpackBits(dst []int64, packed []byte, width int, base, scale uint64) {
	unpackBitsPlain(dst, packed, width, base, scale)
}

func divideInts(dst []float64, ints []int64, by float64) { divideIntsPlain(dst, ints, by) }

func maskWords(dst []uint64, values []uint32, want uint32) { maskWordsPlain(dst, values, want) }

func classify(digits, words []uint64, text []byte) { classifyPlain(digits, words, text) }
