package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// errNoSpace says that the file system or the budget has no room; callers turn
// it into an eviction or a FullError.
var errNoSpace = errors.New("no space left in memory")

// A segment is one mapped file of blocks and nothing else: small ones at multiples
// of 64, others at multiples of 64 KiB, where the log says. Its file is as long as its address
// space, but holds pages only below taken, and there not in holes. Holes begin
// and end on a grid of fullAlign bytes, whatever the size of a page.
//
// The mapping is for reading alone: blocks come in through the file. So a slice of
// a block that is taken for a buffer by mistake is a fault at the first write, and
// not another block's bytes.
type segment struct {
	no    uint32
	small bool // holds blocks of less than fullBlockBytes
	path  string
	file  *os.File
	data  []byte

	lastNames atomic.Pointer[string] // of the columns of the block opened last

	// Guarded by the allocator's mutex.
	taken  int64
	used   int64       // bytes of extents handed out
	free   []byteRange // ascending, never touching each other, all below taken
	holes  []byteRange // the same, without pages: never read, and taken before use
	closed bool        // nothing more is written here: the file was cut short

	// Guarded as well. A lane has it for itself: nobody else takes pages for it, nor
	// unlinks it. While it grows, which is outside the mutex, nobody gives some back.
	claimed bool
	growing bool
}

// byteRange is the bytes [off, end) of a file.
type byteRange struct{ off, end int64 }

// An extent is the place of one block.
type extent struct {
	seg    *segment
	off    int64
	length int64 // of the block; the place is that rounded up to the segment's grid

	// The block that lies there, as Ref.Open has opened it and as long as it is kept
	// open. It is kept with its place, so that it goes when the block is read again
	// into another. asked tells that it was asked for since it was opened or spared,
	// looked that it has been opened without being kept.
	block  atomic.Pointer[Block]
	asked  atomic.Bool
	looked atomic.Bool
	kept   bool // it is among the opened blocks, and guarded by their mutex
}

// bytes returns the block's memory. Reads of it run under Guard: the file may
// have been cut short by someone.
func (e *extent) bytes() []byte { return e.seg.data[e.off : e.off+e.length : e.off+e.length] }

// write puts the block into its place.
func (e *extent) write(block []byte) error {
	if int64(len(block)) != e.length {
		panic("BUG: a block is written to a place of another length")
	}
	if _, err := e.seg.file.WriteAt(block, e.off); err != nil {
		return fmt.Errorf("byte %d of %s: %w", e.off, e.seg.path, err)
	}
	return nil
}

// holds tells whether an address lies in the block's memory.
func (e *extent) holds(addr uintptr) bool {
	start := uintptr(unsafe.Pointer(unsafe.SliceData(e.bytes())))
	return addr >= start && addr < start+uintptr(e.length)
}

func (s *segment) align() int64 {
	if s.small {
		return smallAlign
	}
	return fullAlign
}

func (s *segment) rounded(length int64) int64 { return roundUp(length, s.align()) }

// roundUp rounds n up to a multiple of align, a power of two.
func roundUp(n, align int64) int64 { return (n + align - 1) &^ (align - 1) }

const (
	segmentSmallPrefix = "small-"
	segmentFullPrefix  = "full-"
	segmentSuffix      = ".seg"
)

func segmentName(no uint32, small bool) string {
	if small {
		return fmt.Sprintf("%s%08x%s", segmentSmallPrefix, no, segmentSuffix)
	}
	return fmt.Sprintf("%s%08x%s", segmentFullPrefix, no, segmentSuffix)
}

// parseSegmentName is the inverse of segmentName.
func parseSegmentName(name string) (no uint32, small, ok bool) {
	digits, isSmall := strings.CutPrefix(name, segmentSmallPrefix)
	if !isSmall {
		var isFull bool
		if digits, isFull = strings.CutPrefix(name, segmentFullPrefix); !isFull {
			return 0, false, false
		}
	}
	digits, ok = strings.CutSuffix(digits, segmentSuffix)
	if !ok || len(digits) != 8 {
		return 0, false, false
	}
	n, err := strconv.ParseUint(digits, 16, 32)
	return uint32(n), isSmall, err == nil
}

// createSegment makes and maps an empty segment file.
func createSegment(dir string, no uint32, small bool, capacity int64) (*segment, error) {
	path := filepath.Join(dir, segmentName(no, small))
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		if errors.Is(err, syscall.ENOSPC) {
			return nil, errNoSpace
		}
		return nil, fmt.Errorf("cannot make a segment: %w", err)
	}
	s := &segment{no: no, small: small, path: path, file: f}
	if err := s.mapFile(capacity); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path))
	}
	return s, nil
}

// openSegment maps an existing segment file. cut tells that the file was shorter
// than needed, the end of its last live block.
func openSegment(dir string, no uint32, small bool, needed int64) (s *segment, length int64, err error) {
	path := filepath.Join(dir, segmentName(no, small))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, 0, fmt.Errorf("cannot open a segment: %w", err)
	}
	st, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	s = &segment{no: no, small: small, path: path, file: f}
	if err := s.mapFile(max(st.Size(), segmentBytes, roundUp(needed, segmentStep))); err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return s, st.Size(), nil
}

// mapFile makes the file as long as its address space and maps it.
func (s *segment) mapFile(capacity int64) error {
	if err := s.file.Truncate(capacity); err != nil {
		return fmt.Errorf("cannot size %s: %w", s.path, err)
	}
	data, err := unix.Mmap(int(s.file.Fd()), 0, int(capacity), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("cannot map %s: %w", s.path, err)
	}
	s.data = data
	return nil
}

// close unmaps the segment and leaves its file.
func (s *segment) close() error {
	err := unix.Munmap(s.data)
	s.data = nil
	return errors.Join(err, s.file.Close())
}
