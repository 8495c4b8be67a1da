package storage

import (
	"fmt"
	"slices"
	"sync"
)

// Batch appends all rows of the block to dst, which takes up to RowsPerBlockMax
// rows together. Nothing is lost, but that a NaN is the one NaN of blocks and
// integers of a column that was joined with floats are floats. After an error
// dst must be Reset.
func (b *Block) Batch(dst *Batch) error {
	base := dst.rows
	if base+b.header.Rows > RowsPerBlockMax {
		return fmt.Errorf("%w: %d rows and %d more, at most %d fit", ErrBlockTooLarge, base, b.header.Rows, RowsPerBlockMax)
	}
	a := appenders.Get().(*batchAppender)
	defer appenders.Put(a)
	a.dst, a.base = dst, uint32(base)
	defer func() { a.dst = nil }()
	for _, c := range b.list {
		if err := a.column(c); err != nil {
			return err
		}
	}
	dst.rows += b.header.Rows
	dst.bytes += 8 * b.header.Rows
	return nil
}

// batchAppender appends columns to a batch; its buffers serve all of them.
type batchAppender struct {
	dst    *Batch
	base   uint32
	ints   []int64
	floats []float64
	text   TextBuf
	lists  ListBuf
}

// appenders keeps buffers from block to block. It holds nothing that can be
// observed.
var appenders = sync.Pool{New: func() any { return new(batchAppender) }}

func (a *batchAppender) column(c *Column) error {
	if c.name == TimeColumn {
		if c.typ != TypeTime {
			return c.damaged(fmt.Errorf("times of rows are of type %v", c.typ))
		}
		times, err := c.Ints(a.ints)
		if err != nil {
			return err
		}
		a.ints = times[:0:0]
		a.dst.times = append(a.dst.times, times...)
		return nil
	}
	if err := c.Check(); err != nil {
		return err
	}
	slot := a.dst.Slot([]byte(c.name))
	v := a.dst.slots[slot].Vectors[c.typ]
	if v == nil {
		v = &Vector{Type: c.typ}
		a.dst.slots[slot].Vectors[c.typ] = v
	}
	before := len(v.Rows)
	v.appendRows(c, a.base)
	rows := v.Rows[before:]
	a.dst.bytes += 8 * len(rows)
	text := len(v.Bytes)
	var err error
	switch c.typ {
	case TypeString:
		err = a.texts(c, v, rows)
	case TypeList:
		err = a.appendLists(c, v, rows)
	case TypeFloat64:
		if a.floats, err = c.Floats(a.floats); err == nil {
			for _, row := range rows {
				v.Floats = append(v.Floats, a.floats[row-a.base])
			}
		}
		a.floats = nil // they may be the block's own
	default:
		if a.ints, err = c.Ints(a.ints); err == nil {
			for _, row := range rows {
				v.Ints = append(v.Ints, a.ints[row-a.base])
			}
		}
		a.ints = nil
	}
	a.dst.bytes += len(v.Bytes) - text
	return err
}

// appendRows appends the rows of c that are not null.
func (v *Vector) appendRows(c *Column, base uint32) {
	v.Rows = slices.Grow(v.Rows, c.Rows()-c.nulls)
	valid := c.Valid()
	for row := range uint32(c.Rows()) {
		if valid == nil || bitSet(valid, int(row)) {
			v.Rows = append(v.Rows, base+row)
		}
	}
}

// texts appends texts of rows.
func (a *batchAppender) texts(c *Column, v *Vector, rows []uint32) error {
	t, err := c.Text(&a.text)
	if err != nil {
		return err
	}
	size := 0
	for _, row := range rows {
		size += len(t.At(int(row - a.base)))
	}
	if err := fitsBatch(v, size); err != nil {
		return fmt.Errorf("column %q: %w", c.name, err)
	}
	v.Bytes, v.Ends = slices.Grow(v.Bytes, size), slices.Grow(v.Ends, len(rows))
	for _, row := range rows {
		v.Bytes = append(v.Bytes, t.At(int(row-a.base))...)
		v.Ends = append(v.Ends, uint32(len(v.Bytes)))
	}
	return nil
}

// appendLists appends lists of rows.
func (a *batchAppender) appendLists(c *Column, v *Vector, rows []uint32) error {
	l, err := c.Lists(&a.lists)
	if err != nil {
		return err
	}
	size, items := 0, 0
	for _, row := range rows {
		from, to := l.Range(int(row - a.base))
		items += to - from
		for j := from; j < to; j++ {
			size += len(l.Item(j))
		}
	}
	if err := fitsBatch(v, size); err != nil || len(v.Ends)+items > BlockItemsMax {
		return fmt.Errorf("column %q, %d items: %w", c.name, len(v.Ends)+items, ErrBlockTooLarge)
	}
	for _, row := range rows {
		from, to := l.Range(int(row - a.base))
		for j := from; j < to; j++ {
			v.Bytes = append(v.Bytes, l.Item(j)...)
			v.Ends = append(v.Ends, uint32(len(v.Bytes)))
		}
		v.Lists = append(v.Lists, uint32(len(v.Ends)))
	}
	return nil
}

// fitsBatch tells whether a vector takes size more bytes of text.
func fitsBatch(v *Vector, size int) error {
	if len(v.Bytes)+size > BlockTextMax {
		return fmt.Errorf("%w: %d bytes of text, at most %d fit", ErrBlockTooLarge, len(v.Bytes)+size, BlockTextMax)
	}
	return nil
}

// MergeBlocks encodes the rows of several blocks, RowsPerBlockMax or fewer, into
// one block that is appended to dst: by time if rich, rows of equal time in the
// order of the blocks. It returns what AppendBlock returns (ErrBlockTooLarge:
// leave the blocks as they are) or a *DamageError.
func MergeBlocks(dst []byte, blocks []*Block, o BlockOptions) ([]byte, Meta, error) {
	batch := NewBatch()
	for _, b := range blocks {
		if err := b.Batch(batch); err != nil {
			return dst, Meta{}, fmt.Errorf("cannot merge block %v: %w", b.header.ID, err)
		}
	}
	return AppendBlock(dst, batch, o)
}
