package storage

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A soak is a life in fast motion: small and full blocks come, are merged and go by
// retention, tables are dropped and born again, keys expire, on a clock that runs
// thousands of times too fast.
type soak struct {
	t     *testing.T
	s     *Store
	dir   string
	clock *testClock
	rng   *rand.Rand
	row   int64

	small, full    int // blocks to come
	appends, reads []time.Duration
	held           *View // for a while, as a slow query does
	samples        []soakSample
}

const (
	soakTables   = 20
	soakTick     = 40 * time.Millisecond // the clock's, for each small block
	soakKeep     = 20 * time.Minute      // retention: 30,000 small blocks
	soakFullRows = finalRowsMin
)

// soakSample is what the process and the store hold at one moment.
type soakSample struct {
	done   int     // percent
	values []int64 // in the order of soakNames
}

// soakNames are what must not grow, and by how much it may differ between two
// moments of an even life.
var soakNames = []struct {
	name  string
	slack int64
}{
	{"RssAnon", 48 << 20}, {"heap", 8 << 20}, {"descriptors", 6}, {"mappings", 24}, {"goroutines", 4},
	{"segment bytes", 24 << 20}, {"RssShmem", 32 << 20}, {"log bytes", 8 << 20}, {"disk files", 6}, {"disk bytes", 48 << 20},
	{"blocks", 2_000}, {"keys", 3_000}, {"buckets", 2_000}, {"open blocks", 2_000},
}

// TestLifeInFastMotion turns small and full blocks over at retention's edge: nothing
// grows but the count of what has gone. KELP_SOAK=1 (make soak), on a machine that does
// nothing else, makes it 1,000,000 small and 3,000 full blocks, and calls must take as
// long as they did.
func TestLifeInFastMotion(t *testing.T) {
	small := 60_000
	switch {
	case os.Getenv("KELP_SOAK") != "":
		small = 1_000_000
	case testing.Short() || underRace:
		small = 12_000
	}
	dir := testShm(t)
	clock := newTestClock()
	cfg := testConfig(t, dir)
	cfg.Now, cfg.Budget, cfg.DataDir = clock.now, 512<<20, filepath.Join(dir, "data")
	cfg.syncFile, cfg.diskFileBytes = func(*os.File) error { return nil }, 16<<20
	cfg.flushEvery = time.Millisecond // the disk must keep up with the clock
	k := &soak{
		appends: make([]time.Duration, 0, small), reads: make([]time.Duration, 0, small/100+1), // made before the first sample
		t: t, s: testOpen(t, cfg), dir: dir, clock: clock, rng: rand.New(rand.NewPCG(1, 2)), small: small, full: small * 3 / 1_000,
	}
	k.live()
	k.report()
	if small > int(soakKeep/soakTick) { // else nothing has got old
		k.compare(small > int(2*keysLive/soakTick))
	}
	k.dropAll()
}

func (k *soak) live() {
	for i := range k.small {
		k.appendSmall(i)
		if i%(k.small/k.full) == 0 {
			k.appendFull()
		}
		k.clock.advance(soakTick)
		if i%100 == 0 {
			k.read(i)
		}
		if i%1_500 == 0 { // a minute: what maintain does in its time
			k.s.retain()
			k.s.trim()
			k.s.mergeStale()
			k.s.expireKeys()
		}
		if i%25_000 == 24_999 {
			if err := k.s.DropTable(fmt.Sprint("t", k.rng.IntN(soakTables))); err != nil {
				k.t.Fatal(err)
			}
		}
		if percent := (i + 1) * 100 / k.small; i+1 == k.small || percent != i*100/k.small && percent%5 == 0 {
			k.sample(percent)
		}
	}
}

func (k *soak) appendSmall(i int) {
	name := fmt.Sprint("t", k.rng.IntN(soakTables))
	if i%3 > 0 {
		name = "t0" // the busy one
	}
	k.row++
	a := Append{Table: name, Batch: testBatch(k.row, 1, k.clock.now().UnixNano()), Receipt: Receipt{Accepted: 1}}
	if i%4 == 0 {
		a.Key = fmt.Sprint("key-", i)
	}
	began := time.Now()
	testAppend(k.t, k.s, a)
	k.appends = append(k.appends, time.Since(began))
	k.retention(name)
}

// appendFull appends a block of random numbers, long enough to lie among the full.
func (k *soak) appendFull() {
	b := NewBatch()
	slot := b.Slot([]byte("noise"))
	at := k.clock.now().UnixNano()
	for range soakFullRows {
		b.SetInt(slot, int64(k.rng.Uint64()))
		b.EndRow(at)
	}
	testAppend(k.t, k.s, Append{Table: "full", Batch: b})
	k.retention("full")
}

// retention sets that of a table that has just been born.
func (k *soak) retention(name string) {
	if tab, ok := k.s.Table(name); ok && tab.Settings().RetentionAge == 0 {
		if err := k.s.SetSettings(name, Settings{RetentionAge: soakKeep}); err != nil {
			k.t.Fatal(err)
		}
	}
}

// read is a small query: the newest rows of the busy table. Some views are kept for
// a minute.
func (k *soak) read(i int) {
	tab, ok := k.s.Table("t0")
	if !ok {
		return
	}
	began := time.Now()
	view := tab.Pin()
	blocks := view.Blocks
	for _, r := range blocks[max(0, len(blocks)-50):] {
		if err := readBlockOf(r); err != nil {
			k.t.Fatal(err)
		}
	}
	k.reads = append(k.reads, time.Since(began))
	if i%3_000 == 0 {
		if k.held != nil {
			k.held.Release()
		}
		k.held = view
		return
	}
	view.Release()
}

func (k *soak) sample(percent int) {
	if err := k.s.Sync(context.Background()); err != nil {
		k.t.Fatal(err)
	}
	runtime.GC()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	st := k.s.Status()
	taken, _, _ := k.s.alloc.stats()
	files, _ := os.ReadDir(filepath.Join(k.dir, "data"))
	fds, _ := os.ReadDir("/proc/self/fd")
	maps, _ := os.ReadFile("/proc/self/maps")
	buckets := 0
	for _, tab := range k.s.Tables() {
		tab.mu.Lock()
		buckets += len(tab.hist.buckets)
		if len(tab.byID) != len(tab.refs) {
			k.t.Errorf("table %s has %d blocks and knows %d", tab.name, len(tab.refs), len(tab.byID))
		}
		tab.mu.Unlock()
	}
	_, opened := k.s.opened.kept()
	k.samples = append(k.samples, soakSample{percent, []int64{
		procStatus("RssAnon"), int64(mem.HeapAlloc), int64(len(fds)), int64(strings.Count(string(maps), "\n")), int64(runtime.NumGoroutine()),
		taken, procStatus("RssShmem"), st.Log, int64(len(files)), st.DiskBytes,
		int64(st.Blocks), int64(st.Keys), int64(buckets), int64(opened),
	}})
}

// procStatus is a figure of /proc/self/status in bytes; 0 where there is none.
func procStatus(name string) int64 {
	text, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(text), "\n"+name+":")
	line, _, _ := strings.Cut(rest, "\n")
	kb, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(line), " kB"), 10, 64)
	return kb << 10
}

func (k *soak) report() {
	var text strings.Builder
	fmt.Fprintf(&text, "%d small and %d full blocks\n%16s", k.small, k.full, "percent")
	for i, s := range k.samples {
		if i%4 == 3 {
			fmt.Fprintf(&text, "%14d", s.done)
		}
	}
	for n := range soakNames {
		fmt.Fprintf(&text, "\n%16s", soakNames[n].name)
		for i, s := range k.samples {
			if i%4 == 3 {
				fmt.Fprintf(&text, "%14d", s.values[n])
			}
		}
	}
	for _, c := range []struct {
		name  string
		times []time.Duration
	}{{"append", k.appends}, {"read", k.reads}} {
		fmt.Fprintf(&text, "\n%s, median and p99 by fifth:", c.name)
		for fifth := range 5 {
			p50, p99 := quantiles(c.times, fifth)
			fmt.Fprintf(&text, " %v/%v", p50.Round(time.Microsecond), p99.Round(time.Microsecond))
		}
	}
	k.t.Log(text.String())
}

// quantiles is the median and the 99th percentile of a fifth of the calls.
func quantiles(times []time.Duration, fifth int) (p50, p99 time.Duration) {
	part := slices.Clone(times[len(times)*fifth/5 : len(times)*(fifth+1)/5])
	slices.Sort(part)
	return part[len(part)/2], part[len(part)*99/100]
}

// compare holds the last fifth of the samples against the second and third. Keys
// live for an hour of the clock, so they grow in a short life.
func (k *soak) compare(keys bool) {
	mean := func(n, from, to int) (sum int64) {
		count := int64(0)
		for _, s := range k.samples {
			if s.done > from && s.done <= to {
				sum += s.values[n]
				count++
			}
		}
		return sum / max(1, count)
	}
	for n, f := range soakNames {
		if early, late := mean(n, 20, 60), mean(n, 80, 100); late > early+early/2+f.slack && (keys || f.name != "keys") {
			k.t.Errorf("%s grew from %d to %d", f.name, early, late)
		}
	}
	if os.Getenv("KELP_SOAK") == "" {
		return // with others on the machine calls take as long as those let them
	}
	for name, times := range map[string][]time.Duration{"append": k.appends, "read": k.reads} {
		early50, early99 := quantiles(times, 1)
		late50, late99 := quantiles(times, 4)
		// Other work on the machine makes single calls slow, so p99 has some slack.
		if late50 > early50*3/2+100*time.Microsecond || late99 > early99*3/2+5*time.Millisecond {
			k.t.Errorf("%s: median and p99 were %v and %v, and are %v and %v", name, early50, early99, late50, late99)
		}
	}
}

// dropAll drops all tables: memory and files are given back without anybody asking.
func (k *soak) dropAll() {
	if k.held != nil {
		k.held.Release()
	}
	pages := func() int64 {
		k.s.alloc.mu.Lock()
		defer k.s.alloc.mu.Unlock()
		return pagesOf(k.t, k.s.alloc)
	}
	before := pages()
	for _, tab := range k.s.Tables() {
		if err := k.s.DropTable(tab.name); err != nil {
			k.t.Fatal(err)
		}
	}
	waitFor(k.t, "the memory is given back", func() bool { return pages() <= idleBytesMax })
	waitFor(k.t, "the disk is given back", func() bool { return k.s.Status().DiskBytes <= 2*k.s.cfg.diskFileBytes+2*diskLogBytes })
	k.t.Logf("%d bytes of pages, %d after all tables are dropped; %d bytes on disk", before, pages(), k.s.Status().DiskBytes)
}
