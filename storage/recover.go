package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
)

// A replay is what the edits of a log come to.
type replay struct {
	seq       uint64
	nextBlock uint64
	epoch     uint64 // whose blocks nextBlock counts
	tables    map[uint64]*replayTable

	keyBytes atomic.Int64 // of the keys of all tables

	// A log has an edit for every block: what would be made for each is made for many.
	edit edit      // the last one
	adds []editAdd // room for blocks
}

// takeBody decodes an edit and takes it in.
func (p *replay) takeBody(body []byte) error {
	if err := decodeEditInto(&p.edit, body); err != nil {
		return err
	}
	return p.apply(&p.edit)
}

// keep copies a block of an edit.
func (p *replay) keep(a *editAdd) *editAdd {
	if len(p.adds) == 0 {
		p.adds = make([]editAdd, addsAtOnce)
	}
	kept := &p.adds[0]
	p.adds = p.adds[1:]
	*kept = *a
	return kept
}

type replayTable struct {
	incarnation uint64
	name        string
	settings    Settings
	mark        editMark
	blocks      []*editAdd // nil where dropped
	byID        map[BlockID]int
	keys        keyTable // handed over as it is
}

func newReplay(epoch uint64) *replay {
	return &replay{epoch: epoch, tables: map[uint64]*replayTable{}}
}

// apply takes an edit in. An edit that does not follow from those before is an
// error: the log was not written by a kelp in order.
func (p *replay) apply(e *edit) error {
	if e.seq < p.seq {
		return fmt.Errorf("edit %d follows edit %d", e.seq, p.seq)
	}
	p.seq = e.seq
	p.nextBlock = max(p.nextBlock, e.nextBlock)
	for _, t := range e.tables {
		if p.tables[t.incarnation] != nil {
			return fmt.Errorf("edit %d makes table %d twice", e.seq, t.incarnation)
		}
		rt := &replayTable{incarnation: t.incarnation, name: t.name, byID: map[BlockID]int{}}
		rt.keys.init(&p.keyBytes, 0)
		p.tables[t.incarnation] = rt
	}
	table := func(incarnation uint64) (*replayTable, error) {
		t := p.tables[incarnation]
		if t == nil {
			return nil, fmt.Errorf("edit %d names table %d, which is not there", e.seq, incarnation)
		}
		return t, nil
	}
	if err := p.applyBlocks(e, table); err != nil {
		return err
	}
	for i := range e.settings {
		t, err := table(e.settings[i].incarnation)
		if err != nil {
			return err
		}
		t.settings = e.settings[i].settings
	}
	for i := range e.keys {
		t, err := table(e.keys[i].incarnation)
		if err != nil {
			return err
		}
		t.keys.put(e.keys[i].key, &e.keys[i].chunk)
	}
	for _, m := range e.marks {
		t, err := table(m.incarnation)
		if err != nil {
			return err
		}
		t.mark.added, t.mark.horizon = max(t.mark.added, m.added), max(t.mark.horizon, m.horizon)
	}
	for _, g := range e.gone {
		t, err := table(g)
		if err != nil {
			return err
		}
		t.keys.clear() // they count among those of all
		delete(p.tables, g)
	}
	return nil
}

func (p *replay) applyBlocks(e *edit, table func(uint64) (*replayTable, error)) error {
	for i := range e.adds {
		a := &e.adds[i]
		t, err := table(a.incarnation)
		if err != nil {
			return err
		}
		if _, ok := t.byID[a.id]; ok {
			return fmt.Errorf("edit %d adds block %v twice", e.seq, a.id)
		}
		t.byID[a.id] = len(t.blocks)
		t.blocks = append(t.blocks, p.keep(a))
		if a.id.Epoch == p.epoch {
			p.nextBlock = max(p.nextBlock, a.id.Seq)
		}
	}
	for _, c := range e.places {
		t, err := table(c.incarnation)
		if err != nil {
			return err
		}
		at, ok := t.byID[c.id]
		if !ok {
			return fmt.Errorf("edit %d moves block %v, which is not live", e.seq, c.id)
		}
		t.blocks[at].place = c.place
	}
	for _, d := range e.drops {
		t, err := table(d.incarnation)
		if err != nil {
			return err
		}
		at, ok := t.byID[d.id]
		if !ok {
			return fmt.Errorf("edit %d drops block %v, which is not live", e.seq, d.id)
		}
		t.blocks[at] = nil
		delete(t.byID, d.id)
	}
	return nil
}

// sorted returns the tables by incarnation.
func (p *replay) sorted() []*replayTable {
	tables := make([]*replayTable, 0, len(p.tables))
	for _, t := range p.tables {
		tables = append(tables, t)
	}
	slices.SortFunc(tables, func(a, b *replayTable) int {
		if a.incarnation < b.incarnation {
			return -1
		}
		return 1
	})
	return tables
}

// install makes the tables and refs of an empty store from a replay. Blocks get
// their memory from the segments; lengths says how long each segment's file was.
func (s *Store) install(p *replay, lengths map[uint32]int64) error {
	s.seq.Store(p.seq)
	s.nextBlock.Store(p.nextBlock)
	s.unknown = p.seq // of dropped tables nothing is kept
	now := s.cfg.Now().UnixNano()
	for _, rt := range p.sorted() {
		if s.tables[rt.name] != nil {
			return fmt.Errorf("the edit log has two live tables named %q", rt.name)
		}
		t := newTable(s, rt.name, rt.incarnation)
		s.putTable(t)
		t.settings.Store(&rt.settings)
		refs := make([]*Ref, 0, len(rt.byID))
		for _, a := range rt.blocks {
			if a != nil {
				refs = append(refs, s.restoreRef(a, lengths))
			}
		}
		t.install(p.seq, refs, &rt.keys, rt.mark)
		t.keys.expire(now)
	}
	return nil
}

// restoreRef makes the ref of a block that was live when the process ended. It
// does not touch the block.
func (s *Store) restoreRef(a *editAdd, lengths map[uint32]int64) *Ref {
	both := new(struct { // one piece of heap
		ref Ref
		at  extent
	})
	r := &both.ref
	r.ID, r.Meta, r.kind = a.id, a.meta, a.kind
	if r.kind.level() == levelMid && r.Meta.Rows >= finalRowsMin {
		r.kind = levelFinal | r.kind.class() // two such might not go together
	}
	if a.place.file == 0 {
		r.state.Store(uint32(Loading))
		s.loading.Add(1)
		return r
	}
	seg := s.alloc.segments[a.place.file]
	var cause error
	if seg == nil {
		cause = fmt.Errorf("its segment %d is gone from the memory directory", a.place.file)
	} else {
		both.at.seg, both.at.off, both.at.length = seg, a.place.offset, int64(a.meta.Length)
		r.extent.Store(&both.at)
		if end := a.place.offset + int64(a.meta.Length); end > lengths[seg.no] {
			cause = fmt.Errorf("it ends at byte %d of %s, which was cut to %d", end, seg.path, lengths[seg.no])
		}
	}
	if cause != nil {
		r.damage.Store(&cause)
		r.state.Store(uint32(Damaged))
		s.damaged.Add(1)
		s.scrubs.setAside.Add(1)
		s.cfg.Log.Error("a block is lost from memory", "block", a.id.String(), "error", cause)
	}
	return r
}

// readMemory maps the log that the superblock names and reads what is live.
// damage tells that the log could not be read to its end.
func (s *Store) readMemory() (p *replay, damage, err error) {
	p = newReplay(s.super.epoch)
	s.log, damage, err = openLog(s.cfg.MemoryDir, s.super.epoch, s.super.log, p.takeBody)
	return p, damage, err
}

// takeMemory maps the segments and takes over what the log says is live.
func (s *Store) takeMemory(p *replay) error {
	extents := map[uint32][]byteRange{}
	for _, t := range p.tables {
		for _, a := range t.blocks {
			if a != nil && a.place.file != 0 {
				extents[a.place.file] = append(extents[a.place.file], byteRange{a.place.offset, a.place.offset + int64(a.meta.Length)})
			}
		}
	}
	lengths, err := s.alloc.restore(extents)
	if err != nil {
		return err
	}
	failpoint("open.restored")
	// What is free in the segments was given back, so there is room for the
	// reserve again, if anywhere.
	if err := s.log.takeSome(s.log.tail + logWord + memoryLogReserve); err != nil {
		return err
	}
	if err := s.install(p, lengths); err != nil {
		return err
	}
	return s.removeLogs(s.super.log)
}

// removeLogs removes the logs that are not the current one: what a checkpoint
// left when the process died in it.
func (s *Store) removeLogs(current uint64) error {
	entries, err := os.ReadDir(s.cfg.MemoryDir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if n, ok := parseLogName(e.Name()); ok && n != current {
			if err := os.Remove(filepath.Join(s.cfg.MemoryDir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// createMemory makes the files of a memory directory anew: a log that holds what
// the store's tables say, then the superblock that names it. Until the
// superblock is there, nothing of it counts.
func (s *Store) createMemory() error {
	state := s.stateLocked()
	log, err := createLog(s.cfg.MemoryDir, s.super.epoch, s.super.log, s.logRoom(state))
	if err != nil {
		return err
	}
	s.log = log
	if err := state.edits(func(e *edit) error { return log.append(appendEdit(nil, e), false) }); err != nil {
		return fmt.Errorf("cannot write the first edit log: %w", err)
	}
	log.base = log.tail
	failpoint("open.logged")
	if err := writeSuperblock(s.cfg.MemoryDir, &s.super, false); err != nil {
		return err
	}
	failpoint("open.named")
	return s.removeLogs(s.super.log)
}

// clearMemory removes what a memory directory holds of an earlier life. It takes
// only files that kelp makes.
func clearMemory(dir string) error {
	// The superblock goes first: without it the rest is nothing.
	if err := os.Remove(filepath.Join(dir, superName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		_, isLog := parseLogName(e.Name())
		_, _, isSegment := parseSegmentName(e.Name())
		if isLog || isSegment || strings.HasPrefix(e.Name(), superName+".") {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
