package query

import (
	"bytes"
	"regexp"
	"regexp/syntax"
	"unsafe"
)

// Matcher tells whether text matches a constant pattern: LIKE, ILIKE or a
// regular expression. What it tells never changes, and it is used
// concurrently.
type Matcher struct {
	kind    matchKind
	literal []byte     // every match contains it; nil: nothing is known
	sought  soughtText // the same
	like    []likeToken
	parts   [][]byte // between the %s of a pattern; the first and last may be empty
	fold    bool
	re      *regexp.Regexp
	prog    *syntax.Prog // of re; nil: it is too large for an automaton
	begins  bool         // every match of re begins with the literal
	kept    scanners
	walks   scanners // of Walkers
}

type matchKind uint8

const (
	matchAll      matchKind = iota
	matchEqual              // text is the literal
	matchPrefix             // text begins with it
	matchSuffix             // text ends with it
	matchContains           // text contains it
	matchParts              // text has parts in order, the first and last at its ends
	matchFolded             // text contains parts[0], an ASCII text, in any case
	matchLike               // like, by code point
	matchRegex              // re, after the literal was found
)

// Match tells whether the text matches.
func (m *Matcher) Match(text []byte) bool {
	switch m.kind {
	case matchAll:
		return true
	case matchEqual:
		return bytes.Equal(text, m.literal)
	case matchPrefix:
		return bytes.HasPrefix(text, m.literal)
	case matchSuffix:
		return bytes.HasSuffix(text, m.literal)
	case matchContains:
		return bytes.Contains(text, m.literal)
	}
	if len(m.literal) > 0 && !bytes.Contains(text, m.literal) {
		return false
	}
	switch m.kind {
	case matchParts:
		return matchInOrder(m.parts, text)
	case matchFolded:
		if isASCII(text) {
			return containsFolded(text, m.parts[0])
		}
		return matchLikeTokens(m.like, text, true) // K, the Kelvin sign, folds to k
	case matchLike:
		return matchLikeTokens(m.like, text, m.fold)
	}
	return m.re.Match(text)
}

// MatchString is Match for a string.
func (m *Matcher) MatchString(text string) bool {
	// Match only reads, so the string's bytes may be lent to it.
	return m.Match(unsafe.Slice(unsafe.StringData(text), len(text)))
}

// Literal is a substring that every match contains; nil if none is known. The
// caller must not change it.
func (m *Matcher) Literal() []byte {
	return m.literal
}
