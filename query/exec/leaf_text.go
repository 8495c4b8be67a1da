package exec

import (
	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// textTest is a condition on texts that needs no values.
type textTest uint8

const (
	textOther textTest = iota
	textMatch          // LIKE or a regular expression
	textEqual          // = or <> a constant
)

// textTest says what the leaf asks of a column of texts.
func (l *leaf) textTest() textTest {
	b := l.expr
	if len(b.Args) == 0 || b.Args[0].Op != query.OpColumn {
		return textOther
	}
	switch b.Op {
	case query.OpLike, query.OpRegex:
		if b.Match != nil {
			return textMatch
		}
	case query.OpEq, query.OpNe:
		// A column of one type is compared as it is stored.
		if b.Args[0].Type == storage.TypeString && b.Args[1].Op == query.OpConst &&
			b.Args[1].Const.Type == storage.TypeString {
			return textEqual
		}
	}
	return textOther
}

// restrictText takes the rows that do not pass out of sel, where no row is null.
func (l *leaf) restrictText(v *blockView, c *storedColumn, sel bitmap) error {
	mask := v.bitmap(v.rows)
	found := l.want
	var err error
	if l.textTest() == textEqual {
		err = maskEqual(v, c, mask, sel, []byte(l.expr.Args[1].Const.Str))
		found = found == (l.expr.Op == query.OpEq)
	} else {
		err = maskMatch(v, c, mask, sel, l.expr.Match)
	}
	if err != nil {
		return err
	}
	if found {
		sel.and(mask)
	} else {
		sel.andNot(mask)
	}
	return nil
}

// maskEqual sets the rows of sel whose text is want; other rows get any bit.
func maskEqual(v *blockView, c *storedColumn, dst, sel bitmap, want []byte) error {
	v.touch(c)
	if ok, err := c.EqualText(dst, want); ok || err != nil {
		return err
	}
	text, err := v.loadText(c, sel)
	if err != nil {
		return err
	}
	maskTextEqual(dst, text, sel, want)
	return nil
}

// maskMatch sets the rows of sel that match.
func maskMatch(v *blockView, c *storedColumn, dst, sel bitmap, m *query.Matcher) error {
	open, err := maskTemplates(v, c, dst, sel, m)
	if err != nil || open.empty() {
		return err
	}
	return maskMatchTexts(v, c, dst, open, m)
}

// maskMatchTexts is maskMatch by the texts themselves. Where the column tells which rows can
// hold what every match contains, the others are not unpacked.
func maskMatchTexts(v *blockView, c *storedColumn, dst, sel bitmap, m *query.Matcher) error {
	if literal := m.Literal(); len(literal) > 0 {
		may := bitmap(v.u64.take(len(sel)))
		ok, err := c.MayContain(may, literal)
		switch {
		case err != nil:
			return err
		case ok:
			may.and(sel)
			sel = may
		}
	}
	if sel.empty() {
		return nil
	}
	text, err := v.loadText(c, sel)
	if err != nil {
		return err
	}
	return maskTextMatch(v, dst, text, sel, m)
}

// maskTextEqual sets the rows of sel whose text is want.
func maskTextEqual(dst bitmap, text storage.Text, sel bitmap, want []byte) {
	forEach(sel, func(row int) {
		if at := text.At(row); len(at) == len(want) && string(at) == string(want) {
			dst.set(row)
		}
	})
}

// maskTextMatch sets the rows of sel that match. If every match contains a
// literal, that is sought through all texts at once, and only the rows around it
// are looked at.
func maskTextMatch(v *blockView, dst bitmap, text storage.Text, sel bitmap, m *query.Matcher) error {
	if literal := m.Literal(); len(literal) > 0 && text.Starts == nil {
		maskTextLiteral(dst, text, sel, m, literal)
		return nil
	}
	rows := 0
	expired := false
	scan := m.Scanner()
	defer scan.Close()
	forEach(sel, func(row int) {
		if rows++; rows%pollRows == 0 && !expired {
			expired = v.expired()
		}
		if !expired && scan.Match(text.At(row)) {
			dst.set(row)
		}
	})
	if expired {
		return errExpired
	}
	return nil
}

func maskTextLiteral(dst bitmap, text storage.Text, sel bitmap, m *query.Matcher, literal []byte) {
	row := 0
	scan := m.Scanner()
	defer scan.Close()
	for at := 0; ; {
		next := m.Index(text.Bytes[at:])
		if next < 0 {
			return
		}
		at += next
		for int(text.Ends[row]) <= at {
			row++
		}
		end := int(text.Ends[row])
		if at+len(literal) > end {
			at++ // over the border of two rows
			continue
		}
		if sel.has(row) {
			if line := text.At(row); scan.MatchFrom(line, len(line)-(end-at)) {
				dst.set(row)
			}
		}
		at = end
	}
}

// forEach calls f for each selected row, ascending.
func forEach(sel bitmap, f func(row int)) {
	for i, w := range sel {
		for ; w != 0; w &= w - 1 {
			f(i<<6 + trailingZeros(w))
		}
	}
}
