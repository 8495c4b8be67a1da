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
	name      string
	confirmed uint64    // every edit up to here has been confirmed on this connection
	leased    time.Time // when its lease began: at its last confirmation, also on an earlier connection
	unearned  bool      // the lease was given at a join, and nothing has been confirmed since
	stage     stage
	cancel    context.CancelFunc
}

// stage is how far a subscriber's connection has come.
type stage int

const (
	joining stage = iota // it has not confirmed its full Update yet
	joined
	left
)

// lease is until when a subscriber that is not joined may still rely on what it
// has confirmed, or is just about to confirm.
func (sub *subscriber) lease() time.Time { return sub.leased.Add(LeaseTime) }

// subscribers is who must confirm before a row is acknowledged.
type subscribers struct {
	mu     sync.Mutex
	byName map[string]*subscriber
	// hold is until when nothing is acknowledged because those who relied on the
	// leaf in its last life may not have come back; zero once one has.
	hold  time.Time
	moved signal // a confirmation, a departure
}

// join adds a subscriber; one of the same name is replaced and told to stop.
// The new one gets the rest of the old one's lease. If there is none, it gets one
// to confirm its full Update in, so that no row is acknowledged while that is on
// its way; but who never confirms gets only one, however often it comes.
func (s *subscribers) join(name string, now time.Time, cancel context.CancelFunc) *subscriber {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byName == nil {
		s.byName = make(map[string]*subscriber)
	}
	sub := &subscriber{name: name, leased: now, unearned: true, cancel: cancel}
	if old := s.byName[name]; old != nil {
		old.cancel()
		if old.unearned || now.Before(old.lease()) {
			sub.leased, sub.unearned = old.leased, old.unearned
		}
	}
	s.byName[name] = sub
	return sub
}

// leave lets a subscriber's lease run out: it may have gone, or it may only be
// cut off and still be answering queries.
func (s *subscribers) leave(sub *subscriber) {
	s.mu.Lock()
	sub.stage = left
	s.mu.Unlock()
	s.moved.fire()
}

func (s *subscribers) confirm(sub *subscriber, seq uint64, now time.Time) {
	s.mu.Lock()
	sub.confirmed = max(sub.confirmed, seq)
	sub.stage = joined
	sub.leased, sub.unearned = now, false
	if current := s.byName[sub.name]; current != nil { // there may be a newer connection
		current.leased, current.unearned = now, false
	}
	s.hold = time.Time{}
	s.mu.Unlock()
	s.moved.fire()
}

// pending tells whether someone still has to confirm seq, and until when at
// most: the end of the last lease, zero if one that has joined is behind.
func (s *subscribers) pending(seq uint64, now time.Time) (waiting bool, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Before(s.hold) {
		waiting, until = true, s.hold
	}
	behind := false
	for name, sub := range s.byName {
		leased := now.Before(sub.lease())
		switch {
		case sub.stage == left && !now.Before(sub.lease().Add(nameMemory)):
			delete(s.byName, name)
		case sub.confirmed >= seq:
		case sub.stage == joined:
			waiting, behind = true, true
		case leased:
			waiting = true
			if sub.lease().After(until) {
				until = sub.lease()
			}
		}
	}
	if behind {
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
