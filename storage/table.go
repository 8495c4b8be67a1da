package storage

import (
	"math"
	"sync"
	"sync/atomic"
)

// A Table is one life of a table, from the edit that made it to the one that
// drops it. It is safe for concurrent use.
type Table struct {
	store       *Store
	name        string
	incarnation uint64
	settings    atomic.Pointer[Settings]
	diskBytes   atomic.Int64
	keys        keyTable
	schema      schemaCache
	shapes      shapes

	mu      sync.Mutex
	refs    []*Ref // the view; elements below its length never change
	byID    map[BlockID]*Ref
	pins    pins
	seq     uint64 // the last edit that changed the table
	rows    int64
	bytes   int64
	added   uint64 // rows ever added
	horizon int64
	fresh   levelCount
	mid     levelCount
	small   levelCount // those of mid with less than smallMergeRows rows
	arrival int64      // the newest of a row that ever was in a live block
	settled settled
	hist    timeHistogram
	from    int64 // smallest and largest time; valid if bounded
	newest  int64
	bounded bool
	dropped bool

	uncounted bool // hist does not have the blocks that were there at the start yet

	// Guarded by the store's recent tables.
	changedAt    uint64
	newer, older *Table
}

// levelCount is the blocks and rows of a level of merging.
type levelCount struct {
	blocks, rows int
	oldest       int64 // the oldest of their arrivals
}

// count adds a block, or takes it out with sign -1. oldest is too old then, until
// dropLocked has looked at all.
func (c *levelCount) count(r *Ref, sign int) {
	if sign > 0 && (c.blocks == 0 || r.Meta.Arrival < c.oldest) {
		c.oldest = r.Meta.Arrival
	}
	c.blocks += sign
	c.rows += sign * r.Meta.Rows
}

func newTable(s *Store, name string, incarnation uint64) *Table {
	t := &Table{store: s, name: name, incarnation: incarnation, byID: map[BlockID]*Ref{}}
	t.settings.Store(&Settings{})
	t.keys.init(&s.keyBytes, s.cfg.Budget)
	t.hist.init()
	return t
}

// Name is the table's name.
func (t *Table) Name() string { return t.name }

// Incarnation tells this life of the table from others of the same name.
func (t *Table) Incarnation() uint64 { return t.incarnation }

// Settings are the table's own; see Store.SetSettings.
func (t *Table) Settings() Settings { return *t.settings.Load() }

// Horizon is the newest time, in nanoseconds, of which rows went by retention or
// for want of memory: what is older may be incomplete. 0: nothing ever went.
func (t *Table) Horizon() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.horizon
}

// Rows is the number of live rows.
func (t *Table) Rows() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.rows
}

// Bytes is the length of the live blocks.
func (t *Table) Bytes() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.bytes
}

// DiskBytes is the length of the live blocks that are synced to disk.
func (t *Table) DiskBytes() int64 { return t.diskBytes.Load() }

// Blocks is the number of live blocks.
func (t *Table) Blocks() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.refs)
}

// SmallBlocks is the number of live blocks that merges have yet to join.
func (t *Table) SmallBlocks() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.fresh.blocks + t.mid.blocks
}

// From is the smallest time of a live row, in nanoseconds; 0 without rows.
func (t *Table) From() int64 {
	from, _ := t.bounds()
	return from
}

// Newest is the largest time of a live row, in nanoseconds; 0 without rows.
func (t *Table) Newest() int64 {
	_, newest := t.bounds()
	return newest
}

func (t *Table) bounds() (from, newest int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.boundLocked()
	return t.from, t.newest
}

// boundLocked computes the bounds again after a drop.
func (t *Table) boundLocked() {
	if t.bounded {
		return
	}
	t.from, t.newest, t.bounded = 0, 0, true
	if len(t.refs) == 0 {
		return
	}
	t.from, t.newest = math.MaxInt64, math.MinInt64
	for _, r := range t.refs {
		t.from, t.newest = min(t.from, r.Meta.MinTime), max(t.newest, r.Meta.MaxTime)
	}
}

// tableEdit is the part of an edit that touches one table.
type tableEdit struct {
	seq    uint64
	adds   []*Ref
	drops  []BlockID
	places []editPlace
	keys   []editKey
	marks  []editMark
}

// apply makes a committed edit visible, at once for every later Pin. It returns
// the memory that nobody can see any more.
func (t *Table) apply(e *tableEdit) (free []*extent) {
	for i := range e.keys {
		t.keys.put(e.keys[i].key, &e.keys[i].chunk)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changedLocked(e.seq)
	t.shapes.take(e)
	if len(e.drops) > 0 {
		t.dropLocked(e.seq, e.drops)
	}
	for _, r := range e.adds {
		t.addLocked(e.seq, r)
	}
	if len(e.adds) > 0 && len(e.drops) == 0 { // else a merge or thinning: rows that were there
		t.store.watches.gatherLocked(t, e.adds)
	}
	for i := range e.places {
		p := &e.places[i]
		if r := t.byID[p.id]; r != nil {
			// The old place is not used again before a restart: it is damaged, or
			// there is none.
			r.placedLocked(p.extent)
		}
	}
	for _, m := range e.marks {
		t.added = max(t.added, m.added)
		t.horizon = max(t.horizon, m.horizon)
	}
	return t.pins.collect()
}

func (t *Table) addLocked(seq uint64, r *Ref) {
	hist := t.histLocked()
	t.showLocked(r)
	for h := range r.Meta.Hist.All() {
		hist.add(seq, h, 1)
	}
}

// install gives an empty table the blocks and keys that it had when the process
// before ended. Which buckets vanished before then is not known; what the
// histogram counts is counted when somebody asks, as there may be tens of thousands
// of buckets, and after a restart mostly nobody does.
func (t *Table) install(seq uint64, refs []*Ref, keys *keyTable, mark editMark) {
	t.keys.takeOver(keys)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changedLocked(seq)
	t.shapes.seq = seq
	t.refs, t.byID = make([]*Ref, 0, len(refs)), make(map[BlockID]*Ref, len(refs))
	for _, r := range refs {
		t.showLocked(r)
	}
	t.added, t.horizon = mark.added, mark.horizon
	t.hist.forgotten, t.uncounted = seq, true
}

// histLocked is the histogram of all blocks.
func (t *Table) histLocked() *timeHistogram {
	if t.uncounted {
		t.uncounted = false
		for _, r := range t.refs {
			for h := range r.Meta.Hist.All() {
				t.hist.add(t.hist.forgotten, h, 1)
			}
		}
	}
	return &t.hist
}

// settle makes what a start has put off: the histogram and the schema, so that no
// receipt has to wait for them.
func (t *Table) settle() {
	t.mu.Lock()
	t.histLocked()
	t.mu.Unlock()
	t.Schema()
}

// showLocked makes a block part of the view and of the sums.
func (t *Table) showLocked(r *Ref) {
	if t.byID[r.ID] != nil {
		panic("BUG: a block is added twice")
	}
	r.table = t
	t.byID[r.ID] = r
	t.refs = append(t.refs, r)
	t.count(r, 1)
	if t.bounded && len(t.refs) > 1 {
		t.from, t.newest = min(t.from, r.Meta.MinTime), max(t.newest, r.Meta.MaxTime)
	} else {
		t.bounded = false
	}
}

// count adds a block to the sums, or takes it out with sign -1.
func (t *Table) count(r *Ref, sign int) {
	t.rows += int64(sign * r.Meta.Rows)
	t.bytes += int64(sign * r.Meta.Length)
	switch r.kind.level() {
	case levelFresh:
		t.fresh.count(r, sign)
	case levelMid:
		t.mid.count(r, sign)
		if r.Meta.Rows < smallMergeRows {
			t.small.count(r, sign)
		}
	}
	if sign > 0 {
		t.arrival = max(t.arrival, r.Meta.Arrival)
	}
}

// dropLocked makes a new view without the dropped blocks: older views keep the
// old array.
func (t *Table) dropLocked(seq uint64, ids []BlockID) {
	gone, hist := make(map[BlockID]bool, len(ids)), t.histLocked()
	var extents []*extent
	for _, id := range ids {
		r := t.byID[id]
		if r == nil {
			panic("BUG: a block is dropped that is not live")
		}
		gone[id] = true
		delete(t.byID, id)
		t.count(r, -1)
		for h := range r.Meta.Hist.All() {
			hist.add(seq, h, -1)
		}
		if e := r.extent.Load(); e != nil {
			extents = append(extents, e)
		}
		t.store.refGone(r)
	}
	refs := make([]*Ref, 0, len(t.refs)-len(gone)+16)
	t.fresh.oldest, t.small.oldest = math.MaxInt64, math.MaxInt64
	for _, r := range t.refs {
		if gone[r.ID] {
			continue
		}
		refs = append(refs, r)
		switch level := r.kind.level(); {
		case level == levelFresh:
			t.fresh.oldest = min(t.fresh.oldest, r.Meta.Arrival)
		case level == levelMid && r.Meta.Rows < smallMergeRows:
			t.small.oldest = min(t.small.oldest, r.Meta.Arrival)
		}
	}
	t.refs, t.bounded = refs, false
	t.store.pendingFree(extents)
	t.pins.drop(extents)
}

// end drops all blocks of a table that is dropped itself.
func (t *Table) end(seq uint64) (free []*extent) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ids := make([]BlockID, 0, len(t.refs))
	for _, r := range t.refs {
		ids = append(ids, r.ID)
	}
	t.dropLocked(seq, ids)
	t.seq, t.dropped = seq, true
	t.store.recent.remove(t)
	t.keys.clear()
	return t.pins.collect()
}
