package ingest

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/big"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// int returns value i of a type that is stored as an integer. ok is false for
// an unsigned one past int64.
func (a *arrowArray) int(i int) (n int64, ok bool) {
	unsigned := a.field.kind == arrowInt && !a.field.signed
	switch a.field.bits {
	case 8:
		if unsigned {
			return int64(a.data[i]), true
		}
		return int64(int8(a.data[i])), true
	case 16:
		u := binary.LittleEndian.Uint16(a.data[2*i:])
		if unsigned {
			return int64(u), true
		}
		return int64(int16(u)), true
	case 32:
		u := binary.LittleEndian.Uint32(a.data[4*i:])
		if unsigned {
			return int64(u), true
		}
		return int64(int32(u)), true
	}
	u := binary.LittleEndian.Uint64(a.data[8*i:])
	return int64(u), !unsigned || u <= math.MaxInt64
}

// unsigned returns value i of an unsigned type of 64 bits.
func (a *arrowArray) unsigned(i int) uint64 { return binary.LittleEndian.Uint64(a.data[8*i:]) }

// float returns value i of a floating-point type.
func (a *arrowArray) float(i int) float64 {
	switch a.field.bits {
	case 16:
		return halfFloat(binary.LittleEndian.Uint16(a.data[2*i:]))
	case 32:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(a.data[4*i:])))
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(a.data[8*i:]))
}

// halfFloat converts IEEE 754 binary16: 1 bit sign, 5 exponent, 10 fraction.
func halfFloat(h uint16) float64 {
	exponent, fraction := int(h>>10&31), float64(h&1023)
	x := 0.0
	switch exponent {
	case 0:
		x = math.Ldexp(fraction, -24)
	case 31:
		x = math.Inf(1)
		if fraction != 0 {
			x = math.NaN()
		}
	default:
		x = math.Ldexp(1024+fraction, exponent-25)
	}
	if h>>15 != 0 {
		x = -x
	}
	return x
}

// bool returns value i of a bitmap.
func (a *arrowArray) bool(i int) bool { return a.data[i>>3]>>(i&7)&1 != 0 }

// bytes returns value i of a text or binary type.
func (a *arrowArray) bytes(i int) []byte {
	switch a.field.kind {
	case arrowFixedSizeBinary:
		return a.data[i*a.field.size : (i+1)*a.field.size]
	case arrowUtf8View, arrowBinaryView:
		view := a.offsets[16*i : 16*i+16]
		length := binary.LittleEndian.Uint32(view)
		if length <= 12 {
			return view[4 : 4+length]
		}
		from := binary.LittleEndian.Uint32(view[12:])
		return a.views[binary.LittleEndian.Uint32(view[8:])][from : from+length]
	}
	from, to := a.span(i)
	return a.data[from:to]
}

// time returns value i of a date or timestamp in nanoseconds since 1970. ok is
// false if 64 bits do not hold it.
func (a *arrowArray) time(i int) (ns int64, ok bool) {
	n, _ := a.int(i)
	unit := a.field.unit
	return n * unit, n <= math.MaxInt64/unit && n >= math.MinInt64/unit
}

// appendClock appends value i of a time of day as 15:04:05.999.
func (a *arrowArray) appendClock(dst []byte, i int) []byte {
	n, _ := a.int(i)
	if limit := 86_400e9 / a.field.unit; n < 0 || n >= limit {
		return strconv.AppendInt(dst, n, 10)
	}
	return time.Unix(0, n*a.field.unit).UTC().AppendFormat(dst, "15:04:05.999999999")
}

// appendDecimal appends value i of a decimal type.
func (a *arrowArray) appendDecimal(dst []byte, i int) []byte {
	width := a.field.bits / 8
	raw := slices.Clone(a.data[i*width : (i+1)*width])
	slices.Reverse(raw)
	negative := raw[0]&0x80 != 0
	n := new(big.Int).SetBytes(raw)
	if negative {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*width)))
		n.Neg(n)
		dst = append(dst, '-')
	}
	digits := n.String()
	scale := a.field.scale
	if scale <= 0 {
		dst = append(dst, digits...)
		if digits != "0" {
			for range -scale {
				dst = append(dst, '0')
			}
		}
		return dst
	}
	for len(digits) <= scale {
		digits = "0" + digits
	}
	point := len(digits) - scale
	return append(append(append(dst, digits[:point]...), '.'), digits[point:]...)
}

// appendText appends value i of a text or binary type, as text: binary that is
// not UTF-8 becomes hexadecimal, as do all values of fixed size (they are ids
// and digests).
func (a *arrowArray) appendText(dst []byte, i int) (text []byte, repaired bool) {
	b := a.bytes(i)
	switch {
	case a.field.kind == arrowFixedSizeBinary:
		return hex.AppendEncode(dst, b), false
	case utf8.Valid(b):
		return append(dst, b...), false
	case a.field.kind == arrowUtf8, a.field.kind == arrowLargeUtf8, a.field.kind == arrowUtf8View:
		return appendValid(dst, b), true
	}
	return hex.AppendEncode(dst, b), false
}

// resolve returns where value i really is: itself, or in its dictionary. ok is
// false for null.
func (a *arrowArray) resolve(i int) (values *arrowArray, at int, ok bool) {
	if a.isNull(i) {
		return nil, 0, false
	}
	if a.dict == nil {
		return a, i, true
	}
	n, _ := a.int(i)
	values, at = a.dict.at(int(n))
	return values.resolve(at)
}
