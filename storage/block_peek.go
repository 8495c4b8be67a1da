package storage

import (
	"os"
	"sync"
	"sync/atomic"
)

// A first look at a block in a store is by read and not through the mapping: a fault
// there maps the 16 pages around, which takes some four times as long as copying the
// few that are wanted. After a start nothing is mapped, and the first query may look
// at thousands of blocks, of which it wants the head and a front in it.
// What is read is the same page cache. Where a read does not give all, the mapping has
// the word, and what is wrong with it is found as ever.

// blockFile is where a block lies in a file; without a file it is in memory alone.
type blockFile struct {
	file      *os.File
	off       int64
	lastNames *atomic.Pointer[string] // of its blocks; see copyDirectory
}

// read fills buf with the bytes of the block from at on; false: it could not.
func (f blockFile) read(buf []byte, at int) bool {
	if f.file == nil {
		return false
	}
	n, err := f.file.ReadAt(buf, f.off+int64(at))
	return err == nil && n == len(buf)
}

// peekBuf is room for the bytes of a look; it begins at a multiple of 8.
type peekBuf [peekHeadBytes / 8]uint64

var peekBufs = sync.Pool{New: func() any { return new(peekBuf) }}

// open is OpenBlock for a block that lies in a file and is mapped as data. With room
// it is made there, if its head can be read.
func (f blockFile) open(data []byte, room *BlockRoom) (*Block, error) {
	buf := room.takeHead()
	if room == nil {
		buf = peekBufs.Get().(*peekBuf)
		defer peekBufs.Put(buf)
	}
	if head := bytesOf(buf[:])[:min(peekHeadBytes, len(data))]; f.read(head, 0) {
		// A head that is longer, or wrong, is looked at where it lies.
		if h, err := decodeHeader(head, len(data)); err == nil && h.headLength <= len(head) {
			b, err := openBlock(data, head, &h, f.lastNames, room)
			if err == nil {
				b.from = f
			}
			return b, err
		}
	}
	b, err := OpenBlock(data)
	if err == nil {
		b.from = f
	}
	return b, err
}
