package feed

import (
	"bytes"
	"fmt"
)

// Body is whole rows, ready to be sent. Whoever got it from emit owns it.
type Body struct {
	Source string // the file's name, or what Read was given
	Type   string // media type
	Bytes  []byte

	place func(row int64) string
}

// Place says where the row, counted from 1 within the body, stands in the
// source: "app.log:17" or "events.json row 17".
func (b *Body) Place(row int64) string { return b.place(row) }

// placeByLine: a row is a line that is not blank. The body is looked at only
// when a row was rejected, so counting costs nothing otherwise.
func placeByLine(source string, body []byte, firstLine int64) func(int64) string {
	return func(row int64) string {
		line, rest := firstLine, body
		for len(rest) > 0 {
			text, after, _ := bytes.Cut(rest, []byte{'\n'})
			if len(bytes.TrimSpace(text)) > 0 {
				if row--; row <= 0 {
					break
				}
			}
			rest = after
			line++
		}
		return fmt.Sprintf("%s:%d", source, line)
	}
}

// placeByIndex: lines holds, for each row, how many lines it stands behind the
// first.
func placeByIndex(source string, lines []int32, firstLine int64) func(int64) string {
	return func(row int64) string {
		if row < 1 || row > int64(len(lines)) {
			return source
		}
		return fmt.Sprintf("%s:%d", source, firstLine+int64(lines[row-1]))
	}
}

// placeByRow: rows have no lines of their own, and how many came before this
// body is not known, only that it is not the first.
func placeByRow(source string, bodyIndex int) func(int64) string {
	return func(row int64) string {
		if bodyIndex == 0 {
			return fmt.Sprintf("%s row %d", source, row)
		}
		return fmt.Sprintf("%s part %d row %d", source, bodyIndex+1, row)
	}
}

// placeFrom: rows are counted over the whole source; before came ahead of this
// body.
func placeFrom(source string, before int64) func(int64) string {
	return func(row int64) string { return fmt.Sprintf("%s row %d", source, before+row) }
}
