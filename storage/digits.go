package storage

import (
	"encoding/binary"
	"math/bits"
)

// Digits of numbers, eight at a time within a register: the kernels of the
// encodings that turn texts into numbers and back. Bytes are in memory order, the
// first digit in the lowest.

const (
	lowBits = 0x0101_0101_0101_0101
	nibbles = 0x0f0f_0f0f_0f0f_0f0f
	zeroes  = '0' * lowBits
)

// lastBytes loads the n bytes, 1 to 8, that end at data[end], behind as many '0' as
// make them eight.
func lastBytes(data []byte, end, n int) uint64 {
	if end < 8 {
		x := uint64(zeroes)
		for i := range n {
			x = x>>8 | uint64(data[end-n+i])<<56
		}
		return x
	}
	x := binary.LittleEndian.Uint64(data[end-8:])
	filler := uint64(1)<<(8*(8-n)) - 1
	return x&^filler | zeroes&filler
}

// parseDecimal8 returns the number of eight decimal digits.
func parseDecimal8(x uint64) (uint64, bool) {
	const high = 0xf0 * lowBits
	ok := x&high == zeroes && (x+6*lowBits)&high == zeroes
	return decimal8Of(x & nibbles), ok
}

// decimal8Of is the number of eight decimal digits, each of which is a byte below 10.
func decimal8Of(x uint64) uint64 {
	x = (x*10 + x>>8) & 0x00ff_00ff_00ff_00ff
	x = (x*100 + x>>16) & 0x0000_ffff_0000_ffff
	return (x*10_000 + x>>32) & 0xffff_ffff
}

// parseDecimal returns the number of the digits data[from:to], 1 to 18 of them.
func parseDecimal(data []byte, from, to int) (v uint64, ok bool) {
	n := to - from
	if n <= 8 {
		return parseDecimal8(lastBytes(data, to, n))
	}
	if n > 16 {
		for _, c := range data[from : to-16] {
			if !isDecimal(c) {
				return 0, false
			}
			v = v*10 + uint64(c-'0')
		}
		n = 16
	}
	high, ok := parseDecimal8(lastBytes(data, to-8, n-8))
	low, ok2 := parseDecimal8(lastBytes(data, to, 8))
	return (v*1e8+high)*1e8 + low, ok && ok2
}

// parseHex returns the number of the digits data[from:to], 1 to 16 of them.
func parseHex(data []byte, from, to int, upper bool) (v uint64, ok bool) {
	n := to - from
	if n > 8 {
		high, ok := packHex(lastBytes(data, to-8, n-8), upper)
		if !ok {
			return 0, false
		}
		v, n = uint64(bits.ReverseBytes32(high))<<32, 8
	}
	low, ok := packHex(lastBytes(data, to, n), upper)
	return v | uint64(bits.ReverseBytes32(low)), ok
}

// decimal8 returns the eight decimal digits of v, which is below 10^8.
func decimal8(v uint64) uint64 {
	// Halves of four digits, then pairs, then digits, each in lanes of its own.
	x := v/10_000 | v%10_000<<32
	y := x * 10_486 >> 20 & 0x0000_007f_0000_007f
	x = y | (x-100*y)<<16
	y = x * 103 >> 10 & 0x000f_000f_000f_000f
	return (y | (x-10*y)<<8) + zeroes
}

// digitsRoom is how much room writeDecimal and writeHex need, whatever they write.
const digitsRoom = 24

// writeDecimal writes the last n decimal digits of v, 1 to 18 of them, to dst, and
// anything behind them.
func writeDecimal(dst []byte, v uint64, n int) {
	_ = dst[digitsRoom-1]
	if n > 16 {
		binary.LittleEndian.PutUint64(dst, decimal8(v/1e16%1e8)>>(8*(24-n)))
		dst = dst[n-16:]
		n = 16
	}
	if n > 8 {
		binary.LittleEndian.PutUint64(dst, decimal8(v/1e8%1e8)>>(8*(16-n)))
		dst = dst[n-8:]
		n = 8
	}
	if v >= 1e8 {
		v %= 1e8
	}
	binary.LittleEndian.PutUint64(dst, decimal8(v)>>(8*(8-n)))
}

// writeHex writes the last n hexadecimal digits of v, 1 to 16 of them, to dst, and
// anything behind them.
func writeHex(dst []byte, v uint64, n int, upper bool) {
	_ = dst[digitsRoom-1]
	v <<= 64 - 4*uint(n)
	binary.LittleEndian.PutUint64(dst, unpackHex(bits.ReverseBytes32(uint32(v>>32)), upper))
	if n > 8 {
		binary.LittleEndian.PutUint64(dst[8:], unpackHex(bits.ReverseBytes32(uint32(v)), upper))
	}
}

// packHex turns eight digits into four bytes in their order. All are converted at
// once; what does not convert back is no digit.
func packHex(text uint64, upper bool) (uint32, bool) {
	n := text&nibbles + text>>6&lowBits*9
	if n&^nibbles != 0 || hexDigits(n, upper) != text {
		return 0, false
	}
	n = (n<<4 | n>>8) & 0x00ff_00ff_00ff_00ff
	n = (n | n>>8) & 0x0000_ffff_0000_ffff
	return uint32(n | n>>16), true
}

// hexLetter is the first digit past 9.
func hexLetter(upper bool) byte {
	if upper {
		return 'A'
	}
	return 'a'
}

// packHexDigitsPlain is packHexDigits eight digits at a time.
func packHexDigitsPlain(dst, text []byte, upper bool) bool {
	for i := 0; i < len(text); i += 8 {
		v, ok := packHex(binary.LittleEndian.Uint64(text[i:]), upper)
		if !ok {
			return false
		}
		binary.LittleEndian.PutUint32(dst[i/2:], v)
	}
	return true
}

// unpackHex is the reverse of packHex.
func unpackHex(packed uint32, upper bool) uint64 {
	n := uint64(packed)
	n = (n | n<<16) & 0x0000_ffff_0000_ffff
	n = (n | n<<8) & 0x00ff_00ff_00ff_00ff
	return hexDigits((n>>4|n<<8)&nibbles, upper)
}

// hexDigits turns a number below 16 in each byte into its digit.
func hexDigits(n uint64, upper bool) uint64 {
	letters := (n + 6*lowBits) >> 4 & lowBits
	return n + zeroes + letters*uint64(hexLetter(upper)-'0'-10)
}

// decimalLimits is, for a number of bits, the digits of the least number of so many
// bits, and the first number that has one more.
var decimalLimits = func() (limits [65]struct {
	digits int
	from   uint64
}) {
	for n := range limits {
		low := uint64(0)
		if n > 0 {
			low = 1 << (n - 1)
		}
		digits, from := 1, uint64(10)
		for low >= from && digits < 19 {
			digits++
			from *= 10
		}
		limits[n].digits, limits[n].from = digits, from
	}
	return limits
}()

// countDigits is the number of decimal digits of x, without a loop.
func countDigits(x uint64) int {
	limit := &decimalLimits[bits.Len64(x)]
	if x >= limit.from {
		return limit.digits + 1
	}
	return limit.digits
}

func isDecimal(c byte) bool { return c-'0' <= 9 }

func isHexDigit(c byte) bool { return isDecimal(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }
