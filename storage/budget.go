package storage

import (
	"context"
	"errors"
	"math"
	"sort"
	"sync"
	"time"
)

// appendLimit is how many bytes of tmpfs appends may take: the budget without
// what is kept for merges and without the log.
func (s *Store) appendLimit() int64 {
	if s.cfg.Budget == 0 {
		return math.MaxInt64
	}
	return s.mergeLimit() - min(s.cfg.Budget/mergeReserveShare, mergeReserveMax)
}

// mergeLimit is how many bytes of tmpfs blocks may take.
func (s *Store) mergeLimit() int64 {
	if s.cfg.Budget == 0 {
		return math.MaxInt64
	}
	return s.cfg.Budget - s.logBytes.Load()
}

// reserve returns memory for a block of a table and makes room for it if it must.
// It returns the context's error or ErrClosed when the caller need not wait on.
func (s *Store) reserve(ctx context.Context, table string, length int64) (*extent, error) {
	e, err := s.alloc.alloc(length, s.appendLimit())
	if !errors.Is(err, errNoSpace) {
		return e, err
	}
	// One caller at a time makes room: if each that finds none evicted a share of
	// the budget, a crowd of them would empty the store.
	select {
	case s.room <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.leaving:
		return nil, ErrClosed
	}
	defer func() { <-s.room }()
	var patience *time.Timer
	for {
		e, err := s.alloc.alloc(length, s.appendLimit())
		if !errors.Is(err, errNoSpace) {
			return e, err
		}
		if s.alloc.shrink() > 0 {
			if e, err := s.alloc.alloc(length, s.appendLimit()); !errors.Is(err, errNoSpace) {
				return e, err
			}
		}
		if patience == nil {
			patience = time.NewTimer(s.cfg.fullWait)
			defer patience.Stop()
		}
		if err := s.makeRoom(ctx, table, length, patience.C); err != nil {
			return nil, err
		}
	}
}

// makeRoom frees some memory, or returns the FullError that says why it cannot.
// Memory that is dropped but still seen by views is waited for if it is enough;
// but where rows may go, others go when the views take their time. After a wait
// in vain nobody waits for a while: every table's rows come through here.
func (s *Store) makeRoom(ctx context.Context, table string, length int64, end <-chan time.Time) error {
	freed := s.alloc.waitFreed()
	evict := s.cfg.WhenFull == WhenFullEvict
	pending := s.pending.Load()
	if evict && pending < length {
		evicted, err := s.evict(length)
		if err != nil {
			return s.asFull(table, err)
		}
		if evicted {
			return nil
		}
	}
	if pending == 0 || s.inVain.still(freed) {
		return s.fullError(table)
	}
	timer := time.NewTimer(evictPatience)
	defer timer.Stop()
	select {
	case <-freed:
		return nil
	case <-end:
		s.inVain.note(freed, s.cfg.fullRest)
		return s.fullError(table)
	case <-ctx.Done():
		return ctx.Err()
	case <-s.leaving:
		return ErrClosed
	case <-timer.C:
	}
	if _, live, _ := s.alloc.stats(); evict && s.pending.Load() < live/pendingShare {
		if _, err := s.evict(length); err != nil {
			return s.asFull(table, err)
		}
	}
	return nil
}

// waitInVain remembers that a wait for memory ended without any, so that those
// who come next do not wait as long, one after another.
type waitInVain struct {
	mu    sync.Mutex
	freed <-chan struct{} // closed when memory is freed
	until time.Time
	count int // of waits in vain
}

func (w *waitInVain) note(freed <-chan struct{}, rest time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.freed, w.until = freed, time.Now().Add(rest)
	w.count++
}

// still tells whether no memory was freed since, and not much time has passed.
func (w *waitInVain) still(freed <-chan struct{}) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.freed == freed && time.Now().Before(w.until)
}

// asFull gives the want of space for an eviction's own edit its public name.
func (s *Store) asFull(table string, err error) error {
	if errors.Is(err, errNoSpace) {
		return s.fullError(table)
	}
	return err
}

func (s *Store) fullError(table string) error {
	_, live, _ := s.alloc.stats()
	return &FullError{Table: table, Bytes: live + s.logBytes.Load(), Budget: s.cfg.Budget, Knob: memoryKnob}
}

// evict drops the oldest full blocks over all tables, by the age of their newest
// row, until at least length bytes go, as one edit that also moves the horizons.
// Blocks that merges have yet to join go only when there is nothing else. It
// tells whether any block went.
func (s *Store) evict(length int64) (bool, error) {
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	blocks := s.evictable(levelFinal)
	if len(blocks) == 0 {
		blocks = s.evictable(levelFresh)
	}
	sort.Slice(blocks, func(i, j int) bool { return blocks[i].age() < blocks[j].age() })
	want, n := max(length, s.cfg.Budget/evictShare), 0
	for freed := int64(0); n < len(blocks) && freed < want; n++ {
		freed += int64(blocks[n].Meta.Length)
	}
	if n == 0 {
		return false, nil
	}
	if err := s.dropLocked(blocks[:n]); err != nil {
		return false, err
	}
	s.evicted.Add(int64(n))
	return true, nil
}

// evictable returns the blocks in memory whose level is at least that.
func (s *Store) evictable(level blockKind) (blocks []*Ref) {
	for _, t := range s.Tables() {
		t.mu.Lock()
		for _, r := range t.refs {
			if r.kind.level() >= level && r.extent.Load() != nil {
				blocks = append(blocks, r)
			}
		}
		t.mu.Unlock()
	}
	return blocks
}

// dropLocked drops live blocks for ever, as one edit with the horizons they
// move. The commit mutex is held.
func (s *Store) dropLocked(blocks []*Ref) error {
	e := &edit{}
	marks := map[*Table]int{}
	for _, r := range blocks {
		e.drops = append(e.drops, editDrop{r.table.incarnation, r.ID})
		i, ok := marks[r.table]
		if !ok {
			i = len(e.marks)
			marks[r.table] = i
			r.table.mu.Lock()
			e.marks = append(e.marks, editMark{r.table.incarnation, r.table.added, r.table.horizon})
			r.table.mu.Unlock()
		}
		e.marks[i].horizon = max(e.marks[i].horizon, r.horizon())
	}
	failpoint("evict.begin")
	return s.commitLocked(e, true)
}
