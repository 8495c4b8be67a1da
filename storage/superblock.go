package storage

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A superblock says whose a directory is and how to read it. The memory
// directory and the data directory have one each, of the same form. Its first
// 64 bytes never change shape, whatever the layout, so that any version of kelp
// can tell that it must not touch a directory:
//
//	 0  8  magic "kelp\x00mem" or "kelp\x00dsk"
//	 8  2  layout of the directory
//	10  2  oldest layout whose readers may read it
//	12  4  CRC-32C of the head, these bytes as 0
//	16 16  leaf id, random
//	32  8  epoch: every block id begins with it
//	40  8  hash of the boot id (0 in a data directory)
//	48 16  0
//
// and behind them, by layouts 1 to 3 (which differ in the blocks):
//
//	64  8  shard id
//	72  8  birth of the leaf, ns since 1970
//	80  8  number of the current log; changed by one 8-byte store
//	88  2  length of the leaf's name
//	90     the name, at most 256 bytes, and zeros
//	348 4  CRC-32C of bytes 64 to 348, those of the log's number as 0; 0 where an
//	       older version wrote the superblock
//	352    zeros
//
// A new superblock is written to a file of its own and renamed; only the log
// number is changed in place, so no checksum of the superblock covers it: a log
// says in its own head which number it has.
const (
	superName     = "super"
	superBytes    = 4096
	superHead     = 64
	superLogAt    = 80
	superNameAt   = 88
	superNameMax  = 256
	superCRCAt    = 348
	superLayout   = 3 // what this version writes: blocks of version 3
	superReadable = 3 // the newest layout it reads
)

var (
	superMagicMemory = [8]byte{'k', 'e', 'l', 'p', 0, 'm', 'e', 'm'}
	superMagicDisk   = [8]byte{'k', 'e', 'l', 'p', 0, 'd', 's', 'k'}
)

type superblock struct {
	magic    [8]byte
	layout   uint16
	oldest   uint16
	leaf     [16]byte
	epoch    uint64
	bootHash uint64
	shard    ShardID
	born     int64
	log      uint64
	name     string
}

// LayoutError says that a directory was written by a newer version of kelp.
type LayoutError struct {
	Path           string
	Layout, Oldest uint16
}

func (e *LayoutError) Error() string {
	return fmt.Sprintf("%s has layout %d, readable from layout %d on; this kelp reads up to %d: start the newer version again, or give another directory",
		e.Path, e.Layout, e.Oldest, superReadable)
}

func newLeafID() (id [16]byte) {
	rand.Read(id[:]) // which never fails
	return id
}

func (b *superblock) leafID() string { return hex.EncodeToString(b.leaf[:]) }

func appendSuperblock(dst []byte, b *superblock) []byte {
	start := len(dst)
	dst = append(dst, b.magic[:]...)
	dst = binary.LittleEndian.AppendUint16(dst, b.layout)
	dst = binary.LittleEndian.AppendUint16(dst, b.oldest)
	dst = append(dst, 0, 0, 0, 0)
	dst = append(dst, b.leaf[:]...)
	dst = binary.LittleEndian.AppendUint64(dst, b.epoch)
	dst = binary.LittleEndian.AppendUint64(dst, b.bootHash)
	dst = append(dst, make([]byte, 16)...)
	binary.LittleEndian.PutUint32(dst[start+12:], checksum(dst[start:start+superHead]))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(b.shard))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(b.born))
	dst = binary.LittleEndian.AppendUint64(dst, b.log)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(b.name)))
	dst = append(dst, b.name...)
	dst = append(dst, make([]byte, start+superBytes-len(dst))...)
	binary.LittleEndian.PutUint32(dst[start+superCRCAt:], superTailChecksum(dst[start:]))
	return dst
}

// superTailChecksum is the checksum of what stands behind the head.
func superTailChecksum(src []byte) uint32 {
	tail := [superCRCAt - superHead]byte(src[superHead:])
	clear(tail[superLogAt-superHead : superNameAt-superHead])
	return checksum(tail[:])
}

// decodeSuperblock reads a superblock; path is for the error. Of a layout it
// does not know it reads the head alone and returns a LayoutError.
func decodeSuperblock(src []byte, magic [8]byte, path string) (*superblock, error) {
	if len(src) < superHead {
		return nil, damagedSuper(path, "it is %d bytes long, less than the head of a superblock", len(src))
	}
	if [8]byte(src) != magic {
		return nil, &otherSuperError{path: path, kelp: [8]byte(src) == superMagicMemory || [8]byte(src) == superMagicDisk}
	}
	head := [superHead]byte(src)
	clear(head[12:16])
	if got, want := binary.LittleEndian.Uint32(src[12:]), checksum(head[:]); got != want {
		return nil, damagedSuper(path, "the checksum of its head is %08x, not %08x", got, want)
	}
	layout, oldest := binary.LittleEndian.Uint16(src[8:]), binary.LittleEndian.Uint16(src[10:])
	if oldest > superReadable {
		return nil, &LayoutError{Path: path, Layout: layout, Oldest: oldest}
	}
	if len(src) < superNameAt+2 {
		return nil, damagedSuper(path, "it is %d bytes long, cut short", len(src))
	}
	if len(src) >= superCRCAt+4 {
		got, want := binary.LittleEndian.Uint32(src[superCRCAt:]), superTailChecksum(src)
		if got != 0 && got != want {
			return nil, damagedSuper(path, "the checksum behind its head is %08x, not %08x", got, want)
		}
	}
	if n := int(binary.LittleEndian.Uint16(src[superNameAt:])); n > superNameMax || superNameAt+2+n > len(src) {
		return nil, damagedSuper(path, "it names a leaf by %d bytes", n)
	}
	return parseSuperblock(src), nil
}

// parseSuperblock takes the fields out of a superblock that is long enough,
// whatever they are.
func parseSuperblock(src []byte) *superblock {
	b := &superblock{
		layout: binary.LittleEndian.Uint16(src[8:]), oldest: binary.LittleEndian.Uint16(src[10:]),
		epoch: binary.LittleEndian.Uint64(src[32:]), bootHash: binary.LittleEndian.Uint64(src[40:]),
		shard: ShardID(binary.LittleEndian.Uint64(src[64:])), born: int64(binary.LittleEndian.Uint64(src[72:])),
		log: binary.LittleEndian.Uint64(src[superLogAt:]),
	}
	copy(b.magic[:], src)
	copy(b.leaf[:], src[16:])
	n := min(int(binary.LittleEndian.Uint16(src[superNameAt:])), superNameMax, len(src)-superNameAt-2)
	b.name = string(src[superNameAt+2 : superNameAt+2+n])
	return b
}

// refuseNewer returns a LayoutError if one of the directories was written by a
// newer version. It comes before the locks, so that not even those are touched.
func refuseNewer(cfg *Config) error {
	for dir, magic := range map[string][8]byte{cfg.MemoryDir: superMagicMemory, cfg.DataDir: superMagicDisk} {
		if dir == "" {
			continue
		}
		var newer *LayoutError
		if _, err := readSuperblock(dir, magic); errors.As(err, &newer) {
			return err
		}
	}
	return nil
}

// raiseLayout says, before the first block of this version is written, that older
// versions cannot read all of the memory directory any more.
func (s *Store) raiseLayout() error {
	if s.super.layout >= superLayout {
		return nil
	}
	s.super.layout, s.super.oldest = superLayout, superLayout
	return writeSuperblock(s.cfg.MemoryDir, &s.super, false)
}

// readSuperblock reads the superblock of a directory; nil if there is none.
func readSuperblock(dir string, magic [8]byte) (*superblock, error) {
	path := filepath.Join(dir, superName)
	src, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read a superblock: %w", err)
	}
	return decodeSuperblock(src, magic, path)
}

// writeSuperblock puts a superblock in place of the one there is. sync makes it
// survive power loss.
func writeSuperblock(dir string, b *superblock, sync bool) error {
	tmp := filepath.Join(dir, superName+".tmp")
	f, err := os.OpenFile(tmp, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("cannot write a superblock: %w", err)
	}
	_, err = f.Write(appendSuperblock(nil, b))
	if err == nil && sync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		failpoint("super.unnamed")
		err = os.Rename(tmp, filepath.Join(dir, superName))
	}
	if err == nil && sync {
		err = syncDir(dir)
	}
	if err != nil {
		return fmt.Errorf("cannot write the superblock of %s: %w", dir, err)
	}
	return nil
}

// syncDir makes the names in a directory survive power loss.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// A logSwitch is the mapped word of the memory superblock that says which log is
// current.
type logSwitch struct{ data []byte }

func openLogSwitch(dir string) (*logSwitch, error) {
	f, err := os.OpenFile(filepath.Join(dir, superName), os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot map the superblock: %w", err)
	}
	data, err := unix.Mmap(int(f.Fd()), 0, superBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("cannot map the superblock: %w", err)
	}
	return &logSwitch{data: data}, nil
}

// store makes a log the current one, by one 8-byte store.
func (w *logSwitch) store(log uint64) {
	atomic.StoreUint64((*uint64)(unsafe.Pointer(&w.data[superLogAt])), log)
}

func (w *logSwitch) close() error { return unix.Munmap(w.data) }

// epochLeafBits are the bits of an epoch behind the seconds of the clock: some of the
// leaf's id, so that leaves that were born in the same second have epochs of their own,
// and logs say by theirs whose they are. The whole stays below 2^53, which every
// program that reads numbers holds.
const epochLeafBits = 20

// nextEpoch returns an epoch of a leaf that is newer than last. It follows the clock,
// so that an epoch stays new even when both directories were removed.
func nextEpoch(last uint64, now time.Time, leaf [16]byte) uint64 {
	own := binary.LittleEndian.Uint64(leaf[8:]) & (1<<epochLeafBits - 1) // the front is the shard
	return max(last+1, uint64(max(now.Unix(), 1))<<epochLeafBits|own)
}
