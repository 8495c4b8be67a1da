package query

import (
	"bytes"
	"encoding/binary"
	"errors"
	"unicode"
	"unicode/utf8"
)

// likeToken is one code point of a pattern, or a wildcard.
type likeToken struct {
	kind likeKind
	r    rune // likeRune; folded if the pattern folds
}

type likeKind uint8

const (
	likeRune likeKind = iota
	likeOne           // _
	likeAny           // %
)

// CompileLike compiles a LIKE pattern: % is any text, _ one code point, and
// escape takes the next one as it is (0: there is no escape). fold makes it
// ILIKE: both sides in lower case by Unicode's simple mapping.
func CompileLike(pattern string, escape rune, fold bool) (*Matcher, error) {
	tokens, err := likeTokens(pattern, escape, fold)
	if err != nil {
		return nil, err
	}
	m := &Matcher{kind: matchLike, like: tokens, fold: fold}
	m.parts = likeParts(tokens)
	switch {
	case !fold:
		m.literal = longestLiteral(tokens)
		m.sought = newSought(m.literal)
		m.kind = likeShape(m.parts)
	case len(m.parts) == 3 && len(m.parts[0])+len(m.parts[2]) == 0 && isASCII(m.parts[1]):
		m.kind, m.parts = matchFolded, m.parts[1:2]
	}
	return m, nil
}

func likeTokens(pattern string, escape rune, fold bool) ([]likeToken, error) {
	var tokens []likeToken
	for i := 0; i < len(pattern); {
		r, size := utf8.DecodeRuneInString(pattern[i:])
		i += size
		switch {
		case r == escape && escape != 0:
			if i == len(pattern) {
				return nil, errors.New("the pattern ends with its escape character; double it to mean the character itself")
			}
			r, size = utf8.DecodeRuneInString(pattern[i:])
			i += size
		case r == '%':
			if len(tokens) == 0 || tokens[len(tokens)-1].kind != likeAny {
				tokens = append(tokens, likeToken{kind: likeAny})
			}
			continue
		case r == '_':
			tokens = append(tokens, likeToken{kind: likeOne})
			continue
		}
		if fold {
			r = unicode.ToLower(r)
		}
		tokens = append(tokens, likeToken{r: r})
	}
	return tokens, nil
}

// likeParts splits a pattern at its %s; nil if it has a _, or a U+FFFD, which
// also stands for any byte that is not UTF-8.
func likeParts(tokens []likeToken) [][]byte {
	parts := [][]byte{nil}
	for _, t := range tokens {
		last := len(parts) - 1
		switch {
		case t.kind == likeAny:
			parts = append(parts, nil)
		case t.kind == likeOne || t.r == utf8.RuneError:
			return nil
		default:
			parts[last] = utf8.AppendRune(parts[last], t.r)
		}
	}
	return parts
}

// likeShape names the quick test that decides a pattern of these parts.
func likeShape(parts [][]byte) matchKind {
	n := len(parts)
	switch {
	case n == 0:
		return matchLike
	case n == 1:
		return matchEqual
	case n == 2 && len(parts[0])+len(parts[1]) == 0:
		return matchAll
	case n == 2 && len(parts[0]) == 0:
		return matchSuffix
	case n == 2 && len(parts[1]) == 0:
		return matchPrefix
	case n == 3 && len(parts[0])+len(parts[2]) == 0:
		return matchContains
	}
	return matchParts
}

// matchInOrder: the first part at the begin, the last at the end, the others in
// order between, each as early as it can be.
func matchInOrder(parts [][]byte, text []byte) bool {
	first, last := parts[0], parts[len(parts)-1]
	if len(text) < len(first)+len(last) || !bytes.HasPrefix(text, first) || !bytes.HasSuffix(text, last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		at := bytes.Index(text, part)
		if at < 0 {
			return false
		}
		text = text[at+len(part):]
	}
	return true
}

func isASCII(text []byte) bool {
	for ; len(text) >= 8; text = text[8:] {
		if binary.LittleEndian.Uint64(text)&0x8080808080808080 != 0 {
			return false
		}
	}
	for _, c := range text {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// containsFolded tells whether ASCII text contains lower, an ASCII text in lower
// case, in any case.
func containsFolded(text, lower []byte) bool {
	first := lower[0]
	for i := 0; i+len(lower) <= len(text); i++ {
		if lowerASCII(text[i]) == first && equalFolded(text[i+1:i+len(lower)], lower[1:]) {
			return true
		}
	}
	return false
}

func equalFolded(text, lower []byte) bool {
	for i, c := range text {
		if lowerASCII(c) != lower[i] {
			return false
		}
	}
	return true
}

func lowerASCII(c byte) byte {
	if c-'A' <= 'Z'-'A' {
		c |= 0x20
	}
	return c
}

// longestLiteral returns the longest run of code points between wildcards. A
// U+FFFD also stands for any byte that is not UTF-8, so it ends a run.
func longestLiteral(tokens []likeToken) []byte {
	var best, run []byte
	for _, t := range tokens {
		if t.kind == likeRune && t.r != utf8.RuneError {
			run = utf8.AppendRune(run, t.r)
			if len(run) > len(best) {
				best = run
			}
			continue
		}
		run = nil
	}
	return best
}

// matchLikeTokens matches greedily: a % is tried at the nearest place first,
// and only the last % seen is ever moved on, which is enough because what lies
// before it has matched as early as it can.
func matchLikeTokens(tokens []likeToken, text []byte, fold bool) bool {
	p, i := 0, 0
	retryToken, retryText := -1, 0
	for i < len(text) {
		if p < len(tokens) && tokens[p].kind == likeAny {
			retryToken, retryText = p, i
			p++
			continue
		}
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(text[i:])
		}
		if p < len(tokens) && (tokens[p].kind == likeOne || tokens[p].r == foldRune(r, fold)) {
			p++
			i += size
			continue
		}
		if retryToken < 0 {
			return false
		}
		_, size = utf8.DecodeRune(text[retryText:])
		retryText += size
		p, i = retryToken+1, retryText
	}
	for p < len(tokens) && tokens[p].kind == likeAny {
		p++
	}
	return p == len(tokens)
}

func foldRune(r rune, fold bool) rune {
	if fold {
		return unicode.ToLower(r)
	}
	return r
}
