package query

import "bytes"

// A soughtText is a text that is sought in others, by its two bytes that
// are likely to be the rarest.
type soughtText struct {
	text          []byte
	first, second int // places of the two bytes; equal if there is but one
}

func newSought(text []byte) soughtText {
	l := soughtText{text: text}
	for i, c := range text {
		if commonness(c) < commonness(text[l.first]) {
			l.first = i
		}
	}
	l.second = -1
	for i, c := range text {
		if i != l.first && (l.second < 0 || commonness(c) < commonness(text[l.second])) {
			l.second = i
		}
	}
	if l.second < 0 {
		l.second = l.first
	}
	return l
}

// commonness orders bytes by how often they are in log lines, roughly.
func commonness(c byte) int {
	switch {
	case c == ' ', c == 'e':
		return 5
	case bytes.IndexByte([]byte("taoinsr"), c) >= 0, c >= '0' && c <= '9':
		return 4
	case bytes.IndexByte([]byte("dlucm-./"), c) >= 0:
		return 3
	case c >= 'a' && c <= 'z':
		return 2
	case c >= 'A' && c <= 'Z':
		return 1
	}
	return 0
}

// indexPlain is index in plain Go.
func (l *soughtText) indexPlain(text []byte) int { return bytes.Index(text, l.text) }

// Index returns where the literal of the pattern first is in text, or -1. There is
// a literal.
func (m *Matcher) Index(text []byte) int { return m.sought.index(text) }
