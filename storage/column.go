package storage

import (
	"errors"
	"sync/atomic"
)

// A Column is a stored column of a block: the values of one name and one type.
// It is safe for concurrent use.
type Column struct {
	entry
	block *Block
	data  []byte // with tailBytes of capacity after it
	head  atomic.Pointer[columnHead]
	state atomic.Pointer[columnState]
}

// columnState is what the first touch of a column finds out.
type columnState struct {
	opened
	err error
}

// Name is the name of the column.
func (c *Column) Name() string { return c.name }

// Type is the type of its values that are not null.
func (c *Column) Type() Type { return c.typ }

// Encoding is how the values are written.
func (c *Column) Encoding() Encoding { return c.enc }

// Shape says which accessor gives the values: one of Codes, Ints, Floats, Text,
// Lists.
func (c *Column) Shape() Shape {
	if c.enc == EncSparse {
		return shapeOf(c.typ, c.inner)
	}
	return shapeOf(c.typ, c.enc)
}

// Bytes is the stored size in bytes, without name and directory entry.
func (c *Column) Bytes() int { return c.front + c.length }

// Rows is the number of rows of the block.
func (c *Column) Rows() int { return c.block.header.Rows }

// NullCount is the number of rows without a value of this column's type.
func (c *Column) NullCount() int { return c.nulls }

// Stats returns the smallest and largest of the values that are not null (NaN
// is the largest float) and the number of distinct ones, 0 if not known. min and
// max are null for texts. ok is false where nothing is kept.
func (c *Column) Stats() (min, max Value, distinct int, ok bool) {
	if c.flags&flagStats == 0 {
		return min, max, 0, false
	}
	s := decodeStats(c.block.data[c.stats:])
	if s.ordered {
		min, max = s.value(c.typ, s.min), s.value(c.typ, s.max)
	}
	return min, max, s.distinct, true
}

// Check verifies the checksum and the structure of the column, the first time
// it is called; the other accessors call it. The error is a *DamageError.
func (c *Column) Check() error { return c.open().err }

func (c *Column) open() *columnState {
	if s := c.state.Load(); s != nil {
		return s
	}
	// Two callers may both do the work; they find the same.
	s := new(columnState)
	err := c.checkBytes()
	if err == nil {
		s.opened, err = c.openBody()
	}
	if err != nil {
		s.opened = opened{}
		s.err = c.block.faulty(c.name, err)
	}
	c.state.CompareAndSwap(nil, s)
	return c.state.Load()
}

var errColumnChecksum = errors.New("checksum does not match")

// checkBytes compares the checksum. Inline columns lie under the header's, which
// OpenBlock has compared.
func (c *Column) checkBytes() error {
	if c.flags&flagInline == 0 && checksum(c.data) != c.crc {
		return errColumnChecksum
	}
	return nil
}

// checkSum is checkBytes with the error that Check has; nothing is opened, which takes
// twice as long as the checksum.
func (c *Column) checkSum() error {
	if err := c.checkBytes(); err != nil {
		return c.block.faulty(c.name, err)
	}
	return nil
}

// Valid returns the bitmap of rows that are not null, nil if none is null. The
// bitmap belongs to the block or is new; do not change it. Of a damaged column no
// row is valid: ask Check or an accessor first.
func (c *Column) Valid() []uint64 {
	if c.nulls == 0 {
		return nil
	}
	s := c.open()
	switch {
	case s.err != nil:
		return make([]uint64, bitmapWords(c.Rows()))
	case s.valid != nil:
		return s.valid
	}
	valid := make([]uint64, bitmapWords(c.Rows()))
	if s.sparse != nil {
		for _, row := range s.sparse.present {
			valid[row>>6] |= 1 << (row & 63)
		}
		return valid
	}
	s.codes.setValid(valid)
	return valid
}

// ValueAt returns the value of one row, null as the zero Value. It is the slow
// way, for raw rows and tests.
func (c *Column) ValueAt(row int) (Value, error) {
	s := c.open()
	if s.err != nil {
		return Value{}, s.err
	}
	if s.valid != nil && !bitSet(s.valid, row) {
		return Value{}, nil
	}
	if s.sparse != nil {
		i, ok := s.sparse.indexOf(row)
		if !ok {
			return Value{}, nil
		}
		if s.codes != nil {
			row = i
		}
	}
	return c.valueAt(&s.opened, row)
}

// valueAt returns the value of a row that is not null, or null by code.
func (c *Column) valueAt(o *opened, row int) (Value, error) {
	switch {
	case o.codes != nil:
		code := o.codes.code(row)
		if code == o.codes.entries {
			return Value{}, nil
		}
		return o.codes.entry(code), nil
	case o.ints != nil:
		return Value{Type: c.typ, Int: o.ints.at(row)}, nil
	case o.floats != nil:
		return Float(o.floats.at(row)), nil
	case o.text != nil:
		text, err := o.text.appendAt(nil, row)
		if err != nil {
			return Value{}, c.damaged(err)
		}
		return String(string(text)), nil
	case o.lists != nil:
		v, err := o.lists.at(row)
		if err != nil {
			return Value{}, c.damaged(err)
		}
		return v, nil
	}
	panic("BUG: column without reader")
}

func (c *Column) damaged(err error) error {
	return c.block.faulty(c.name, err)
}
