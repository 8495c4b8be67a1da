package storage

import (
	"encoding/binary"
	"fmt"
)

// A list column is the ends of the lists, counted in items, and the items as a
// section of their own: texts, or a dictionary of them.
//
//	+---------------------+-----------+-----------+-----------+---------+-----+
//	| bitmap (8 x words)? | items (4) | coding(1) | zero (3)  | end (4) | ... |
//	+---------------------+-----------+-----------+-----------+---------+-----+
//	| zeros | items (section of the given encoding)                           |
//	+-------+-----------------------------------------------------------------+

const listHeaderBytes = 8

func appendList(dst []byte, s *source, e *encoder) []byte {
	dst = s.appendValid(dst)
	items := e.itemsInOrder(s)
	dst = appendUint32(dst, uint32(items.n))
	codingAt := len(dst)
	dst = appendUint32(dst, 0)
	inverse := s.valueOfRow(e)
	end := uint32(0)
	for row := range s.rows {
		i := row
		if inverse != nil {
			i = int(inverse[row])
		}
		if i >= 0 {
			from, to := s.vec.Items(i)
			end += uint32(to - from)
		}
		dst = appendUint32(dst, end)
	}
	dst = padTo(dst, 8)
	if items.n == 0 {
		return dst
	}
	var stats columnStats
	dst, enc := e.appendTexts(dst, &items, &stats)
	dst[codingAt] = byte(enc)
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
	sorted := &Vector{Type: TypeString, Bytes: make([]byte, 0, len(v.Bytes)), Ends: make([]uint32, 0, len(v.Ends))}
	inverse := s.valueOfRow(e)
	for _, i := range inverse {
		if i < 0 {
			continue
		}
		from, to := v.Items(int(i))
		for j := from; j < to; j++ {
			sorted.Bytes = append(sorted.Bytes, v.Text(j)...)
			sorted.Ends = append(sorted.Ends, uint32(len(sorted.Bytes)))
		}
	}
	items.vec = sorted
	return items
}

func openList(s section, o *opened) error {
	if len(s.data) < listHeaderBytes+4*s.rows {
		return errShort
	}
	items := int(binary.LittleEndian.Uint32(s.data))
	coding := Encoding(s.data[4])
	ends := viewUint32(s.data[listHeaderBytes:], s.rows)
	if items > BlockItemsMax || !endsFit(ends, items) {
		return errItems
	}
	r := &listsReader{ends: ends}
	o.lists = r
	if items == 0 {
		return nil
	}
	inner := section{typ: TypeString, enc: coding, rows: items, data: s.data[min(len(s.data), (listHeaderBytes+4*s.rows+7)&^7):]}
	if coding == EncSparse || coding == EncList {
		return errMismatch
	}
	var err error
	if r.items, err = inner.open(); err != nil {
		return fmt.Errorf("items of lists: %w", err)
	}
	return nil
}

// listsReader reads a list column.
type listsReader struct {
	ends  []uint32
	items opened
}

func (r *listsReader) all(buf *ListBuf) (Lists, error) {
	l := Lists{Ends: r.ends}
	switch {
	case r.items.codes != nil:
		c := r.items.codes
		l.Coded, l.Codes, l.Items = true, c.view(), Text{Bytes: c.text, Ends: c.ends}
	case r.items.text != nil:
		var err error
		if l.Items, err = r.items.text.all(nil, &buf.text); err != nil {
			return Lists{}, err
		}
	}
	return l, nil
}

// at returns one list as an owned value.
func (r *listsReader) at(row int) (Value, error) {
	from, to := Lists{Ends: r.ends}.Range(row)
	list := make([]string, 0, to-from)
	var text []byte
	for j := from; j < to; j++ {
		if c := r.items.codes; c != nil {
			text = append(text[:0], c.entryText(codeAt(c.packed, c.width, j))...)
		} else {
			var err error
			if text, err = r.items.text.appendAt(text[:0], j); err != nil {
				return Value{}, err
			}
		}
		list = append(list, string(text))
	}
	return List(list), nil
}
