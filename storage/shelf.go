package storage

import (
	"runtime"
	"sync"
)

// Shelf keeps memory that is costly to get afresh, for the next that needs its like.
// A sync.Pool would keep more and for shorter: what one processor put there another
// does not find, and two collections empty it in the middle of a load whose buffers
// are all that there is to collect. A shelf has at most one thing a processor, gives
// out what was used last, and lets go of what shelfCollections collections found
// unused, so that little is held at rest.
//
// The zero value is an empty shelf. It is safe for concurrent use.
type Shelf[T any] struct {
	mu       sync.Mutex
	things   []shelved[T] // the last used last
	watching bool         // collected is called after the next collection
}

type shelved[T any] struct {
	thing T
	idle  int // collections since it was put there
}

// shelfCollections: a load with a collection every few requests uses each thing
// between two of them; at rest the runtime collects every two minutes.
const shelfCollections = 3

// Take returns what was used last; ok is false if there is nothing.
func (s *Shelf[T]) Take() (thing T, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.things)
	if n == 0 {
		return thing, false
	}
	thing = s.things[n-1].thing
	s.things[n-1] = shelved[T]{}
	s.things = s.things[:n-1]
	return thing, true
}

// Put gives something back, which must not be used afterwards. Where the shelf is full
// it is left to the collector.
func (s *Shelf[T]) Put(thing T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.things) >= runtime.GOMAXPROCS(0) {
		return
	}
	s.things = append(s.things, shelved[T]{thing: thing})
	if !s.watching {
		s.watching = true
		s.watch()
	}
}

// unused is what the collector finds dead each time it has run.
type unused[T any] struct{ on *Shelf[T] }

func (s *Shelf[T]) watch() {
	runtime.AddCleanup(&unused[T]{s}, (*Shelf[T]).collected, s)
}

// collected asks to be called again while there is anything.
func (s *Shelf[T]) collected() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watching = s.ageLocked(); s.watching {
		s.watch()
	}
}

// ageLocked lets go of what was not used for long, and tells whether anything is left.
func (s *Shelf[T]) ageLocked() bool {
	kept := s.things[:0]
	for _, t := range s.things {
		if t.idle++; t.idle < shelfCollections {
			kept = append(kept, t)
		}
	}
	clear(s.things[len(kept):])
	s.things = kept
	return len(kept) > 0
}
