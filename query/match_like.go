package query

import (
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
	if fold {
		return m, nil
	}
	m.literal = longestLiteral(tokens)
	m.kind = likeShape(tokens)
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

// likeShape names the quick test that decides a pattern with one literal.
func likeShape(tokens []likeToken) matchKind {
	n := len(tokens)
	if n == 1 && tokens[0].kind == likeAny {
		return matchAll
	}
	first, last := n > 0 && tokens[0].kind == likeAny, n > 0 && tokens[n-1].kind == likeAny
	inner := tokens
	if first {
		inner = inner[1:]
	}
	if last {
		inner = inner[:len(inner)-1]
	}
	for _, t := range inner {
		if t.kind != likeRune || t.r == utf8.RuneError {
			return matchLike
		}
	}
	switch {
	case first && last:
		return matchContains
	case first:
		return matchSuffix
	case last:
		return matchPrefix
	}
	return matchEqual
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
