package storage

import "container/list"

// timeHistogram counts a table's live rows by time, in the buckets that its
// blocks came with, and remembers which buckets changed last, so that a reader
// who knows all up to some edit is told only of the later ones.
type timeHistogram struct {
	buckets    map[bucketName]*list.Element // of *histBucket
	recent     *list.List                   // newest change first; with those that are 0
	tombstones int
	forgotten  uint64 // vanished buckets up to this edit may be forgotten
}

type bucketName struct{ from, width int64 }

type histBucket struct {
	name bucketName
	rows uint64
	seq  uint64
}

func (h *timeHistogram) init() {
	h.buckets, h.recent = map[bucketName]*list.Element{}, list.New()
}

// add counts the rows of c in, or out with sign -1.
func (h *timeHistogram) add(seq uint64, c TimeCount, sign int) {
	name := bucketName{c.From, c.Width}
	el := h.buckets[name]
	if el == nil {
		if sign < 0 {
			panic("BUG: rows leave a bucket that never was")
		}
		el = h.recent.PushFront(&histBucket{name: name})
		h.buckets[name] = el
	} else {
		h.recent.MoveToFront(el)
		if el.Value.(*histBucket).rows == 0 {
			h.tombstones--
		}
	}
	b := el.Value.(*histBucket)
	b.seq = seq
	if sign < 0 {
		b.rows -= c.Rows
	} else {
		b.rows += c.Rows
	}
	if b.rows == 0 {
		h.tombstones++
	}
	if h.tombstones > histTombstonesMax {
		h.forget()
	}
}

// forget drops the older half of the vanished buckets.
func (h *timeHistogram) forget() {
	for el := h.recent.Back(); el != nil && h.tombstones > histTombstonesMax/2; {
		b, newer := el.Value.(*histBucket), el.Prev()
		if b.rows == 0 {
			h.forgotten = max(h.forgotten, b.seq)
			h.tombstones--
			delete(h.buckets, b.name)
			h.recent.Remove(el)
		}
		el = newer
	}
}

// since returns the buckets that changed after an edit; full tells that they are
// all there are, because the edit is too long ago.
func (h *timeHistogram) since(seq uint64) (changed []TimeCount, full bool) {
	full = seq < h.forgotten || seq == 0
	for el := h.recent.Front(); el != nil; el = el.Next() {
		b := el.Value.(*histBucket)
		if full && b.rows == 0 {
			continue
		}
		if !full && b.seq <= seq {
			break
		}
		changed = append(changed, TimeCount{From: b.name.from, Width: b.name.width, Rows: b.rows})
	}
	return changed, full
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
// caller knows of any other is to be forgotten.
func (s *Store) Changes(since uint64) (upTo uint64, changes []TableChange, all bool) {
	upTo = s.seq.Load()
	s.tablesMu.RLock()
	if all = since > 0 && since < s.unknown; all {
		since = 0
	}
	for _, d := range s.dropped {
		if d.Seq > since {
			changes = append(changes, d)
		}
	}
	tables := s.tablesLocked()
	s.tablesMu.RUnlock()
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
