package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
)

// Types of pages.
const (
	pageData       = 0
	pageIndex      = 1
	pageDictionary = 2
	pageDataV2     = 3
)

// pageHead is what stands before the bytes of a page.
type pageHead struct {
	kind           int64
	size, packed   int64 // bytes, and packed ones behind the header
	crc            int64 // of the packed ones
	checked        bool  // there is a crc
	values         int64 // with nulls
	encoding       int64
	levelEncodings [2]int64
	defs, reps     int64 // bytes of the levels of a page of version 2
	plain          bool  // values of a page of version 2 that are not compressed
}

// decodePageHead reads a header, and returns how many bytes it has.
func decodePageHead(buf []byte) (h pageHead, size int, err error) {
	c := &compact{buf: buf}
	h.kind, h.levelEncodings = -1, [2]int64{encodingRLE, encodingRLE}
	c.each(func(id int64, kind byte) {
		switch id {
		case 1:
			h.kind = c.number(kind)
		case 2:
			h.size = c.number(kind)
		case 3:
			h.packed = c.number(kind)
		case 4:
			h.crc, h.checked = c.number(kind), true
		case 5, 7:
			c.inside(kind, func(id int64, kind byte) { h.decodeData(c, id, kind) })
		case 8:
			c.inside(kind, func(id int64, kind byte) { h.decodeDataV2(c, id, kind) })
		default:
			c.skip(kind)
		}
	})
	return h, c.pos, c.err
}

// decodeData also serves dictionary pages, whose first two fields are the same.
func (h *pageHead) decodeData(c *compact, id int64, kind byte) {
	switch {
	case id == 1:
		h.values = c.number(kind)
	case id == 2:
		h.encoding = c.number(kind)
	case (id == 3 || id == 4) && kind != thriftTrue && kind != thriftFalse:
		h.levelEncodings[id-3] = c.number(kind)
	default:
		c.skip(kind)
	}
}

func (h *pageHead) decodeDataV2(c *compact, id int64, kind byte) {
	switch id {
	case 1:
		h.values = c.number(kind)
	case 4:
		h.encoding = c.number(kind)
	case 5:
		h.defs = c.number(kind)
	case 6:
		h.reps = c.number(kind)
	case 7:
		h.plain = kind == thriftFalse
	default:
		c.skip(kind)
	}
}

// check holds a header against the bytes that are left in its chunk.
func (h *pageHead) check(left int64) error {
	switch {
	case h.packed < 0 || h.packed > left:
		return fmt.Errorf("a page says it has %d bytes, and %d are left", h.packed, left)
	case h.size < 0 || h.size > pageBytesMax || h.packed > pageBytesMax:
		return fmt.Errorf("a page of %d bytes is larger than %d: write it with smaller pages", max(h.size, h.packed), int64(pageBytesMax))
	case h.values < 0:
		return fmt.Errorf("a page says it has %d values", h.values)
	case h.defs < 0 || h.reps < 0 || h.defs+h.reps > min(h.size, h.packed):
		return errors.New("a page's levels are longer than the page")
	}
	return nil
}

// nextHead finds the next page of a chunk and steps over its header.
func (c *column) nextHead() (h pageHead, err error) {
	for want := int64(headBytes); ; want *= 8 {
		left := c.end - c.pos
		n := min(want, left)
		if int64(cap(c.file.head)) < n {
			c.file.head = make([]byte, n)
		}
		buf := c.file.head[:n]
		if _, err := c.file.r.ReadAt(buf, c.pos); err != nil {
			return h, err
		}
		h, size, err := decodePageHead(buf)
		if errors.Is(err, errThriftShort) && n < left && want < headBytesMax {
			continue
		}
		if err != nil {
			return h, fmt.Errorf("the header of the page at byte %d cannot be read: %w", c.pos, err)
		}
		c.pos += int64(size)
		return h, h.check(c.end - c.pos)
	}
}

// nextPage steps to the next page with values, and takes a dictionary on the way.
func (c *column) nextPage() error {
	for {
		if c.pos >= c.end {
			return fmt.Errorf("its pages end with %d values missing", c.entriesLeft)
		}
		h, err := c.nextHead()
		if err != nil {
			return err
		}
		if h.kind != pageData && h.kind != pageDataV2 && h.kind != pageDictionary {
			c.pos += h.packed
			continue
		}
		packed, err := c.readPacked(&h)
		if err != nil {
			return err
		}
		if h.kind == pageDictionary {
			if err := c.setDictionary(&h, packed); err != nil {
				return err
			}
			continue
		}
		if h.values > c.entriesLeft {
			return fmt.Errorf("a page has %d values where %d are left", h.values, c.entriesLeft)
		}
		if h.values == 0 {
			continue
		}
		if h.kind == pageData {
			return c.setPage(&h, packed)
		}
		return c.setPageV2(&h, packed)
	}
}

// readPacked reads the bytes of a page. They are valid until the next call, but
// for those that are not compressed.
func (c *column) readPacked(h *pageHead) ([]byte, error) {
	f := c.file
	var packed []byte
	if c.codec == codecNone || h.plain {
		packed = make([]byte, h.packed) // its values are parts of it
	} else {
		f.packed = slices.Grow(f.packed[:0], int(h.packed))
		packed = f.packed[:h.packed]
	}
	if _, err := f.r.ReadAt(packed, c.pos); err != nil {
		return nil, err
	}
	if h.checked && crc32.ChecksumIEEE(packed) != uint32(h.crc) {
		return nil, fmt.Errorf("the page at byte %d is damaged: its checksum does not fit", c.pos)
	}
	c.pos += h.packed
	return packed, nil
}

func (c *column) setDictionary(h *pageHead, packed []byte) error {
	if c.dict != nil {
		return errors.New("it has two dictionaries")
	}
	if h.encoding != encodingPlain && h.encoding != encodingPlainDictionary {
		return fmt.Errorf("its dictionary is encoded in an unknown way (%d)", h.encoding)
	}
	if err := c.hold(&c.dictHeld, h.size); err != nil {
		return err
	}
	data, err := c.file.unpacker.unpack(c.codec, packed, int(h.size))
	if err != nil {
		return err
	}
	c.dict, err = newDictionary(c.leaf, h.values, data)
	return err
}

// hold counts bytes that are in memory instead of those it counted there before.
func (c *column) hold(counted *int64, size int64) error {
	c.file.held += size - *counted
	*counted = size
	if c.file.held > heldBytesMax {
		return fmt.Errorf("the pages of all columns take more than %d bytes at a time: write it with smaller pages", int64(heldBytesMax))
	}
	return nil
}

// setPage takes a page of version 1 apart.
func (c *column) setPage(h *pageHead, packed []byte) error {
	if err := c.hold(&c.pageHeld, h.size); err != nil {
		return err
	}
	data, err := c.file.unpacker.unpack(c.codec, packed, int(h.size))
	if err != nil {
		return err
	}
	if c.leaf.maxRep > 0 {
		if c.reps, data, err = levels(data, c.leaf.maxRep, h.levelEncodings[1]); err != nil {
			return err
		}
	}
	if c.leaf.maxDef > 0 {
		if c.defs, data, err = levels(data, c.leaf.maxDef, h.levelEncodings[0]); err != nil {
			return err
		}
	}
	return c.setValues(h, data)
}

// levels cuts off the levels at the start of a page of version 1.
func levels(data []byte, top uint8, encoding int64) (runs hybrid, rest []byte, err error) {
	if encoding != encodingRLE {
		return hybrid{}, nil, fmt.Errorf("its levels are encoded in a way (number %d) that kelp does not know", encoding)
	}
	if len(data) < 4 {
		return hybrid{}, nil, errRunsShort
	}
	n := int64(binary.LittleEndian.Uint32(data))
	if n > int64(len(data)-4) {
		return hybrid{}, nil, errRunsShort
	}
	return newHybrid(data[4:4+n], levelWidth(top)), data[4+n:], nil
}

// levelWidth is the bits that levels up to top need.
func levelWidth(top uint8) uint {
	width := uint(0)
	for ; top > 0; top >>= 1 {
		width++
	}
	return width
}

// setPageV2 takes a page of version 2 apart: its levels are never compressed.
func (c *column) setPageV2(h *pageHead, packed []byte) error {
	if err := c.hold(&c.pageHeld, h.size); err != nil {
		return err
	}
	data, codec := packed[h.reps+h.defs:], c.codec
	if h.plain {
		codec = codecNone
	}
	if size := h.size - h.reps - h.defs; size == 0 {
		data = nil // some codecs make a byte of nothing
	} else {
		var err error
		if data, err = c.file.unpacker.unpack(codec, data, int(size)); err != nil {
			return err
		}
	}
	// Values are read while the next page of another column is unpacked.
	held := append([]byte(nil), packed[:h.reps+h.defs]...)
	c.reps = newHybrid(held[:h.reps], levelWidth(c.leaf.maxRep))
	c.defs = newHybrid(held[h.reps:], levelWidth(c.leaf.maxDef))
	return c.setValues(h, data)
}

func (c *column) setValues(h *pageHead, data []byte) (err error) {
	before, _ := c.values.(*deltaBytes)
	c.left = int(h.values)
	c.values, err = newDecoder(c.leaf, h.encoding, data, c.dict)
	c.step = batchRowsMax
	if d, ok := c.values.(*deltaBytes); ok && err == nil {
		c.step = deltaStep
		if before != nil {
			// A page should stand alone, and begins with a whole value. Some writers
			// let it go on from the last page's end.
			d.last = before.last
		}
	}
	return err
}
