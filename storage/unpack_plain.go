package storage

import (
	"encoding/binary"
	"unsafe"
)

// The plain kernels of this file run where there is no SIMD, and finish what the
// SIMD variants leave over.

// unpackBitsPlain writes base + scale * value for every value. 8 bytes past the
// packed ones are readable.
func unpackBitsPlain(dst []int64, packed []byte, width int, base, scale uint64) {
	if width == 0 {
		for i := range dst {
			dst[i] = int64(base)
		}
		return
	}
	if width == 64 {
		for i := range dst {
			dst[i] = int64(base + scale*binary.LittleEndian.Uint64(packed[8*i:]))
		}
		return
	}
	_ = packed[:packedBytes(len(dst), width)+8]
	p := unsafe.Pointer(unsafe.SliceData(packed))
	mask := uint64(1)<<width - 1
	w := uintptr(width)
	for len(dst) >= 8 {
		// Eight values fill whole bytes, so their places repeat.
		d := dst[:8:8]
		d[0] = int64(base + scale*(load(p, 0)&mask))
		d[1] = int64(base + scale*(load(p, w>>3)>>(w&7)&mask))
		d[2] = int64(base + scale*(load(p, 2*w>>3)>>(2*w&7)&mask))
		d[3] = int64(base + scale*(load(p, 3*w>>3)>>(3*w&7)&mask))
		d[4] = int64(base + scale*(load(p, 4*w>>3)>>(4*w&7)&mask))
		d[5] = int64(base + scale*(load(p, 5*w>>3)>>(5*w&7)&mask))
		d[6] = int64(base + scale*(load(p, 6*w>>3)>>(6*w&7)&mask))
		d[7] = int64(base + scale*(load(p, 7*w>>3)>>(7*w&7)&mask))
		dst, p = dst[8:], unsafe.Add(p, w)
	}
	for i := range dst {
		bit := uintptr(i) * w
		dst[i] = int64(base + scale*(load(p, bit>>3)>>(bit&7)&mask))
	}
}

// load reads 8 bytes that unpackBits has checked to be there.
func load(p unsafe.Pointer, at uintptr) uint64 {
	return *(*uint64)(unsafe.Add(p, at))
}

// divideIntsPlain writes every integer over a divisor.
func divideIntsPlain(dst []float64, ints []int64, by float64) {
	dst = dst[:len(ints)]
	for i, x := range ints {
		dst[i] = float64(x) / by
	}
}

// maskWordsPlain sets the bits of the values that are want, and clears those of
// the others.
func maskWordsPlain(dst []uint64, values []uint32, want uint32) {
	for w := range dst {
		part := values[w<<6 : min(w<<6+64, len(values))]
		m := uint64(0)
		for i, v := range part {
			bit := uint64(0)
			if v == want {
				bit = 1
			}
			m |= bit << i
		}
		dst[w] = m
	}
}

// classifyPlain sets the bits of bytes that are digits, and of those that are
// digits or letters of ASCII; all other bits of whole words are cleared.
func classifyPlain(digits, words []uint64, text []byte) {
	for len(text) > 0 {
		part := text[:min(64, len(text))]
		text = text[len(part):]
		d, a := uint64(0), uint64(0)
		i := 0
		for ; i+8 <= len(part); i += 8 {
			x := binary.LittleEndian.Uint64(part[i:])
			isDigit := bytesWithin(x, '0', '9')
			isLetter := bytesWithin(x|0x20*lowBits, 'a', 'z')
			d |= gatherBits(isDigit) << i
			a |= gatherBits(isDigit|isLetter) << i
		}
		for ; i < len(part); i++ {
			c := part[i]
			if isDecimal(c) {
				d |= 1 << i
			}
			if isDecimal(c) || c|0x20 >= 'a' && c|0x20 <= 'z' {
				a |= 1 << i
			}
		}
		digits[0], words[0] = d, a
		digits, words = digits[1:], words[1:]
	}
}

// bytesWithin sets the high bit of every byte of x from low to high, below 128.
func bytesWithin(x uint64, low, high byte) uint64 {
	const highBits = 0x80 * lowBits
	t := x &^ highBits
	return (t + uint64(0x80-low)*lowBits) &^ (t + uint64(0x7f-high)*lowBits) &^ x & highBits
}

// gatherBits puts the high bits of the bytes of x together.
func gatherBits(x uint64) uint64 { return x >> 7 * 0x0102_0408_1020_4080 >> 56 }
