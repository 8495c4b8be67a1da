package query

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokenEnd      tokenKind = iota
	tokenName               // bare or quoted, dots included
	tokenKeyword            // a reserved word; text is in upper case
	tokenNumber             // 42, 1.5e3
	tokenDuration           // 15m, 1h30m
	tokenString             // text is the value
	tokenOp                 // an operator or punctuation
	tokenBad                // begins like a number and is none; only a table may be called so
)

// token is one word of a text. src[start:end] is how it was written.
type token struct {
	kind       tokenKind
	quoted     bool // tokenName: some part stood in double quotes
	call       bool // the bracket behind the name of a function; set by the parser
	text       string
	start, end int
	pos        Pos
}

// describe names a token in an error.
func (t token) describe() string {
	switch t.kind {
	case tokenEnd:
		return "the end of the query"
	case tokenString:
		return "the text '" + clip(t.text) + "'"
	case tokenKeyword:
		return t.text
	default:
		return "`" + clip(t.text) + "`"
	}
}

// clip shortens what is quoted in an error.
func clip(s string) string {
	const runesMax = 40
	if utf8.RuneCountInString(s) <= runesMax {
		return s
	}
	return string([]rune(s)[:runesMax]) + "..."
}

// isReserved tells the words that cannot be bare names.
func isReserved(upper string) bool {
	switch upper {
	case "SELECT", "FROM", "WHERE", "GROUP", "BY", "HAVING", "ORDER", "LIMIT", "OFFSET", "AND", "OR", "NOT", "IN", "IS", "NULL",
		"LIKE", "ILIKE", "BETWEEN", "CASE", "WHEN", "THEN", "ELSE", "END", "CAST", "AS", "DISTINCT", "TRUE", "FALSE":
		return true
	}
	return false
}

// lexer cuts a text into tokens.
type lexer struct {
	src    string
	at     int // byte offset
	pos    Pos // of at
	tokens []token
}

// lex returns the tokens of a text, closed by a tokenEnd.
func lex(src string) ([]token, error) {
	if len(src) > queryBytesMax {
		return nil, errorAt(CodeBadRequest, Pos{}, "the query has %d bytes, at most %d are taken", len(src), queryBytesMax)
	}
	if !utf8.ValidString(src) {
		return nil, errorAt(CodeParse, Pos{}, "the query is not valid UTF-8")
	}
	l := &lexer{src: src, pos: Pos{Line: 1, Column: 1}}
	for {
		if err := l.skipBlank(); err != nil {
			return nil, err
		}
		if l.at == len(src) {
			l.tokens = append(l.tokens, token{kind: tokenEnd, start: l.at, end: l.at, pos: l.pos})
			return l.tokens, nil
		}
		t := token{start: l.at, pos: l.pos}
		if err := l.scan(&t); err != nil {
			return nil, err
		}
		t.end = l.at
		l.tokens = append(l.tokens, t)
	}
}

// peek returns the byte n places on, 0 past the end.
func (l *lexer) peek(n int) byte {
	if l.at+n < len(l.src) {
		return l.src[l.at+n]
	}
	return 0
}

// advance moves over n bytes, which end between code points.
func (l *lexer) advance(n int) {
	for _, r := range l.src[l.at : l.at+n] {
		if r == '\n' {
			l.pos.Line++
			l.pos.Column = 1
		} else {
			l.pos.Column++
		}
	}
	l.at += n
}

// skipBlank moves over white space and comments; /* */ nest as in PostgreSQL.
func (l *lexer) skipBlank() error {
	for l.at < len(l.src) {
		r, size := utf8.DecodeRuneInString(l.src[l.at:])
		switch {
		case unicode.IsSpace(r) || r == '\uFEFF':
			l.advance(size)
		case r == '-' && l.peek(1) == '-':
			n := strings.IndexByte(l.src[l.at:], '\n')
			if n < 0 {
				n = len(l.src) - l.at
			}
			l.advance(n)
		case r == '/' && l.peek(1) == '*':
			if err := l.skipComment(); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return nil
}

func (l *lexer) skipComment() error {
	open := l.pos
	depth := 0
	for i := l.at; i+1 < len(l.src); {
		switch l.src[i : i+2] {
		case "/*":
			depth++
			i += 2
		case "*/":
			depth--
			i += 2
		default:
			i++
		}
		if depth == 0 {
			l.advance(i - l.at)
			return nil
		}
	}
	return errorAt(CodeParse, open, "this comment is not closed").withHint("close it with */")
}

// scan reads one token; blanks are behind it.
func (l *lexer) scan(t *token) error {
	c := l.peek(0)
	switch {
	case c == '\'':
		return l.scanQuoted(t, '\'', tokenString)
	case c == '"':
		return l.scanName(t)
	case isDigit(c) || c == '.' && isDigit(l.peek(1)):
		l.scanNumber(t)
		return nil
	}
	if r, _ := utf8.DecodeRuneInString(l.src[l.at:]); isNameStart(r) {
		return l.scanName(t)
	}
	return l.scanOp(t)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isNameStart(r rune) bool { return r == '_' || r == '@' || unicode.IsLetter(r) }

func isNamePart(r rune) bool {
	return r == '_' || r == '@' || r == '$' || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

// scanQuoted reads 'text' or "name"; a doubled quote stands for one.
func (l *lexer) scanQuoted(t *token, quote byte, kind tokenKind) error {
	open := l.pos
	var b strings.Builder
	for i := l.at + 1; i < len(l.src); i++ {
		if l.src[i] != quote {
			b.WriteByte(l.src[i])
			continue
		}
		if i+1 < len(l.src) && l.src[i+1] == quote {
			b.WriteByte(quote)
			i++
			continue
		}
		l.advance(i + 1 - l.at)
		t.kind, t.text = kind, b.String()
		return nil
	}
	what := "text"
	if kind == tokenName {
		what = "name"
	}
	return errorAt(CodeParse, open, "this %s is not closed", what).withHint("close it with %c", quote)
}

// scanName reads a name of parts joined by dots, each bare or quoted.
func (l *lexer) scanName(t *token) error {
	var parts []string
	for {
		if l.peek(0) == '"' {
			var part token
			if err := l.scanQuoted(&part, '"', tokenName); err != nil {
				return err
			}
			t.quoted = true
			parts = append(parts, part.text)
		} else {
			n := 0
			for _, r := range l.src[l.at:] {
				if !isNamePart(r) {
					break
				}
				n += utf8.RuneLen(r)
			}
			parts = append(parts, l.src[l.at:l.at+n])
			l.advance(n)
		}
		if l.peek(0) != '.' {
			break
		}
		if r, _ := utf8.DecodeRuneInString(l.src[l.at+1:]); l.peek(1) != '"' && (l.at+1 == len(l.src) || !isNamePart(r)) {
			break
		}
		l.advance(1)
	}
	t.kind, t.text = tokenName, strings.Join(parts, ".")
	if t.text == "" {
		return errorAt(CodeParse, t.pos, "a name cannot be empty")
	}
	if upper := strings.ToUpper(t.text); !t.quoted && isReserved(upper) {
		t.kind, t.text = tokenKeyword, upper
	}
	return nil
}

// scanNumber reads a number or, if letters follow it, a duration.
func (l *lexer) scanNumber(t *token) {
	n := numberLen(l.src[l.at:])
	rest := l.src[l.at+n:]
	r, _ := utf8.DecodeRuneInString(rest)
	if rest == "" || !isNamePart(r) {
		t.kind, t.text = tokenNumber, l.src[l.at:l.at+n]
		l.advance(n)
		return
	}
	for _, r := range rest {
		if !isNamePart(r) && r != '.' {
			break
		}
		n += utf8.RuneLen(r)
	}
	t.kind, t.text = tokenDuration, l.src[l.at:l.at+n]
	if _, _, ok := parseDuration(t.text); !ok {
		t.kind = tokenBad
	}
	l.advance(n)
}

func errorBadNumber(t token) *Error {
	return errorAt(CodeParse, t.pos, "`%s` is neither a number nor a duration", clip(t.text)).
		withHint("durations end with one of %s; a name that begins with a digit stands in double quotes", durationUnitNames)
}

// numberLen is the length of the number that s begins with.
func numberLen(s string) int {
	n := digitsLen(s)
	if n < len(s) && s[n] == '.' {
		n += 1 + digitsLen(s[n+1:])
	}
	if n < len(s) && (s[n] == 'e' || s[n] == 'E') {
		sign := 0
		if n+1 < len(s) && (s[n+1] == '+' || s[n+1] == '-') {
			sign = 1
		}
		if digits := digitsLen(s[n+1+sign:]); digits > 0 {
			n += 1 + sign + digits
		}
	}
	return n
}

func digitsLen(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// operatorTexts are the operators and punctuation, longer ones before their beginnings.
const operatorTexts = "!~* ~* !~ :: || == != <> <= >= = < > + - * / % ( ) [ ] , ; ~"

func (l *lexer) scanOp(t *token) error {
	for op := range strings.SplitSeq(operatorTexts, " ") {
		if strings.HasPrefix(l.src[l.at:], op) {
			t.kind, t.text = tokenOp, op
			l.advance(len(op))
			return nil
		}
	}
	r, _ := utf8.DecodeRuneInString(l.src[l.at:])
	err := errorAt(CodeParse, t.pos, "the character %s has no meaning here", quoteRune(r))
	switch r {
	case '`':
		err.Hint = "names stand in double quotes"
	case '‘', '’', '“', '”':
		err.Hint = "text stands in straight quotes: '...'"
	case '!':
		err.Hint = "write NOT, or != for unequal"
	case '&':
		err.Hint = "write AND"
	}
	return err
}

func quoteRune(r rune) string {
	if unicode.IsPrint(r) {
		return string(r)
	}
	return fmt.Sprintf("U+%04X", r)
}
