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
}

// scrub reads all blocks and verifies every checksum, in passes, so that damage
// is found before a query needs the block, and also where a query has looked
// before.
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
			s.scrubBlock(r)
			owed += time.Duration(float64(time.Since(began)) * (1/scrubShare - 1))
		}
	}
	s.scrubs.passes.Add(1)
	s.scrubs.last.Store(s.cfg.Now().UnixNano())
	return true
}

// scrubBlock checks a block if it is still live.
func (s *Store) scrubBlock(r *Ref) {
	view := r.table.Pin()
	defer view.Release()
	r.table.mu.Lock()
	live := r.table.byID[r.ID] == r
	r.table.mu.Unlock()
	if !live || r.State() != Live {
		return
	}
	_ = r.check() // it sets the block aside
	s.scrubs.bytes.Add(int64(r.Meta.Length))
}
