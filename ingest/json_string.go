package ingest

import (
	"unicode/utf16"
	"unicode/utf8"
)

// text reads a string whose opening quote stands before i. j is where the
// plain bytes end. The text is in the buffer or in p.scratch; end is behind
// the closing quote, or -1.
func (p *jsonRows) text(i, j int) (text []byte, end int) {
	buf, wide := p.buf, false
	for {
		switch c := buf[j]; {
		case c == '"':
			text = buf[i:j]
			if wide {
				text = p.valid(text)
			}
			return text, j + 1
		case c == '\\':
			return p.textEscaped(i, j, wide)
		case c < ' ':
			return nil, p.failControl(j)
		default:
			// Beyond ASCII: on to the next byte that is below.
			wide = true
			for j++; buf[j] >= utf8.RuneSelf; j++ {
			}
			j = p.plainEnd(j)
		}
	}
}

// failControl fails at a byte that may not stand in a string.
func (p *jsonRows) failControl(at int) int {
	if p.buf[at] == '\n' || p.buf[at] == '\r' {
		return p.fail(failString, at)
	}
	return p.fail(failControl, at)
}

// valid returns text, repaired if it is not UTF-8.
func (p *jsonRows) valid(text []byte) []byte {
	if utf8.Valid(text) {
		return text
	}
	p.c.warnText(warnUTF8)
	p.repaired = appendValid(p.repaired[:0], text)
	return p.repaired
}

// appendValid appends text with each byte that is not UTF-8 as U+FFFD.
func appendValid(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		dst = utf8.AppendRune(dst, r)
		i += n
	}
	return dst
}

// textEscaped is text for strings with a backslash, the first at j.
func (p *jsonRows) textEscaped(i, j int, wide bool) (text []byte, end int) {
	buf, out := p.buf, p.scratch[:0]
	for {
		out = append(out, buf[i:j]...)
		switch c := buf[j]; {
		case c == '"':
			p.scratch = out
			if wide {
				out = p.valid(out)
			}
			return out, j + 1
		case c >= utf8.RuneSelf:
			wide = true
			i = j
			for j++; buf[j] >= utf8.RuneSelf; j++ {
			}
			j = p.plainEnd(j)
			continue
		case c < ' ':
			p.scratch = out
			return nil, p.failControl(j)
		}
		if out, i = p.escape(out, j); i < 0 {
			p.scratch = out
			return nil, -1
		}
		j = p.plainEnd(i)
	}
}

// escape appends what the backslash at buf[j] and the bytes behind it mean,
// and returns where they end, or -1.
func (p *jsonRows) escape(out []byte, j int) ([]byte, int) {
	buf := p.buf
	switch c := buf[j+1]; c {
	case '"', '\\', '/':
		return append(out, c), j + 2
	case 'b':
		return append(out, '\b'), j + 2
	case 'f':
		return append(out, '\f'), j + 2
	case 'n':
		return append(out, '\n'), j + 2
	case 'r':
		return append(out, '\r'), j + 2
	case 't':
		return append(out, '\t'), j + 2
	case 'u':
	default:
		return out, p.fail(failEscape, j+1)
	}
	r, bad := hex4(buf, j+2)
	if bad >= 0 {
		return out, p.fail(failEscape, bad)
	}
	j += 6
	if utf16.IsSurrogate(r) {
		if j+1 >= p.w.end {
			return out, p.fail(failEnd, p.w.end) // its other half may still come
		}
		if buf[j] == '\\' && buf[j+1] == 'u' {
			low, bad := hex4(buf, j+2)
			if bad >= 0 {
				return out, p.fail(failEscape, bad)
			}
			if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
				return utf8.AppendRune(out, both), j + 6
			}
		}
		p.c.warnText(warnSurrogate)
		r = utf8.RuneError
	}
	return utf8.AppendRune(out, r), j
}

// hex4 reads four hexadecimal digits. bad is the index of what is none, or -1.
func hex4(buf []byte, i int) (r rune, bad int) {
	for k := i; k < i+4; k++ {
		c := buf[k]
		switch {
		case isDigit(c):
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, k
		}
		r = r<<4 | rune(c)
	}
	return r, -1
}
