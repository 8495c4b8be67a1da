package main

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/kelpdb/kelp/cmd/client"
	"github.com/kelpdb/kelp/query"
)

// completer proposes what may stand at the cursor of the prompt: tables behind
// FROM, values of a column within quotes behind a comparison, else columns,
// functions and keywords. What it has asked the server for is kept until forget.
// It belongs to one goroutine.
type completer struct {
	console *console
	server  *client.Client
	before  string // lines of the same question above the present one
	last    string // the table that was named last
	tables  []string
	columns map[string][]column // by table
	values  map[string][]string // by the question for them
}

type column struct {
	name string
	list bool // most of its values are lists
}

func newCompleter(c *console, server *client.Client) *completer {
	done := &completer{console: c, server: server}
	done.forget()
	return done
}

// forget drops what is known of the server: it may have become more.
func (c *completer) forget() {
	c.tables, c.columns, c.values = nil, map[string][]column{}, map[string][]string{}
}

// Patterns are compiled when the prompt wants them: a server that starts does not.
var (
	wordBefore   = pattern(`[\pL_][\pL\pN_.]*$`)
	quotedBefore = pattern(`"[^"]*$`)
	tableBefore  = pattern(`(?i)(?:\b(?:from|describe)|^\s*\\d)\s+("?)[\pL\pN_.-]*$`)
	tableOf      = pattern(`(?i)\bfrom\s+("(?:[^"]|"")+"|[\pL\pN_.]+)`)
	bareName     = pattern(`^[\pL_][\pL\pN_]*(\.[\pL_][\pL\pN_]*)*$`)
	comparison   = pattern(`(?i)("(?:[^"]|"")+"|[\pL_][\pL\pN_.]*)\s*(?:[=!<>]=?|<>|!?~\*?|\b(?:not\s+)?(?:i?like|in|has(?:\s+(?:any|all|none))?))` +
		`[\s(]*(?:'(?:[^']|'')*'\s*,\s*)*$`)
)

func pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// promptKeywords are proposed where a word may stand.
var promptKeywords = strings.Fields("SELECT FROM WHERE GROUP BY HAVING ORDER LIMIT OFFSET AND OR NOT IN IS NULL LIKE ILIKE BETWEEN CASE WHEN THEN ELSE END CAST AS " +
	"DISTINCT TRUE FALSE LAST SINCE UNTIL ALL OTHER WITH RAW HAS ANY NONE ASC DESC NULLS FIRST FILTER INTERVAL EXPLAIN SHOW TABLES DESCRIBE")

// complete is what the line editor calls: it parts a line at the cursor, counted
// in characters, and says what may replace the word there.
func (c *completer) complete(line string, pos int) (head string, found []string, tail string) {
	runes := []rune(line)
	pos = min(pos, len(runes))
	head, tail = string(runes[:pos]), string(runes[pos:])
	text := c.before + head
	if at := openQuote(text); at >= 0 && text[at] == '\'' {
		start := at - len(c.before)
		if start < 0 { // it began on a line above
			return head, nil, tail
		}
		return head[:start], c.valuesFor(text[:at], tail, unquoted(text[at+1:])), tail
	}
	word := wordBefore().FindString(head)
	if openQuote(text) >= 0 {
		word = quotedBefore().FindString(head)
	}
	head = strings.TrimSuffix(head, word)
	switch {
	case tableBefore().MatchString(text):
		found = matching(word, c.allTables(), quotedName)
	case strings.HasPrefix(word, `"`):
		found = matching(word, c.columnNames(text+tail), query.QuoteName)
	default:
		found = matching(word, c.columnNames(text+tail), quotedName)
		found = append(found, matching(word, query.CallNames(), func(name string) string { return name + "(" })...)
		lower := word != "" && strings.ToLower(word) == word
		found = append(found, matching(word, promptKeywords, func(name string) string {
			if lower {
				return strings.ToLower(name)
			}
			return name
		})...)
	}
	return head, found, tail
}

// matching is the names that begin with a word, as they are written in SQL.
func matching(word string, names []string, write func(string) string) []string {
	word = strings.TrimPrefix(word, `"`)
	var found []string
	for _, name := range names {
		if len(name) >= len(word) && strings.EqualFold(name[:len(word)], word) {
			found = append(found, write(name))
		}
	}
	return found
}

// quotedName quotes a name only if it has to be.
func quotedName(name string) string {
	if bareName().MatchString(name) && !slices.Contains(promptKeywords, strings.ToUpper(name)) {
		return name
	}
	return query.QuoteName(name)
}

func unquoted(text string) string { return strings.ReplaceAll(text, "''", "'") }

// openQuote returns where a string or quoted name begins that is not closed; -1 if
// none is open.
func openQuote(text string) int {
	for i := 0; i < len(text); {
		switch rest := text[i:]; {
		case rest[0] == '\'' || rest[0] == '"':
			end := strings.IndexByte(rest[1:], rest[0])
			if end < 0 {
				return i
			}
			i += end + 2
			if i < len(text) && text[i] == rest[0] { // a doubled quote goes on
				if more := openQuote(text[i:]); more == 0 {
					return i - end - 2
				}
			}
		default:
			i += max(1, commentLength(rest))
		}
	}
	return -1
}

func (c *completer) allTables() []string {
	if c.tables == nil {
		ctx, cancel := context.WithTimeout(c.console.ctx, completeTimeout)
		defer cancel()
		if list, err := c.server.Tables(ctx); err == nil {
			for _, t := range list.Tables {
				c.tables = append(c.tables, t.Table)
			}
		}
	}
	return c.tables
}

// columnsOf returns the columns of the table that a question names; while it names
// none, of the table named last, or of the only one.
func (c *completer) columnsOf(sql string) (table string, columns []column) {
	if m := tableOf().FindStringSubmatch(sql); m != nil {
		table = nameOf(m[1])
		c.last = table
	} else if table = c.last; table == "" {
		tables := c.allTables()
		if len(tables) != 1 {
			return "", nil
		}
		table = tables[0]
	}
	columns, known := c.columns[table]
	if !known {
		ctx, cancel := context.WithTimeout(c.console.ctx, completeTimeout)
		defer cancel()
		if detail, err := c.server.Table(ctx, table); err == nil {
			for _, d := range detail.Columns {
				columns = append(columns, column{name: d.Name, list: d.Types["list"] > 0.5})
			}
		}
		c.columns[table] = columns
	}
	return table, columns
}

func nameOf(written string) string {
	if quoted, ok := strings.CutPrefix(written, `"`); ok {
		return strings.ReplaceAll(strings.TrimSuffix(quoted, `"`), `""`, `"`)
	}
	return written
}

func (c *completer) columnNames(sql string) []string {
	_, columns := c.columnsOf(sql)
	var names []string
	for _, col := range columns {
		names = append(names, col.name)
	}
	return names
}

// valuesFor returns the most frequent values, quoted, of the column that text ends
// comparing, with this beginning.
func (c *completer) valuesFor(text, tail, beginning string) []string {
	m := comparison().FindStringSubmatch(text)
	table, columns := c.columnsOf(text + tail)
	if m == nil || table == "" {
		return nil
	}
	at := slices.IndexFunc(columns, func(col column) bool { return col.name == nameOf(m[1]) })
	if at < 0 {
		return nil
	}
	value := query.QuoteName(columns[at].name)
	if columns[at].list {
		value = "UNNEST(" + value + ")"
	}
	sql := "SELECT " + value + "::text AS v, count() AS n FROM " + query.QuoteName(table) + " GROUP BY v HAVING starts_with(v, '" +
		strings.ReplaceAll(beginning, "'", "''") + "') ORDER BY n DESC LIMIT " + completeValues
	values, known := c.values[sql]
	if !known {
		ctx, cancel := context.WithTimeout(c.console.ctx, completeTimeout)
		defer cancel()
		if answer, _, err := c.server.Query(ctx, client.Query{SQL: sql, TimeoutMs: completeTimeout.Milliseconds()}); err == nil {
			for _, row := range answer.Rows {
				if v, ok := row[0].(string); ok && !strings.ContainsFunc(v, unicode.IsControl) {
					values = append(values, "'"+strings.ReplaceAll(v, "'", "''")+"'")
				}
			}
		}
		c.values[sql] = values
	}
	return values
}
