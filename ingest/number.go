package ingest

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
	"unsafe"
)

// powersOfTen are those that a float64 holds exactly.
var powersOfTen = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// floatOf returns mantissa * 10^exponent if that takes one correctly rounded
// operation on exact numbers (Clinger 1990), so that the result is the nearest
// float64.
func floatOf(mantissa uint64, exponent int, negative bool) (x float64, ok bool) {
	if mantissa > 1<<53 || exponent < -22 || exponent > 22 {
		return 0, false
	}
	x = float64(mantissa)
	if exponent < 0 {
		x /= powersOfTen[-exponent]
	} else {
		x *= powersOfTen[exponent]
	}
	if negative {
		x = -x
	}
	return x, true
}

// parseFloat reads the text of a number; ok is false where it is none or is
// past the largest float64.
func parseFloat(text []byte) (x float64, ok bool) {
	x, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(text), len(text)), 64)
	return x, err == nil && !math.IsInf(x, 0) && !math.IsNaN(x)
}

// parseInt reads digits with or without a minus sign, if an int64 holds them.
func parseInt(text []byte) (n int64, ok bool) {
	i, negative := 0, false
	if len(text) > 0 && text[0] == '-' {
		i, negative = 1, true
	}
	if len(text) == i || len(text)-i > 19 {
		return 0, false
	}
	u := uint64(0)
	for ; i < len(text); i++ {
		if !isDigit(text[i]) {
			return 0, false
		}
		u = u*10 + uint64(text[i]-'0')
	}
	if negative {
		return -int64(u), u <= 1<<63
	}
	return int64(u), u <= math.MaxInt64
}

// scanDigits reads digits at buf[i], which follow those of u, and returns where they
// end. The value wraps past 64 bits. Eight bytes at once take no branch on how many
// digits there are, which nobody can predict.
func scanDigits(buf []byte, i int, u uint64) (value uint64, end int) {
	for i+8 <= len(buf) {
		x := binary.LittleEndian.Uint64(buf[i:]) ^ '0'*ones
		other := (x + (0x80-10)*ones | x) & highs // its first bit is right, and behind a digit
		n := bits.TrailingZeros64(other) >> 3
		u, i = u*tens[n]+eightDigits(x<<(64-8*uint(n))), i+n
		if n < 8 {
			return u, i
		}
	}
	for ; isDigit(buf[i]); i++ {
		u = u*10 + uint64(buf[i]-'0')
	}
	return u, i
}

// tens are the powers of ten that eight digits and fewer are shifted by.
var tens = [9]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8}

// eightDigits is the number of eight digits, a byte each from 0 to 9, the first in
// the lowest byte.
func eightDigits(x uint64) uint64 {
	x = (x*10 + x>>8) & 0x00ff_00ff_00ff_00ff
	x = (x*100 + x>>16) & 0x0000_ffff_0000_ffff
	return (x*10_000 + x>>32) & 0xffff_ffff
}

// number is what a JSON number means.
type number struct {
	float bool
	i     int64
	f     float64
}

// scanNumber reads a number by JSON's grammar at buf[i], and what it means. end
// is -1 if there is none: then at is where it breaks off. bad tells that it is
// past the largest float64. buf ends with a byte that is in no number.
func scanNumber(buf []byte, i int) (n number, end, at int, bad bool) {
	start, negative := i, false
	if buf[i] == '-' {
		negative = true
		i++
	}
	first := i
	u, i := scanDigits(buf, i, 0)
	digits := i - first
	if digits == 0 || buf[first] == '0' && digits > 1 {
		return n, -1, min(first+digits, first+1), false
	}
	if buf[i] == '.' || buf[i]|0x20 == 'e' {
		return scanFloat(buf, start, i, u, digits)
	}
	if digits <= 18 {
		n.i = int64(u)
		if negative {
			n.i = -n.i
		}
		return n, i, 0, false
	}
	var ok bool
	if n.i, ok = parseInt(buf[start:i]); !ok {
		n.float = true
		n.f, ok = parseFloat(buf[start:i])
		bad = !ok
	}
	return n, i, 0, bad
}

// scanFloat is scanNumber behind the digits before the point or exponent at i:
// u is their value, as long as there are at most 19 in all.
func scanFloat(buf []byte, start, i int, u uint64, digits int) (n number, end, at int, bad bool) {
	n.float = true
	exponent := 0
	if buf[i] == '.' {
		point := i
		u, i = scanDigits(buf, i+1, u)
		exponent = point + 1 - i
		if exponent == 0 {
			return n, -1, i, false
		}
		digits -= exponent
	}
	exact := digits <= 19
	if buf[i]|0x20 == 'e' {
		i++
		if buf[i] == '+' || buf[i] == '-' {
			i++
		}
		if !isDigit(buf[i]) {
			return n, -1, i, false
		}
		for isDigit(buf[i]) {
			i++
		}
		exact = false // strconv knows exponents
	}
	if exact {
		if x, ok := floatOf(u, exponent, buf[start] == '-'); ok {
			n.f = x
			return n, i, 0, false
		}
	}
	var ok bool
	n.f, ok = parseFloat(buf[start:i])
	return n, i, 0, !ok
}
