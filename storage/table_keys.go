package storage

import (
	"sync"
	"sync/atomic"
)

// keyTable remembers the receipts of a table's batches by key and chunk, the
// oldest of which go after keysLive, past keysMax, or when the keys of all tables
// take too much.
type keyTable struct {
	all *atomic.Int64 // bytes of the keys of all tables
	max int64         // of all

	mu     sync.Mutex
	text   int // bytes of errors and warnings
	byKey  map[string]*keyEntry
	oldest []keyRef // in the order they were put; from head on
	head   int
	cut    uint64 // how many stood before oldest[0]: positions only grow
}

// keySpan is the positions [from, to) of chunks in the order they were put.
type keySpan struct{ from, to uint64 }

type keyEntry struct {
	key    string
	first  chunkReceipt // most batches have one chunk
	more   []chunkReceipt
	chunks int // live ones
}

type keyRef struct {
	entry *keyEntry
	chunk uint32
	at    int64
}

func (k *keyTable) init(all *atomic.Int64, budget int64) {
	k.byKey, k.all, k.max = map[string]*keyEntry{}, all, keysBytesMax
	if budget > 0 {
		k.max = min(k.max, budget/keysShare)
	}
}

// textBytes is the length of what a receipt says beyond its counts.
func (r *Receipt) textBytes() (n int) {
	for _, e := range r.Errors {
		n += len(e.Error) + 32
	}
	for _, w := range r.Warnings {
		n += len(w) + 16
	}
	return n
}

// get returns what is kept of a chunk.
func (k *keyTable) get(key string, chunk uint32) (chunkReceipt, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if e := k.byKey[key]; e != nil {
		if c := e.find(chunk); c != nil {
			return *c, true
		}
	}
	return chunkReceipt{}, false
}

func (e *keyEntry) find(chunk uint32) *chunkReceipt {
	if e.chunks > 0 && e.first.chunk == chunk && e.first.seq != 0 {
		return &e.first
	}
	for i := range e.more {
		if e.more[i].chunk == chunk {
			return &e.more[i]
		}
	}
	return nil
}

// holds tells whether any chunk of the key is kept.
func (k *keyTable) holds(key string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.byKey[key] != nil
}

// put remembers a chunk. A chunk put again, as a replayed log may do, changes
// nothing.
func (k *keyTable) put(key string, c *chunkReceipt) {
	k.mu.Lock()
	defer k.mu.Unlock()
	kept := *c
	if k.text+kept.receipt.textBytes() > keysTextMax {
		kept.receipt.Errors, kept.receipt.Warnings = nil, nil
	}
	e := k.byKey[key]
	switch {
	case e == nil:
		e = &keyEntry{key: key, first: kept}
		k.byKey[key] = e
	case e.find(c.chunk) != nil:
		return
	default:
		e.more = append(e.more, kept)
	}
	e.chunks++
	k.oldest = append(k.oldest, keyRef{entry: e, chunk: c.chunk, at: c.at})
	k.countLocked(e, &kept, 1)
	for len(k.oldest)-k.head > 1 && (len(k.oldest)-k.head > keysMax || k.all.Load() > k.max) {
		k.forgetOldestLocked()
	}
}

// countLocked adds a chunk to the sums, or takes it out with sign -1.
func (k *keyTable) countLocked(e *keyEntry, c *chunkReceipt, sign int) {
	text := c.receipt.textBytes()
	k.text += sign * text
	k.all.Add(int64(sign * (keyBytes + len(e.key) + text)))
}

// clear forgets everything, when the table is dropped.
func (k *keyTable) clear() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for k.head < len(k.oldest) {
		k.forgetOldestLocked()
	}
}

func (k *keyTable) forgetOldestLocked() {
	r := k.oldest[k.head]
	k.oldest[k.head] = keyRef{}
	k.head++
	if k.head > len(k.oldest)/2 && k.head > 1024 {
		k.oldest = append(k.oldest[:0:0], k.oldest[k.head:]...)
		k.cut += uint64(k.head)
		k.head = 0
	}
	e := r.entry
	if c := e.find(r.chunk); c != nil {
		k.countLocked(e, c, -1)
	}
	if e.chunks--; e.chunks == 0 {
		delete(k.byKey, e.key)
		return
	}
	if e.first.chunk == r.chunk && e.first.seq != 0 {
		e.first = chunkReceipt{}
		return
	}
	for i := range e.more {
		if e.more[i].chunk == r.chunk {
			e.more = append(e.more[:i], e.more[i+1:]...)
			return
		}
	}
}

// expire forgets the chunks older than keysLive.
func (k *keyTable) expire(now int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for k.head < len(k.oldest) && k.oldest[k.head].at < now-int64(keysLive) {
		k.forgetOldestLocked()
	}
}

// span is all chunks kept now.
func (k *keyTable) span() keySpan {
	k.mu.Lock()
	defer k.mu.Unlock()
	return keySpan{k.cut + uint64(k.head), k.cut + uint64(len(k.oldest))}
}

// next appends up to most chunks of a span to dst, oldest first, and takes them
// off it. Those forgotten since are left out. None: the span is at its end.
func (k *keyTable) next(span *keySpan, most int, dst []editKey) []editKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	span.from = max(span.from, k.cut+uint64(k.head))
	for most += len(dst); span.from < span.to && len(dst) < most; span.from++ {
		r := k.oldest[span.from-k.cut]
		if c := r.entry.find(r.chunk); c != nil {
			dst = append(dst, editKey{key: r.entry.key, chunk: *c})
		}
	}
	return dst
}

// oldestAt is when the oldest chunk kept was put, in ns; 0: none is kept.
func (k *keyTable) oldestAt() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.head == len(k.oldest) {
		return 0
	}
	return k.oldest[k.head].at
}

// OldestKey is when the oldest batch key that the table remembers came, in ns
// since 1970; 0: it remembers none.
func (t *Table) OldestKey() int64 { return t.keys.oldestAt() }

// count is the number of chunks kept.
func (k *keyTable) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.oldest) - k.head
}
