package storage

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
)

// TestLaneShrinks: what a lane has free in pieces goes back to where there is need of
// memory, while the lane lives and takes more.
func TestLaneShrinks(t *testing.T) {
	a := newAllocator(testShm(t))
	defer func() { a.close() }()
	l := a.newLane()
	defer l.close()
	var held []*extent
	for range 2 * segmentStep / fullBlockBytes {
		e, err := l.take(fullBlockBytes, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, e)
	}
	const want = 3 * fullBlockBytes
	limit, _, _ := a.stats()
	if _, err := a.alloc(want, limit); !errors.Is(err, errNoSpace) {
		t.Fatalf("there is room: %v", err)
	}
	for i := 0; i < len(held); i += 2 {
		a.release(held[i])
	}
	if _, err := a.alloc(want, limit); !errors.Is(err, errNoSpace) {
		t.Fatalf("there is room in one piece: %v", err)
	}
	if given := a.shrink(); given < want {
		t.Fatalf("%d bytes are given back", given)
	}
	if _, err := a.alloc(want, limit); err != nil {
		t.Fatal(err)
	}
	for range 8 {
		e, err := l.take(fullBlockBytes, limit+4*segmentStep)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.write(make([]byte, e.length)); err != nil {
			t.Fatal(err)
		}
	}
	for i := 1; i < len(held); i += 2 {
		if err := held[i].write(make([]byte, fullBlockBytes)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestLanes: goroutines with lanes of their own, others without, and one that gives
// memory back, all at once: places never overlap, the limit holds, two lanes never
// write into one file, and nothing is left at the end.
func TestLanes(t *testing.T) {
	a := newAllocator(testShm(t))
	defer func() { a.close() }()
	const limit, workers, rounds = 24 << 20, 5, 150
	lanes := make([]*lane, workers) // nil: none
	for no := 2; no < workers; no++ {
		lanes[no] = a.newLane()
	}
	apart := func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		whose := map[*segment]int{}
		for no, l := range lanes {
			for i := 0; l != nil && i < len(l.own); i++ {
				s := l.own[i]
				if s == nil {
					continue
				}
				if by, ok := whose[s]; ok || !s.claimed {
					t.Errorf("segment %d is of lane %d and of lane %d, claimed: %t", s.no, by, no, s.claimed)
				}
				whose[s] = no
			}
		}
	}
	work := func(no int) {
		rng := rand.New(rand.NewPCG(uint64(no), 1))
		take := a.alloc
		if l := lanes[no]; l != nil {
			defer l.close()
			take = l.take
		}
		var held []*extent
		release := func(i int) {
			if e := held[i]; !bytes.Equal(e.bytes(), bytes.Repeat([]byte{byte(no)}, int(e.length))) {
				t.Errorf("a place of goroutine %d was written by another", no)
			}
			a.release(held[i])
			held[i] = held[len(held)-1]
			held = held[:len(held)-1]
		}
		for range rounds {
			e, err := take([]int64{9_000, fullBlockBytes, 1_200_000}[rng.IntN(3)], limit)
			switch {
			case err == nil:
				held = append(held, e)
				if err := e.write(bytes.Repeat([]byte{byte(no)}, int(e.length))); err != nil {
					t.Error(err)
				}
			case !errors.Is(err, errNoSpace):
				t.Error(err)
			}
			apart()
			if taken, _, _ := a.stats(); taken > limit {
				t.Errorf("%d bytes taken of %d", taken, limit)
			}
			if err != nil || rng.IntN(3) == 0 {
				a.shrink()
				for len(held) > 3 {
					release(rng.IntN(len(held)))
				}
			}
		}
		for len(held) > 0 {
			release(0)
		}
	}
	var all sync.WaitGroup
	for no := range workers {
		all.Go(func() { work(no) })
	}
	all.Wait()
	for _, s := range a.order {
		if s.claimed {
			t.Errorf("segment %d stays claimed", s.no)
		}
	}
	if a.shrink(); a.taken != 0 || a.live != 0 || len(a.order) != 0 {
		t.Fatalf("%d bytes taken, %d live, %d segments at the end", a.taken, a.live, len(a.order))
	}
}
