package query

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Codes of an Error; the public error codes of the same names.
const (
	CodeParse           = "parse_error"
	CodeType            = "type_error"
	CodeUnknownFunction = "unknown_function"
	CodeBadRequest      = "bad_request"
)

// Error is what is wrong with a query: which kind of mistake, where, and what
// to write instead. Pos is zero if no place in the text is to blame.
type Error struct {
	Code    string
	Message string
	Pos     Pos
	Hint    string // what to write instead: with the corrected query, where it is known

	fix correction
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Message)
	if e.Pos.Line > 0 {
		fmt.Fprintf(&b, " (line %d, column %d)", e.Pos.Line, e.Pos.Column)
	}
	if e.Hint != "" {
		b.WriteString("; ")
		b.WriteString(e.Hint)
	}
	return b.String()
}

func errorAt(code string, pos Pos, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Pos: pos}
}

func (e *Error) withHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// didYouMean returns "did you mean `x`?" for the candidate nearest to a name,
// or "" if none is near.
func didYouMean(name string, candidates []string) string {
	if near, ok := nearestName(name, candidates); ok {
		return "did you mean `" + near + "`?"
	}
	return ""
}

// nearestName finds the candidate within a third of the name's length in edits,
// letter case apart; the first of equals. Of one or two letters everything is near.
func nearestName(name string, candidates []string) (string, bool) {
	folded := strings.ToLower(name)
	best, bestEdits := "", 1+utf8.RuneCountInString(name)/3
	for _, c := range candidates {
		if c == name {
			continue
		}
		if d := editDistance(folded, strings.ToLower(c), bestEdits); d < bestEdits {
			best, bestEdits = c, d
		}
	}
	return best, best != ""
}

// editDistance counts insertions, deletions, replacements and swaps of
// neighbours between two words; results of limit and more are not exact.
func editDistance(a, b string, limit int) int {
	x, y := []rune(a), []rune(b)
	if d := len(x) - len(y); d >= limit || -d >= limit || len(x) > nearNameRunesMax || len(y) > nearNameRunesMax {
		return limit
	}
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}
