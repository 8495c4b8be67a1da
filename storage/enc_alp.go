package storage

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
)

// Decimal floats: measurements with a few decimals are integers over a power of
// ten. Those are packed as EncFOR; values that are no such fraction stand apart
// and are patched in. (ALP by Afroozeh and Boncz, 2023, but for the division: the
// quotient of two exact numbers is the float that lies nearest to the decimal, so
// whatever was read from text with up to 15 digits comes back to the bit.)
//
//	+---------------------+----------------+------------+----------+
//	| bitmap (8 x words)? | exceptions (4) | digits (1) | zero (3) |
//	+---------------------+----------------+------------+----------+-----+
//	| exception (8) x n | its row (2) x n | zeros | integers (EncFOR)    |
//	+-------------------+-----------------+-------+----------------------+
//
// value = integer / 10^digits. Rows of exceptions ascend; null rows hold any
// integer.

const (
	alpHeaderBytes = 8

	// alpDigitsMax is the most decimals: with more, integers below 2^51 are
	// left for values below 0.002 only.
	alpDigitsMax = 18

	// alpRound added to a float below 2^51 and taken away again rounds it.
	alpRound = 3 << 51
	alpMax   = 1 << 51

	// alpSamples values are looked at to choose the digits.
	alpSamples = 256

	// alpExceptionsMax is the share of samples, 1 in so many, that may be
	// exceptions: at 10 bytes each, more are not worth the second pass.
	alpExceptionsMax = 4
)

// powersOfTen are exact as floats.
var powersOfTen = func() (powers [alpDigitsMax + 1]float64) {
	p := 1.0
	for i := range powers {
		powers[i] = p
		p *= 10
	}
	return powers
}()

// alpInt returns the integer that stands for x over a power of ten, and whether
// it gives x back.
func alpInt(x, power float64) (int64, bool) {
	rounded := x*power + alpRound - alpRound
	return int64(rounded), rounded/power == x && math.Abs(rounded) < alpMax
}

// alpDigits chooses the digits by a sample; ok is false if decimals do not help.
func alpDigits(values []float64) (digits int, ok bool) {
	var needed [alpDigitsMax + 2]int
	step, n := max(1, len(values)/alpSamples), 0
	for i := 0; i < len(values); i += step {
		d := 0
		for ; d <= alpDigitsMax; d++ {
			if _, ok := alpInt(values[i], powersOfTen[d]); ok {
				break
			}
		}
		needed[d]++
		n++
	}
	best, past := math.Inf(1), n
	for d := range alpDigitsMax + 1 {
		past -= needed[d]
		if past*alpExceptionsMax > n {
			continue
		}
		// Each digit takes log2(10) bits of all values.
		if cost := float64(n*d)*math.Log2(10) + float64(past*exceptionBytes*8); cost < best {
			best, digits, ok = cost, d, true
		}
	}
	return digits, ok
}

// appendALP encodes floats of all rows, in canonical form. ok is false, and dst as
// it was, if they are no decimals.
func (e *encoder) appendALP(dst []byte, s *source, values []float64) (_ []byte, ok bool) {
	digits, ok := alpDigits(values)
	if !ok {
		return dst, false
	}
	dst = s.appendValid(dst)
	power := powersOfTen[digits]
	e.ints = grow(e.ints, len(values))
	e.patches = e.patches[:0]
	for i, x := range values {
		v, ok := alpInt(x, power)
		if !ok {
			e.patches = append(e.patches, uint32(i))
			v = 0
			if i > 0 {
				v = e.ints[i-1]
			}
		}
		e.ints[i] = v
	}
	dst = appendUint32(dst, uint32(len(e.patches)))
	dst = append(dst, byte(digits), 0, 0, 0)
	for _, row := range e.patches {
		dst = appendWord(dst, floatBits(values[row]))
	}
	for _, row := range e.patches {
		dst = appendUint16(dst, uint16(row))
	}
	dst = padTo(dst, 8)
	return e.appendFOR(dst, &source{n: s.rows, rows: s.rows, part: true}, e.ints, slices.Min(e.ints)), true
}

var errALP = errors.New("decimal floats do not fit their data")

func openALP(s section, o *opened) error {
	if s.typ != TypeFloat64 {
		return errMismatch
	}
	if len(s.data) < alpHeaderBytes {
		return errShort
	}
	n, digits := int(binary.LittleEndian.Uint32(s.data)), int(s.data[4])
	at := (alpHeaderBytes + n*exceptionBytes + 7) &^ 7
	if n > s.rows || at > len(s.data) || digits > alpDigitsMax {
		return errALP
	}
	r := &alpReader{
		power: powersOfTen[digits], valid: o.valid,
		patches: viewFloats(s.data[alpHeaderBytes:], n), where: viewUint16(s.data[alpHeaderBytes+8*n:], n),
	}
	last := -1
	for _, row := range r.where {
		if int(row) <= last || int(row) >= s.rows {
			return errALP
		}
		last = int(row)
	}
	values := opened{rows: s.rows}
	if err := openFOR(section{typ: TypeInt64, enc: EncFOR, rows: s.rows, data: s.data[at:]}, &values); err != nil {
		return err
	}
	r.forReader = *values.ints.(*forReader)
	o.floats = r
	return nil
}

type alpReader struct {
	forReader // of the integers, without nulls
	power     float64
	valid     []uint64
	patches   []float64
	where     []uint16 // rows of the patches, ascending
}

func (r *alpReader) all(buf []float64) []float64 {
	buf = grow(buf, r.rows)
	var ints [runRows]int64
	for from := 0; from < r.rows; from += runRows {
		divideInts(buf[from:], r.decode(from/runRows, ints[:]), r.power)
	}
	for i, row := range r.where {
		buf[row] = r.patches[i]
	}
	zeroNulls(buf, r.valid)
	return buf
}

func (r *alpReader) at(row int) float64 {
	if i, ok := slices.BinarySearch(r.where, uint16(row)); ok {
		return r.patches[i]
	}
	return float64(r.forReader.at(row)) / r.power
}

func dumpALP(d *dumper, s section) {
	n := int(binary.LittleEndian.Uint32(s.data))
	d.field(4, "%d exceptions", n)
	d.field(1, "%d decimals", s.data[4])
	d.field(3, "zero")
	d.field(8*n, "exceptions %v", head(viewFloats(s.data[alpHeaderBytes:], n)))
	d.field(2*n, "their rows %d", head(viewUint16(s.data[alpHeaderBytes+8*n:], n)))
	d.field(-2*n&7, "zeros")
	at := (alpHeaderBytes + n*exceptionBytes + 7) &^ 7
	d.section(section{typ: TypeInt64, enc: EncFOR, rows: s.rows, data: s.data[at:]})
}
