package side

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// table is a table of Markdown whose source reads well too: cells are padded,
// all columns but the first are right-aligned.
type table struct {
	rows [][]string // the first is the header
}

func newTable(header ...string) *table { return &table{rows: [][]string{header}} }

// add appends a row; cells that are missing at its end are empty.
func (t *table) add(cells ...string) {
	if len(cells) > len(t.rows[0]) {
		panic(fmt.Sprintf("BUG: %d cells in a table of %d columns", len(cells), len(t.rows[0])))
	}
	t.rows = append(t.rows, cells)
}

// WriteTo writes the table, its rules and an empty line. A table without rows is
// not written.
func (t *table) WriteTo(w io.Writer) (int64, error) {
	if len(t.rows) == 1 {
		return 0, nil
	}
	width := make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(escaped(cell)), 3)
		}
	}
	var b strings.Builder
	for n, row := range t.rows {
		for i := range width {
			cell := ""
			if i < len(row) {
				cell = escaped(row[i])
			}
			padding := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				b.WriteString("| " + cell + padding + " |")
			} else {
				b.WriteString(" " + padding + cell + " |")
			}
		}
		b.WriteByte('\n')
		if n > 0 {
			continue
		}
		for i := range width {
			if i == 0 {
				b.WriteString("|" + strings.Repeat("-", width[i]+2) + "|")
			} else {
				b.WriteString(strings.Repeat("-", width[i]+1) + ":|")
			}
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

// escaped keeps a cell from ending early.
func escaped(cell string) string {
	return strings.ReplaceAll(strings.ReplaceAll(cell, "|", `\|`), "\n", " ")
}

// none stands in a cell for what was not measured.
const none = "-"

// milliseconds writes a duration in ms with three significant digits.
func milliseconds(d time.Duration) string {
	if d == 0 {
		return none
	}
	return significant(float64(d) / float64(time.Millisecond))
}

// significant writes a number with about three digits.
func significant(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 0.1:
		return fmt.Sprintf("%.3f", v)
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return grouped(int64(v + 0.5))
}

// grouped writes an integer with commas.
func grouped(n int64) string {
	if n < 0 {
		return "-" + grouped(-n)
	}
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return grouped(n/1000) + fmt.Sprintf(",%03d", n%1000)
}

// ratio writes a / b, or that there is none.
func ratio(a, b float64) string {
	if a == 0 || b == 0 {
		return none
	}
	return significant(a / b)
}

// perRow writes bytes divided by rows.
func perRow(bytes, rows int64) string {
	if bytes == 0 || rows == 0 {
		return none
	}
	return fmt.Sprintf("%.2f", float64(bytes)/float64(rows))
}
