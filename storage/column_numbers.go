package storage

import (
	"bytes"
	"slices"
)

// A TextForm is how texts are written that are one number between a prefix and a
// suffix, such as `user-000123` or `10ms`: within a form, text and number stand for
// each other one to one. It owns its memory.
type TextForm struct {
	form affix
}

// Equal tells whether two forms write every number alike.
func (f *TextForm) Equal(g *TextForm) bool {
	return f.form.base == g.form.base && f.form.digits == g.form.digits &&
		bytes.Equal(f.form.prefix, g.form.prefix) && bytes.Equal(f.form.suffix, g.form.suffix)
}

// Apart tells for certain that no text has both forms; false says nothing.
func (f *TextForm) Apart(g *TextForm) bool {
	a, b := &f.form, &g.form
	if a.digits > 0 && b.digits > 0 &&
		len(a.prefix)+a.digits+len(a.suffix) != len(b.prefix)+b.digits+len(b.suffix) {
		return true
	}
	return !bytes.HasPrefix(a.prefix, b.prefix) && !bytes.HasPrefix(b.prefix, a.prefix) ||
		!bytes.HasSuffix(a.suffix, b.suffix) && !bytes.HasSuffix(b.suffix, a.suffix)
}

// Append appends the text of a number. It is one that TextNumbers or Parse gave
// for this form.
func (f *TextForm) Append(dst []byte, number int64) []byte {
	return f.form.append(dst, uint64(number))
}

// A TextWriter writes texts of one form, each to a slot of its own: what was just
// written is read fast only a while later.
type TextWriter struct {
	form  affix
	slots [TextSlots][]byte
	end   int // of each text, if it has eight decimal digits or fewer, always as many; else 0
}

// TextSlots is how many texts of a TextWriter are valid at once.
const TextSlots = 16

// Writer returns a writer of the form's texts.
func (f *TextForm) Writer() *TextWriter {
	w := &TextWriter{form: f.form}
	for i := range w.slots {
		w.slots[i] = slices.Grow(w.form.append(nil, 0), digitsRoom)
	}
	if w.form.base == baseDecimal && w.form.digits > 0 && w.form.digits <= 8 {
		w.end = len(w.slots[0])
	}
	return w
}

// Text returns the text of a number, as Append does. It is valid until the next one
// in its slot, below TextSlots.
func (w *TextWriter) Text(slot int, number int64) []byte {
	buf := &w.slots[slot]
	if w.end == 0 {
		*buf = w.form.append((*buf)[:0], uint64(number))
		return *buf
	}
	// The prefix stays; what stands behind the digits is written over.
	at, out := len(w.form.prefix), (*buf)[:w.end+digitsRoom]
	writeDecimal(out[at:], uint64(number), w.form.digits)
	if len(w.form.suffix) > 0 {
		copy(out[at+w.form.digits:], w.form.suffix)
	}
	return out[:w.end]
}

// Parse returns the number of a text, which is not negative; ok is false if the
// text has not the form.
func (f *TextForm) Parse(text []byte) (number int64, ok bool) {
	v, ok := f.form.parse(text)
	return int64(v), ok
}

// Decimal returns the form in pieces: how many digits each number has, 0 for as
// many as it needs, and what stands before and behind. ok is false if the digits
// are not decimal. prefix and suffix are not to be changed.
func (f *TextForm) Decimal() (digits int, prefix, suffix []byte, ok bool) {
	return f.form.digits, f.form.prefix, f.form.suffix, f.form.base == baseDecimal
}

// TextNumbers returns, of a column of ShapeText whose texts all have one form,
// that form and the number of each row, without making a text; ok is false for
// other columns. Null rows hold any number. The numbers are in buf if it is large
// enough. The error is a *DamageError.
func (c *Column) TextNumbers(buf []int64) (form TextForm, numbers []int64, ok bool, err error) {
	s := c.open()
	if s.err != nil {
		return TextForm{}, nil, false, s.err
	}
	r, ok := s.text.(*affixReader)
	if !ok {
		return TextForm{}, nil, false, nil
	}
	form.form = affix{
		base: r.base, digits: r.digits, prefix: bytes.Clone(r.prefix), suffix: bytes.Clone(r.suffix),
	}
	return form, r.forReader.all(buf), true, nil
}
