package storage

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// testLoading makes a store whose blocks are on disk alone: memory names them as
// loading. It returns the rows and the path of the disk log.
func testLoading(t *testing.T, cfg Config) (rows int, log string) {
	t.Helper()
	s := testOpen(t, cfg)
	const blocks, each = 3, 40_000
	for i := range int64(blocks) {
		testAppend(t, s, Append{Table: "t", Batch: testBatch(i*each, each, 1)})
	}
	testClose(t, s)
	reboot(t, cfg)
	// While the files are out of the way no block comes to memory.
	files, _ := filepath.Glob(filepath.Join(cfg.DataDir, diskFilePrefix+"*"))
	move := func(from, to string) {
		for _, f := range files {
			if err := os.Rename(f+from, f+to); err != nil {
				t.Fatal(err)
			}
		}
	}
	move("", ".away")
	s = testOpen(t, cfg)
	waitFor(t, "all blocks were tried", func() bool { return s.Status().Damaged == blocks })
	testSync(t, s)
	testClose(t, s)
	move(".away", "")
	logs, _ := filepath.Glob(filepath.Join(cfg.DataDir, diskLogPrefix+"*"))
	if len(logs) != 1 || len(files) == 0 {
		t.Fatalf("%d logs, %d files of blocks", len(logs), len(files))
	}
	return blocks * each, logs[0]
}

// TestDiskLoadFails opens a store whose blocks are on disk alone while the disk
// log cannot be read: nothing on disk is touched, the status says why, and with
// the log put right all rows are there.
func TestDiskLoadFails(t *testing.T) {
	flip := func(at func(n int) int) func(t *testing.T, path string, log []byte) {
		return func(t *testing.T, path string, log []byte) {
			log[at(len(log))] ^= 1
			if err := os.WriteFile(path, log, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, spoil := range map[string]func(t *testing.T, path string, log []byte){
		"head":   flip(func(int) int { return 9 }),
		"middle": flip(func(n int) int { return n / 2 }),
		"unreadable": func(t *testing.T, path string, _ []byte) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testDiskConfig(t)
			cfg.Log = nil
			rows, path := testLoading(t, cfg)
			good, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			spoil(t, path, append([]byte{}, good...))
			s := testOpen(t, cfg)
			waitFor(t, "the disk log is found to be no good", func() bool { return s.Status().DiskError != "" })
			testClose(t, s)
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, good, 0o600); err != nil {
				t.Fatal(err)
			}
			s = testOpen(t, cfg)
			waitLoaded(t, s)
			if n := len(readIDs(t, s, "t")); n != rows {
				t.Fatalf("%d rows of %d are left", n, rows)
			}
		})
	}
}

// TestDiskLogAnew opens a store with a damaged disk log while memory has every
// block: the disk is written anew and a reboot loses nothing.
func TestDiskLogAnew(t *testing.T) {
	cfg := testDiskConfig(t)
	cfg.Log = nil
	s := testOpen(t, cfg)
	testAppend(t, s, Append{Table: "t", Batch: testBatch(0, 20_000, time.Now().UnixNano())})
	testSync(t, s)
	path := filepath.Join(cfg.DataDir, logName(s.disk.logNo))
	testClose(t, s)
	log, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	log[9] ^= 1
	if err := os.WriteFile(path, log, 0o600); err != nil {
		t.Fatal(err)
	}
	s = testOpen(t, cfg)
	testSync(t, s)
	testClose(t, s)
	reboot(t, cfg)
	s = testOpen(t, cfg)
	waitLoaded(t, s)
	if n := len(readIDs(t, s, "t")); n != 20_000 {
		t.Fatalf("%d rows of 20,000 are left", n)
	}
}

// TestDiskMoveChecks moves a block on disk whose copy in memory is damaged, which
// nobody has noticed: what is moved is the good copy, and the block is healed.
func TestDiskMoveChecks(t *testing.T) {
	for _, rewrite := range []bool{false, true} {
		t.Run(fmt.Sprint("rewrite=", rewrite), func(t *testing.T) {
			cfg := testDiskConfig(t)
			cfg.Log, cfg.flushEvery = nil, time.Hour // flushes are the test's own
			s := testOpen(t, cfg)
			testAppend(t, s, Append{Table: "t", Batch: testBatch(0, 20_000, 1)})
			waitFor(t, "the directory is known", func() bool {
				select {
				case <-s.disk.ready:
					return true
				default:
					return false
				}
			})
			s.disk.flushOnce()
			tab, _ := s.Table("t")
			view := tab.Pin()
			r := view.Blocks[0]
			view.Release()
			before, ok := s.disk.find(r.ID)
			if !ok || before.place.file == 0 {
				t.Fatal("the block is not on disk")
			}
			testFlip(t, r.extent.Load())
			s.disk.moves[r.ID], s.disk.stale = true, rewrite
			s.disk.flushOnce()
			if err := s.disk.failure(); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the block is healed", func() bool { return r.State() == Live && r.check() == nil })
			after, ok := s.disk.find(r.ID)
			if !ok || !rewrite && after.place == before.place {
				t.Fatalf("place %+v became %+v: the test shows nothing", before.place, after.place)
			}
			if _, err := s.disk.readBlock(r, after, new(readBuffer)); err != nil {
				t.Fatal(err)
			}
			if n := len(readIDs(t, s, "t")); n != 20_000 {
				t.Fatalf("%d rows of 20,000 are left", n)
			}
		})
	}
}
