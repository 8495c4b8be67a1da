package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// Templates: texts that repeat but for a few places, such as messages of a log.
// What is constant is kept once per template; what varies is a column of its own
// for each place, encoded as such: numbers between affixes, hexadecimal ids,
// dictionaries, or texts as they are. Texts of no template are loose, in a section
// of their own. Any row is reached without unpacking others: it is the n-th of its
// template, n being counted in the ids before it.
//
//	+---------------------+---------------+---------------+-------------+---------------+
//	| bitmap (8 x words)? | text size (4) | templates (2) | variables(2)| loose rows (4)|
//	+---------------------+---------------+---------------+-------------+---------------+
//	| pieces size (4) | loose at (4) | ids at (4) | loose length (4)                    |
//	+-----------------+--------------+------------+-------------------------------------+
//	| loose coding (1) | id bits (1) | zero (2)                                         |
//	+------------------+-------------+--------------------------------------------------+
//	| per template: rows (4) | variables (4)                                            |
//	| per variable: at (4) | length (4) | coding (1) | zero (3)                          |
//	| per piece: end (4) in the text of the pieces                                      |
//	+-----------------------------------------------------------------------------------+
//	| text of the pieces | zeros | per variable: section | zeros ...                    |
//	| loose texts (section of the given coding) | zeros | packed ids                    |
//	+-----------------------------------------------------------------------------------+
//
// Positions count from the text size. A template with n variables has n + 1 pieces,
// the first before its first variable. The id of a row is the number of its
// template; loose rows have the id after the last. A null row has the id of any
// empty text. Variables are constant, dict, affix, hexid or text.

const (
	templateHeaderBytes   = 32
	templateEntryBytes    = 8
	templateVariableBytes = 12

	// templateTextMin is the least text worth mining.
	templateTextMin = 1 << 10

	// templateLooseMax is the share of text, one in so many bytes, that may be
	// loose while compressing all of it is not even tried.
	templateLooseMax = 8
)

// appendTemplates encodes the texts of all rows. ok is false, and dst as it was, if
// they have no templates; loose is then 0, else the number of bytes of text that
// fit none.
func (e *encoder) appendTemplates(dst []byte, s *source) (_ []byte, loose int, ok bool) {
	inverse := s.valueOfRow(e)
	m, c := &e.miner, &e.templates
	if !m.mine(s, inverse) {
		return dst, 0, false
	}
	m.combine(s.vec.Bytes, s.rows)
	if len(m.mined) == 0 {
		return dst, 0, false
	}
	c.gather(m, s, inverse)
	dst, ok = e.appendGathered(dst, s, len(s.vec.Bytes))
	return dst, len(c.loose.Bytes), ok
}

// appendGathered encodes a column whose templates are in e.miner and whose values are
// in e.templates: size bytes of text. ok is false, and dst as it was, if no reader
// would take it.
func (e *encoder) appendGathered(dst []byte, s *source, size int) (_ []byte, ok bool) {
	m, c := &e.miner, &e.templates
	before := len(dst)
	dst = s.appendValid(dst)
	start := len(dst)
	dst = e.appendTemplateHead(dst, s, size)
	variable := start + templateHeaderBytes + len(m.mined)*templateEntryBytes
	entry := variable
	for i := range m.mined {
		for range len(m.mined[i].pieces) - 1 {
			dst = padTo(dst, 8)
			at := len(dst)
			var enc Encoding
			if v := &c.vars[(entry-variable)/templateVariableBytes]; len(v.parts) > 0 {
				dst, enc = e.mergeVariable(dst, v, c.orderOf(i))
			} else {
				dst, enc = e.appendVariable(dst, v)
			}
			binary.LittleEndian.PutUint32(dst[entry:], uint32(at-start))
			binary.LittleEndian.PutUint32(dst[entry+4:], uint32(len(dst)-at))
			dst[entry+8] = byte(enc)
			entry += templateVariableBytes
		}
	}
	dst = padTo(dst, 8)
	binary.LittleEndian.PutUint32(dst[start+16:], uint32(len(dst)-start))
	ids := len(m.mined)
	if n := len(c.loose.Ends); n > 0 {
		ids++
		var enc Encoding
		dst, enc = e.appendLoose(dst, &source{vec: &c.loose, n: n, rows: n, part: true})
		binary.LittleEndian.PutUint32(dst[start+24:], uint32(len(dst)-start)-binary.LittleEndian.Uint32(dst[start+16:]))
		dst[start+28] = byte(enc)
	}
	width := codeWidth(ids)
	dst = padTo(dst, e.alignFor(s.rows*width/8))
	binary.LittleEndian.PutUint32(dst[start+20:], uint32(len(dst)-start))
	dst[start+29] = byte(width)
	if width > 0 {
		dst = appendPacked(dst, c.ids, width)
	}
	if size > (len(dst)-start)*zstdRatioMax {
		return dst[:before], false // no reader would allocate as much
	}
	return dst, true
}

// appendTemplateHead appends all that stands before the variables.
func (e *encoder) appendTemplateHead(dst []byte, s *source, size int) []byte {
	m, c := &e.miner, &e.templates
	dst = appendUint32(dst, uint32(size))
	dst = appendUint16(dst, uint16(len(m.mined)))
	dst = appendUint16(dst, uint16(len(c.vars)))
	dst = appendUint32(dst, uint32(len(c.loose.Ends)))
	pieces := 0
	for i := range m.mined {
		for _, p := range m.mined[i].pieces {
			pieces += len(p)
		}
	}
	dst = appendUint32(dst, uint32(pieces))
	dst = appendZeros(dst, templateHeaderBytes-16)
	e.counts = append(e.counts[:0], make([]uint32, len(m.mined)+1)...)
	for _, id := range c.ids[:s.rows] {
		e.counts[id]++
	}
	for i := range m.mined {
		dst = appendUint32(dst, e.counts[i])
		dst = appendUint32(dst, uint32(len(m.mined[i].pieces)-1))
	}
	dst = appendZeros(dst, len(c.vars)*templateVariableBytes)
	end := 0
	for i := range m.mined {
		for _, p := range m.mined[i].pieces {
			end += len(p)
			dst = appendUint32(dst, uint32(end))
		}
	}
	for i := range m.mined {
		for _, p := range m.mined[i].pieces {
			dst = append(dst, p...)
		}
	}
	return dst
}

// appendVariable encodes the values of one variable.
func (e *encoder) appendVariable(dst []byte, v *gathered) ([]byte, Encoding) {
	if v.numeric {
		n := len(v.ints)
		return e.appendNumbers(dst, &v.form, &source{n: n, rows: n, part: true}, v.ints), EncAffix
	}
	n := len(v.texts.Ends)
	s := source{vec: &v.texts, n: n, rows: n, part: true}
	if e.dict.texts(v.texts.Bytes, v.texts.Ends, max(2, n/4)) {
		if len(e.dict.first) == 1 {
			return appendConstant(dst, &s), EncConstant
		}
		e.dict.sortTexts(v.texts.Bytes, v.texts.Ends)
		return appendCodes(dst, &s, &e.dict, e)
	}
	if dst, ok := e.appendHexID(dst, &s); ok {
		return dst, EncHexID
	}
	return appendPlainText(dst, &s, e), EncText
}

// appendLoose encodes texts of no template.
func (e *encoder) appendLoose(dst []byte, s *source) ([]byte, Encoding) {
	if size := len(s.vec.Bytes); size >= zstdTextMin {
		at := len(dst)
		if dst = e.appendZstd(dst, s); (len(dst)-at)*8 < (size+4*s.rows)*7 {
			return dst, EncZstd
		}
		dst = dst[:at]
	}
	return appendPlainText(dst, s, e), EncText
}

var errTemplates = errors.New("templates do not fit their data")

// template is one of a column's, opened.
type template struct {
	rows    int
	pieces  []pieceSpan
	vars    []variable
	textMax int
}

// pieceSpan is a constant: bytes from at on.
type pieceSpan struct{ at, size int }

type templateReader struct {
	rows      int
	size      int // of all texts
	valid     []uint64
	width     int
	ids       []byte
	templates []template
	vars      int
	looseRows int
	loose     textReader
	pieces    []byte // and tailBytes past them
}

func openTemplates(s section, o *opened) error {
	if len(s.data) < templateHeaderBytes {
		return errShort
	}
	u32 := func(at int) int { return int(binary.LittleEndian.Uint32(s.data[at:])) }
	u16 := func(at int) int { return int(binary.LittleEndian.Uint16(s.data[at:])) }
	r := &templateReader{rows: s.rows, size: u32(0), valid: o.valid, vars: u16(6), looseRows: u32(8), width: int(s.data[29])}
	n, piecesSize, looseAt, idsAt, looseSize := u16(4), u32(12), u32(16), u32(20), u32(24)
	ids := n
	if r.looseRows > 0 {
		ids++
	}
	piecesAt := templateHeaderBytes + n*templateEntryBytes + r.vars*templateVariableBytes + (n+r.vars)*4
	switch {
	case n < 1 || n > templatesMax || r.size > BlockTextMax || r.size > len(s.data)*zstdRatioMax || r.looseRows > s.rows,
		r.vars > templateVariablesMax,
		piecesAt+piecesSize > looseAt || looseAt+looseSize > idsAt || idsAt > len(s.data) || looseAt%8 != 0,
		r.width != codeWidth(ids) || len(s.data)-idsAt != (s.rows*r.width+7)/8:
		return errTemplates
	}
	r.pieces = s.data[piecesAt : piecesAt+piecesSize+tailBytes]
	r.ids = s.data[idsAt:]
	if err := r.openTemplates(s, n, looseAt); err != nil {
		return err
	}
	if err := r.count(ids); err != nil {
		return err
	}
	if r.looseRows > 0 {
		loose, err := section{typ: TypeString, enc: Encoding(s.data[28]), rows: r.looseRows, data: s.data[looseAt : looseAt+looseSize]}.open()
		if err != nil {
			return fmt.Errorf("loose texts: %w", err)
		}
		switch r.loose = loose.text; loose.text.(type) {
		case plainText, *zstdReader:
		default:
			return errMismatch
		}
	}
	o.text = r
	return nil
}

// openTemplates opens n templates and their variables, which end before limit.
func (r *templateReader) openTemplates(s section, n, limit int) error {
	u32 := func(at int) int { return int(binary.LittleEndian.Uint32(s.data[at:])) }
	r.templates = make([]template, n)
	variables := make([]variable, r.vars)
	pieces := make([]pieceSpan, r.vars+n)
	entry := templateHeaderBytes + n*templateEntryBytes
	ends := entry + r.vars*templateVariableBytes
	last, v := 0, 0
	for i := range r.templates {
		t := &r.templates[i]
		at := templateHeaderBytes + i*templateEntryBytes
		t.rows = u32(at)
		vars := u32(at + 4)
		if vars > r.vars-v || t.rows > s.rows {
			return errTemplates
		}
		for j := range vars + 1 {
			end := u32(ends)
			ends += 4
			if end < last || end > len(r.pieces)-tailBytes {
				return errTemplates
			}
			pieces[j] = pieceSpan{last, end - last}
			t.textMax += end - last
			last = end
		}
		t.pieces, pieces = pieces[:vars+1:vars+1], pieces[vars+1:]
		t.vars = variables[v : v+vars : v+vars]
		for j := range t.vars {
			at, size := u32(entry), u32(entry+4)
			if at%8 != 0 || at+size > limit {
				return errTemplates
			}
			t.vars[j].index = v + j
			if err := t.vars[j].open(section{typ: TypeString, enc: Encoding(s.data[entry+8]), rows: t.rows, data: s.data[at : at+size]}); err != nil {
				return fmt.Errorf("variable %d of template %d: %w", j, i, err)
			}
			t.textMax += t.vars[j].textMax
			entry += templateVariableBytes
		}
		v += vars
	}
	if v != r.vars || last != len(r.pieces)-tailBytes {
		return errTemplates
	}
	return nil
}

// count checks the ids and the rows that they give to each template.
func (r *templateReader) count(ids int) error {
	var counts [templatesMax + 1]int
	if r.width == 0 {
		counts[0] = r.rows
	} else {
		if !codesBelow(r.ids, r.width, ids) {
			return errTemplates
		}
		for row := range r.rows {
			counts[codeAt(r.ids, r.width, row)]++
		}
	}
	for i := range r.templates {
		if counts[i] != r.templates[i].rows {
			return errTemplates
		}
	}
	if counts[len(r.templates)] != r.looseRows {
		return errTemplates
	}
	return nil
}

func (r *templateReader) appendAt(dst []byte, row int) ([]byte, error) {
	id := codeAt(r.ids, r.width, row)
	n := countCode(r.ids, r.width, row, id)
	if id == len(r.templates) {
		return r.loose.appendAt(dst, n)
	}
	t := &r.templates[id]
	for i := range t.vars {
		dst = append(dst, r.piece(t, i)...)
		var err error
		if dst, err = t.vars[i].appendAt(dst, n); err != nil {
			return nil, err
		}
	}
	return append(dst, r.piece(t, len(t.vars))...), nil
}

// countCode returns how many of the first n codes are the one given.
func countCode(packed []byte, width, n, code int) int {
	if width == 0 {
		return n
	}
	perByte := 8 / width
	whole := packed[:n/perByte]
	count := 0
	if width == 8 {
		count = bytes.Count(whole, []byte{byte(code)})
	} else {
		var table [256]uint8
		for b := range table {
			for i := range perByte {
				if b>>(i*width)&(1<<width-1) == code {
					table[b]++
				}
			}
		}
		for _, b := range whole {
			count += int(table[b])
		}
	}
	for row := len(whole) * perByte; row < n; row++ {
		if codeAt(packed, width, row) == code {
			count++
		}
	}
	return count
}

func (r *templateReader) piece(t *template, i int) []byte {
	p := t.pieces[i]
	return r.pieces[p.at : p.at+p.size]
}

func dumpTemplates(d *dumper, s section) {
	var o opened
	if err := openTemplates(s, &o); err != nil {
		d.note("damaged: %v", err)
		return
	}
	r, start := o.text.(*templateReader), d.at
	u32 := func(at int) int { return int(binary.LittleEndian.Uint32(s.data[at:])) }
	d.field(4, "%d bytes of text", r.size)
	d.field(2, "%d templates", len(r.templates))
	d.field(2, "%d variables", r.vars)
	d.field(4, "%d loose rows of %d", r.looseRows, r.rows)
	d.field(4, "%d bytes of pieces", len(r.pieces)-tailBytes)
	d.field(4, "loose texts at +%x", u32(16))
	d.field(4, "ids at +%x", u32(20))
	d.field(4, "%d bytes of loose texts", u32(24))
	d.field(1, "loose as %v", Encoding(s.data[28]))
	d.field(1, "%d bits an id", r.width)
	d.field(2, "zero")
	for i, t := range r.templates {
		d.field(4, "template %d: %d rows", i, t.rows)
		d.field(4, "%d variables", len(t.vars))
	}
	entry := d.at - start
	for i := range r.vars {
		d.field(4, "variable %d", i)
		d.field(4, "length")
		d.field(1, "as %v", Encoding(s.data[entry+i*templateVariableBytes+8]))
		d.field(3, "zero")
	}
	for i, t := range r.templates {
		d.field(4*len(t.pieces), "ends of the pieces of template %d", i)
	}
	d.field(len(r.pieces)-tailBytes, "pieces")
	i := 0
	for nth, t := range r.templates {
		for range t.vars {
			at, size := u32(entry), u32(entry+4)
			d.skipTo(start + at)
			d.note("variable %d, of template %d", i, nth)
			d.section(section{typ: TypeString, enc: Encoding(s.data[entry+8]), rows: t.rows, data: s.data[at : at+size]})
			entry += templateVariableBytes
			i++
		}
	}
	d.skipTo(start + u32(16))
	if r.looseRows > 0 {
		d.note("loose texts")
		d.section(section{typ: TypeString, enc: Encoding(s.data[28]), rows: r.looseRows, data: s.data[u32(16) : u32(16)+u32(24)]})
	}
	d.skipTo(start + u32(20))
	d.field(len(r.ids), "ids")
}
