package exec

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// plainTable has blocks of n rows one minute after another, with an int, a text
// and a dictionary column.
func plainTable(t testing.TB, blocks, n int) *testTable {
	table := &testTable{schema: query.Schema{}}
	r := rand.New(rand.NewPCG(5, 6))
	for i := range blocks {
		b := storage.NewBatch()
		for k := range n {
			b.SetInt(b.Slot([]byte("n")), r.Int64N(1<<40))
			b.SetString(b.Slot([]byte("user")), fmt.Appendf(nil, "user-%d-%d", i, k))
			b.SetString(b.Slot([]byte("service")), fmt.Appendf(nil, "svc-%d", r.IntN(5)))
			b.EndRow(baseTime + int64(i)*60e9 + int64(k)*1e6)
		}
		table.add(t, b, storage.Rich)
		table.rows = append(table.rows, readRows(t, table.units[i])...)
	}
	return table
}

func skippedRows(cover Coverage, reason string) uint64 {
	n := uint64(0)
	for _, s := range cover.Skipped {
		for _, b := range s.Hist {
			if s.Reason == reason {
				n += b.Rows
			}
		}
	}
	return n
}

// TestDeadline: what is done by the deadline is the answer, the rest is skipped.
func TestDeadline(t *testing.T) {
	table := plainTable(t, 8, 500)
	pool := NewPool(1)
	defer pool.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	// The clock of the test: the deadline passes while the third block is opened.
	late := &lateContext{Context: ctx, done: make(chan struct{})}
	opened := 0
	units := slices.Clone(table.units)
	for i := range units {
		open := units[i].open
		units[i].open = func() (*storage.Block, error) {
			if opened++; opened == 3 {
				late.pass()
			}
			return open()
		}
	}
	plan := table.plan(t, "SELECT service, count(), sum(length(user)) FROM t GROUP BY service")
	p, cover, err := pool.run(late, plan, units, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got := cover.Covered + skippedRows(cover, "timeout"); got != 4000 {
		t.Errorf("covered and skipped are %d rows, want 4000", got)
	}
	if cover.Covered != 1000 && cover.Covered != 1500 {
		t.Errorf("covered %d", cover.Covered)
	}
	if uint64(p.States[0].Len()) == 0 || p.Stats.RowsMatched != cover.Covered {
		t.Errorf("matched %d of %d", p.Stats.RowsMatched, cover.Covered)
	}
}

// lateContext is a context whose deadline passes when the test says so.
type lateContext struct {
	context.Context
	done chan struct{}
	late atomic.Bool
}

func (c *lateContext) pass() {
	c.late.Store(true)
	close(c.done)
}

func (c *lateContext) Done() <-chan struct{} { return c.done }

func (c *lateContext) Err() error {
	if c.late.Load() {
		return context.DeadlineExceeded
	}
	return nil
}

func TestCancel(t *testing.T) {
	table := plainTable(t, 3, 100)
	pool := NewPool(2)
	defer pool.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, _, err := pool.run(ctx, table.plan(t, "SELECT count(user) FROM t"), table.units, Limits{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled query gives %v", err)
	}
}

// TestDamage: a damaged column is left out with its block, wherever it is met.
func TestDamage(t *testing.T) {
	table := plainTable(t, 5, 2000)
	// Damage one byte in the middle of the third block: in the text column.
	plan := table.plan(t, "SELECT service, count(), max(user) FROM t GROUP BY service")
	units := slices.Clone(table.units)
	units[2] = damagedUnit(t, 2000, "svc-1")
	pool := NewPool(2)
	defer pool.Close()
	p, cover, err := pool.run(context.Background(), plan, units, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if cover.Covered != 8000 || skippedRows(cover, "damaged") != 2000 {
		t.Errorf("covered %d, damaged %d", cover.Covered, skippedRows(cover, "damaged"))
	}
	if total := countOf(p); total != 8000 {
		t.Errorf("counted %d", total)
	}
}

func countOf(p *query.Partial) uint64 {
	total := uint64(0)
	for _, n := range p.States[0].(*query.CountState).N {
		total += n
	}
	return total
}

// damagedUnit is a block like those of plainTable, of one service, with a flipped
// byte in the column user.
func damagedUnit(t *testing.T, n int, service string) unit {
	b := storage.NewBatch()
	for k := range n {
		b.SetString(b.Slot([]byte("user")), fmt.Appendf(nil, "someone %d", k))
		b.SetString(b.Slot([]byte("service")), []byte(service))
		b.EndRow(baseTime + 120e9 + int64(k)*1e6)
	}
	data, meta, err := storage.AppendBlock(nil, b, storage.BlockOptions{Richness: storage.Cheap})
	if err != nil {
		t.Fatal(err)
	}
	storage.SealBlock(data, storage.BlockID{Epoch: 1, Seq: 77})
	for i := range data {
		if string(data[i:min(len(data), i+9)]) == "someone 9" {
			data[i+3] ^= 1
			break
		}
	}
	block, err := storage.OpenBlock(data)
	if err != nil {
		t.Fatal(err)
	}
	return unit{meta: &meta, open: func() (*storage.Block, error) { return block, nil }}
}

// TestLostMemory: a block whose memory goes away while its values are read is
// left out whole, with what was already taken from it.
func TestLostMemory(t *testing.T) {
	table := plainTable(t, 5, 4000)
	lost, cut := mappedUnit(t, 4000) // some pages of memory
	units := slices.Clone(table.units)
	units[1] = lost
	pool := NewPool(1)
	defer pool.Close()
	plan := table.plan(t, "SELECT service, count(), sum(n) FROM t GROUP BY service")
	p, cover, err := pool.run(context.Background(), plan, units, Limits{})
	if err != nil || countOf(p) != 20_000 {
		t.Fatalf("whole: counted %d, %v", countOf(p), err)
	}
	// The columns are checked by now: what fails from here on fails late.
	cut()
	p, cover, err = pool.run(context.Background(), plan, units, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if countOf(p) != 16_000 || cover.Covered != 16_000 || skippedRows(cover, "damaged") != 4000 {
		t.Errorf("counted %d, covered %d, damaged %d", countOf(p), cover.Covered, skippedRows(cover, "damaged"))
	}
}

// mappedUnit is a block like those of plainTable in a mapped file, and a
// function that cuts the file short.
func mappedUnit(t *testing.T, n int) (unit, func()) {
	b := storage.NewBatch()
	r := rand.New(rand.NewPCG(7, 8))
	for k := range n {
		b.SetInt(b.Slot([]byte("n")), r.Int64N(1<<62))
		b.SetString(b.Slot([]byte("service")), fmt.Appendf(nil, "svc-%d", k%300))
		b.EndRow(baseTime + 60e9 + int64(k)*1e6)
	}
	data, meta, err := storage.AppendBlock(nil, b, storage.BlockOptions{Richness: storage.Rich})
	if err != nil {
		t.Fatal(err)
	}
	storage.SealBlock(data, storage.BlockID{Epoch: 1, Seq: 78})
	path := filepath.Join(t.TempDir(), "block")
	if err := os.WriteFile(path, append(data, make([]byte, 4096)...), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	mapped, err := syscall.Mmap(int(file.Fd()), 0, len(data)+4096, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Munmap(mapped)
		_ = file.Close()
	})
	block, err := storage.OpenBlock(mapped[:len(data)])
	if err != nil {
		t.Fatal(err)
	}
	cut := func() {
		if err := file.Truncate(0); err != nil {
			t.Fatal(err)
		}
	}
	return unit{meta: &meta, open: func() (*storage.Block, error) { return block, nil }}, cut
}

// TestFaultAfterChange: a block that fails after it has changed the state leaves
// no trace: the chain starts again without it.
func TestFaultAfterChange(t *testing.T) {
	table := plainTable(t, 4, 1000)
	plan := table.plan(t, "SELECT service, count(), sum(n) FROM t GROUP BY service")
	r := &run{ctx: context.Background(), plan: plan, budget: &budget{max: processBytesMax}, spares: noSpares(), lim: Limits{Groups: 100, Bytes: 1 << 20}}
	r.coverer.init(plan)
	r.keys, r.feeds = compileKeys(plan.Keys), compileFeeds(plan)
	r.choose(table.units)
	c := r.newChain(0, 1)
	s := new(scratch)
	for range 2 {
		if !c.read(s) {
			t.Fatal("a good block fails")
		}
		c.next++
	}
	if err := c.guarded(s, &c.units[2]); err != nil || !c.dirty {
		t.Fatalf("%v, dirty %v", err, c.dirty)
	}
	if c.failed(&c.units[2], &storage.FaultError{}) {
		t.Fatal("the chain goes on with half a block")
	}
	for c.step(s, time.Now().Add(time.Hour)) {
	}
	p, cover, err := r.finish([]*chain{c})
	if err != nil || countOf(p) != 3000 || cover.Covered != 3000 || skippedRows(cover, "damaged") != 1000 {
		t.Errorf("counted %d, covered %d, damaged %d, %v", countOf(p), cover.Covered, skippedRows(cover, "damaged"), err)
	}
}

// TestBug: a panic in a worker ends its query alone.
func TestBug(t *testing.T) {
	table := plainTable(t, 3, 100)
	pool := NewPool(2)
	defer pool.Close()
	plan := table.plan(t, "SELECT count(n) FROM t")
	broken := slices.Clone(table.units)
	broken[1].open = func() (*storage.Block, error) { panic("BUG: for the test") }
	_, _, err := pool.run(context.Background(), plan, broken, Limits{})
	var bug *BugError
	if !errors.As(err, &bug) || len(bug.Stack) == 0 {
		t.Errorf("a panic gives %v", err)
	}
	if p, _, err := pool.run(context.Background(), plan, table.units, Limits{}); err != nil || countOf(p) != 300 {
		t.Errorf("the next query gives %v", err)
	}
}

func TestGroupLimit(t *testing.T) {
	table := plainTable(t, 4, 1000)
	pool := NewPool(1)
	defer pool.Close()
	for _, sql := range []string{
		"SELECT user, count() FROM t GROUP BY user",
		"SELECT user, service, count() FROM t GROUP BY user, service",
		"SELECT n, count() FROM t GROUP BY n",
	} {
		p, cover, err := pool.run(context.Background(), table.plan(t, sql), table.units, Limits{Groups: 700})
		if err != nil {
			t.Fatal(err)
		}
		if p.Groups != 700 || countOf(p) != 700 || p.Truncated == nil || p.Truncated.By != "groups" || p.Truncated.Kept != 700 {
			t.Errorf("%s: %d groups of %d rows, truncated %+v", sql, p.Groups, countOf(p), p.Truncated)
		}
		if cover.Covered != 4000 {
			t.Errorf("covered %d", cover.Covered)
		}
	}
	// Groups that are there go on being counted.
	plan := table.plan(t, "SELECT service, count() FROM t GROUP BY service")
	p, _, err := pool.run(context.Background(), plan, table.units, Limits{Groups: 2})
	if err != nil || p.Groups != 2 || countOf(p) < 1000 || countOf(p) >= 4000 {
		t.Errorf("%d groups of %d rows, %v", p.Groups, countOf(p), err)
	}
}

func TestMemoryLimit(t *testing.T) {
	table := plainTable(t, 6, 5000)
	pool := NewPool(2)
	defer pool.Close()
	for _, sql := range []string{
		"SELECT user, count() FROM t GROUP BY user", "SELECT * FROM t LIMIT ALL",
	} {
		p, _, err := pool.run(context.Background(), table.plan(t, sql), table.units, Limits{Bytes: 400 << 10})
		if err != nil {
			t.Fatal(err)
		}
		if p.Truncated == nil || p.Truncated.By != "memory" || p.Truncated.Kept == 0 || p.Truncated.Kept >= 30_000 {
			t.Errorf("%s: truncated %+v", sql, p.Truncated)
		}
	}
}

func TestStaleSchema(t *testing.T) {
	table := plainTable(t, 2, 100)
	pool := NewPool(1)
	defer pool.Close()
	table.schema["n"] = 0
	delete(table.schema, "user")
	plan := table.plan(t, "SELECT n, count(user) FROM t GROUP BY n")
	_, _, err := pool.run(context.Background(), plan, table.units, Limits{})
	var stale *StaleSchemaError
	if !errors.As(err, &stale) || !stale.Columns["n"].Has(storage.TypeInt64) || !stale.Columns["user"].Has(storage.TypeString) {
		t.Errorf("got %v", err)
	}
	// A sample_rate that the plan has not heard of would change every count.
	b := storage.NewBatch()
	b.SetInt(b.Slot([]byte("sample_rate")), 10)
	b.EndRow(baseTime)
	weighed := &testTable{schema: query.Schema{}}
	plan = weighed.plan(t, "SELECT count() FROM t")
	weighed.add(t, b, storage.Cheap)
	_, _, err = pool.run(context.Background(), plan, weighed.units, Limits{})
	if !errors.As(err, &stale) || !stale.Columns["sample_rate"].Has(storage.TypeInt64) {
		t.Errorf("got %v", err)
	}
}

// TestHeaderOnly: counts of whole blocks read next to nothing.
func TestHeaderOnly(t *testing.T) {
	table := plainTable(t, 4, 5000)
	pool := NewPool(2)
	defer pool.Close()
	for _, sql := range []string{
		"SELECT count() FROM t", "SELECT service, count() FROM t GROUP BY service", "SELECT service, hits() FROM t WHERE service LIKE 'svc-%' GROUP BY service",
		"SELECT time(1d), service, count() FROM t GROUP BY time(1d), service", "SELECT count() FROM t WHERE n >= 0 AND time > '2020-01-01T00:00:00Z'",
	} {
		table.check(t, pool, sql)
		p, _, err := pool.run(context.Background(), table.plan(t, sql), table.units, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if p.Stats.BytesScanned > 2000 || p.Stats.RowsScanned != 20_000 {
			t.Errorf("%s: %d bytes for %d rows", sql, p.Stats.BytesScanned, p.Stats.RowsScanned)
		}
	}
	p, _, err := pool.run(context.Background(), table.plan(t, "SELECT count() FROM t WHERE n < 0"), table.units, Limits{})
	if err != nil || p.Stats.BlocksPruned != 4 || p.Stats.BlocksScanned != 0 {
		t.Errorf("statistics pruned %d of 4 blocks, %v", p.Stats.BlocksPruned, err)
	}
}
