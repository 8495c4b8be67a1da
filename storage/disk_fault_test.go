package storage

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// failingFiles is a disk whose every change fails while err is set.
type failingFiles struct {
	osFiles
	err    atomic.Pointer[syscall.Errno]
	writes atomic.Int64 // that failed
}

func (f *failingFiles) fault(op string) error {
	if e := f.err.Load(); e != nil {
		return &os.PathError{Op: op, Path: "data", Err: *e}
	}
	return nil
}

func (f *failingFiles) create(path string) (*os.File, error) {
	if err := f.fault("open"); errors.Is(err, syscall.EROFS) {
		return nil, err // names find room on a full disk
	}
	return f.osFiles.create(path)
}

// write fails in the middle, as a disk does that fills up.
func (f *failingFiles) write(file *os.File, data []byte, at int64) error {
	if err := f.fault("write"); err != nil {
		f.writes.Add(1)
		return errors.Join(err, f.osFiles.write(file, data[:len(data)/2], at))
	}
	return f.osFiles.write(file, data, at)
}

func (f *failingFiles) rename(from, to string) error {
	if err := f.fault("rename"); err != nil {
		return err
	}
	return f.osFiles.rename(from, to)
}

// logText keeps what a store logs.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Count(l.text.Bytes(), []byte(s))
}

// TestDiskFaults fills the disk up, makes it read-only, or lets it fail, for many
// flushes: receipts of durability disk go on for a second, then wait and are
// refused, those of sync say that they do not know; the log says so once. Once the
// disk works, all goes there, and no file is left over.
func TestDiskFaults(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EROFS, syscall.EIO} {
		t.Run(errno.Error(), func(t *testing.T) { diskFault(t, errno) })
	}
}

func diskFault(t *testing.T, errno syscall.Errno) {
	cfg := testDiskConfig(t)
	files, log := &failingFiles{}, &logText{}
	cfg.files, cfg.Log = files, slog.New(slog.NewTextHandler(log, nil))
	cfg.flushEvery, cfg.retryEvery, cfg.lagWait = time.Millisecond, time.Millisecond, 50*time.Millisecond
	var clock atomic.Int64
	clock.Store(time.Now().UnixNano())
	cfg.Now = func() time.Time { return time.Unix(0, clock.Load()) }
	s := testOpen(t, cfg)
	testDurable(t, s, "soon", DurabilityDisk)
	testDurable(t, s, "sure", DurabilitySync)
	testDurable(t, s, "volatile", DurabilityMemory)
	ask := func(table string, first int64, rows int) error {
		_, err := s.Append(context.Background(), Append{Table: table, Batch: testBatch(first, rows, clock.Load())})
		return err
	}
	want := map[string]map[int64]int{"soon": {}, "sure": {}}
	note := func(table string, first int64, rows int) {
		for i := range int64(rows) {
			want[table][first+i] = 1
		}
	}
	files.err.Store(&errno)
	for _, rows := range []int{3, 20_000} {
		if err := ask("soon", int64(rows)*10, rows); err != nil {
			t.Fatalf("within the second: %v", err)
		}
		note("soon", int64(rows)*10, rows)
	}
	var unsynced *UnsyncedError
	if err := ask("sure", 0, 5); !errors.As(err, &unsynced) || !errors.Is(err, errno) {
		t.Fatalf("durability sync on a disk that fails: %v", err)
	}
	note("sure", 0, 5) // its rows are there, as the error says
	clock.Add(int64(diskLagMax) + 1)
	var lag *DiskLagError
	for _, table := range []string{"soon", "sure"} {
		if err := ask(table, 900_000, 5); !errors.As(err, &lag) || !errors.Is(err, errno) {
			t.Fatalf("table %s after the second: %v", table, err)
		}
	}
	if err := ask("volatile", 0, 5); err != nil {
		t.Fatal(err)
	}
	// Now what the disk says is not known: a new log is wanted.
	if err := s.SetSettings("volatile", Settings{Version: 2, Durability: DurabilityDisk}); err != nil {
		t.Fatal(err)
	}
	tried := files.writes.Load()
	waitFor(t, "the disk was tried again and again", func() bool { return errno == syscall.EROFS || files.writes.Load() > tried+30 })
	if names, _ := filepath.Glob(filepath.Join(cfg.DataDir, diskFilePrefix+"*")); len(names) > 3*diskClasses {
		t.Errorf("%d files of blocks are there", len(names))
	}
	files.err.Store(nil)
	testSync(t, s)
	if err := ask("sure", 100, 5); err != nil {
		t.Fatal(err)
	}
	note("sure", 100, 5)
	if n := log.count("rows cannot be written to disk"); n == 0 || n > 4 {
		t.Errorf("the log was told %d times", n)
	}
	if log.count("rows go to disk again") == 0 {
		t.Error("the log does not say that the disk works again")
	}
	testClose(t, s)
	reboot(t, cfg)
	s = testOpen(t, cfg)
	waitLoaded(t, s)
	wantIDs(t, s, "soon", want["soon"])
	wantIDs(t, s, "sure", want["sure"])
}

// TestDiskFileGone recovers while a file of blocks is missing, cut, empty or has
// other bytes: what it held is named as missing, the rest is there, new rows go in
// and do not take its number; and when it is put back, so are its rows.
func TestDiskFileGone(t *testing.T) {
	for name, spoil := range map[string]func(path string, data []byte) error{
		"missing": func(path string, _ []byte) error { return os.Remove(path) },
		"cut":     func(path string, data []byte) error { return os.Truncate(path, int64(len(data)/2)) },
		"empty":   func(path string, _ []byte) error { return os.Truncate(path, 0) },
		"flipped": func(path string, data []byte) error {
			other := bytes.Clone(data)
			other[len(data)/2] ^= 4
			return os.WriteFile(path, other, 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) { diskFileGone(t, spoil, name == "flipped", name == "missing") })
	}
}

func diskFileGone(t *testing.T, spoil func(path string, data []byte) error, forGood, gone bool) {
	cfg := testDiskConfig(t)
	cfg.Log, cfg.reloadEvery = nil, 5*time.Millisecond
	cfg.diskFileBytes = 1 // a file for each block
	s := testOpen(t, cfg)
	const blocks, rows = 3, 40_000
	for i := range int64(blocks) {
		testAppend(t, s, Append{Table: "t", Batch: testBatch(i*rows, rows, 1)})
		testSync(t, s)
	}
	testClose(t, s)
	reboot(t, cfg)
	names, _ := filepath.Glob(filepath.Join(cfg.DataDir, diskFilePrefix+"*"))
	if len(names) != blocks {
		t.Fatalf("%d files for %d blocks", len(names), blocks)
	}
	path := names[blocks-1] // whose number would be the next
	data, err := os.ReadFile(path)
	if err == nil {
		err = spoil(path, data)
	}
	if err != nil {
		t.Fatal(err)
	}
	s = testOpen(t, cfg)
	waitFor(t, "all blocks were tried", func() bool { st := s.Status(); return st.Loading == 0 && st.Damaged == 1 })
	tab, _ := s.Table("t")
	if tab.Rows() != blocks*rows {
		t.Fatalf("%d rows are expected, not %d", tab.Rows(), blocks*rows)
	}
	testAppend(t, s, Append{Table: "u", Batch: testBatch(0, rows, 1)})
	testSync(t, s)
	if _, err := os.Stat(path); gone && err == nil {
		t.Error("a new file took the place of the one that is missing")
	}
	view := tab.Pin()
	for i, r := range view.Blocks {
		if (r.State() == Live) != (i < blocks-1) {
			t.Errorf("block %d of %d: state %v", i, blocks, r.State())
		}
	}
	view.Release()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if forGood {
		testClose(t, s) // damage is not read again until the next start
		s = testOpen(t, cfg)
	}
	waitFor(t, "the file's rows are back", func() bool { return s.Status().Damaged == 0 && s.Status().Loading == 0 })
	want := map[int64]int{}
	for i := range int64(blocks * rows) {
		want[i] = 1
	}
	wantIDs(t, s, "t", want)
}
