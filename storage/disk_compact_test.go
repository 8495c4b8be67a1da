package storage

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// diskUse is what the files of blocks take, by the file system.
func diskUse(t *testing.T, dir string) (size int64) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, diskFilePrefix+"*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if st, err := os.Stat(name); err == nil { // else it went just now
			size += st.Size()
		}
	}
	return size
}

// TestDiskStaysSmall turns a hot table over several times by retention, beside
// quiet tables whose few rows stay among the others on disk: the files take less
// than 1.3 times what is live, beyond those that are being written, and what is
// there is recovered.
func TestDiskStaysSmall(t *testing.T) {
	cfg := testDiskConfig(t)
	cfg.flushEvery, cfg.diskFileBytes = time.Millisecond, 64<<10
	s := testOpen(t, cfg)
	testTable(t, s, "hot")
	if err := s.SetSettings("hot", Settings{Version: 1, RetentionBytes: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	now := time.Now().UnixNano()
	next, moved, worst := int64(0), int64(0), 0.0
	quiet := map[string]map[int64]int{}
	const rounds = 60
	for round := range int64(rounds) {
		for range 4 {
			testAppend(t, s, Append{Table: "hot", Batch: testBatch(next, 4_000, now)})
			next += 4_000
			testSync(t, s) // so that also what merges soon comes to disk
		}
		name := fmt.Sprint("quiet-", round%20)
		first := round * 1_000
		testAppend(t, s, Append{Table: name, Batch: testBatch(first, 100, now)})
		if quiet[name] == nil {
			quiet[name] = map[int64]int{}
		}
		for i := range int64(100) {
			quiet[name][first+i] = 1
		}
		s.retain()
		if round < rounds/3 {
			continue // until retention has begun
		}
		var use, live int64
		waitFor(t, "the disk is tidy", func() bool {
			testSync(t, s)
			use, live = diskUse(t, cfg.DataDir), 0
			for _, tab := range s.Tables() {
				live += tab.DiskBytes()
			}
			return float64(use) < 1.3*float64(live)+float64((diskClasses+1)*cfg.diskFileBytes)
		})
		worst = max(worst, float64(use)/float64(live))
	}
	live := int64(0)
	waitFor(t, "what is told of the disk is true", func() bool {
		testSync(t, s)
		live = 0
		same := true
		for _, tab := range s.Tables() {
			same = same && tab.DiskBytes() == tab.Bytes()
			live += tab.DiskBytes()
		}
		log, err := os.Stat(filepath.Join(cfg.DataDir, logName(s.disk.logNo)))
		return same && err == nil && s.Status().DiskBytes == diskUse(t, cfg.DataDir)+log.Size()
	})
	hot, _ := s.Table("hot")
	wantHot := readIDs(t, s, "hot")
	moved, added := s.disk.moved.Load(), hot.added
	t.Logf("%d bytes live at the end, files at most %.2f times that; %d bytes were written for %d rows of hot, %d of them moves",
		live, worst, s.disk.written.Load(), added, moved)
	if moved == 0 {
		t.Error("nothing was moved: the test shows nothing")
	}
	testClose(t, s)
	reboot(t, cfg)
	s = testOpen(t, cfg)
	waitLoaded(t, s)
	wantIDs(t, s, "hot", wantHot)
	for name, want := range quiet {
		wantIDs(t, s, name, want)
	}
}
