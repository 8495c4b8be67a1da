package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// A list column is the number of items of each list, as EncFOR, and the items as
// a section of their own: texts, or a dictionary of them.
//
//	+---------------------+-----------+-----------+----------+
//	| bitmap (8 x words)? | items (4) | coding(1) | zero (3) |
//	+---------------------+-----------+-----------+----------+------------+
//	| length of (4) | zero (4) | items of each list (EncFOR, no nulls)    |
//	+-- that -------+----------+------------------------------------------+
//	| items (section of the given coding; none if there are no items)     |
//	+---------------------------------------------------------------------+

const listHeaderBytes = 16

var errItems = errors.New("lists and items do not match")

func appendList(dst []byte, s *source, e *encoder) []byte {
	dst = s.appendValid(dst)
	items := e.itemsInOrder(s)
	head := len(dst)
	inverse := s.valueOfRow(e)
	e.lengths = grow(e.lengths, s.rows)
	for row := range s.rows {
		i := row
		if inverse != nil {
			i = int(inverse[row])
		}
		e.lengths[row] = 0
		if i >= 0 {
			from, to := s.vec.Items(i)
			e.lengths[row] = int64(to - from)
		}
	}
	dst = e.appendLengths(dst, s, items.n)
	if items.n == 0 {
		return dst
	}
	var stats columnStats
	dst, enc := e.appendTexts(dst, &items, &stats)
	dst[head+4] = byte(enc)
	e.version = max(e.version, enc.since())
	return dst
}

// appendLengths appends the header of n items, whose coding is still to be set, and
// the lengths of the lists, which are in e.lengths.
func (e *encoder) appendLengths(dst []byte, s *source, n int) []byte {
	head := len(dst)
	dst = appendUint32(dst, uint32(n))
	dst = appendZeros(dst, listHeaderBytes-4)
	dst = e.appendFOR(dst, &source{n: s.rows, rows: s.rows, part: true}, e.lengths, slices.Min(e.lengths))
	binary.LittleEndian.PutUint32(dst[head+8:], uint32(len(dst)-head-listHeaderBytes))
	return dst
}

// itemsInOrder returns the items of all lists as a source of texts, in the order
// of the rows.
func (e *encoder) itemsInOrder(s *source) source {
	v := s.vec
	items := source{vec: &Vector{Type: TypeString, Bytes: v.Bytes, Ends: v.Ends}, n: len(v.Ends), rows: len(v.Ends), part: true}
	if e.newRow == nil || items.n == 0 {
		return items
	}
	e.itemAt = grow(e.itemAt, items.n)
	next := uint32(0)
	for _, i := range s.valueOfRow(e) {
		if i < 0 {
			continue
		}
		from, to := v.Items(int(i))
		for j := from; j < to; j++ {
			e.itemAt[j] = next
			next++
		}
	}
	items.at = e.itemAt
	return items
}

func openList(s section, o *opened) error {
	if len(s.data) < listHeaderBytes {
		return errShort
	}
	items := int(binary.LittleEndian.Uint32(s.data))
	coding := Encoding(s.data[4])
	itemsAt := listHeaderBytes + int(binary.LittleEndian.Uint32(s.data[8:]))
	switch {
	case items > BlockItemsMax || itemsAt%8 != 0 || itemsAt > len(s.data):
		return errItems
	case coding == EncSparse || coding == EncBase || coding == EncList:
		return errMismatch
	}
	lengths, err := openLengths(s.data[listHeaderBytes:itemsAt], s.rows, o.valid, ListItemsMax, items)
	if err != nil {
		return fmt.Errorf("lengths of lists: %w", err)
	}
	if lengths.total != items {
		return errItems
	}
	r := &listsReader{lengths: lengths}
	o.lists = r
	if items == 0 {
		return nil
	}
	inner := section{typ: TypeString, enc: coding, rows: items, data: s.data[itemsAt:]}
	if r.values, err = inner.open(); err != nil {
		return fmt.Errorf("items of lists: %w", err)
	}
	return nil
}

// listsReader reads a list column.
type listsReader struct {
	lengths *lengthsReader
	values  opened
	sparse  *sparseReader // rows of the lists; nil: every row has one
}

func (r *listsReader) all(buf *ListBuf) (l Lists, err error) {
	buf.ends = r.lengths.ends(buf.ends)
	l.Ends = buf.ends
	if r.sparse != nil {
		buf.spread = grow(buf.spread, r.sparse.rows)
		l.Ends = spreadEnds(buf.spread, r.sparse.present, buf.ends)
	}
	switch {
	case r.values.codes != nil:
		c := r.values.codes
		l.Coded, l.Codes, l.Items = true, c.view(), Text{Bytes: c.text, Ends: c.ends}
	case r.values.text != nil:
		if l.Items, err = r.values.text.all(nil, &buf.text); err != nil {
			return Lists{}, err
		}
	}
	return l, nil
}

// at returns one list as an owned value.
func (r *listsReader) at(row int) (_ Value, err error) {
	if r.sparse != nil {
		row, _ = r.sparse.indexOf(row)
	}
	from, to := r.lengths.span(row)
	list := make([]string, 0, to-from)
	var text []byte
	for j := from; j < to; j++ {
		if c := r.values.codes; c != nil {
			text = append(text[:0], c.entryText(codeAt(c.packed, c.width, j))...)
		} else if text, err = r.values.text.appendAt(text[:0], j); err != nil {
			return Value{}, err
		}
		list = append(list, string(text))
	}
	return List(list), nil
}

func dumpList(d *dumper, s section) {
	items := int(binary.LittleEndian.Uint32(s.data))
	coding := Encoding(s.data[4])
	size := int(binary.LittleEndian.Uint32(s.data[8:]))
	d.field(4, "%d items", items)
	d.field(1, "items as %v", coding)
	d.field(3, "zero")
	d.field(4, "%d bytes of lengths", size)
	d.field(4, "zero")
	rest := s.data[listHeaderBytes:]
	d.note("lengths of the lists")
	d.section(section{typ: TypeInt64, enc: EncFOR, rows: s.rows, data: rest[:size]})
	if items > 0 {
		d.note("items")
		d.section(section{typ: TypeString, enc: coding, rows: items, data: rest[size:]})
	}
}
