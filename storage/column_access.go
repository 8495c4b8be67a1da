package storage

import (
	"encoding/binary"
	"slices"
)

// Codes are the codes of a column of ShapeCodes. Everything in it belongs to the
// block.
type Codes struct {
	Width   int      // bits per code: 0 (every row has code 0), 1, 2, 4, 8, 16
	Packed  []byte   // little-endian, row i at bit i*Width; 64 readable bytes follow; nil if Rare is not
	Rows    int      //
	Entries int      // values of the dictionary, ascending, without null
	HasNull bool     // then code == Entries means null
	Counts  []uint32 // rows of each code, null included; nil if not kept
	Weights []uint64 // sum of the weights of each code's rows; nil if not kept or, with Counts, equal to them

	// Where nearly all rows have one code, only the others are kept. Width is 8 or
	// 16 then.
	Rare      []uint16 // rows whose code is not Base, ascending; nil: see Packed
	Base      int
	rare      []byte // packed codes of Rare
	rareWidth int
}

// RareCodes returns the codes of the rows of Rare alone: row i of it is Rare[i].
func (c Codes) RareCodes() Codes {
	return Codes{Width: c.rareWidth, Packed: c.rare, Rows: len(c.Rare), Entries: c.Entries, HasNull: c.HasNull}
}

// At returns the code of a row. Of columns with Rare it searches for it.
func (c Codes) At(row int) int {
	if c.Rare == nil {
		return codeAt(c.Packed, c.Width, row)
	}
	if i, ok := slices.BinarySearch(c.Rare, uint16(row)); ok {
		return codeAt(c.rare, c.rareWidth, i)
	}
	return c.Base
}

// Codes returns the codes of a column of ShapeCodes.
func (c *Column) Codes() (Codes, error) {
	s := c.open()
	if s.err != nil {
		return Codes{}, s.err
	}
	if s.codes == nil {
		panic("BUG: Codes of a column of " + c.Shape().String())
	}
	if s.sparse != nil {
		return s.sparse.codes(s.codes), nil
	}
	return s.codes.view(), nil
}

// Head returns what the dictionary of a column of ShapeCodes says, without its rows:
// Packed and Rare are nil, or not; ask Codes for them. Of a dictionary whose front lies
// in the head of the block nothing else is touched.
func (c *Column) Head() (Codes, error) {
	if c.flags&flagFront == 0 {
		return c.Codes()
	}
	h := c.openHead()
	if h.err != nil {
		return Codes{}, c.damaged(h.err)
	}
	codes := h.codes.view()
	if c.enc == EncBase {
		codes.setRare(nil, h.codes.base, h.codes)
	}
	return codes, nil
}

// HeadBytes is how many of Bytes the dictionary and its counts are, of a column of
// ShapeCodes that Codes or Head has returned.
func (c *Column) HeadBytes() int {
	if r := c.dictionary(); r != nil {
		return r.frontBytes
	}
	return 0
}

func (r *codesReader) view() Codes {
	c := Codes{
		Width: r.width, Packed: r.packed, Rows: r.rows, Entries: r.entries, HasNull: r.hasNull,
		Counts: r.counts, Weights: r.weights,
	}
	if r.rare != nil {
		c.setRare(r.rare, r.base, r)
	}
	return c
}

// setRare says that the rows of rare have the codes of r, and all others base.
func (c *Codes) setRare(rare []uint16, base int, r *codesReader) {
	c.Width, c.Packed = 8, nil
	if c.Entries > 1<<8 || c.HasNull && c.Entries == 1<<8 {
		c.Width = 16
	}
	c.Rare, c.Base, c.rare, c.rareWidth = rare, base, r.packed, r.width
}

// Unpack8 returns the codes as bytes, in dst if it is large enough; of Width 8
// without Rare it returns the block's own. Width is at most 8.
func (c Codes) Unpack8(dst []uint8) []uint8 {
	if c.Rare != nil && c.Width == 8 {
		dst = grow(dst, c.Rows)
		spreadRare(dst, c)
		return dst
	}
	switch c.Width {
	case 8:
		return c.Packed[:c.Rows:c.Rows]
	case 0, 1, 2, 4:
	default:
		panic("BUG: codes of 16 bits as bytes")
	}
	dst = grow(dst, c.Rows)
	if c.Width == 0 {
		clear(dst)
		return dst
	}
	unpackCodes(dst, c.Packed, c.Width)
	return dst
}

// Unpack16 returns the codes as 16-bit integers, in dst if it is large enough; of
// Width 16 without Rare it returns the block's own.
func (c Codes) Unpack16(dst []uint16) []uint16 {
	if c.Rare != nil {
		dst = grow(dst, c.Rows)
		spreadRare(dst, c)
		return dst
	}
	switch c.Width {
	case 16:
		return viewUint16(c.Packed, c.Rows)
	case 0:
		dst = grow(dst, c.Rows)
		clear(dst)
	case 8:
		dst = grow(dst, c.Rows)
		for i, code := range c.Packed[:c.Rows] {
			dst[i] = uint16(code)
		}
	default:
		dst = grow(dst, c.Rows)
		unpackCodes(dst, c.Packed, c.Width)
	}
	return dst
}

// unpackCodes spreads codes of 1, 2 or 4 bits, 16 at a time.
func unpackCodes[T uint8 | uint16](dst []T, packed []byte, width int) {
	mask := uint64(1)<<width - 1
	for len(dst) >= 16 {
		var w uint64
		switch width {
		case 1:
			w = uint64(binary.LittleEndian.Uint16(packed))
		case 2:
			w = uint64(binary.LittleEndian.Uint32(packed))
		default:
			w = binary.LittleEndian.Uint64(packed)
		}
		d := dst[:16:16]
		for i := range d {
			d[i] = T(w & mask)
			w >>= width
		}
		dst, packed = dst[16:], packed[2*width:]
	}
	for i := range dst {
		dst[i] = T(codeAt(packed, width, i))
	}
}

// Entry returns a dictionary entry as an owned value, null if the column is
// damaged. i is below Entries.
func (c *Column) Entry(i int) Value {
	if r := c.dictionary(); r != nil {
		return r.entry(i)
	}
	return Value{}
}

// EntryInts returns the entries of a dictionary of bool, int64 or time. They
// belong to the block.
func (c *Column) EntryInts() []int64 {
	if r := c.dictionary(); r != nil {
		return r.ints
	}
	return nil
}

// EntryFloats returns the entries of a dictionary of float64. They belong to the
// block.
func (c *Column) EntryFloats() []float64 {
	if r := c.dictionary(); r != nil {
		return r.floats
	}
	return nil
}

// EntryText returns an entry of a dictionary of strings. It belongs to the block.
func (c *Column) EntryText(i int) []byte {
	if r := c.dictionary(); r != nil && r.ends != nil {
		return r.entryText(i)
	}
	return nil
}

// Ints returns the values of all rows of a column of bool, int64 or time; null
// rows hold 0. They are in buf, if it is large enough, or in the block: do not
// change them.
func (c *Column) Ints(buf []int64) ([]int64, error) {
	s := c.open()
	switch {
	case s.err != nil:
		return nil, s.err
	case s.codes != nil && s.codes.ints != nil:
		return expand(buf, s.codesOfRows(), s.codes.ints), nil
	case s.ints != nil:
		return s.ints.all(buf), nil
	}
	panic("BUG: integers of a column of " + c.typ.String())
}

// Below returns how many rows of a column of bool, int64 or time have values below x,
// where the encoding keeps only values that never fall: they are the first rows. It
// touches a small part of the column. Else ok is false.
func (c *Column) Below(x int64) (rows int, ok bool, err error) {
	s := c.open()
	if s.err != nil {
		return 0, false, s.err
	}
	r, ok := s.ints.(*deltaReader)
	if !ok {
		return 0, false, nil
	}
	return r.below(x), true, nil
}

// Floats is Ints for columns of float64.
func (c *Column) Floats(buf []float64) ([]float64, error) {
	s := c.open()
	switch {
	case s.err != nil:
		return nil, s.err
	case s.codes != nil && s.codes.floats != nil:
		return expand(buf, s.codesOfRows(), s.codes.floats), nil
	case s.floats != nil:
		return s.floats.all(buf), nil
	}
	panic("BUG: floats of a column of " + c.typ.String())
}

// codesOfRows are the codes of all rows, of a sparse column too.
func (s *columnState) codesOfRows() Codes {
	if s.sparse != nil {
		return s.sparse.codes(s.codes)
	}
	return s.codes.view()
}

// expand writes the entry of each row's code; null rows hold 0.
func expand[T int64 | float64](buf []T, codes Codes, entries []T) []T {
	buf = grow(buf, codes.Rows)
	switch {
	case codes.Rare != nil:
		var base T
		if codes.Base < len(entries) {
			base = entries[codes.Base]
		}
		fillWith(buf, base)
		for i, row := range codes.Rare {
			buf[row] = 0
			if code := codeAt(codes.rare, codes.rareWidth, i); code < len(entries) {
				buf[row] = entries[code]
			}
		}
	case codes.Width == 0:
		for row := range buf {
			buf[row] = entries[0]
		}
	case codes.Width == 16:
		for row, code := range viewUint16(codes.Packed, codes.Rows) {
			if int(code) < len(entries) {
				buf[row] = entries[code]
			} else {
				buf[row] = 0
			}
		}
	default:
		for row := range buf {
			if code := codes.At(row); code < len(entries) {
				buf[row] = entries[code]
			} else {
				buf[row] = 0
			}
		}
	}
	return buf
}

// Text is texts of rows. Where Starts is nil they lie one after another: text i
// ends at Ends[i] and begins at the end before it. A column of ShapeCodes expands
// to texts that share the bytes of the dictionary: text i begins at Starts[i].
type Text struct {
	Bytes  []byte
	Ends   []uint32
	Starts []uint32
}

// Len is the number of texts.
func (t Text) Len() int { return len(t.Ends) }

// At returns text i. It lives as long as the bytes of t.
func (t Text) At(i int) []byte {
	end := t.Ends[i]
	switch {
	case t.Starts != nil:
		return t.Bytes[t.Starts[i]:end]
	case i == 0:
		return t.Bytes[:end]
	}
	return t.Bytes[t.Ends[i-1]:end]
}

// TextBuf is memory for texts, used again from call to call by one goroutine.
type TextBuf struct {
	bytes  []byte
	ends   []uint32
	starts []uint32

	templates *templateScratch // made when first needed
}

// EqualText sets the bits of the rows whose text is want and clears those of the
// others, where the encoding finds them faster than by decoding: else ok is false
// and dst as it was. The column is of ShapeText; dst has a bit for every row. Bits
// of null rows mean nothing. The error is a *DamageError.
func (c *Column) EqualText(dst []uint64, want []byte) (ok bool, err error) {
	s := c.open()
	if s.err != nil {
		return false, s.err
	}
	r, ok := s.text.(equalReader)
	if ok {
		r.equal(dst, want)
	}
	return ok, nil
}

// MayContain sets the bits of the rows whose text may contain a literal, which is
// not empty, and clears those of the others, where the encoding tells without
// unpacking texts: else ok is false and dst as it was. The column is of ShapeText;
// dst has a bit for every row. Bits of null rows mean nothing. The error is a
// *DamageError.
func (c *Column) MayContain(dst []uint64, literal []byte) (ok bool, err error) {
	s := c.open()
	if s.err != nil {
		return false, s.err
	}
	r, ok := s.text.(containReader)
	if ok {
		r.mayContain(dst, literal)
	}
	return ok, nil
}

// Text returns the texts of all rows of a column of strings; null rows are empty.
// The texts lie in buf or in the block; do not change them.
func (c *Column) Text(buf *TextBuf) (Text, error) { return c.TextOf(nil, buf) }

// TextOf is Text for the rows of a bitmap. Texts of other rows are not decoded
// where that saves work; they are empty or right.
func (c *Column) TextOf(sel []uint64, buf *TextBuf) (Text, error) {
	s := c.open()
	switch {
	case s.err != nil:
		return Text{}, s.err
	case s.codes != nil && s.codes.ends != nil:
		return s.codes.expandText(s.codesOfRows(), buf), nil
	case s.text != nil:
		t, err := s.text.all(sel, buf)
		if err != nil {
			return Text{}, c.damaged(err)
		}
		return t, nil
	}
	panic("BUG: texts of a column of " + c.typ.String())
}

// expandText points every row at its entry; null rows are empty.
func (r *codesReader) expandText(codes Codes, buf *TextBuf) Text {
	buf.starts, buf.ends = grow(buf.starts, codes.Rows), grow(buf.ends, codes.Rows)
	if codes.Rare != nil {
		start, end := r.place(codes.Base)
		fillWith(buf.starts, start)
		fillWith(buf.ends, end)
		for i, row := range codes.Rare {
			buf.starts[row], buf.ends[row] = r.place(codeAt(codes.rare, codes.rareWidth, i))
		}
	} else {
		for row := range codes.Rows {
			buf.starts[row], buf.ends[row] = r.place(codes.At(row))
		}
	}
	return Text{Bytes: r.text, Starts: buf.starts, Ends: buf.ends}
}

// place is where the text of a code lies; null is empty.
func (r *codesReader) place(code int) (start, end uint32) {
	if code >= len(r.ends) {
		return 0, 0
	}
	if code > 0 {
		start = r.ends[code-1]
	}
	return start, r.ends[code]
}

// Lists is the lists of rows: list i has the items from Ends[i-1] (0 for the
// first) up to Ends[i].
type Lists struct {
	Ends []uint32

	// Coded tells whether the items are a dictionary. Then Codes has a code for
	// each item and Items the entries, ascending; else Items has each item.
	Coded bool
	Codes Codes
	Items Text
}

// Range returns the items [from, to) of list row.
func (l Lists) Range(row int) (from, to int) {
	if row > 0 {
		from = int(l.Ends[row-1])
	}
	return from, int(l.Ends[row])
}

// Item returns the bytes of item j.
func (l Lists) Item(j int) []byte {
	if l.Coded {
		j = l.Codes.At(j)
	}
	return l.Items.At(j)
}

// ListBuf is memory for lists, used again from call to call by one goroutine.
type ListBuf struct {
	text   TextBuf
	ends   []uint32
	spread []uint32
}

// Lists returns the lists of all rows of a column of lists; null rows are empty.
// They lie in buf or in the block; do not change them.
func (c *Column) Lists(buf *ListBuf) (Lists, error) {
	s := c.open()
	switch {
	case s.err != nil:
		return Lists{}, s.err
	case s.lists != nil:
		l, err := s.lists.all(buf)
		if err != nil {
			return Lists{}, c.damaged(err)
		}
		return l, nil
	}
	panic("BUG: lists of a column of " + c.typ.String())
}

// Sparse returns the rows that hold a value, ascending, if the column is written
// as such. The slice belongs to the block.
func (c *Column) Sparse() (rows []uint16, ok bool) {
	s := c.open()
	if s.sparse == nil {
		return nil, false
	}
	return s.sparse.present, true
}

// SparseCodes returns the codes of the rows of Sparse alone, for a sparse column
// of ShapeCodes: Codes.Rows of them, none null.
func (c *Column) SparseCodes() (Codes, bool) {
	s := c.open()
	if s.sparse == nil || s.codes == nil {
		return Codes{}, false
	}
	return s.codes.view(), true
}
