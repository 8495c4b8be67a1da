package ingest

import (
	"bytes"
	"encoding/json"
)

// mixed takes a line by the first format whose shape it has; one of no format
// is plain. dst is what the object is appended to.
func (p *LineParser) mixed(dst, line []byte) {
	for _, f := range linesByShape {
		if f == LineLogfmt && !isPairs(line) {
			continue
		}
		p.begin(dst)
		if p.parse(f, line) {
			return
		}
	}
	p.begin(dst)
	p.plain(line)
}

// isPairs tells whether a line is surely logfmt by itself, without others that
// look alike: it starts with name=, and the name could be a field's. What
// logfmt takes besides (bare words) is prose as often as not.
func isPairs(line []byte) bool {
	for rest := bytes.TrimLeft(line, " \t"); len(rest) > 0; rest = bytes.TrimLeft(rest, " \t") {
		n := 0
		for n < len(rest) && isNameByte(rest[n]) {
			n++
		}
		if n == 0 || isDigit(rest[0]) || n+1 >= len(rest) || rest[n] != '=' || rest[n+1] == '=' {
			return false
		}
		rest = rest[n+1:]
		if rest[0] == '"' {
			if rest = behindQuotes(rest); rest == nil {
				return false
			}
			continue
		}
		end := bytes.IndexAny(rest, " \t")
		if end < 0 {
			return true
		}
		rest = rest[end:]
	}
	return true
}

// behindQuotes returns what follows the quoted text at the start, nil if it
// does not end or more than a blank follows.
func behindQuotes(text []byte) []byte {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			if rest := text[i+1:]; len(rest) == 0 || rest[0] == ' ' || rest[0] == '\t' {
				return rest
			}
			return nil
		}
	}
	return nil
}

func isNameByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || isDigit(c) || c == '_' || c == '.' || c == '-' || c == '@' || c == '/'
}

// isObject tells whether a line is one whole object of JSON.
func isObject(line []byte) bool {
	line = bytes.TrimSpace(line)
	return len(line) > 1 && line[0] == '{' && line[len(line)-1] == '}' && json.Valid(line)
}

// beginsObject tells whether a text starts as an object of JSON does: with a
// brace, and a name or the end behind it. A sample may be cut off there.
func beginsObject(text []byte) bool {
	text = bytes.TrimLeft(text, " \t\r\n")
	if len(text) == 0 || text[0] != '{' {
		return false
	}
	text = bytes.TrimLeft(text[1:], " \t\r\n")
	return len(text) == 0 || text[0] == '"' || text[0] == '}'
}
