package storage

import (
	"runtime"
	"testing"
)

// TestShelf: what was used last is given out first, no more are kept than there are
// processors, and collections that find something unused let go of it.
func TestShelf(t *testing.T) {
	var s Shelf[int]
	if got, ok := s.Take(); ok {
		t.Fatalf("%d on an empty shelf", got)
	}
	most := runtime.GOMAXPROCS(0)
	for i := range most + 3 {
		s.Put(i)
	}
	for i := range most {
		if got, ok := s.Take(); !ok || got != most-1-i {
			t.Fatalf("%d, %t as number %d", got, ok, i)
		}
	}
	if _, ok := s.Take(); ok {
		t.Fatal("more are kept than there are processors")
	}
}

// TestShelfAges has what follows collections done by itself.
func TestShelfAges(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(3))
	var s Shelf[int]
	s.watching = true // nobody else does it
	s.Put(1)
	for range shelfCollections - 1 {
		s.ageLocked()
	}
	if got, ok := s.Take(); !ok || got != 1 {
		t.Fatal("it is gone too early")
	}
	s.Put(1) // it was used
	s.Put(2)
	for range shelfCollections - 1 {
		s.ageLocked()
	}
	s.Put(3)
	s.ageLocked()
	if got, ok := s.Take(); !ok || got != 3 {
		t.Fatalf("%d, %t", got, ok)
	}
	if got, ok := s.Take(); ok {
		t.Fatalf("%d is kept after %d collections", got, shelfCollections)
	}
}

// TestShelfWatches: collections by the runtime empty a shelf.
func TestShelfWatches(t *testing.T) {
	var s Shelf[int]
	s.Put(1)
	for {
		runtime.GC()
		s.mu.Lock()
		n := len(s.things)
		s.mu.Unlock()
		if n == 0 {
			return // or the test runs out of time
		}
		runtime.Gosched()
	}
}
