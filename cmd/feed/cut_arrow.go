package feed

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// arrowCutter cuts an Arrow IPC stream behind record batches. Its messages are
//
//	0xFFFFFFFF (4) | metadata length (4) | metadata, a FlatBuffer | body
//
// and the metadata's root table holds, among others, the type of the header
// (slot 1: 1 schema, 2 dictionary batch, 3 record batch) and the length of the
// body (slot 3). Every body starts with the schema and the dictionaries seen so
// far, and ends with the mark of the end of a stream.
//
// An Arrow file is such a stream within
//
//	ARROW1 (6) | padding (2) | stream | footer | footer length (4) | ARROW1 (6)
//
// whose mark of the end some writers leave out. The footer repeats where the
// messages are, and is not needed; that it is where it should be shows that none
// is missing.
type arrowCutter struct {
	file     bool
	preamble []byte // schema and dictionaries
	inBody   []byte // the preamble as it was when the body began
	looked   int    // behind the last whole message
	end      int    // behind the last message, or before the mark of the end
	ended    bool   // the mark was seen, or a file's footer
	marked   bool   // it was the mark
	after    int64  // bytes behind the last message
	tail     []byte // the last of them
	err      error
}

// arrowFileTail is what ends a file: the footer's length and ARROW1.
const arrowFileTail = 10

const (
	arrowEnd        = 0
	arrowSchema     = 1
	arrowDictionary = 2
	arrowMark       = 0xFFFFFFFF
)

var (
	errArrowShort = errors.New("message not whole yet")
	errArrowCut   = errors.New("the end of this Arrow file is missing: it does not end with ARROW1")
	errArrowMark  = errors.New("not an Arrow IPC stream: a message does not start with FFFFFFFF")
)

func (c *arrowCutter) cut(buf []byte, final bool) int {
	for c.err == nil && !c.ended {
		n, kind, err := arrowMessage(buf[c.looked:])
		if errors.Is(err, errArrowShort) {
			if final && c.file {
				c.err = errArrowCut
			} else if final && c.looked < len(buf) {
				c.err = errors.New("the Arrow stream breaks off within a message")
			}
			break
		}
		if c.file && errors.Is(err, errArrowMark) {
			c.ended = true // behind shows whether this is the footer
			break
		}
		if err != nil {
			c.err = err
			break
		}
		if c.marked = kind == arrowEnd; c.marked {
			c.ended = true
			break
		}
		c.looked += n
		c.end = c.looked
		if kind == arrowSchema || kind == arrowDictionary {
			c.preamble = append(c.preamble, buf[c.looked-n:c.looked]...)
		}
	}
	n := c.end
	c.looked -= n
	c.end = 0
	return n
}

// behind takes what stands behind the last message. Of a stream that is the mark
// of its end, of a file the footer as well.
func (c *arrowCutter) behind(rest []byte, final bool) error {
	c.after += int64(len(rest))
	c.tail = append(c.tail, rest[max(0, len(rest)-arrowFileTail):]...)
	c.tail = c.tail[max(0, len(c.tail)-arrowFileTail):]
	if !c.file {
		if c.after > 8 {
			return errors.New("something follows the end of the Arrow stream; send several streams as files of their own")
		}
		return nil
	}
	if !final {
		return nil
	}
	if len(c.tail) < arrowFileTail || !bytes.HasSuffix(c.tail, arrowFileStart) {
		return errArrowCut
	}
	gap := c.after - arrowFileTail - int64(binary.LittleEndian.Uint32(c.tail))
	if c.marked && gap >= 8 && gap <= arrowGapMax || !c.marked && gap == 0 {
		return nil
	}
	return errors.New("this Arrow file is damaged: its messages end before its footer begins")
}

// prefix is what came before this body; the body itself holds the rest.
func (c *arrowCutter) prefix() []byte {
	before := c.inBody
	c.inBody = append([]byte{}, c.preamble...)
	return before
}

func (c *arrowCutter) suffix() []byte {
	return []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}
}

// arrowMessage returns the length and the kind of the message at the start of
// buf; the mark of the end of a stream is a message of kind arrowEnd.
func arrowMessage(buf []byte) (n int, kind byte, err error) {
	if len(buf) < 8 {
		return 0, 0, errArrowShort
	}
	if binary.LittleEndian.Uint32(buf) != arrowMark {
		return 0, 0, errArrowMark
	}
	size := int(binary.LittleEndian.Uint32(buf[4:]))
	if size == 0 {
		return 8, arrowEnd, nil
	}
	if size > arrowBytesMax {
		return 0, 0, fmt.Errorf("an Arrow message says its metadata has %d bytes; the limit is %d", size, arrowBytesMax)
	}
	if len(buf) < 8+size {
		return 0, 0, errArrowShort
	}
	meta := buf[8 : 8+size]
	header, ok1 := flatField(meta, 1, 1)
	length, ok2 := flatField(meta, 3, 8)
	if !ok1 || !ok2 || length > arrowBytesMax {
		return 0, 0, errors.New("damaged metadata in an Arrow stream")
	}
	n = 8 + size + int(length)
	if len(buf) < n {
		return 0, 0, errArrowShort
	}
	return n, byte(header), nil
}

// flatField reads a scalar of width bytes from a slot of a FlatBuffer's root
// table: 0 if the slot is absent, not ok if an offset leads outside.
func flatField(buf []byte, slot, width int) (value uint64, ok bool) {
	if len(buf) < 8 {
		return 0, false
	}
	table := int64(binary.LittleEndian.Uint32(buf))
	if table+4 > int64(len(buf)) {
		return 0, false
	}
	vtable := table - int64(int32(binary.LittleEndian.Uint32(buf[table:])))
	if vtable < 0 || vtable+4 > int64(len(buf)) {
		return 0, false
	}
	size := int64(binary.LittleEndian.Uint16(buf[vtable:]))
	entry := int64(4 + 2*slot)
	if entry+2 > size {
		return 0, true
	}
	if vtable+entry+2 > int64(len(buf)) {
		return 0, false
	}
	offset := int64(binary.LittleEndian.Uint16(buf[vtable+entry:]))
	if offset == 0 {
		return 0, true
	}
	if table+offset+int64(width) > int64(len(buf)) {
		return 0, false
	}
	for k := width - 1; k >= 0; k-- {
		value = value<<8 | uint64(buf[table+offset+int64(k)])
	}
	return value, true
}
