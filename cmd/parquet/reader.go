package parquet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// Options say how large the parts are. The zero value is right for one ingest
// call each.
type Options struct {
	Rows  int // of a part; 0 is PartRows
	Bytes int // after which a part ends; 0 is 16 MiB
}

// Part is consecutive rows of a file.
type Part struct {
	Stream   []byte // an Arrow IPC stream
	FirstRow int64  // of the file, from 0
	Rows     int
}

// Reader reads the parts of one file, first to last.
type Reader struct {
	options Options
	footer  *footer
	leaves  []*leaf
	file    source
	schema  *arrow.Schema
	flat    []*flatField
	nested  []*nestedField
	order   []func() arrow.Array // of all fields, in the schema's order

	group     int   // the next row group
	groupLeft int64 // rows of the current one
	row       int64 // of the file
	rows      int   // of the batch being made
	err       error // what ended the reading
}

// flatField is a leaf outside of lists.
type flatField struct {
	leaf   *leaf
	number int
	column *column
	cells  cells
	at     int // cells that were taken
}

// nestedField is a list or map.
type nestedField struct {
	shape *shape
	rows  assembler
	build array.Builder
}

// Open reads the footer of a file of size bytes, and checks it as far as that
// needs nothing else. r is read until Close, from one goroutine.
func Open(r io.ReaderAt, size int64, o Options) (*Reader, error) {
	if o.Rows <= 0 {
		o.Rows = PartRows
	}
	if o.Bytes <= 0 {
		o.Bytes = partBytesDefault
	}
	f, err := readFooter(r, size)
	if err != nil {
		return nil, err
	}
	p := &Reader{options: o, footer: f, file: source{r: r}}
	var fields []field
	if p.leaves, fields, err = decodeSchema(f.elements); err != nil {
		return nil, err
	}
	if len(fields) == 0 {
		return nil, errors.New("it has no columns")
	}
	f.elements = nil
	p.setFields(fields)
	return p, p.checkGroups()
}

// Close frees what decompression holds. It does not close the file.
func (p *Reader) Close() { p.file.unpacker.close() }

// Rows is how many rows the file says it has.
func (p *Reader) Rows() int64 { return p.footer.rows }

func (p *Reader) setFields(fields []field) {
	columns := make([]arrow.Field, len(fields))
	for i, f := range fields {
		kind := f.shape.arrowType(p.leaves)
		columns[i] = arrow.Field{Name: f.name, Type: kind, Nullable: true}
		if f.shape.kind == shapeLeaf {
			flat := &flatField{leaf: p.leaves[f.shape.leaf], number: f.shape.leaf}
			p.flat = append(p.flat, flat)
			p.order = append(p.order, func() arrow.Array { return flat.take(p.rows) })
			continue
		}
		n := newNested(f, p.leaves)
		p.nested = append(p.nested, n)
		p.order = append(p.order, func() arrow.Array { return n.build.NewArray() })
	}
	p.schema = arrow.NewSchema(columns, nil)
}

func newNested(f field, leaves []*leaf) *nestedField {
	n := &nestedField{shape: f.shape, build: array.NewBuilder(memory.DefaultAllocator, f.shape.arrowType(leaves))}
	n.rows = assembler{leaves: leaves, first: f.shape.leaf, cursors: make([]cursor, f.shape.leaves)}
	return n
}

// checkGroups finds what is wrong with any row group before a row is read.
func (p *Reader) checkGroups() error {
	for i := range p.footer.groups {
		g := &p.footer.groups[i]
		if len(g.chunks) != len(p.leaves) {
			return fmt.Errorf("row group %d has %d columns, and the schema %d", i, len(g.chunks), len(p.leaves))
		}
		for k := range g.chunks {
			c, l := &g.chunks[k], p.leaves[k]
			err := knownCodec(c.codec)
			switch {
			case err != nil:
			case c.physical != l.physical:
				err = fmt.Errorf("it has physical type %d there, and %d in the schema", c.physical, l.physical)
			case l.maxRep == 0 && c.entries != g.rows || c.entries < g.rows:
				err = fmt.Errorf("it has %d values for %d rows", c.entries, g.rows)
			default:
				continue
			}
			return fmt.Errorf("column %q of row group %d cannot be read: %w", l.name, i, err)
		}
	}
	return nil
}

// Next returns the next part; io.EOF follows the last one. After an error,
// what was read before it is still returned, and then the error.
func (p *Reader) Next(ctx context.Context) (*Part, error) {
	part := &Part{FirstRow: p.row}
	var out bytes.Buffer
	w := ipc.NewWriter(&out, ipc.WithSchema(p.schema), ipc.WithAllocator(memory.DefaultAllocator))
	for p.err == nil && part.Rows < p.options.Rows && out.Len() < p.options.Bytes {
		if p.err = ctx.Err(); p.err != nil {
			break
		}
		var batch arrow.Record
		if batch, p.err = p.batch(p.options.Rows - part.Rows); p.err != nil {
			break
		}
		if err := w.Write(batch); err != nil {
			return nil, fmt.Errorf("cannot write Arrow: %w", err)
		}
		part.Rows += p.rows
	}
	if part.Rows == 0 {
		return nil, p.err
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("cannot write Arrow: %w", err)
	}
	part.Stream = out.Bytes()
	return part, nil
}

// batch makes a record batch of up to limit rows of one row group.
func (p *Reader) batch(limit int) (arrow.Record, error) {
	for p.groupLeft == 0 {
		if err := p.endGroup(); err != nil {
			return nil, err
		}
		if p.group == len(p.footer.groups) {
			return nil, io.EOF
		}
		p.beginGroup()
	}
	cells := max(batchRowsMin, min(batchRowsMax, batchCells/len(p.order)))
	p.rows = int(min(int64(limit), int64(cells), p.groupLeft))
	if err := p.fill(); err != nil {
		return nil, err
	}
	if err := p.assemble(); err != nil {
		return nil, err
	}
	arrays := make([]arrow.Array, len(p.order))
	for i, take := range p.order {
		arrays[i] = take()
	}
	p.groupLeft -= int64(p.rows)
	p.row += int64(p.rows)
	return array.NewRecord(p.schema, arrays, int64(p.rows)), nil
}

// beginGroup puts all columns to the start of the next row group.
func (p *Reader) beginGroup() {
	g := &p.footer.groups[p.group]
	p.file.held = 0
	for _, f := range p.flat {
		f.column = newColumn(&p.file, f.leaf, &g.chunks[f.number])
		f.cells.clear()
		f.at = 0
	}
	for _, n := range p.nested {
		for i := range n.rows.cursors {
			number := n.shape.leaf + i
			n.rows.cursors[i] = cursor{column: newColumn(&p.file, p.leaves[number], &g.chunks[number])}
		}
	}
	p.groupLeft = g.rows
	p.group++
}

// endGroup checks that the columns have no more values than the group has rows.
func (p *Reader) endGroup() error {
	if p.group == 0 {
		return nil
	}
	for _, n := range p.nested {
		for i := range n.rows.cursors {
			c := &n.rows.cursors[i]
			if err := c.load(); err != nil {
				return p.fault(n.shape.leaf+i, err)
			}
			if !c.ended {
				return p.fault(n.shape.leaf+i, errors.New("it has more values than the group has rows"))
			}
		}
	}
	return nil
}

// fault names the column of an error.
func (p *Reader) fault(leaf int, err error) error {
	return fmt.Errorf("column %q of row group %d cannot be read: %w", p.leaves[leaf].name, p.group-1, err)
}

// fill decodes cells of the flat fields, and shortens the batch to what all of
// them have, and to the bytes it may have.
func (p *Reader) fill() error {
	text := 0
	for _, f := range p.flat {
		if f.at == f.have() {
			f.cells.clear()
			f.at = 0
			want := int(min(int64(p.rows), f.column.available()))
			if _, err := f.column.read(want, &f.cells); err != nil {
				return p.fault(f.number, err)
			}
		}
		p.rows = min(p.rows, f.have()-f.at)
		text += f.cells.size
	}
	for text > batchBytesMax && p.rows > 1 {
		if text = p.text(); text > batchBytesMax {
			p.rows = (p.rows + 1) / 2
		}
	}
	if p.rows == 1 && text > batchBytesMax {
		if text = p.text(); text > rowBytesMax {
			return fmt.Errorf("row %d has %d bytes of text; the limit is %d", p.row+1, text, rowBytesMax)
		}
	}
	return nil
}

// text is the bytes of text of the batch in its flat fields.
func (p *Reader) text() int {
	n := 0
	for _, f := range p.flat {
		if !f.leaf.words() {
			for _, b := range f.cells.bytes[f.at : f.at+p.rows] {
				n += len(b)
			}
		}
	}
	return n
}

func (f *flatField) have() int {
	if f.leaf.words() {
		return len(f.cells.words)
	}
	return len(f.cells.bytes)
}

func (f *flatField) take(rows int) arrow.Array {
	f.at += rows
	return f.leaf.array(&f.cells, f.at-rows, f.at)
}

// assemble makes the batch's rows of the nested fields, row by row of all, so
// that they end together if their bytes are many.
func (p *Reader) assemble() error {
	if len(p.nested) == 0 {
		return nil
	}
	text := 0
	for row := range p.rows {
		if text > batchBytesMax {
			p.rows = row
			return nil
		}
		begun := text
		for _, n := range p.nested {
			if err := n.rows.row(n.shape, n.build); err != nil {
				return p.fault(n.shape.leaf, err)
			}
			text += n.rows.text + n.rows.items
			if text-begun > rowBytesMax {
				return fmt.Errorf("row %d has more than %d bytes in its lists", p.row+int64(row)+1, rowBytesMax)
			}
		}
	}
	return nil
}
