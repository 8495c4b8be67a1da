package storage

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"
)

// Hexadecimal ids: texts of one length that differ in hexadecimal digits only,
// such as trace ids and UUIDs, take half a byte a digit. The last eight digits of
// all rows lie together: they tell most ids apart, also those that begin with a
// time, so that one id is sought by a pass over 4 bytes a row.
//
//	+---------------------+----------+-----------+-----------+----------+
//	| bitmap (8 x words)? | size (1) | digits(1) | upper (1) | zero (5) |
//	+---------------------+----------+-----------+-----------+----------+-------+
//	| form (size) | zeros | last 8 digits (4 a row) | other digits, big-endian  |
//	+-------------+-------+-------------------------+---------------------------+
//
// size is the length of a text in bytes. In the form a zero byte stands for a
// digit, any other for itself. upper is 1 for the digits A to F. The last digits
// are a number; the others take whole bytes in each row, with a zero digit before
// the first if they are odd. Null rows hold zeros.

const (
	hexIDHeaderBytes = 8

	// hexIDTailDigits are the digits kept apart, a uint32.
	hexIDTailDigits = 8

	// hexIDBytesMax bounds a text, so that 4 bytes a row cannot unpack to much
	// more. A SHA-512 has 128 digits.
	hexIDBytesMax = 144
)

// hexForm is what texts have in common.
type hexForm struct {
	form   []byte
	digits int
	upper  bool
	bare   bool     // groups of eight digits and nothing else
	runs   []hexRun // of digits in the text
}

// hexRun is digits one after another.
type hexRun struct{ from, to int }

// headBytes is what the digits before the last eight take.
func (f *hexForm) headBytes() int { return (f.digits - hexIDTailDigits + 1) / 2 }

// complete finds the runs of a form and reports whether it can be used.
func (f *hexForm) complete() bool {
	f.digits, f.runs = 0, f.runs[:0]
	for i, c := range f.form {
		if c != 0 {
			continue
		}
		if n := len(f.runs); n > 0 && f.runs[n-1].to == i {
			f.runs[n-1].to++
		} else {
			f.runs = append(f.runs, hexRun{i, i + 1})
		}
		f.digits++
	}
	f.bare = f.digits == len(f.form) && f.digits%8 == 0
	return len(f.form) <= hexIDBytesMax && f.digits >= hexIDTailDigits
}

// hexBuffer holds the digits of one text, in whole groups of eight with zeros
// before the first.
type hexBuffer [hexIDBytesMax + hexIDTailDigits]byte

// begin is where the digits begin in a buffer, and its size in groups.
func (f *hexForm) begin() (at, groups int) {
	groups = (f.digits + 7) / 8
	return groups*8 - f.digits, groups
}

// parse returns the last digits of a text and writes the others to heads, which
// is headBytes long. ok is false if the text has not the form.
func (f *hexForm) parse(text []byte, heads []byte, buf *hexBuffer) (tail uint32, ok bool) {
	if len(text) != len(f.form) {
		return 0, false
	}
	at, groups := f.begin()
	if f.bare {
		return f.parseDigits(text, heads, groups)
	}
	last := 0
	for i := range at {
		buf[i] = '0'
	}
	for _, r := range f.runs {
		if string(text[last:r.from]) != string(f.form[last:r.from]) {
			return 0, false
		}
		at += copy(buf[at:], text[r.from:r.to])
		last = r.to
	}
	if string(text[last:]) != string(f.form[last:]) {
		return 0, false
	}
	var packed [len(hexBuffer{}) / 2]byte
	end := (groups - 1) * 4
	if tail, ok = f.parseDigits(buf[:groups*8], packed[:end], groups); ok {
		copy(heads, packed[end-len(heads):end])
	}
	return tail, ok
}

// parseDigits is parse for groups of eight digits and nothing else.
func (f *hexForm) parseDigits(text, heads []byte, groups int) (tail uint32, ok bool) {
	for g := range groups - 1 {
		v, ok := packHex(binary.LittleEndian.Uint64(text[g*8:]), f.upper)
		if !ok {
			return 0, false
		}
		binary.LittleEndian.PutUint32(heads[g*4:], v)
	}
	v, ok := packHex(binary.LittleEndian.Uint64(text[groups*8-8:]), f.upper)
	return bits.ReverseBytes32(v), ok
}

// put writes the text of a row over the digits of dst, which holds the form, if it
// has more than digits.
func (f *hexForm) put(dst []byte, heads []byte, tail uint32, buf *hexBuffer) {
	at, groups := f.begin()
	if f.bare {
		f.putDigits(dst, heads, tail, groups)
		return
	}
	end := (groups - 1) * 4
	var packed [len(hexBuffer{}) / 2]byte
	copy(packed[end-len(heads):], heads)
	f.putDigits(buf[:], packed[:end], tail, groups)
	for _, r := range f.runs {
		at += copy(dst[r.from:r.to], buf[at:])
	}
}

// putDigits is put for groups of eight digits and nothing else.
func (f *hexForm) putDigits(dst, heads []byte, tail uint32, groups int) {
	for g := range groups - 1 {
		binary.LittleEndian.PutUint64(dst[g*8:], unpackHex(binary.LittleEndian.Uint32(heads[g*4:]), f.upper))
	}
	binary.LittleEndian.PutUint64(dst[groups*8-8:], unpackHex(bits.ReverseBytes32(tail), f.upper))
}

// hexFormOf finds the form of some texts: where any differs from the first is a
// digit.
func hexFormOf(s *source, step int) (f hexForm, ok bool) {
	first := s.vec.Text(0)
	if len(first) < hexIDTailDigits || len(first) > hexIDBytesMax || slices.Contains(first, 0) {
		return f, false
	}
	f.form = slices.Clone(first)
	for i := step; i < s.n; i += step {
		text := s.vec.Text(i)
		if len(text) != len(first) {
			return f, false
		}
		for j, c := range text {
			if c == first[j] {
				continue
			}
			if f.form[j] = 0; !isHexDigit(c) || !isHexDigit(first[j]) {
				return f, false
			}
			f.upper = f.upper || c < 'a' && !isDecimal(c) || first[j] < 'a' && !isDecimal(first[j])
		}
	}
	return f, f.complete()
}

// hexSamples texts show the digits of most forms.
const hexSamples = 64

// appendHexID encodes texts of all rows. ok is false, and dst as it was, if they
// have no such form.
func (e *encoder) appendHexID(dst []byte, s *source) (_ []byte, ok bool) {
	if step := max(1, s.n/hexSamples); step > 1 {
		f, ok := hexFormOf(s, step)
		if !ok {
			return dst, false
		}
		if dst, ok = appendHexForm(dst, s, &f); ok {
			return dst, true
		}
	}
	f, ok := hexFormOf(s, 1)
	if !ok {
		return dst, false
	}
	return appendHexForm(dst, s, &f)
}

// appendHexForm is appendHexID with a form that may not be that of all texts.
func appendHexForm(dst []byte, s *source, f *hexForm) (_ []byte, ok bool) {
	before, n := len(dst), f.headBytes()
	dst, tails, heads := appendHexRoom(dst, s, f)
	if f.bare {
		if !f.packAll(s, tails, heads) {
			return dst[:before], false
		}
		return dst, true
	}
	var buf hexBuffer
	start := uint32(0)
	for i, end := range s.vec.Ends[:s.n] {
		row := i
		if s.at != nil {
			row = int(s.at[i])
		}
		tail, ok := f.parse(s.vec.Bytes[start:end], heads[row*n:row*n+n], &buf)
		if !ok {
			return dst[:before], false
		}
		binary.LittleEndian.PutUint32(tails[4*row:], tail)
		start = end
	}
	return dst, true
}

// hexRowsAtOnce texts are packed at a time, so that their digits are still in the L1
// cache when they are put where they belong: at most 4.5 KiB.
const hexRowsAtOnce = 64

// packAll is parse for the texts of a source that are groups of eight digits and
// nothing else, which so are one array of digits. tails has 4 bytes a row.
func (f *hexForm) packAll(s *source, tails, heads []byte) bool {
	size, n := len(f.form), f.headBytes()
	wrong := 0
	for i, end := range s.vec.Ends[:s.n] {
		wrong |= int(end) ^ (i+1)*size
	}
	if wrong != 0 {
		return false
	}
	var packed [hexRowsAtOnce * hexIDBytesMax / 2]byte
	for from := 0; from < s.n; from += hexRowsAtOnce {
		to := min(from+hexRowsAtOnce, s.n)
		if !packHexDigits(packed[:], s.vec.Bytes[from*size:to*size], f.upper) {
			return false
		}
		for i := from; i < to; i++ {
			row, text := i, packed[(i-from)*size/2:]
			if s.at != nil {
				row = int(s.at[i])
			}
			if n == 12 { // of 32 digits, as nearly all have: a trace id, a UUID without its dashes
				*(*[12]byte)(heads[row*12:]) = *(*[12]byte)(text)
			} else {
				copy(heads[row*n:row*n+n], text)
			}
			binary.LittleEndian.PutUint32(tails[4*row:], binary.BigEndian.Uint32(text[n:]))
		}
	}
	return true
}

// appendHexRoom appends all but the digits, and room for those: 4 bytes of tails and
// headBytes of heads for each row.
func appendHexRoom(dst []byte, s *source, f *hexForm) (_, tails, heads []byte) {
	dst = s.appendValid(dst)
	upper := byte(0)
	if f.upper {
		upper = 1
	}
	dst = append(dst, byte(len(f.form)), byte(f.digits), upper, 0, 0, 0, 0, 0)
	dst = padTo(append(dst, f.form...), 8)
	tailsAt, headsAt := len(dst), len(dst)+4*s.rows
	dst = slices.Grow(dst, (4+f.headBytes())*s.rows)[:headsAt+f.headBytes()*s.rows]
	if s.nulls() > 0 {
		clear(dst[tailsAt:])
	}
	return dst, dst[tailsAt:headsAt], dst[headsAt:]
}

var errHexID = errors.New("hexadecimal ids do not fit their form")

func openHexID(s section, o *opened) error {
	if len(s.data) < hexIDHeaderBytes {
		return errShort
	}
	size, digits := int(s.data[0]), int(s.data[1])
	at := (hexIDHeaderBytes + size + 7) &^ 7
	if at > len(s.data) || s.data[2] > 1 {
		return errHexID
	}
	r := &hexIDReader{hexForm: hexForm{form: s.data[hexIDHeaderBytes : hexIDHeaderBytes+size], upper: s.data[2] == 1}, rows: s.rows, valid: o.valid}
	if !r.complete() || r.digits != digits || len(s.data) != at+s.rows*(4+r.headBytes()) {
		return errHexID
	}
	r.tails = viewUint32(s.data[at:], s.rows)
	r.heads = s.data[at+4*s.rows:]
	o.text = r
	return nil
}

type hexIDReader struct {
	hexForm
	rows  int
	valid []uint64
	tails []uint32
	heads []byte
}

// head is the digits of a row before the last eight.
func (r *hexIDReader) head(row int) []byte {
	n := r.headBytes()
	return r.heads[row*n : row*n+n]
}

func (r *hexIDReader) all(sel []uint64, buf *TextBuf) (Text, error) {
	buf.ends = grow(buf.ends, r.rows)
	var digits hexBuffer
	if sel == nil && r.valid == nil {
		size := len(r.form)
		buf.bytes = grow(buf.bytes, r.rows*size)
		for row := range buf.ends {
			r.write(buf.bytes[row*size:row*size+size], row, &digits)
			buf.ends[row] = uint32((row + 1) * size)
		}
		return Text{Bytes: buf.bytes, Ends: buf.ends}, nil
	}
	buf.bytes = buf.bytes[:0]
	for row := range r.rows {
		if (sel == nil || isIn(sel, row)) && (r.valid == nil || bitSet(r.valid, row)) {
			buf.bytes, _ = r.appendAt(buf.bytes, row)
		}
		buf.ends[row] = uint32(len(buf.bytes))
	}
	return Text{Bytes: buf.bytes, Ends: buf.ends}, nil
}

// write writes the text of a row to dst, which is as long.
func (r *hexIDReader) write(dst []byte, row int, buf *hexBuffer) {
	if !r.bare {
		copy(dst, r.form)
	}
	r.put(dst, r.head(row), r.tails[row], buf)
}

func (r *hexIDReader) appendAt(dst []byte, row int) ([]byte, error) {
	var digits hexBuffer
	at := len(dst)
	dst = append(dst, r.form...)
	r.write(dst[at:], row, &digits)
	return dst, nil
}

// equal looks at the last digits, and at the others where those are right.
func (r *hexIDReader) equal(dst []uint64, want []byte) {
	clear(dst)
	var buf hexBuffer
	heads := make([]byte, r.headBytes())
	tail, ok := r.parse(want, heads, &buf)
	if !ok {
		return
	}
	maskWords(dst[:bitmapWords(r.rows)], r.tails, tail)
	for i, w := range dst {
		for ; w != 0; w &= w - 1 {
			if row := i<<6 + bits.TrailingZeros64(w); string(r.head(row)) != string(heads) {
				dst[i] &^= 1 << (row & 63)
			}
		}
	}
}

func dumpHexID(d *dumper, s section) {
	size, digits := int(s.data[0]), int(s.data[1])
	d.field(1, "%d bytes a text", size)
	d.field(1, "%d digits", digits)
	d.field(1, "upper %t", s.data[2] == 1)
	d.field(5, "zero")
	d.field(size, "form")
	d.field(-size&7, "zeros")
	d.field(4*s.rows, "last digits of rows")
	at := (hexIDHeaderBytes+size+7)&^7 + 4*s.rows
	d.field(len(s.data)-at, "other digits")
}
