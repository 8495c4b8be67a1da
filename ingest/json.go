package ingest

import (
	"bytes"
	"context"
	"io"
)

// jsonRows reads rows from a body of JSON. doc.go says what a row is.
type jsonRows struct {
	w     *window
	c     *chunker
	names *jsonNames
	buf   []byte   // of w
	marks []uint64 // of its bytes, see mark

	inArray bool // inside an array of rows
	behind  bool // in the array: behind a row, so a comma must come
	comma   bool // in the array: behind a comma, so a row must come

	why      failure // of the open row
	whyAt    int
	scratch  []byte // text of the string being read, if it is not in buf
	repaired []byte // text that was not UTF-8
}

func newJSONRows(r io.Reader) *jsonRows {
	return &jsonRows{w: newWindow(r), names: newJSONNames()}
}

// open begins another body. What was learned of names is kept, as a guess, if
// the time fields are the same.
func (p *jsonRows) open(r io.Reader, sameTimes bool) {
	p.w.open(r)
	p.buf = nil
	p.inArray, p.behind, p.comma = false, false, false
	if !sameTimes {
		p.names = newJSONNames()
	}
	p.names.beginBody()
}

// trim lets go of the body, and of what is too large to be kept for others.
func (p *jsonRows) trim() {
	p.w.r, p.w.err, p.c, p.buf = nil, nil, nil, nil
	if len(p.w.buf) > pooledWindowMax {
		p.w.buf, p.marks = nil, nil
	}
	if cap(p.scratch)+cap(p.repaired) > pooledWindowMax {
		p.scratch, p.repaired = nil, nil
	}
	if p.names.kept > pooledNamesMax {
		p.names = newJSONNames()
	}
}

func (p *jsonRows) fill(ctx context.Context, c *chunker) error {
	p.c = c
	p.w.beginChunk()
	p.names.beginChunk()
	c.arrived()
	for {
		if err := p.next(ctx); err != nil {
			c.digest = p.w.endChunk()
			return err
		}
		if c.full(p.w.chunkBytes()) {
			c.digest = p.w.endChunk()
			return nil
		}
	}
}

// more reads on; the open row, if there is one, was taken back.
func (p *jsonRows) more(ctx context.Context) error {
	err := p.w.more(ctx)
	p.buf = p.w.buf
	p.mark()
	p.c.arrived()
	return err
}

// next reads one row, or rejects one, or returns io.EOF.
func (p *jsonRows) next(ctx context.Context) error {
	if p.buf == nil {
		if err := p.more(ctx); err != nil {
			return err
		}
	}
	for {
		w := p.w
		if w.pos = skipSpace(p.buf, w.pos); w.pos >= w.end {
			if w.eof {
				return p.end()
			}
			if err := p.more(ctx); err != nil {
				return err
			}
			continue
		}
		c := p.buf[w.pos]
		switch {
		case c == '{':
			return p.row(ctx)
		case c == 0xEF && w.end-w.pos < 3 && !w.eof:
			if err := p.more(ctx); err != nil {
				return err
			}
		case c == 0xEF && p.byteOrderMark():
		case p.inArray && c == ',':
			missing := !p.behind
			p.behind, p.comma = false, true
			w.pos++
			if missing {
				p.c.reject(failElementMissing.String())
				return nil
			}
		case p.inArray && c == ']':
			missing := p.comma
			p.inArray, p.behind, p.comma = false, false, false
			w.pos++
			if missing {
				p.c.reject(failElementMissing.String())
				return nil
			}
		case !p.inArray && c == '[':
			p.inArray = true
			w.pos++
		case !p.inArray && c == ',':
			w.pos++
			p.c.reject(failStrayComma.String())
			return nil
		case c == '}' || c == ']':
			// Left over from a bad row: what follows may be good.
			w.pos++
			p.c.reject("not JSON: " + failClosing.String())
			return nil
		default:
			return p.other(ctx)
		}
	}
}

func (p *jsonRows) end() error {
	if p.inArray {
		p.inArray = false
		p.c.reject(failArrayOpen.String())
	}
	return io.EOF
}

// byteOrderMark skips one; it may stand before any row, for files get
// concatenated.
func (p *jsonRows) byteOrderMark() bool {
	if !bytes.HasPrefix(p.w.rest(), []byte("\xEF\xBB\xBF")) {
		return false
	}
	p.w.pos += 3
	return true
}

// row reads the object at pos.
func (p *jsonRows) row(ctx context.Context) error {
	if p.behind {
		// Tell it, and read the row nonetheless.
		p.behind = false
		p.c.reject(failElementComma.String())
		return nil
	}
	p.names.beginRow()
	for {
		start := p.w.pos
		end := p.object(start+1, p.names.root, 1)
		if end >= 0 && end-start <= RowBytesMax {
			p.w.pos = end
			p.c.endRow()
			p.behind, p.comma = p.inArray, false
			return nil
		}
		if end >= 0 || p.whyAt-start > RowBytesMax {
			p.why, p.whyAt = failRowLong, start
		}
		if p.why != failMore {
			return p.bad(ctx)
		}
		p.c.batch.AbortRow()
		p.c.times.clear()
		if err := p.more(ctx); err != nil {
			return err
		}
	}
}

// other rejects what stands at pos in the place of a row.
func (p *jsonRows) other(ctx context.Context) error {
	for {
		start := p.w.pos
		end := p.skip(start, 2)
		switch {
		case end >= 0 && end-start <= RowBytesMax:
			p.c.reject(failNotObject.String() + kindOf(p.buf[start]))
			p.w.pos = end
			p.behind, p.comma = p.inArray, false
			return nil
		case end >= 0 || p.whyAt-start > RowBytesMax:
			p.why, p.whyAt = failRowLong, start
		}
		if p.why != failMore {
			return p.bad(ctx)
		}
		if err := p.more(ctx); err != nil {
			return err
		}
	}
}

func kindOf(c byte) string {
	switch c {
	case '"':
		return "a string"
	case '[':
		return "an array"
	case 't', 'f':
		return "a bool"
	case 'n':
		return "null"
	}
	return "a number"
}

// bad rejects the row at pos and goes to where reading can go on.
func (p *jsonRows) bad(ctx context.Context) error {
	text := ""
	if p.c.telling() {
		text = failureText(p.why, p.buf, p.w.pos, p.whyAt, p.w.end)
	}
	p.behind, p.comma = false, false
	reached, err := p.resync(ctx)
	if err != nil {
		return err
	}
	if !reached {
		text += "; the rest of the body is not readable"
	}
	p.c.reject(text)
	return nil
}
