package storage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// powerEnv is how many histories TestPowerLoss tries; each has several lives.
const powerEnv = "KELP_POWER_SEEDS"

// powerBatch is one append of a history, and what must be there of it.
type powerBatch struct {
	table  string
	first  int64
	rows   int
	tried  int   // operations done before the append
	acked  int   // and when its receipt came; 0: none yet
	at     int64 // the clock of the receipt
	drop   int   // and before its block was dropped, 0: it was not
	proven bool  // it was there after a power loss: it stays
}

// A powerRun is one life of a leaf, from a data directory that a power loss may
// have left.
type powerRun struct {
	t       *testing.T
	rng     *rand.Rand
	clock   *atomic.Int64
	trace   *powerTrace
	s       *Store
	batches []*powerBatch
	next    int64
}

// TestPowerLoss lets random histories of appends, merges, drops, moves, new logs
// and failing syncs run, cuts the power at random moments, and opens what random
// disks may have kept: synced pages, any of the others, torn, and any of the
// changes of names. Of tables with durability sync all acknowledged rows are there;
// those of disk that are not were acknowledged within one second; no block is
// damaged, no value wrong, no row there twice.
func TestPowerLoss(t *testing.T) {
	seeds, cuts := 6, 12
	if testing.Short() {
		seeds = 2
	}
	if n, err := strconv.Atoi(os.Getenv(powerEnv)); err == nil {
		seeds = n
	}
	base := uint64(time.Now().UnixNano())
	images, lost := 0, 0
	for i := range seeds {
		seed := base + uint64(i)
		ok := t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			n, l := powerHistory(t, seed, cuts)
			images, lost = images+n, lost+l
		})
		if !ok {
			break
		}
	}
	t.Logf("%d images; %d acknowledged batches of durability disk were lost in them", images, lost)
	if !t.Failed() && lost == 0 {
		t.Error("no image lost anything: the test shows nothing")
	}
}

func powerHistory(t *testing.T, seed uint64, cuts int) (images, lost int) {
	rng := rand.New(rand.NewPCG(seed, 1))
	dir := testShm(t)
	clock := &atomic.Int64{}
	clock.Store(time.Now().UnixNano())
	data := filepath.Join(dir, "data-0")
	var batches []*powerBatch
	for life := range 3 {
		cfg := testConfig(t, filepath.Join(dir, fmt.Sprint("live-", life)))
		cfg.DataDir, cfg.Log = data, nil
		cfg.Now = func() time.Time { return time.Unix(0, clock.Load()) }
		cfg.flushEvery, cfg.retryEvery, cfg.diskFileBytes = time.Millisecond, time.Millisecond, 8<<10
		failEvery := 0
		if life == 1 {
			failEvery = 10
		}
		traced := cfg
		r := &powerRun{t: t, rng: rng, clock: clock, batches: batches, next: int64(life) * 10_000_000}
		r.trace = newPowerTrace(t, &traced, seed, failEvery)
		r.live(traced)
		ops := r.trace.now()
		for n := range cuts {
			cfg.MemoryDir = filepath.Join(dir, fmt.Sprint("memory-", life, "-", n))
			cfg.DataDir = filepath.Join(dir, fmt.Sprint("image-", life, "-", n))
			cut := rng.IntN(ops + 1)
			r.trace.image(t, cut, rng, cfg.DataDir)
			there, gone := r.check(cfg, cut)
			images, lost = images+1, lost+gone
			os.RemoveAll(cfg.MemoryDir)
			if n < cuts-1 {
				os.RemoveAll(cfg.DataDir)
				continue
			}
			data, batches = cfg.DataDir, there
		}
		clock.Add(int64(time.Minute))
	}
	return images, lost
}

// live runs a random history.
func (r *powerRun) live(cfg Config) {
	r.s = testOpen(r.t, cfg)
	waitLoaded(r.t, r.s)
	for name, d := range map[string]Durability{"sure": DurabilitySync, "soon": DurabilityDisk, "flip": DurabilityDisk} {
		if _, ok := r.s.Table(name); !ok {
			testTable(r.t, r.s, name)
		}
		r.settings(name, d)
	}
	testSync(r.t, r.s)
	for step := range 80 {
		r.clock.Add(r.rng.Int64N(int64(300 * time.Millisecond)))
		table := []string{"sure", "soon"}[r.rng.IntN(2)]
		switch n := r.rng.IntN(100); {
		case n < 55:
			r.append(table, 1+r.rng.IntN(20))
		case n < 60:
			r.append(table, richRowsMin)
		case n < 75:
			r.merge(table, mergeFresh)
		case n < 80:
			r.merge(table, mergeMid)
		case n < 90:
			r.dropOldest(table)
		case n < 95:
			testAppend(r.t, r.s, Append{Table: "flip", Batch: testBatch(0, 3, r.clock.Load())})
			r.settings("flip", []Durability{DurabilityMemory, DurabilityDisk}[step%2])
		default:
			testSync(r.t, r.s)
		}
	}
	testClose(r.t, r.s)
}

func (r *powerRun) settings(name string, d Durability) {
	tab, _ := r.s.Table(name)
	if err := r.s.SetSettings(name, Settings{Version: tab.Settings().Version + 1, Durability: d}); err != nil {
		r.t.Fatal(err)
	}
}

func (r *powerRun) append(table string, rows int) {
	b := &powerBatch{table: table, first: r.next, rows: rows, tried: r.trace.now()}
	r.batches = append(r.batches, b)
	r.next += int64(rows)
	_, err := r.s.Append(context.Background(), Append{Table: table, Batch: testBatch(b.first, rows, r.clock.Load()), Key: fmt.Sprint(b.first)})
	if err != nil {
		r.t.Fatal(err)
	}
	b.acked, b.at = r.trace.now(), r.clock.Load()
}

func (r *powerRun) merge(table string, level int) {
	tab, _ := r.s.Table(table)
	rule := mergeRuleOf(level)
	refs, _ := tab.candidates(rule.from, classNear, 2+r.rng.IntN(5), RowsPerBlockMax)
	if len(refs) < 2 {
		return
	}
	if err := r.s.merge(tab, refs, rule, classNear); err != nil && !errors.Is(err, errMergeMoot) {
		r.t.Fatal(err)
	}
}

// dropOldest drops the first block of a table, as retention does.
func (r *powerRun) dropOldest(table string) {
	tab, _ := r.s.Table(table)
	view := tab.Pin()
	defer view.Release()
	if len(view.Blocks) == 0 {
		return
	}
	ids := map[int64]int{}
	readBlockIDs(r.t, view.Blocks[0], ids)
	for _, b := range r.batches {
		if ids[b.first] > 0 {
			b.drop = max(r.trace.now(), 1)
		}
	}
	r.s.commitMu.Lock()
	defer r.s.commitMu.Unlock()
	if !r.s.liveLocked(tab, view.Blocks[:1]) {
		r.t.Fatal("the oldest block went by itself")
	}
	if err := r.s.dropLocked(view.Blocks[:1]); err != nil {
		r.t.Fatal(err)
	}
}

// readBlockIDs counts the ids of a block, and compares what else its rows hold.
func readBlockIDs(t *testing.T, r *Ref, ids map[int64]int) {
	t.Helper()
	b, err := r.Open()
	if err != nil {
		t.Fatalf("block %v: %v", r.ID, err)
	}
	id, err := b.Find("id")[0].Ints(nil)
	if err != nil {
		t.Fatal(err)
	}
	for row, n := range id {
		ids[n]++
		ms, err1 := b.Find("ms")[0].ValueAt(row)
		service, err2 := b.Find("service")[0].ValueAt(row)
		if err := errors.Join(err1, err2); err != nil || ms.Float != float64(n)/2 || service.Str != []string{"api", "web", "db"}[n%3] {
			t.Fatalf("row %d has %v and %v, %v", n, ms, service, err)
		}
	}
}

// check recovers an image and compares it with the history up to the cut. It
// returns the batches that are there, and how many acknowledged ones are not.
func (r *powerRun) check(cfg Config, cut int) (there []*powerBatch, lost int) {
	t := r.t
	t.Helper()
	s := testOpen(t, cfg)
	waitLoaded(t, s)
	if st := s.Status(); st.Damaged > 0 {
		t.Fatalf("cut %d: %d damaged blocks", cut, st.Damaged)
	}
	got := map[string]map[int64]int{}
	rows := 0
	for _, name := range []string{"sure", "soon"} {
		got[name] = map[int64]int{}
		if tab, ok := s.Table(name); ok {
			view := tab.Pin()
			for _, ref := range view.Blocks {
				readBlockIDs(t, ref, got[name])
				rows += ref.Meta.Rows
			}
			view.Release()
		}
	}
	var first, last int64
	for _, b := range r.batches {
		n := 0
		for i := range int64(b.rows) {
			n += got[b.table][b.first+i]
		}
		rows -= n
		must := b.proven || b.acked > 0 && b.acked <= cut
		if b.drop > 0 && b.drop <= cut {
			must = false
		}
		switch {
		case n == b.rows:
			if b.tried > cut {
				t.Fatalf("cut %d: rows from %d are there before they came, at %d", cut, b.first, b.tried)
			}
			there = append(there, &powerBatch{table: b.table, first: b.first, rows: b.rows, proven: true})
		case n != 0:
			t.Fatalf("cut %d: %d of %d rows from %d of table %s are there", cut, n, b.rows, b.first, b.table)
		case must && (b.proven || b.table == "sure"):
			t.Fatalf("cut %d: rows from %d of table %s, acknowledged at %d, are lost (proven %v)", cut, b.first, b.table, b.acked, b.proven)
		case must:
			if lost++; lost == 1 {
				first = b.at
			}
			last = b.at
		}
	}
	if rows != 0 {
		t.Fatalf("cut %d: %d rows more than once, or from nowhere", cut, rows)
	}
	if last-first > int64(diskLagMax) {
		t.Fatalf("cut %d: what is lost was acknowledged within %v", cut, time.Duration(last-first))
	}
	testClose(t, s)
	return there, lost
}
