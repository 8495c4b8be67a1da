package storage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// gatedSync makes syncs wait while the gate is shut, and counts those that began.
type gatedSync struct {
	mu    sync.Mutex
	open  *sync.Cond
	shut  bool
	begun atomic.Int64
	err   error // returned instead of syncing
}

func newGatedSync(cfg *Config) *gatedSync {
	g := &gatedSync{}
	g.open = sync.NewCond(&g.mu)
	cfg.syncFile = func(f *os.File) error {
		g.begun.Add(1)
		g.mu.Lock()
		defer g.mu.Unlock()
		for g.shut {
			g.open.Wait()
		}
		if g.err != nil {
			return g.err
		}
		return syncData(f)
	}
	return g
}

func (g *gatedSync) set(shut bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut, g.err = shut, err
	g.open.Broadcast()
}

// testDurable makes a table of a durability, of which all is on disk so far.
func testDurable(t *testing.T, s *Store, name string, d Durability) {
	t.Helper()
	testTable(t, s, name)
	if err := s.SetSettings(name, Settings{Version: 1, Durability: d}); err != nil {
		t.Fatal(err)
	}
	testSync(t, s)
}

// TestSyncWaits holds the syncs of the disk up: receipts of a table with durability
// sync wait, all for one group of syncs, those of the other tables do not.
func TestSyncWaits(t *testing.T) {
	cfg := testDiskConfig(t)
	g := newGatedSync(&cfg)
	s := testOpen(t, cfg)
	t.Cleanup(func() { g.set(false, nil) }) // before the store is closed
	testDurable(t, s, "sure", DurabilitySync)
	testDurable(t, s, "soon", DurabilityDisk)
	g.set(true, nil)
	const clients = 50
	var wg sync.WaitGroup
	var acked atomic.Int64
	for i := range int64(clients) {
		wg.Go(func() {
			rows := 1
			if i == 0 {
				rows = richRowsMin
			}
			if _, err := s.Append(context.Background(), Append{Table: "sure", Batch: testBatch(i*10_000, rows, 0)}); err != nil {
				t.Error(err)
			}
			acked.Add(1)
		})
	}
	sure, _ := s.Table("sure")
	waitFor(t, "all rows are visible", func() bool { return sure.Rows() == clients-1+richRowsMin })
	waitFor(t, "a sync is under way", func() bool { return g.begun.Load() > 0 })
	testAppend(t, s, Append{Table: "soon", Batch: testBatch(0, 5, 0)})
	if n := acked.Load(); n > 0 {
		t.Fatalf("%d receipts came before the sync", n)
	}
	before := g.begun.Load()
	g.set(false, nil)
	wg.Wait()
	// The flush that hung, and one for all that came meanwhile: small and full
	// blocks, and the log.
	if n := g.begun.Load() - before; n > 6 {
		t.Errorf("%d syncs for %d receipts", n, clients)
	}
}

// TestSyncSurvivesPowerLoss takes away all that was not synced at the moment of
// each receipt: the rows are there.
func TestSyncSurvivesPowerLoss(t *testing.T) {
	cfg := testDiskConfig(t)
	p := &powerLoss{synced: map[uint64][]byte{}, take: func(int) {}}
	cfg.syncFile = p.sync
	s := testOpen(t, cfg)
	testDurable(t, s, "t", DurabilitySync)
	dir := testShm(t)
	for i := range int64(8) {
		rows := 3
		if i%4 == 3 {
			rows = richRowsMin
		}
		testAppend(t, s, Append{Table: "t", Batch: testBatch(i*10_000, rows, 0), Key: fmt.Sprint(i)})
		p.mu.Lock()
		p.image(t, cfg.DataDir, fmt.Sprint(dir, "/data-", i))
		p.mu.Unlock()
	}
	testClose(t, s)
	want := map[int64]int{}
	for i := range int64(8) {
		rows := int64(3)
		if i%4 == 3 {
			rows = richRowsMin
		}
		for j := range rows {
			want[i*10_000+j] = 1
		}
		cfg := testConfig(t, fmt.Sprint(dir, "/", i))
		cfg.DataDir = fmt.Sprint(dir, "/data-", i)
		s := testOpen(t, cfg)
		waitLoaded(t, s)
		wantIDs(t, s, "t", want)
		tab, _ := s.Table("t")
		if !tab.keys.holds(fmt.Sprint(i)) {
			t.Fatalf("the key of batch %d is not there", i)
		}
		testClose(t, s)
	}
}

// TestSyncFails lets the disk fail: the receipt says that the rows are not synced,
// a repeat adds nothing and waits, and rows that come after are refused.
func TestSyncFails(t *testing.T) {
	cfg := testDiskConfig(t)
	cfg.lagWait, cfg.Log = 50*time.Millisecond, nil
	g := newGatedSync(&cfg)
	s := testOpen(t, cfg)
	testDurable(t, s, "t", DurabilitySync)
	injected := errors.New("injected")
	g.set(false, injected)
	ask := func() error {
		_, err := s.Append(context.Background(), Append{Table: "t", Batch: testBatch(0, 2, 0), Key: "k"})
		return err
	}
	var unsynced *UnsyncedError
	for range 2 {
		if err := ask(); !errors.As(err, &unsynced) || !errors.Is(err, injected) {
			t.Fatalf("the receipt of rows that are not synced: %v", err)
		}
	}
	waitFor(t, "the disk lags", func() bool { return s.Status().Unsynced > diskLagMax })
	var lag *DiskLagError
	_, err := s.Append(context.Background(), Append{Table: "t", Batch: testBatch(2, 2, 0)})
	if !errors.As(err, &lag) {
		t.Fatalf("rows for a disk that fails: %v", err)
	}
	g.set(false, nil)
	testSync(t, s)
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	testClose(t, s)
	reboot(t, cfg)
	s = testOpen(t, cfg)
	waitLoaded(t, s)
	wantIDs(t, s, "t", map[int64]int{0: 1, 1: 1})
}

// TestDiskReceiptWaits commits rows after their request has looked at the disk,
// which has fallen behind since: the receipt waits.
func TestDiskReceiptWaits(t *testing.T) {
	cfg := testDiskConfig(t)
	cfg.lagWait, cfg.Log = 50*time.Millisecond, nil
	g := newGatedSync(&cfg)
	var clock atomic.Int64
	clock.Store(time.Now().UnixNano())
	cfg.Now = func() time.Time { return time.Unix(0, clock.Load()) }
	s := testOpen(t, cfg)
	testDurable(t, s, "t", DurabilityDisk)
	g.set(false, errors.New("injected"))
	a := Append{Table: "t", Batch: testBatch(0, 2, 0), Arrival: 1}
	res, err := s.commitAppend(context.Background(), &a)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.waitReceipt(context.Background(), "t", res.Seq); err != nil {
		t.Fatalf("a disk that is not behind yet: %v", err)
	}
	clock.Add(int64(diskLagMax + time.Millisecond))
	var unsynced *UnsyncedError
	if err := s.waitReceipt(context.Background(), "t", res.Seq); !errors.As(err, &unsynced) {
		t.Fatalf("a receipt while the disk is behind: %v", err)
	}
	g.set(false, nil)
	testSync(t, s)
	if err := s.waitReceipt(context.Background(), "t", res.Seq); err != nil {
		t.Fatal(err)
	}
}

// TestSyncNeedsDisk refuses the setting where there is no data directory, and rows
// of a table that has it from before.
func TestSyncNeedsDisk(t *testing.T) {
	cfg := testDiskConfig(t)
	s := testOpen(t, cfg)
	testDurable(t, s, "t", DurabilitySync)
	testClose(t, s)
	cfg.DataDir = ""
	s = testOpen(t, cfg)
	if _, err := s.Append(context.Background(), Append{Table: "t", Batch: testBatch(2, 2, 0)}); !errors.Is(err, ErrNoDisk) {
		t.Fatalf("rows without a data directory: %v", err)
	}
	if err := s.SetSettings("t", Settings{Version: 2, Durability: DurabilitySync}); !errors.Is(err, ErrNoDisk) {
		t.Fatalf("the setting without a data directory: %v", err)
	}
	testAppend(t, s, Append{Table: "other", Batch: testBatch(2, 2, 0)})
}
