package storage

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// DumpFile writes what a file of a memory or data directory holds, for people, as
// annotated hexadecimal: a superblock, a log edit by edit, or the blocks of a
// segment or disk file that the log beside it says are live. Where nothing says
// so, it shows all that look like blocks. A file of another name is known by its
// first bytes. It changes nothing; of a directory in use it may show a state
// between two edits. Damage is shown and is no error; a file that is none of a
// store is.
func DumpFile(w io.Writer, path string) error {
	name, dir := filepath.Base(path), filepath.Dir(path)
	if no, _, ok := parseSegmentName(name); ok {
		return dumpBlocks(w, path, no, func() (string, error) {
			super, err := readSuperblock(dir, superMagicMemory)
			if err == nil && super == nil {
				err = errors.New("there is no superblock beside it")
			}
			if err != nil {
				return "", err
			}
			return filepath.Join(dir, logName(super.log)), nil
		})
	}
	if no, ok := parseDiskFileName(name); ok {
		return dumpBlocks(w, path, no, func() (string, error) { return newestLog(dir) })
	}
	if _, isLog := parseLogName(name); isLog || name == superName {
		return dumpWhole(w, path, isLog)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	var magic [8]byte
	_, err = io.ReadFull(f, magic[:])
	if closeErr := f.Close(); closeErr != nil {
		return closeErr
	}
	switch {
	case err == nil && (magic == logMagic || magic == diskLogMagic):
		return dumpWhole(w, path, true)
	case err == nil && (magic == superMagicMemory || magic == superMagicDisk):
		return dumpWhole(w, path, false)
	case err == nil && string(magic[:]) == blockMagic:
		return dumpFound(w, path)
	}
	return fmt.Errorf("%s is no file of a store: give a %q, %s*, *%s or *%s, or a copy of one", path, superName, logPrefix, segmentSuffix, diskFileSuffix)
}

// newestLog is the log of a data directory that counts.
func newestLog(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	newest, found := uint64(0), false
	for _, e := range entries {
		if n, ok := parseLogName(e.Name()); ok {
			newest, found = max(newest, n), true
		}
	}
	if !found {
		return "", errors.New("there is no log beside it")
	}
	return filepath.Join(dir, logName(newest)), nil
}

// readTaken reads a file up to the first dumpZeros that are zeros: a log in memory
// is followed by all the address space that it may grow into.
func readTaken(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var src []byte
	for {
		at := len(src)
		src = slices.Grow(src, dumpZeros)[:at+dumpZeros]
		n, err := io.ReadFull(f, src[at:])
		src = src[:at+n]
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return src, nil
		case err != nil:
			return nil, err
		case len(bytes.TrimRight(src[at:], "\x00")) == 0:
			return src, nil
		}
	}
}

func dumpWhole(w io.Writer, path string, isLog bool) error {
	src, err := readTaken(path)
	if err != nil {
		return err
	}
	d := &dumper{w: w, data: src, lines: dumpWholeMax}
	if isLog {
		d.log()
	} else {
		d.super(path)
	}
	return d.err
}

// super writes a superblock.
func (d *dumper) super(path string) {
	magic, kind := superMagicMemory, "memory"
	if len(d.data) >= len(superMagicDisk) && [8]byte(d.data) == superMagicDisk {
		magic, kind = superMagicDisk, "data"
	}
	b, err := decodeSuperblock(d.data, magic, path)
	if err != nil {
		d.note("not readable: %v", err)
	}
	var newer *LayoutError
	if len(d.data) < superCRCAt+4 || errors.As(err, &newer) {
		d.field(min(len(d.data), superHead), "head")
		d.field(len(d.data)-d.at, "rest")
		return
	}
	if b == nil { // damaged: show what it says
		b = parseSuperblock(d.data)
	}
	d.note("superblock of a %s directory", kind)
	d.field(8, "magic")
	d.field(2, "layout %d", b.layout)
	d.field(2, "readable from layout %d on", b.oldest)
	d.field(4, "checksum of the head %08x", binary.LittleEndian.Uint32(d.data[12:]))
	d.field(16, "leaf %s", b.leafID())
	d.field(8, "epoch %d", b.epoch)
	d.field(8, "boot %016x", b.bootHash)
	d.field(16, "zero")
	d.field(8, "shard %d", b.shard)
	d.field(8, "born %s", dumpTime(b.born))
	d.field(8, "log %s", logName(b.log))
	d.field(2, "%d bytes of name", binary.LittleEndian.Uint16(d.data[superNameAt:]))
	d.field(len(b.name), "name %q", b.name)
	d.skipTo(superCRCAt)
	d.field(4, "checksum behind the head %08x", binary.LittleEndian.Uint32(d.data[superCRCAt:]))
	d.lines = 1
	d.skipTo(len(d.data))
}

// log writes a log of either kind, record by record.
func (d *dumper) log() {
	onDisk := len(d.data) >= len(diskLogMagic) && [8]byte(d.data) == diskLogMagic
	head, decode, align, what := logHead, decodeLogHead, logWord, "memory"
	if onDisk {
		head, decode, align, what = diskLogHead, decodeDiskLogHead, 1, "data"
	}
	epoch, number, err := decode(d.data)
	if err != nil {
		d.note("not readable: %v", err)
		d.field(min(len(d.data), head), "head")
		d.note("%d bytes behind the head are not shown: their checksums begin with what it says", len(d.data)-d.at)
		return
	}
	d.note("log of a %s directory", what)
	d.field(8, "magic")
	d.field(8, "epoch %d", epoch)
	d.field(8, "number %d", number)
	d.field(8, "checksum %08x", binary.LittleEndian.Uint32(d.data[24:]))
	d.skipTo(head)
	record := func(body []byte) error {
		d.field(4, "%d bytes of body", len(body))
		d.field(4, "checksum %08x", binary.LittleEndian.Uint32(d.data[d.at:]))
		dumpEdit(d, body)
		d.skipTo(min(len(d.data), int(roundUp(int64(d.at), int64(align)))))
		return nil
	}
	var damage error
	if onDisk {
		_, damage, err = readDiskLog(d.data, record)
	} else {
		_, damage, err = readLog(d.data, epoch, number, record)
	}
	switch {
	case err != nil || damage != nil:
		d.note("not readable: %v", errors.Join(err, damage))
		d.field(min(len(d.data)-d.at, dumpDamageBytes), "what stands there")
	case d.at < len(d.data):
		d.note("the log ends here; zeros follow")
	default:
		d.note("the log ends here")
	}
}

func dumpTime(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }

// readAnyLog calls edit for every edit of a log of either kind.
func readAnyLog(path string, edit func(*edit, int) error) (damage, err error) {
	src, err := readTaken(path)
	if err != nil {
		return nil, err
	}
	decode := func(body []byte) error {
		e, err := decodeEdit(body)
		if err != nil {
			return err
		}
		return edit(e, len(body))
	}
	if len(src) >= len(diskLogMagic) && [8]byte(src) == diskLogMagic {
		_, damage, err = readDiskLog(src, decode)
		return damage, err
	}
	epoch, number, err := decodeLogHead(src)
	if err != nil {
		return nil, err
	}
	_, damage, err = readLog(src, epoch, number, decode)
	return damage, err
}

// dumpBlocks dumps the live blocks of one file, in order of their offsets; logPath
// says which log names them.
func dumpBlocks(w io.Writer, path string, no uint32, logPath func() (string, error)) error {
	p := newReplay(0)
	log, err := logPath()
	if err == nil {
		var damage error
		damage, err = readAnyLog(log, func(e *edit, _ int) error { return p.apply(e) })
		err = errors.Join(err, damage)
	}
	if err != nil {
		d := &dumper{w: w}
		if d.note("what is live is not known, so this is all that looks like a block: %v", err); d.err != nil {
			return d.err
		}
		return dumpFound(w, path)
	}
	var live []*editAdd
	for _, t := range p.tables {
		for _, a := range t.blocks {
			if a != nil && a.place.file == no {
				live = append(live, a)
			}
		}
	}
	slices.SortFunc(live, func(a, b *editAdd) int { return cmp.Compare(a.place.offset, b.place.offset) })
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if len(live) == 0 {
		_, err := fmt.Fprintf(w, "# no block in it is live\n")
		return err
	}
	for _, a := range live {
		if _, err := fmt.Fprintf(w, "# block %v of table %d %q at byte %d\n", a.id, a.incarnation, p.tables[a.incarnation].name, a.place.offset); err != nil {
			return err
		}
		data := alignedBytes(a.meta.Length)
		n, err := f.ReadAt(data, a.place.offset)
		if err != nil {
			if _, err := fmt.Fprintf(w, "# not readable to its end, %d of %d bytes: %v\n", n, len(data), err); err != nil {
				return err
			}
		}
		if err := DumpBlock(w, data[:n]); err != nil {
			return err
		}
	}
	return nil
}

// dumpFound dumps what looks like a block in a file: blocks begin at multiples of
// smallAlign.
func dumpFound(w io.Writer, path string) error {
	src, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for at := 0; at+len(blockMagic) <= len(src); {
		if string(src[at:at+len(blockMagic)]) != blockMagic {
			at += smallAlign
			continue
		}
		if _, err := fmt.Fprintf(w, "# a block at byte %d, maybe not live\n", at); err != nil {
			return err
		}
		if err := DumpBlock(w, src[at:]); err != nil {
			return err
		}
		step := smallAlign
		if h, err := decodeHeader(src[at:], len(src)-at); err == nil {
			step = int(roundUp(int64(h.Length), smallAlign))
		}
		at += step
	}
	return nil
}
