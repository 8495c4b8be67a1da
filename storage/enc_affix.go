package storage

import (
	"errors"
	"math"
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

// parse returns the number of a text, if it has the form.
func (a *affix) parse(text []byte) (v uint64, ok bool) { return a.parseIn(text, 0, len(text)) }

// parseIn is parse for the text data[from:to].
func (a *affix) parseIn(data []byte, from, to int) (v uint64, ok bool) {
	digitsFrom, digitsTo := from+len(a.prefix), to-len(a.suffix)
	n := digitsTo - digitsFrom
	if n <= 0 || n > decimalDigitsMax || a.digits > 0 && n != a.digits {
		return 0, false
	}
	if len(a.prefix)+len(a.suffix) > 0 &&
		(string(data[from:digitsFrom]) != string(a.prefix) || string(data[digitsTo:to]) != string(a.suffix)) {
		return 0, false
	}
	switch a.base {
	case baseDecimal:
		if a.digits == 0 && data[digitsFrom] == '0' && n > 1 {
			return 0, false
		}
		return parseDecimal(data, digitsFrom, digitsTo)
	default:
		return parseHex(data, digitsFrom, digitsTo, a.base == baseHexUpper)
	}
}

// append writes the text of a number below limit.
func (a *affix) append(dst []byte, v uint64) []byte {
	at := len(dst)
	dst = slices.Grow(dst, len(a.prefix)+len(a.suffix)+digitsRoom)
	return dst[:a.write(dst[:cap(dst)], at, v)]
}

// write writes the text of a number to out[at:] and returns its end. There is room
// for it and digitsRoom behind the prefix.
func (a *affix) write(out []byte, at int, v uint64) int {
	at += copy(out[at:], a.prefix)
	n := a.digits
	if n == 0 {
		n = countDigits(v)
	}
	if a.base == baseDecimal {
		writeDecimal(out[at:], v, n)
	} else {
		writeHex(out[at:], v, n, a.base == baseHexUpper)
	}
	at += n
	return at + copy(out[at:], a.suffix)
}

// affixOf finds the form of n texts by some of them. It may not hold for others.
func affixOf(n int, text func(i int) []byte) (a affix, ok bool) {
	first := text(0)
	prefix, suffix := len(first), len(first)
	step := max(1, n/affixSamples)
	short, long := len(first), len(first)
	for i := step; i < n; i += step {
		other := text(i)
		prefix, suffix = commonPrefix(first[:prefix], other), commonSuffix(first[len(first)-suffix:], other)
		short, long = min(short, len(other)), max(long, len(other))
	}
	if prefix == len(first) { // all alike, as far as was seen
		return a, false
	}
	fits := func() bool {
		for i := 0; i < n; i += step {
			if _, ok := a.parse(text(i)); !ok {
				return false
			}
		}
		return true
	}
	// Digits that all of them share are part of the number.
	p, q := prefix, suffix
	for p > 0 && isDecimal(first[p-1]) {
		p--
	}
	for q > 0 && isDecimal(first[len(first)-q]) {
		q--
	}
	if p+q < short && p+q <= affixBytesMax {
		a = affix{base: baseDecimal, prefix: first[:p], suffix: first[len(first)-q:]}
		if short == long {
			a.digits = long - p - q
		}
		if a.digits <= decimalDigitsMax && fits() {
			return a, true
		}
	}
	for prefix > 0 && isHexDigit(first[prefix-1]) {
		prefix--
	}
	for suffix > 0 && isHexDigit(first[len(first)-suffix]) {
		suffix--
	}
	digits := long - prefix - suffix
	if prefix+suffix >= short || short < long || prefix+suffix > affixBytesMax || digits > hexPackedMax {
		return a, false
	}
	a = affix{base: baseHex, digits: digits, prefix: first[:prefix], suffix: first[len(first)-suffix:]}
	if fits() {
		return a, true
	}
	a.base = baseHexUpper
	return a, fits()
}

// affixSamples texts are looked at to find the form.
const affixSamples = 64

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
	a, ok := affixOf(s.n, s.vec.Text)
	if !ok {
		return dst, false
	}
	e.parsed = grow(e.parsed, s.n)
	if !a.parseAll(e.parsed, s.vec) && !(a.loosen() && a.parseAll(e.parsed, s.vec)) {
		return dst, false
	}
	return e.appendNumbers(dst, &a, s, e.parsed), true
}

// loosen makes of a number of decimal digits as many as needed: longer or shorter
// ones may come after those that were looked at.
func (a *affix) loosen() bool {
	can := a.base == baseDecimal && a.digits > 0
	a.digits = 0
	return can
}

// appendNumbers encodes the numbers of the values of s.
func (e *encoder) appendNumbers(dst []byte, a *affix, s *source, values []int64) []byte {
	dst = s.appendValid(dst)
	dst = append(dst, a.base, byte(a.digits), byte(len(a.prefix)), byte(len(a.suffix)), 0, 0, 0, 0)
	dst = append(append(dst, a.prefix...), a.suffix...)
	dst = padTo(dst, 8)
	numbers := source{vec: &Vector{Type: TypeInt64, Ints: values}, n: s.n, rows: s.rows, at: s.at}
	ints := numbers.intsOfRows(e)
	return e.appendFOR(dst, &source{n: s.rows, rows: s.rows, part: true}, ints, slices.Min(ints))
}

// parseAll writes the numbers of the first len(dst) texts, if all have the form.
func (a *affix) parseAll(dst []int64, vec *Vector) bool {
	start := 0
	for i, end := range vec.Ends[:len(dst)] {
		v, ok := a.parseIn(vec.Bytes, start, int(end))
		if !ok {
			return false
		}
		dst[i] = int64(v)
		start = int(end)
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
	buf.bytes = grow(buf.bytes, r.rows*size+digitsRoom)
	var ints [runRows]int64
	at := 0
	for from := 0; from < r.rows; from += runRows {
		ends := buf.ends[from:]
		for i, v := range r.decode(from/runRows, ints[:]) {
			at = r.write(buf.bytes, at, uint64(v))
			ends[i] = uint32(at)
		}
	}
	return Text{Bytes: buf.bytes[:at], Ends: buf.ends}
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
