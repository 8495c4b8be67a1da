package storage

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

// reloadLoop reads blocks from disk that are not in memory, or damaged there,
// until the store closes.
func (s *Store) reloadLoop() {
	defer s.running.Done()
	select {
	case <-s.disk.ready:
	case <-s.closing:
		return
	}
	failed := map[*Ref]bool{} // blocks that could not be read, and whether for good
	wait := time.NewTimer(s.cfg.reloadEvery)
	defer wait.Stop()
	for told := false; ; {
		again, full := s.reloadMissing(failed)
		if full && !told {
			s.cfg.Log.Warn("memory is too small for what is on disk: some blocks stay there and are missing in answers", "knob", memoryKnob)
		}
		told = full
		retry := wait.C
		if wait.Reset(s.cfg.reloadEvery); !again && !full {
			retry = nil
		}
		select {
		case <-s.reload:
		case <-retry:
		case <-s.closing:
			return
		}
	}
}

// badCopyError says that the disk has no good copy of a block: reading it again
// will not help.
type badCopyError struct{ err error }

func (e *badCopyError) Error() string { return e.err.Error() }
func (e *badCopyError) Unwrap() error { return e.err }

// A reload is one pass over the blocks that are missing, by several workers.
type reload struct {
	store *Store
	lanes bool // each worker has segments of its own

	mu     sync.Mutex
	groups [][]*Ref      // still to be read, newest first
	failed map[*Ref]bool // blocks that could not be read, and whether for good
	again  bool          // one of them may be read some time later
	full   bool          // there is no room for more
}

// reloadMissing reads what is missing, until there is no room. again tells that a
// block could not be read and may be some time later.
func (s *Store) reloadMissing(failed map[*Ref]bool) (again, full bool) {
	s.reloading.Store(true)
	defer s.reloading.Store(false)
	maps.DeleteFunc(failed, func(r *Ref, _ bool) bool { return !s.isLive(r) })
	l := &reload{store: s, groups: s.reloadGroups(s.missing(failed)), failed: failed}
	l.lanes = len(l.groups) >= reloadLanesFrom
	var workers sync.WaitGroup
	for range min(reloadWorkers, len(l.groups)) {
		workers.Go(l.work)
	}
	workers.Wait()
	return l.again, l.full
}

// reloadGroups puts blocks together that are made live by one edit: small ones,
// which would be an edit for little.
func (s *Store) reloadGroups(refs []*Ref) (groups [][]*Ref) {
	size := 0
	for _, r := range refs {
		n := len(groups) - 1
		if n < 0 || size+r.Meta.Length > reloadGroupBytes || len(groups[n]) >= reloadGroupBlocks {
			groups, size, n = append(groups, nil), 0, n+1
		}
		groups[n] = append(groups[n], r)
		size += r.Meta.Length
	}
	for _, g := range groups {
		slices.SortStableFunc(g, func(a, b *Ref) int {
			p, _ := s.disk.find(a.ID)
			q, _ := s.disk.find(b.ID)
			return cmp.Or(cmp.Compare(p.file, q.file), cmp.Compare(p.offset, q.offset))
		})
	}
	return groups
}

func (l *reload) take() []*Ref {
	select {
	case <-l.store.closing:
		return nil
	default:
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.full || len(l.groups) == 0 {
		return nil
	}
	g := l.groups[0]
	l.groups = l.groups[1:]
	return g
}

// work reads groups until none is left.
func (l *reload) work() {
	buf := newReadBuffer()
	defer buf.close()
	alloc := l.store.alloc.alloc
	if l.lanes {
		lane := l.store.alloc.newLane()
		defer lane.close()
		alloc = lane.take
	}
	for g := l.take(); g != nil; g = l.take() {
		var read []editPlace
		var of []*Ref
		for _, r := range g {
			e, full, err := l.store.reloadBlock(r, buf, alloc)
			if full {
				l.mu.Lock()
				l.full = true
				l.mu.Unlock()
				break
			}
			if e != nil {
				read = append(read, editPlace{incarnation: r.table.incarnation, id: r.ID, place: place{file: e.seg.no, offset: e.off}, extent: e})
				of = append(of, r)
				continue
			}
			l.note(r, err)
		}
		err := l.store.commitReload(of, read)
		for _, r := range of {
			l.note(r, err)
		}
	}
}

// note keeps what became of a block, and sets aside one that cannot be read.
func (l *reload) note(r *Ref, err error) {
	if errors.Is(err, ErrClosed) {
		return // the block is on disk for the next process
	}
	l.mu.Lock()
	_, before := l.failed[r]
	if err == nil {
		delete(l.failed, r)
	} else {
		var bad *badCopyError
		l.failed[r] = errors.As(err, &bad)
		l.again = l.again || !l.failed[r]
	}
	l.mu.Unlock()
	if err != nil && !before {
		l.store.cfg.Log.Error("a block cannot be read from disk", "table", r.table.name, "block", r.ID.String(), "rows", r.Meta.Rows, "error", err)
		r.loadFailed(err)
	}
}

// missing returns the live blocks that are to be read from disk and not given up
// for good, newest first: queries ask for those.
func (s *Store) missing(failed map[*Ref]bool) (refs []*Ref) {
	for _, t := range s.Tables() {
		view := t.Pin()
		for _, r := range view.Blocks {
			if r.State() != Live && !failed[r] {
				refs = append(refs, r)
			}
		}
		view.Release()
	}
	slices.SortStableFunc(refs, func(a, b *Ref) int {
		switch {
		case a.age() > b.age():
			return -1
		case a.age() < b.age():
			return 1
		}
		return 0
	})
	return refs
}

// reloadBlock reads a block into memory that no edit names yet. full tells that
// there is no room: an older block will not fit either. Without memory and error
// the block is not wanted any more.
func (s *Store) reloadBlock(r *Ref, buf *readBuffer, alloc func(length, limit int64) (*extent, error)) (e *extent, full bool, err error) {
	p, ok := s.disk.find(r.ID)
	if !ok {
		if !s.isLive(r) {
			return nil, false, nil
		}
		// It may be written and not logged yet.
		return nil, false, errors.New("there is no copy of it on disk")
	}
	data, err := s.disk.readBlock(r, p, buf)
	if err != nil {
		if again, ok := s.disk.find(r.ID); !ok || again.place != p.place {
			// It was dropped or moved meanwhile.
			signal(s.reload)
			return nil, false, nil
		}
		return nil, false, err
	}
	e, err = s.allocBeside(p.length, alloc)
	if errors.Is(err, errNoSpace) {
		full, err = s.noRoomFor(r)
		return nil, full, err
	}
	if err != nil {
		return nil, false, err
	}
	if err := e.write(data); err != nil {
		s.alloc.condemn(e)
		return nil, false, err
	}
	failpoint("reload.copied")
	return e, false, nil
}

// commitReload makes blocks readable that were read, as one edit.
func (s *Store) commitReload(refs []*Ref, read []editPlace) error {
	if len(read) == 0 {
		return nil
	}
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	e := &edit{}
	var healed []*Ref
	for i, r := range refs {
		if !s.liveLocked(r.table, refs[i:i+1]) || r.State() == Live {
			s.alloc.release(read[i].extent)
			continue
		}
		e.places = append(e.places, read[i])
		if r.State() == Damaged {
			healed = append(healed, r)
		}
	}
	if len(e.places) == 0 {
		return nil
	}
	err := s.commitLocked(e, false)
	if err != nil {
		for _, p := range e.places {
			s.alloc.release(p.extent)
		}
		return err
	}
	failpoint("reload.committed")
	for _, r := range healed {
		s.scrubs.healed.Add(1)
		s.cfg.Log.Info("a damaged block is read again from disk", "table", r.table.name, "block", r.ID.String(), "rows", r.Meta.Rows)
	}
	return nil
}

// noRoomFor does with a block from disk what is done when memory is full: it
// goes, if rows may go, else it stays on disk and counts as loading.
func (s *Store) noRoomFor(r *Ref) (full bool, err error) {
	if s.cfg.WhenFull != WhenFullEvict {
		return true, nil
	}
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	if !s.liveLocked(r.table, []*Ref{r}) {
		return false, nil
	}
	if err := s.dropLocked([]*Ref{r}); err != nil {
		return false, err
	}
	s.evicted.Add(1)
	return false, nil
}

func (s *Store) isLive(r *Ref) bool {
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	return s.liveLocked(r.table, []*Ref{r})
}

// loadFailed sets a loading block aside: its copy on disk is no good either.
func (r *Ref) loadFailed(err error) {
	t := r.table
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.State() != Loading || t.byID[r.ID] != r {
		return
	}
	t.store.refGone(r)
	r.damage.Store(&err)
	r.state.Store(uint32(Damaged))
	t.store.damaged.Add(1)
	t.store.scrubs.setAside.Add(1)
}
