package parquet

import (
	"encoding/binary"
	"errors"
)

// compact reads structures of Thrift's compact protocol:
//
//	struct  | field | field | ... | 0 |
//	field   | id difference (4 bits) | kind (4 bits) | zigzag id, if the difference is 0 | value
//	list    | count (4 bits) | kind (4 bits) | count, if that was 15 | values
//
// Numbers are varints. The first error stays, and all that is read after it is
// zero; nothing is allocated by what a length claims.
type compact struct {
	buf []byte
	pos int
	err error
}

// Kinds of values. That of a bool in a struct is its value.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
)

var (
	errThriftShort = errors.New("it ends within a structure")
	errThrift      = errors.New("it is damaged (a structure makes no sense)")
)

func (c *compact) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

func (c *compact) byte() byte {
	if c.err != nil || c.pos >= len(c.buf) {
		c.fail(errThriftShort)
		return 0
	}
	c.pos++
	return c.buf[c.pos-1]
}

func (c *compact) uvarint() uint64 {
	if c.err != nil {
		return 0
	}
	x, n := binary.Uvarint(c.buf[c.pos:])
	if n == 0 {
		c.fail(errThriftShort)
		return 0
	}
	if n < 0 {
		c.fail(errThrift)
		return 0
	}
	c.pos += n
	return x
}

// int reads an integer of any width.
func (c *compact) int() int64 {
	u := c.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// bytes reads a binary; it is part of the buffer.
func (c *compact) bytes() []byte {
	n := c.uvarint()
	if c.err != nil {
		return nil
	}
	if n > uint64(len(c.buf)-c.pos) {
		c.fail(errThriftShort)
		return nil
	}
	c.pos += int(n)
	return c.buf[c.pos-int(n) : c.pos]
}

// each calls f for every field of a structure. f reads the value, or skips it.
func (c *compact) each(f func(id int64, kind byte)) {
	id := int64(0)
	for c.err == nil {
		head := c.byte()
		if head == 0 {
			return
		}
		if head>>4 == 0 {
			id = c.int()
		} else {
			id += int64(head >> 4)
		}
		f(id, head&15)
	}
}

// list reads how many values a list has, and of which kind. Every value takes
// at least a byte.
func (c *compact) list() (count int, kind byte) {
	head := c.byte()
	n := uint64(head >> 4)
	if n == 15 {
		n = c.uvarint()
	}
	if c.err == nil && n > uint64(len(c.buf)-c.pos) {
		c.fail(errThriftShort)
	}
	if c.err != nil {
		return 0, 0
	}
	return int(n), head & 15
}

// structs calls f in front of each structure of a list of them.
func (c *compact) structs(kind byte, f func()) {
	if kind != thriftList {
		c.fail(errThrift)
		return
	}
	n, item := c.list()
	if n > 0 && item != thriftStruct {
		c.fail(errThrift)
	}
	for ; n > 0 && c.err == nil; n-- {
		f()
	}
}

// skip reads over a value of a field.
func (c *compact) skip(kind byte) { c.skipDeep(kind, false, 0) }

func (c *compact) skipDeep(kind byte, inList bool, depth int) {
	if depth > depthMax {
		c.fail(errThrift)
	}
	if c.err != nil {
		return
	}
	switch kind {
	case thriftTrue, thriftFalse:
		if inList {
			c.byte()
		}
	case thriftByte:
		c.byte()
	case thriftI16, thriftI32, thriftI64:
		c.uvarint()
	case thriftDouble:
		for range 8 {
			c.byte()
		}
	case thriftBinary:
		c.bytes()
	case thriftList, thriftSet:
		n, item := c.list()
		for ; n > 0 && c.err == nil; n-- {
			c.skipDeep(item, true, depth+1)
		}
	case thriftMap:
		c.skipMap(depth)
	case thriftStruct:
		c.each(func(_ int64, kind byte) { c.skipDeep(kind, false, depth+1) })
	default:
		c.fail(errThrift)
	}
}

func (c *compact) skipMap(depth int) {
	n := c.uvarint()
	if n == 0 {
		return
	}
	kinds := c.byte()
	for ; n > 0 && c.err == nil; n-- {
		c.skipDeep(kinds>>4, true, depth+1)
		c.skipDeep(kinds&15, true, depth+1)
	}
}

// number reads an integer field, wrong kinds are an error.
func (c *compact) number(kind byte) int64 {
	if kind == thriftByte {
		return int64(int8(c.byte()))
	}
	if kind < thriftI16 || kind > thriftI64 {
		c.fail(errThrift)
		return 0
	}
	return c.int()
}

// text reads a binary field.
func (c *compact) text(kind byte) []byte {
	if kind != thriftBinary {
		c.fail(errThrift)
		return nil
	}
	return c.bytes()
}

// inside calls f for every field of a field that is a structure.
func (c *compact) inside(kind byte, f func(id int64, kind byte)) {
	if kind != thriftStruct {
		c.fail(errThrift)
		return
	}
	c.each(f)
}
