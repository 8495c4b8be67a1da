package storage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// fullStore returns a store that refuses rows: all of its memory was dropped and
// is held by a view, so appends wait for it.
func fullStore(t *testing.T, wait time.Duration) (s *Store, view *View) {
	t.Helper()
	cfg := testConfig(t, testShm(t))
	cfg.Budget, cfg.WhenFull, cfg.fullWait, cfg.fullRest = 16<<20, WhenFullReject, wait, time.Hour
	s = testOpen(t, cfg)
	var full *FullError
	for _, rows := range []int{rollRows, 8_192, 4_000, 500, 20, 1} {
		for i := int64(0); ; i++ {
			_, err := s.Append(context.Background(), Append{Table: "old", Batch: noisyBatch(i*rollRows, rows, 1), Arrival: 1})
			if errors.As(err, &full) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	tab, _ := s.Table("old")
	view = tab.Pin()
	t.Cleanup(view.Release)
	if err := s.DropTable("old"); err != nil {
		t.Fatal(err)
	}
	if s.Status().Pending == 0 {
		t.Fatal("the view holds nothing")
	}
	return s, view
}

// appendMany starts appends to five tables that all have to wait, and returns
// where their errors come.
func appendMany(t *testing.T, s *Store, ctx context.Context, rows, n int) <-chan error {
	t.Helper()
	errs := make(chan error, n)
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() {
			a := Append{Table: fmt.Sprint("t", i%5), Batch: noisyBatch(int64(i)*rollRows, rows, 1), Arrival: 1, Key: fmt.Sprint(i)}
			_, err := s.Append(ctx, a)
			errs <- err
		})
	}
	t.Cleanup(running.Wait)
	return errs
}

// wantErrors takes n errors, each of which must satisfy is, within a while.
func wantErrors(t *testing.T, errs <-chan error, n int, within time.Duration, is func(error) bool) {
	t.Helper()
	late := time.After(within)
	for i := range n {
		select {
		case err := <-errs:
			if !is(err) {
				t.Fatalf("append %d of %d: %v", i, n, err)
			}
		case <-late:
			t.Fatalf("after %v %d of %d appends have returned", within, i, n)
		}
	}
}

func isFull(err error) bool {
	var full *FullError
	return errors.As(err, &full)
}

// TestFullAtOnce shows that appends which wait for memory in vain do not wait one
// after another: one waits, and all are told then.
func TestFullAtOnce(t *testing.T) {
	const wait, within = 300 * time.Millisecond, time.Minute
	for _, rows := range []int{4_000, richRowsMin} {
		t.Run(fmt.Sprint(rows), func(t *testing.T) {
			s, view := fullStore(t, wait)
			start, before := time.Now(), s.inVain.count
			wantErrors(t, appendMany(t, s, context.Background(), rows, 50), 50, within, isFull)
			t.Logf("50 appends were told within %v, %v after one has to be", time.Since(start), wait)
			// Who comes a moment later is told at once, until memory is freed.
			wantErrors(t, appendMany(t, s, context.Background(), rows, 10), 10, within, isFull)
			if n := s.inVain.count - before; n != 1 {
				t.Fatalf("%d appends waited in vain, one after another", n)
			}
			view.Release()
			wantErrors(t, appendMany(t, s, context.Background(), rows, 5), 5, within, func(err error) bool { return err == nil })
		})
	}
}

// TestFullClose closes a store whose appends wait for memory: it does not wait
// with them.
func TestFullClose(t *testing.T) {
	for _, rows := range []int{4_000, richRowsMin} {
		t.Run(fmt.Sprint(rows), func(t *testing.T) {
			s, _ := fullStore(t, time.Minute)
			errs := appendMany(t, s, context.Background(), rows, 20)
			waitFor(t, "an append waits for memory", func() bool { return len(s.room) == 1 })
			closed := make(chan error, 1)
			go func() { closed <- s.Close() }()
			wantErrors(t, errs, 20, 10*time.Second, func(err error) bool { return errors.Is(err, ErrClosed) })
			if err := <-closed; err != nil {
				t.Fatal(err)
			}
		})
	}
}

// watchedContext counts how often its end is waited for.
type watchedContext struct {
	context.Context
	waits atomic.Int64
}

func (c *watchedContext) Done() <-chan struct{} {
	c.waits.Add(1)
	return c.Context.Done()
}

// TestFullCancel takes appends back that wait for memory. Of a group whose
// callers are not all gone the others wait on.
func TestFullCancel(t *testing.T) {
	for _, rows := range []int{4_000, richRowsMin} {
		t.Run(fmt.Sprint(rows), func(t *testing.T) {
			s, _ := fullStore(t, time.Minute)
			ctx, cancel := context.WithCancel(context.Background())
			first, leave := context.WithCancel(context.Background())
			defer leave()
			if rows >= richRowsMin {
				appendMany(t, s, first, rows, 1) // waits while those behind it leave
				waitFor(t, "an append waits for memory", func() bool { return len(s.room) == 1 })
			}
			watched := &watchedContext{Context: ctx}
			errs := appendMany(t, s, watched, rows, 20)
			waitFor(t, "all appends wait", func() bool { return len(s.room) == 1 && watched.waits.Load() >= 20 })
			cancel()
			wantErrors(t, errs, 20, 10*time.Second, func(err error) bool { return errors.Is(err, context.Canceled) })
		})
	}
}

// TestFullCancelOne shows that a group in the committer's hands waits on until the
// last of its callers has given up.
func TestFullCancelOne(t *testing.T) {
	var q queues
	q.init()
	reqs := make([]*appendRequest, 2)
	for i := range reqs {
		reqs[i] = &appendRequest{a: &Append{Table: "t", Batch: testBatch(int64(i), 1, 1)}, done: make(chan struct{})}
		if q.offer(reqs[i]) != nil {
			t.Fatal("an empty queue has no space")
		}
	}
	g := q.take()
	if len(g.requests) != 2 {
		t.Fatalf("%d requests were taken", len(g.requests))
	}
	if q.withdraw(reqs[0]) || g.ctx.Err() != nil {
		t.Fatalf("one of two callers left, the group's context says %v", g.ctx.Err())
	}
	if q.withdraw(reqs[1]) || g.ctx.Err() == nil {
		t.Fatal("all callers left and the group waits on")
	}
}
