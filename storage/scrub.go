package storage

import (
	"sync/atomic"
	"time"
)

// scrubs counts what the scrub has done, and what became of damage, since Open.
type scrubs struct {
	passes   atomic.Int64
	bytes    atomic.Int64 // of blocks whose checksums were verified
	last     atomic.Int64 // ns since 1970 when the last pass ended; 0: none did
	setAside atomic.Int64 // blocks that turned out to be damaged
	healed   atomic.Int64 // of them, those that were read again from disk
	copies   atomic.Int64 // copies on disk that turned out to be damaged
}

// scrub reads all blocks and their copies on disk and verifies every checksum, in
// passes, so that damage is found before a query needs the block, and also where a
// query has looked before; and that of a copy while the block is still in memory.
func (s *Store) scrub() {
	defer s.running.Done()
	wait := time.NewTimer(scrubFirst)
	defer wait.Stop()
	rest := func(d time.Duration) bool {
		wait.Reset(d)
		select {
		case <-s.closing:
			return false
		case <-wait.C:
			return true
		}
	}
	// A start has better things to do first.
	for ok := rest(scrubFirst); ok; ok = s.scrubPass(rest) && rest(scrubEvery) {
	}
}

// scrubPass checks every live block once. It rests for so long after each stretch
// of work that it takes scrubShare of one core; false: rest said to stop.
func (s *Store) scrubPass(rest func(time.Duration) bool) bool {
	owed := scrubPause
	var buf readBuffer
	for _, t := range s.Tables() {
		view := t.Pin()
		blocks := view.Blocks
		view.Release()
		for _, r := range blocks {
			if owed >= scrubPause {
				if !rest(owed) {
					return false
				}
				owed = 0
			}
			began := time.Now()
			s.scrubBlock(r, &buf)
			owed += time.Duration(float64(time.Since(began)) * (1/scrubShare - 1))
		}
	}
	s.scrubs.passes.Add(1)
	s.scrubs.last.Store(s.cfg.Now().UnixNano())
	return true
}

// scrubBlock checks a block and its copy on disk if it is still live.
func (s *Store) scrubBlock(r *Ref, buf *readBuffer) {
	view := r.table.Pin()
	defer view.Release()
	r.table.mu.Lock()
	live := r.table.byID[r.ID] == r
	r.table.mu.Unlock()
	if !live || r.State() != Live {
		return
	}
	whole := r.check() == nil // else it sets the block aside
	s.scrubs.bytes.Add(int64(r.Meta.Length))
	if whole {
		s.scrubCopy(r, buf)
	}
}

// scrubCopy checks the copy on disk of a block that is whole in memory. A copy that
// is damaged or gone is written anew: while memory has the block nobody misses
// anything, after a power loss its rows would be gone.
func (s *Store) scrubCopy(r *Ref, buf *readBuffer) {
	d := s.disk
	if d == nil {
		return
	}
	select {
	case <-d.ready:
	default:
		return // where the copies lie is not known yet
	}
	p, ok := d.find(r.ID)
	if !ok {
		return
	}
	_, err := d.readBlock(r, p, buf)
	if err == nil || !d.replace(r.ID, p.place) {
		return
	}
	s.scrubs.copies.Add(1)
	s.cfg.Log.Error("a block's copy on disk is damaged, and is written again from memory", "table", r.table.name, "block", r.ID.String(), "rows", r.Meta.Rows, "error", err)
}
