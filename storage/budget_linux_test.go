package storage

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tinyTmpfs mounts a tmpfs of 64 MiB, or skips the test.
func tinyTmpfs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("kelp-test", dir, "tmpfs", 0, "size=64m"); err != nil {
		if os.Getenv("KELP_TEST_STRICT") == "1" {
			t.Fatalf("a tmpfs of 64 MiB cannot be mounted: %v", err)
		}
		t.Skipf("SKIP: a tmpfs of 64 MiB cannot be mounted: %v; run the tests as root", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// TestTmpfsFull fills a real tmpfs of the size that containers have, without a
// budget: the file system itself says when it is full.
func TestTmpfsFull(t *testing.T) {
	t.Run("evict", func(t *testing.T) {
		cfg := testConfig(t, tinyTmpfs(t))
		cfg.TmpfsOK = nil
		s := testOpen(t, cfg)
		rounds := 50
		if underRace {
			rounds = 32 // 70 MB: still more than there is
		}
		fillAndRoll(t, s, rounds)
		testClose(t, s)
		s = testOpen(t, cfg)
		checkRolled(t, s, rounds)
		testClose(t, s)
	})
	t.Run("reject", func(t *testing.T) {
		cfg := testConfig(t, tinyTmpfs(t))
		cfg.TmpfsOK, cfg.WhenFull = nil, WhenFullReject
		s := testOpen(t, cfg)
		fillUntilFull(t, s, 0)
		testClose(t, s)
	})
	t.Run("foreign", func(t *testing.T) {
		// Someone else fills the file system to the last page: every step finds
		// none, and nothing dies.
		dir := tinyTmpfs(t)
		cfg := testConfig(t, dir)
		cfg.WhenFull = WhenFullReject
		s := testOpen(t, cfg)
		testAppend(t, s, Append{Table: "t", Batch: noisyBatch(0, 5_000, 1), Arrival: 1})
		f, err := os.Create(filepath.Join(dir, "foreign"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		page := make([]byte, 4096)
		for err == nil {
			_, err = f.Write(page)
		}
		var full *FullError
		n := int64(5_000)
		for {
			_, err := s.Append(context.Background(), Append{Table: "t", Batch: noisyBatch(n, 100, 1), Arrival: 1})
			if errors.As(err, &full) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			n += 100
		}
		if got := int64(len(readIDs(t, s, "t"))); got != n {
			t.Fatalf("%d rows, %d were acknowledged", got, n)
		}
		testClose(t, s)
		s = testOpen(t, cfg)
		if got := int64(len(readIDs(t, s, "t"))); got != n {
			t.Fatalf("after a restart: %d rows, not %d", got, n)
		}
		testClose(t, s)
	})
}

// TestDiskFull fills the file system of the data directory: receipts stop once
// the rows of a second are waiting, and go on when there is room.
func TestDiskFull(t *testing.T) {
	cfg := testDiskConfig(t)
	cfg.DataDir = filepath.Join(tinyTmpfs(t), "data")
	cfg.Log, cfg.lagWait = nil, time.Millisecond
	var ahead atomic.Int64
	cfg.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	s := testOpen(t, cfg)
	testAppend(t, s, Append{Table: "t", Batch: noisyBatch(0, rollRows, 1), Arrival: 1})
	testSync(t, s)
	foreign := filepath.Join(filepath.Dir(cfg.DataDir), "foreign")
	f, err := os.Create(foreign)
	if err != nil {
		t.Fatal(err)
	}
	for page := make([]byte, 1<<20); err == nil; {
		_, err = f.Write(page)
	}
	f.Close()
	testAppend(t, s, Append{Table: "t", Batch: noisyBatch(rollRows, rollRows, 1), Arrival: 1})
	waitFor(t, "the disk is full", func() bool { return s.Status().DiskError != "" })
	ahead.Store(int64(2 * diskLagMax))
	var lag *DiskLagError
	if _, err := s.Append(context.Background(), Append{Table: "t", Batch: noisyBatch(0, 1, 1), Arrival: 1}); !errors.As(err, &lag) || !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("append while the disk is full: %v", err)
	}
	if err := os.Remove(foreign); err != nil {
		t.Fatal(err)
	}
	testSync(t, s)
	testAppend(t, s, Append{Table: "t", Batch: noisyBatch(2*rollRows, 1, 1), Arrival: 1})
	testClose(t, s)
	reboot(t, cfg)
	s = testOpen(t, cfg)
	waitLoaded(t, s)
	if n := len(readIDs(t, s, "t")); n != 2*rollRows+1 {
		t.Fatalf("%d rows came back, not %d", n, 2*rollRows+1)
	}
	testClose(t, s)
}

// TestTmpfsFullReopen opens a store again whose log has used up its reserve on a
// file system without a free page: no row goes, not even of a table in memory
// alone, and appends work once there is room.
func TestTmpfsFullReopen(t *testing.T) {
	dir := tinyTmpfs(t)
	cfg := testConfig(t, dir)
	cfg.DataDir = t.TempDir()
	s := testOpen(t, cfg)
	testTable(t, s, "t")
	if err := s.SetSettings("t", Settings{Version: 1, Durability: DurabilityMemory}); err != nil {
		t.Fatal(err)
	}
	testAppend(t, s, Append{Table: "t", Batch: testBatch(0, 100, 1)})
	fill := filepath.Join(dir, "fill")
	if err := os.WriteFile(fill, make([]byte, 64<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("the file system is not full: %v", err)
	}
	tab, _ := s.Table("t")
	s.commitMu.Lock()
	for s.log.taken-s.log.tail > memoryLogReserve/2 {
		if err := s.commitLocked(&edit{settings: []editSettings{{tab.Incarnation(), tab.Settings()}}}, true); err != nil {
			t.Error(err)
			break
		}
	}
	s.commitMu.Unlock()
	testClose(t, s)
	s = testOpen(t, cfg)
	if n := len(readIDs(t, s, "t")); n != 100 || s.Status().LogDamaged {
		t.Fatalf("%d rows of 100 are left; log damaged: %v", n, s.Status().LogDamaged)
	}
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	testAppend(t, s, Append{Table: "t", Batch: testBatch(100, 100, 1)})
}
