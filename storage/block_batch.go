package storage

import (
	"fmt"
	"math/bits"
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
	a := appenders.Get().(*appender)
	defer appenders.Put(a)
	for _, c := range b.Columns() {
		if c.name == TimeColumn {
			if err := a.appendTimes(dst, c); err != nil {
				return err
			}
			continue
		}
		slot := dst.Slot([]byte(c.name))
		v := dst.slots[slot].Vectors[c.typ]
		if v == nil {
			v = &Vector{Type: c.typ}
			dst.slots[slot].Vectors[c.typ] = v
		}
		if err := a.appendColumn(v, c, uint32(base)); err != nil {
			return err
		}
	}
	dst.rows += b.header.Rows
	return nil
}

func (a *appender) appendTimes(dst *Batch, c *Column) error {
	if c.typ != TypeTime {
		return c.damaged(fmt.Errorf("times of rows are of type %v", c.typ))
	}
	times, err := c.Ints(a.ints)
	if err != nil {
		return err
	}
	dst.times = append(dst.times, times...)
	return nil
}

// appender appends columns to vectors; its buffers serve all of them.
type appender struct {
	ints   []int64
	floats []float64
	text   TextBuf
	lists  ListBuf
}

// appenders keeps buffers from block to block. It holds nothing that can be
// observed.
var appenders = sync.Pool{New: func() any { return new(appender) }}

// appendColumn appends the values of a column to v, as of rows from base on.
func (a *appender) appendColumn(v *Vector, c *Column, base uint32) error {
	if err := c.Check(); err != nil {
		return err
	}
	before := len(v.Rows)
	v.appendRows(c, base)
	rows := v.Rows[before:]
	switch c.typ {
	case TypeString:
		return a.appendTexts(v, c, rows, base)
	case TypeList:
		return a.appendLists(v, c, rows, base)
	case TypeFloat64:
		floats, err := c.Floats(a.floats)
		if err != nil {
			return err
		}
		v.Floats = appendOf(v.Floats, floats, rows, base)
		if c.enc != EncRaw { // then they are the block's own
			a.floats = floats
		}
	default:
		ints, err := c.Ints(a.ints)
		if err != nil {
			return err
		}
		v.Ints = appendOf(v.Ints, ints, rows, base)
		if c.enc != EncRaw {
			a.ints = ints
		}
	}
	return nil
}

// appendOf appends the values of rows, which count from base.
func appendOf[T any](dst, values []T, rows []uint32, base uint32) []T {
	if len(rows) == len(values) {
		return append(dst, values...)
	}
	for _, row := range rows {
		dst = append(dst, values[row-base])
	}
	return dst
}

// appendRows appends the rows of c that are not null.
func (v *Vector) appendRows(c *Column, base uint32) {
	v.Rows = slices.Grow(v.Rows, c.Rows()-c.nulls)
	valid := c.Valid()
	if valid == nil {
		for row := range uint32(c.Rows()) {
			v.Rows = append(v.Rows, base+row)
		}
		return
	}
	for i, w := range valid {
		for ; w != 0; w &= w - 1 {
			v.Rows = append(v.Rows, base+uint32(i*64+bits.TrailingZeros64(w)))
		}
	}
}

// appendTexts appends texts of rows.
func (a *appender) appendTexts(v *Vector, c *Column, rows []uint32, base uint32) error {
	t, err := c.Text(&a.text)
	if err != nil {
		return err
	}
	if t.Starts == nil && len(rows) == t.Len() {
		if err := v.fits(c, len(t.Bytes), 0); err != nil {
			return err
		}
		at := uint32(len(v.Bytes))
		v.Bytes = append(v.Bytes, t.Bytes...)
		v.Ends = slices.Grow(v.Ends, len(t.Ends))
		for _, end := range t.Ends {
			v.Ends = append(v.Ends, at+end)
		}
		return nil
	}
	size := 0
	for _, row := range rows {
		size += len(t.At(int(row - base)))
	}
	if err := v.fits(c, size, 0); err != nil {
		return err
	}
	v.Bytes, v.Ends = slices.Grow(v.Bytes, size), slices.Grow(v.Ends, len(rows))
	for _, row := range rows {
		v.Bytes = append(v.Bytes, t.At(int(row-base))...)
		v.Ends = append(v.Ends, uint32(len(v.Bytes)))
	}
	return nil
}

// appendLists appends lists of rows. Null rows have no items, so all items are of
// the rows.
func (a *appender) appendLists(v *Vector, c *Column, rows []uint32, base uint32) error {
	l, err := c.Lists(&a.lists)
	if err != nil {
		return err
	}
	items := int(l.Ends[len(l.Ends)-1])
	size := 0
	for j := range items {
		size += len(l.Item(j))
	}
	if err := v.fits(c, size, items); err != nil {
		return err
	}
	at := uint32(len(v.Ends))
	v.Bytes, v.Ends = slices.Grow(v.Bytes, size), slices.Grow(v.Ends, items)
	for j := range items {
		v.Bytes = append(v.Bytes, l.Item(j)...)
		v.Ends = append(v.Ends, uint32(len(v.Bytes)))
	}
	for _, row := range rows {
		v.Lists = append(v.Lists, at+l.Ends[row-base])
	}
	return nil
}

// fits tells whether v takes size more bytes of text and that many items of
// lists.
func (v *Vector) fits(c *Column, size, items int) error {
	switch {
	case len(v.Bytes)+size > BlockTextMax:
		return fmt.Errorf("%w: column %q has %d bytes of text, at most %d fit", ErrBlockTooLarge, c.name, len(v.Bytes)+size, BlockTextMax)
	case items > 0 && len(v.Ends)+items > BlockItemsMax:
		return fmt.Errorf("%w: lists of %q have %d items, at most %d fit", ErrBlockTooLarge, c.name, len(v.Ends)+items, BlockItemsMax)
	}
	return nil
}
