package storage

// timeHistogram counts a table's live rows by time, in the buckets that its
// blocks came with, and remembers which buckets changed last, so that a reader
// who knows all up to some edit is told only of the later ones.
type timeHistogram struct {
	buckets    map[bucketName]*histBucket
	last       *histBucket // that changed; with those that are 0
	first      *histBucket // that changed longest ago
	tombstones int
	forgotten  uint64 // vanished buckets up to this edit may be forgotten
}

type bucketName struct{ from, width int64 }

type histBucket struct {
	name         bucketName
	rows         uint64
	seq          uint64
	newer, older *histBucket
}

func (h *timeHistogram) init() {
	h.buckets = map[bucketName]*histBucket{}
}

// add counts the rows of c in, or out with sign -1.
func (h *timeHistogram) add(seq uint64, c TimeCount, sign int) {
	name := bucketName{c.From, c.Width}
	b := h.buckets[name]
	if b == nil {
		if sign < 0 {
			panic("BUG: rows leave a bucket that never was")
		}
		b = &histBucket{name: name}
		h.buckets[name] = b
	} else {
		h.cut(b)
		if b.rows == 0 {
			h.tombstones--
		}
	}
	h.push(b)
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
		h.forget(seq, histTombstonesMax/2)
	}
}

// push makes a bucket the last that changed.
func (h *timeHistogram) push(b *histBucket) {
	b.older, b.newer = h.last, nil
	if h.last != nil {
		h.last.newer = b
	} else {
		h.first = b
	}
	h.last = b
}

func (h *timeHistogram) cut(b *histBucket) {
	if b.newer != nil {
		b.newer.older = b.older
	} else {
		h.last = b.older
	}
	if b.older != nil {
		b.older.newer = b.newer
	} else {
		h.first = b.newer
	}
}

// forget drops the vanished buckets up to an edit, the oldest first, until no more
// than keep are left.
func (h *timeHistogram) forget(upTo uint64, keep int) {
	for b := h.first; b != nil && b.seq <= upTo && h.tombstones > keep; {
		newer := b.newer
		if b.rows == 0 {
			h.forgotten = max(h.forgotten, b.seq)
			h.tombstones--
			delete(h.buckets, b.name)
			h.cut(b)
		}
		b = newer
	}
}

// since returns the buckets that changed after an edit; full tells that they are
// all there are, because the edit is too long ago.
func (h *timeHistogram) since(seq uint64) (changed []TimeCount, full bool) {
	full = seq < h.forgotten || seq == 0
	for b := h.last; b != nil; b = b.older {
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
