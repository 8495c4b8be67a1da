package exec

import "math"

// The kernels here turn a column into a bitmap: bit i of dst says whether value
// i is in a set. dst has words(len(values)) words and is overwritten; bits past
// the last value are zero. They are plain Go: the variants with SIMD
// instructions in mask_simd.go give the same bits.

// maskRange8Plain tells which codes lie in [lo, lo+n). Dictionaries are sorted,
// so most conditions are one range of codes.
func maskRange8Plain(dst []uint64, codes []uint8, lo uint8, n int) {
	for w := range dst {
		part := codes[w<<6:]
		if len(part) > 64 {
			part = part[:64]
		}
		var m uint64
		for j, c := range part {
			// The sign of (c-lo)-n is the answer; both fit well in 64 bits.
			m |= uint64(int64(c-lo)-int64(n)) >> 63 << (j & 63)
		}
		dst[w] = m
	}
}

// maskRange16Plain is maskRange8Plain for 16-bit codes.
func maskRange16Plain(dst []uint64, codes []uint16, lo uint16, n int) {
	for w := range dst {
		part := codes[w<<6:]
		if len(part) > 64 {
			part = part[:64]
		}
		var m uint64
		for j, c := range part {
			m |= uint64(int64(c-lo)-int64(n)) >> 63 << (j & 63)
		}
		dst[w] = m
	}
}

// maskTable8 tells for which codes the table holds 1; it holds 0 and 1 only.
func maskTable8(dst []uint64, codes []uint8, table *[256]uint8) {
	for w := range dst {
		part := codes[w<<6:]
		if len(part) > 64 {
			part = part[:64]
		}
		var m uint64
		for j, c := range part {
			m |= uint64(table[c]) << (j & 63)
		}
		dst[w] = m
	}
}

// maskTable16 is maskTable8 for 16-bit codes, all below len(table).
func maskTable16(dst []uint64, codes []uint16, table []uint8) {
	for w := range dst {
		part := codes[w<<6:]
		if len(part) > 64 {
			part = part[:64]
		}
		var m uint64
		for j, c := range part {
			m |= uint64(table[c]) << (j & 63)
		}
		dst[w] = m
	}
}

// maskIntsPlain tells which values lie on the arc from lo to lo+span, both
// inclusive, of the circle of 64-bit integers. Every comparison of an integer
// with a constant is such an arc, or all but one.
func maskIntsPlain(dst []uint64, values []int64, lo int64, span uint64) {
	for w := range dst {
		part := values[w<<6:]
		if len(part) > 64 {
			part = part[:64]
		}
		var m uint64
		for j, v := range part {
			var in uint64
			if uint64(v-lo) <= span {
				in = 1
			}
			m |= in << (j & 63)
		}
		dst[w] = m
	}
}

// maskFloatsPlain is maskIntsPlain over floatKey of the values.
func maskFloatsPlain(dst []uint64, values []float64, lo int64, span uint64) {
	for w := range dst {
		part := values[w<<6:]
		if len(part) > 64 {
			part = part[:64]
		}
		var m uint64
		for j, v := range part {
			var in uint64
			if uint64(floatKey(v)-lo) <= span {
				in = 1
			}
			m |= in << (j & 63)
		}
		dst[w] = m
	}
}

// floatKey maps floats to integers of the same order, with -0 and 0 as one. On
// the circle of integers all NaNs lie between floatKey(+Inf) and
// floatKey(-Inf), whatever their sign and payload: so "at least x or NaN" is an
// arc too.
func floatKey(v float64) int64 {
	b := int64(math.Float64bits(v + 0))
	return b ^ int64(uint64(b>>63)>>1)
}
