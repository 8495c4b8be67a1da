package storage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestOpenBesideHeal: blocks are opened while they are set aside and healed. Open
// never dies of it, and what is kept open is the copy that counts.
func TestOpenBesideHeal(t *testing.T) {
	cfg := testConfig(t, testShm(t))
	cfg.Log = nil
	s := testOpen(t, cfg)
	testAppend(t, s, Append{Table: "t", Batch: testBatch(0, 5, time.Now().UnixNano())})
	r := firstRef(t, s, "t")
	first := r.extent.Load()
	second, err := s.allocForMerge(first.length)
	if err != nil {
		t.Fatal(err)
	}
	if err := second.write(first.bytes()); err != nil {
		t.Fatal(err)
	}
	places := [2]*extent{first, second}
	var reading sync.WaitGroup
	var stop atomic.Bool
	for range 3 {
		reading.Go(func() {
			for !stop.Load() {
				_, _ = r.Open()
			}
		})
	}
	const heals = 20_000
	for i := range heals {
		r.SetDamaged(errors.New("for the test"))
		e := places[i&1]
		r.table.mu.Lock()
		r.placedLocked(e)
		r.table.mu.Unlock()
		if b, err := r.Open(); err != nil || &b.data[0] != &e.bytes()[0] {
			t.Errorf("heal %d: another copy than the one in place is open (%v)", i, err)
			break
		}
	}
	stop.Store(true)
	reading.Wait()
}

// TestHealUnlogged: a block that was written to disk, and whose record there could
// not be synced, is set aside. When the disk works again, it is healed.
func TestHealUnlogged(t *testing.T) {
	cfg := testDiskConfig(t)
	cfg.reloadEvery = 5 * time.Millisecond
	var fail atomic.Bool
	cfg.syncFile = func(f *os.File) error {
		if fail.Load() && strings.Contains(f.Name(), logPrefix) {
			return errors.New("for the test")
		}
		return syncData(f)
	}
	s := ownFlushes(t, &cfg)
	testAppend(t, s, Append{Table: "t", Batch: testBatch(0, 5, time.Now().UnixNano())})
	r := firstRef(t, s, "t")
	fail.Store(true)
	s.disk.flushOnce()
	r.SetDamaged(errors.New("for the test"))
	if e, full, err := s.reloadBlock(r, new(readBuffer), s.alloc.alloc); e != nil || full || err == nil {
		t.Fatalf("read from disk before it was logged: %v", err)
	}
	again, _ := s.reloadMissing(make(map[*Ref]bool))
	if !again {
		t.Error("the block is given up for good")
	}
	fail.Store(false)
	s.disk.flushOnce()
	signal(s.reload)
	waitFor(t, "the block is healed", func() bool { return r.State() == Live && r.check() == nil })
}

// TestQueuesOfNoTable: names that never become tables leave nothing behind.
func TestQueuesOfNoTable(t *testing.T) {
	s, _ := fullStore(t, 10*time.Millisecond)
	for i := range 300 {
		_, err := s.Append(context.Background(), Append{Table: fmt.Sprint("never", i), Batch: noisyBatch(1, 4000, 1), Arrival: 1})
		if err == nil {
			t.Fatal("the store is not full")
		}
	}
	s.mergeStale()
	s.queues.mu.Lock()
	defer s.queues.mu.Unlock()
	if n := len(s.queues.byTable); n > len(s.Tables()) {
		t.Errorf("%d queues for %d tables", n, len(s.Tables()))
	}
}

// TestReadyOnce: a table whose requests are withdrawn again and again waits once
// for the committer.
func TestReadyOnce(t *testing.T) {
	var q queues
	q.init()
	for range 100 {
		req := &appendRequest{a: &Append{Table: "t", Batch: testBatch(0, 1, 1)}}
		if q.offer(req) != nil || !q.withdraw(req) {
			t.Fatal("not queued, or not withdrawn")
		}
	}
	if len(q.ready) != 1 {
		t.Errorf("the table waits %d times", len(q.ready))
	}
	if q.take() != nil || len(q.ready) != 0 {
		t.Error("there is something to commit")
	}
}
