package storage

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"
)

// pagesOf is how many bytes of tmpfs the segment files take.
func pagesOf(t *testing.T, a *allocator) (bytes int64) {
	t.Helper()
	for _, s := range a.order {
		st, err := os.Stat(s.path)
		if err != nil {
			t.Fatal(err)
		}
		bytes += st.Sys().(*syscall.Stat_t).Blocks * 512
	}
	return bytes
}

// TestAllocator takes and gives extents at random and compares with what it
// holds: none overlap, each keeps what was written, every byte handed out has a
// page, and the sum of pages is the file system's.
func TestAllocator(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	dir := testShm(t)
	a := newAllocator(dir)
	defer func() { a.close() }()
	lanes := []*lane{a.newLane(), a.newLane()}
	type held struct {
		e    *extent
		mark byte
	}
	var extents []held
	const limit = 24 << 20
	full := 0
	for step := range 30_000 {
		switch n := rng.IntN(100); {
		case n < 55:
			length := int64(1 + rng.IntN(20_000))
			if rng.IntN(8) == 0 {
				length = int64(200_000 + rng.IntN(1_500_000))
			}
			take := a.alloc
			if i := rng.IntN(4); i < len(lanes) {
				take = lanes[i].take
			}
			e, err := take(length, limit)
			if errors.Is(err, errNoSpace) {
				full++
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			mark := byte(step)
			if err := e.write(bytes.Repeat([]byte{mark}, int(length))); err != nil {
				t.Fatal(err)
			}
			extents = append(extents, held{e, mark})
		case n < 96:
			if len(extents) == 0 {
				continue
			}
			i := rng.IntN(len(extents))
			data := extents[i].e.bytes()
			if data[0] != extents[i].mark || data[len(data)-1] != extents[i].mark {
				t.Fatalf("step %d: an extent was overwritten", step)
			}
			a.release(extents[i].e)
			extents[i] = extents[len(extents)-1]
			extents = extents[:len(extents)-1]
		case n < 97:
			i := rng.IntN(len(lanes))
			lanes[i].close()
			lanes[i] = a.newLane()
		case n < 98 || step%40 != 0:
			a.shrink()
		default: // a restart
			live := map[uint32][]byteRange{}
			for _, h := range extents {
				live[h.e.seg.no] = append(live[h.e.seg.no], byteRange{h.e.off, h.e.off + h.e.length})
			}
			if err := a.close(); err != nil {
				t.Fatal(err)
			}
			a = newAllocator(dir)
			if _, err := a.restore(live); err != nil {
				t.Fatal(err)
			}
			lanes[0], lanes[1] = a.newLane(), a.newLane()
			for i := range extents {
				extents[i].e.seg = a.segments[extents[i].e.seg.no]
			}
		}
		taken, _, _ := a.stats()
		if taken > limit {
			t.Fatalf("step %d: %d bytes taken of %d", step, taken, limit)
		}
		if step%20 == 0 && DefaultTmpfsOK(dir) == nil {
			if pages := pagesOf(t, a); pages != taken {
				t.Fatalf("step %d: the files take %d bytes, the allocator says %d", step, pages, taken)
			}
		}
	}
	if full == 0 {
		t.Fatal("the limit was never met: the test shows nothing")
	}
	for _, h := range extents {
		a.release(h.e)
	}
	for _, l := range lanes {
		l.close()
	}
	if a.shrink(); a.taken != 0 || a.live != 0 || len(a.order) != 0 {
		t.Fatalf("%d bytes taken, %d live, %d segments at the end", a.taken, a.live, len(a.order))
	}
}

// TestSegmentNames holds that only names of segments are taken for segments:
// others are never removed.
func TestSegmentNames(t *testing.T) {
	for _, small := range []bool{true, false} {
		name := segmentName(0xabc, small)
		no, isSmall, ok := parseSegmentName(name)
		if no != 0xabc || isSmall != small || !ok {
			t.Errorf("%s is read as %d %v %v", name, no, isSmall, ok)
		}
	}
	for _, name := range []string{"", "small-.seg", "small-00000001", "small-0000001.seg", "x-00000001.seg", "full-0000000g.seg", "lock", "super"} {
		if _, _, ok := parseSegmentName(name); ok {
			t.Errorf("%q passes as a segment", name)
		}
		if _, ok := parseLogName(name); ok {
			t.Errorf("%q passes as a log", name)
		}
	}
}

// TestBudgetShrinks opens a store with less memory than it had: the oldest rows
// go and their memory goes back.
func TestBudgetShrinks(t *testing.T) {
	cfg := testConfig(t, testShm(t))
	s := testOpen(t, cfg)
	for i := range int64(30) {
		testAppend(t, s, Append{Table: "t", Batch: noisyBatch(i*rollRows, rollRows, i), Arrival: i})
	}
	testClose(t, s)
	cfg.Budget = 12 << 20
	s = testOpen(t, cfg)
	if used := s.Status().Used; used <= cfg.Budget {
		t.Fatalf("%d bytes are no more than the new budget: the test shows nothing", used)
	}
	for range 20 {
		s.trim()
	}
	if used := s.Status().Used; used > cfg.Budget {
		t.Fatalf("%d bytes used of a budget of %d", used, cfg.Budget)
	}
	got := readIDs(t, s, "t")
	if got[30*rollRows-1] != 1 || len(got) < 2*rollRows {
		t.Fatal("not the oldest rows went, or too many")
	}
	if e, err := s.alloc.alloc(1, math.MaxInt64); err != nil {
		t.Fatal(err)
	} else {
		s.alloc.release(e)
	}
	if err := fmt.Sprint(s.Status().Damaged); err != "0" {
		t.Fatalf("%s damaged blocks", err)
	}
}

// testFlip flips a bit in the middle of a block in memory.
func testFlip(t testing.TB, e *extent) {
	t.Helper()
	testFlipAt(t, e, int(e.length)/2)
}

// testFlipAt flips a bit of a byte of a block.
func testFlipAt(t testing.TB, e *extent, at int) {
	t.Helper()
	data := bytes.Clone(e.bytes())
	data[at] ^= 1
	if err := e.write(data); err != nil {
		t.Fatal(err)
	}
}

// TestReadOnly: nothing but a segment's own writes changes a block. A write through
// a slice of it is a fault.
func TestReadOnly(t *testing.T) {
	s := testOpen(t, testConfig(t, testShm(t)))
	testAppend(t, s, Append{Table: "t", Batch: testBatch(0, 10, 1), Arrival: 1})
	r := firstRef(t, s, "t")
	var fault *FaultError
	if err := Guard(func() error { r.extent.Load().bytes()[0] = 1; return nil }); !errors.As(err, &fault) {
		t.Fatalf("a write into a block: %v", err)
	}
	if err := r.check(); err != nil {
		t.Fatal(err)
	}
}
