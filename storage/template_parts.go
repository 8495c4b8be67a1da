package storage

// Templates taken apart: a pattern that is held against the form of texts need not be
// held against each of them, and of the others only what it depends on is written out.

// A TextPart is a piece of text of which so much is known: it is one of Words or, if
// these are nil, from Min to Max bytes of Set.
type TextPart struct {
	Words    [][]byte
	Set      string
	Min, Max int
}

// A TextTemplate is the form of some texts of a column: variables, each between two
// constants. A variable is some parts, one behind the other; nil: any text.
type TextTemplate struct {
	Constants [][]byte // one more than variables
	Variables [][]TextPart
}

// A TextWindow is a part of a template's texts: the variables [First, Past) and the
// constants between them.
type TextWindow struct{ First, Past int }

// Templates returns the templates of a column of ShapeText, nil if it has none. Their
// bytes belong to the block. The error is a *DamageError.
func (c *Column) Templates() ([]TextTemplate, error) {
	s := c.open()
	if s.err != nil {
		return nil, s.err
	}
	if r, ok := s.text.(*templateReader); ok {
		return r.apart(), nil
	}
	return nil, nil
}

// apart is the templates taken apart.
func (r *templateReader) apart() []TextTemplate {
	out := make([]TextTemplate, len(r.templates))
	for i := range r.templates {
		t := &r.templates[i]
		o := TextTemplate{Constants: make([][]byte, len(t.pieces)), Variables: make([][]TextPart, len(t.vars))}
		for k := range t.pieces {
			o.Constants[k] = r.piece(t, k)
		}
		for k := range t.vars {
			o.Variables[k] = t.vars[k].parts()
		}
		out[i] = o
	}
	return out
}

// OfTemplates sets the bits of the rows whose text is of a template that is wanted, and
// clears those of the others. want has one more than Templates: whether texts of none
// are. dst has a bit for every row; bits of null rows mean nothing.
func (c *Column) OfTemplates(dst []uint64, want []bool) {
	c.open().text.(*templateReader).mark(dst, want)
}

// TextWindows is TextOf for a part of the texts, which differs by template; windows has
// one for each, and texts of none are empty. templates[row] is the row's. The column is
// one that has Templates.
func (c *Column) TextWindows(sel []uint64, windows []TextWindow, buf *TextBuf) (text Text, templates []uint8, err error) {
	text, err = c.open().text.(*templateReader).unpack(sel, windows, buf)
	if err != nil {
		return Text{}, nil, c.damaged(err)
	}
	return text, buf.templates.ids, nil
}

// wordsMax is the most words of a variable that are told one by one.
const wordsMax = 256

// parts is what is known of all values of a variable.
func (v *variable) parts() []TextPart {
	switch v.kind {
	case varText:
		return nil
	case varCodes:
		if v.codes.entries > wordsMax {
			return nil
		}
		words := make([][]byte, v.codes.entries)
		for i := range words {
			words[i] = v.codes.entryText(i)
		}
		return []TextPart{{Words: words}}
	case varHexID:
		return v.hex.parts()
	}
	a := v.affix
	digits := TextPart{Set: digitsOf(a.base != baseDecimal, a.base == baseHexUpper), Min: max(1, a.digits), Max: a.maxDigits()}
	return []TextPart{constantPart(a.prefix), digits, constantPart(a.suffix)}
}

func constantPart(text []byte) TextPart { return TextPart{Words: [][]byte{text}} }

func digitsOf(hex, upper bool) string {
	switch {
	case !hex:
		return "0123456789"
	case upper:
		return "0123456789ABCDEF"
	}
	return "0123456789abcdef"
}

// parts is the runs of digits, and what is between them.
func (f *hexForm) parts() []TextPart {
	var parts []TextPart
	at := 0
	for _, run := range f.runs {
		n := run.to - run.from
		parts = append(parts, constantPart(f.form[at:run.from]), TextPart{Set: digitsOf(true, f.upper), Min: n, Max: n})
		at = run.to
	}
	return append(parts, constantPart(f.form[at:]))
}
