package storage

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A disk keeps a copy of the store's durable tables in the data directory: the
// same blocks in files, and a log of the same edits with the places there.
//
// Memory leads. Edits queue here as they are committed, and the flush goroutine
// brings them over in batches: the blocks of a batch that are still live are
// written and synced, then one edit with the net change of the whole batch. So
// a small block that is merged away within a flush is never written, and what
// the disk says is always a state that memory was in.
type disk struct {
	store     *Store
	dir       string
	lock      *dirLock
	super     *superblock        // as it is on disk; nil if there is none yet
	superLost *damagedSuperError // why the start went on without it
	wake      chan struct{}
	hurry     chan struct{} // of capacity 1: somebody waits for the next flush
	ready     chan struct{} // closed when places are known

	mu       sync.Mutex
	queue    []*edit
	oldest   int64         // ns: commit of the oldest queued row; 0: none
	flushing int64         // the same of the batch being flushed
	busy     bool          // a batch is being flushed, or the last one failed
	failed   error         // of the last flush
	synced   chan struct{} // closed and replaced after a flush, good or bad
	syncedTo uint64        // all edits up to this one are on disk, as far as they are for it
	places   map[BlockID]diskPlace
	rotten   map[BlockID]place // copies that turned out to be damaged, to be written anew; nil: none

	bytes   atomic.Int64 // of all files
	written atomic.Int64 // of blocks, since Open
	moved   atomic.Int64 // of them from one file to another

	// Of the flush goroutine alone, once the store runs.
	files   map[uint32]*diskFile
	current [diskClasses]*diskFile // that blocks are appended to
	unnamed bool                   // a file was made, and the directory not synced since
	nextNo  uint32
	toldAt  time.Time // when the log was last told of a flush that failed
	loaded  bool      // what the directory holds is known
	torn    error     // why its log was not read to the end; nil: it was
	log     *diskLog
	logNo   uint64
	known   map[uint64]bool  // tables that the log names, and whether with rows
	stale   bool             // the log does not follow memory: write it anew
	moves   map[BlockID]bool // blocks to be written to another file

	// unplaced is the blocks that the log names without a place, with their
	// tables: they are lost, and their drop must be logged like any other.
	unplaced map[BlockID]uint64

	// unlogged is where blocks were written that no synced log names yet: what a
	// flush that failed has done already.
	unlogged map[BlockID]place
}

// diskPlace is where a block lies in the data directory.
type diskPlace struct {
	place
	length int64
	table  *Table // nil until the store knows it
}

// DiskLagError says that the disk does not keep up, so that rows cannot be
// acknowledged: after a power loss they might be gone.
type DiskLagError struct {
	Dir string
	Age time.Duration // of the oldest row that is not synced
	Err error         // of the last flush; nil: it is slow
}

func (e *DiskLagError) Error() string {
	why := "the disk is too slow"
	if e.Err != nil {
		why = e.Err.Error()
	}
	return fmt.Sprintf("rows of %v ago are not synced to %s yet: %s; free the disk, or set the table's durability to %q",
		e.Age.Round(time.Millisecond), e.Dir, why, DurabilityMemory)
}

func (e *DiskLagError) Unwrap() error { return e.Err }

// openDisk locks the data directory.
func openDisk(s *Store, dir string) (*disk, error) {
	d := &disk{
		store: s, dir: dir, wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1), ready: make(chan struct{}), synced: make(chan struct{}),
		places: map[BlockID]diskPlace{}, files: map[uint32]*diskFile{}, known: map[uint64]bool{}, moves: map[BlockID]bool{},
		unplaced: map[BlockID]uint64{},
		unlogged: map[BlockID]place{}, nextNo: 1, stale: true, busy: true,
	}
	var err error
	if d.lock, err = lockDir(dir); err != nil {
		return nil, err
	}
	return d, nil
}

// adopt writes the superblock of the leaf into the data directory, before any
// block of a new epoch goes there.
func (d *disk) adopt(leaf *superblock) error {
	b := *leaf
	b.magic, b.bootHash, b.log = superMagicDisk, 0, 0
	if d.super != nil && *d.super == b {
		return nil
	}
	if err := writeSuperblock(d.dir, &b, true); err != nil {
		return err
	}
	if lost := d.superLost; lost != nil {
		d.store.cfg.Log.Error("a damaged superblock of the data directory is written anew from memory", "file", lost.path, "damage", lost.what)
	}
	d.super = &b
	return nil
}

// committed takes note of an edit. The commit mutex is held.
func (d *disk) committed(e *edit) {
	if d == nil || !d.concerns(e) {
		return
	}
	now := d.store.cfg.Now().UnixNano()
	d.mu.Lock()
	d.queue = append(d.queue, e)
	if d.oldest == 0 && len(e.adds) > 0 && len(e.marks) > 0 {
		d.oldest = now
	}
	d.mu.Unlock()
	signal(d.wake)
}

// recovered takes note of what a store found in memory: the last process may have
// died before it was synced, so until the first flush it is as old as the start,
// or receipts would not wait for a disk that lags.
func (d *disk) recovered() {
	for _, t := range d.store.Tables() {
		if d.store.onDisk(t) && slices.ContainsFunc(t.refs, func(r *Ref) bool { return r.State() == Live }) {
			d.oldest = d.store.cfg.Now().UnixNano()
			return
		}
	}
}

// concerns tells whether an edit changes anything on disk: of tables that live in
// memory alone, only their coming, going and settings.
func (d *disk) concerns(e *edit) bool {
	if len(e.tables)+len(e.settings)+len(e.gone) > 0 {
		return true
	}
	if len(e.adds)+len(e.drops)+len(e.keys)+len(e.marks) == 0 {
		return false // blocks came to memory
	}
	for _, incarnation := range e.touched() {
		if d.store.onDisk(d.store.numbered(incarnation)) {
			return true
		}
	}
	return false
}

// lag is the age of the oldest row that is not synced.
func (d *disk) lag() (age time.Duration, synced <-chan struct{}, failed error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := d.flushing
	if at == 0 {
		at = d.oldest
	}
	if at == 0 {
		return 0, d.synced, d.failed
	}
	return time.Duration(d.store.cfg.Now().UnixNano() - at), d.synced, d.failed
}

// status fills in what the disk has to say.
func (d *disk) status(st *Status) {
	if d == nil {
		return
	}
	age, _, failed := d.lag()
	st.Unsynced, st.DiskBytes = age, d.bytes.Load()
	if failed != nil {
		st.DiskError = failed.Error()
	}
}

// find returns where a block lies on disk.
func (d *disk) find(id BlockID) (diskPlace, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p, ok := d.places[id]
	return p, ok
}

// flushLoop brings edits to disk until the store closes, and then once more.
func (d *disk) flushLoop() {
	defer d.store.running.Done()
	if !d.loaded {
		d.rest(d.store.cfg.StartRest, nil) // who is in a hurry waits for the flush after it
	}
	if !d.prepare() {
		return
	}
	for last := false; !last; {
		hurried := false
		select {
		case <-d.wake:
		case <-d.hurry:
			hurried = true
		case <-d.store.closing:
			last = true
		}
		if !last && (!hurried || d.failure() != nil) {
			last = d.pause()
		}
		d.flushOnce()
	}
}

// pause lets edits gather before a flush, unless somebody waits for it. After a
// flush that failed nobody cuts it short. It tells whether the store closes.
func (d *disk) pause() (closing bool) {
	if d.failure() != nil {
		return d.rest(d.store.cfg.retryEvery, nil)
	}
	return d.rest(d.store.cfg.flushEvery, d.hurry)
}

// rest waits so long, or until somebody is in a hurry or the store closes.
func (d *disk) rest(length time.Duration, hurry <-chan struct{}) (closing bool) {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-hurry:
	case <-d.store.closing:
		return true
	}
	return false
}

func (d *disk) failure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

// flushOnce flushes and tells those who wait.
func (d *disk) flushOnce() {
	err := d.flush()
	d.mu.Lock()
	before := d.failed
	d.failed = err
	close(d.synced)
	d.synced = make(chan struct{})
	d.mu.Unlock()
	if err != nil {
		if now := d.store.cfg.Now(); before == nil || now.Sub(d.toldAt) >= diskTellEvery {
			d.toldAt = now
			d.store.cfg.Log.Error("rows cannot be written to disk, and receipts wait for it", "dir", d.dir, "error", err)
		}
		signal(d.wake)
	} else if before != nil {
		d.store.cfg.Log.Info("rows go to disk again", "dir", d.dir)
	}
}

// Sync waits until all that was committed before the call is on disk. Without a
// data directory it returns at once.
func (s *Store) Sync(ctx context.Context) error {
	if s.disk == nil {
		return nil
	}
	for {
		s.disk.mu.Lock()
		idle := len(s.disk.queue) == 0 && s.disk.flushing == 0 && !s.disk.busy
		synced := s.disk.synced
		s.disk.mu.Unlock()
		if idle {
			return nil
		}
		signal(s.disk.hurry)
		select {
		case <-synced:
		case <-s.closing:
			return ErrClosed
		case <-ctx.Done():
			return errors.Join(ctx.Err(), s.disk.failure())
		}
	}
}

// close lets go of the data directory.
func (d *disk) close() error {
	var errs []error
	if d.log != nil {
		errs = append(errs, d.log.file.Close())
	}
	for _, f := range d.files {
		errs = append(errs, f.close())
	}
	return errors.Join(append(errs, d.lock.unlock())...)
}

// removeFile unlinks a file of the data directory that nothing names any more.
func (d *disk) removeFile(name string) {
	if err := d.store.cfg.files.remove(filepath.Join(d.dir, name)); err != nil {
		d.store.cfg.Log.Warn("a file cannot be removed", "error", err)
	}
}
