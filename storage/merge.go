package storage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Merges run in two goroutines, one per level, so that a long merge into a full
// block never holds up the short ones that keep the number of fresh blocks down.
const (
	mergeFresh  = 0 // fresh blocks into one that is rewritten once more
	mergeMid    = 1 // those into a final one
	mergeLevels = 2
)

var mergeNames = [mergeLevels]string{"fresh", "mid"}

// mergeRule says when blocks of a level are merged, and into what.
type mergeRule struct {
	from, to blockKind
	blocks   int // so many, or
	rows     int // so many rows, are enough
	most     int // blocks of one merge
	rowsMax  int // of the result
	richness Richness
}

func mergeRuleOf(level int) mergeRule {
	if level == mergeFresh {
		return mergeRule{from: levelFresh, to: levelMid, blocks: smallMergeBlocks, rows: smallMergeRows, most: smallBlocksMax, rowsMax: finalRowsMin - 1, richness: Cheap}
	}
	return mergeRule{from: levelMid, to: levelFinal, blocks: midMergeBlocks, rows: midMergeRows, most: smallBlocksMax, rowsMax: RowsPerBlockMax, richness: Rich}
}

// merges is what the merging goroutines and those who wait for them share.
type merges struct {
	wake [mergeLevels]chan struct{} // of capacity 1

	mu   sync.Mutex
	done chan struct{} // closed and replaced after a merge
}

func (m *merges) init() {
	for i := range m.wake {
		m.wake[i] = make(chan struct{}, 1)
	}
	m.done = make(chan struct{})
}

func (m *merges) finished() {
	m.mu.Lock()
	defer m.mu.Unlock()
	close(m.done)
	m.done = make(chan struct{})
}

func (m *merges) wait() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.done
}

// wakeMerges wakes the merging goroutines if a table has enough for them.
func (s *Store) wakeMerges(t *Table) {
	t.mu.Lock()
	fresh, mid := t.fresh, t.mid
	t.mu.Unlock()
	if fresh.blocks > 1 && (fresh.blocks >= smallMergeBlocks || fresh.rows >= smallMergeRows) {
		signal(s.merges.wake[mergeFresh])
	}
	if mid.blocks > 1 && (mid.blocks >= midMergeBlocks || mid.rows >= midMergeRows) {
		signal(s.merges.wake[mergeMid])
	}
}

// waitMerges holds an append up while its table has too many blocks of a level to
// be merged, for at most mergeWait: a merge that cannot go on must not stop ingest.
func (s *Store) waitMerges(ctx context.Context, t *Table) error {
	var timer *time.Timer
	for {
		done := s.merges.wait()
		t.mu.Lock()
		fresh, mid := t.fresh.blocks, t.mid.blocks
		t.mu.Unlock()
		if fresh < smallBlocksMax && mid < midBlocksMax || s.cfg.Unmerged {
			return nil
		}
		signal(s.merges.wake[mergeFresh])
		signal(s.merges.wake[mergeMid])
		if timer == nil {
			timer = time.NewTimer(mergeWait)
			defer timer.Stop()
		}
		select {
		case <-done:
		case <-timer.C:
			return nil
		case <-s.leaving:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// mergeLoop merges the blocks of one level until the store closes.
func (s *Store) mergeLoop(level int) {
	defer s.running.Done()
	rule := mergeRuleOf(level)
	for {
		select {
		case <-s.closing:
			return
		case <-s.merges.wake[level]:
		}
		// One merge of each table in turn, so that a busy one holds up no other.
		for again := true; again; {
			again = false
			for _, t := range s.Tables() {
				select {
				case <-s.closing:
					return
				default:
				}
				again = s.mergeOnce(t, level, rule) || again
			}
		}
	}
}

// mergeOnce merges some blocks of a table if there are enough. It tells whether
// there may be more to do.
func (s *Store) mergeOnce(t *Table, level int, rule mergeRule) bool {
	for _, class := range mergeSets {
		refs, full := t.candidates(rule.from, class, rule.most, rule.rowsMax)
		if len(refs) < 2 || !full && !rule.enough(refs, s.cfg.Now().UnixNano()) {
			continue
		}
		err := s.merge(t, refs, rule, class)
		switch {
		case err == nil:
			s.merges.finished()
			return true
		case errors.Is(err, errNoSpace), errors.Is(err, errMergeMoot), errors.Is(err, ErrClosed):
			// Without room, later; the blocks changed meanwhile: look again when
			// there is news. A store that closes will not want it.
		default:
			s.cfg.Log.Error("blocks cannot be merged", "table", t.name, "level", mergeNames[level], "blocks", len(refs), "error", err)
			s.setAsideFromMerges(refs)
			return true
		}
	}
	return false
}

// enough tells whether a merge is worth it: enough blocks or rows, or blocks that
// wait for too long.
func (r mergeRule) enough(refs []*Ref, now int64) bool {
	rows := 0
	for _, ref := range refs {
		rows += ref.Meta.Rows
	}
	if len(refs) >= r.blocks || rows >= r.rows {
		return true
	}
	newest := refs[len(refs)-1].Meta.Arrival
	return r.from == levelFresh && len(refs) >= staleBlocks && newest < now-int64(staleAfter)
}

// errMergeMoot says that a block went while it was being merged.
var errMergeMoot = errors.New("a block was dropped while it was merged")

// merge replaces blocks by one with all their rows, as one edit.
func (s *Store) merge(t *Table, refs []*Ref, rule mergeRule, class blockKind) error {
	view := t.Pin() // what is merged stays in memory even if it is dropped meanwhile
	defer view.Release()
	s.commitMu.Lock()
	live := s.liveLocked(t, refs)
	s.commitMu.Unlock()
	if !live {
		return errMergeMoot
	}
	buf := blockBuffers.Get().(*[]byte)
	defer blockBuffers.Put(buf)
	data, meta, err := s.encodeMerged((*buf)[:0], refs, rule.richness)
	if err != nil {
		return err
	}
	*buf = data
	e, err := s.allocForMerge(int64(len(data)))
	if err != nil {
		return err
	}
	merged, err := s.placeBlock(e, data, meta, rule.to|class)
	if err != nil {
		return err
	}
	failpoint("merge.placed")
	if err := s.commitMerge(t, refs, merged); err != nil {
		s.discard([]*Ref{merged})
		return err
	}
	failpoint("merge.committed")
	return nil
}

// allocForMerge returns memory for a block that takes the place of others, or of
// its own copy on disk. It does not wait and evicts nothing.
func (s *Store) allocForMerge(length int64) (*extent, error) {
	e, err := s.alloc.alloc(length, s.mergeLimit())
	if errors.Is(err, errNoSpace) && s.alloc.shrink() > 0 {
		e, err = s.alloc.alloc(length, s.mergeLimit())
	}
	return e, err
}

// encodeMerged encodes the rows of blocks as one. A block that turns out to be
// damaged is set aside, and the merge is moot.
func (s *Store) encodeMerged(dst []byte, refs []*Ref, rich Richness) (data []byte, meta Meta, err error) {
	blocks := make([]*Block, len(refs))
	arrival := refs[0].Meta.Arrival
	for i, r := range refs {
		if blocks[i], err = r.Open(); err != nil {
			return nil, Meta{}, errMergeMoot
		}
		arrival = max(arrival, r.Meta.Arrival)
	}
	err = Guard(func() (err error) {
		data, meta, err = MergeBlocks(dst, blocks, BlockOptions{Shard: s.super.shard, Arrival: arrival, Richness: rich})
		return err
	})
	var damage *DamageError
	var fault *FaultError
	switch {
	case errors.As(err, &damage):
		for _, r := range refs {
			if r.ID == damage.Block {
				r.SetDamaged(err)
			}
		}
		return nil, Meta{}, errMergeMoot
	case errors.As(err, &fault):
		if r, ok := s.RefAt(fault.Addr); ok {
			r.SetDamaged(err)
			return nil, Meta{}, errMergeMoot
		}
	}
	return data, meta, err
}

func (s *Store) commitMerge(t *Table, refs []*Ref, merged *Ref) error {
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	if !s.liveLocked(t, refs) {
		return errMergeMoot
	}
	at := merged.extent.Load()
	e := &edit{adds: []editAdd{{
		incarnation: t.incarnation, id: merged.ID, kind: merged.kind, meta: merged.Meta, ref: merged,
		place: place{file: at.seg.no, offset: at.off},
	}}}
	rows := 0
	for _, r := range refs {
		rows += r.Meta.Rows
		e.drops = append(e.drops, editDrop{t.incarnation, r.ID})
	}
	if rows != merged.Meta.Rows {
		panic(fmt.Sprintf("BUG: %d rows became %d in a merge", rows, merged.Meta.Rows))
	}
	return s.commitLocked(e, true)
}

// setAsideFromMerges makes blocks that do not merge final, so that they are not
// tried for ever. A restart tries them once more.
func (s *Store) setAsideFromMerges(refs []*Ref) {
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	for _, r := range refs {
		t := r.table
		t.mu.Lock()
		if t.byID[r.ID] == r {
			t.count(r, -1)
			r.kind = r.kind.at(levelFinal)
			t.count(r, 1)
		}
		t.mu.Unlock()
	}
}
