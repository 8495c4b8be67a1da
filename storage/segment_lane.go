package storage

import "errors"

// A lane takes places for the blocks of one goroutine, in segments where nobody else
// takes any meanwhile, unless there is no other memory. The kernel lets one writer at a time into a file, and those
// that wait for it spin: two that write blocks into one file take twice the time of the
// processor, and no less by the clock. As nobody else grows these segments, their
// pages are taken without the allocator's mutex.
//
// Lanes are for many blocks at once, as the end of the last segmentStep of each stays
// empty. Close hands the segments over to everyone.
type lane struct {
	alloc *allocator
	own   [2]*segment // of full blocks, of small ones; nil where none is needed yet
}

func (a *allocator) newLane() *lane { return &lane{alloc: a} }

// take is the allocator's alloc for the blocks of the lane.
func (l *lane) take(length, limit int64) (*extent, error) {
	if length <= 0 {
		panic("BUG: extent of no bytes")
	}
	e, err := l.takeOwn(length, limit)
	if errors.Is(err, errNoSpace) {
		// Others have holes, and what is free of their steps.
		return l.alloc.alloc(length, limit)
	}
	return e, err
}

func (l *lane) takeOwn(length, limit int64) (*extent, error) {
	small := length < fullBlockBytes
	own := &l.own[0]
	if small {
		own = &l.own[1]
	}
	a := l.alloc
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		if *own == nil || (*own).closed {
			s, err := a.claimLocked(small, length)
			if err != nil {
				return nil, err
			}
			l.disownLocked(own)
			*own = s
		}
		s := *own
		off, ok := takeRange(&s.free, s.rounded(length))
		if !ok {
			var err error
			if off, ok, err = a.growLocked(s, s.rounded(length), limit); err != nil {
				return nil, err
			}
		}
		if ok {
			return a.handOut(s, off, length), nil
		}
		l.disownLocked(own) // it has no addresses left
	}
}

// claimLocked returns a segment for a lane alone: one that has addresses for a block
// behind its end, or a new one.
func (a *allocator) claimLocked(small bool, length int64) (*segment, error) {
	for _, s := range a.order {
		if s.small == small && !s.closed && !s.claimed && s.taken+s.rounded(length) <= int64(len(s.data)) {
			s.claimed = true
			return s, nil
		}
	}
	s, err := a.addLocked(small, length)
	if err == nil {
		s.claimed = true
	}
	return s, err
}

func (l *lane) disownLocked(own **segment) {
	if s := *own; s != nil {
		s.claimed = false
		*own = nil
	}
}

// close ends the lane. Its places stay.
func (l *lane) close() {
	l.alloc.mu.Lock()
	defer l.alloc.mu.Unlock()
	for i := range l.own {
		l.disownLocked(&l.own[i])
	}
}
