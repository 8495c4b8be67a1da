package storage

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"
)

// noRest lets a pass run through.
func noRest(time.Duration) bool { return true }

// tryColumns reads every column of the block that lies in an extent now. read tells
// what was read; err is damage that was met.
func tryColumns(r *Ref) (read [][]Value, err error) {
	b, err := r.Open()
	if err != nil {
		return nil, err
	}
	for _, c := range b.Columns() {
		var values []Value
		err := Guard(func() (err error) { values, err = readAll(c); return err })
		if err != nil {
			r.SetDamaged(err)
			return nil, err
		}
		read = append(read, values)
	}
	return read, nil
}

// TestFlipsWhileRunning flips bits of blocks in the memory of a store that runs. Of
// a block that nobody has touched, the first touch names it. Where it was read
// before, the next pass of the scrub does. It is read again from disk, and is then
// what it was.
func TestFlipsWhileRunning(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 2))
	for _, touched := range []bool{false, true} {
		cfg, _ := openArena(t, superLayout)
		cfg.Log = nil
		s := testOpen(t, cfg)
		var refs []*Ref
		for _, table := range s.Tables() {
			if table.Name() == "volatile" {
				continue
			}
			view := table.Pin()
			refs = append(refs, view.Blocks...)
			view.Release()
		}
		for round := range 300 {
			r := refs[round%len(refs)]
			place := r.extent.Load()
			before := cloneOf(t, place)
			if touched {
				if _, err := tryColumns(r); err != nil {
					t.Fatal(err)
				}
			} else {
				place.block.Store(nil) // as after a start
			}
			at := rng.IntN(8 * int(place.length))
			turn := func() { flipIn(t, place.seg.path, place.off+int64(at/8), 1<<(at%8)) }
			turn()
			if touched {
				s.scrubPass(noRest)
			} else if values, err := tryColumns(r); err == nil {
				wantSame(t, values, before, r, at)
			}
			healed := r.State() != Live || r.extent.Load() != place
			waitFor(t, "the block can be read", func() bool { return r.State() == Live })
			after, err := tryColumns(r)
			if err != nil {
				t.Fatalf("bit %d of block %v, after it was healed: %v", at, r.ID, err)
			}
			wantSame(t, after, before, r, at)
			if !healed {
				turn() // padding: nobody reads it
			}
		}
		st := s.Status()
		t.Logf("touched before %t: %d of 300 flips are named, %d healed, %d passes, %d bytes verified", touched, st.SetAside, st.Healed, st.ScrubPass, st.ScrubBytes)
		if st.SetAside < 150 || st.Healed != st.SetAside || touched && (st.ScrubPass < 300 || st.ScrubBytes == 0 || st.Scrubbed.IsZero()) {
			t.Errorf("the status says %+v", st)
		}
	}
}

// cloneOf reads the block of an extent from a copy of its bytes, which leaves the
// block untouched.
func cloneOf(t *testing.T, e *extent) (read [][]Value) {
	t.Helper()
	for _, c := range mustOpen(t, bytes.Clone(e.bytes())).Columns() {
		read = append(read, materialise(t, c))
	}
	return read
}

func wantSame(t *testing.T, got, want [][]Value, r *Ref, bit int) {
	t.Helper()
	for i := range want {
		for row := range want[i] {
			if !sameValue(got[i][row], want[i][row]) {
				t.Fatalf("bit %d of block %v is flipped, and column %d is read wrongly", bit, r.ID, i)
			}
		}
	}
}

// TestScrubPace holds that the scrub rests for as long as its share of a core asks
// for, and that it does not rest after each small block.
func TestScrubPace(t *testing.T) {
	s := testOpen(t, testConfig(t, testShm(t)))
	for i := range 40 {
		testAppend(t, s, Append{Table: "t", Batch: noisyBatch(int64(i)*1000, 20_000, 1), Arrival: 1})
	}
	rests, rested := 0, time.Duration(0)
	began := time.Now()
	s.scrubPass(func(d time.Duration) bool {
		if d < scrubPause {
			t.Errorf("a rest of %v: shorter than %v", d, scrubPause)
		}
		rests, rested = rests+1, rested+d
		return true
	})
	worked := time.Since(began)
	t.Logf("%d rests of %v in all, %v of work", rests, rested, worked)
	if st := s.Status(); rests == 0 || rests > st.Blocks || st.ScrubPass == 0 {
		t.Errorf("%d rests in a pass over %d blocks", rests, st.Blocks)
	}
	// The last stretch's rest may still be owed, and so may be less than scrubPause.
	if most := float64(rested)*2*scrubShare + float64(scrubPause); float64(worked) > most*4 {
		t.Errorf("%v of work with rests of %v: more than its share", worked, rested)
	}
	if s.scrubPass(func(time.Duration) bool { return false }) {
		t.Error("a pass that was told to stop goes on")
	}
}
