package ingest

import (
	"encoding/binary"
	"slices"
	"unicode/utf8"

	"github.com/kelpdb/kelp/storage"
)

// learn notes what is known of the texts of a part that is being added to the
// dictionary: it is plain if all are texts in UTF-8, and none is null.
func (d *arrowDictionary) learn(part *arrowArray) {
	if !d.plain {
		return
	}
	switch part.field.kind {
	case arrowUtf8, arrowLargeUtf8, arrowBinary, arrowLargeBinary, arrowUtf8View, arrowBinaryView:
	default:
		d.plain = false
		return
	}
	for i := range part.length {
		if part.isNull(i) || !utf8.Valid(part.bytes(i)) {
			d.plain = false
			return
		}
		d.longest = max(d.longest, len(part.bytes(i)))
	}
}

// takeCodes appends rows [from, from+n) of the window, of a column whose texts are
// in a dictionary, as codes. Where these have no use the texts are appended.
func (p *arrowRows) takeCodes(c *chunker, col *arrowColumn, from, n int) {
	a, first := col.values, p.window.from+from
	v := c.batch.Extend(col.slot, storage.TypeString)
	if len(v.Rows) == 0 && !v.Coded {
		v.SetCoded()
		col.root = nil
	}
	if !v.Coded || len(v.Ends)+min(n, a.dict.length) > arrowCodesMax {
		v.MakePlain()
		v, rows := p.extend(c, col, storage.TypeString, from, n)
		a.takeTexts(v, rows, first, n)
		return
	}
	col.follow(a.dict, v)
	v, rows := p.extend(c, col, storage.TypeString, from, n)
	p.window.indices = a.appendIndices(p.window.indices[:0], first, n)
	before := len(v.Codes)
	v.Codes = slices.Grow(v.Codes, n)
	if rows == nil {
		out, remap := v.Codes[before:before+n], col.remap
		for i, k := range p.window.indices {
			code := remap[k]
			if code == 0 {
				code = col.enter(v, a.dict, int(k))
			}
			out[i] = code - 1
		}
		v.Codes = v.Codes[:before+n]
	}
	for _, row := range rows {
		k := p.window.indices[row]
		code := col.remap[k]
		if code == 0 {
			code = col.enter(v, a.dict, int(k))
		}
		v.Codes = append(v.Codes, code-1)
	}
	v.CountCodes(before)
}

// follow makes remap one of the dictionary, which may be another than before, or
// longer.
func (col *arrowColumn) follow(d *arrowDictionary, v *storage.Vector) {
	if col.root != d.root {
		col.root, col.remap, col.known = d.root, col.remap[:0], nil
		if len(v.Ends) > 0 {
			col.known = make(map[string]uint16, len(v.Ends))
			start := uint32(0)
			for code, end := range v.Ends {
				col.known[string(v.Bytes[start:end])] = uint16(code) + 1
				start = end
			}
		}
	}
	if more := d.length - len(col.remap); more > 0 {
		col.remap = append(col.remap, make([]uint16, more)...)
	}
}

// enter gives entry k of the dictionary a code and returns it, plus 1.
func (col *arrowColumn) enter(v *storage.Vector, d *arrowDictionary, k int) uint16 {
	values, at := d.at(k)
	text := values.bytes(at)
	code := col.known[string(text)]
	if code == 0 {
		next, ok := v.AppendEntry(text)
		if !ok {
			panic("BUG: more entries than were to be expected")
		}
		if code = next + 1; col.known != nil {
			col.known[string(text)] = code
		}
	}
	col.remap[k] = code
	return code
}

// appendIndices appends the n indices from first on; those of null rows are
// what they are.
func (a *arrowArray) appendIndices(dst []uint32, first, n int) []uint32 {
	at := len(dst)
	dst = slices.Grow(dst, n)[:at+n]
	out := dst[at:]
	switch a.field.bits {
	case 8:
		for i, b := range a.data[first : first+n] {
			out[i] = uint32(b)
		}
	case 16:
		data := a.data[2*first:]
		for i := range out {
			out[i] = uint32(binary.LittleEndian.Uint16(data[2*i:]))
		}
	case 32:
		data := a.data[4*first:]
		for i := range out {
			out[i] = binary.LittleEndian.Uint32(data[4*i:])
		}
	default:
		data := a.data[8*first:]
		for i := range out {
			out[i] = uint32(binary.LittleEndian.Uint64(data[8*i:]))
		}
	}
	return dst
}
