package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/kelpdb/kelp/cmd/client"
)

// quiet is the look of all tables: no lines, a dim header.
func quiet() table.Style {
	style := table.StyleDefault
	style.Box = table.BoxStyle{PaddingRight: "  "}
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format = table.FormatOptions{Header: text.FormatDefault}
	return style
}

// newTable returns an empty table whose columns are right-aligned where told.
func newTable(width int, header []string, right []bool) table.Writer {
	t := table.NewWriter()
	t.SetStyle(quiet())
	row := make(table.Row, len(header))
	configs := make([]table.ColumnConfig, len(header))
	for i, h := range header {
		row[i] = h
		configs[i] = table.ColumnConfig{Number: i + 1}
		if right[i] {
			configs[i].Align, configs[i].AlignHeader = text.AlignRight, text.AlignRight
		}
	}
	t.AppendHeader(row)
	t.SetColumnConfigs(configs)
	if width > 0 {
		t.Style().Size.WidthMax = width
	}
	return t
}

// trimLines takes away the blanks that padding leaves at the ends of lines.
func trimLines(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return b.String()
}

// renderTable shows an answer to a person, with a spark line per group below if
// it has time buckets.
func renderTable(a *client.Answer, sql string, width int) string {
	header := make([]string, len(a.Columns))
	right := make([]bool, len(a.Columns))
	counts := countColumns(a.Columns, sql)
	changes := changeColumns(a)
	for i, c := range a.Columns {
		header[i] = c.Name
		right[i] = isNumber(c.Type)
	}
	other := map[int]bool{}
	if a.Other != nil {
		for _, r := range a.Other.Rows {
			other[r] = true
		}
	}
	t := newTable(width, header, right)
	for r, values := range a.Rows {
		row := make(table.Row, len(values))
		named := false
		for i, v := range values {
			row[i] = cell(v, i < len(counts) && counts[i])
			if n, ok := v.(json.Number); ok && i < len(a.Columns) && slices.Contains(a.Approximate, a.Columns[i].Name) {
				row[i] = approximate(n, counts[i])
			}
			if n, ok := v.(json.Number); ok && changes[i] {
				row[i] = change(n)
			}
			isTime := i < len(a.Columns) && a.Columns[i].Type == "time"
			if other[r] && v == nil && !named && !isTime {
				row[i] = fmt.Sprintf("(other %s)", thousands(a.Other.Groups))
				named = true
			}
		}
		t.AppendRow(row)
	}
	return trimLines(t.Render()+"\n") + sparkLines(a)
}

func isNumber(kind string) bool { return kind == "int64" || kind == "float64" }

// cell writes one value. Control characters would break the lines of a table.
func cell(v any, isCount bool) string {
	switch v := v.(type) {
	case nil:
		return "-"
	case string:
		return shorten(printable(v))
	case bool:
		return fmt.Sprint(v)
	case json.Number:
		return number(v, isCount)
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = printable(fmt.Sprint(item))
		}
		return shorten("[" + strings.Join(items, ", ") + "]")
	}
	return printable(fmt.Sprint(v))
}

// number writes counts with separators and cuts floats to six digits; other
// integers may be ids and stay as they are.
func number(n json.Number, isCount bool) string {
	if i, err := n.Int64(); err == nil {
		if isCount {
			return thousands(i)
		}
		return n.String()
	}
	f, err := n.Float64()
	if err != nil {
		return n.String()
	}
	if f >= 1000 || f <= -1000 {
		if i := int64(f); float64(i) == f && isCount {
			return thousands(i)
		}
		return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", f), "0"), ".")
	}
	return fmt.Sprintf("%.6g", f)
}

// approximate writes no more digits than an approximate number has: within 1%
// are three, and one more for what it rounds to.
func approximate(n json.Number, isCount bool) string {
	if f, err := n.Float64(); err == nil && f > -1000 && f < 1000 {
		return fmt.Sprintf("%.4g", f)
	}
	return number(n, isCount)
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case r < ' ' || r == 0x7f:
			return '·'
		}
		return r
	}, s)
}

func shorten(s string) string {
	if utf8.RuneCountInString(s) <= answerCellMax {
		return s
	}
	return string([]rune(s)[:answerCellMax-1]) + "…"
}

// countColumns tells which columns are counts or sums: by name, or by an alias
// that the SQL gives to one.
func countColumns(columns []client.Column, sql string) []bool {
	call := regexp.MustCompile(`(?i)^(count|count_if|hits|sum|uniq|uniq_exact)\s*\(`)
	aliased := regexp.MustCompile(`(?i)\b(?:count|count_if|hits|sum|uniq|uniq_exact)\s*\([^()]*\)\s+as\s+("[^"]+"|[\w.]+)`)
	aliases := map[string]bool{}
	for _, m := range aliased.FindAllStringSubmatch(sql, -1) {
		aliases[strings.Trim(m[1], `"`)] = true
	}
	counts := make([]bool, len(columns))
	for i, c := range columns {
		counts[i] = call.MatchString(c.Name) || aliases[strings.TrimSuffix(c.Name, earlierSuffix)]
	}
	return counts
}

// footer says what stands behind an answer: a line for its completeness, then
// one for each thing to know.
func footer(s *client.Summary) string { return footerLink(s, "") }

// footerLink is footer with the address of a page that shows the same, if there
// is one.
func footerLink(s *client.Summary, page string) string {
	var b strings.Builder
	c := &s.Completeness
	fmt.Fprintf(&b, "%s complete · %d/%s", percent(c.Ratio), c.Leaves.Answered, plural(c.Leaves.Total, "leaf", "leaves"))
	if s.Stats.ElapsedMs > 0 {
		fmt.Fprintf(&b, " · %s rows · %s", thousands(s.Stats.RowsScanned), millis(s.Stats.ElapsedMs))
	}
	if page != "" {
		b.WriteString("     open: " + page)
	}
	b.WriteByte('\n')
	for _, m := range c.Leaves.Missing {
		fmt.Fprintf(&b, "! %s: %s\n", m.Leaf, m.Reason)
	}
	for _, t := range c.ByTime {
		fmt.Fprintf(&b, "! %s to %s: %s complete\n", t.From.UTC().Format(time.RFC3339), t.To.UTC().Format(time.RFC3339), percent(t.Ratio))
	}
	b.WriteString(comparedLine(s.Compare))
	if s.Truncated != nil {
		fmt.Fprintf(&b, "! truncated to %s by its limit of %s\n", thousands(s.Truncated.Kept), s.Truncated.By)
	}
	if c.Ratio >= 1 && !c.Exact {
		b.WriteString("! not exact: groups near the limit may be missing\n")
	}
	if len(s.Approximate) > 0 {
		fmt.Fprintf(&b, "approximate: %s\n", strings.Join(s.Approximate, ", "))
	}
	b.WriteString(warnings(s.Warnings))
	return b.String()
}

// warnings is a line for each warning.
func warnings(list []string) string {
	var b strings.Builder
	for _, w := range list {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	return b.String()
}
