//go:build goexperiment.simd && amd64

package storage

import (
	"simd/archsimd"
	"unsafe"
)

// lanePlaces says for each width where eight values of it lie: which 8 of 64
// loaded bytes a lane needs, and how far to shift them.
var lanePlaces = func() (places [58]struct {
	bytes  [64]uint8
	shifts [8]uint64
}) {
	for width := range places {
		for lane := range 8 {
			bit := lane * width
			for i := range 8 {
				places[width].bytes[lane*8+i] = uint8(bit>>3 + i)
			}
			places[width].shifts[lane] = uint64(bit & 7)
		}
	}
	return places
}()

// unpackBits writes base + scale * value for every value. 8 bytes past the packed
// ones are readable.
func unpackBits(dst []int64, packed []byte, width int, base, scale uint64) {
	done := 0
	if width > 0 && width < len(lanePlaces) && archsimd.X86.AVX512() && archsimd.X86.AVX512VBMI() {
		place := &lanePlaces[width]
		order, shift := archsimd.LoadUint8x64(&place.bytes), archsimd.LoadUint64x8(&place.shifts)
		mask := archsimd.BroadcastUint64x8(1<<width - 1)
		times, plus := archsimd.BroadcastUint64x8(scale), archsimd.BroadcastUint64x8(base)
		// As far as 64 bytes can be loaded at once.
		groups := min(len(dst)/8, (len(packed)-64+width)/width)
		if groups > 0 {
			_ = packed[(groups-1)*width+63]
		}
		p := unsafe.Pointer(unsafe.SliceData(packed))
		for g := range max(0, groups) {
			v := archsimd.LoadUint8x64((*[64]uint8)(unsafe.Add(p, g*width))).Permute(order).AsUint64x8()
			v = v.ShiftRight(shift).And(mask)
			v.Mul(times).Add(plus).AsInt64x8().StoreSlice(dst[g*8 : g*8+8])
		}
		done = max(0, groups) * 8
		packed = packed[done/8*width:]
	}
	unpackBitsPlain(dst[done:], packed, width, base, scale)
}

// divideInts writes every integer over a divisor.
func divideInts(dst []float64, ints []int64, by float64) {
	done := 0
	if archsimd.X86.AVX512() {
		under := archsimd.BroadcastFloat64x8(by)
		for ; done+8 <= len(ints); done += 8 {
			archsimd.LoadInt64x8Slice(ints[done : done+8]).ConvertToFloat64().Div(under).StoreSlice(dst[done : done+8])
		}
	}
	divideIntsPlain(dst[done:], ints[done:], by)
}

// maskWords sets the bits of the values that are want, and clears those of the
// others.
func maskWords(dst []uint64, values []uint32, want uint32) {
	whole := 0
	if archsimd.X86.AVX512() {
		wanted := archsimd.BroadcastUint32x16(want)
		whole = len(values) >> 6
		for w := range dst[:whole] {
			part := values[w<<6 : w<<6+64]
			a := uint64(archsimd.LoadUint32x16Slice(part[:16]).Equal(wanted).ToBits())
			b := uint64(archsimd.LoadUint32x16Slice(part[16:32]).Equal(wanted).ToBits())
			c := uint64(archsimd.LoadUint32x16Slice(part[32:48]).Equal(wanted).ToBits())
			d := uint64(archsimd.LoadUint32x16Slice(part[48:]).Equal(wanted).ToBits())
			dst[w] = a | b<<16 | c<<32 | d<<48
		}
	}
	maskWordsPlain(dst[whole:], values[whole<<6:], want)
}

// classify sets the bits of bytes that are digits, and of those that are digits
// or letters of ASCII; all other bits of whole words are cleared.
func classify(digits, words []uint64, text []byte) {
	whole := 0
	if archsimd.X86.AVX512() {
		zero, a := archsimd.BroadcastUint8x64('0'), archsimd.BroadcastUint8x64('a')
		ten, letters := archsimd.BroadcastUint8x64(10), archsimd.BroadcastUint8x64(26)
		fold := archsimd.BroadcastUint8x64(0x20)
		whole = len(text) >> 6
		for w := range whole {
			v := archsimd.LoadUint8x64Slice(text[w<<6 : w<<6+64])
			d := v.Sub(zero).Less(ten).ToBits()
			digits[w] = d
			words[w] = d | v.Or(fold).Sub(a).Less(letters).ToBits()
		}
	}
	classifyPlain(digits[whole:], words[whole:], text[whole<<6:])
}
