package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The memory log is a mapped file of records, each an edit:
//
//	 0  8  magic "kelp\x00log"
//	 8  8  epoch
//	16  8  number of the log
//	24  8  CRC-32C of the above, then 0
//	32 32  0
//	64     records
//
//	record, at a multiple of 8:
//	 0  4  length n of the body; 0: no record, the log ends here
//	 4  4  CRC-32C over epoch, number of the log, length and body
//	 8  n  body, then zero bytes up to a multiple of 8
//
// Length and CRC are one word. It is stored last, by one atomic store, after the
// word behind the record was set to 0. So a record is either whole or not there,
// whenever the process dies.
const (
	logHead     = 64
	logWord     = 8
	logPrefix   = "edits-"
	logBodyMax  = 64 << 20
	logMagicLen = 8
)

var logMagic = [logMagicLen]byte{'k', 'e', 'l', 'p', 0, 'l', 'o', 'g'}

// errLogFull says that the address space of the log is used up: a checkpoint
// must come first.
var errLogFull = errors.New("the edit log is full")

// errLogLost says that a log cannot be read at all, and that reading it again
// will not help.
var errLogLost = errors.New("the edit log is lost")

// memoryLog is a log of a memory directory. The current one is written under the
// commit mutex; one that a checkpoint makes belongs to it until it is current, and a
// checkpoint reads the records that the old one had.
type memoryLog struct {
	number uint64
	path   string
	file   *os.File
	data   []byte
	seed   uint32 // CRC of epoch and number, where every record's CRC begins
	tail   int64  // where the next record goes
	taken  int64  // below it the file has pages
	base   int64  // length of the checkpoint it began with

	readers  int  // checkpoints that read it
	replaced bool // it is not current any more: the last reader removes it
}

func logName(number uint64) string { return fmt.Sprintf("%s%016x", logPrefix, number) }

func parseLogName(name string) (uint64, bool) {
	digits, ok := strings.CutPrefix(name, logPrefix)
	if !ok || len(digits) != 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 16, 64)
	return n, err == nil
}

func logSeed(epoch, number uint64) uint32 {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], epoch)
	binary.LittleEndian.PutUint64(b[8:], number)
	return checksum(b[:])
}

// recordWord returns the word of a record: its length and CRC.
func recordWord(seed uint32, body []byte) uint64 {
	var length [4]byte
	binary.LittleEndian.PutUint32(length[:], uint32(len(body)))
	crc := crc32.Update(crc32.Update(seed, castagnoli, length[:]), castagnoli, body)
	return uint64(crc)<<32 | uint64(len(body))
}

func appendLogHead(dst []byte, epoch, number uint64) []byte {
	start := len(dst)
	dst = append(dst, logMagic[:]...)
	dst = binary.LittleEndian.AppendUint64(dst, epoch)
	dst = binary.LittleEndian.AppendUint64(dst, number)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(checksum(dst[start:])))
	return append(dst, make([]byte, start+logHead-len(dst))...)
}

// decodeLogHead checks the head of a log and returns its epoch and number.
func decodeLogHead(src []byte) (epoch, number uint64, err error) {
	if len(src) < logHead || [logMagicLen]byte(src) != logMagic {
		return 0, 0, errors.New("not an edit log of kelp")
	}
	if got, want := binary.LittleEndian.Uint64(src[24:]), uint64(checksum(src[:24])); got != want {
		return 0, 0, fmt.Errorf("the head of the edit log is damaged: its checksum is %08x, not %08x", got, want)
	}
	return binary.LittleEndian.Uint64(src[8:]), binary.LittleEndian.Uint64(src[16:]), nil
}

// createLog makes an empty log with that much address space. It is not the
// current one until the superblock says so.
func createLog(dir string, epoch, number uint64, capacity int64) (*memoryLog, error) {
	path := filepath.Join(dir, logName(number))
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot make an edit log: %w", err)
	}
	l := &memoryLog{number: number, path: path, file: f, seed: logSeed(epoch, number)}
	err = l.mapFile(roundUp(max(capacity, memoryLogBytes), memoryLogStep))
	if err == nil {
		err = l.take(logHead + logWord + memoryLogReserve)
	}
	if err == nil {
		err = Guard(func() error { copy(l.data, appendLogHead(nil, epoch, number)); return nil })
	}
	if err != nil {
		return nil, errors.Join(err, l.close(), os.Remove(path))
	}
	l.tail, l.base = logHead, logHead
	return l, nil
}

// openLog maps the log of a directory and calls edit with the body of each
// record, which is valid until edit returns. damage tells why reading stopped
// before the end: after it there may have been more.
func openLog(dir string, epoch, number uint64, edit func(body []byte) error) (l *memoryLog, damage, err error) {
	path := filepath.Join(dir, logName(number))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, fmt.Errorf("%w: %w", errLogLost, err)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("cannot open the edit log: %w", err)
	}
	l = &memoryLog{number: number, path: path, file: f, seed: logSeed(epoch, number)}
	st, err := f.Stat()
	if err == nil {
		err = l.mapFile(max(memoryLogBytes, roundUp(st.Size(), memoryLogStep)))
	}
	if err != nil {
		return nil, nil, errors.Join(err, l.close())
	}
	// Only bytes that the file had are read: what Truncate added are holes.
	err = Guard(func() (err error) {
		l.tail, damage, err = readLog(l.data[:st.Size()], epoch, number, edit)
		return err
	})
	if errors.Is(err, errNewerEdit) {
		return nil, nil, errors.Join(fmt.Errorf("cannot read %s: %w", path, err), l.close())
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%w: %s: %w", errLogLost, path, err), l.close())
	}
	// From here on pages are certain only where take was called in this process.
	// Up to the step that the tail lies in they were taken before, so this works
	// on a full file system, too.
	l.base = l.tail
	if err := l.takeSome(l.tail + logWord); err != nil {
		return nil, nil, errors.Join(err, l.close())
	}
	return l, damage, nil
}

// takeSome is take where a lack of space is met later, by the first append.
func (l *memoryLog) takeSome(end int64) error {
	err := l.take(end)
	if errors.Is(err, errNoSpace) || errors.Is(err, errLogFull) {
		return nil
	}
	return err
}

// readLog calls edit with the body of each record and returns the end of the
// last whole one.
func readLog(data []byte, epoch, number uint64, edit func(body []byte) error) (tail int64, damage, err error) {
	gotEpoch, gotNumber, err := decodeLogHead(data)
	if err != nil {
		return 0, nil, err
	}
	if gotEpoch != epoch || gotNumber != number {
		return 0, nil, fmt.Errorf("the edit log says epoch %d number %d, the superblock %d and %d", gotEpoch, gotNumber, epoch, number)
	}
	seed := logSeed(epoch, number)
	at := int64(logHead)
	for at+logWord <= int64(len(data)) {
		word := loadRecordWord(data, at)
		if word == 0 {
			return at, nil, nil
		}
		n := int64(uint32(word))
		if n == 0 || n > int64(len(data))-at-logWord {
			return at, fmt.Errorf("record at byte %d says %d bytes, which the log does not have", at, n), nil
		}
		body := data[at+logWord : at+logWord+n]
		if recordWord(seed, body) != word {
			return at, fmt.Errorf("record at byte %d fails its checksum", at), nil
		}
		if err := edit(body); err != nil {
			return at, nil, fmt.Errorf("record at byte %d: %w", at, err)
		}
		at += logWord + roundUp(n, logWord)
	}
	return at, nil, nil
}

// loadRecordWord reads the word of a record in one piece, as it was stored. Maps
// are aligned; other bytes, of a dump, are nobody's to write meanwhile.
func loadRecordWord(data []byte, at int64) uint64 {
	if p := unsafe.Pointer(&data[at]); uintptr(p)%logWord == 0 {
		return atomic.LoadUint64((*uint64)(p))
	}
	return binary.LittleEndian.Uint64(data[at:])
}

func (l *memoryLog) mapFile(capacity int64) error {
	st, err := l.file.Stat()
	if err == nil && st.Size() != capacity { // a log that will be refused keeps its times
		err = l.file.Truncate(capacity)
	}
	if err != nil {
		return fmt.Errorf("cannot size the edit log: %w", err)
	}
	data, err := unix.Mmap(int(l.file.Fd()), 0, int(capacity), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("cannot map the edit log: %w", err)
	}
	l.data = data
	return nil
}

// take makes sure that the first end bytes of the log have pages.
func (l *memoryLog) take(end int64) error {
	if end <= l.taken {
		return nil
	}
	end = roundUp(end, memoryLogStep)
	if end > int64(len(l.data)) {
		return errLogFull
	}
	if err := takeSpace(l.file, l.taken, end-l.taken); err != nil {
		return err
	}
	l.taken = end
	return nil
}

// append publishes a record. urgent records, which free memory, may use the
// space kept in reserve.
func (l *memoryLog) append(body []byte, urgent bool) error {
	if len(body) == 0 || len(body) > logBodyMax {
		return fmt.Errorf("an edit of %d bytes cannot be logged: at most %d", len(body), logBodyMax)
	}
	next := l.tail + logWord + roundUp(int64(len(body)), logWord)
	if next+logWord > int64(len(l.data)) {
		return errLogFull
	}
	if err := l.take(next + logWord + memoryLogReserve); err != nil {
		if !urgent || next+logWord > l.taken {
			return err
		}
	}
	return Guard(func() error {
		atomic.StoreUint64(l.word(next), 0)
		failpointHalf("log.half", l.data[l.tail+logWord:], body)
		copy(l.data[l.tail+logWord:], body)
		failpoint("log.body")
		atomic.StoreUint64(l.word(l.tail), recordWord(l.seed, body))
		failpoint("log.word")
		l.tail = next
		return nil
	})
}

func (l *memoryLog) word(at int64) *uint64 { return (*uint64)(unsafe.Pointer(&l.data[at])) }

// wantsCheckpoint tells whether the log has grown enough since its checkpoint.
func (l *memoryLog) wantsCheckpoint(past int64) bool {
	return l.tail > past && (l.tail-l.base)*failpointOften > l.base
}

// doneReading ends the part of a checkpoint. A log that was replaced goes with the
// last of them. The commit mutex is held.
func (l *memoryLog) doneReading() error {
	if l.readers--; l.readers > 0 || !l.replaced {
		return nil
	}
	return errors.Join(l.close(), os.Remove(l.path))
}

// close unmaps the log and leaves its file.
func (l *memoryLog) close() error {
	var err error
	if l.data != nil {
		err = unix.Munmap(l.data)
		l.data = nil
	}
	return errors.Join(err, l.file.Close())
}
