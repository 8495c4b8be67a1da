package storage

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestLogWordLast reads a log over and over while it is written: whatever a
// process that dies leaves behind, a reader may meet here. It never finds a
// record that is not whole.
func TestLogWordLast(t *testing.T) {
	l, err := createLog(testShm(t), 7, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	const records = 3_000
	done := make(chan error, 1)
	written := make(chan struct{})
	defer func() { <-written }() // before the close
	go func() {
		defer close(written)
		for i := range records {
			if err := l.append(bytes.Repeat([]byte{byte(i + 1)}, 1+i%3_000), false); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	reads, seen := 0, 0
	for running := true; running; reads++ {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		default:
		}
		n := 0
		_, damage, err := readLog(l.data, 7, 1, func(body []byte) error {
			if len(body) != 1+n%3_000 || body[0] != byte(n+1) {
				return fmt.Errorf("record %d is another one", n)
			}
			n++
			return nil
		})
		if damage != nil || err != nil {
			t.Fatalf("read %d: %v, %v", reads, damage, err)
		}
		if n < seen {
			t.Fatalf("read %d: %d records after %d", reads, n, seen)
		}
		seen = n
	}
	if seen != records || reads < 10 {
		t.Fatalf("%d records in %d reads", seen, reads)
	}
}

// TestLogSeed shows that records of another epoch or log never pass.
func TestLogSeed(t *testing.T) {
	dir := testShm(t)
	l, err := createLog(dir, 7, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.append([]byte("edit"), false); err != nil {
		t.Fatal(err)
	}
	copy(l.data, appendLogHead(nil, 8, 1)) // a head says otherwise
	n := 0
	_, damage, err := readLog(l.data, 8, 1, func([]byte) error { n++; return nil })
	if err != nil || damage == nil || n != 0 {
		t.Fatalf("%d records, %v, %v", n, damage, err)
	}
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := openLog(dir, 7, 1, func([]byte) error { return nil }); err == nil {
		t.Fatal("a log whose head says another epoch was opened")
	}
}

// TestLogCutFile shows that a log file that is cut short while it is mapped gives
// an error, not the death of the process.
func TestLogCutFile(t *testing.T) {
	l, err := createLog(testShm(t), 7, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	if err := os.Truncate(l.path, 0); err != nil {
		t.Fatal(err)
	}
	err = l.append([]byte("edit"), false)
	var fault *FaultError
	if !errors.As(err, &fault) {
		t.Fatalf("append to a log that was cut: %v", err)
	}
}

func TestSuperblock(t *testing.T) {
	dir := t.TempDir()
	b := superblock{
		magic: superMagicMemory, layout: superLayout, oldest: superLayout, leaf: [16]byte{1, 2, 3}, epoch: 4,
		bootHash: 5, shard: 6, born: 7, log: 8, name: "leaf-1",
	}
	if err := writeSuperblock(dir, &b, true); err != nil {
		t.Fatal(err)
	}
	got, err := readSuperblock(dir, superMagicMemory)
	if err != nil || *got != b {
		t.Fatalf("%+v, %v", got, err)
	}
	w, err := openLogSwitch(dir)
	if err != nil {
		t.Fatal(err)
	}
	w.store(9)
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	b.log = 9
	if got, err = readSuperblock(dir, superMagicMemory); err != nil || *got != b {
		t.Fatalf("after the switch: %+v, %v", got, err)
	}
	if _, err := readSuperblock(dir, superMagicDisk); err == nil {
		t.Fatal("a memory directory passes as a data directory")
	}
	if none, err := readSuperblock(t.TempDir(), superMagicMemory); none != nil || err != nil {
		t.Fatalf("no superblock: %v, %v", none, err)
	}

	// A newer layout that old readers must not read, and one that they may.
	newer := b
	newer.layout, newer.oldest = 9, superReadable
	if got, err := decodeSuperblock(appendSuperblock(nil, &newer), superMagicMemory, "x"); err != nil || got.layout != 9 {
		t.Fatalf("a layout that this version may read: %v", err)
	}
	newer.oldest = superReadable + 1
	var layout *LayoutError
	if _, err := decodeSuperblock(appendSuperblock(nil, &newer), superMagicMemory, "x"); !errors.As(err, &layout) || layout.Layout != 9 {
		t.Fatalf("a layout that is too new: %v", err)
	}

	// Whatever byte of the head is damaged is noticed.
	whole := appendSuperblock(nil, &b)
	for i := range superHead {
		bad := bytes.Clone(whole)
		bad[i] ^= 0x40
		if _, err := decodeSuperblock(bad, superMagicMemory, "x"); err == nil {
			t.Fatalf("damage at byte %d of the head passes", i)
		}
	}
	for n := range whole {
		decodeSuperblock(whole[:n], superMagicMemory, "x") // must not panic
	}
}

// TestStoreNewerLayout shows that a directory of a newer kelp is refused and not
// touched.
func TestStoreNewerLayout(t *testing.T) {
	cfg := testConfig(t, testShm(t))
	s := testOpen(t, cfg)
	testAppend(t, s, Append{Table: "t", Batch: testBatch(0, 3, 1)})
	super := s.super
	testClose(t, s)
	super.layout, super.oldest = 9, 9
	if err := writeSuperblock(cfg.MemoryDir, &super, false); err != nil {
		t.Fatal(err)
	}
	before := snapshotDir(t, cfg.MemoryDir)
	var layout *LayoutError
	if _, err := Open(cfg); !errors.As(err, &layout) {
		t.Fatalf("open: %v", err)
	}
	after := snapshotDir(t, cfg.MemoryDir)
	delete(before, "lock") // says who tried last
	delete(after, "lock")
	for name, data := range before {
		if !bytes.Equal(after[name], data) {
			t.Errorf("%s was touched", name)
		}
	}
	if len(before) != len(after) {
		t.Errorf("%d files became %d", len(before), len(after))
	}
}

// snapshotDir returns the first MiB of every file.
func snapshotDir(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, e := range entries {
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 1<<20)
		n, _ := f.Read(buf)
		files[e.Name()] = buf[:n]
		f.Close()
	}
	return files
}
