package storage

import (
	"errors"
	"math"
	"math/bits"
	"slices"
)

// Affix: texts that are one number between a prefix and a suffix that all share:
// `user-000123`, `10ms`, `key:00ff3a`. The numbers are packed as EncFOR. They have
// a fixed number of digits, decimal or hexadecimal, or as many decimal ones as
// they need, without leading zeros.
//
//	+---------------------+----------+-----------+------------+------------+----------+
//	| bitmap (8 x words)? | base (1) | digits(1) | prefix (1) | suffix (1) | zero (4) |
//	+---------------------+----------+-----------+------------+------------+----------+
//	| text of prefix and suffix | zeros | numbers (EncFOR, no nulls)                  |
//	+---------------------------+-------+---------------------------------------------+
//
// base is 10, 16 (digits a to f) or 17 (digits A to F); digits 0 means as many as
// needed; prefix and suffix are lengths. Null rows hold any number.

const (
	affixHeaderBytes = 8

	baseDecimal  = 10
	baseHex      = 16
	baseHexUpper = 17

	// affixBytesMax bounds prefix and suffix together, so that a few bytes of
	// numbers cannot unpack to much more text.
	affixBytesMax = 64

	// Numbers of so many digits fit an int64.
	decimalDigitsMax = 18
	hexDigitsMax     = 15

	// hexPackedMax is the most hexadecimal digits worth an integer: more than 57
	// bits are packed as 64, and EncHexID takes half a byte a digit.
	hexPackedMax = 14
)

// affix is the form of texts, all but the numbers.
type affix struct {
	base   byte
	digits int // 0: as many as needed
	prefix []byte
	suffix []byte
}

// maxDigits is the most that a number gets.
func (a *affix) maxDigits() int {
	if a.digits == 0 {
		return decimalDigitsMax
	}
	return a.digits
}

// limit is the first number that is too large.
func (a *affix) limit() uint64 {
	if a.base == baseDecimal {
		limit := uint64(1)
		for range a.maxDigits() {
			limit *= 10
		}
		return limit
	}
	return 1 << (4 * a.digits)
}

func isDecimal(c byte) bool { return c-'0' <= 9 }

func isHexDigit(c byte) bool { return isDecimal(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

// parse returns the number of a text, if it has the form.
func (a *affix) parse(text []byte) (v uint64, ok bool) {
	n := len(text) - len(a.prefix) - len(a.suffix)
	if n <= 0 || a.digits > 0 && n != a.digits || n > decimalDigitsMax ||
		string(text[:len(a.prefix)]) != string(a.prefix) || string(text[len(text)-len(a.suffix):]) != string(a.suffix) {
		return 0, false
	}
	return a.number(text[len(a.prefix) : len(a.prefix)+n])
}

// number reads digits that stand alone; there are 1 to maxDigits of them.
func (a *affix) number(digits []byte) (v uint64, ok bool) {
	if a.base == baseDecimal {
		if a.digits == 0 && digits[0] == '0' && len(digits) > 1 {
			return 0, false
		}
		for _, c := range digits {
			d := c - '0'
			if d > 9 {
				return 0, false
			}
			v = v*10 + uint64(d)
		}
		return v, true
	}
	letter := byte('a')
	if a.base == baseHexUpper {
		letter = 'A'
	}
	for _, c := range digits {
		d := c - '0'
		if d > 9 {
			if d = c - letter; d > 5 {
				return 0, false
			}
			d += 10
		}
		v = v<<4 | uint64(d)
	}
	return v, true
}

// append writes the text of a number below limit.
func (a *affix) append(dst []byte, v uint64) []byte {
	dst = append(dst, a.prefix...)
	n := a.digits
	if n == 0 {
		n = countDigits(v)
	}
	at := len(dst)
	dst = slices.Grow(dst, n)[:at+n]
	a.put(dst[at:], v)
	return append(dst, a.suffix...)
}

// put writes the digits of v over the whole of dst.
func (a *affix) put(dst []byte, v uint64) {
	switch a.base {
	case baseDecimal:
		putDecimal(dst, v)
	case baseHex:
		putHex(dst, v, lowerHex)
	default:
		putHex(dst, v, upperHex)
	}
}

const (
	lowerHex = "0123456789abcdef"
	upperHex = "0123456789ABCDEF"
)

// twoDigits is the numbers from 00 to 99 as texts.
var twoDigits = func() (pairs [200]byte) {
	for i := range 100 {
		pairs[2*i], pairs[2*i+1] = byte('0'+i/10), byte('0'+i%10)
	}
	return pairs
}()

// putDecimal writes the last len(dst) decimal digits of v.
func putDecimal(dst []byte, v uint64) {
	n := len(dst)
	for n >= 2 {
		pair := v % 100 * 2
		v /= 100
		dst[n-1], dst[n-2] = twoDigits[pair+1], twoDigits[pair]
		n -= 2
	}
	if n == 1 {
		dst[0] = byte('0' + v%10)
	}
}

func putHex(dst []byte, v uint64, digits string) {
	for n := len(dst) - 1; n >= 0; n-- {
		dst[n] = digits[v&15]
		v >>= 4
	}
}

// decimalLimits is, for a number of bits, one less digit than numbers of so many
// bits may have, and the first number that has it.
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
	limit := &decimalLimits[bits.Len64(x)&127%65]
	if x >= limit.from {
		return limit.digits + 1
	}
	return limit.digits
}

// affixOf finds the form of texts by some of them. It may not hold for others.
func affixOf(s *source) (a affix, ok bool) {
	first := s.vec.Text(0)
	prefix, suffix := len(first), len(first)
	step := max(1, s.n/affixSamples)
	short, long := len(first), len(first)
	for i := step; i < s.n; i += step {
		text := s.vec.Text(i)
		prefix, suffix = commonPrefix(first[:prefix], text), commonSuffix(first[len(first)-suffix:], text)
		short, long = min(short, len(text)), max(long, len(text))
	}
	if prefix == len(first) { // all alike, as far as was seen
		return a, false
	}
	// Digits that all of them share are part of the number.
	p, q := prefix, suffix
	for p > 0 && isDecimal(first[p-1]) {
		p--
	}
	for q > 0 && isDecimal(first[len(first)-q]) {
		q--
	}
	if p+q < short {
		a = affix{base: baseDecimal, prefix: first[:p], suffix: first[len(first)-q:]}
		if short == long {
			a.digits = long - p - q
		}
		if a.fits(s, step) {
			return a, true
		}
	}
	for prefix > 0 && isHexDigit(first[prefix-1]) {
		prefix--
	}
	for suffix > 0 && isHexDigit(first[len(first)-suffix]) {
		suffix--
	}
	if prefix+suffix >= short || short < long {
		return a, false
	}
	a = affix{base: baseHex, digits: long - prefix - suffix, prefix: first[:prefix], suffix: first[len(first)-suffix:]}
	if a.fits(s, step) {
		return a, true
	}
	a.base = baseHexUpper
	return a, a.fits(s, step)
}

// affixSamples texts are looked at to find the form.
const affixSamples = 64

// fits tells whether every step-th text has the form.
func (a *affix) fits(s *source, step int) bool {
	if len(a.prefix)+len(a.suffix) > affixBytesMax || a.base == baseDecimal && a.digits > decimalDigitsMax ||
		a.base != baseDecimal && a.digits > hexPackedMax {
		return false
	}
	for i := 0; i < s.n; i += step {
		if _, ok := a.parse(s.vec.Text(i)); !ok {
			return false
		}
	}
	return true
}

func commonPrefix(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

func commonSuffix(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}

// appendAffix encodes texts of all rows. ok is false, and dst as it was, if they
// have no such form.
func (e *encoder) appendAffix(dst []byte, s *source) (_ []byte, ok bool) {
	a, ok := affixOf(s)
	if !ok {
		return dst, false
	}
	e.parsed = grow(e.parsed, s.n)
	if !a.parseAll(e.parsed, s.vec) {
		// A longer number came after those that were looked at.
		if a.base != baseDecimal || a.digits == 0 {
			return dst, false
		}
		if a.digits = 0; !a.parseAll(e.parsed, s.vec) {
			return dst, false
		}
	}
	dst = s.appendValid(dst)
	dst = append(dst, a.base, byte(a.digits), byte(len(a.prefix)), byte(len(a.suffix)), 0, 0, 0, 0)
	dst = append(append(dst, a.prefix...), a.suffix...)
	dst = padTo(dst, 8)
	numbers := source{vec: &Vector{Type: TypeInt64, Ints: e.parsed}, n: s.n, rows: s.rows, at: s.at}
	ints := numbers.intsOfRows(e)
	return e.appendFOR(dst, &source{n: s.rows, rows: s.rows, part: true}, ints, slices.Min(ints)), true
}

// parseAll writes the numbers of the first len(dst) texts, if all have the form.
func (a *affix) parseAll(dst []int64, vec *Vector) bool {
	start := uint32(0)
	for i, end := range vec.Ends[:len(dst)] {
		v, ok := a.parse(vec.Bytes[start:end])
		if !ok {
			return false
		}
		dst[i] = int64(v)
		start = end
	}
	return true
}

var errAffix = errors.New("numbers of texts do not fit their form")

func openAffix(s section, o *opened) error {
	if len(s.data) < affixHeaderBytes {
		return errShort
	}
	a := affix{base: s.data[0], digits: int(s.data[1])}
	prefix, suffix := int(s.data[2]), int(s.data[3])
	at := (affixHeaderBytes + prefix + suffix + 7) &^ 7
	digitsMax := hexDigitsMax
	if a.base == baseDecimal {
		digitsMax = decimalDigitsMax
	}
	if a.base != baseDecimal && (a.base != baseHex && a.base != baseHexUpper || a.digits == 0) ||
		a.digits > digitsMax || prefix+suffix > affixBytesMax || at > len(s.data) {
		return errAffix
	}
	a.prefix = s.data[affixHeaderBytes : affixHeaderBytes+prefix]
	a.suffix = s.data[affixHeaderBytes+prefix : affixHeaderBytes+prefix+suffix]
	values := opened{rows: s.rows}
	if err := openFOR(section{typ: TypeInt64, enc: EncFOR, rows: s.rows, data: s.data[at:]}, &values); err != nil {
		return err
	}
	r := &affixReader{affix: a, forReader: *values.ints.(*forReader), valid: o.valid}
	limit := a.limit()
	var buf [runRows]int64
	for from := 0; from < s.rows; from += runRows {
		over := uint64(0)
		for _, v := range r.decode(from/runRows, buf[:]) {
			over = max(over, uint64(v))
		}
		if over >= limit {
			return errAffix
		}
	}
	o.text = r
	return nil
}

type affixReader struct {
	affix
	forReader // of the numbers, without nulls
	valid     []uint64
}

// textMax is the longest that a text can be.
func (r *affixReader) textMax() int { return len(r.prefix) + len(r.suffix) + r.maxDigits() }

func (r *affixReader) all(sel []uint64, buf *TextBuf) (Text, error) {
	buf.ends = grow(buf.ends, r.rows)
	if sel == nil && r.valid == nil && r.digits > 0 {
		return r.allFixed(buf), nil
	}
	buf.bytes = buf.bytes[:0]
	if sel == nil {
		buf.bytes = slices.Grow(buf.bytes, r.rows*r.textMax())
	}
	var ints [runRows]int64
	for from := 0; from < r.rows; from += runRows {
		to := min(from+runRows, r.rows)
		if sel != nil && !anyIn(sel, from, to) {
			fillEnds(buf.ends[from:to], len(buf.bytes))
			continue
		}
		for i, v := range r.decode(from/runRows, ints[:]) {
			if row := from + i; (sel == nil || isIn(sel, row)) && (r.valid == nil || bitSet(r.valid, row)) {
				buf.bytes = r.append(buf.bytes, uint64(v))
			}
			buf.ends[from+i] = uint32(len(buf.bytes))
		}
	}
	return Text{Bytes: buf.bytes, Ends: buf.ends}, nil
}

// isIn is bitSet for a bitmap that may be shorter.
func isIn(sel []uint64, row int) bool { return row>>6 < len(sel) && bitSet(sel, row) }

// fillEnds makes the texts that end here empty.
func fillEnds(dst []uint32, end int) {
	for i := range dst {
		dst[i] = uint32(end)
	}
}

// allFixed is all for texts of one length.
func (r *affixReader) allFixed(buf *TextBuf) Text {
	size := r.textMax()
	buf.bytes = grow(buf.bytes, r.rows*size)
	var ints [runRows]int64
	dst := buf.bytes
	for from := 0; from < r.rows; from += runRows {
		for i, v := range r.decode(from/runRows, ints[:]) {
			copy(dst, r.prefix)
			r.put(dst[len(r.prefix):len(r.prefix)+r.digits], uint64(v))
			copy(dst[len(r.prefix)+r.digits:], r.suffix)
			dst = dst[size:]
			buf.ends[from+i] = uint32((from + i + 1) * size)
		}
	}
	return Text{Bytes: buf.bytes, Ends: buf.ends}
}

func (r *affixReader) appendAt(dst []byte, row int) ([]byte, error) {
	return r.append(dst, uint64(r.at(row))), nil
}

// equal compares numbers; a text that has not the form is in no row.
func (r *affixReader) equal(dst []uint64, want []byte) {
	clear(dst)
	v, ok := r.parse(want)
	if !ok {
		return
	}
	var ints [runRows]int64
	for from := 0; from < r.rows; from += runRows {
		if !r.mayHold(from/runRows, v) {
			continue
		}
		for i, x := range r.decode(from/runRows, ints[:]) {
			if uint64(x) == v {
				dst[(from+i)>>6] |= 1 << ((from + i) & 63)
			}
		}
	}
}

// mayHold tells whether a value can be in a run, by its header alone.
func (r *forReader) mayHold(i int, v uint64) bool {
	run, base, _ := r.run(i)
	if len(run.where) > 0 || run.width >= 64 || r.scale == 0 {
		return true
	}
	above := v - base
	return v >= base && above%r.scale == 0 && above/r.scale <= math.MaxUint64>>(64-run.width)
}

func dumpAffix(d *dumper, s section) {
	prefix, suffix := int(s.data[2]), int(s.data[3])
	d.field(1, "base %d", s.data[0])
	d.field(1, "%d digits", s.data[1])
	d.field(1, "%d bytes of prefix", prefix)
	d.field(1, "%d bytes of suffix", suffix)
	d.field(4, "zero")
	d.field(prefix, "prefix")
	d.field(suffix, "suffix")
	at := (affixHeaderBytes + prefix + suffix + 7) &^ 7
	d.field(at-affixHeaderBytes-prefix-suffix, "zeros")
	d.section(section{typ: TypeInt64, enc: EncFOR, rows: s.rows, data: s.data[at:]})
}
