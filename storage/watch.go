package storage

import (
	"slices"
	"sync"
	"sync/atomic"
)

// A Watch gathers the blocks by which appends add rows to a table, from when it began,
// and keeps them in memory for its owner, whatever merges make of them meanwhile. What
// merges and thinning write is rows that were there. A table that is dropped and born
// again under the name goes on being watched.
//
// Next and Close are called by one goroutine at a time.
type Watch struct {
	store *Store
	table string
	shown []*View // what Next has returned

	mu     sync.Mutex // a leaf
	views  []*View    // what was gathered since, by life of the table
	blocks int
	bytes  int64
	missed uint64 // rows
	closed bool
}

// watches is the watches of a store, by table. Its mutex is a leaf but for theirs.
type watches struct {
	some    atomic.Bool // there are any: what an append looks at
	mu      sync.Mutex
	byTable map[string][]*Watch
}

// Watch begins to gather the rows that are appended to a table, which need not be there
// yet. It holds memory until it is closed, if only by the store's Close.
func (s *Store) Watch(table string) *Watch {
	w := &Watch{store: s, table: table}
	s.watches.mu.Lock()
	defer s.watches.mu.Unlock()
	if s.watches.byTable == nil {
		s.watches.byTable = make(map[string][]*Watch)
	}
	s.watches.byTable[table] = append(s.watches.byTable[table], w)
	s.watches.some.Store(true)
	return w
}

// Next returns the blocks that were gathered since the last call, in the order of their
// edits, and how many rows there were for which there was no room. The blocks can be
// read until the next call; those of the last can not any more.
func (w *Watch) Next() (blocks []*Ref, missed uint64) {
	w.mu.Lock()
	views := w.views
	missed = w.missed
	w.views, w.blocks, w.bytes, w.missed = nil, 0, 0, 0
	w.mu.Unlock()
	release(w.shown)
	w.shown = views
	for _, v := range views {
		blocks = append(blocks, v.Blocks...)
	}
	return blocks, missed
}

// Close ends the watch and lets go of its blocks. Calling it again does nothing.
func (w *Watch) Close() {
	w.store.watches.remove(w)
	w.mu.Lock()
	views := w.views
	w.views, w.closed = nil, true
	w.mu.Unlock()
	release(views)
	release(w.shown)
	w.shown = nil
}

// watchBytes is the most that is gathered for one watch.
func (s *Store) watchBytes() int64 {
	if s.cfg.Budget <= 0 {
		return watchBytesMax
	}
	return min(watchBytesMax, s.cfg.Budget/watchShare)
}

func release(views []*View) {
	for _, v := range views {
		v.Release()
	}
}

func (l *watches) remove(w *Watch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	left := slices.DeleteFunc(l.byTable[w.table], func(other *Watch) bool { return other == w })
	l.byTable[w.table] = left
	if len(left) == 0 {
		delete(l.byTable, w.table)
	}
	l.some.Store(len(l.byTable) > 0)
}

// closeAll closes every watch: the store is being closed, and nobody uses them.
func (l *watches) closeAll() {
	l.mu.Lock()
	var all []*Watch
	for _, list := range l.byTable {
		all = append(all, list...)
	}
	l.mu.Unlock()
	for _, w := range all {
		w.Close()
	}
}

// gatherLocked gives the blocks that an append has added to who watches the table. The
// table's mutex is held: the blocks are pinned before a drop can take them.
func (l *watches) gatherLocked(t *Table, refs []*Ref) {
	if !l.some.Load() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.byTable[t.name] {
		w.gatherLocked(t, refs)
	}
}

func (w *Watch) gatherLocked(t *Table, refs []*Ref) {
	w.mu.Lock()
	defer w.mu.Unlock()
	rows, bytes := uint64(0), w.bytes
	for _, r := range refs {
		rows, bytes = rows+uint64(r.Meta.Rows), bytes+int64(r.Meta.Length)
	}
	if w.closed || w.missed > 0 || w.blocks+len(refs) > watchBlocksMax || bytes > w.store.watchBytes() {
		w.missed += rows // and all after it: what is missed is the end
		return
	}
	w.blocks, w.bytes = w.blocks+len(refs), bytes
	if n := len(w.views); n == 0 || w.views[n-1].table != t {
		w.views = append(w.views, t.pinLocked(nil))
	}
	last := w.views[len(w.views)-1]
	last.Blocks = append(last.Blocks, refs...)
}
