package query

import (
	"slices"
	"strings"
)

// editor changes the text of a query by its tokens, so that all else stays as it
// was typed. It knows clauses only by their first word: what comes of it has to be
// parsed.
type editor struct {
	sql    string
	tokens []token
}

func (t *editor) replace(start, end int, text string) {
	t.sql = t.sql[:start] + text + t.sql[end:]
}

// clauseWords begin the clauses that may stand behind GROUP BY.
var clauseWords = []string{"HAVING", "ORDER", "LIMIT", "OFFSET", "COMPARE", "SAMPLE", "FILL", "WITHIN", "RAW", "TIMEZONE"}

// find returns the first token from at on that is one of the words and stands in no
// brackets and no CASE; the end if there is none.
func (t *editor) find(at int, words ...string) int {
	depth := 0
	for i, token := range t.tokens[at:] {
		switch {
		case token.isOp("("), token.isOp("["), token.isKeyword("CASE"):
			depth++
		case token.isOp(")"), token.isOp("]"), token.isKeyword("END"):
			depth--
		case depth == 0 && (token.kind == tokenKeyword || token.kind == tokenName && !token.quoted) && slices.Contains(words, strings.ToUpper(token.text)),
			depth == 0 && token.isOp(";"):
			return at + i
		}
	}
	return len(t.tokens) - 1
}

// endBefore is where the text in front of a token ends.
func (t *editor) endBefore(at int) int {
	if at == 0 {
		return 0
	}
	return t.tokens[at-1].end
}

// addKey appends to GROUP BY, or makes one.
func (t *editor) addKey(key string) {
	text := " GROUP BY " + key
	from := t.find(0, "GROUP")
	if t.tokens[from].isKeyword("GROUP") {
		text = ", " + key
	} else if from = t.find(0, "FROM"); t.tokens[from].kind == tokenEnd {
		return
	}
	at := t.endBefore(t.find(from+1, append([]string{"SELECT", "WHERE", "FROM"}, clauseWords...)...))
	if text[0] == ' ' { // behind WHERE
		at = t.endBefore(t.find(from+1, clauseWords...))
	}
	t.replace(at, at, text)
}

// moveToHaving takes conditions of WHERE, as many as move has, into HAVING.
func (t *editor) moveToHaving(move []bool) {
	where := t.find(0, "WHERE")
	end := t.find(where+1, append([]string{"SELECT", "GROUP", "FROM"}, clauseWords...)...)
	if where == end {
		return
	}
	var stay, groups []string
	from := where + 1
	for i := range move {
		to := end
		if i < len(move)-1 {
			to = min(t.find(from, "AND"), end)
		}
		if from >= to {
			return
		}
		condition := t.sql[t.tokens[from].start:t.endBefore(to)]
		if move[i] {
			groups = append(groups, condition)
		} else {
			stay = append(stay, condition)
		}
		from = to + 1
	}
	having := " HAVING " + strings.Join(groups, " AND ")
	at := t.find(where+1, clauseWords...)
	if t.tokens[at].isKeyword("HAVING") {
		having = " " + strings.TrimPrefix(having, " HAVING ") + " AND"
		t.replace(t.tokens[at].end, t.tokens[at].end, having)
	} else {
		t.replace(t.endBefore(at), t.endBefore(at), having)
	}
	if len(stay) > 0 {
		t.replace(t.tokens[where+1].start, t.endBefore(end), strings.Join(stay, " AND "))
	} else {
		t.replace(t.endBefore(where), t.endBefore(end), "")
	}
}
