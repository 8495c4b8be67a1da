package storage

import "encoding/binary"

// The front of a dictionary is what stands before its codes: entries, and the rows of
// each. It answers by itself how many rows there are of each value, and whether a value
// occurs at all. Since version 3 a front of up to frontBytesMax lies in the head of the
// block, behind the statistics of its column and under the checksum of the head, and
// the column is the codes alone: the first query after a start, which asks thousands of
// blocks for their counts, reads of each the page that it has to read in any case. The
// bytes are the same in both places, but that the field "codes at", which the directory
// tells, holds the CRC-32C of the front, itself as 0: the front is read when it is first
// asked for, which may be long after the head was checked.

// frontCRCAt is where the checksum of a front in the head stands.
const frontCRCAt = 12

// splitFront takes the front of a dictionary that was just written at en.at out of the
// body, where it is worth it.
func (e *encoder) splitFront(en *entry) {
	if en.enc != EncDict && en.enc != EncBase {
		return
	}
	data := e.body[en.at:]
	if data[9]&dictCounts == 0 {
		return // it would say nothing by itself
	}
	codesAt := int(binary.LittleEndian.Uint32(data[12:]))
	size := dictFrontBytes(data, en.typ)
	if size > frontBytesMax || len(data)-codesAt < frontCodesMin {
		return
	}
	e.front = padTo(append(e.front[:0], data[:size]...), 8)
	if e.fronts+len(e.front) > frontsBytesMax {
		return
	}
	e.fronts += len(e.front)
	binary.LittleEndian.PutUint32(e.front[frontCRCAt:], 0)
	binary.LittleEndian.PutUint32(e.front[frontCRCAt:], checksum(e.front))
	en.flags |= flagFront
	en.front = len(e.front)
	e.body = append(e.body[:en.at], data[codesAt:]...)
	e.version = max(e.version, frontVersion)
}

// putFront writes what splitFront took behind the statistics of the column.
func (e *encoder) putFront(en *entry) {
	if en.flags&flagFront == 0 {
		return
	}
	if en.flags&flagStats == 0 {
		en.stats = len(e.side)
	}
	e.side = append(e.side, e.front...)
}

// dictFrontBytes is the length of the front of a dictionary of counted entries that
// the encoder wrote, without the zeros at its end.
func dictFrontBytes(data []byte, typ Type) int {
	entries := int(binary.LittleEndian.Uint32(data))
	flags := data[9]
	codes, size := entries, dictHeaderBytes
	if flags&dictHasNull != 0 {
		codes++
	}
	if flags&dictWeights != 0 {
		size += 8 * codes
	}
	if typ != TypeString {
		return size + 8*entries + 4*codes
	}
	lastEnd := binary.LittleEndian.Uint32(data[size+4*(entries-1):])
	return size + 4*entries + 4*codes + int(lastEnd)
}

// columnHead is what the first touch of a front finds out.
type columnHead struct {
	codes *codesReader // without rows; nil if err is not
	err   error
}

// reader is nil of a column without a front in the head, too.
func (h *columnHead) reader() *codesReader {
	if h == nil {
		return nil
	}
	return h.codes
}

// openHead reads the front of a column that has one in the head.
func (c *Column) openHead() *columnHead {
	if h := c.head.Load(); h != nil {
		return h
	}
	h, room := c.block.room.takeReader()
	if h.codes, h.err = c.readFront(room); h.err != nil {
		h.codes = nil
	}
	c.head.CompareAndSwap(nil, h) // two callers may both have read it; it is the same
	return c.head.Load()
}

// readFront reads the front to the heap: its pages may not be mapped, and it is used
// for as long as the block is open. In a room it is there already.
func (c *Column) readFront(room *codesReader) (*codesReader, error) {
	data := c.block.room.front(c.frontAt(), c.front)
	if data == nil {
		data = alignedBytes(c.front)
		if !c.block.from.read(data, c.frontAt()) {
			copy(data, c.block.data[c.frontAt():])
		}
	}
	crc := binary.LittleEndian.Uint32(data[frontCRCAt:])
	binary.LittleEndian.PutUint32(data[frontCRCAt:], 0)
	if checksum(data) != crc {
		return nil, errColumnChecksum
	}
	binary.LittleEndian.PutUint32(data[frontCRCAt:], uint32(c.front))
	s := section{typ: c.typ, enc: c.enc, rows: c.Rows(), nulls: c.nulls}
	return s.openEntriesIn(room, data)
}

// openBody opens a column whose bytes are good.
func (c *Column) openBody() (opened, error) {
	s := section{typ: c.typ, enc: c.enc, inner: c.inner, rows: c.Rows(), nulls: c.nulls, data: c.data}
	if c.flags&flagFront != 0 {
		h := c.openHead()
		if h.err != nil {
			return opened{}, h.err
		}
		s.front = h.codes
	}
	return s.open()
}

// entries reads the front of a dictionary and returns what is behind it.
func (s *section) entries() (_ *codesReader, body []byte, err error) {
	if s.front != nil {
		r := *s.front
		return &r, s.data, nil
	}
	r, err := s.openEntries(s.data)
	if err != nil {
		return nil, nil, err
	}
	return r, s.data[r.frontBytes:], nil
}

// dictionary returns the entries and counts of a column of codes; nil if it is none,
// or damaged.
func (c *Column) dictionary() *codesReader {
	if c.flags&flagFront != 0 {
		return c.openHead().codes
	}
	return c.open().codes
}
