package storage

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
)

// Columns whose parts all have one form are merged in it: what is packed in the
// parts is packed again, and no text is written out only to be taken apart. That
// the form is the best one was found when the parts were encoded; their rows
// together are not less like each other.

// mergeForm appends the parts of a column to body, if they share a form, and
// completes the entry.
func (e *encoder) mergeForm(c *storedColumn, en *entry) (done bool, err error) {
	enc, n, err := e.formOfParts(c.parts)
	if enc == 0 || err != nil {
		return false, err
	}
	s := e.placed(c.parts, n)
	s.vec.Type = c.parts[0].col.typ
	at, text := len(e.body), e.text
	switch enc {
	case EncAffix:
		e.body, done = e.mergeAffix(e.body, c.parts, &s)
	case EncHexID:
		e.body, done = e.mergeHexIDs(e.body, c.parts, &s)
	case EncTemplate:
		e.body, done, err = e.mergeTemplates(e.body, c.parts, &s)
	case EncList:
		e.body, done, err = e.mergeLists(e.body, c.parts, &s)
	}
	if !done || err != nil {
		e.body, e.text = e.body[:at], text
		return false, err
	}
	en.typ, en.nulls, en.enc = s.vec.Type, s.nulls(), enc
	return true, nil
}

// formOfParts returns the form that all parts have, or 0, and the number of their
// values.
func (e *encoder) formOfParts(parts []part) (enc Encoding, n int, err error) {
	if !e.rich {
		return 0, 0, nil
	}
	enc = parts[0].col.enc
	for _, p := range parts {
		// Statistics of a text tell that a dictionary was nearly as good.
		if p.col.enc != enc || p.col.flags&flagStats != 0 {
			return 0, 0, nil
		}
		n += p.col.Rows() - p.col.nulls
	}
	s := source{n: n, rows: e.rows}
	switch {
	case enc != EncAffix && enc != EncHexID && enc != EncTemplate && enc != EncList, n == 0, s.worthSparse():
		return 0, 0, nil
	}
	for _, p := range parts {
		if err := p.col.Check(); err != nil {
			return 0, 0, err
		}
	}
	return enc, n, nil
}

// placed returns a source of n values, which it does not hold yet, in the rows of
// the parts that are not null.
func (e *encoder) placed(parts []part, n int) source {
	v := &e.merged
	*v = Vector{Rows: v.Rows[:0], Ints: v.Ints[:0], Floats: v.Floats[:0], Bytes: v.Bytes[:0], Ends: v.Ends[:0], Lists: v.Lists[:0]}
	s := source{vec: v, n: n, rows: e.rows, weights: e.weights, at: e.newRow}
	if n < e.rows {
		for _, p := range parts {
			v.appendRows(p.col, p.base)
		}
		s.at = e.placesOf(v.Rows)
	}
	return s
}

// takeText counts text against the bound of a block.
func (e *encoder) takeText(size int) error {
	if e.text += size; e.text > BlockTextMax {
		return fmt.Errorf("%w: %d bytes of text, at most %d fit", ErrBlockTooLarge, e.text, BlockTextMax)
	}
	return nil
}

// mergeAffix puts numbers of one form together.
func (e *encoder) mergeAffix(dst []byte, parts []part, s *source) (_ []byte, ok bool) {
	first := parts[0].col.open().text.(*affixReader)
	for _, p := range parts[1:] {
		if r := p.col.open().text.(*affixReader); !r.sameForm(&first.affix) || r.digits != first.digits {
			return dst, false
		}
	}
	values, buf := s.vec.Ints, e.parsed
	for _, p := range parts {
		r := p.col.open().text.(*affixReader)
		buf = r.forReader.all(buf)
		if r.valid == nil {
			values = append(values, buf...)
			continue
		}
		for row, v := range buf {
			if bitSet(r.valid, row) {
				values = append(values, v)
			}
		}
	}
	s.vec.Ints, e.parsed = values, buf
	if e.takeText(s.n*(len(first.prefix)+len(first.suffix)+first.maxDigits())) != nil {
		return dst, false // counted too high, perhaps: the values themselves will tell
	}
	return e.appendNumbers(dst, &first.affix, s, values), true
}

// sameForm tells whether two forms differ in the digits of their numbers at most.
func (a *affix) sameForm(b *affix) bool {
	return a.base == b.base && bytes.Equal(a.prefix, b.prefix) && bytes.Equal(a.suffix, b.suffix)
}

// mergeHexIDs copies ids of one form.
func (e *encoder) mergeHexIDs(dst []byte, parts []part, s *source) (_ []byte, ok bool) {
	first := parts[0].col.open().text.(*hexIDReader)
	for _, p := range parts[1:] {
		if r := p.col.open().text.(*hexIDReader); r.upper != first.upper || !bytes.Equal(r.form, first.form) {
			return dst, false
		}
	}
	if e.takeText(s.n*len(first.form)) != nil {
		return dst, false
	}
	dst, tails, heads := appendHexRoom(dst, s, &first.hexForm)
	n := first.headBytes()
	for _, p := range parts {
		r := p.col.open().text.(*hexIDReader)
		if e.newRow == nil {
			for i, tail := range r.tails {
				binary.LittleEndian.PutUint32(tails[4*(int(p.base)+i):], tail)
			}
			copy(heads[int(p.base)*n:], r.heads[:r.rows*n])
			continue
		}
		for i, row := range e.newRow[p.base : int(p.base)+r.rows] {
			binary.LittleEndian.PutUint32(tails[4*row:], r.tails[i])
			copy(heads[int(row)*n:int(row)*n+n], r.heads[i*n:])
		}
	}
	return dst, true
}

// mergeLists maps the codes of items. Lists of other texts are not its business.
func (e *encoder) mergeLists(dst []byte, parts []part, s *source) (_ []byte, ok bool, err error) {
	n, text := 0, 0
	for _, p := range parts {
		r := p.col.open().lists
		if r.lengths.total == 0 {
			continue
		}
		if r.values.codes == nil {
			return dst, false, nil
		}
		s.vec.appendTextEntries(r.values.codes)
		n += r.lengths.total
	}
	items := source{vec: &Vector{Type: TypeString, Bytes: s.vec.Bytes, Ends: s.vec.Ends}, n: n, rows: n, part: true}
	var stats columnStats
	if n == 0 || n > BlockItemsMax || !e.numberEntries(&items, &stats) {
		return dst, false, nil
	}
	e.gatherItems(parts, n)
	for _, code := range e.dict.codes {
		text += len(items.vec.Text(int(e.dict.first[code])))
	}
	if err := e.takeText(text); err != nil {
		return dst, false, err
	}
	dst = s.appendValid(dst)
	head := len(dst)
	dst = e.appendLengths(dst, s, n)
	enc := EncConstant
	if len(e.dict.first) == 1 {
		dst = appendConstant(dst, &items)
	} else {
		dst, enc = appendCodes(dst, &items, &e.dict, e)
	}
	dst[head+4] = byte(enc)
	e.version = max(e.version, enc.since())
	return dst, true, nil
}

// gatherItems replaces the codes of entries in e.dict by the codes of the n items
// of all parts, in the order of the rows, and writes the lengths of the lists to
// e.lengths.
func (e *encoder) gatherItems(parts []part, n int) {
	e.remap = append(e.remap[:0], e.dict.codes...)
	e.lengths = grow(e.lengths, e.rows)
	clear(e.lengths)
	codes := slices.Grow(e.dict.codes[:0], n)
	remap := e.remap
	for _, p := range parts {
		r := p.col.open().lists
		e.lists.ends = r.lengths.ends(e.lists.ends)
		last := uint32(0)
		for i, end := range e.lists.ends {
			row := int(p.base) + i
			if e.newRow != nil {
				row = int(e.newRow[row])
			}
			e.lengths[row] = int64(end - last)
			last = end
		}
		if last == 0 {
			continue
		}
		c := r.values.codes
		if c.width == 16 {
			e.wide = append(e.wide[:0], c.view().Unpack16(nil)...)
		} else {
			e.wide = c.view().Unpack16(e.wide)
		}
		for _, code := range e.wide {
			codes = append(codes, remap[code])
		}
		remap = remap[c.entries:]
	}
	e.dict.codes = codes
	if e.newRow != nil {
		e.dict.codes = e.orderItems(codes)
	}
}

// orderItems puts the items of lists, which lie in the order of the parts, into
// that of the rows.
func (e *encoder) orderItems(codes []uint16) []uint16 {
	e.counts = grow(e.counts, e.rows)
	at := uint32(0)
	for row, n := range e.lengths {
		e.counts[row] = at
		at += uint32(n)
	}
	sorted := make([]uint16, len(codes))
	for _, row := range e.newRow {
		n := int(e.lengths[row])
		copy(sorted[e.counts[row]:], codes[:n])
		codes = codes[n:]
	}
	return sorted
}
