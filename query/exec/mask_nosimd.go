//go:build !(goexperiment.simd && amd64)

package exec

func maskRange8(dst []uint64, codes []uint8, lo uint8, n int) {
	maskRange8Plain(dst, codes, lo, n)
}

func maskRange16(dst []uint64, codes []uint16, lo uint16, n int) {
	maskRange16Plain(dst, codes, lo, n)
}

func maskInts(dst []uint64, values []int64, lo int64, span uint64) {
	maskIntsPlain(dst, values, lo, span)
}

func maskFloats(dst []uint64, values []float64, lo int64, span uint64) {
	maskFloatsPlain(dst, values, lo, span)
}
