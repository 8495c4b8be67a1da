package storage

import (
	"encoding/binary"
	"errors"
	"slices"
)

// A sparse column is the rows that are not null and a section of their values.
//
//	+------------+-----------+----------+-------------------+-------+------------------+
//	| values (4) | coding(1) | zero (3) | row (2) x values  | zeros | values (section) |
//	+------------+-----------+----------+-------------------+-------+------------------+
//
// The directory repeats the coding, as the shape of the column depends on it.

const (
	sparseHeaderBytes = 8

	// sparseRatio is how rare values must be to be kept sparse: 2 bytes for each
	// value are then at most 1/8 byte a row, what a bitmap would take.
	sparseRatio = 16
)

// worthSparse tells whether a source should be kept sparse.
func (s *source) worthSparse() bool {
	return !s.part && s.rows >= statsRowsMin && s.n*sparseRatio <= s.rows
}

// appendSparse encodes the rows and, in their order, the values.
func (e *encoder) appendSparse(dst []byte, s *source, en *entry, stats *columnStats) []byte {
	rows, vec := s.at, s.vec
	if e.newRow != nil {
		inverse := s.valueOfRow(e)
		rows = make([]uint32, 0, s.n)
		order := make([]int32, 0, s.n)
		for row, i := range inverse {
			if i >= 0 {
				rows, order = append(rows, uint32(row)), append(order, i)
			}
		}
		vec = vec.gather(order)
	}
	dst = appendUint32(dst, uint32(s.n))
	codingAt := len(dst)
	dst = appendUint32(dst, 0)
	for _, row := range rows {
		dst = appendUint16(dst, uint16(row))
	}
	dst = padTo(dst, 8)
	// The order of the values is settled: what is nested must not apply it again.
	newRow := e.newRow
	e.newRow = nil
	values := source{vec: vec, n: s.n, rows: s.n, part: true}
	dst = e.appendDense(dst, &values, en, stats)
	e.newRow = newRow
	dst[codingAt] = byte(en.enc)
	en.inner, en.enc = en.enc, EncSparse
	return dst
}

// gather returns the values of the given indexes, in their order, as rows 0, 1,
// 2 and so on.
func (v *Vector) gather(order []int32) *Vector {
	g := &Vector{Type: v.Type}
	for _, i := range order {
		switch v.Type {
		case TypeFloat64:
			g.Floats = append(g.Floats, v.Floats[i])
		case TypeString:
			g.Bytes = append(g.Bytes, v.Text(int(i))...)
			g.Ends = append(g.Ends, uint32(len(g.Bytes)))
		case TypeList:
			from, to := v.Items(int(i))
			for j := from; j < to; j++ {
				g.Bytes = append(g.Bytes, v.Text(j)...)
				g.Ends = append(g.Ends, uint32(len(g.Bytes)))
			}
			g.Lists = append(g.Lists, uint32(len(g.Ends)))
		default:
			g.Ints = append(g.Ints, v.Ints[i])
		}
	}
	return g
}

var errSparse = errors.New("rows of a sparse column do not fit")

func openSparse(s section, o *opened) error {
	if len(s.data) < sparseHeaderBytes {
		return errShort
	}
	n := int(binary.LittleEndian.Uint32(s.data))
	at := (sparseHeaderBytes + 2*n + 7) &^ 7
	switch {
	case n < 1 || n != s.rows-s.nulls:
		return errSparse
	case at > len(s.data):
		return errShort
	case Encoding(s.data[4]) != s.inner || s.inner == EncSparse || s.inner == EncBase:
		return errMismatch
	}
	r := &sparseReader{rows: s.rows, present: viewUint16(s.data[sparseHeaderBytes:], n)}
	if !ascendBelow(r.present, s.rows) {
		return errSparse
	}
	values, err := section{typ: s.typ, enc: s.inner, rows: n, data: s.data[at:]}.open()
	if err != nil {
		return err
	}
	o.sparse, o.codes = r, values.codes
	switch {
	case values.ints != nil:
		o.ints = &sparseInts{r, values.ints}
	case values.floats != nil:
		o.floats = &sparseFloats{r, values.floats}
	case values.text != nil:
		o.text = &sparseText{r, values.text}
	case values.lists != nil:
		o.lists = values.lists
		o.lists.sparse = r
	}
	return nil
}

// sparseReader says which rows the values of a sparse column stand in.
type sparseReader struct {
	rows    int
	present []uint16 // ascending
}

// indexOf is the index of the value of a row.
func (r *sparseReader) indexOf(row int) (int, bool) {
	return slices.BinarySearch(r.present, uint16(row))
}

// codes are the codes of all rows: the base is null.
func (r *sparseReader) codes(values *codesReader) Codes {
	c := Codes{Rows: r.rows, Entries: values.entries, HasNull: true}
	c.setRare(r.present, values.entries, values)
	return c
}

func spread[T int64 | float64](r *sparseReader, buf, values []T) []T {
	buf = grow(buf, r.rows)
	clear(buf)
	for i, row := range r.present {
		buf[row] = values[i]
	}
	return buf
}

type sparseInts struct {
	*sparseReader
	values intsReader
}

func (r *sparseInts) all(buf []int64) []int64 { return spread(r.sparseReader, buf, r.values.all(nil)) }

func (r *sparseInts) at(row int) int64 {
	i, _ := r.indexOf(row)
	return r.values.at(i)
}

type sparseFloats struct {
	*sparseReader
	values floatsReader
}

func (r *sparseFloats) all(buf []float64) []float64 {
	return spread(r.sparseReader, buf, r.values.all(nil))
}

func (r *sparseFloats) at(row int) float64 {
	i, _ := r.indexOf(row)
	return r.values.at(i)
}

type sparseText struct {
	*sparseReader
	values textReader
}

func (r *sparseText) all(sel []uint64, buf *TextBuf) (Text, error) {
	if sel != nil {
		values := make([]uint64, bitmapWords(len(r.present)))
		for i, row := range r.present {
			if int(row>>6) < len(sel) && bitSet(sel, int(row)) {
				values[i>>6] |= 1 << (i & 63)
			}
		}
		sel = values
	}
	t, err := r.values.all(sel, buf)
	if err != nil {
		return Text{}, err
	}
	// The ends of the values may lie in buf, so those of the rows lie elsewhere.
	buf.starts = grow(buf.starts, r.rows)
	t.Ends = spreadEnds(buf.starts, r.present, t.Ends)
	return t, nil
}

// spreadEnds writes for each row the end of the last value up to it.
func spreadEnds(dst []uint32, present []uint16, ends []uint32) []uint32 {
	row, end := 0, uint32(0)
	for i, at := range present {
		for ; row < int(at); row++ {
			dst[row] = end
		}
		end = ends[i]
	}
	for ; row < len(dst); row++ {
		dst[row] = end
	}
	return dst
}

func (r *sparseText) appendAt(dst []byte, row int) ([]byte, error) {
	i, _ := r.indexOf(row)
	return r.values.appendAt(dst, i)
}

func dumpSparse(d *dumper, s section) {
	n := int(binary.LittleEndian.Uint32(s.data))
	d.field(4, "%d values", n)
	d.field(1, "values as %v", s.inner)
	d.field(3, "zero")
	d.field(2*n, "rows %d", head(viewUint16(s.data[sparseHeaderBytes:], n)))
	at := (sparseHeaderBytes + 2*n + 7) &^ 7
	d.field(at-sparseHeaderBytes-2*n, "zeros")
	d.section(section{typ: s.typ, enc: s.inner, rows: n, data: s.data[at:]})
}
