package storage

import "time"

// Status is the state of a store in numbers.
type Status struct {
	Tables      int
	Rows        int64
	Blocks      int
	SmallBlocks int // that merges have yet to join

	Used    int64 // bytes taken from tmpfs, blocks and log
	Live    int64 // of them in blocks, with those dropped but still seen
	Pending int64 // of them dropped but still seen by views
	Budget  int64 // 0: the file system decides
	Log     int64 // bytes of the edit log

	Segments int
	Damaged  int // live blocks set aside
	Loading  int // live blocks not in memory yet
	Evicted  int // blocks gone for want of memory since Open
	Views    int // not released
	Keys     int // chunks remembered

	SetAside   int64     // blocks that turned out to be damaged since Open
	Healed     int64     // of them, those that were read again from disk
	BadCopies  int64     // copies on disk that turned out to be damaged since Open, and were written again from memory
	ScrubPass  int64     // passes of the scrub that ended since Open
	ScrubBytes int64     // of blocks that it verified
	Scrubbed   time.Time // when its last pass ended; zero: none did since Open

	LogDamaged bool          // the edit log that Open began with could not be read to its end: rows may be lost
	Unsynced   time.Duration // age of the oldest row that is to go to disk and is not there
	DiskBytes  int64         // files of the data directory
	DiskError  string        // why the disk does not take rows; empty: it does
	Recovering bool          // blocks are being read from disk
}

// Status returns the state of the store.
func (s *Store) Status() Status {
	st := Status{
		Budget: s.cfg.Budget, Log: s.logBytes.Load(), Pending: s.pending.Load(), Damaged: int(s.damaged.Load()),
		Loading: int(s.loading.Load()), Evicted: int(s.evicted.Load()), Views: int(s.pinned.Load()), LogDamaged: s.logDamaged,
	}
	st.Recovering = st.Loading > 0
	st.SetAside, st.Healed = s.scrubs.setAside.Load(), s.scrubs.healed.Load()
	st.BadCopies = s.scrubs.copies.Load()
	st.ScrubPass, st.ScrubBytes = s.scrubs.passes.Load(), s.scrubs.bytes.Load()
	if last := s.scrubs.last.Load(); last != 0 {
		st.Scrubbed = time.Unix(0, last).UTC()
	}
	st.Used, st.Live, st.Segments = s.alloc.stats()
	st.Used += st.Log
	for _, t := range s.Tables() {
		t.mu.Lock()
		st.Tables++
		st.Rows += t.rows
		st.Blocks += len(t.refs)
		st.SmallBlocks += t.fresh.blocks + t.mid.blocks
		t.mu.Unlock()
		st.Keys += t.keys.count()
	}
	s.disk.status(&st)
	return st
}

// RefAt returns the live block that a fault's address lies in.
func (s *Store) RefAt(addr uintptr) (*Ref, bool) {
	seg, off, ok := s.alloc.find(addr)
	if !ok {
		return nil, false
	}
	for _, t := range s.Tables() {
		view := t.Pin()
		for _, r := range view.Blocks {
			if e := r.extent.Load(); e != nil && e.seg == seg && off >= e.off && off < e.off+e.length {
				view.Release()
				return r, true
			}
		}
		view.Release()
	}
	return nil, false
}

// blockDamaged is called once when a block is set aside.
func (s *Store) blockDamaged(r *Ref, err error) {
	s.cfg.Log.Error("a block is damaged and set aside", "table", r.table.name, "block", r.ID.String(), "rows", r.Meta.Rows, "error", err)
	s.scrubs.setAside.Add(1)
	signal(s.reload)
}

// refGone keeps the counts of live blocks that cannot be read, when one is
// dropped or can be read again. The table's mutex is held.
func (s *Store) refGone(r *Ref) {
	switch r.State() {
	case Damaged:
		s.damaged.Add(-1)
	case Loading:
		s.loading.Add(-1)
	}
}
