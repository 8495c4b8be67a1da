package storage

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// commitLocked makes an edit live: it is written to the log and then visible.
// Every byte of its blocks lies in place and is sealed. urgent edits free memory
// and may use the log's reserve. It returns errNoSpace if the log cannot grow.
//
// The commit mutex is held. After an error nothing has changed.
func (s *Store) commitLocked(e *edit, urgent bool) error {
	if s.broken != nil {
		return s.broken
	}
	e.seq = s.seq.Load() + 1
	s.editBuf = appendEdit(s.editBuf[:0], e)
	err := s.log.append(s.editBuf, urgent)
	if errors.Is(err, errLogFull) {
		if err = s.checkpointLocked(); err == nil {
			err = s.log.append(s.editBuf, urgent)
		}
	}
	if err != nil {
		var fault *FaultError
		if errors.As(err, &fault) {
			// Nobody knows which of the bytes arrived: only a restart finds out.
			s.broken = fmt.Errorf("the edit log cannot be written any more, restart to recover: %w", err)
		}
		return err
	}
	s.logBytes.Store(s.log.taken)
	s.applyEdit(e)
	failpoint("commit.applied")
	s.disk.committed(e)
	s.seq.Store(e.seq)
	signal(s.changed)
	if s.log.wantsCheckpoint(s.cfg.checkpointPast) {
		signal(s.checkpts)
	}
	return nil
}

// signal wakes the reader of a channel of capacity 1.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// tableForLocked returns the incarnation of a table for use in an edit, and lets
// the edit make the table if there is none.
func (s *Store) tableForLocked(e *edit, name string) (incarnation uint64, err error) {
	if t, ok := s.Table(name); ok {
		return t.incarnation, nil
	}
	s.tablesMu.RLock()
	n := len(s.tables)
	s.tablesMu.RUnlock()
	if n >= TablesMax {
		return 0, fmt.Errorf("table %q would be one more than %d: %w", name, TablesMax, ErrTables)
	}
	incarnation = s.seq.Load() + 1
	e.tables = append(e.tables, editTable{incarnation, name})
	return incarnation, nil
}

// applyEdit makes a logged edit visible, table by table.
func (s *Store) applyEdit(e *edit) {
	for _, t := range e.tables {
		s.putTable(newTable(s, t.name, t.incarnation))
	}
	for i := range e.settings {
		settings := e.settings[i].settings
		t := s.numbered(e.settings[i].incarnation)
		t.settings.Store(&settings)
		t.touch(e.seq)
	}
	var free []*extent
	for _, incarnation := range e.touched() {
		t := s.numbered(incarnation)
		free = append(free, t.apply(e.of(incarnation))...)
		s.wakeMerges(t)
	}
	for _, incarnation := range e.gone {
		t := s.numbered(incarnation)
		s.removeTable(t, e.seq)
		free = append(free, t.end(e.seq)...)
	}
	s.releaseAll(free)
}

// touched returns the tables whose rows, keys or marks an edit changes.
func (e *edit) touched() (incarnations []uint64) {
	add := func(n uint64) {
		for _, have := range incarnations {
			if have == n {
				return
			}
		}
		incarnations = append(incarnations, n)
	}
	for i := range e.adds {
		add(e.adds[i].incarnation)
	}
	for i := range e.places {
		add(e.places[i].incarnation)
	}
	for i := range e.drops {
		add(e.drops[i].incarnation)
	}
	for i := range e.keys {
		add(e.keys[i].incarnation)
	}
	for i := range e.marks {
		add(e.marks[i].incarnation)
	}
	return incarnations
}

// of returns the part of an edit that touches one table.
func (e *edit) of(incarnation uint64) *tableEdit {
	part := &tableEdit{seq: e.seq}
	for i := range e.adds {
		if e.adds[i].incarnation == incarnation {
			part.adds = append(part.adds, e.adds[i].ref)
		}
	}
	for _, p := range e.places {
		if p.incarnation == incarnation {
			part.places = append(part.places, p)
		}
	}
	for _, d := range e.drops {
		if d.incarnation == incarnation {
			part.drops = append(part.drops, d.id)
		}
	}
	for i := range e.keys {
		if e.keys[i].incarnation == incarnation {
			part.keys = append(part.keys, e.keys[i])
		}
	}
	for _, m := range e.marks {
		if m.incarnation == incarnation {
			part.marks = append(part.marks, m)
		}
	}
	return part
}

func (t *Table) touch(seq uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changedLocked(seq)
}

func (s *Store) putTable(t *Table) {
	s.tablesMu.Lock()
	defer s.tablesMu.Unlock()
	if s.tables[t.name] != nil || s.byNumber[t.incarnation] != nil {
		panic("BUG: a table is made twice")
	}
	s.tables[t.name], s.byNumber[t.incarnation] = t, t
	at, _ := slices.BinarySearchFunc(s.sorted, t.name, byName)
	s.sorted = slices.Insert(slices.Clone(s.sorted), at, t)
	t.changedLocked(t.incarnation) // nobody else knows it yet
}

func byName(t *Table, name string) int { return strings.Compare(t.name, name) }

func (s *Store) numbered(incarnation uint64) *Table {
	s.tablesMu.RLock()
	defer s.tablesMu.RUnlock()
	t := s.byNumber[incarnation]
	if t == nil {
		panic("BUG: an edit names a table that is not there")
	}
	return t
}

func (s *Store) removeTable(t *Table, seq uint64) {
	s.tablesMu.Lock()
	defer s.tablesMu.Unlock()
	delete(s.tables, t.name)
	delete(s.byNumber, t.incarnation)
	at, _ := slices.BinarySearchFunc(s.sorted, t.name, byName)
	s.sorted = slices.Delete(slices.Clone(s.sorted), at, at+1)
	s.dropped = append(s.dropped, TableChange{Table: t.name, Incarnation: t.incarnation, Dropped: true, Seq: seq})
	if len(s.dropped) > droppedTablesMax {
		s.unknown = s.dropped[0].Seq
		s.dropped = append(s.dropped[:0:0], s.dropped[1:]...)
	}
}

// live tells whether the blocks and their table are still live. The commit mutex
// is held, so they stay so until the next edit.
func (s *Store) liveLocked(t *Table, refs []*Ref) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range refs {
		if t.byID[r.ID] != r {
			return false
		}
	}
	return !t.dropped
}

// releaseAll gives memory back that nobody can see any more.
func (s *Store) releaseAll(extents []*extent) {
	for _, e := range extents {
		failpoint("commit.release")
		s.opened.drop(e)
		s.alloc.release(e)
		s.pending.Add(-e.seg.rounded(e.length))
	}
}

// pendingFree counts memory that was dropped and may still be seen.
func (s *Store) pendingFree(extents []*extent) {
	for _, e := range extents {
		s.pending.Add(e.seg.rounded(e.length))
	}
}
