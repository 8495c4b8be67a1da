package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A diskFile holds blocks one after another. Blocks are appended by one run of
// the store only; then the file is read, and unlinked when all of its blocks are
// gone. Small blocks, which go soon, have files of their own.
type diskFile struct {
	no    uint32
	file  *os.File // nil in files of an earlier run
	size  int64
	live  int64 // bytes of blocks that the log names here
	count int   // blocks that the log names here
	fresh int   // blocks written here that no synced log names yet
	dirty bool  // written and not synced
	bad   bool  // a write or a sync failed: its blocks must go elsewhere
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

// class is the index into current.
func diskClass(length int64) int {
	if length < fullBlockBytes {
		return 1
	}
	return 0
}

// fileFor returns the file to append a block to.
func (d *disk) fileFor(length int64) (*diskFile, error) {
	class := diskClass(length)
	f := d.current[class]
	if f != nil && !f.bad && f.size < d.store.cfg.diskFileBytes {
		return f, nil
	}
	no := d.nextNo
	file, err := os.OpenFile(filepath.Join(d.dir, diskFileName(no)), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot make a file for blocks: %w", err)
	}
	d.nextNo++
	f = &diskFile{no: no, file: file}
	d.files[no], d.current[class] = f, f
	return f, nil
}

// appendBlock writes a block and returns its place, which counts once it is
// synced and logged. The block lies in memory that a pin holds.
func (d *disk) appendBlock(r *Ref) (place, error) {
	e := r.extent.Load()
	f, err := d.fileFor(e.length)
	if err != nil {
		return place{}, err
	}
	at := f.size
	f.dirty = true
	failpointTorn("disk.torn", f.file, e.bytes(), at)
	// The kernel copies from the mapping: if that is cut short, it says EFAULT.
	if _, err := f.file.WriteAt(e.bytes(), at); err != nil {
		d.abandon(f)
		return place{}, fmt.Errorf("cannot write block %v to disk: %w", r.ID, err)
	}
	failpoint("disk.written")
	f.size += roundUp(e.length, smallAlign)
	f.fresh++
	p := place{file: f.no, offset: at}
	d.unlogged[r.ID] = p
	return p, nil
}

// syncFiles syncs the files that were written. A file whose sync fails is never
// synced again: the kernel may have thrown its pages away, and a second sync
// would say that all is well.
func (d *disk) syncFiles() error {
	made := false
	for _, f := range d.files {
		if !f.dirty || f.bad {
			continue
		}
		made = made || f.count == 0
		if err := d.sync(f.file); err != nil {
			d.abandon(f)
			return fmt.Errorf("cannot sync %s: %w", diskFileName(f.no), err)
		}
		failpoint("disk.synced")
		f.dirty = false
	}
	if made {
		if err := syncDir(d.dir); err != nil {
			return fmt.Errorf("cannot sync %s: %w", d.dir, err)
		}
	}
	return nil
}

// abandon gives a file up: its live blocks will be written to another one.
func (d *disk) abandon(f *diskFile) {
	f.bad, f.fresh = true, 0
	for id, p := range d.unlogged {
		if p.file == f.no {
			delete(d.unlogged, id)
		}
	}
	for i := range d.current {
		if d.current[i] == f {
			d.current[i] = nil
		}
	}
	d.moveAll(f)
	d.removeEmpty()
}

// moveAll asks for the live blocks of a file to be written elsewhere.
func (d *disk) moveAll(f *diskFile) {
	for _, id := range d.idsWhere(func(p diskPlace) bool { return p.file == f.no }) {
		d.moves[id] = true
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
// stale none goes: a record or a new log whose sync failed may yet turn out to be
// there, with blocks that no synced log names.
func (d *disk) removeEmpty() {
	total := int64(0)
	for no, f := range d.files {
		current := f == d.current[0] || f == d.current[1]
		if f.count+f.fresh > 0 || current || d.stale {
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

// pickSparse asks for the live blocks of one mostly dead file to be moved, so
// that the file can go. Files still appended to are left alone.
func (d *disk) pickSparse() {
	for _, f := range d.files {
		if f == d.current[0] || f == d.current[1] || f.count == 0 {
			continue
		}
		if float64(f.live) < diskRewriteShare*float64(f.size) {
			d.moveAll(f)
			return
		}
	}
}

// readBlock reads a block from disk and verifies all of it.
func (d *disk) readBlock(id BlockID, p diskPlace) (data []byte, err error) {
	f, err := os.Open(filepath.Join(d.dir, diskFileName(p.file)))
	if err != nil {
		return nil, fmt.Errorf("cannot read block %v: %w", id, err)
	}
	data = alignedBytes(int(p.length))
	_, err = f.ReadAt(data, p.offset)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("cannot read block %v at byte %d of %s: %w", id, p.offset, f.Name(), err)
	}
	b, err := OpenBlock(data)
	if err == nil && b.Header().ID != id {
		err = fmt.Errorf("its header says block %v", b.Header().ID)
	}
	if err != nil {
		return nil, &badCopyError{fmt.Errorf("block %v at byte %d of %s is damaged: %w", id, p.offset, f.Name(), err)}
	}
	for _, c := range b.Columns() {
		if err := c.Check(); err != nil {
			return nil, &badCopyError{fmt.Errorf("block %v at byte %d of %s: %w", id, p.offset, f.Name(), err)}
		}
	}
	return data, nil
}

// alignedBytes returns memory whose first byte is aligned as a block must be.
func alignedBytes(n int) []byte {
	return bytesOf(make([]uint64, (n+7)/8))[:n]
}
