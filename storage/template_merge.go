package storage

import (
	"bytes"
	"slices"
)

// Columns of templates are merged template by template: those with the same
// constants are one, and their variables, which are columns, are put together as
// such. Nothing is mined. Texts that were loose stay loose: a template needs a share
// of the rows, and what had not the share in the parts has it not in the whole.

// mergeTemplates appends the templates of all parts. ok is false if they have too
// little in common.
func (e *encoder) mergeTemplates(dst []byte, parts []part, s *source) (_ []byte, ok bool, err error) {
	c, rows, size := &e.templates, 0, 0
	c.readers = c.readers[:0]
	for _, p := range parts {
		r := p.col.open().text.(*templateReader)
		c.readers = append(c.readers, r)
		rows += r.rows
		size += r.size
	}
	// Rows of which no part knows would need an empty text each.
	if rows != e.rows || !c.unite(&e.miner) {
		return dst, false, nil
	}
	if err := e.takeText(size); err != nil {
		return dst, false, err
	}
	c.mergeIDs(e.newRow, len(e.miner.mined))
	if err := c.mergeLoose(parts); err != nil {
		return dst, false, err
	}
	dst, ok = e.appendGathered(dst, s, size)
	return dst, ok, nil
}

// unite makes the templates of the merged column, and says for each of a part's
// which it is. It reports false if there are too many.
func (c *templateColumn) unite(m *miner) bool {
	m.mined, c.into = m.mined[:0], c.into[:0]
	most, variables := 0, 0
	for _, r := range c.readers {
		most = max(most, len(r.templates))
		before := len(c.into)
		for i := range r.templates {
			t := &r.templates[i]
			at := slices.IndexFunc(m.mined, func(other mined) bool { return r.sameConstants(t, other.pieces) })
			if at < 0 || slices.Contains(c.into[before:], uint16(at)) {
				at = len(m.mined)
				m.mined = append(m.mined, mined{pieces: r.constants(t)})
				variables += len(t.vars)
			}
			m.mined[at].rows += t.rows
			c.into = append(c.into, uint16(at))
		}
	}
	// Parts that share less than half have too few rows of each for their words.
	if n := len(m.mined); n > templatesMax || variables > templateVariablesMax || n > 2*most {
		return false
	}
	c.reset(m.mined)
	into := c.into
	for _, r := range c.readers {
		for i := range r.templates {
			first := c.first[into[i]]
			for j := range r.templates[i].vars {
				v := &c.vars[first+j]
				v.parts = append(v.parts, variablePart{&r.templates[i].vars[j], r.templates[i].rows})
			}
		}
		into = into[len(r.templates):]
	}
	return true
}

// sameConstants tells whether a template has these pieces.
func (r *templateReader) sameConstants(t *template, pieces [][]byte) bool {
	if len(t.pieces) != len(pieces) {
		return false
	}
	for i := range pieces {
		if !bytes.Equal(r.piece(t, i), pieces[i]) {
			return false
		}
	}
	return true
}

func (r *templateReader) constants(t *template) [][]byte {
	pieces := make([][]byte, len(t.pieces))
	for i := range pieces {
		pieces[i] = r.piece(t, i)
	}
	return pieces
}

// mergeIDs finds the template of each row, and, where rows change places, the order
// of the rows of each template.
func (c *templateColumn) mergeIDs(newRow []uint32, templates int) {
	rows := 0
	for _, r := range c.readers {
		rows += r.rows
	}
	c.starts = append(c.starts[:0], make([]uint32, templates+2)...)
	c.ids, c.order = grow(c.ids, rows), c.order[:0]
	ids, into := c.ids, c.into
	for _, r := range c.readers {
		var id [templatesMax + 1]uint16
		copy(id[:], into[:len(r.templates)])
		id[len(r.templates)] = uint16(templates)
		into = into[len(r.templates):]
		c.packedIDs = Codes{Width: r.width, Packed: r.ids, Rows: r.rows}.Unpack8(c.packedIDs[:0:cap(c.packedIDs)])
		for row, own := range c.packedIDs[:r.rows] {
			ids[row] = id[own]
			c.starts[id[own]+1]++
		}
		if r.width == 8 {
			c.packedIDs = nil // it was the block's own
		}
		ids = ids[r.rows:]
	}
	for i := range templates + 1 {
		c.starts[i+1] += c.starts[i]
	}
	if newRow != nil {
		c.orderIDs(newRow, templates)
	}
}

// orderIDs puts the ids, which lie in the order of the parts, into that of the rows,
// and notes where each row of a template was among them.
func (c *templateColumn) orderIDs(newRow []uint32, templates int) {
	c.order, c.nth = grow(c.order, len(newRow)), grow(c.nth, len(newRow))
	next := make([]uint32, templates+1)
	old := c.ids
	c.ids = grow(c.spareIDs, len(newRow))
	c.spareIDs = old
	for i, id := range old[:len(newRow)] {
		row := newRow[i]
		c.ids[row], c.nth[row] = id, next[id]
		next[id]++
	}
	copy(next, c.starts)
	for row, id := range c.ids {
		c.order[next[id]] = c.nth[row]
		next[id]++
	}
}

// orderOf is the order of the rows of a template, nil if it is that of the parts.
func (c *templateColumn) orderOf(template int) []uint32 {
	if len(c.order) == 0 {
		return nil
	}
	return c.order[c.starts[template]:c.starts[template+1]]
}

// mergeLoose gathers the texts of no template.
func (c *templateColumn) mergeLoose(parts []part) error {
	var all Vector
	for i, r := range c.readers {
		if r.looseRows == 0 {
			continue
		}
		t, err := r.loose.all(nil, &c.looseBuf)
		if err != nil {
			return parts[i].col.damaged(err)
		}
		for j := range t.Len() {
			all.appendItem(t.At(j))
		}
	}
	if order := c.orderOf(len(c.first)); order != nil {
		for _, i := range order {
			c.loose.appendItem(all.Text(int(i)))
		}
		return nil
	}
	c.loose.Bytes, c.loose.Ends = append(c.loose.Bytes, all.Bytes...), append(c.loose.Ends, all.Ends...)
	return nil
}

// variablePart is the values of a variable in one part.
type variablePart struct {
	*variable
	rows int
}

// mergeVariable encodes the values of a variable in all parts: as what they are if
// they are the same in all, else as what their texts are.
func (e *encoder) mergeVariable(dst []byte, v *gathered, order []uint32) ([]byte, Encoding) {
	n := 0
	for _, p := range v.parts {
		n += p.rows
	}
	s := source{vec: &v.texts, n: n, rows: n, part: true}
	if v.sameNumbers(n) {
		return e.appendNumbers(dst, &v.form, &s, e.inOrder(v.ints, order)), EncAffix
	}
	if e.mergeWords(v, n) {
		if len(e.dict.first) == 1 {
			return appendConstant(dst, &s), EncConstant
		}
		if order != nil {
			e.rowCodes = permuted(e.rowCodes, e.dict.codes, order)
			e.dict.codes, e.rowCodes = e.rowCodes, e.dict.codes
		}
		return appendCodes(dst, &s, &e.dict, e)
	}
	v.appendTexts(order)
	if dst, ok := e.appendAffix(dst, &s); ok {
		return dst, EncAffix
	}
	return e.appendVariable(dst, v)
}

// inOrder puts numbers into an order, if there is one.
func (e *encoder) inOrder(ints []int64, order []uint32) []int64 {
	if order == nil {
		return ints
	}
	e.parsed = permuted(e.parsed, ints, order)
	return e.parsed
}

// permuted writes values in an order to dst, if it is large enough.
func permuted[T any](dst, values []T, order []uint32) []T {
	dst = grow(dst, len(order))
	for i, at := range order {
		dst[i] = values[at]
	}
	return dst
}

// sameNumbers unpacks the n numbers of all parts, if they share a form. It reports
// false if they do not.
func (v *gathered) sameNumbers(n int) bool {
	first := v.parts[0].affix
	for _, p := range v.parts {
		if p.affix == nil || !p.affix.sameForm(&first.affix) {
			return false
		}
	}
	v.form = first.affix
	v.ints = grow(v.ints, n)
	at, fixed := 0, true
	for _, p := range v.parts {
		p.affix.forReader.all(v.ints[at : at+p.rows : at+p.rows])
		at += p.rows
		fixed = fixed && p.digits == first.digits
	}
	if fixed {
		return true
	}
	// Of different lengths: as many digits as needed, unless zeros lead some.
	at = 0
	for _, p := range v.parts {
		part := v.ints[at : at+p.rows]
		at += p.rows
		if p.affix.base != baseDecimal || p.digits > 1 && slices.ContainsFunc(part, func(x int64) bool { return countDigits(uint64(x)) < p.digits }) {
			return false
		}
	}
	v.form.digits = 0
	return true
}

// mergeWords makes one dictionary of the words of all parts, which is then in e.dict
// with the codes of the n values. It reports false if there are too many words, or
// something else than words.
func (e *encoder) mergeWords(v *gathered, n int) bool {
	for _, p := range v.parts {
		if p.codes == nil {
			return false
		}
	}
	words := &v.texts
	for _, p := range v.parts {
		words.appendTextEntries(p.codes)
	}
	if !e.dict.texts(words.Bytes, words.Ends, max(2, n/4)) {
		words.Bytes, words.Ends = words.Bytes[:0], words.Ends[:0]
		return false
	}
	e.dict.sortTexts(words.Bytes, words.Ends)
	e.remap = append(e.remap[:0], e.dict.codes...)
	codes, remap := slices.Grow(e.dict.codes[:0], n), e.remap
	for _, p := range v.parts {
		if p.codes.width == 16 {
			e.wide = append(e.wide[:0], p.codes.view().Unpack16(nil)...)
		} else {
			e.wide = p.codes.view().Unpack16(e.wide)
		}
		for _, code := range e.wide[:p.rows] {
			codes = append(codes, remap[code])
		}
		remap = remap[p.codes.entries:]
	}
	e.dict.codes = codes
	return true
}

// appendTexts writes the values of all parts out.
func (v *gathered) appendTexts(order []uint32) {
	var all Vector
	for _, p := range v.parts {
		for i := range p.rows {
			// Text of a variable is never compressed: it can be read.
			all.Bytes, _ = p.appendAt(all.Bytes, i)
			all.Ends = append(all.Ends, uint32(len(all.Bytes)))
		}
	}
	if order == nil {
		v.texts.Bytes, v.texts.Ends = append(v.texts.Bytes, all.Bytes...), append(v.texts.Ends, all.Ends...)
		return
	}
	for _, i := range order {
		v.texts.appendItem(all.Text(int(i)))
	}
}
