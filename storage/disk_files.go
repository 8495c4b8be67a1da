package storage

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A diskFile holds blocks one after another, each from a multiple of 64 on, and
// nothing else: the log names their places. Blocks are appended by one run of
// the store only; then the file is read, and unlinked when all of its blocks are
// gone. Blocks that merges will join, which go soon, have files of their own: see
// disk_compact.go.
type diskFile struct {
	no    uint32
	file  *os.File // nil in files of an earlier run
	size  int64
	live  int64 // bytes of blocks that the log names here
	count int   // blocks that the log names here
	fresh int   // blocks written here that no synced log names yet
	dirty bool  // written and not synced
	named bool  // a log may name blocks of it, also one whose sync failed
	bad   bool  // a write or a sync failed: its blocks must go elsewhere
	stuck bool  // it holds a block that cannot be read, so it cannot be done without
}

const (
	diskFilePrefix = "blocks-"
	diskFileSuffix = ".blk"
)

func diskFileName(no uint32) string {
	return fmt.Sprintf("%s%08x%s", diskFilePrefix, no, diskFileSuffix)
}

func parseDiskFileName(name string) (uint32, bool) {
	digits, ok := strings.CutPrefix(name, diskFilePrefix)
	if !ok {
		return 0, false
	}
	if digits, ok = strings.CutSuffix(digits, diskFileSuffix); !ok || len(digits) != 8 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 16, 32)
	return uint32(n), err == nil
}

func (f *diskFile) close() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}

// sync makes a file survive power loss.
func (d *disk) sync(f *os.File) error { return d.store.cfg.syncFile(f) }

// fileFor returns the file to append a block to.
func (d *disk) fileFor(class int) (*diskFile, error) {
	f := d.current[class]
	if f != nil && !f.bad && f.size < d.fileBytes(class) {
		return f, nil
	}
	no := d.nextNo
	file, err := d.store.cfg.files.create(filepath.Join(d.dir, diskFileName(no)))
	if err != nil {
		return nil, fmt.Errorf("cannot make a file for blocks: %w", err)
	}
	d.nextNo++
	f = &diskFile{no: no, file: file}
	d.files[no], d.current[class], d.unnamed = f, f, true
	return f, nil
}

// appendBlock writes a block and returns its place, which counts once it is
// synced and logged. The block lies in memory that a pin holds, or in a copy.
func (d *disk) appendBlock(id BlockID, data []byte, class int) (place, error) {
	f, err := d.fileFor(class)
	if err != nil {
		return place{}, err
	}
	length := int64(len(data))
	at := roundUp(f.size, diskAlign(length))
	f.dirty = true
	failpointTorn("disk.torn", f.file, data, at)
	// The kernel copies from the mapping: if that is cut short, it says EFAULT.
	if err := d.store.cfg.files.write(f.file, data, at); err != nil {
		d.abandon(f)
		return place{}, fmt.Errorf("cannot write block %v to disk: %w", id, err)
	}
	failpoint("disk.written")
	f.size = at + length
	f.fresh++
	d.written.Add(length)
	p := place{file: f.no, offset: at}
	d.unlogged[id] = p
	return p, nil
}

// syncFiles syncs the files that were written. A file whose sync fails is never
// synced again: the kernel may have thrown its pages away, and a second sync
// would say that all is well.
func (d *disk) syncFiles() error {
	for _, f := range d.files {
		if !f.dirty || f.bad {
			continue
		}
		if err := d.sync(f.file); err != nil {
			d.abandon(f)
			return fmt.Errorf("cannot sync %s: %w", diskFileName(f.no), err)
		}
		failpoint("disk.synced")
		f.dirty = false
	}
	if d.unnamed {
		if err := d.store.cfg.files.syncDir(d.dir); err != nil {
			return fmt.Errorf("cannot sync %s: %w", d.dir, err)
		}
		d.unnamed = false
	}
	for _, f := range d.files {
		f.named = f.named || f.fresh > 0 // what comes next is a log
	}
	return nil
}

// abandon gives a file up: its live blocks will be moved to another one.
func (d *disk) abandon(f *diskFile) {
	f.bad, f.fresh = true, 0
	for id, p := range d.unlogged {
		if p.file == f.no {
			delete(d.unlogged, id)
		}
	}
	d.retire(f)
	d.removeEmpty()
}

// retire lets no more blocks be appended to a file.
func (d *disk) retire(f *diskFile) {
	for i := range d.current {
		if d.current[i] == f {
			d.current[i] = nil
		}
	}
}

// put notes that the log names a block at a place, maybe another than before.
func (d *disk) put(id BlockID, p diskPlace) {
	d.mu.Lock()
	before, moved := d.places[id]
	d.places[id] = p
	d.mu.Unlock()
	if moved {
		d.count(before, -1)
	}
	d.count(p, 1)
}

// forget notes that the log no longer names a block.
func (d *disk) forget(id BlockID) {
	d.mu.Lock()
	p, ok := d.places[id]
	delete(d.places, id)
	d.mu.Unlock()
	delete(d.moves, id)
	delete(d.unplaced, id)
	if ok {
		d.count(p, -1)
	}
}

// count adds a block to the sums of its file and table, or takes it out with
// sign -1.
func (d *disk) count(p diskPlace, sign int64) {
	if f := d.files[p.file]; f != nil {
		f.live += sign * p.length
		f.count += int(sign)
	}
	if p.table != nil {
		p.table.diskBytes.Add(sign * p.length)
	}
}

// logged notes that the synced log names all blocks that were written and are
// wanted.
func (d *disk) logged() {
	clear(d.unlogged)
	for _, f := range d.files {
		f.fresh = 0
	}
	d.removeEmpty()
}

// removeEmpty unlinks the files that the synced log names no block of, but for
// those still appended to, and counts the bytes of the others. While the log is
// stale none goes that it may name: a record or a new log whose sync failed may
// yet turn out to be there, with blocks that no synced log names.
func (d *disk) removeEmpty() {
	total := int64(0)
	for no, f := range d.files {
		if f.count+f.fresh > 0 || d.isCurrent(f) || d.stale && f.named {
			total += f.size
			continue
		}
		if err := f.close(); err != nil {
			d.store.cfg.Log.Warn("a file of blocks cannot be closed", "error", err)
		}
		d.removeFile(diskFileName(no))
		failpoint("disk.removed")
		delete(d.files, no)
	}
	if d.log != nil {
		total += d.log.size
	}
	d.bytes.Store(total)
}
