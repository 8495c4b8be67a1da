package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fileState is all that a start which must touch nothing could change.
type fileState struct {
	mode    fs.FileMode
	size    int64
	changed int64
	bytes   string
}

func stateOf(t *testing.T, dir string) map[string]fileState {
	t.Helper()
	files := map[string]fileState{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		st := fileState{mode: info.Mode(), size: info.Size(), changed: info.ModTime().UnixNano()}
		if !d.IsDir() {
			src, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			st.bytes = string(bytes.TrimRight(src, "\x00"))
		} else {
			st.size = 0 // of a directory it says nothing
		}
		files[path] = st
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// wantRefused holds that a store does not open, and that nothing was touched but
// what may be.
func wantRefused(t *testing.T, cfg Config, newer func(error) bool, but ...string) {
	t.Helper()
	before := stateOf(t, filepath.Dir(cfg.MemoryDir))
	s, err := Open(cfg)
	if err == nil {
		testClose(t, s)
		t.Fatal("it opens")
	}
	if !newer(err) {
		t.Errorf("the error does not say what is newer: %v", err)
	}
	after := stateOf(t, filepath.Dir(cfg.MemoryDir))
	for _, path := range but {
		delete(before, path)
		delete(after, path)
	}
	for path := range after {
		if before[path] != after[path] {
			t.Errorf("%s was touched", path)
		}
	}
	if len(before) != len(after) {
		t.Errorf("there were %d files, now there are %d", len(before), len(after))
	}
	t.Logf("refused: %v", err)
}

// TestNewerLayout: a directory that a newer version wrote is refused, and stays as
// it was to the last byte, name and time.
func TestNewerLayout(t *testing.T) {
	if underRace {
		t.Skip("one goroutine for much memory: the run without the race detector does it")
	}
	for name, newer := range map[string]func(cfg Config){
		"memory": func(cfg Config) { setLayout(t, cfg.MemoryDir, superMagicMemory, superLayout+1) },
		"data":   func(cfg Config) { setLayout(t, cfg.DataDir, superMagicDisk, superLayout+1) },
		"data, and no memory": func(cfg Config) {
			setLayout(t, cfg.DataDir, superMagicDisk, 999)
			reboot(t, cfg)
			if err := os.Mkdir(cfg.MemoryDir, 0o700); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, _ := openArena(t, superLayout)
			newer(cfg)
			wantRefused(t, cfg, func(err error) bool { var layout *LayoutError; return errors.As(err, &layout) })
		})
	}
}

// appendNewerEdit puts a record with a right checksum behind a log, as a version
// with one more kind of change would.
func appendNewerEdit(t *testing.T, path string) {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	body := []byte{120, opGone + 1, 1}
	at, record := len(src), []byte(nil)
	if [8]byte(src) == diskLogMagic {
		epoch, number, err := decodeDiskLogHead(src)
		if err != nil {
			t.Fatal(err)
		}
		record = appendDiskRecord(nil, logSeed(epoch, number), body)
	} else {
		epoch, number, err := decodeLogHead(src)
		if err != nil {
			t.Fatal(err)
		}
		tail, damage, err := readLog(src, epoch, number, func([]byte) error { return nil })
		if err != nil || damage != nil {
			t.Fatal(err, damage)
		}
		at, record = int(tail), append(appendWord(nil, recordWord(logSeed(epoch, number), body)), body...)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(record, int64(at)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestNewerEdit: a log with a change of an unknown kind is not taken for a damaged
// one, which would be written anew, without what it says.
func TestNewerEdit(t *testing.T) {
	isNewerEdit := func(err error) bool { return errors.Is(err, errNewerEdit) }
	inMemory := func(cfg Config) string { return filepath.Join(cfg.MemoryDir, logName(2)) }
	onDisk := func(cfg Config) string { return filepath.Join(cfg.DataDir, logName(2)) }
	t.Run("memory", func(t *testing.T) {
		cfg, _ := openArena(t, superLayout)
		appendNewerEdit(t, inMemory(cfg))
		lockAgain(t, cfg)
		wantRefused(t, cfg, isNewerEdit, filepath.Join(cfg.MemoryDir, "lock"), filepath.Join(cfg.DataDir, "lock"))
	})
	t.Run("disk, and no memory", func(t *testing.T) {
		cfg, _ := openArena(t, superLayout)
		appendNewerEdit(t, onDisk(cfg))
		lockAgain(t, cfg)
		reboot(t, cfg)
		if err := os.Mkdir(cfg.MemoryDir, 0o700); err != nil {
			t.Fatal(err)
		}
		wantRefused(t, cfg, isNewerEdit, cfg.MemoryDir, filepath.Join(cfg.MemoryDir, "lock"), filepath.Join(cfg.DataDir, "lock"))
	})
	// What is in memory can be answered from, but nothing is written to disk.
	t.Run("disk", func(t *testing.T) {
		cfg, truth := openArena(t, superLayout)
		cfg.Log = nil
		appendNewerEdit(t, onDisk(cfg))
		lockAgain(t, cfg)
		before := stateOf(t, cfg.DataDir)
		s := testOpen(t, cfg)
		waitFor(t, "the disk is given up", func() bool { return s.Status().DiskError != "" })
		if got := readArena(t, s); len(got) != len(truth.Tables) {
			t.Errorf("%d tables of %d", len(got), len(truth.Tables))
		}
		testClose(t, s)
		after := stateOf(t, cfg.DataDir)
		delete(before, filepath.Join(cfg.DataDir, "lock"))
		delete(after, filepath.Join(cfg.DataDir, "lock"))
		if !maps.Equal(before, after) {
			t.Error("the data directory was touched")
		}
	})
}

// lockAgain makes the locks, so that a start does not add names.
func lockAgain(t *testing.T, cfg Config) {
	t.Helper()
	for _, dir := range []string{cfg.MemoryDir, cfg.DataDir} {
		l, err := lockDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.unlock(); err != nil {
			t.Fatal(err)
		}
	}
}

// placeInLog returns where the log of a directory says that the one block of a
// table lies.
func placeInLog(t *testing.T, dir, table string) (path string, at int64) {
	t.Helper()
	p := newReplay(0)
	_, err := readAnyLog(filepath.Join(dir, logName(2)), func(e *edit, _ int) error { return p.apply(e) })
	if err != nil {
		t.Fatal(err)
	}
	for _, rt := range p.sorted() {
		if rt.name == table {
			at := rt.blocks[0].place
			if dir := filepath.Join(dir, segmentName(at.file, true)); fileExists(dir) {
				return dir, at.offset
			}
			return filepath.Join(dir, diskFileName(at.file)), at.offset
		}
	}
	t.Fatalf("no table %s", table)
	return "", 0
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// TestNewerBlock: a block of a newer version, which no layout announced, is set
// aside, counted and kept where it is.
func TestNewerBlock(t *testing.T) {
	cfg, truth := openArena(t, superLayout)
	cfg.Log = nil
	newer := func(dir string) {
		t.Helper()
		path, at := placeInLog(t, dir, "zstd")
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		head := make([]byte, 4096)
		if _, err := f.ReadAt(head, at); err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		binary.LittleEndian.PutUint16(head[8:], blockVersion+1)
		h := head[:binary.LittleEndian.Uint32(head[84:])]
		binary.LittleEndian.PutUint32(h[headerCRCAt:], headerChecksum(h))
		if _, err := f.WriteAt(h, at); err != nil {
			t.Fatal(err)
		}
	}
	newer(cfg.MemoryDir)
	newer(cfg.DataDir)
	s := testOpen(t, cfg)
	var damaged []*Ref
	for _, table := range s.Tables() {
		view := table.Pin()
		for _, r := range view.Blocks {
			if _, err := r.Open(); err != nil {
				damaged = append(damaged, r)
				if !strings.Contains(err.Error(), fmt.Sprintf("version %d", blockVersion+1)) {
					t.Errorf("the error does not name the version: %v", err)
				}
			}
		}
		view.Release()
	}
	if len(damaged) != 1 {
		t.Fatalf("%d blocks are set aside, not 1", len(damaged))
	}
	if st := s.Status(); st.Damaged != 1 {
		t.Errorf("the store counts %d damaged blocks, not 1", st.Damaged)
	}
	if n := len(s.Tables()); n != len(truth.Tables) {
		t.Errorf("%d tables of %d", n, len(truth.Tables))
	}
	if tab, _ := s.Table(damaged[0].table.name); tab.Blocks() == 0 {
		t.Error("the block is not live any more")
	}
}
