package ingest

import (
	"bytes"
	"time"
)

// begin starts an object behind what dst holds.
func (p *LineParser) begin(dst []byte) { p.out = append(dst, '{') }

// name appends what goes before a value.
func (p *LineParser) name(name []byte) {
	if p.out[len(p.out)-1] != '{' {
		p.out = append(p.out, ',')
	}
	p.out = append(appendJSONString(p.out, name), ':')
}

// set appends a field of text. An empty one is left out.
func (p *LineParser) set(name string, text []byte) {
	if len(text) > 0 {
		p.name([]byte(name))
		p.out = appendJSONString(p.out, text)
	}
}

// setDashed is set for formats that write a dash for nothing.
func (p *LineParser) setDashed(name string, text []byte) {
	if string(text) != "-" {
		p.set(name, text)
	}
}

// setTyped appends a field whose type is that of its text: a number, a bool, or
// text.
func (p *LineParser) setTyped(name, text []byte) {
	p.name(name)
	if p.isNumber(text) || string(text) == "true" || string(text) == "false" {
		p.out = append(p.out, text...)
	} else {
		p.out = appendJSONString(p.out, text)
	}
}

// setNumber appends a number if the text is one, else the text, but for a dash.
func (p *LineParser) setNumber(name string, text []byte) {
	if len(text) > 0 && string(text) != "-" {
		p.setTyped([]byte(name), text)
	}
}

// setTime appends the time.
func (p *LineParser) setTime(ns int64) {
	p.out = append(p.out, `"time":"`...)
	p.out = append(time.Unix(0, ns).UTC().AppendFormat(p.out, time.RFC3339Nano), '"')
}

// isNumber tells whether a text is a number of JSON that survives being one: an
// integer past int64 would lose digits.
func (p *LineParser) isNumber(text []byte) bool {
	if len(text) == 0 || len(text) > 40 || text[0] != '-' && !isDigit(text[0]) {
		return false
	}
	p.scratch = append(append(p.scratch[:0], text...), 0)
	n, end, _, bad := scanNumber(p.scratch, 0)
	return end == len(text) && !bad && (!n.float || bytes.ContainsAny(text, ".eE"))
}

// token returns the text up to the next blank, and what follows the blanks.
func token(text []byte) (word, rest []byte) {
	i := bytes.IndexByte(text, ' ')
	if i < 0 {
		return text, nil
	}
	return text[:i], bytes.TrimLeft(text[i:], " ")
}

// bracketed returns what stands between the bracket at the start of the text
// and the next closing one, and what follows.
func bracketed(text []byte, open, closing byte) (inside, rest []byte, ok bool) {
	if len(text) == 0 || text[0] != open {
		return nil, nil, false
	}
	i := bytes.IndexByte(text, closing)
	if i < 0 {
		return nil, nil, false
	}
	return text[1:i], bytes.TrimLeft(text[i+1:], " "), true
}

// quotedToken returns what stands between the quote at the start of the text
// and the next that no backslash precedes, without the backslashes before
// quotes and backslashes, and what follows.
func (p *LineParser) quotedToken(text []byte) (inside, rest []byte, ok bool) {
	if len(text) == 0 || text[0] != '"' {
		return nil, nil, false
	}
	escaped := false
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			escaped = true
			i++
		case '"':
			inside = text[1:i]
			if escaped {
				inside = unescape(inside)
			}
			return inside, bytes.TrimLeft(text[i+1:], " "), true
		}
	}
	return nil, nil, false
}

// unescape drops the backslashes before quotes and backslashes. Others (\x16 of
// nginx) stay: they stand for bytes that are not text.
func unescape(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\') {
			i++
		}
		out = append(out, text[i])
	}
	return out
}
