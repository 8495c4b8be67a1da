package query

import (
	"errors"
	"strings"
)

// correction is how the text of a query might be put right.
type correction struct {
	word      string // in the place of the token that the error points at
	key       string // one more key in GROUP BY
	groupOnly []bool // which of the conditions in WHERE belong into HAVING
}

func (c correction) none() bool { return c.word == "" && c.key == "" && c.groupOnly == nil }

// correct adds the corrected query to the hint of an error, if it is known and
// holds: check must take it, perhaps after further corrections.
func correct(sql string, err error, check func(sql string) error) error {
	var first *Error
	if !errors.As(err, &first) || first.fix.none() {
		return err
	}
	better, e := sql, first
	for range correctionsMax {
		better = e.fix.of(better, e.Pos)
		if better == "" || len(better) > correctedBytesMax {
			return err
		}
		failed := check(better)
		if failed == nil {
			told := *first
			if told.Hint != "" && !strings.HasSuffix(told.Hint, "?") {
				told.Hint += ":"
			}
			told.Hint = strings.TrimSpace(told.Hint + " " + better)
			return &told
		}
		if e = nil; !errors.As(failed, &e) {
			return err
		}
	}
	return err
}

// of is the corrected text; "" if there is none. Whether it holds is not known.
func (c correction) of(sql string, at Pos) string {
	tokens, err := lex(sql)
	if err != nil || c.none() {
		return ""
	}
	t := &editor{sql: sql, tokens: tokens}
	switch {
	case c.key != "":
		t.addKey(c.key)
	case c.groupOnly != nil:
		t.moveToHaving(c.groupOnly)
	default:
		for _, token := range tokens {
			if token.pos == at && token.kind != tokenEnd {
				t.replace(token.start, token.end, c.word)
			}
		}
	}
	return strings.TrimSpace(t.sql)
}

// suggest proposes the candidate nearest to a name in the place of the token that
// the error points at.
func (e *Error) suggest(name string, candidates []string) *Error {
	if near, ok := nearestName(name, candidates); ok {
		e.Hint, e.fix.word = "did you mean `"+near+"`?", near
	}
	return e
}

// mustGroup names the output that an error is about as one more key.
func (b *binder) mustGroup(item boundItem, err error) error {
	var e *Error
	if !item.agg && errors.As(err, &e) && !b.sel.GroupAll {
		e.fix.key = item.name
		if item.alias {
			e.fix.key = writtenName(item.name)
		}
	}
	return err
}

// writtenName is a name as one types it: in quotes only if it has to be.
func writtenName(name string) string {
	tokens, err := lex(name)
	if err == nil && len(tokens) == 2 && tokens[0].kind == tokenName && !tokens[0].quoted && tokens[0].text == name {
		return name
	}
	return QuoteName(name)
}

// inHaving tells which conditions of WHERE have an aggregate.
func (b *binder) inHaving() []bool {
	conditions := []Expr{b.sel.Where}
	if and, ok := b.sel.Where.(*Logic); ok && !and.Or {
		conditions = and.Args
	}
	groups := make([]bool, len(conditions))
	for i, c := range conditions {
		fresh := &binder{q: b.q, sel: b.sel, plan: &Plan{}, columns: map[string]int{}, warned: map[string]bool{}, over: map[*Bound]*Bound{}}
		bound, err := fresh.condition(c, scope{place: "HAVING", aggs: true})
		groups[i] = err == nil && hasAgg(bound)
	}
	return groups
}
