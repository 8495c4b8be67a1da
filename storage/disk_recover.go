package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// load reads the log of the data directory and learns where its blocks lie. A
// directory without a log is empty.
func (d *disk) load() (*replay, error) {
	d.mu.Lock()
	clear(d.places) // of a load that failed
	d.mu.Unlock()
	clear(d.files)
	d.torn = nil
	logs, err := d.listFiles()
	if err != nil || len(logs) == 0 {
		d.loaded = err == nil
		return newReplay(0), err
	}
	number := slices.Max(logs)
	src, err := os.ReadFile(filepath.Join(d.dir, logName(number)))
	if err != nil {
		return nil, fmt.Errorf("cannot read the disk log: %w", err)
	}
	p := newReplay(0)
	_, torn, err := readDiskLog(src, p.takeBody)
	if errors.Is(err, errNewerEdit) {
		return nil, fmt.Errorf("cannot read the disk log %s: %w", logName(number), err)
	}
	if err != nil {
		return nil, &damagedLogError{fmt.Errorf("cannot read the disk log %s: %w", logName(number), err)}
	}
	if torn != nil {
		d.torn = &damagedLogError{fmt.Errorf("the disk log %s is not read to its end: %w", logName(number), torn)}
		d.store.cfg.Log.Warn("the disk log ends in a record that is not whole, as after a power loss", "log", logName(number), "error", torn)
	}
	for _, t := range p.tables {
		for _, a := range t.blocks {
			if a != nil && a.place.file != 0 {
				d.put(a.id, diskPlace{a.place, int64(a.meta.Length), nil})
				// A file that is missing may be put back.
				d.nextNo = max(d.nextNo, a.place.file+1)
			}
		}
	}
	for _, n := range logs {
		if n != number {
			d.removeFile(logName(n)) // the rename of the next one came, its removal did not
		}
	}
	d.loaded = true
	return p, nil
}

// incarnationGap keeps the numbers of edits that were lost with memory, in the
// last moments before a power loss, from being used again.
const incarnationGap = 1 << 24

// fromDisk makes the memory directory anew from the data directory. The blocks
// are read in the background; meanwhile their refs are loading.
func (s *Store) fromDisk(bootHash uint64) error {
	p, err := s.disk.load()
	if err != nil {
		return err
	}
	s.logDamaged = s.logDamaged || s.disk.torn != nil
	s.super.magic, s.super.layout, s.super.oldest = superMagicMemory, superLayout, superLayout
	s.super.epoch, s.super.bootHash, s.super.log = nextEpoch(s.super.epoch, s.cfg.Now(), s.super.leaf), bootHash, 1
	if err := clearMemory(s.cfg.MemoryDir); err != nil {
		return err
	}
	failpoint("open.cleared")
	p.seq += incarnationGap
	p.epoch, p.nextBlock = s.super.epoch, 0
	for _, t := range p.sorted() {
		for _, a := range t.blocks {
			if a != nil {
				a.place = place{}
			}
		}
		if t.settings.Durability == DurabilityMemory {
			// Its rows are gone with memory: this is another life of the table.
			delete(p.tables, t.incarnation)
			p.seq++
			t.incarnation = p.seq
			p.tables[t.incarnation] = t
		}
	}
	if err := s.install(p, nil); err != nil {
		return fmt.Errorf("cannot recover from disk: %w", err)
	}
	if n := s.loading.Load(); n > 0 {
		s.cfg.Log.Info("blocks are read from disk", "blocks", n)
	}
	return s.createMemory()
}

// damagedLogError says that the bytes of a log are not those that were written,
// so that reading it again will not help.
type damagedLogError struct{ err error }

func (e *damagedLogError) Error() string { return e.err.Error() }
func (e *damagedLogError) Unwrap() error { return e.err }

// prepare learns what the data directory holds, before the first flush, if the
// recovery has not done so. It tries until it knows, as the first flush unlinks
// all that no log names; false: the store closes first.
func (d *disk) prepare() bool {
	for err := d.learn(); err != nil; err = d.learn() {
		if before := d.fail(err); before == nil || before.Error() != err.Error() {
			d.store.cfg.Log.Error("nothing is written to the data directory until it can be read", "dir", d.dir, "error", err)
		}
		if d.rest(d.store.cfg.retryEvery, nil) {
			return false
		}
	}
	defer close(d.ready)
	for _, t := range d.store.Tables() {
		view := t.Pin()
		for _, r := range view.Blocks {
			d.mu.Lock()
			if p, ok := d.places[r.ID]; ok {
				p.table = t
				d.places[r.ID] = p
				t.diskBytes.Add(p.length)
			}
			d.mu.Unlock()
		}
		view.Release()
	}
	signal(d.wake)
	return true
}

// fail notes why the disk takes no rows, and returns what was noted before.
func (d *disk) fail(err error) (before error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before, d.failed = d.failed, err
	return before
}

// learn loads the log of the data directory. A log that is damaged is done
// without if memory has all that is live: then the disk is written anew.
func (d *disk) learn() error {
	if d.loaded {
		return nil
	}
	_, err := d.load()
	if err == nil {
		err = d.torn
	}
	if err == nil {
		return nil
	}
	var damaged *damagedLogError
	if !errors.As(err, &damaged) {
		return err
	}
	if n := d.onlyOnDisk(); n > 0 {
		d.loaded = false
		return fmt.Errorf("%w; %d blocks are not in memory and may be on disk alone: put the log right, or start with an empty data directory to go on without them", err, n)
	}
	if !d.loaded {
		d.store.cfg.Log.Error("the data directory cannot be read and is written anew", "dir", d.dir, "error", err)
		d.loaded = true
	}
	return nil
}

// onlyOnDisk counts the durable blocks that memory has no good copy of and whose
// place on disk is not known.
func (d *disk) onlyOnDisk() (n int) {
	for _, t := range d.store.Tables() {
		if !d.store.onDisk(t) {
			continue
		}
		view := t.Pin()
		for _, r := range view.Blocks {
			if _, ok := d.find(r.ID); !ok && r.State() != Live {
				n++
			}
		}
		view.Release()
	}
	return n
}
