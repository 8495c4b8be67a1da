package storage

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestScrubCopies damages the copies of blocks on disk while memory has them: the
// scrub notices, they are written again elsewhere, and when memory is lost nothing
// is missing.
func TestScrubCopies(t *testing.T) {
	harm := map[string]func(t *testing.T, path string, p diskPlace){
		"bit": func(t *testing.T, path string, p diskPlace) { flipIn(t, path, p.offset+p.length/2, 4) },
		"cut": func(t *testing.T, path string, p diskPlace) {
			if err := os.Truncate(path, p.offset+p.length/2); err != nil {
				t.Fatal(err)
			}
		},
		"gone": func(t *testing.T, path string, _ diskPlace) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, damage := range harm {
		for _, rewrite := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ",rewrite=", rewrite), func(t *testing.T) { scrubCopies(t, damage, rewrite) })
		}
	}
}

func scrubCopies(t *testing.T, damage func(t *testing.T, path string, p diskPlace), rewrite bool) {
	cfg := testDiskConfig(t)
	s := ownFlushes(t, &cfg)
	now := time.Now().UnixNano()
	testAppend(t, s, Append{Table: "t", Batch: testBatch(0, 5, now)})
	testAppend(t, s, Append{Table: "t", Batch: noisyBatch(5, rollRows, 1), Arrival: now})
	testAppend(t, s, Append{Table: "u", Batch: testBatch(0, 7, now)})
	s.disk.flushOnce()
	s.scrubPass(noRest)
	if st := s.Status(); st.BadCopies != 0 {
		t.Fatalf("%d copies are called damaged before any is", st.BadCopies)
	}
	tab, _ := s.Table("t")
	view := tab.Pin()
	before := map[BlockID]place{}
	for _, r := range view.Blocks {
		p, ok := s.disk.find(r.ID)
		if !ok {
			t.Fatalf("block %v is not on disk", r.ID)
		}
		before[r.ID] = p.place
	}
	last := view.Blocks[len(view.Blocks)-1]
	p, _ := s.disk.find(last.ID)
	view.Release()
	damage(t, filepath.Join(cfg.DataDir, diskFileName(p.file)), p)
	s.scrubPass(noRest)
	if n := s.Status().BadCopies; n == 0 {
		t.Fatal("no copy is called damaged")
	}
	s.disk.stale = rewrite // a new log in between must not forget them
	for range 2 {
		s.disk.flushOnce()
	}
	if err := s.disk.failure(); err != nil {
		t.Fatal(err)
	}
	if again, _ := s.disk.find(last.ID); again.place == before[last.ID] {
		t.Errorf("block %v lies where its copy was damaged", last.ID)
	}
	bad := s.Status().BadCopies
	if s.scrubPass(noRest); s.Status().BadCopies != bad || len(s.disk.rotten) != 0 {
		s.disk.flushOnce()
		if len(s.disk.rotten) != 0 {
			t.Errorf("%d copies were damaged, %d after they were written again, %d still to be", bad, s.Status().BadCopies, len(s.disk.rotten))
		}
	}
	testClose(t, s)
	reboot(t, cfg)
	s = testOpen(t, cfg)
	waitLoaded(t, s)
	if n, m := len(readIDs(t, s, "t")), len(readIDs(t, s, "u")); n != rollRows+5 || m != 7 {
		t.Errorf("%d and %d rows after memory was lost, want %d and 7", n, m, rollRows+5)
	}
}
