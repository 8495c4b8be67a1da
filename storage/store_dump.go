package storage

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// DumpFile writes what a file of a memory or data directory holds, for people: a
// superblock, a log edit by edit, or the blocks of a segment or disk file that
// the log beside it says are live. It changes nothing; of a directory in use it
// may show a state between two edits.
func DumpFile(w io.Writer, path string) error {
	name := filepath.Base(path)
	if name == superName {
		return dumpSuper(w, path)
	}
	if _, ok := parseLogName(name); ok {
		return dumpLog(w, path)
	}
	dir := filepath.Dir(path)
	if no, _, ok := parseSegmentName(name); ok {
		super, err := readSuperblock(dir, superMagicMemory)
		if err != nil {
			return err
		}
		if super == nil {
			return fmt.Errorf("no superblock beside %s says which blocks are live", path)
		}
		return dumpBlocks(w, path, filepath.Join(dir, logName(super.log)), no)
	}
	if no, ok := parseDiskFileName(name); ok {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		newest, found := uint64(0), false
		for _, e := range entries {
			if n, ok := parseLogName(e.Name()); ok {
				newest, found = max(newest, n), true
			}
		}
		if !found {
			return fmt.Errorf("no log beside %s says which blocks are live", path)
		}
		return dumpBlocks(w, path, filepath.Join(dir, logName(newest)), no)
	}
	return fmt.Errorf("%s is no file of a store: give a %q, %s*, *%s or *%s", path, superName, logPrefix, segmentSuffix, diskFileSuffix)
}

func dumpSuper(w io.Writer, path string) error {
	src, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b, err := decodeSuperblock(src, superMagicMemory, path)
	kind := "memory"
	if err != nil && len(src) >= len(superMagicDisk) && [8]byte(src) == superMagicDisk {
		kind = "data"
		b, err = decodeSuperblock(src, superMagicDisk, path)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "superblock of a %s directory\nlayout %d, readable from %d on\nleaf   %s %q\nepoch  %d\nboot   %016x\nshard  %d\nborn   %s\nlog    %s\n",
		kind, b.layout, b.oldest, b.leafID(), b.name, b.epoch, b.bootHash, b.shard, dumpTime(b.born), logName(b.log))
	return err
}

func dumpTime(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339Nano) }

// readAnyLog calls edit for every edit of a log of either kind.
func readAnyLog(path string, edit func(*edit, int) error) (damage, err error) {
	src, err := os.ReadFile(path)
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

func dumpLog(w io.Writer, path string) error {
	damage, err := readAnyLog(path, func(e *edit, size int) error { return dumpEdit(w, e, size) })
	if err != nil {
		return err
	}
	if damage != nil {
		_, err = fmt.Fprintf(w, "the log ends here: %v\n", damage)
	}
	return err
}

func dumpEdit(w io.Writer, e *edit, size int) error {
	var err error
	say := func(format string, args ...any) {
		if err == nil {
			_, err = fmt.Fprintf(w, format, args...)
		}
	}
	say("edit %d (%d bytes)\n", e.seq, size)
	if e.nextBlock != 0 {
		say("  blocks below %d are used\n", e.nextBlock)
	}
	for _, t := range e.tables {
		say("  table %d %q\n", t.incarnation, t.name)
	}
	for _, s := range e.settings {
		say("  table %d settings %+v\n", s.incarnation, s.settings)
	}
	for i := range e.adds {
		a := &e.adds[i]
		say("  table %d add %v level %d class %d thinned %d at %d:%d, %d rows, %d bytes, %s to %s, arrival %s, weight %d, crc %08x, %d buckets\n",
			a.incarnation, a.id, a.kind.level(), a.kind.class()>>2, a.kind.thinned()>>4, a.place.file, a.place.offset, a.meta.Rows, a.meta.Length,
			dumpTime(a.meta.MinTime), dumpTime(a.meta.MaxTime), dumpTime(a.meta.Arrival), a.meta.Weight, a.meta.HeaderCRC, len(a.meta.Hist))
	}
	for _, p := range e.places {
		say("  table %d move %v to %d:%d\n", p.incarnation, p.id, p.place.file, p.place.offset)
	}
	for _, d := range e.drops {
		say("  table %d drop %v\n", d.incarnation, d.id)
	}
	for i := range e.keys {
		k := &e.keys[i]
		say("  table %d key %q chunk %d digest %016x edit %d at %s, accepted %d, rejected %d\n", k.incarnation, k.key,
			k.chunk.chunk, k.chunk.digest, k.chunk.seq, dumpTime(k.chunk.at), k.chunk.receipt.Accepted, k.chunk.receipt.Rejected)
	}
	for _, m := range e.marks {
		say("  table %d added %d, horizon %s\n", m.incarnation, m.added, dumpTime(m.horizon))
	}
	for _, g := range e.gone {
		say("  table %d dropped\n", g)
	}
	return err
}

// dumpBlocks dumps the live blocks of one file, in order of their offsets.
func dumpBlocks(w io.Writer, path, log string, no uint32) error {
	p := newReplay(0)
	if _, err := readAnyLog(log, func(e *edit, _ int) error { return p.apply(e) }); err != nil {
		return fmt.Errorf("%s: %w", log, err)
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
	for _, a := range live {
		if _, err := fmt.Fprintf(w, "block %v of table %d %q at byte %d\n", a.id, a.incarnation, p.tables[a.incarnation].name, a.place.offset); err != nil {
			return err
		}
		data := alignedBytes(a.meta.Length)
		if _, err := f.ReadAt(data, a.place.offset); err != nil {
			if _, err := fmt.Fprintf(w, "  cannot be read: %v\n", err); err != nil {
				return err
			}
			continue
		}
		if err := DumpBlock(w, data); err != nil {
			if _, err := fmt.Fprintf(w, "  cannot be dumped: %v\n", err); err != nil {
				return err
			}
		}
	}
	return nil
}
