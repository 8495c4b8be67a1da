package storage

import (
	"slices"
	"sync"
)

// openedBlocks is the blocks that are kept open. What the directory of a block and
// the first touch of its columns have found out takes some 10 KB of heap for a full
// block, whose bytes are 3 MB; but of a block of one row and 100 columns it takes
// seven times the block itself, and there may be a hundred thousand of those. So
// past a bound those go that nobody has asked for lately. A block that is gone is
// opened again, and its checksums are verified again: whoever holds it keeps it.
type openedBlocks struct {
	mu    sync.Mutex
	bytes int
	line  []*extent // in the order they were opened, or last spared
	gone  int       // of them given back since
}

// openedBytes is about what an open block takes of the heap.
func openedBytes(b *Block) int { return openedBlockBytes + b.header.Columns*openedColumnBytes }

// add keeps a block open that has just been stored with its place.
func (o *openedBlocks) add(at *extent, b *Block) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if at.kept || at.block.Load() != b {
		return // its place was given back
	}
	at.kept = true
	o.bytes += openedBytes(b)
	o.line = append(o.line, at)
	for spared := 0; o.bytes > openedBytesMax && len(o.line) > 1; {
		first := o.line[0]
		o.line[0] = nil
		o.line = o.line[1:]
		b := first.block.Load()
		switch {
		case b == nil:
			o.gone--
		case first.asked.Swap(false) && spared < len(o.line):
			spared++
			o.line = append(o.line, first)
		default:
			o.bytes -= openedBytes(b)
			first.kept = false
			first.block.Store(nil)
		}
	}
}

// drop forgets the block of a place that is given back.
func (o *openedBlocks) drop(at *extent) {
	o.mu.Lock()
	defer o.mu.Unlock()
	b := at.block.Swap(nil)
	if b == nil || !at.kept {
		return
	}
	at.kept = false
	o.bytes -= openedBytes(b)
	if o.gone++; o.gone > len(o.line)/2 {
		o.line = slices.DeleteFunc(o.line, func(at *extent) bool { return at.block.Load() == nil })
		o.gone = 0
	}
}

// kept is the bytes of heap that open blocks take, and how many they are.
func (o *openedBlocks) kept() (bytes, blocks int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.bytes, len(o.line) - o.gone
}
