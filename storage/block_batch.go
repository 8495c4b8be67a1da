package storage

import "fmt"

// Batch appends all rows of the block to dst, which takes up to RowsPerBlockMax
// rows together. Nothing is lost, but that a NaN is the one NaN of blocks and
// integers of a column that was joined with floats are floats.
func (b *Block) Batch(dst *Batch) error {
	base := dst.rows
	if base+b.header.Rows > RowsPerBlockMax {
		return fmt.Errorf("%w: %d rows and %d more, at most %d fit", ErrBlockTooLarge, base, b.header.Rows, RowsPerBlockMax)
	}
	var times []int64
	for _, c := range b.list {
		if c.name == TimeColumn && c.typ == TypeTime {
			var err error
			if times, err = c.Ints(nil); err != nil {
				return err
			}
			continue
		}
		if c.name == TimeColumn {
			return fmt.Errorf("cannot read block %v: column %q of %v", b.header.ID, c.name, c.typ)
		}
		if err := c.appendTo(dst, uint32(base)); err != nil {
			return err
		}
	}
	dst.times = append(dst.times, times...)
	dst.rows += b.header.Rows
	dst.bytes += 8 * b.header.Rows
	return nil
}

// appendTo appends the values of the column, as of rows from base on.
func (c *Column) appendTo(dst *Batch, base uint32) error {
	slot := dst.Slot([]byte(c.name))
	v := dst.slots[slot].Vectors[c.typ]
	if v == nil {
		v = &Vector{Type: c.typ}
		dst.slots[slot].Vectors[c.typ] = v
	}
	for row := range c.Rows() {
		value, err := c.ValueAt(row)
		if err != nil {
			return err
		}
		if value.IsNull() {
			continue
		}
		v.Rows = append(v.Rows, base+uint32(row))
		dst.bytes += 8
		switch c.typ {
		case TypeString:
			v.Bytes = append(v.Bytes, value.Str...)
			v.Ends = append(v.Ends, uint32(len(v.Bytes)))
			dst.bytes += len(value.Str)
		case TypeList:
			for _, item := range value.List {
				v.Bytes = append(v.Bytes, item...)
				v.Ends = append(v.Ends, uint32(len(v.Bytes)))
				dst.bytes += len(item)
			}
			v.Lists = append(v.Lists, uint32(len(v.Ends)))
		case TypeFloat64:
			v.Floats = append(v.Floats, value.Float)
		default:
			v.Ints = append(v.Ints, value.Int)
		}
	}
	return nil
}

// MergeBlocks encodes the rows of several blocks, RowsPerBlockMax or fewer, into
// one block that is appended to dst: by time if rich, rows of equal time in the
// order of the blocks. It returns what AppendBlock returns, or a *DamageError.
func MergeBlocks(dst []byte, blocks []*Block, o BlockOptions) ([]byte, Meta, error) {
	batch := NewBatch()
	for _, b := range blocks {
		if err := b.Batch(batch); err != nil {
			return dst, Meta{}, fmt.Errorf("cannot merge block %v: %w", b.header.ID, err)
		}
	}
	return AppendBlock(dst, batch, o)
}
