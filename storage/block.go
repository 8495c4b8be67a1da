package storage

import (
	"fmt"
	"sync"
	"unsafe"
)

// BlockID names a block for ever: the epoch of the leaf that wrote it and a
// number within the epoch. It is never used twice.
type BlockID struct{ Epoch, Seq uint64 }

func (id BlockID) String() string { return fmt.Sprintf("%d.%d", id.Epoch, id.Seq) }

// ShardID says which replicated part of a cluster's data a block belongs to.
type ShardID uint64

// BlockHeader is what stands in the first bytes of a block.
type BlockHeader struct {
	Version          uint16
	ID               BlockID
	Shard            ShardID
	Rows             int
	MinTime, MaxTime int64  // nanoseconds since 1970, inclusive
	Arrival          int64  // nanoseconds: the newest arrival of a row in it
	Weight           uint64 // sum of the rows' weights (see Weight), saturating
	Columns          int
	Length           int // bytes of the whole block
}

// Meta says of a block what the edit log keeps of it, so that views, pruning
// and promises need not touch the block. HeaderCRC is 0 until the block is
// sealed.
type Meta struct {
	Rows             int
	MinTime, MaxTime int64
	Arrival          int64
	Weight           uint64
	Length           int
	HeaderCRC        uint32
	Hist             Hist
}

// Richness says how much work an encoder puts into a block.
type Richness uint8

const (
	// Cheap is for small blocks that a merge will replace soon: rows stay in
	// the order of arrival, no text is compressed, columns lie close together.
	Cheap Richness = iota
	// Rich is for full blocks: rows in stable order of time, every encoding.
	Rich
)

// BlockOptions says how to encode a batch. The zero value is a cheap block.
type BlockOptions struct {
	Shard    ShardID
	Arrival  int64 // nanoseconds: the newest arrival of a row in the batch
	Richness Richness
}

// A Block gives access to the columns of an encoded block. It points into the
// bytes it was opened from, which must neither change nor go away while the
// block is used. It is safe for concurrent use.
type Block struct {
	data   []byte
	header BlockHeader
	crc    uint32
	dir    directory
	from   blockFile  // where it may be read, too
	room   *BlockRoom // what it is opened in; nil: it is kept

	// Of the columns, most blocks are asked for few: each is made when it is.
	mu   sync.Mutex
	made int
	list []*Column // nil where it is not made; the elements never change after
}

// DamageError says that a column of a block cannot be read.
type DamageError struct {
	Block  BlockID
	Column string
	Err    error

	addr uintptr // where the copy lies that was read; 0: not known
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("column %q of block %v is damaged: %v", e.Column, e.Block, e.Err)
}

func (e *DamageError) Unwrap() error { return e.Err }

// faulty is the error of a column of the block.
func (b *Block) faulty(column string, err error) error {
	return &DamageError{Block: b.header.ID, Column: column, Err: err, addr: uintptr(unsafe.Pointer(unsafe.SliceData(b.data)))}
}

// Header returns the header.
func (b *Block) Header() BlockHeader { return b.header }

// HeaderCRC returns the checksum of everything in the block that is not column
// data; as it covers the id and the checksums of the columns, it stands for the
// whole block.
func (b *Block) HeaderCRC() uint32 { return b.crc }

// Columns returns the stored columns by name, then type. The slice belongs to
// the block.
func (b *Block) Columns() []*Column {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.makeLocked(0, b.header.Columns)
	return b.list
}

// Find returns the stored columns of a name, one per type, or nil. The slice
// belongs to the block.
func (b *Block) Find(name string) []*Column {
	from, to := b.dir.find(name)
	if from == to {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.makeLocked(from, to)
	return b.list[from:to]
}

// makeLocked makes the columns [from, to) that are not made yet.
func (b *Block) makeLocked(from, to int) {
	if b.list == nil {
		b.list = b.room.takeList(b.header.Columns)
	}
	if b.made == len(b.list) {
		return
	}
	room := b.room.takeColumns(to - from) // else for all of them: one piece of heap, where whole blocks are read
	for i := from; i < to; i++ {
		if b.list[i] != nil {
			continue
		}
		if len(room) == 0 {
			room = make([]Column, to-i)
		}
		c := &room[0]
		room = room[1:]
		c.block, c.entry = b, b.dir.entry(i)
		c.data = b.data[c.at : c.at+c.length : c.at+c.length+tailBytes]
		b.list[i] = c
		b.made++
	}
}
