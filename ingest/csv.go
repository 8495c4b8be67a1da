package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// csvRows reads rows from CSV: RFC 4180, the first record names the columns.
// Where the header has no comma but a semicolon or a tab, that separates.
//
// The type of a value is inferred from its text alone, quoted or not: empty is
// null, true and false are bools, what JSON calls a number is one unless it is
// an integer past int64, all else is text (007, +1, NaN, 1e999 are).
type csvRows struct {
	w         *window
	columns   []csvColumn
	separator byte
	fields    []csvField // of the open record
	scratch   []byte
}

type csvColumn struct {
	name []byte
	rank uint8
	slot int
}

// csvField is where a field stands in the window, without its quotes.
type csvField struct {
	from, to int
	doubled  bool // it holds doubled quotes
}

func newCSVRows(r io.Reader) *csvRows { return &csvRows{w: newWindow(r), separator: ','} }

func (p *csvRows) fill(ctx context.Context, c *chunker) error {
	p.w.beginChunk()
	c.arrived()
	for i := range p.columns {
		p.columns[i].slot = -1
	}
	if p.columns == nil {
		if err := p.header(ctx, c); err != nil {
			return err
		}
	}
	for {
		err := p.row(ctx, c)
		if err != nil || c.full(p.w.chunkBytes()) {
			c.digest = p.w.endChunk()
			return err
		}
	}
}

// Why a record cannot be read.
var (
	errCSVMore  = errors.New("the record goes on behind the buffer")
	errCSVOpen  = errors.New("a quote is not closed")
	errCSVClose = errors.New("text behind a closing quote: double quotes inside quotes")
)

// record takes the record at pos apart and returns where it ends.
func (p *csvRows) record() (end int, err error) {
	w := p.w
	p.fields = p.fields[:0]
	for i := w.pos; ; i++ {
		f := csvField{from: i, to: i}
		if i < w.end && w.buf[i] == '"' {
			if i, err = p.quoted(i+1, &f); err != nil {
				return i, err
			}
		} else {
			for i < w.end && w.buf[i] != p.separator && w.buf[i] != '\n' {
				i++
			}
			f.to = i
			if i < w.end && w.buf[i] == '\n' && i > f.from && w.buf[i-1] == '\r' {
				f.to--
			}
		}
		if i >= w.end && !w.eof {
			return i, errCSVMore
		}
		if i-w.pos > RowBytesMax {
			return i, errors.New(failRowLong.String())
		}
		if len(p.fields) <= ColumnsPerRowMax { // one more tells that they are too many
			p.fields = append(p.fields, f)
		}
		switch {
		case i >= w.end:
			return i, nil
		case w.buf[i] == '\n':
			return i + 1, nil
		}
	}
}

// quoted reads a field whose quote stands before i, up to what separates it.
func (p *csvRows) quoted(i int, f *csvField) (end int, err error) {
	w := p.w
	f.from = i
	for {
		n := bytes.IndexByte(w.buf[i:w.end], '"')
		switch {
		case n < 0 && w.end-w.pos > RowBytesMax:
			return w.end, errors.New(failRowLong.String() + " (" + errCSVOpen.Error() + ")")
		case n < 0 && w.eof:
			return w.end, errCSVOpen
		case n < 0:
			return w.end, errCSVMore
		}
		if i += n + 1; i >= w.end && !w.eof {
			return i, errCSVMore
		}
		if w.buf[i] != '"' { // also behind the end
			break
		}
		f.doubled = true
		i++
	}
	f.to = i - 1
	if w.buf[i] == '\r' && i < w.end {
		if i++; i >= w.end && !w.eof {
			return i, errCSVMore
		}
		if i < w.end && w.buf[i] != '\n' {
			return i, errCSVClose
		}
	}
	if i < w.end && w.buf[i] != p.separator && w.buf[i] != '\n' {
		return i, errCSVClose
	}
	return i, nil
}

// next takes the next record that is not a blank line apart. At the end of the
// body it returns io.EOF; a record that cannot be read is left at pos.
func (p *csvRows) next(ctx context.Context, c *chunker) (end int, err error) {
	w := p.w
	for {
		for w.pos < w.end && (w.buf[w.pos] == '\n' || w.buf[w.pos] == '\r' && w.buf[w.pos+1] == '\n') {
			w.pos++
		}
		if w.pos >= w.end && w.eof {
			return 0, io.EOF
		}
		if w.pos < w.end {
			if end, err := p.record(); !errors.Is(err, errCSVMore) {
				return end, err
			}
		}
		if w.end-w.pos > RowBytesMax {
			return w.end, errors.New(failRowLong.String())
		}
		if err := w.more(ctx); err != nil {
			return 0, err
		}
		c.arrived()
	}
}

func (p *csvRows) header(ctx context.Context, c *chunker) error {
	w := p.w
	if err := w.more(ctx); err != nil {
		return err
	}
	if bytes.HasPrefix(w.rest(), []byte("\xEF\xBB\xBF")) {
		w.pos += 3
	}
	line := w.rest()
	if n := bytes.IndexByte(line, '\n'); n >= 0 {
		line = line[:n]
	}
	for _, separator := range []byte{',', ';', '\t'} {
		if p.separator = separator; bytes.IndexByte(line, separator) >= 0 {
			break
		}
		p.separator = ','
	}
	end, err := p.next(ctx, c)
	if err != nil {
		if errors.Is(err, io.EOF) || w.err != nil || ctx.Err() != nil {
			return err
		}
		return fmt.Errorf("cannot read the header of the CSV: %w", err)
	}
	if len(p.fields) > ColumnsPerRowMax {
		return fmt.Errorf("cannot read the header of the CSV: %s", tooManyColumns)
	}
	names := make(map[string]bool)
	for i := range p.fields {
		name := string(bytes.TrimSpace(p.text(&p.fields[i], c)))
		if name == "" {
			name = "column_" + strconv.Itoa(i+1)
			c.warn("csv:empty", func() string { return "columns without a name are called column_N" })
		}
		if names[name] {
			name = p.distinct(name, names)
			c.warn("csv:twice", func() string { return "columns with the name of another got a number, as in " + quote([]byte(name)) })
		}
		if len(name) > NameBytesMax {
			return fmt.Errorf("cannot read the header of the CSV: %s", failNameLong)
		}
		names[name] = true
		p.columns = append(p.columns, csvColumn{name: []byte(name), rank: c.times.rank(name), slot: -1})
	}
	w.pos = end
	return nil
}

// distinct returns the name with the first number that makes it new.
func (p *csvRows) distinct(name string, names map[string]bool) string {
	for n := 2; ; n++ {
		if other := name + "_" + strconv.Itoa(n); !names[other] {
			return other
		}
	}
}

// row reads the next record as a row, or rejects it.
func (p *csvRows) row(ctx context.Context, c *chunker) error {
	w := p.w
	end, err := p.next(ctx, c)
	switch {
	case err != nil && (errors.Is(err, io.EOF) || w.err != nil || ctx.Err() != nil):
		return err
	case err != nil:
		return p.bad(ctx, c, err.Error())
	case len(p.fields) != len(p.columns):
		text := ""
		if c.telling() {
			text = fmt.Sprintf("the row has %d fields, the header %d", len(p.fields), len(p.columns))
		}
		w.pos = end
		c.reject(text)
		return nil
	}
	for i := range p.fields {
		f := &p.fields[i]
		if f.from == f.to {
			continue
		}
		if f.to-f.from > ValueBytesMax {
			w.pos = end
			c.reject("column " + quote(p.columns[i].name) + ": " + failValueLong.String())
			return nil
		}
		p.set(c, &p.columns[i], f)
	}
	w.pos = end
	c.endRow()
	return nil
}

// bad rejects the record at pos and goes on at the next line.
func (p *csvRows) bad(ctx context.Context, c *chunker, text string) error {
	w := p.w
	for {
		if n := bytes.IndexByte(w.rest(), '\n'); n >= 0 {
			w.pos += n + 1
			break
		}
		w.pos = w.end
		if w.eof {
			break
		}
		if err := w.more(ctx); err != nil {
			return err
		}
	}
	c.reject(text)
	return nil
}

// text returns a field's text as UTF-8.
func (p *csvRows) text(f *csvField, c *chunker) []byte {
	text := p.w.buf[f.from:f.to]
	if f.doubled {
		p.scratch = p.scratch[:0]
		for {
			n := bytes.IndexByte(text, '"')
			if n < 0 {
				break
			}
			p.scratch = append(p.scratch, text[:n+1]...)
			text = text[n+2:]
		}
		p.scratch = append(p.scratch, text...)
		text = p.scratch
	}
	if utf8.Valid(text) {
		return text
	}
	c.warnText(warnUTF8)
	return appendValid(nil, text)
}

// set sets a field in the open row.
func (p *csvRows) set(c *chunker, col *csvColumn, f *csvField) {
	if col.slot < 0 {
		col.slot = c.slot(col.name)
	}
	text := p.text(f, c)
	b := c.batch
	if c0 := text[0]; (c0 == '-' || isDigit(c0)) && !f.doubled {
		n, end, _, bad := scanNumber(p.w.buf, f.from)
		whole := n.float && bytes.IndexByte(text, '.') < 0 && bytes.IndexByte(text, 'e') < 0 && bytes.IndexByte(text, 'E') < 0
		if end == f.to && !bad && !whole {
			p.setNumber(c, col, n, text)
			return
		}
	}
	switch {
	case col.rank == 0:
	case string(text) == "true" || string(text) == "false":
		c.timeUnread(col.rank, col.slot)
	default: // blanks behind separators are common, and no part of a time
		ns, ok := parseTime(bytes.TrimSpace(text))
		if !ok {
			c.timeUnread(col.rank, col.slot)
		} else if !c.timeRead(col.rank, col.slot, ns) {
			return
		}
	}
	switch string(text) {
	case "true":
		b.SetBool(col.slot, true)
	case "false":
		b.SetBool(col.slot, false)
	default:
		b.SetString(col.slot, text)
	}
}

func (p *csvRows) setNumber(c *chunker, col *csvColumn, n number, text []byte) {
	if col.rank != 0 {
		ns, ok := timeOfInt(n.i), true
		if n.float {
			ns, ok = timeOfNumber(text)
		}
		if !ok {
			c.timeUnread(col.rank, col.slot)
		} else if !c.timeRead(col.rank, col.slot, ns) {
			return
		}
	}
	if n.float {
		c.batch.SetFloat(col.slot, n.f)
	} else {
		c.batch.SetInt(col.slot, n.i)
	}
}
