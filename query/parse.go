package query

import (
	"strconv"
	"strings"
	"time"
)

// Parse reads one statement. Errors are *Error with the place of the token
// that does not fit.
func Parse(sql string) (Statement, error) {
	stmt, err := parse(sql)
	if err != nil {
		return nil, correct(sql, err, func(sql string) error {
			_, err := parse(sql)
			return err
		})
	}
	return stmt, nil
}

func parse(sql string) (Statement, error) {
	tokens, err := lex(sql)
	if err != nil {
		return nil, err
	}
	p := &parser{src: sql, tokens: tokens}
	stmt, err := p.statement()
	if err != nil {
		return nil, err
	}
	p.acceptOp(";")
	if p.cur().kind != tokenEnd {
		return nil, p.unexpectedTail()
	}
	return stmt, nil
}

// TableOf returns the table that a statement reads, "" for SHOW TABLES: its
// schema is needed before binding.
func TableOf(sql string) (string, error) {
	stmt, err := Parse(sql)
	if err != nil {
		return "", err
	}
	return TableRead(stmt), nil
}

// TableRead is TableOf for a statement that has been parsed.
func TableRead(stmt Statement) string {
	switch s := stmt.(type) {
	case *Select:
		return s.Table
	case *Explain:
		return s.Select.Table
	case *ExplainChange:
		return s.Table
	case *Describe:
		return s.Table
	}
	return ""
}

// WithinOf is how long the answer to a statement may take by its WITHIN; 0 if it
// does not say.
func WithinOf(stmt Statement) time.Duration {
	if s, ok := stmt.(*Select); ok && s.Within != nil && s.Within.Months == 0 {
		return time.Duration(max(0, s.Within.Ns))
	}
	return 0
}

// parser walks over the tokens of one text.
type parser struct {
	src    string
	tokens []token
	at     int
	depth  int // of nested expressions being read
	height int // of the tree of the expression read last
}

func (p *parser) cur() token { return p.tokens[p.at] }

// ahead is the token n places on; the end at the end.
func (p *parser) ahead(n int) token { return p.tokens[min(p.at+n, len(p.tokens)-1)] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != tokenEnd {
		p.at++
	}
	return t
}

func (t token) isKeyword(word string) bool { return t.kind == tokenKeyword && t.text == word }

// isSoft tells a word that means something only where it stands.
func (t token) isSoft(word string) bool {
	return t.kind == tokenName && !t.quoted && strings.EqualFold(t.text, word)
}

func (t token) isOp(op string) bool { return t.kind == tokenOp && t.text == op }

func (p *parser) acceptKeyword(word string) bool {
	if p.cur().isKeyword(word) {
		p.at++
		return true
	}
	return false
}

func (p *parser) acceptSoft(word string) bool {
	if p.cur().isSoft(word) {
		p.at++
		return true
	}
	return false
}

func (p *parser) acceptOp(op string) bool {
	if p.cur().isOp(op) {
		p.at++
		return true
	}
	return false
}

func (p *parser) expectKeyword(word string) error {
	if p.acceptKeyword(word) {
		return nil
	}
	return p.expected(word, word)
}

func (p *parser) expectSoft(word string) error {
	if p.acceptSoft(word) {
		return nil
	}
	return p.expected(word, word)
}

func (p *parser) expectOp(op string) error {
	if p.acceptOp(op) {
		return nil
	}
	return p.expected("`" + op + "`")
}

// expected is the error that something else should stand here. words are what
// a misspelt word may have meant.
func (p *parser) expected(what string, words ...string) *Error {
	t := p.cur()
	if t.kind == tokenBad {
		return errorBadNumber(t)
	}
	msg := "expected " + what
	if p.at > 0 {
		msg += " after " + p.tokens[p.at-1].describe()
	}
	if t.kind != tokenEnd {
		msg += ", found " + t.describe()
	}
	err := errorAt(CodeParse, t.pos, "%s", msg)
	if t.kind == tokenName && !t.quoted && len(words) > 0 {
		err.suggest(strings.ToUpper(t.text), words)
	}
	return err
}

// statement reads what a text begins with.
func (p *parser) statement() (Statement, error) {
	t := p.cur()
	switch {
	case t.isSoft("EXPLAIN"):
		return p.explain()
	case t.isSoft("SHOW"):
		p.next()
		if err := p.expectSoft("TABLES"); err != nil {
			return nil, err
		}
		return &ShowTables{Pos: t.pos}, nil
	case t.isSoft("DESCRIBE"), t.isSoft("DESC"):
		p.next()
		d := &Describe{Pos: t.pos}
		var err error
		d.Table, d.TablePos, err = p.tableName()
		return d, err
	default:
		return p.selectStatement()
	}
}

func (p *parser) explain() (Statement, error) {
	pos := p.next().pos
	if p.cur().isSoft("CHANGE") && p.ahead(1).isSoft("OF") {
		p.next()
		p.next()
		return p.explainChange(pos)
	}
	sel, err := p.selectStatement()
	if err != nil {
		return nil, err
	}
	return &Explain{Pos: pos, Select: sel}, nil
}

func (p *parser) explainChange(pos Pos) (Statement, error) {
	c := &ExplainChange{Pos: pos}
	var err error
	if c.Agg, err = p.expr(); err != nil {
		return nil, err
	}
	if err = p.expectKeyword("FROM"); err != nil {
		return nil, err
	}
	if c.Table, c.TablePos, err = p.tableName(); err != nil {
		return nil, err
	}
	if p.atRange() {
		if c.Range, err = p.rangeClause(); err != nil {
			return nil, err
		}
	}
	if p.acceptKeyword("WHERE") {
		if c.Where, err = p.expr(); err != nil {
			return nil, err
		}
	}
	if err = p.expectSoft("COMPARE"); err != nil {
		return nil, err
	}
	if c.Compare, err = p.duration(); err != nil {
		return nil, err
	}
	if err = p.expectKeyword("BY"); err != nil {
		return nil, err
	}
	if p.acceptOp("*") {
		c.All = true
		return c, nil
	}
	err = p.list(func() error {
		e, err := p.expr()
		c.By = append(c.By, e)
		return err
	})
	return c, err
}

// list reads item, item, ... with a comma allowed at the end.
func (p *parser) list(item func() error) error {
	for {
		if err := item(); err != nil {
			return err
		}
		if !p.acceptOp(",") || p.atListEnd() {
			return nil
		}
	}
}

// atListEnd tells whether a comma just read was a trailing one. A word that is
// a column as well as a clause is a clause if what follows fits the clause.
func (p *parser) atListEnd() bool {
	t, after := p.cur(), p.ahead(1)
	switch t.kind {
	case tokenEnd:
		return true
	case tokenOp:
		return t.text == ")" || t.text == "]" || t.text == ";"
	case tokenKeyword:
		switch t.text {
		case "NOT", "NULL", "CASE", "CAST", "TRUE", "FALSE":
			return false
		}
		return true
	case tokenName:
		if t.quoted {
			return false
		}
		switch strings.ToUpper(t.text) {
		case "LAST", "COMPARE", "WITHIN":
			return after.kind == tokenDuration || after.isSoft("INTERVAL")
		case "SAMPLE":
			return after.kind == tokenNumber
		case "TIMEZONE":
			return after.kind == tokenString
		case "SINCE", "UNTIL":
			return after.kind == tokenString || after.kind == tokenName
		case "WITH":
			return after.isSoft("OTHER")
		}
	}
	return false
}

// tableName reads the name of a table. Unlike a column's it may hold `-` and
// begin with a digit, so it is read from the text, not from the tokens.
func (p *parser) tableName() (string, Pos, error) {
	t := p.cur()
	name := ""
	switch {
	case t.kind == tokenName && t.quoted:
		name = t.text
		p.next()
	case t.kind == tokenName, t.kind == tokenNumber, t.kind == tokenDuration, t.kind == tokenBad, t.isOp("-"):
		end := t.start
		for end < len(p.src) && isTableByte(p.src[end]) && !strings.HasPrefix(p.src[end:], "--") {
			end++
		}
		name = p.src[t.start:end]
		for p.cur().kind != tokenEnd && p.cur().start < end {
			p.next()
		}
	}
	if name == "" {
		return "", t.pos, p.expected("the name of a table")
	}
	for i := 0; i < len(name); i++ {
		if !isTableByte(name[i]) {
			return "", t.pos, errorAt(CodeBadRequest, t.pos, "`%s` is not the name of a table", clip(name)).
				withHint("names of tables are 1 to %d letters, digits, `_`, `.`, `-`", tableNameBytesMax)
		}
	}
	if len(name) > tableNameBytesMax {
		return "", t.pos, errorAt(CodeBadRequest, t.pos, "the name of the table has %d letters, at most %d are taken", len(name), tableNameBytesMax)
	}
	return name, t.pos, nil
}

func isTableByte(c byte) bool {
	return c == '_' || c == '.' || c == '-' || isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// duration reads 15m or INTERVAL '15 minutes'.
func (p *parser) duration() (*Duration, error) {
	t := p.cur()
	if t.kind == tokenDuration {
		p.next()
		months, ns, _ := parseDuration(t.text)
		return &Duration{Pos: t.pos, Months: months, Ns: ns}, nil
	}
	if t.isSoft("INTERVAL") && p.ahead(1).kind == tokenString {
		return p.interval()
	}
	err := p.expected("a duration")
	return nil, err.withHint("durations look like 250ms, 15m, 1.5h, 7d, 3mo")
}

func (p *parser) interval() (*Duration, error) {
	pos := p.next().pos
	t := p.next()
	months, ns, ok := parseInterval(t.text)
	if !ok {
		return nil, errorAt(CodeParse, t.pos, "'%s' is not an interval", clip(t.text)).withHint("intervals look like '1 hour' or '2 days 30 minutes'")
	}
	return &Duration{Pos: pos, Months: months, Ns: ns}, nil
}

// count reads a whole number that is not negative.
func (p *parser) count(what string) (int64, error) {
	t := p.cur()
	if t.kind == tokenNumber {
		if n, err := strconv.ParseInt(t.text, 10, 64); err == nil {
			p.next()
			return n, nil
		}
	}
	return 0, p.expected(what)
}

// textOf is the text of the tokens from one on, as it was typed but for its
// spaces: one is one however long and whatever comments it holds, and there is
// none inside brackets next to them, before a comma and before the bracket of a
// call.
func (p *parser) textOf(from int) string {
	var b strings.Builder
	for i := from; i < p.at; i++ {
		t := p.tokens[i]
		if i > from && t.start > p.tokens[i-1].end && spaceBetween(p.tokens[i-1], t) {
			b.WriteByte(' ')
		}
		b.WriteString(p.src[t.start:t.end])
	}
	return b.String()
}

// spaceBetween tells whether a space that was typed between two tokens stays.
func spaceBetween(left, right token) bool {
	return !left.isOp("(") && !left.isOp("[") && !right.isOp(")") && !right.isOp("]") && !right.isOp(",") && !right.call
}
