package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func testDiskConfig(t testing.TB) Config {
	dir := testShm(t)
	cfg := testConfig(t, dir)
	cfg.DataDir = filepath.Join(dir, "data")
	return cfg
}

// testSync waits until all is on disk.
func testSync(t testing.TB, s *Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := s.Sync(ctx); err != nil {
		t.Fatal(err)
	}
}

// waitFor waits until ok.
func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("not after 20 s: %s", what)
		}
	}
}

func waitLoaded(t testing.TB, s *Store) {
	t.Helper()
	waitFor(t, "all blocks are loaded", func() bool { return s.Status().Loading == 0 })
}

func reboot(t testing.TB, cfg Config) {
	t.Helper()
	if err := os.RemoveAll(cfg.MemoryDir); err != nil {
		t.Fatal(err)
	}
}

func TestDiskRecovery(t *testing.T) {
	cfg := testDiskConfig(t)
	s := testOpen(t, cfg)
	now := time.Now().UnixNano()
	testTable(t, s, "volatile")
	testTable(t, s, "events")
	if err := s.SetSettings("volatile", Settings{Version: 3, Durability: DurabilityMemory}); err != nil {
		t.Fatal(err)
	}
	if err := s.SetSettings("events", Settings{Version: 4, RetentionAge: time.Hour * 1000}); err != nil {
		t.Fatal(err)
	}
	want := map[int64]int{}
	next := int64(0)
	add := func(rows int) {
		testAppend(t, s, Append{
			Table: "events", Batch: testBatch(next, rows, now), Key: fmt.Sprint("k", next), Digest: 5,
			Receipt: Receipt{Accepted: uint32(rows)},
		})
		for range rows {
			want[next] = 1
			next++
		}
	}
	testAppend(t, s, Append{Table: "volatile", Batch: testBatch(0, 100, now)})
	for _, rows := range []int{1, 3, 10_000, 40_000, 7} {
		add(rows)
	}
	testSync(t, s)
	add(5) // Close flushes
	leaf, born, epoch := s.LeafID(), s.Born(), s.Epoch()
	tab, _ := s.Table("events")
	incarnation := tab.Incarnation()
	testClose(t, s)
	for round := range 3 {
		reboot(t, cfg)
		s = testOpen(t, cfg)
		if s.LeafID() != leaf || !s.Born().Equal(born) || s.Epoch() <= epoch {
			t.Fatalf("leaf %s born %v epoch %d became %s %v %d", leaf, born, epoch, s.LeafID(), s.Born(), s.Epoch())
		}
		epoch = s.Epoch()
		tab, ok := s.Table("events")
		if !ok || tab.Rows() != next || tab.Incarnation() != incarnation || tab.Settings().Version != 4 {
			t.Fatalf("round %d: table events is not what it was", round)
		}
		waitLoaded(t, s)
		wantIDs(t, s, "events", want)
		if st := s.Status(); st.Damaged != 0 {
			t.Fatalf("round %d: %d damaged blocks", round, st.Damaged)
		}
		if v, ok := s.Table("volatile"); !ok || v.Rows() != 0 || v.Settings().Version != 3 {
			t.Fatalf("round %d: the table in memory alone is not there, or has rows", round)
		}
		res := testAppend(t, s, Append{Table: "events", Batch: testBatch(0, 1, now), Key: "k1", Digest: 5})
		if !res.Duplicate || res.Receipt.Accepted != 3 {
			t.Fatalf("round %d: a key is gone with memory: %+v", round, res)
		}
		add(round + 1)
		if round == 1 {
			testAppend(t, s, Append{Table: "volatile", Batch: testBatch(0, 100, now)})
		}
		testClose(t, s)
	}
	// With memory in place the restart takes nothing from disk.
	s = testOpen(t, cfg)
	wantIDs(t, s, "events", want)
	if st := s.Status(); st.Loading != 0 {
		t.Fatalf("%d blocks are loading", st.Loading)
	}
}

// TestDiskLoadingIsKept ends the process while blocks are still being read from
// disk: the next one goes on.
func TestDiskLoadingIsKept(t *testing.T) {
	cfg := testDiskConfig(t)
	s := testOpen(t, cfg)
	now := time.Now().UnixNano()
	want := map[int64]int{}
	for i := range int64(20) {
		testAppend(t, s, Append{Table: "t", Batch: testBatch(i*10_000, 10_000, now)})
		for j := range int64(10_000) {
			want[i*10_000+j] = 1
		}
	}
	testClose(t, s)
	reboot(t, cfg)
	loading := 0
	for range 5 {
		s, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		loading += s.Status().Loading
		testClose(t, s)
	}
	if loading == 0 {
		t.Fatal("no open saw a loading block: the test shows nothing")
	}
	s = testOpen(t, cfg)
	waitLoaded(t, s)
	wantIDs(t, s, "t", want)
}

// TestDiskKill kills a writing process; memory stays, so every acknowledged row
// does, and the disk catches up.
func TestDiskKill(t *testing.T) {
	rounds := 3
	if testing.Short() {
		rounds = 1
	}
	killRounds(t, rounds, childEnv+"_DATA=1")
}

// TestDiskKillAndReboot kills a writing process and removes its memory: each
// batch is there as a whole or not at all, as its key says, and those that were
// acknowledged a second before are there.
func TestDiskKillAndReboot(t *testing.T) {
	rounds := 1
	dir := testShm(t)
	cfg := testConfig(t, dir)
	cfg.DataDir = filepath.Join(dir, "data")
	want := map[string]map[int64]int{"a": {}, "b": {}}
	lost := 0
	for round := range rounds {
		chunks := runWriter(t, dir, int64(round)*100_000_000, 1300*time.Millisecond, childEnv+"_DATA=1")
		killed := time.Now()
		reboot(t, cfg)
		s := testOpen(t, cfg)
		waitLoaded(t, s)
		if st := s.Status(); st.Damaged > 0 {
			t.Fatalf("round %d: %d damaged blocks", round, st.Damaged)
		}
		for _, c := range chunks {
			tab, _ := s.Table(c.table)
			if tab != nil && tab.keys.holds(fmt.Sprint("key-", c.first)) {
				for i := range c.rows {
					want[c.table][c.first+int64(i)] = 1
				}
				continue
			}
			if c.acked {
				lost++
			}
			if c.acked && killed.Sub(c.at) > time.Second {
				t.Fatalf("round %d: batch %d was acknowledged %v before the power loss and is gone", round, c.first, killed.Sub(c.at))
			}
		}
		for table := range want {
			wantIDs(t, s, table, want[table])
		}
		testClose(t, s)
	}
	t.Logf("%d rows there, %d batches of the last second lost", len(want["a"])+len(want["b"]), lost)
}

// TestDiskLogCut cuts the disk log behind every byte of its last records: what is
// recovered is a state that was there before.
func TestDiskLogCut(t *testing.T) {
	cfg := testDiskConfig(t)
	s := testOpen(t, cfg)
	now := time.Now().UnixNano()
	rows := map[int64]int{}
	type state struct {
		size int64
		rows map[int64]int
	}
	var states []state
	note := func() {
		testSync(t, s)
		states = append(states, state{s.disk.log.size, maps.Clone(rows)})
	}
	note()
	for i := range int64(4) {
		testAppend(t, s, Append{Table: "t", Batch: testBatch(i*10, 2, now), Key: fmt.Sprint(i)})
		rows[i*10], rows[i*10+1] = 1, 1
		note()
	}
	tab, _ := s.Table("t")
	refs, _ := tab.candidates(levelFresh, classNear, 3, RowsPerBlockMax)
	if err := s.merge(tab, refs, mergeRuleOf(mergeFresh), classNear); err != nil {
		t.Fatal(err)
	}
	note()
	name := logName(s.disk.logNo)
	data := filepath.Join(filepath.Dir(cfg.DataDir), "copy")
	copyDir(t, cfg.DataDir, data)
	testClose(t, s)
	reboot(t, cfg)
	cfg.DataDir = data
	whole, err := os.ReadFile(filepath.Join(data, name))
	if err != nil {
		t.Fatal(err)
	}
	trial := filepath.Join(filepath.Dir(data), "trial")
	for cut := states[0].size; cut <= int64(len(whole)); cut++ {
		copyDir(t, data, trial)
		torn := bytes.Clone(whole[:cut])
		if cut%2 == 1 && cut < int64(len(whole)) {
			torn = append(torn, whole[cut]^0xff, 1, 2, 3)
		}
		if err := os.WriteFile(filepath.Join(trial, name), torn, 0o600); err != nil {
			t.Fatal(err)
		}
		want := states[0].rows
		for _, st := range states {
			if st.size <= cut {
				want = st.rows
			}
		}
		trialCfg := cfg
		trialCfg.DataDir, trialCfg.Log = trial, nil
		s, err := Open(trialCfg)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		waitLoaded(t, s)
		wantIDs(t, s, "t", want)
		testClose(t, s)
		reboot(t, cfg)
		os.RemoveAll(trial)
	}
}

// TestDiskSyncFails lets single syncs fail: nothing that a later flush reports as
// synced is lost, and the file of a failed sync is never synced again.
func TestDiskSyncFails(t *testing.T) {
	for _, prefix := range []string{diskFilePrefix, diskLogPrefix} {
		t.Run(prefix, func(t *testing.T) {
			cfg := testDiskConfig(t)
			var failNext atomic.Bool
			var failedFile atomic.Value
			cfg.syncFile = func(f *os.File) error {
				name := filepath.Base(f.Name())
				if was, ok := failedFile.Load().(string); ok && was == f.Name() {
					t.Errorf("%s is synced again after a failure", name)
				}
				if len(name) > len(prefix) && name[:len(prefix)] == prefix && failNext.CompareAndSwap(true, false) {
					failedFile.Store(f.Name())
					return errors.New("injected")
				}
				return syncData(f)
			}
			s := testOpen(t, cfg)
			now := time.Now().UnixNano()
			want := map[int64]int{}
			next := int64(0)
			for round := range 4 {
				for _, rows := range []int{3, 9_000, 1} {
					testAppend(t, s, Append{Table: "t", Batch: testBatch(next, rows, now)})
					for range rows {
						want[next] = 1
						next++
					}
				}
				if round == 2 {
					failNext.Store(true)
				}
				testSync(t, s)
			}
			if failNext.Load() {
				t.Fatal("no sync failed: the test shows nothing")
			}
			if s.Status().DiskError != "" {
				t.Fatalf("the disk works again, status says %q", s.Status().DiskError)
			}
			testClose(t, s)
			// The abandoned file is not needed.
			if prefix == diskFilePrefix {
				if _, err := os.Stat(failedFile.Load().(string)); !errors.Is(err, os.ErrNotExist) {
					t.Fatalf("the abandoned file: %v", err)
				}
			}
			reboot(t, cfg)
			s = testOpen(t, cfg)
			waitLoaded(t, s)
			wantIDs(t, s, "t", want)
		})
	}
}

// TestDiskLag makes the disk fail for good: receipts stop and say why, and rows
// of tables in memory alone still go in.
func TestDiskLag(t *testing.T) {
	cfg := testDiskConfig(t)
	cfg.lagWait = 50 * time.Millisecond
	var broken atomic.Bool
	cfg.syncFile = func(f *os.File) error {
		if broken.Load() {
			return errors.New("injected")
		}
		return syncData(f)
	}
	var clock atomic.Int64
	clock.Store(time.Now().UnixNano())
	cfg.Now = func() time.Time { return time.Unix(0, clock.Load()) }
	cfg.Log = nil
	s := testOpen(t, cfg)
	testTable(t, s, "volatile")
	if err := s.SetSettings("volatile", Settings{Durability: DurabilityMemory}); err != nil {
		t.Fatal(err)
	}
	testSync(t, s)
	broken.Store(true)
	testAppend(t, s, Append{Table: "t", Batch: testBatch(0, 1, 0)})
	clock.Add(int64(diskLagMax + time.Millisecond))
	waitFor(t, "the disk has failed", func() bool { return s.Status().DiskError != "" })
	var lag *DiskLagError
	_, err := s.Append(context.Background(), Append{Table: "t", Batch: testBatch(1, 1, 0)})
	if !errors.As(err, &lag) || lag.Err == nil || lag.Age <= diskLagMax {
		t.Fatalf("append while the disk lags: %v", err)
	}
	s.cfg.lagWait = time.Hour // who waits does so for ever, but nobody does
	clock.Add(int64(time.Hour))
	if _, err := s.Append(context.Background(), Append{Table: "t", Batch: testBatch(1, 1, 0)}); !errors.As(err, &lag) {
		t.Fatalf("append after the disk failed for an hour: %v", err)
	}
	testAppend(t, s, Append{Table: "volatile", Batch: testBatch(0, 1, 0)})
	broken.Store(false)
	testSync(t, s)
	testAppend(t, s, Append{Table: "t", Batch: testBatch(1, 1, 0)})
	wantIDs(t, s, "t", map[int64]int{0: 1, 1: 1})
}

// TestDiskLagAfterRestart: rows that the last process did not bring to disk hold
// receipts up like rows of this one.
func TestDiskLagAfterRestart(t *testing.T) {
	cfg := testDiskConfig(t)
	cfg.lagWait, cfg.Log = 50*time.Millisecond, nil
	var broken atomic.Bool
	cfg.syncFile = func(f *os.File) error {
		if broken.Load() {
			return errors.New("injected")
		}
		return syncData(f)
	}
	var clock atomic.Int64
	clock.Store(time.Now().UnixNano())
	cfg.Now = func() time.Time { return time.Unix(0, clock.Load()) }
	s := testOpen(t, cfg)
	testSync(t, s)
	broken.Store(true)
	testAppend(t, s, Append{Table: "t", Batch: testBatch(0, 1, 0)})
	testClose(t, s)
	s = testOpen(t, cfg)
	clock.Add(int64(diskLagMax + time.Millisecond))
	var lag *DiskLagError
	if _, err := s.Append(context.Background(), Append{Table: "t", Batch: testBatch(1, 1, 0)}); !errors.As(err, &lag) {
		t.Fatalf("append while rows of the last process are not synced: %v", err)
	}
	broken.Store(false)
	testSync(t, s)
	testAppend(t, s, Append{Table: "t", Batch: testBatch(1, 1, 0)})
	wantIDs(t, s, "t", map[int64]int{0: 1, 1: 1})
}

// TestDiskMemoryTable shows that a table in memory alone writes no rows.
func TestDiskMemoryTable(t *testing.T) {
	cfg := testDiskConfig(t)
	s := testOpen(t, cfg)
	testTable(t, s, "t")
	if err := s.SetSettings("t", Settings{Durability: DurabilityMemory}); err != nil {
		t.Fatal(err)
	}
	testSync(t, s)
	before := s.Status().DiskBytes
	testAppend(t, s, Append{Table: "t", Batch: testBatch(0, 60_000, time.Now().UnixNano())})
	testAppend(t, s, Append{Table: "t", Batch: testBatch(0, 3, time.Now().UnixNano())})
	testSync(t, s)
	if after := s.Status().DiskBytes; after != before {
		t.Fatalf("%d bytes on disk became %d", before, after)
	}
	// Made durable, it is written as a whole; made volatile again, it goes.
	if err := s.SetSettings("t", Settings{Durability: DurabilityDisk}); err != nil {
		t.Fatal(err)
	}
	testSync(t, s)
	tab, _ := s.Table("t")
	if tab.DiskBytes() != tab.Bytes() {
		t.Fatalf("%d of %d bytes are on disk", tab.DiskBytes(), tab.Bytes())
	}
	if err := s.SetSettings("t", Settings{Durability: DurabilityMemory}); err != nil {
		t.Fatal(err)
	}
	testSync(t, s)
	if tab.DiskBytes() != 0 {
		t.Fatalf("%d bytes are still on disk", tab.DiskBytes())
	}
}

// TestDiskOtherLeaf refuses directories of two leaves.
func TestDiskOtherLeaf(t *testing.T) {
	a, b := testDiskConfig(t), testDiskConfig(t)
	for _, cfg := range []Config{a, b} {
		testClose(t, testOpen(t, cfg))
	}
	a.DataDir = b.DataDir
	if s, err := Open(a); err == nil {
		testClose(t, s)
		t.Fatal("directories of two leaves were opened together")
	} else if !bytes.Contains([]byte(err.Error()), []byte("remove the memory directory")) {
		t.Fatalf("the error does not say what to do: %v", err)
	}
}

// TestDiskHealsMemory damages a block in memory: it is noticed, never becomes a
// number, and comes back from disk.
func TestDiskHealsMemory(t *testing.T) {
	cfg := testDiskConfig(t)
	cfg.Log = nil
	s := testOpen(t, cfg)
	now := time.Now().UnixNano()
	want := map[int64]int{}
	for i := range int64(3) {
		testAppend(t, s, Append{Table: "t", Batch: testBatch(i*10_000, 10_000, now)})
		for j := range int64(10_000) {
			want[i*10_000+j] = 1
		}
	}
	testSync(t, s)
	tab, _ := s.Table("t")
	view := tab.Pin()
	r := view.Blocks[1]
	view.Release()
	testFlip(t, r.extent.Load())
	if err := r.check(); err == nil {
		t.Fatal("a flipped bit passes the check")
	} else {
		r.SetDamaged(err)
	}
	waitFor(t, "the block is read from disk", func() bool { return r.State() == Live })
	wantIDs(t, s, "t", want)
	if st := s.Status(); st.Damaged != 0 {
		t.Fatalf("%d damaged blocks", st.Damaged)
	}
	testClose(t, s)
	s = testOpen(t, cfg)
	wantIDs(t, s, "t", want)
}

// TestDiskFilesGo shows that the files of rows that went are unlinked.
func TestDiskFilesGo(t *testing.T) {
	cfg := testDiskConfig(t)
	s := testOpen(t, cfg)
	now := time.Now().UnixNano()
	for i := range int64(4) {
		testAppend(t, s, Append{Table: "t", Batch: testBatch(i*60_000, 60_000, now)})
	}
	testClose(t, s)
	s = testOpen(t, cfg) // files of an earlier run are not appended to
	testSync(t, s)
	if s.Status().DiskBytes < 100_000 {
		t.Fatalf("%d bytes on disk", s.Status().DiskBytes)
	}
	if err := s.DropTable("t"); err != nil {
		t.Fatal(err)
	}
	testSync(t, s)
	if st := s.Status(); st.DiskBytes > 10_000 {
		t.Fatalf("%d bytes are still on disk", st.DiskBytes)
	}
}

// failLogs makes the syncs of the disk log fail while the returned switch is on.
func failLogs(cfg *Config) *atomic.Bool {
	var broken atomic.Bool
	cfg.syncFile = func(f *os.File) error {
		if broken.Load() && strings.HasPrefix(filepath.Base(f.Name()), diskLogPrefix) {
			return errors.New("injected")
		}
		return syncData(f)
	}
	return &broken
}

// TestDiskRewriteFails lets the new log fail that a change of durability asks
// for: the rows that came with it go to disk later.
func TestDiskRewriteFails(t *testing.T) {
	cfg := testDiskConfig(t)
	cfg.Log = nil
	broken := failLogs(&cfg)
	s := testOpen(t, cfg)
	now := time.Now().UnixNano()
	testAppend(t, s, Append{Table: "keep", Batch: testBatch(0, 10, now)})
	testAppend(t, s, Append{Table: "flip", Batch: testBatch(0, 10, now)})
	testSync(t, s)
	broken.Store(true)
	if err := s.SetSettings("flip", Settings{Version: 1, Durability: DurabilityMemory}); err != nil {
		t.Fatal(err)
	}
	testAppend(t, s, Append{Table: "keep", Batch: testBatch(10, 10, now)})
	waitFor(t, "a flush fails", func() bool {
		s.disk.mu.Lock()
		defer s.disk.mu.Unlock()
		return s.disk.failed != nil && len(s.disk.queue) == 0
	})
	broken.Store(false)
	testSync(t, s)
	testClose(t, s)
	reboot(t, cfg)
	s = testOpen(t, cfg)
	waitLoaded(t, s)
	if n := len(readIDs(t, s, "keep")); n != 20 {
		t.Fatalf("%d rows of 20 came to disk", n)
	}
}

// TestDiskUnsureKeepsFiles lets a log fail after its blocks were written, and then
// the file of those blocks: the log may be in place and name them, so the file stays.
func TestDiskUnsureKeepsFiles(t *testing.T) {
	d := &disk{dir: t.TempDir(), files: map[uint32]*diskFile{}, places: map[BlockID]diskPlace{}, moves: map[BlockID]bool{}}
	d.store = &Store{cfg: Config{diskFileBytes: 1 << 20, files: osFiles{}}}
	f, err := d.fileFor(diskFresh)
	if err != nil {
		t.Fatal(err)
	}
	f.fresh, f.named, d.stale = 1, true, true
	d.abandon(f)
	if _, err := os.Stat(filepath.Join(d.dir, diskFileName(f.no))); err != nil {
		t.Fatalf("a file that a log may name is gone: %v", err)
	}
	d.stale = false
	d.logged()
	if _, err := os.Stat(filepath.Join(d.dir, diskFileName(f.no))); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("a file that no log names stays: %v", err)
	}
}

// TestDiskSyncAfterFailure asks for a sync when the last flush failed with nothing
// left in the queue: it does not say that all is well.
func TestDiskSyncAfterFailure(t *testing.T) {
	cfg := testDiskConfig(t)
	cfg.Log = nil
	broken := failLogs(&cfg)
	s := testOpen(t, cfg)
	testAppend(t, s, Append{Table: "flip", Batch: testBatch(0, 10, 1)})
	testSync(t, s)
	broken.Store(true)
	if err := s.SetSettings("flip", Settings{Version: 1, Durability: DurabilityMemory}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "a flush fails", func() bool { return s.Status().DiskError != "" })
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := s.Sync(ctx); err == nil {
		t.Fatal("a sync that failed is reported as good")
	}
	broken.Store(false)
	testSync(t, s)
}
