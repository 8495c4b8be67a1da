package storage

import "bytes"

// Seeking a literal in templates: what is constant and the words of dictionaries say
// which templates can hold it at all. Only their rows need to be unpacked.

// mayContain sets the bits of the rows whose text may contain a literal, which is
// not empty, and clears those of the others. dst has a bit for every row.
func (r *templateReader) mayContain(dst []uint64, literal []byte) {
	var may [templatesMax + 1]bool
	may[len(r.templates)] = true // loose
	for i := range r.templates {
		may[i] = r.templateMayContain(&r.templates[i], literal)
	}
	r.mark(dst, may[:])
}

// mark sets the bits of the rows of the templates that are wanted, the loose ones
// behind the last, and clears those of the others.
func (r *templateReader) mark(dst []uint64, want []bool) {
	if r.width == 0 {
		markAll(dst, r.rows, want[0])
		return
	}
	// The rows of one byte of ids at a time.
	perByte := 8 / r.width
	var table [256]uint8
	for b := range table {
		for i := range perByte {
			if id := b >> (i * r.width) & (1<<r.width - 1); id < len(want) && want[id] {
				table[b] |= 1 << i
			}
		}
	}
	ids := r.ids
	for w := range dst {
		part := ids[:min(8*r.width, len(ids))]
		ids = ids[len(part):]
		m := uint64(0)
		for i, b := range part {
			m |= uint64(table[b]) << (i * perByte & 63)
		}
		dst[w] = m
	}
	if tail := r.rows & 63; tail > 0 {
		dst[len(dst)-1] &= 1<<tail - 1
	}
}

// markAll sets or clears the bits of all rows.
func markAll(dst []uint64, rows int, set bool) {
	clear(dst)
	for row := 0; row < rows && set; row += 64 {
		dst[row>>6] = ^uint64(0) >> max(0, row+64-rows)
	}
}

// A seek follows the matches of a literal through a template: at[n] tells whether
// its first n bytes can end where the walk is.
type seek struct {
	literal []byte
	at      []bool // by bytes matched; 0 is always possible
	next    []bool
}

// templateMayContain walks over pieces and variables. It errs on the side of yes.
func (r *templateReader) templateMayContain(t *template, literal []byte) bool {
	s := seek{literal: literal, at: make([]bool, len(literal)+1), next: make([]bool, len(literal)+1)}
	s.at[0] = true
	for i := range t.pieces {
		if s.piece(r.piece(t, i)) {
			return true
		}
		if i == len(t.vars) {
			break
		}
		v := &t.vars[i]
		switch v.kind {
		case varCodes:
			if s.words(v.codes) {
				return true
			}
		case varText:
			return true
		default:
			if s.digits(v) {
				return true
			}
		}
	}
	return false
}

// piece goes over a constant and reports whether the literal can end in it.
func (s *seek) piece(text []byte) bool {
	if bytes.Contains(text, s.literal) {
		return true
	}
	clear(s.next)
	s.next[0] = true
	found := s.word(text)
	s.at, s.next = s.next, s.at
	return found
}

// word adds to next what can be matched after one text: what began before it and
// what begins in it. It reports whether the literal can end in it.
func (s *seek) word(text []byte) bool {
	for n := len(s.literal) - 1; n > 0; n-- {
		if !s.at[n] {
			continue
		}
		switch rest := s.literal[n:]; {
		case bytes.HasPrefix(text, rest):
			return true
		case bytes.HasPrefix(rest, text):
			s.next[n+len(text)] = true
		}
	}
	for n := 1; n < len(s.literal) && n <= len(text); n++ {
		if bytes.HasSuffix(text, s.literal[:n]) {
			s.next[n] = true
		}
	}
	return false
}

// words goes over a variable that is one of a dictionary.
func (s *seek) words(c *codesReader) bool {
	clear(s.next)
	s.next[0] = true
	for i := range c.entries {
		if text := c.entryText(i); bytes.Contains(text, s.literal) || s.word(text) {
			return true
		}
	}
	s.at, s.next = s.next, s.at
	return false
}

// digits goes over a variable of digits between affixes, of which any may come in
// any order.
func (s *seek) digits(v *variable) bool {
	var set [256]bool
	letters, upper := false, false
	switch v.kind {
	case varHexID:
		letters, upper = true, v.hex.upper
		for _, c := range v.hex.form {
			set[c] = c != 0
		}
	default:
		letters, upper = v.affix.base != baseDecimal, v.affix.base == baseHexUpper
		for _, c := range v.affix.prefix {
			set[c] = true
		}
		for _, c := range v.affix.suffix {
			set[c] = true
		}
	}
	for c := '0'; c <= '9'; c++ {
		set[c] = true
	}
	for c := byte(0); c < 6 && letters; c++ {
		set['a'+c] = !upper || set['a'+c]
		set['A'+c] = upper || set['A'+c]
	}
	// Any number of bytes of the set, but not none: from n matched ones on.
	clear(s.next)
	s.next[0] = true
	reached := false
	for n, c := range s.literal {
		if reached = (reached || s.at[n]) && set[c]; reached {
			if n+1 == len(s.literal) {
				return true
			}
			s.next[n+1] = true
		}
	}
	s.at, s.next = s.next, s.at
	return false
}
