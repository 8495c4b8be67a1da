//go:build goexperiment.simd && amd64

package exec

import "simd/archsimd"

// maskRange8 tells which codes lie in [lo, lo+n).
func maskRange8(dst []uint64, codes []uint8, lo uint8, n int) {
	if n <= 0 || n > 255 || !archsimd.X86.AVX512() {
		maskRange8Plain(dst, codes, lo, n)
		return
	}
	first, size := archsimd.BroadcastUint8x64(lo), archsimd.BroadcastUint8x64(uint8(n))
	whole := len(codes) >> 6
	for w := range dst[:whole] {
		v := archsimd.LoadUint8x64Slice(codes[w<<6 : w<<6+64])
		dst[w] = v.Sub(first).Less(size).ToBits()
	}
	maskRange8Plain(dst[whole:], codes[whole<<6:], lo, n)
}

// maskRange16 tells which codes lie in [lo, lo+n).
func maskRange16(dst []uint64, codes []uint16, lo uint16, n int) {
	if n <= 0 || n > 65_535 || !archsimd.X86.AVX512() {
		maskRange16Plain(dst, codes, lo, n)
		return
	}
	first, size := archsimd.BroadcastUint16x32(lo), archsimd.BroadcastUint16x32(uint16(n))
	whole := len(codes) >> 6
	for w := range dst[:whole] {
		part := codes[w<<6 : w<<6+64]
		low := archsimd.LoadUint16x32Slice(part[:32]).Sub(first).Less(size).ToBits()
		high := archsimd.LoadUint16x32Slice(part[32:]).Sub(first).Less(size).ToBits()
		dst[w] = uint64(low) | uint64(high)<<32
	}
	maskRange16Plain(dst[whole:], codes[whole<<6:], lo, n)
}

// maskInts tells which values lie on the arc from lo to lo+span.
func maskInts(dst []uint64, values []int64, lo int64, span uint64) {
	if !archsimd.X86.AVX512() {
		maskIntsPlain(dst, values, lo, span)
		return
	}
	first, size := archsimd.BroadcastInt64x8(lo), archsimd.BroadcastUint64x8(span)
	whole := len(values) >> 6
	for w := range dst[:whole] {
		part := values[w<<6 : w<<6+64]
		var m uint64
		for j := 0; j < 64; j += 8 {
			v := archsimd.LoadInt64x8Slice(part[j : j+8]).Sub(first).AsUint64x8()
			m |= uint64(v.LessEqual(size).ToBits()) << (j & 63)
		}
		dst[w] = m
	}
	maskIntsPlain(dst[whole:], values[whole<<6:], lo, span)
}

// maskFloats tells which values have their floatKey on the arc from lo to lo+span.
func maskFloats(dst []uint64, values []float64, lo int64, span uint64) {
	if !archsimd.X86.AVX512() {
		maskFloatsPlain(dst, values, lo, span)
		return
	}
	first, size := archsimd.BroadcastInt64x8(lo), archsimd.BroadcastUint64x8(span)
	zero := archsimd.BroadcastFloat64x8(0)
	whole := len(values) >> 6
	for w := range dst[:whole] {
		part := values[w<<6 : w<<6+64]
		var m uint64
		for j := 0; j < 64; j += 8 {
			b := archsimd.LoadFloat64x8Slice(part[j : j+8]).Add(zero).AsInt64x8()
			flip := b.ShiftAllRight(63).AsUint64x8().ShiftAllRight(1).AsInt64x8()
			v := b.Xor(flip).Sub(first).AsUint64x8()
			m |= uint64(v.LessEqual(size).ToBits()) << (j & 63)
		}
		dst[w] = m
	}
	maskFloatsPlain(dst[whole:], values[whole<<6:], lo, span)
}

// spread4 writes groups times 8 codes of 4 bits as bytes.
func spread4(dst []uint8, packed []byte, groups int) {
	done := 0
	if archsimd.X86.AVX512() {
		low := archsimd.BroadcastUint16x32(0x0f0f)
		for ; done+8 <= groups; done += 8 {
			v := archsimd.LoadUint8x32Slice(packed[done*4 : done*4+32]).ExtendToUint16()
			v = v.Or(v.ShiftAllLeft(4)).And(low)
			v.AsUint8x64().StoreSlice(dst[done*8 : done*8+64])
		}
	}
	spread4Plain(dst[done*8:], packed[done*4:], groups-done)
}

// spread2 writes groups times 8 codes of 2 bits as bytes.
func spread2(dst []uint8, packed []byte, groups int) {
	done := 0
	if archsimd.X86.AVX512() {
		nibbles, pairs := archsimd.BroadcastUint32x16(0x000f_000f), archsimd.BroadcastUint32x16(0x0303_0303)
		for ; done+8 <= groups; done += 8 {
			v := archsimd.LoadUint8x16Slice(packed[done*2 : done*2+16]).ExtendToUint32()
			v = v.Or(v.ShiftAllLeft(12)).And(nibbles)
			v = v.Or(v.ShiftAllLeft(6)).And(pairs)
			v.AsUint8x64().StoreSlice(dst[done*8 : done*8+64])
		}
	}
	spread2Plain(dst[done*8:], packed[done*2:], groups-done)
}

// scaleBytes writes code*stride of every row.
func scaleBytes(dst []uint16, codes []uint8, stride uint16) {
	done := 0
	if archsimd.X86.AVX512() {
		by := archsimd.BroadcastUint16x32(stride)
		for ; done+32 <= len(codes); done += 32 {
			v := archsimd.LoadUint8x32Slice(codes[done : done+32]).ExtendToUint16()
			v.Mul(by).StoreSlice(dst[done : done+32])
		}
	}
	scaleCodes(dst[done:], codes[done:], stride)
}

// addBytes adds code*stride to every row.
func addBytes(dst []uint16, codes []uint8, stride uint16) {
	done := 0
	if archsimd.X86.AVX512() {
		by := archsimd.BroadcastUint16x32(stride)
		for ; done+32 <= len(codes); done += 32 {
			v := archsimd.LoadUint8x32Slice(codes[done : done+32]).ExtendToUint16()
			sum := archsimd.LoadUint16x32Slice(dst[done : done+32]).Add(v.Mul(by))
			sum.StoreSlice(dst[done : done+32])
		}
	}
	addCodes(dst[done:], codes[done:], stride)
}
