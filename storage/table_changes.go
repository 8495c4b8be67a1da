package storage

import (
	"slices"
	"strings"
	"sync"
)

// recentTables is the live tables in the order in which edits changed them, the
// last first, so that Changes looks at those that changed and at no other: it is
// called for every commit, and most of thousands of tables are quiet. Its mutex is
// a leaf.
type recentTables struct {
	mu   sync.Mutex
	last *Table
}

// put makes a table the last that changed. Edits come in order.
func (l *recentTables) put(t *Table, seq uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cutLocked(t)
	t.changedAt, t.older = seq, l.last
	if l.last != nil {
		l.last.newer = t
	}
	l.last = t
}

func (l *recentTables) remove(t *Table) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cutLocked(t)
}

// cutLocked takes a table out, if it is in.
func (l *recentTables) cutLocked(t *Table) {
	if t.newer != nil {
		t.newer.older = t.older
	} else if l.last == t {
		l.last = t.older
	}
	if t.older != nil {
		t.older.newer = t.newer
	}
	t.newer, t.older = nil, nil
}

// since returns the tables that changed after an edit.
func (l *recentTables) since(seq uint64) (tables []*Table) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for t := l.last; t != nil && t.changedAt > seq; t = t.older {
		tables = append(tables, t)
	}
	return tables
}

// changedLocked notes the last edit of the table.
func (t *Table) changedLocked(seq uint64) {
	t.seq = seq
	t.store.recent.put(t, seq)
}

// TableChange is what changed in a table after an edit.
type TableChange struct {
	Table           string
	Incarnation     uint64
	Dropped         bool
	Added           uint64      // rows ever added; only grows within an incarnation
	Seq             uint64      // the last edit of the table
	Full            bool        // Buckets are all there are: forget what you knew
	Buckets         []TimeCount // each with its rows now; 0: gone
	Horizon, Newest int64       // ns

	// Columns: Schema may have gained or lost columns. Merges may make a type go
	// without it.
	Columns bool `json:"-"`
}

// Changes returns what changed after the edit since, 0 for all there is, and the
// edit up to which the caller then knows. Tables are told of more than once if
// edits come in between; all values are absolute. all tells that these are all
// tables there are, because more were dropped since than are remembered: what the
// caller knows of any other is to be forgotten. It takes a time that grows with
// what changed, however many tables there are.
func (s *Store) Changes(since uint64) (upTo uint64, changes []TableChange, all bool) {
	upTo = s.seq.Load()
	s.tablesMu.RLock()
	if all = since > 0 && since < s.unknown; all {
		since = 0
	}
	for i := len(s.dropped); i > 0 && s.dropped[i-1].Seq > since; i-- {
		changes = append(changes, s.dropped[i-1])
	}
	s.tablesMu.RUnlock()
	slices.Reverse(changes)
	tables := s.recent.since(since)
	slices.SortFunc(tables, func(a, b *Table) int { return strings.Compare(a.name, b.name) })
	for _, t := range tables {
		if c, ok := t.changes(since); ok {
			changes = append(changes, c)
		}
	}
	return upTo, changes, all
}

func (t *Table) changes(since uint64) (TableChange, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seq <= since || t.dropped {
		return TableChange{}, false
	}
	t.boundLocked()
	c := TableChange{
		Table: t.name, Incarnation: t.incarnation, Added: t.added, Seq: t.seq,
		Horizon: t.horizon, Newest: t.newest, Columns: since == 0 || t.shapes.seq > since,
	}
	c.Buckets, c.Full = t.histLocked().since(since)
	return c, true
}
