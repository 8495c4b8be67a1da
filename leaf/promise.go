package leaf

import (
	"context"
	"sync"
	"time"
)

// signal wakes everyone who waits, each time it fires.
type signal struct {
	mu sync.Mutex
	ch chan struct{}
}

// wait returns a channel that the next fire closes. Take it before looking at
// the state it guards.
func (s *signal) wait() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

func (s *signal) fire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}

// subscriber is an aggregator that the leaf owes its promises to.
type subscriber struct {
	confirmed uint64    // every edit up to here has been confirmed
	confirmAt time.Time // of the last confirmation
	lapsed    time.Time // zero while it listens; else when its lease ends
	cancel    context.CancelFunc
}

// subscribers is who must confirm before a row is acknowledged.
type subscribers struct {
	mu     sync.Mutex
	byName map[string]*subscriber
	moved  signal // a confirmation, a departure
}

// join adds a subscriber; one of the same name is replaced and told to stop.
func (s *subscribers) join(name string, now time.Time, cancel context.CancelFunc) *subscriber {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byName == nil {
		s.byName = make(map[string]*subscriber)
	}
	if old := s.byName[name]; old != nil {
		old.cancel()
	}
	sub := &subscriber{confirmAt: now, cancel: cancel}
	s.byName[name] = sub
	return sub
}

// leave lets a subscriber's lease run out: it may have gone, or it may only be
// cut off and still be answering queries.
func (s *subscribers) leave(sub *subscriber) {
	s.mu.Lock()
	sub.lapsed = sub.confirmAt.Add(LeaseTime)
	s.mu.Unlock()
	s.moved.fire()
}

func (s *subscribers) confirm(sub *subscriber, seq uint64, now time.Time) {
	s.mu.Lock()
	sub.confirmed = max(sub.confirmed, seq)
	sub.confirmAt = now
	s.mu.Unlock()
	s.moved.fire()
}

// pending tells whether someone still has to confirm seq, and until when at
// most: the end of the last lapsing lease, zero if a listening one is behind.
func (s *subscribers) pending(seq uint64, now time.Time) (waiting bool, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	listening := false
	for name, sub := range s.byName {
		switch {
		case !sub.lapsed.IsZero() && !now.Before(sub.lapsed):
			delete(s.byName, name)
		case sub.confirmed >= seq:
		case sub.lapsed.IsZero():
			waiting, listening = true, true
		default:
			waiting = true
			if sub.lapsed.After(until) {
				until = sub.lapsed
			}
		}
	}
	if listening {
		until = time.Time{}
	}
	return waiting, until
}

// await returns when every subscriber has confirmed seq or lost its lease.
func (s *subscribers) await(ctx context.Context, seq uint64, now func() time.Time) error {
	for {
		moved := s.moved.wait()
		waiting, until := s.pending(seq, now())
		if !waiting {
			return nil
		}
		var lapse <-chan time.Time
		if !until.IsZero() {
			timer := time.NewTimer(until.Sub(now()))
			defer timer.Stop()
			lapse = timer.C
		}
		select {
		case <-moved:
		case <-lapse:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
