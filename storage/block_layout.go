package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sort"
	"sync/atomic"
)

// Byte positions of the header; doc.go draws it.
const (
	blockMagic   = "KELPBLK\n"
	blockVersion = 3

	// blockVersionOldest is the first version. Blocks that need nothing newer
	// are still written so.
	blockVersionOldest = 1

	// frontVersion is the first whose dictionaries may have their front in the head.
	frontVersion = 3

	headerCRCAt = 12
	headerIDAt  = 16
	headerBytes = 128
	entryBytes  = 32
	statsBytes  = 24
)

// header is the decoded fixed part of a block.
type header struct {
	BlockHeader
	crc        uint32
	headLength int // header, directory, names, statistics, inline columns
	namesAt    int
	namesBytes int
}

func appendHeader(dst []byte, h *header) []byte {
	dst = append(dst, blockMagic...)
	dst = appendUint16(dst, h.Version)
	dst = appendUint16(dst, 0)
	dst = appendUint32(dst, h.crc)
	dst = appendWord(dst, h.ID.Epoch)
	dst = appendWord(dst, h.ID.Seq)
	dst = appendWord(dst, uint64(h.Shard))
	dst = appendWord(dst, uint64(h.MinTime))
	dst = appendWord(dst, uint64(h.MaxTime))
	dst = appendWord(dst, uint64(h.Arrival))
	dst = appendWord(dst, h.Weight)
	dst = appendUint32(dst, uint32(h.Rows))
	dst = appendUint32(dst, uint32(h.Columns))
	dst = appendUint32(dst, uint32(h.Length))
	dst = appendUint32(dst, uint32(h.headLength))
	dst = appendUint32(dst, uint32(h.namesAt))
	dst = appendUint32(dst, uint32(h.namesBytes))
	return appendZeros(dst, headerBytes-96)
}

var (
	errNotABlock = errors.New("not a block: wrong magic")
	errCutShort  = errors.New("block is cut short")
)

// decodeHeader reads the fixed part of a block, of which there are size bytes, and
// checks what can be checked without the rest: every length in it is within size
// afterwards. data is the beginning of them.
func decodeHeader(data []byte, size int) (header, error) {
	var h header
	if len(data) < headerBytes {
		return h, fmt.Errorf("%w: %d bytes, a header has %d", errCutShort, len(data), headerBytes)
	}
	if string(data[:8]) != blockMagic {
		return h, errNotABlock
	}
	u32 := func(at int) int { return int(binary.LittleEndian.Uint32(data[at:])) }
	h.Version = binary.LittleEndian.Uint16(data[8:])
	if h.Version < blockVersionOldest || h.Version > blockVersion {
		return h, fmt.Errorf("block has version %d, this program reads %d to %d: run the newer program", h.Version, blockVersionOldest, blockVersion)
	}
	h.crc = uint32(u32(headerCRCAt))
	h.ID = BlockID{Epoch: loadWord(data, 16), Seq: loadWord(data, 24)}
	h.Shard = ShardID(loadWord(data, 32))
	h.MinTime = int64(loadWord(data, 40))
	h.MaxTime = int64(loadWord(data, 48))
	h.Arrival = int64(loadWord(data, 56))
	h.Weight = loadWord(data, 64)
	h.Rows, h.Columns, h.Length = u32(72), u32(76), u32(80)
	h.headLength, h.namesAt, h.namesBytes = u32(84), u32(88), u32(92)
	switch {
	case h.Rows < 1 || h.Rows > RowsPerBlockMax:
		return h, fmt.Errorf("block has %d rows, not 1 to %d", h.Rows, RowsPerBlockMax)
	case h.Columns < 1 || h.Columns > ColumnsPerBlockMax:
		return h, fmt.Errorf("block has %d columns, not 1 to %d", h.Columns, ColumnsPerBlockMax)
	case h.Length > size:
		return h, fmt.Errorf("%w: %d bytes of %d", errCutShort, size, h.Length)
	case h.headLength+tailBytes > h.Length || h.headLength < headerBytes+h.Columns*entryBytes:
		return h, fmt.Errorf("head of %d bytes does not fit a block of %d", h.headLength, h.Length)
	case h.namesAt < headerBytes+h.Columns*entryBytes || h.namesAt+h.namesBytes > h.headLength:
		return h, fmt.Errorf("names at %d, %d bytes, lie outside the head", h.namesAt, h.namesBytes)
	case h.MinTime > h.MaxTime:
		return h, errors.New("smallest time is later than the largest")
	}
	return h, nil
}

// Flags of a directory entry.
const (
	flagInline = 1 << 0 // the column lies in the head, under the header's checksum
	flagStats  = 1 << 1 // statistics are kept
	flagFront  = 1 << 2 // the front of a dictionary lies in the head; since version 3
	flagsKnown = flagInline | flagStats | flagFront
)

// entry is a directory entry: one stored column.
type entry struct {
	name   string
	nameAt int // from the start of the block
	typ    Type
	enc    Encoding
	inner  Encoding // of the values of a sparse column
	flags  uint8
	nulls  int
	at     int // of the data, from the start of the block
	length int
	crc    uint32
	stats  int // of the statistics and the front, from the start of the block
	front  int // bytes of the front in the head
}

// frontAt is where the front lies, from the start of the block.
func (e *entry) frontAt() int {
	if e.flags&flagStats != 0 {
		return e.stats + statsBytes
	}
	return e.stats
}

func appendEntry(dst []byte, e *entry) []byte {
	dst = appendUint32(dst, uint32(e.nameAt))
	dst = appendUint16(dst, uint16(len(e.name)))
	dst = append(dst, byte(e.typ), byte(e.enc), byte(e.inner), e.flags)
	dst = appendUint16(dst, uint16(e.front))
	dst = appendUint32(dst, uint32(e.nulls))
	dst = appendUint32(dst, uint32(e.at))
	dst = appendUint32(dst, uint32(e.length))
	dst = appendUint32(dst, e.crc)
	return appendUint32(dst, uint32(e.stats))
}

// A directory is the entries and names of a block, on the heap: what was checked
// when the block was opened stays true, whatever becomes of the block's memory.
type directory struct {
	entries []byte // entryBytes each
	names   string
	namesAt int // from the start of the block
}

// copyDirectory copies names of a block whose header is h, and entries but where they
// lie in the block's room. lastNames, which may be nil, holds the names of a block
// opened before: most blocks have those of their neighbours, and share them.
func copyDirectory(data []byte, h *header, lastNames *atomic.Pointer[string], inRoom bool) directory {
	d := directory{entries: data[headerBytes : headerBytes+h.Columns*entryBytes], namesAt: h.namesAt}
	if !inRoom {
		d.entries = bytes.Clone(d.entries)
	}
	names := data[h.namesAt : h.namesAt+h.namesBytes]
	if lastNames == nil {
		d.names = string(names)
		return d
	}
	if last := lastNames.Load(); last != nil && *last == string(names) {
		d.names = *last
		return d
	}
	own := string(names)
	d.names = own
	lastNames.Store(&own)
	return d
}

// entry decodes an entry that check found good.
func (d *directory) entry(i int) entry {
	src := d.entries[i*entryBytes:][:entryBytes]
	u32 := func(at int) int { return int(binary.LittleEndian.Uint32(src[at:])) }
	return entry{
		name: d.name(i), nameAt: u32(0), typ: Type(src[6]), enc: Encoding(src[7]), inner: Encoding(src[8]), flags: src[9],
		front: int(binary.LittleEndian.Uint16(src[10:])), nulls: u32(12), at: u32(16), length: u32(20), crc: uint32(u32(24)), stats: u32(28),
	}
}

// name is the name of an entry that check found good.
func (d *directory) name(i int) string {
	src := d.entries[i*entryBytes:][:6]
	at := int(binary.LittleEndian.Uint32(src)) - d.namesAt
	return d.names[at:][:binary.LittleEndian.Uint16(src[4:])]
}

// find returns which entries are of a name.
func (d *directory) find(name string) (from, to int) {
	columns := len(d.entries) / entryBytes
	from = sort.Search(columns, func(i int) bool { return d.name(i) >= name })
	for to = from; to < columns && d.name(to) == name; to++ {
	}
	return from, to
}

// check checks all entries of a block whose header is h: their bounds and order,
// and that there is one column time.
func (d *directory) check(h *header) error {
	times := 0
	var last entry
	for i := range h.Columns {
		nameAt, nameBytes := int(binary.LittleEndian.Uint32(d.entries[i*entryBytes:])), int(binary.LittleEndian.Uint16(d.entries[i*entryBytes+4:]))
		if nameAt < h.namesAt || nameAt+nameBytes > h.namesAt+h.namesBytes || nameBytes > ColumnNameBytesMax {
			return fmt.Errorf("name of column %d lies outside the names", i)
		}
		e := d.entry(i)
		if err := e.check(h); err != nil {
			return err
		}
		if i > 0 && !before(&last, &e) {
			return fmt.Errorf("column %q is out of order", e.name)
		}
		if e.name == TimeColumn && e.typ == TypeTime && e.nulls == 0 {
			times++
		}
		last = e
	}
	if times != 1 {
		return fmt.Errorf("no column %q of every row", TimeColumn)
	}
	return nil
}

// check checks the bounds of an entry of a block whose header is h.
func (e *entry) check(h *header) error {
	low := h.headLength
	if e.flags&flagInline != 0 {
		low = headerBytes + h.Columns*entryBytes
	}
	switch {
	case e.typ == TypeNull || e.typ >= typesCount:
		return fmt.Errorf("column %q has unknown type %d", e.name, e.typ)
	case !e.enc.known(h.Version) || (e.enc == EncSparse) != (e.inner != 0) || e.enc == EncSparse && !e.inner.known(h.Version):
		return fmt.Errorf("column %q has unknown encoding %d/%d", e.name, e.enc, e.inner)
	case e.flags&^flagsKnown != 0:
		return fmt.Errorf("column %q has unknown flags %#x", e.name, e.flags)
	case e.nulls >= h.Rows:
		return fmt.Errorf("column %q has %d nulls in %d rows", e.name, e.nulls, h.Rows)
	case e.at < low || e.at%8 != 0 || e.at+e.length > h.Length-tailBytes:
		return fmt.Errorf("column %q at %d, %d bytes, lies outside the block", e.name, e.at, e.length)
	case e.flags&flagInline != 0 && e.at+e.length > h.headLength:
		return fmt.Errorf("inline column %q at %d, %d bytes, lies outside the head", e.name, e.at, e.length)
	case e.flags&(flagStats|flagFront) != 0 && (e.stats%8 != 0 || e.stats < headerBytes+h.Columns*entryBytes || e.frontAt()+e.front > h.headLength):
		return fmt.Errorf("statistics of column %q lie outside the head", e.name)
	case e.flags&flagFront == 0 && e.front != 0 || e.flags&flagFront != 0 && !e.canFront(h):
		return fmt.Errorf("front of column %q, %d bytes, does not fit it", e.name, e.front)
	}
	return nil
}

// canFront tells whether an entry that says so can have a front in the head.
func (e *entry) canFront(h *header) bool {
	return h.Version >= frontVersion && e.flags&flagInline == 0 && (e.enc == EncDict || e.enc == EncBase) &&
		e.front >= dictHeaderBytes && e.front <= frontBytesMax && e.front%8 == 0
}

// OpenBlock opens an encoded, sealed block: it checks magic, version, lengths,
// the header's checksum and the bounds of the directory, and does not touch
// column data. Bytes after the block are ignored. The block keeps pointing into
// data, unless data does not start at a multiple of 8: then it is copied.
// OpenBlock accepts any bytes and never panics.
func OpenBlock(data []byte) (*Block, error) {
	h, err := decodeHeader(data, len(data))
	if err != nil {
		return nil, err
	}
	return openBlock(data, data, &h, nil, nil)
}

// openBlock is OpenBlock for a block whose header is h. head is the bytes of its head
// or more; of data nothing is touched but where it must be copied. lastNames is as of
// copyDirectory. The block is made in room, where head lies then, or is new.
func openBlock(data, head []byte, h *header, lastNames *atomic.Pointer[string], room *BlockRoom) (*Block, error) {
	if crc := headerChecksum(head[:h.headLength]); crc != h.crc {
		return nil, fmt.Errorf("header of block %v has checksum %08x, not %08x", h.ID, crc, h.crc)
	}
	data = data[:h.Length:h.Length]
	if !aligned(data) {
		words := make([]uint64, (len(data)+7)/8)
		owned := bytesOf(words)[:len(data):len(data)]
		copy(owned, data)
		data = owned
	}
	b := room.takeBlock()
	b.data, b.header, b.crc, b.dir = data, h.BlockHeader, h.crc, copyDirectory(head, h, lastNames, room != nil)
	if err := b.dir.check(h); err != nil {
		return nil, fmt.Errorf("cannot open block %v: %w", h.ID, err)
	}
	return b, nil
}

// before tells whether the column a stands before b in a directory.
func before(a, b *entry) bool {
	return a.name < b.name || a.name == b.name && a.typ < b.typ
}
