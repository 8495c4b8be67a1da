package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"
)

// Blocks are read from disk into a buffer, verified there while they are hot in
// the cache, and written to the file of their segment. That is less work for the
// processor than to read into the mapping: a page that is written as a whole is
// neither cleared before nor faulted in. Large blocks are read around the page
// cache, which would copy them once more and push out what others need, and so are they
// written (disk_ops.go).

// A readBuffer holds one block at a time. It belongs to one goroutine. The zero value
// takes memory of the heap.
type readBuffer struct {
	data  []byte
	whole []byte // what data is a part of, if it is not on the heap
}

// newReadBuffer returns a buffer for many blocks one after another, to be closed.
func newReadBuffer() *readBuffer {
	b := &readBuffer{whole: newReadMemory()}
	if b.whole != nil {
		b.data = alignTo(b.whole, hugePage)
	}
	return b
}

// close gives the memory back: nothing that was read may be used any more.
func (b *readBuffer) close() {
	if b.whole != nil {
		freeReadMemory(b.whole)
	}
	*b = readBuffer{}
}

// room returns n bytes, aligned for reads around the page cache. They are good
// until the next call.
func (b *readBuffer) room(n int64) []byte {
	if int64(cap(b.data)) >= n {
		return b.data[:n]
	}
	data := alignTo(make([]byte, n+diskDirectAlign), diskDirectAlign)
	if b.whole == nil && n <= readBufferBytes {
		b.data = data // else it is a rare long block
	}
	return data[:n]
}

// alignTo returns memory from its first multiple of align on.
func alignTo(memory []byte, align uintptr) []byte {
	return memory[-uintptr(unsafe.Pointer(unsafe.SliceData(memory)))%align:]
}

// readBlock reads a block from disk and verifies every checksum.
func (d *disk) readBlock(r *Ref, p diskPlace, buf *readBuffer) ([]byte, error) {
	path := filepath.Join(d.dir, diskFileName(p.file))
	data, err := readPlace(path, p, buf)
	if err != nil {
		return nil, fmt.Errorf("cannot read block %v at byte %d of %s: %w", r.ID, p.offset, path, err)
	}
	b, err := OpenBlock(data)
	if err == nil && (b.Header().ID != r.ID || b.HeaderCRC() != r.Meta.HeaderCRC) {
		err = fmt.Errorf("its header says block %v with checksum %08x, the log %08x", b.Header().ID, b.HeaderCRC(), r.Meta.HeaderCRC)
	}
	if err == nil {
		for _, c := range b.Columns() {
			// What the bytes say was right when they were written; whoever reads the
			// column looks at that again.
			if err = c.checkBytes(); err != nil {
				err = fmt.Errorf("column %q: %w", c.Name(), err)
				break
			}
		}
	}
	if err != nil {
		return nil, &badCopyError{fmt.Errorf("block %v at byte %d of %s is damaged: %w", r.ID, p.offset, path, err)}
	}
	return data, nil
}

// readPlace reads the bytes of a place: around the page cache where it can.
func readPlace(path string, p diskPlace, buf *readBuffer) ([]byte, error) {
	if p.length >= fullBlockBytes && p.offset%diskDirectAlign == 0 {
		if data, err := readFile(path, openDirect, p, roundUp(p.length, diskDirectAlign), buf); err == nil {
			return data, nil
		}
		// Not every file system can.
	}
	return readFile(path, 0, p, p.length, buf)
}

// readFile reads size bytes at a place, or up to the end of the file if the block
// is whole by then.
func readFile(path string, flags int, p diskPlace, size int64, buf *readBuffer) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|flags, 0)
	if err != nil {
		return nil, err
	}
	data := buf.room(size)
	n, err := f.ReadAt(data, p.offset)
	if int64(n) >= p.length {
		err = nil
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return data[:p.length:p.length], nil
}

// alignedBytes returns memory whose first byte is aligned as a block must be.
func alignedBytes(n int) []byte {
	return bytesOf(make([]uint64, (n+7)/8))[:n]
}
