package storage

import (
	"errors"
	"fmt"
	"time"
)

// Thinning keeps one in ThinKeep of the rows that are older than ThinAfter and
// multiplies their weights by it, so that sums over the past stay right within the
// error of a sample while its memory shrinks. A block's rows are as old as its
// newest, as for retention.
//
// One block is thinned at a time: the block of the rows that are left and the drop
// of the old one are one edit, so a death in between leaves either the one or the
// other. That its rows were thinned is part of a block's kind (kindThinned), which
// lies in the logs of memory and disk and goes through merges; so no setting and no
// restart thins rows twice. What went is not expected any more, as after retention:
// the edit takes it out of what the table promises. The horizon stays where it is:
// what lies before it is thinner, not gone.

// thinLoop thins blocks as they get old, until the store closes. It has a goroutine
// of its own, as a table whose setting is new may be long in work.
func (s *Store) thinLoop() {
	defer s.running.Done()
	tick := time.NewTicker(maintainEvery)
	defer tick.Stop()
	for {
		select {
		case <-s.closing:
			return
		case <-tick.C:
			s.thin()
		}
	}
}

// thin thins every block whose time has come.
func (s *Store) thin() {
	now := s.cfg.Now().UnixNano()
	for _, t := range s.Tables() {
		settings := t.Settings()
		if settings.ThinAfter == 0 {
			continue
		}
		for _, r := range t.thinnable(now-int64(settings.ThinAfter), now) {
			select {
			case <-s.closing:
				return
			default:
			}
			err := s.thinBlock(t, r, uint64(settings.ThinKeep))
			switch {
			case err == nil, errors.Is(err, errMergeMoot):
			case errors.Is(err, errNoSpace):
				return // there will be room, as there must be for merges
			default:
				r.unthinned = true
				s.cfg.Log.Error("a block cannot be thinned and stays as it is", "table", t.name, "block", r.ID.String(), "error", err)
			}
		}
	}
}

// thinnable lists the blocks of which every row is older than cut and none is
// thinned yet.
func (t *Table) thinnable(cut, now int64) (refs []*Ref) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.refs {
		small := r.kind.level() == levelFresh && r.Meta.Arrival > now-int64(thinSmallAfter)
		if r.kind.thinned() == 0 && r.age() < cut && r.State() == Live && !small && !r.unthinned {
			refs = append(refs, r)
		}
	}
	return refs
}

// thinBlock puts a block of one in keep of its rows in the place of a block. It
// returns errMergeMoot if the block went meanwhile.
func (s *Store) thinBlock(t *Table, r *Ref, keep uint64) error {
	view := t.Pin() // keeps the block in memory even if it is dropped meanwhile
	defer view.Release()
	s.commitMu.Lock()
	live := s.liveLocked(t, []*Ref{r})
	s.commitMu.Unlock()
	if !live {
		return errMergeMoot
	}
	batch, err := s.thinnedRows(r, keep)
	if err != nil {
		return err
	}
	thin := (*Ref)(nil)
	if batch.Rows() > 0 {
		if thin, err = s.placeThinned(r, batch); err != nil {
			return err
		}
	}
	if err := s.commitThinned(t, r, thin); err != nil {
		if thin != nil {
			s.discard([]*Ref{thin})
		}
		return err
	}
	return nil
}

// thinnedRows reads the rows of a block that stay. A block that turns out to be
// damaged is set aside.
func (s *Store) thinnedRows(r *Ref, keep uint64) (batch *Batch, err error) {
	b, err := r.Open()
	if err != nil {
		return nil, errMergeMoot
	}
	err = Guard(func() (err error) {
		batch, err = b.Thinned(keep)
		return err
	})
	var damage *DamageError
	var fault *FaultError
	if errors.As(err, &damage) || errors.As(err, &fault) {
		r.SetDamaged(err)
		return nil, errMergeMoot
	}
	return batch, err
}

// placeThinned encodes thinned rows into memory: a small block cheaply, as those
// that merges have yet to join.
func (s *Store) placeThinned(of *Ref, batch *Batch) (*Ref, error) {
	level, rich := levelFresh, Cheap
	switch rows := batch.Rows(); {
	case rows >= finalRowsMin:
		level, rich = levelFinal, Rich
	case rows >= smallMergeRows:
		level, rich = levelMid, Rich
	}
	buf := takeBlockBuffer()
	defer blockBuffers.Put(buf)
	data, meta, err := AppendBlock((*buf)[:0], batch, BlockOptions{Shard: s.super.shard, Arrival: of.Meta.Arrival, Richness: rich})
	if err != nil {
		return nil, fmt.Errorf("cannot encode %d thinned rows: %w", batch.Rows(), err)
	}
	*buf = data
	e, err := s.allocForMerge(int64(len(data)))
	if err != nil {
		return nil, err
	}
	return s.placeBlock(e, data, meta, level|of.kind.class()|kindThinned)
}

// commitThinned makes thin live in the place of r; nil where no row stayed.
func (s *Store) commitThinned(t *Table, r, thin *Ref) error {
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	if !s.liveLocked(t, []*Ref{r}) {
		return errMergeMoot
	}
	e := &edit{drops: []editDrop{{t.incarnation, r.ID}}}
	if thin != nil {
		at := thin.extent.Load()
		e.adds = []editAdd{{
			incarnation: t.incarnation, id: thin.ID, kind: thin.kind, meta: thin.Meta, ref: thin,
			place: place{file: at.seg.no, offset: at.off},
		}}
	}
	return s.commitLocked(e, true)
}
