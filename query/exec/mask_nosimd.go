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

func spread4(dst []uint8, packed []byte, groups int) { spread4Plain(dst, packed, groups) }

func spread2(dst []uint8, packed []byte, groups int) { spread2Plain(dst, packed, groups) }

func scaleBytes(dst []uint16, codes []uint8, stride uint16) { scaleCodes(dst, codes, stride) }

func addBytes(dst []uint16, codes []uint8, stride uint16) { addCodes(dst, codes, stride) }
