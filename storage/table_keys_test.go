package storage

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestKeyTable(t *testing.T) {
	var all atomic.Int64
	var k keyTable
	k.init(&all, 0)
	chunk := func(n uint32, at int64) *chunkReceipt {
		return &chunkReceipt{chunk: n, seq: uint64(n) + 1, at: at, receipt: Receipt{Accepted: n}}
	}
	for i := range uint32(3_000) {
		k.put(fmt.Sprint("key", i/3), chunk(i%3, int64(i)))
	}
	k.put("key0", chunk(0, 9_999)) // again: nothing
	if k.count() != 3_000 || !k.holds("key999") || k.holds("key1000") {
		t.Fatalf("%d chunks", k.count())
	}
	// Half of key 500 goes, then the rest.
	k.expire(1_501 + int64(keysLive))
	if _, ok := k.get("key500", 0); ok || !k.holds("key500") || k.holds("key499") {
		t.Fatal("expiry is not by chunk")
	}
	if c, ok := k.get("key500", 1); !ok || c.receipt.Accepted != 1 {
		t.Fatal("a chunk that lives is gone")
	}
	n := 0
	for span := k.span(); ; n++ {
		one := k.next(&span, 1, nil)
		if len(one) == 0 {
			break
		}
		if want := int64(1_501 + n); one[0].chunk.at != want {
			t.Fatalf("chunk %d of those left is of %d, not %d", n, one[0].chunk.at, want)
		}
	}
	if n != 1_499 || k.count() != n {
		t.Fatalf("%d chunks are left", n)
	}
	k.expire(1 << 62)
	if k.count() != 0 || k.holds("key999") || all.Load() != 0 || k.text != 0 {
		t.Fatalf("%d chunks, %d bytes are left", k.count(), all.Load())
	}
}

// TestKeyTableBounds fills a key table with receipts full of errors: their texts
// and the keys stay within bounds, the newest keys are known.
func TestKeyTableBounds(t *testing.T) {
	var all atomic.Int64
	var k keyTable
	k.init(&all, 8<<20) // 1 MiB for keys
	for i := range 20_000 {
		c := &chunkReceipt{seq: 1, at: int64(i)}
		for range RowErrorsMax {
			c.receipt.Errors = append(c.receipt.Errors, RowError{Error: strings.Repeat("x", 100)})
		}
		k.put(fmt.Sprint("key", i), c)
	}
	if all.Load() > 1<<20 || !k.holds("key19999") || k.holds("key0") {
		t.Fatalf("%d bytes", all.Load())
	}
	all.Store(0)
	k = keyTable{}
	k.init(&all, 0)
	for i := range 10_000 {
		c := &chunkReceipt{seq: 1, at: int64(i), receipt: Receipt{Rejected: 7}}
		for range RowErrorsMax {
			c.receipt.Errors = append(c.receipt.Errors, RowError{Error: strings.Repeat("x", 100)})
		}
		k.put(fmt.Sprint("key", i), c)
	}
	if k.text > keysTextMax || k.count() != 10_000 {
		t.Fatalf("%d bytes of texts, %d chunks", k.text, k.count())
	}
	if c, _ := k.get("key9999", 0); c.receipt.Rejected != 7 || c.receipt.Errors != nil {
		t.Fatalf("%+v", c.receipt)
	}
	k.clear()
	if all.Load() != 0 {
		t.Fatalf("%d bytes are left", all.Load())
	}
}

// TestCheckpointRoom shows that the room for a checkpoint is enough for the
// longest keys.
func TestCheckpointRoom(t *testing.T) {
	cfg := testConfig(t, testShm(t))
	s := testOpen(t, cfg)
	for i := range int64(50) {
		testAppend(t, s, Append{Table: "t", Batch: testBatch(i*200, 200, i*int64(time.Hour)), Key: fmt.Sprint(i)})
	}
	tab, _ := s.Table("t")
	now := time.Now().UnixNano()
	pad := strings.Repeat("k", KeyBytesMax-8)
	for i := range 20_000 {
		tab.keys.put(fmt.Sprintf("%s%08d", pad, i), &chunkReceipt{seq: 1 << 60, digest: 1 << 63, at: now})
	}
	s.commitMu.Lock()
	room, err := s.logRoom(s.stateLocked()), s.checkpointLocked()
	s.commitMu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if s.log.tail > room/2 {
		t.Fatalf("a checkpoint of %d bytes, room for %d", s.log.tail, room)
	}
	testClose(t, s)
	s = testOpen(t, cfg)
	tab, _ = s.Table("t")
	if n := tab.keys.count(); n != 20_050 || !tab.keys.holds("7") {
		t.Fatalf("%d keys came back", n)
	}
}

// TestKeyTableModel puts and forgets at random, keys of one and of many chunks, and
// compares with a map.
func TestKeyTableModel(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	var all atomic.Int64
	var k keyTable
	k.init(&all, 0)
	type id struct {
		key   string
		chunk uint32
	}
	model := map[id]chunkReceipt{}
	var order []id
	now := int64(0)
	for range 60_000 {
		now += rng.Int64N(int64(time.Second))
		one := id{fmt.Sprint("key-", rng.IntN(3_000)), uint32(rng.IntN(4))}
		want, held := model[one]
		got, ok := k.get(one.key, one.chunk)
		if ok != held || ok && (got.digest != want.digest || got.at != want.at || len(got.receipt.Warnings) != len(want.receipt.Warnings)) {
			t.Fatalf("%v: %v %+v, not %v %+v", one, ok, got, held, want)
		}
		c := chunkReceipt{chunk: one.chunk, digest: rng.Uint64(), seq: 1, at: now, receipt: Receipt{Accepted: rng.Uint32()}}
		if rng.IntN(10) == 0 {
			c.receipt.Warnings = []string{"w"}
		}
		k.put(one.key, &c)
		if !held {
			model[one] = c
			order = append(order, one)
		}
		if rng.IntN(50) == 0 {
			k.expire(now)
			for len(order) > 0 && model[order[0]].at < now-int64(keysLive) {
				delete(model, order[0])
				order = order[1:]
			}
		}
		if k.count() != len(order) {
			t.Fatalf("%d chunks, not %d", k.count(), len(order))
		}
	}
	n := 0
	for span := k.span(); ; {
		some := k.next(&span, 7, nil)
		if len(some) == 0 {
			break
		}
		for i := range some {
			if want := order[n]; some[i].key != want.key || some[i].chunk.chunk != want.chunk || some[i].chunk.digest != model[want].digest {
				t.Fatalf("chunk %d is %+v, not %v", n, some[i], want)
			}
			n++
		}
	}
	if n != len(order) || n < 1_000 {
		t.Fatalf("%d chunks of %d", n, len(order))
	}
}

// BenchmarkKeys puts and gets the key of a batch of one chunk.
func BenchmarkKeys(b *testing.B) {
	var all atomic.Int64
	var k keyTable
	k.init(&all, 0)
	keys := make([]string, 1<<20)
	for i := range keys {
		keys[i] = fmt.Sprintf("%036d", i)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		k.put(keys[i&(1<<20-1)], &chunkReceipt{chunk: uint32(i >> 20), seq: 1, at: int64(i)})
		if _, ok := k.get(keys[i&(1<<20-1)], uint32(i>>20)); !ok {
			b.Fatal("gone")
		}
		i++
	}
}
