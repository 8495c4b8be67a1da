package storage

import (
	"sync"
)

// keyTable remembers the receipts of a table's batches by key and chunk, the
// oldest of which go after keysLive or past keysMax.
type keyTable struct {
	mu     sync.Mutex
	byKey  map[string]*keyEntry
	oldest []keyRef // in the order they were put; from head on
	head   int
}

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

func (k *keyTable) init() { k.byKey = map[string]*keyEntry{} }

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
	e := k.byKey[key]
	switch {
	case e == nil:
		e = &keyEntry{key: key, first: *c}
		k.byKey[key] = e
	case e.find(c.chunk) != nil:
		return
	default:
		e.more = append(e.more, *c)
	}
	e.chunks++
	k.oldest = append(k.oldest, keyRef{entry: e, chunk: c.chunk, at: c.at})
	for len(k.oldest)-k.head > keysMax {
		k.forgetOldestLocked()
	}
}

func (k *keyTable) forgetOldestLocked() {
	r := k.oldest[k.head]
	k.oldest[k.head] = keyRef{}
	k.head++
	if k.head > len(k.oldest)/2 && k.head > 1024 {
		k.oldest = append(k.oldest[:0:0], k.oldest[k.head:]...)
		k.head = 0
	}
	e := r.entry
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

// since returns the chunks whose edit is newer than seq, oldest first.
func (k *keyTable) since(incarnation, seq uint64) (keys []editKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range k.oldest[k.head:] {
		if c := r.entry.find(r.chunk); c.seq > seq {
			keys = append(keys, editKey{incarnation: incarnation, key: r.entry.key, chunk: *c})
		}
	}
	return keys
}

// count is the number of chunks kept.
func (k *keyTable) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.oldest) - k.head
}
