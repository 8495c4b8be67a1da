package storage

import (
	"fmt"
	"maps"
	"os"
)

// A diskBatch is what one flush brings over: the edits that were queued, and
// views that keep their blocks in memory meanwhile. It knows the tables as they
// were when it was taken, whatever comes meanwhile.
type diskBatch struct {
	edits  []*edit // queued edits; or, for a new log, a checkpoint of memory
	views  []*View
	refs   map[BlockID]*Ref      // live blocks of tables with views
	tables map[uint64]tableOfLog // live tables that the edits name
	seq    uint64
}

// tableOfLog is a table and whether its rows go to disk.
type tableOfLog struct {
	table *Table
	rows  bool
}

func newDiskBatch() *diskBatch {
	return &diskBatch{refs: map[BlockID]*Ref{}, tables: map[uint64]tableOfLog{}}
}

// know notes a table, if it is live. The commit mutex is held.
func (b *diskBatch) know(s *Store, incarnation uint64) {
	if _, ok := b.tables[incarnation]; ok {
		return
	}
	s.tablesMu.RLock()
	t := s.byNumber[incarnation]
	s.tablesMu.RUnlock()
	if t != nil {
		b.tables[incarnation] = tableOfLog{table: t, rows: s.onDisk(t)}
	}
}

// view keeps the blocks of a table in memory until the batch is released.
func (b *diskBatch) view(t *Table) {
	for _, v := range b.views {
		if v.table == t {
			return
		}
	}
	v := t.Pin()
	b.views = append(b.views, v)
	for _, r := range v.Blocks {
		b.refs[r.ID] = r
	}
}

func (b *diskBatch) release() {
	for _, v := range b.views {
		v.Release()
	}
}

// flush brings all that was committed so far to disk. After an error the edits
// wait for the next flush.
func (d *disk) flush() error {
	if d.stale {
		return d.rewrite()
	}
	d.pickMoves()
	b := d.take()
	defer b.release()
	if len(b.edits) == 0 && len(d.moves) == 0 {
		d.isSynced(b.seq)
		return nil
	}
	net, stale := d.net(b)
	if stale {
		// The queue is taken: until a new log says it all, no flush may append.
		d.stale = true
		return d.rewrite()
	}
	if err := d.writeBlocks(net, b); err != nil {
		d.putBack(b.edits)
		return err
	}
	if err := d.appendLog(net); err != nil {
		// What of the record is there, nobody knows: this log is given up.
		d.stale = true
		d.putBack(b.edits)
		return err
	}
	d.applied(net, b)
	d.isSynced(b.seq)
	if len(net.places) > 0 && d.sparsest() != nil {
		signal(d.wake) // there is more to move, also where no rows come
	}
	if d.log.size > diskLogBytes/failpointShare && (d.log.size-d.log.base)*failpointOften > d.log.base {
		d.stale = true
		return d.rewrite()
	}
	return nil
}

// take takes the queue over, with views of all tables it adds to. As the commit
// mutex is held, the views show exactly what the queue comes to.
func (d *disk) take() *diskBatch {
	s, b := d.store, newDiskBatch()
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	d.mu.Lock()
	b.edits, d.queue = d.queue, nil
	d.flushing, d.oldest, d.busy = d.oldest, 0, true
	d.mu.Unlock()
	b.seq = s.seq.Load()
	for n := range d.known {
		b.know(s, n)
	}
	for _, e := range b.edits {
		for _, t := range e.tables {
			b.know(s, t.incarnation)
		}
		for i := range e.adds {
			if t := b.tables[e.adds[i].incarnation]; t.rows {
				b.view(t.table)
			}
		}
	}
	for id := range d.moves {
		if p, ok := d.find(id); ok && p.table != nil {
			b.view(p.table)
		}
	}
	return b
}

// putBack returns edits that could not be flushed to the head of the queue. The
// disk stays busy: it is behind until a flush succeeds.
func (d *disk) putBack(edits []*edit) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.queue = append(edits[:len(edits):len(edits)], d.queue...)
	if d.flushing != 0 {
		d.oldest = d.flushing
	}
	d.flushing = 0
}

// net returns the change that the queued edits come to together, with the blocks
// still to be written. stale tells that a table changed between memory and disk
// durability: then the log is best written anew.
func (d *disk) net(b *diskBatch) (net *edit, stale bool) {
	for n, rows := range d.known {
		if t, ok := b.tables[n]; ok && t.rows != rows {
			return nil, true
		}
	}
	net = &edit{seq: b.seq}
	marks := map[uint64]int{}
	for _, e := range b.edits {
		for _, t := range e.tables {
			if _, ok := b.tables[t.incarnation]; ok {
				net.tables = append(net.tables, t)
			}
		}
		for i := range e.settings {
			if _, ok := b.tables[e.settings[i].incarnation]; ok {
				net.settings = append(net.settings, e.settings[i])
			}
		}
		for _, g := range e.gone {
			if _, ok := d.known[g]; ok {
				net.gone = append(net.gone, g)
			}
		}
		d.netRows(net, e, b)
		for _, m := range e.marks {
			if !b.tables[m.incarnation].rows {
				continue
			}
			if i, ok := marks[m.incarnation]; ok {
				net.marks[i] = m
			} else {
				marks[m.incarnation] = len(net.marks)
				net.marks = append(net.marks, m)
			}
		}
	}
	return net, false
}

// netRows adds to net the blocks and keys of an edit that are for the disk: of
// the added blocks those that are still live, of the dropped ones those that are
// there.
func (d *disk) netRows(net, e *edit, b *diskBatch) {
	for _, a := range e.adds {
		if b.tables[a.incarnation].rows && b.refs[a.id] != nil {
			net.adds = append(net.adds, a)
		}
	}
	for _, x := range e.drops {
		_, ok := d.find(x.id)
		if _, lost := d.unplaced[x.id]; (ok || lost) && b.tables[x.incarnation].table != nil {
			net.drops = append(net.drops, x)
		}
	}
	for _, k := range e.keys {
		if b.tables[k.incarnation].rows {
			net.keys = append(net.keys, k)
		}
	}
}

// writeBlocks writes and syncs the new blocks of an edit and those to be moved,
// and puts their places into it.
func (d *disk) writeBlocks(net *edit, b *diskBatch) error {
	for i := range net.adds {
		a := &net.adds[i]
		at, err := d.placeOf(b.refs[a.id], a.kind)
		if err != nil {
			return err
		}
		a.place = at
	}
	if err := d.moveBlocks(net, b); err != nil {
		return err
	}
	return d.syncFiles()
}

// placeOf returns where a block lies on disk and writes it if it is not there. A
// block that is damaged in memory and not on disk is named without a place, so
// that its loss is counted after a power loss.
func (d *disk) placeOf(r *Ref, kind blockKind) (place, error) {
	p, there := d.find(r.ID)
	if there {
		return p.place, nil
	}
	if at, ok := d.unlogged[r.ID]; ok {
		return at, nil
	}
	if r.State() != Live {
		return p.place, nil
	}
	// What is written may take the place of a good copy, or of the blocks that
	// were merged into it.
	if err := r.check(); err != nil {
		return p.place, nil
	}
	return d.appendBlock(r.ID, r.extent.Load().bytes(), diskClass(kind))
}

// applied takes note of what the synced log says now.
func (d *disk) applied(net *edit, b *diskBatch) {
	for _, t := range net.tables {
		d.known[t.incarnation] = b.tables[t.incarnation].rows
	}
	for i := range net.adds {
		a := &net.adds[i]
		if a.place.file != 0 {
			d.put(a.id, diskPlace{a.place, int64(a.meta.Length), b.refs[a.id].table})
		}
	}
	d.noteUnplaced(net)
	for _, p := range net.places {
		r := b.refs[p.id]
		d.put(p.id, diskPlace{p.place, int64(r.Meta.Length), r.table})
		delete(d.moves, p.id)
	}
	for _, x := range net.drops {
		d.forget(x.id)
	}
	for _, g := range net.gone {
		delete(d.known, g)
		for _, id := range d.idsWhere(func(p diskPlace) bool { return p.table != nil && p.table.incarnation == g }) {
			d.forget(id)
		}
		maps.DeleteFunc(d.unplaced, func(_ BlockID, incarnation uint64) bool { return incarnation == g })
	}
	d.logged()
}

// noteUnplaced notes the blocks that a synced edit names without a place.
func (d *disk) noteUnplaced(e *edit) {
	for i := range e.adds {
		if e.adds[i].place.file == 0 {
			d.unplaced[e.adds[i].id] = e.adds[i].incarnation
		}
	}
}

// idsWhere returns the blocks whose place satisfies want.
func (d *disk) idsWhere(want func(diskPlace) bool) (ids []BlockID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, p := range d.places {
		if want(p) {
			ids = append(ids, id)
		}
	}
	return ids
}

// rewrite writes a new log that says all that memory holds of the durable tables,
// and the blocks that the disk lacks. It comes at the start, after the log was
// given up, and when the log has grown long.
func (d *disk) rewrite() error {
	b := d.snapshot()
	defer b.release()
	places := map[BlockID]diskPlace{}
	var err error
	for _, e := range b.edits {
		for i := range e.adds {
			a := &e.adds[i]
			if a.place, err = d.placeOf(a.ref, a.kind); err != nil {
				d.putBack(nil)
				return err
			}
			if a.place.file != 0 {
				places[a.id] = diskPlace{a.place, int64(a.meta.Length), a.ref.table}
			}
		}
	}
	if err := d.syncFiles(); err != nil {
		d.putBack(nil)
		return err
	}
	next, err := d.newDiskLog(d.logNo+1, b.edits)
	if err != nil {
		d.putBack(nil)
		return err
	}
	d.switchLog(next, places, b)
	d.isSynced(b.seq)
	return nil
}

// snapshot returns a checkpoint of memory with the durable tables' rows, and
// empties the queue, which it covers.
func (d *disk) snapshot() *diskBatch {
	b, state := d.noteState()
	err := state.edits(func(e *edit) error {
		b.edits = append(b.edits, b.durable(e))
		return nil
	})
	if err != nil {
		panic("BUG: edits that are only kept failed: " + err.Error())
	}
	return b
}

// noteState is the part of snapshot that commits wait for.
func (d *disk) noteState() (*diskBatch, *liveState) {
	s, b := d.store, newDiskBatch()
	s.commitMu.Lock()
	defer s.commitMu.Unlock()
	d.mu.Lock()
	d.queue = nil
	if d.flushing == 0 {
		d.flushing = d.oldest
	}
	d.oldest, d.busy = 0, true
	d.mu.Unlock()
	b.seq = s.seq.Load()
	for _, t := range s.Tables() {
		if b.know(s, t.incarnation); s.onDisk(t) {
			b.view(t)
		}
	}
	return b, s.stateLocked()
}

// durable leaves out of an edit what is not written to disk.
func (b *diskBatch) durable(e *edit) *edit {
	kept := &edit{seq: e.seq, nextBlock: e.nextBlock, tables: e.tables, settings: e.settings}
	for _, a := range e.adds {
		if b.tables[a.incarnation].rows {
			kept.adds = append(kept.adds, a)
		}
	}
	for _, k := range e.keys {
		if b.tables[k.incarnation].rows {
			kept.keys = append(kept.keys, k)
		}
	}
	for _, m := range e.marks {
		if b.tables[m.incarnation].rows {
			kept.marks = append(kept.marks, m)
		}
	}
	return kept
}

// switchLog makes a new log the one that is appended to. What the old one named
// and the new one does not, may go.
func (d *disk) switchLog(next *diskLog, places map[BlockID]diskPlace, b *diskBatch) {
	old, oldNo := d.log, d.logNo
	d.log, d.logNo, d.stale = next, d.logNo+1, false
	if old != nil {
		if err := old.file.Close(); err != nil {
			d.store.cfg.Log.Warn("an old disk log cannot be closed", "error", err)
		}
	}
	failpoint("disklog.switched")
	if oldNo != 0 {
		d.removeFile(logName(oldNo))
	}
	clear(d.known)
	clear(d.moves)
	clear(d.unplaced)
	for _, e := range b.edits {
		d.noteUnplaced(e)
	}
	for n, t := range b.tables {
		d.known[n] = t.rows
	}
	d.mu.Lock()
	before := d.places
	d.places = places
	d.mu.Unlock()
	for _, p := range before {
		d.count(p, -1)
	}
	for _, p := range places {
		d.count(p, 1)
	}
	d.logged()
}

// listFiles notes the files of the data directory and removes what an
// interrupted run left.
func (d *disk) listFiles() (logs []uint64, err error) {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return nil, fmt.Errorf("cannot list the data directory: %w", err)
	}
	for _, e := range entries {
		if n, ok := parseLogName(e.Name()); ok {
			logs = append(logs, n)
			d.logNo = max(d.logNo, n)
		}
		if no, ok := parseDiskFileName(e.Name()); ok {
			info, err := e.Info()
			if err != nil {
				return nil, fmt.Errorf("cannot list the data directory: %w", err)
			}
			d.files[no] = &diskFile{no: no, size: info.Size(), named: true}
			d.nextNo = max(d.nextNo, no+1)
		}
	}
	return logs, nil
}
