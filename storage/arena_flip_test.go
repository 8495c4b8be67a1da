package storage

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// flipTarget is a block of the arena, and where its bytes mean something.
type flipTarget struct {
	id      BlockID
	path    string
	place   byteRange
	meaning []byteRange // its head and its columns, from the start of the block
}

func (f *flipTarget) means(at int64) bool {
	for _, r := range f.meaning {
		if at >= r.off && at < r.end {
			return true
		}
	}
	return false
}

// flipTargets is every block of a store.
func flipTargets(t *testing.T, s *Store) (targets []flipTarget) {
	t.Helper()
	for _, table := range s.Tables() {
		view := table.Pin()
		for _, r := range view.Blocks {
			b, err := r.Open()
			if err != nil {
				t.Fatal(err)
			}
			e := r.extent.Load()
			target := flipTarget{
				id: r.ID, path: e.seg.path, place: byteRange{e.off, e.off + e.length},
			}
			h, err := decodeHeader(b.data, len(b.data))
			if err != nil {
				t.Fatal(err)
			}
			target.meaning = append(target.meaning, byteRange{0, int64(h.headLength)})
			for _, c := range b.Columns() {
				target.meaning = append(target.meaning, byteRange{int64(c.at), int64(c.at + c.length)})
			}
			targets = append(targets, target)
		}
		view.Release()
	}
	return targets
}

// checkColumns touches every column of a block, as queries do: by its checksum, then
// by its structure.
func checkColumns(r *Ref) error {
	b, err := r.Open()
	if err != nil {
		return err
	}
	for _, c := range b.Columns() {
		if err := Guard(c.Check); err != nil {
			r.SetDamaged(err)
			return err
		}
	}
	return nil
}

// TestFlipsOfLargeArena flips random bits of a store's segments, one at a time, and
// opens the store: the block that holds the bit is set aside, or the bit is padding
// that nobody reads; another block, picked at random, can be read. KELP_SWEEP_MIB and
// KELP_SWEEP_FLIPS make it larger than 12 MiB and 60 flips.
func TestFlipsOfLargeArena(t *testing.T) {
	if underRace {
		t.Skip("one goroutine for much memory: the run without the race detector does it")
	}
	number := func(name string, n int) int {
		if text := os.Getenv(name); text != "" {
			var err error
			if n, err = strconv.Atoi(text); err != nil || n < 1 {
				t.Fatalf("%s=%q: give a number", name, text)
			}
		}
		return n
	}
	size, flips := int64(number("KELP_SWEEP_MIB", 12))<<20, number("KELP_SWEEP_FLIPS", 60)
	cfg := testConfig(t, testShm(t))
	cfg.Log = nil
	s := testOpen(t, cfg)
	for n := 0; s.Status().Live < size; n++ { // full blocks: no merge takes them away
		testAppend(t, s, Append{Table: fmt.Sprint("t", n%2), Batch: workloadBatch(RowsPerBlockMax, int64(n)*RowsPerBlockMax), Arrival: 1})
	}
	targets, total := flipTargets(t, s), s.Status().Live
	testClose(t, s)
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	named, harmless := 0, 0
	for range flips {
		target := pickByBytes(rng, targets)
		at := rng.Int64N(target.place.end - target.place.off)
		mask := byte(1) << rng.IntN(8)
		flipIn(t, target.path, target.place.off+at, mask)
		s, err := Open(cfg)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		r, other := refByID(s, target.id), refByID(s, targets[rng.IntN(len(targets))].id)
		if r == nil || other == nil {
			t.Fatalf("seed %d: a block is gone", seed)
		}
		switch err := checkColumns(r); {
		case err != nil && r.State() == Damaged && s.Status().Damaged == 1:
			named++
		case err == nil && !target.means(at):
			harmless++
		default:
			t.Fatalf("seed %d: byte %d of block %v is flipped: %v, %d blocks are set aside", seed, at, target.id, err, s.Status().Damaged)
		}
		if other != r {
			if err := checkColumns(other); err != nil {
				t.Fatalf("seed %d: another block: %v", seed, err)
			}
		}
		testClose(t, s)
		flipIn(t, target.path, target.place.off+at, mask)
	}
	t.Logf("%d bytes in %d blocks, %d flips: %d named, %d harmless", total, len(targets), flips, named, harmless)
	if named < flips/2 {
		t.Errorf("only %d of %d flips are named", named, flips)
	}
}

// pickByBytes picks a block, large ones more often.
func pickByBytes(rng *rand.Rand, targets []flipTarget) *flipTarget {
	total := int64(0)
	for i := range targets {
		total += targets[i].place.end - targets[i].place.off
	}
	n := rng.Int64N(total)
	for i := range targets {
		if n -= targets[i].place.end - targets[i].place.off; n < 0 {
			return &targets[i]
		}
	}
	panic("BUG: more bytes than there are")
}

func refByID(s *Store, id BlockID) *Ref {
	for _, table := range s.Tables() {
		table.mu.Lock()
		r := table.byID[id]
		table.mu.Unlock()
		if r != nil {
			return r
		}
	}
	return nil
}

func flipIn(t *testing.T, path string, at int64, mask byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= mask
	if _, err := f.WriteAt(b[:], at); err != nil {
		t.Fatal(err)
	}
}
