package main

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kelpdb/kelp/storage"
)

// startWork is what a start did until it was ready.
type startWork struct {
	allocs, bytes uint64 // in the heap
	read          int64  // bytes of segments whose pages were mapped
	journal       int64  // bytes written to the journal of promises
}

// TestStartWork: what kelp does before it is ready does not grow with the data, but
// for the line of the log that each block has. No block is looked at.
func TestStartWork(t *testing.T) {
	const blocks, moreTimes = 150, 12
	few, many := startOver(t, blocks), startOver(t, (1+moreTimes)*blocks)
	t.Logf("%d blocks: %+v; %d blocks: %+v", blocks, few, (1+moreTimes)*blocks, many)
	allocs, bytes := perBlock(few.allocs, many.allocs, moreTimes*blocks), perBlock(few.bytes, many.bytes, moreTimes*blocks)
	if allocs > startAllocsMax || bytes > startBytesMax {
		t.Errorf("a block more costs %.1f allocations and %.0f bytes at the start; at most %d and %d", allocs, bytes, startAllocsMax, startBytesMax)
	}
	for _, w := range []startWork{few, many} {
		if w.read != 0 || w.journal != 0 {
			t.Errorf("a start read %d bytes of blocks and wrote %d of promises; it should do neither", w.read, w.journal)
		}
	}
}

// What a block may cost at the start: its ref with its extent, the text of its key,
// its histogram as the log has it, and its part of what is made for many: entries of
// the log, indexes.
const (
	startAllocsMax = 5
	startBytesMax  = 900
)

// initBytesMax is what a package of ours may allocate before main runs: some names
// and small tables. The heap has 4 MB then until the collector runs for the first
// time, and the libraries want most of it.
const initBytesMax = 64 << 10

// TestInitIsSmall: packages of ours leave work like compiling patterns to who wants
// it: every start of every command pays for it.
func TestInitIsSmall(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	seen := false
	for line := range strings.Lines(string(out)) {
		var name string
		var at, took float64
		var bytes int
		if n, _ := fmt.Sscanf(line, "init %s @%f ms, %f ms clock, %d bytes", &name, &at, &took, &bytes); n < 4 || !strings.HasPrefix(name, "github.com/kelpdb/kelp/") {
			continue
		}
		seen = true
		if bytes > initBytesMax {
			t.Errorf("%s allocates %d bytes before main runs, at most %d", name, bytes, initBytesMax)
		}
	}
	if !seen {
		t.Fatalf("no package of ours is traced: the test shows nothing\n%s", out)
	}
}

func perBlock(few, many uint64, blocks int) float64 {
	return (float64(many) - float64(few)) / float64(blocks)
}

// startsMeasured is over how many starts the least is taken: the race detector has
// pools lose what they hold, and now and then the runtime allocates as well.
const startsMeasured = 5

// startOver makes a table of so many blocks that are not merged, starts a server
// over it, so that its aggregator knows them, and returns the least of the starts
// after that one.
func startOver(t *testing.T, blocks int) (least startWork) {
	t.Helper()
	cmd := &serveCmd{Leaves: 1}
	cmd.MemoryDir, cmd.Data, cmd.Memory = shmDir(t), t.TempDir(), leafMemoryMin
	fillBlocks(t, filepath.Join(cmd.MemoryDir, "leaf-1"), filepath.Join(cmd.Data, "leaf-1"), blocks)
	measureStart(t, cmd)
	for i := range startsMeasured {
		work, held := measureStart(t, cmd)
		if held != blocks {
			// Merges begin after seconds: one of the starts took that long.
			t.Fatalf("start %d found %d blocks, want %d: the test shows nothing", i+1, held, blocks)
		}
		if i == 0 {
			least = work
		}
		least = startWork{
			allocs: min(least.allocs, work.allocs), bytes: min(least.bytes, work.bytes),
			read: min(least.read, work.read), journal: min(least.journal, work.journal),
		}
	}
	return least
}

// measureStart starts a server until it is ready, and stops it. It returns what that
// took and how many blocks its table has.
func measureStart(t *testing.T, cmd *serveCmd) (work startWork, blocks int) {
	t.Helper()
	journal := func() int64 {
		st, err := os.Stat(filepath.Join(cmd.Data, "aggregator", "promises.journal"))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		} else if err != nil {
			return 0
		}
		return st.Size()
	}
	var before, after runtime.MemStats
	written := journal()
	runtime.GC()
	runtime.ReadMemStats(&before)
	node, err := cmd.start("127.0.0.1:0", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := node.close(); err != nil {
			t.Error(err)
		}
	}()
	if err := node.untilReady(context.Background()); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	table, ok := node.stores[0].Table("events")
	if !ok {
		t.Fatal("the server has no table")
	}
	return startWork{
		allocs: after.Mallocs - before.Mallocs, bytes: after.TotalAlloc - before.TotalAlloc,
		read: mappedPages(t, cmd.MemoryDir), journal: journal() - written,
	}, table.Blocks()
}

// fillBlocks makes the table, of blocks of a hundred rows.
func fillBlocks(t *testing.T, memory, data string, blocks int) {
	t.Helper()
	store, err := storage.Open(storage.Config{MemoryDir: memory, DataDir: data, LeafName: "leaf-1", Unmerged: true})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UnixNano()
	for i := range blocks {
		b := storage.NewBatch()
		for row := range 100 {
			b.SetInt(b.Slot([]byte("a")), int64(row))
			b.SetString(b.Slot([]byte("b")), []byte("some text"))
			b.EndRow(now + int64(i*100+row)*int64(10*time.Millisecond))
		}
		if _, err := store.Append(context.Background(), storage.Append{Table: "events", Batch: b, Arrival: now}); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

// mappedPages is the bytes of the segments below a directory that this process has
// looked at.
func mappedPages(t *testing.T, dir string) (sum int64) {
	t.Helper()
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	segment, seen := false, false
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if fields := strings.Fields(line); len(fields) > 0 && strings.Contains(fields[0], "-") {
			segment = strings.Contains(line, dir) && strings.HasSuffix(line, ".seg")
			seen = seen || segment
		}
		if rest, ok := strings.CutPrefix(line, "Rss:"); ok && segment {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
			if err != nil {
				t.Fatal(fmt.Errorf("smaps says %q: %w", line, err))
			}
			sum += kb << 10
		}
	}
	if !seen {
		t.Fatalf("no segment below %s is mapped: the test shows nothing", dir)
	}
	return sum
}
