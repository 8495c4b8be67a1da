package storage

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// powerLoss keeps what of a directory would survive a power loss at worst: of
// every file the bytes of its last sync, of directories the names that are there.
type powerLoss struct {
	mu     sync.Mutex
	synced map[uint64][]byte // by inode
	syncs  int               // two of every sync: before and after
	take   func(syncs int)
}

func (p *powerLoss) sync(f *os.File) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	data := make([]byte, st.Size())
	if _, err := f.ReadAt(data, 0); err != nil && err != io.EOF {
		return err
	}
	p.syncs++
	p.take(p.syncs) // the power goes just before
	p.synced[st.Sys().(*syscall.Stat_t).Ino] = data
	p.syncs++
	p.take(p.syncs) // or just after
	return nil
}

// image writes what would survive now to a directory.
func (p *powerLoss) image(t *testing.T, from, to string) {
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			continue // unlinked just now
		}
		data := p.synced[info.Sys().(*syscall.Stat_t).Ino]
		if e.Name() == superName {
			// It is synced by itself, without the hook.
			if data, err = os.ReadFile(filepath.Join(from, e.Name())); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDiskPowerLoss takes an image of what a power loss would leave before and
// after every sync of a run with appends, merges and a drop of old blocks. From each image a
// prefix of the history is recovered, at the end of a batch, each row once.
func TestDiskPowerLoss(t *testing.T) {
	cfg := testDiskConfig(t)
	images := filepath.Join(filepath.Dir(cfg.DataDir), "images")
	p := &powerLoss{synced: map[uint64][]byte{}}
	p.take = func(n int) { p.image(t, cfg.DataDir, filepath.Join(images, fmt.Sprint(n))) }
	cfg.syncFile, cfg.flushEvery, cfg.diskFileBytes = p.sync, time.Millisecond, 20_000
	s := testOpen(t, cfg)
	now := time.Now().UnixNano()
	const batch = 3
	var acked []int // rows acknowledged and synced before each image at least
	next := 0
	for round := range 30 {
		for range 5 {
			testAppend(t, s, Append{Table: "t", Batch: testBatch(int64(next), batch, now), Key: fmt.Sprint(next)})
			next += batch
		}
		tab, _ := s.Table("t")
		refs, _ := tab.candidates(levelFresh, classNear, 4, RowsPerBlockMax)
		if err := s.merge(tab, refs, mergeRuleOf(mergeFresh), classNear); err != nil {
			t.Fatal(err)
		}
		if round%2 == 1 {
			testSync(t, s)
			p.mu.Lock()
			for len(acked) < p.syncs {
				acked = append(acked, 0)
			}
			acked = append(acked, next) // images from here on have them
			p.mu.Unlock()
		}
	}
	testSync(t, s)
	unlinked := int(s.disk.nextNo) - 1 - len(s.disk.files)
	testClose(t, s)
	t.Logf("%d syncs, %d files unlinked", p.syncs, unlinked)
	if p.syncs < 10 || unlinked < 2 {
		t.Fatalf("%d syncs: the test shows nothing", p.syncs)
	}
	least := 0
	for n := 1; n <= p.syncs; n++ {
		if n-1 < len(acked) {
			least = max(least, acked[n-1])
		}
		cfg := testConfig(t, filepath.Join(images, fmt.Sprint("m", n)))
		cfg.DataDir, cfg.Log = filepath.Join(images, fmt.Sprint(n)), nil
		s := testOpen(t, cfg)
		waitLoaded(t, s)
		if st := s.Status(); st.Damaged > 0 {
			t.Fatalf("image %d: %d damaged blocks", n, st.Damaged)
		}
		got := readIDs(t, s, "t")
		want := map[int64]int{}
		for i := range len(got) {
			want[int64(i)] = 1
		}
		wantIDs(t, s, "t", want)
		if len(got)%batch != 0 || len(got) < least {
			t.Fatalf("image %d: %d rows, at least %d were synced", n, len(got), least)
		}
		tab, ok := s.Table("t")
		for i := 0; ok && i < next; i += batch {
			if held := tab.keys.holds(fmt.Sprint(i)); held != (i < len(got)) {
				t.Fatalf("image %d: %d rows, key of row %d: %v", n, len(got), i, held)
			}
		}
		testClose(t, s)
	}
}
