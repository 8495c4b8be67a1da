package storage

import (
	"errors"
	"fmt"
)

// mergeLoop merges blocks of the tables that are due by one rule until the store
// closes. One merge of each table in turn, so that a busy one holds up no other.
func (s *Store) mergeLoop(loop int) {
	defer s.running.Done()
	for {
		t := s.merges.take(loop)
		if t == nil {
			select {
			case <-s.closing:
				return
			case <-s.merges.wake[loop]:
			}
			continue
		}
		select {
		case <-s.closing:
			return
		default:
		}
		again := false
		if loop == mergeQuiet {
			again = s.mergeQuietOnce(t)
		} else {
			again = s.mergeOnce(t, loop, mergeRuleOf(loop))
		}
		if again {
			s.merges.put(loop, t)
		}
	}
}

// mergeOnce merges some blocks of a table if there are enough. It tells whether
// there may be more to do.
func (s *Store) mergeOnce(t *Table, level int, rule mergeRule) bool {
	if level == mergeFresh {
		rule.blocks = min(rule.blocks, s.freshEnough())
	}
	for _, class := range mergeSets {
		refs, full := t.candidates(rule.from, class, rule.most, rule.rowsMax)
		if len(refs) < 2 || !full && !rule.enough(refs) {
			continue
		}
		into := rule
		if level == mergeMid && !full && rowsOf(refs) < finalRowsMin {
			into.to = levelMid // many and small: they are not done yet
		}
		if s.tryMerge(t, level, refs, into, class) {
			return true
		}
	}
	return false
}

// tryMerge merges blocks and tells whether there may be more to do.
func (s *Store) tryMerge(t *Table, loop int, refs []*Ref, rule mergeRule, class blockKind) bool {
	err := s.merge(t, refs, rule, class)
	switch {
	case err == nil:
		s.merges.finished()
		return true
	case errors.Is(err, errNoSpace), errors.Is(err, errMergeMoot), errors.Is(err, ErrClosed):
		// Without room, later; the blocks changed meanwhile: look again when
		// there is news. A store that closes will not want it.
		return false
	}
	s.cfg.Log.Error("blocks cannot be merged", "table", t.name, "merge", mergeNames[loop], "blocks", len(refs), "error", err)
	s.setAsideFromMerges(refs)
	return true
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
	if !live || !t.claim(refs) {
		return errMergeMoot
	}
	defer t.unclaim(refs)
	buf := takeBlockBuffer()
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
	return s.allocBeside(length, s.alloc.alloc)
}

// allocBeside is allocForMerge with the allocator's alloc or a lane's.
func (s *Store) allocBeside(length int64, alloc func(length, limit int64) (*extent, error)) (*extent, error) {
	e, err := alloc(length, s.mergeLimit())
	if errors.Is(err, errNoSpace) && s.alloc.shrink() > 0 {
		e, err = alloc(length, s.mergeLimit())
	}
	return e, err
}

// encodeMerged encodes the rows of blocks as one. A block that turns out to be
// damaged is set aside, and the merge is moot.
func (s *Store) encodeMerged(dst []byte, refs []*Ref, rich Richness) (data []byte, meta Meta, err error) {
	blocks := make([]*Block, len(refs))
	arrival := refs[0].Meta.Arrival
	for i, r := range refs {
		if blocks[i], err = r.openOnce(); err != nil {
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
	rows := rowsOf(refs)
	for _, r := range refs {
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
