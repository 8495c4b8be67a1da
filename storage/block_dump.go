package storage

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

const (
	dumpLineBytes = 16

	// dumpWholeMax is the longest block that is dumped byte for byte; of longer
	// ones an array shows its first lines.
	dumpWholeMax   = 8 << 10
	dumpArrayLines = 4

	// dumpZeros is more zeros than any edit holds one after another.
	dumpZeros = 1 << 20

	// dumpDamageBytes of what cannot be read are shown as they are.
	dumpDamageBytes = 256
)

// DumpBlock writes an annotated hexadecimal view of a block, for people: where
// each byte stands, what it says, and what is wrong with it. It accepts any
// bytes; the error is of writing only.
func DumpBlock(w io.Writer, data []byte) error {
	d := &dumper{w: w, data: data, lines: dumpArrayLines}
	h, err := decodeHeader(data, len(data))
	if err != nil {
		d.note("not readable: %v", err)
		d.field(min(len(data), headerBytes), "header")
		return d.err
	}
	if h.Length <= dumpWholeMax {
		d.lines = dumpWholeMax
	}
	d.header(&h)
	b, err := OpenBlock(data)
	if err != nil {
		d.note("not readable: %v", err)
		d.field(h.headLength-d.at, "rest of the head")
		return d.err
	}
	d.data = b.data
	for _, c := range b.Columns() {
		d.entry(c)
	}
	for _, c := range b.Columns() {
		if c.flags&flagInline != 0 {
			d.column(c)
		}
		if c.flags&flagStats != 0 {
			d.stats(c)
		}
		if c.flags&flagFront != 0 {
			d.front(c)
		}
	}
	d.skipTo(h.namesAt)
	d.field(h.namesBytes, "names")
	d.skipTo(h.headLength)
	for _, c := range byPlace(b.Columns()) {
		if c.flags&flagInline == 0 {
			d.column(c)
		}
	}
	d.skipTo(h.Length)
	return d.err
}

// byPlace returns columns in the order in which they lie in the block.
func byPlace(columns []*Column) []*Column {
	return slices.SortedStableFunc(slices.Values(columns), func(a, b *Column) int { return cmp.Compare(a.at, b.at) })
}

// dumper writes fields of data one after another.
type dumper struct {
	w     io.Writer
	data  []byte
	at    int
	lines int // of an array that are shown
	err   error
}

func (d *dumper) printf(format string, args ...any) {
	if d.err == nil {
		_, d.err = fmt.Fprintf(d.w, format, args...)
	}
}

// note writes a line that stands for no bytes.
func (d *dumper) note(format string, args ...any) { d.printf("# "+format+"\n", args...) }

// field writes the next n bytes with what they are.
func (d *dumper) field(n int, format string, args ...any) {
	text := " " + fmt.Sprintf(format, args...)
	for line := 0; n > 0; line++ {
		if line == d.lines {
			d.printf("%8s  ... %d more bytes\n", "", n)
			d.at += n
			return
		}
		size := min(n, dumpLineBytes)
		hex := strings.TrimRight(fmt.Sprintf("% x", d.data[d.at:d.at+size]), " ")
		d.printf("%08x  %-*s %s\n", d.at, 3*dumpLineBytes-1, hex, strings.TrimRight(" |"+text, " "))
		d.at += size
		n -= size
		text = ""
	}
}

// skipTo writes the zeros up to a position.
func (d *dumper) skipTo(at int) {
	if at > d.at {
		d.field(at-d.at, "zeros")
	}
	d.at = at
}

func (d *dumper) header(h *header) {
	d.note("block %v", h.ID)
	d.field(8, "magic")
	d.field(2, "version %d", h.Version)
	d.field(2, "zero")
	d.field(4, "checksum of the head %08x", h.crc)
	d.field(8, "epoch %d", h.ID.Epoch)
	d.field(8, "sequence %d", h.ID.Seq)
	d.field(8, "shard %d", h.Shard)
	d.field(8, "smallest time %d", h.MinTime)
	d.field(8, "largest time %d", h.MaxTime)
	d.field(8, "arrival %d", h.Arrival)
	d.field(8, "weight %d", h.Weight)
	d.field(4, "%d rows", h.Rows)
	d.field(4, "%d columns", h.Columns)
	d.field(4, "%d bytes of block", h.Length)
	d.field(4, "%d bytes of head", h.headLength)
	d.field(4, "names at %x", h.namesAt)
	d.field(4, "%d bytes of names", h.namesBytes)
	d.skipTo(headerBytes)
}

func (d *dumper) entry(c *Column) {
	d.note("column %q", c.name)
	d.field(4, "name at %x", c.nameAt)
	d.field(2, "%d bytes of name", len(c.name))
	d.field(1, "type %v", c.typ)
	d.field(1, "encoding %v", c.enc)
	if c.enc == EncSparse {
		d.field(1, "of the values %v", c.inner)
	} else {
		d.field(1, "not sparse")
	}
	d.field(1, "flags: inline %t, statistics %t, front %t", c.flags&flagInline != 0, c.flags&flagStats != 0, c.flags&flagFront != 0)
	d.field(2, "%d bytes of front", c.front)
	d.field(4, "%d nulls", c.nulls)
	d.field(4, "data at %x", c.at)
	d.field(4, "%d bytes of data", c.length)
	d.field(4, "checksum %08x", c.crc)
	d.field(4, "statistics at %x", c.stats)
}

func (d *dumper) stats(c *Column) {
	d.skipTo(c.stats)
	s := decodeStats(d.data[c.stats:])
	d.note("statistics of %q", c.name)
	if s.ordered {
		d.field(8, "smallest %v", show(s.value(c.typ, s.min)))
		d.field(8, "largest %v", show(s.value(c.typ, s.max)))
	} else {
		d.field(16, "no order kept")
	}
	d.field(4, "%d distinct", s.distinct)
	d.field(4, "ordered %t", s.ordered)
}

// front writes the front of a dictionary that lies in the head.
func (d *dumper) front(c *Column) {
	d.skipTo(c.frontAt())
	d.note("front of %q", c.name)
	if h := c.openHead(); h.err != nil {
		d.note("damaged: %v", h.err)
		d.field(c.front, "front")
	} else {
		dumpFront(d, c.enc, h.codes, true)
	}
}

func (d *dumper) column(c *Column) {
	d.skipTo(c.at)
	d.note("data of %q (%v, %v)", c.name, c.typ, c.enc)
	if err := c.Check(); err != nil {
		d.note("damaged: %v", err)
	} else {
		d.section(section{typ: c.typ, enc: c.enc, inner: c.inner, rows: c.Rows(), nulls: c.nulls, data: c.data, front: c.head.Load().reader()})
	}
	if end := c.at + c.length; d.at < end {
		d.field(end-d.at, "rest")
	}
}

// section writes a section that open has accepted; it begins at d.at.
func (d *dumper) section(s section) {
	if s.enc != EncConstant && s.enc != EncDict && s.enc != EncBase && s.enc != EncSparse && s.nulls > 0 {
		n := bitmapWords(s.rows) * 8
		d.field(n, "rows that are not null")
		s.data = s.data[n:]
	}
	switch s.enc {
	case EncConstant:
		d.field(len(s.data), "every row")
	case EncDict:
		dumpDict(d, s)
	case EncRaw:
		d.field(8*s.rows, "values")
	case EncFOR:
		dumpFOR(d, s)
	case EncDelta:
		dumpDelta(d, s)
	case EncText:
		d.field(4*s.rows, "ends")
		d.field(len(s.data)-4*s.rows, "texts")
	case EncZstd:
		dumpZstd(d, s)
	case EncList:
		dumpList(d, s)
	case EncSparse:
		dumpSparse(d, s)
	case EncALP:
		dumpALP(d, s)
	case EncAffix:
		dumpAffix(d, s)
	case EncHexID:
		dumpHexID(d, s)
	case EncTemplate:
		dumpTemplates(d, s)
	case EncBase:
		dumpBase(d, s)
	}
}

// show writes a value on one short line.
func show(v Value) string {
	switch v.Type {
	case TypeNull:
		return "null"
	case TypeFloat64:
		return fmt.Sprint(v.Float)
	case TypeString:
		return fmt.Sprintf("%.40q", v.Str)
	case TypeList:
		return fmt.Sprintf("%.40q", v.List)
	case TypeBool:
		return fmt.Sprint(v.Int != 0)
	}
	return fmt.Sprint(v.Int)
}
