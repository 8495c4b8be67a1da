package ingest

import (
	"bytes"
	"context"
)

// resync moves pos from the start of a bad row to where reading can go on, by
// the rules of doc.go, and drops what it passes: a row may be longer than the
// memory. It returns whether such a place came before the end of the body.
func (p *jsonRows) resync(ctx context.Context) (reached bool, err error) {
	s := resync{inArray: p.inArray, inObject: p.buf[p.w.pos] == '{'}
	if !s.inObject && !s.inArray {
		return p.nextLine(ctx)
	}
	for {
		w := p.w
		n, done := s.scan(w.rest())
		w.pos += n
		if done {
			p.behind = s.inArray && !s.lineEnd
			return true, nil
		}
		if w.eof {
			return false, nil
		}
		if err := p.more(ctx); err != nil {
			return false, err
		}
	}
}

// nextLine moves pos behind the next newline. The end of the body ends a line.
func (p *jsonRows) nextLine(ctx context.Context) (reached bool, err error) {
	for {
		w := p.w
		if n := bytes.IndexByte(w.rest(), '\n'); n >= 0 {
			w.pos += n + 1
			return true, nil
		}
		w.pos = w.end
		if w.eof {
			return true, nil
		}
		if err := p.more(ctx); err != nil {
			return false, err
		}
	}
}

// resync is the state of the search for the end of a bad row.
type resync struct {
	inArray  bool // the row is an element of an array
	inObject bool // the row started with a brace
	depth    int  // of open braces and brackets
	inString bool
	escaped  bool // in a string, behind a backslash
	newline  bool // behind a newline
	lineEnd  bool // what ended the search was a newline
}

// scan takes bytes until reading can go on behind them.
func (s *resync) scan(data []byte) (n int, done bool) {
	for n, c := range data {
		if s.newline {
			s.newline = false
			if !continues(c) {
				s.lineEnd = true
				return n, true
			}
		}
		if s.inString {
			switch {
			case c == '\n':
				s.lineEnd = true
				return n + 1, true
			case s.escaped:
				s.escaped = false
			case c == '\\':
				s.escaped = true
			case c == '"':
				s.inString = false
			}
			continue
		}
		switch c {
		case '"':
			s.inString = true
		case '\n':
			s.newline = true
		case '{', '[':
			s.depth++
		case '}', ']':
			if s.depth == 0 {
				if c == ']' {
					return n, true // the end of the array of rows
				}
				continue
			}
			if s.depth--; s.depth == 0 && s.inObject {
				return n + 1, true
			}
		case ',':
			if s.depth == 0 {
				return n, true
			}
		}
	}
	return len(data), false
}

// continues tells whether a line that starts with c looks like the rest of an
// object that was begun on a line before.
func continues(c byte) bool {
	switch c {
	case ' ', '\t', '\r', '\n', '"', ',', '}', ']':
		return true
	}
	return false
}
