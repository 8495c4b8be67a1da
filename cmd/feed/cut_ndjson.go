package feed

import (
	"bytes"
	"encoding/json"
)

// ndjsonCutter cuts what was taken for NDJSON because most of it looked so.
// It cuts behind lines, but not within an object or array that goes on over
// several, and notes the lines that no row can begin with: those are plain
// ones. Everything else, broken rows too, is for the server to judge.
type ndjsonCutter struct {
	plain
	looked int    // how far buf was looked at: the start of a line
	end    int    // behind the last whole row
	loose  []span // lines that are no JSON, before looked

	open   []byte // brackets that are open at looked, outermost first
	before byte   // the last byte of JSON before looked, when something is open
}

// span is a part of a buffer.
type span struct{ from, to int }

func (c *ndjsonCutter) cut(buf []byte, final bool) int {
	for c.looked < len(buf) {
		i := bytes.IndexByte(buf[c.looked:], '\n')
		if i < 0 && !final {
			break
		}
		next := c.looked + i + 1
		if i < 0 {
			next = len(buf)
		}
		c.line(buf[c.looked:next])
		c.looked = next
		if len(c.open) == 0 {
			c.end = next
		}
	}
	if len(c.open) > 0 && len(buf)-c.end > rowBytesMax {
		c.open, c.end = c.open[:0], c.looked // longer than the server would read
	}
	n := c.end
	if final {
		n = len(buf)
	}
	c.looked -= n
	c.end = 0
	return n
}

// take returns the loose lines of what was cut off last. None stand behind it:
// a loose line is outside of any row, so one can cut behind it.
func (c *ndjsonCutter) take() []span {
	taken := c.loose
	c.loose = nil
	return taken
}

// line looks at one line, which starts at looked.
func (c *ndjsonCutter) line(line []byte) {
	text := bytes.TrimSpace(line)
	if len(c.open) > 0 && !c.goesOn(line, text) {
		c.open = c.open[:0] // a row that was broken off
	}
	if len(c.open) == 0 && !beginsRow(text) {
		if len(text) > 0 {
			c.loose = append(c.loose, span{c.looked, c.looked + len(line)})
		}
		return
	}
	c.scan(line)
}

// beginsRow tells whether a line outside of any row may begin one, or an array
// of them, or be JSON that the server has its own words about.
func beginsRow(text []byte) bool {
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))
	if len(text) == 0 || text[0] == '{' {
		return true
	}
	if text[0] != '[' {
		return false
	}
	rest := bytes.TrimLeft(text[1:], " \t")
	return len(rest) == 0 || rest[0] == '{' || rest[0] == ']' || json.Valid(text) // not: [info] it works
}

// goesOn tells whether a line may be within what is open. Where it is broken,
// lines that look like its rest belong to it all the same, as for the server.
func (c *ndjsonCutter) goesOn(line, text []byte) bool {
	if len(text) == 0 {
		return true
	}
	inArray := c.open[len(c.open)-1] == '['
	wantsValue := c.before == ':' || inArray && (c.before == '[' || c.before == ',')
	switch text[0] {
	case '"', ',', '}', ']':
		return true
	case ':':
		return c.before == '"' && !inArray
	case '{', '[':
		return wantsValue
	}
	if !wantsValue {
		return false
	}
	end := bytes.IndexAny(text, ",]} \t")
	if end < 0 {
		end = len(text)
	}
	return json.Valid(text[:end])
}

// scan follows the brackets of a line. A string cannot go on behind it: then
// the row is broken, and the next line is another.
func (c *ndjsonCutter) scan(line []byte) {
	quoted, escaped := false, false
	for _, b := range line {
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped = b == '\\'
			quoted = b != '"'
		case b == ' ' || b == '\t' || b == '\r' || b == '\n':
			continue
		case b == '"':
			quoted = true
		case b == '{' || b == '[':
			c.open = append(c.open, b)
		case (b == '}' || b == ']') && len(c.open) > 0:
			c.open = c.open[:len(c.open)-1]
		}
		c.before = b
	}
	if quoted {
		c.open = c.open[:0]
	}
}
