package storage

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/zeebo/xxh3"
)

// keyTable remembers the receipts of a table's batches by key and chunk, the
// oldest of which go after keysLive, past keysMax, or when the keys of all tables
// take too much.
//
// There may be a million of them, so they lie in pages without pointers, in the order
// they were put, with the text of their keys one after another: some 120 bytes each,
// and nothing for the collector to follow. Positions count from the first chunk ever
// put. The index names the last chunk of each hash of a key; from there each says how
// far back the one before is, to those that are forgotten.
type keyTable struct {
	all *atomic.Int64 // bytes of the keys of all tables
	max int64         // of all

	mu       sync.Mutex
	text     int // bytes of errors and warnings
	index    map[uint64]uint64
	pages    []keyPage
	first    uint64             // position of the first record of the first page
	head     uint64             // of the oldest chunk kept
	end      uint64             // behind the newest
	receipts map[uint64]Receipt // of chunks with errors or warnings, by position
}

// keyPageRecords is how many chunks are given back together.
const keyPageRecords = 1_024

type keyPage struct {
	records []keyRecord
	text    []byte // of the keys
}

type keyRecord struct {
	hash, digest, seq  uint64
	at                 int64
	chunk              uint32
	back               uint32 // to the chunk before of the same hash; 0: none
	textAt             uint32
	textLen            uint32
	accepted, rejected uint32
}

// keySpan is the positions [from, to) of chunks in the order they were put.
type keySpan struct{ from, to uint64 }

func (k *keyTable) init(all *atomic.Int64, budget int64) {
	k.index, k.receipts, k.all, k.max = map[uint64]uint64{}, map[uint64]Receipt{}, all, keysBytesMax
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

// recordLocked returns a chunk that is kept, and its key, which is good for ever: the
// bytes of a page never change.
func (k *keyTable) recordLocked(pos uint64) (r *keyRecord, key string) {
	page := &k.pages[(pos-k.first)/keyPageRecords]
	r = &page.records[(pos-k.first)%keyPageRecords]
	return r, unsafe.String(unsafe.SliceData(page.text[r.textAt:]), r.textLen)
}

// eachLocked gives the positions of the chunks of a key to yield, newest first.
func (k *keyTable) eachLocked(key string, yield func(pos uint64, r *keyRecord) bool) {
	hash := xxh3.HashString(key)
	for pos, ok := k.index[hash]; ok && pos >= k.head; {
		r, text := k.recordLocked(pos)
		if text == key && !yield(pos, r) || r.back == 0 {
			return
		}
		pos -= uint64(r.back)
	}
}

func (k *keyTable) findLocked(key string, chunk uint32) (at uint64, found bool) {
	k.eachLocked(key, func(pos uint64, r *keyRecord) bool {
		at, found = pos, r.chunk == chunk
		return !found
	})
	return at, found
}

// chunkLocked is a chunk as it was put.
func (k *keyTable) chunkLocked(pos uint64) (string, chunkReceipt) {
	r, key := k.recordLocked(pos)
	c := chunkReceipt{chunk: r.chunk, digest: r.digest, seq: r.seq, at: r.at, receipt: k.receipts[pos]}
	c.receipt.Accepted, c.receipt.Rejected = r.accepted, r.rejected
	return key, c
}

// get returns what is kept of a chunk.
func (k *keyTable) get(key string, chunk uint32) (chunkReceipt, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	pos, ok := k.findLocked(key, chunk)
	if !ok {
		return chunkReceipt{}, false
	}
	_, c := k.chunkLocked(pos)
	return c, true
}

// holds tells whether any chunk of the key is kept.
func (k *keyTable) holds(key string) (held bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.eachLocked(key, func(uint64, *keyRecord) bool {
		held = true
		return false
	})
	return held
}

// takeOver gives an empty table the chunks of another, which is not used any more.
func (k *keyTable) takeOver(from *keyTable) {
	k.mu.Lock()
	defer k.mu.Unlock()
	from.mu.Lock()
	defer from.mu.Unlock()
	k.text, k.index, k.pages, k.first, k.head, k.end, k.receipts = from.text, from.index, from.pages, from.first, from.head, from.end, from.receipts
	bytes := int64(k.text)
	for pos := k.head; pos < k.end; pos++ {
		r, _ := k.recordLocked(pos)
		bytes += keyBytes + int64(r.textLen)
	}
	k.all.Add(bytes)
	k.fitLocked()
}

// put remembers a chunk. A chunk put again, as a replayed log may do, changes
// nothing.
func (k *keyTable) put(key string, c *chunkReceipt) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.findLocked(key, c.chunk); ok {
		return
	}
	n := (k.end - k.first) / keyPageRecords
	if n == uint64(len(k.pages)) {
		k.pages = append(k.pages, k.newPageLocked())
	}
	page := &k.pages[n]
	r := keyRecord{
		hash: xxh3.HashString(key), digest: c.digest, seq: c.seq, at: c.at, chunk: c.chunk,
		textAt: uint32(len(page.text)), textLen: uint32(len(key)), accepted: c.receipt.Accepted, rejected: c.receipt.Rejected,
	}
	if last, ok := k.index[r.hash]; ok {
		r.back = uint32(k.end - last)
	}
	page.text = append(page.text, key...)
	page.records = append(page.records, r)
	k.index[r.hash] = k.end
	text := c.receipt.textBytes()
	if k.text+text > keysTextMax {
		text = 0
	}
	if text > 0 {
		k.receipts[k.end] = c.receipt
	}
	k.end++
	k.countLocked(len(key), text, 1)
	k.fitLocked()
}

// newPageLocked is the first page, which grows, or one that will fill as those before.
func (k *keyTable) newPageLocked() keyPage {
	if len(k.pages) == 0 {
		return keyPage{}
	}
	text := len(k.pages[len(k.pages)-1].text)
	return keyPage{records: make([]keyRecord, 0, keyPageRecords), text: make([]byte, 0, text)}
}

// fitLocked forgets the oldest chunks where there are too many.
func (k *keyTable) fitLocked() {
	for k.end-k.head > 1 && (k.end-k.head > keysMax || k.all.Load() > k.max) {
		k.forgetOldestLocked()
	}
}

// countLocked adds a chunk to the sums, or takes it out with sign -1.
func (k *keyTable) countLocked(key, text, sign int) {
	k.text += sign * text
	k.all.Add(int64(sign * (keyBytes + key + text)))
}

// clear forgets everything, when the table is dropped.
func (k *keyTable) clear() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for k.head < k.end {
		k.forgetOldestLocked()
	}
}

func (k *keyTable) forgetOldestLocked() {
	r, key := k.recordLocked(k.head)
	text := 0
	if receipt, ok := k.receipts[k.head]; ok {
		text = receipt.textBytes()
		delete(k.receipts, k.head)
	}
	k.countLocked(len(key), text, -1)
	if k.index[r.hash] == k.head {
		delete(k.index, r.hash)
	}
	k.head++
	switch {
	case k.head == k.end: // an hour may have had very many: the map would keep their room
		k.pages, k.first = nil, k.head
		k.index, k.receipts = map[uint64]uint64{}, map[uint64]Receipt{}
	case k.head-k.first == keyPageRecords:
		k.pages[0] = keyPage{}
		k.pages, k.first = k.pages[1:], k.head
	}
}

// expire forgets the chunks older than keysLive.
func (k *keyTable) expire(now int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for k.head < k.end {
		if r, _ := k.recordLocked(k.head); r.at >= now-int64(keysLive) {
			return
		}
		k.forgetOldestLocked()
	}
}

// span is all chunks kept now.
func (k *keyTable) span() keySpan {
	k.mu.Lock()
	defer k.mu.Unlock()
	return keySpan{k.head, k.end}
}

// next appends up to most chunks of a span to dst, oldest first, and takes them
// off it. Those forgotten since are left out. None: the span is at its end.
func (k *keyTable) next(span *keySpan, most int, dst []editKey) []editKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	span.from = max(span.from, k.head)
	for most += len(dst); span.from < span.to && len(dst) < most; span.from++ {
		key, c := k.chunkLocked(span.from)
		dst = append(dst, editKey{key: key, chunk: c})
	}
	return dst
}

// oldestAt is when the oldest chunk kept was put, in ns; 0: none is kept.
func (k *keyTable) oldestAt() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.head == k.end {
		return 0
	}
	r, _ := k.recordLocked(k.head)
	return r.at
}

// OldestKey is when the oldest batch key that the table remembers came, in ns
// since 1970; 0: it remembers none.
func (t *Table) OldestKey() int64 { return t.keys.oldestAt() }

// count is the number of chunks kept.
func (k *keyTable) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return int(k.end - k.head)
}
