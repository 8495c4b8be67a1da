package storage

import "encoding/binary"

// templateScratch is what reading a column of templates needs, kept from call to
// call by one goroutine.
type templateScratch struct {
	ids      []uint8 // of the rows; of 8 bits they are the block's own
	idsRoom  []uint8 // for those of fewer bits
	ordinals []int   // rows of each template so far
	ints     []int64 // a run of each variable's numbers
	from     []int   // the first value of that run; -runRows: none
	loose    TextBuf
	hex      hexBuffer
}

func (s *templateScratch) begin(r *templateReader) {
	s.ordinals = grow(s.ordinals, len(r.templates)+1)
	clear(s.ordinals)
	s.ints, s.from = grow(s.ints, r.vars*runRows), grow(s.from, r.vars)
	for i := range s.from {
		s.from[i] = -runRows
	}
}

// overrun is how far past its end what is written may reach, twice.
const overrun = 16

// all writes the texts of selected rows, in the order of the rows. Of each variable
// it unpacks the run that the present row is in.
func (r *templateReader) all(sel []uint64, buf *TextBuf) (Text, error) {
	return r.unpack(sel, nil, buf)
}

// unpack is all for whole texts, or for what windows say of those of each template;
// loose texts are empty then.
func (r *templateReader) unpack(sel []uint64, windows []TextWindow, buf *TextBuf) (Text, error) {
	if buf.templates == nil {
		buf.templates = new(templateScratch)
	}
	s := buf.templates
	s.begin(r)
	s.idsRoom = grow(s.idsRoom, r.rows)
	s.ids = Codes{Width: r.width, Packed: r.ids, Rows: r.rows}.Unpack8(s.idsRoom)
	var loose Text
	if windows == nil {
		var err error
		if loose, err = r.looseTexts(sel, s); err != nil {
			return Text{}, err
		}
	}
	buf.ends = grow(buf.ends, r.rows)
	out := buf.bytes[:cap(buf.bytes)]
	if sel == nil && len(out) < r.size+2*overrun {
		out = make([]byte, r.size+r.size/8+2*overrun)
	}
	n := 0
	for row, id := range s.ids[:r.rows] {
		nth := s.ordinals[id]
		s.ordinals[id] = nth + 1
		if sel != nil && !isIn(sel, row) || r.valid != nil && !bitSet(r.valid, row) {
			buf.ends[row] = uint32(n)
			continue
		}
		if n > r.size {
			return Text{}, errTemplates
		}
		switch {
		case int(id) < len(r.templates):
			t := &r.templates[id]
			if len(out)-n < t.textMax+2*overrun {
				out = roomFor(out, n, t.textMax+2*overrun)
			}
			if windows == nil {
				n = r.write(out, n, t, nth, s)
			} else {
				n = r.writeWindow(out, n, t, windows[id], nth, s)
			}
		case windows == nil:
			text := loose.At(nth)
			out = roomFor(out, n, len(text))
			n += copy(out[n:], text)
		}
		buf.ends[row] = uint32(n)
	}
	if n > r.size || sel == nil && windows == nil && r.valid == nil && n != r.size {
		return Text{}, errTemplates
	}
	buf.bytes = out[:n]
	return Text{Bytes: buf.bytes, Ends: buf.ends}, nil
}

// roomFor returns out, grown if need be, with room for size bytes after n.
func roomFor(out []byte, n, size int) []byte {
	if len(out)-n >= size {
		return out
	}
	grown := make([]byte, max(2*n, 1<<12)+size)
	copy(grown, out[:n])
	return grown
}

// looseTexts reads the loose texts of the selected rows.
func (r *templateReader) looseTexts(sel []uint64, s *templateScratch) (Text, error) {
	if r.looseRows == 0 {
		return Text{}, nil
	}
	if sel == nil {
		return r.loose.all(nil, &s.loose)
	}
	wanted := make([]uint64, bitmapWords(r.looseRows))
	nth := 0
	for row, id := range s.ids[:r.rows] {
		if int(id) == len(r.templates) {
			if isIn(sel, row) {
				wanted[nth>>6] |= 1 << (nth & 63)
			}
			nth++
		}
	}
	return r.loose.all(wanted, &s.loose)
}

// write writes the nth text of a template to out[n:], which has room for it and
// two overruns, and returns its end.
func (r *templateReader) write(out []byte, n int, t *template, nth int, s *templateScratch) int {
	if last := len(t.vars); last > 0 {
		n = r.writePiece(out, n, t.pieces[0])
		n = r.writeWindow(out, n, t, TextWindow{Past: last}, nth, s)
	}
	p := t.pieces[len(t.vars)]
	return n + copy(out[n:], r.pieces[p.at:p.at+p.size])
}

// writePiece writes a constant to out[n:] and returns its end.
func (r *templateReader) writePiece(out []byte, n int, p pieceSpan) int {
	if p.size <= overrun {
		copy16(out[n:], r.pieces[p.at:])
		return n + p.size
	}
	return n + copy(out[n:], r.pieces[p.at:p.at+p.size])
}

// writeWindow is write for some of the variables and the constants between them.
func (r *templateReader) writeWindow(out []byte, n int, t *template, w TextWindow, nth int, s *templateScratch) int {
	vars := t.vars[:w.Past]
	pieces := t.pieces[:len(vars)]
	for i := w.First; i < len(vars); i++ {
		if i > w.First {
			n = r.writePiece(out, n, pieces[i])
		}
		v := &vars[i]
		switch v.kind {
		case varFixed:
			writeDecimal(out[n:], v.number(nth, s), v.digits)
			n += v.digits
		case varDecimal:
			x := v.number(nth, s)
			digits := countDigits(x)
			writeDecimal(out[n:], x, digits)
			n += digits
		case varHex:
			writeHex(out[n:], v.number(nth, s), v.digits, v.affix.base == baseHexUpper)
			n += v.digits
		case varAffix:
			n = v.affix.write(out, n, v.number(nth, s))
		case varCodes:
			n += copy(out[n:], v.codes.entryText(codeAt(v.codes.packed, v.codes.width, nth)))
		case varHexID:
			v.hex.write(out[n:n+len(v.hex.form)], nth, &s.hex)
			n += len(v.hex.form)
		default:
			n += copy(out[n:], textAt(v.text.bytes, v.text.ends, nth))
		}
	}
	return n
}

// copy16 copies 16 bytes at once: how many count is seen to elsewhere.
func copy16(dst, src []byte) {
	_, _ = dst[overrun-1], src[overrun-1]
	a, b := binary.LittleEndian.Uint64(src), binary.LittleEndian.Uint64(src[8:])
	binary.LittleEndian.PutUint64(dst, a)
	binary.LittleEndian.PutUint64(dst[8:], b)
}
