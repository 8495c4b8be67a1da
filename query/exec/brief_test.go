package exec

import (
	"context"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// briefTable is a store of blocks with fronts in their heads, as a start finds it, and
// what opens it again.
func briefTable(t *testing.T, blocks int) (schema query.Schema, open func() (*storage.View, func())) {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", fmt.Sprintf("kelp-test-%d-", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	var s *storage.Store
	start := func() {
		if s, err = storage.Open(storage.Config{MemoryDir: dir, Budget: 256 << 20, Unmerged: true}); err != nil {
			t.Fatal(err)
		}
	}
	stop := func() {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	start()
	schema = query.Schema{}
	for name, typ := range map[string]storage.Type{
		storage.TimeColumn: storage.TypeTime, storage.SampleRateColumn: storage.TypeInt64, "service": storage.TypeString,
		"country": storage.TypeString, "status": storage.TypeInt64, "size": storage.TypeInt64,
	} {
		schema[name] = storage.TypeSet(0).With(typ)
	}
	for n := range blocks {
		b := storage.NewBatch()
		for row := range 8_192 {
			noise := uint64(n*8_192+row+1) * 0x9e3779b97f4a7c15
			// Names come and go, are longer and shorter than others in the same place.
			b.SetString(b.Slot([]byte("service")), fmt.Appendf(nil, "%.*s-%d", 1+n%20, "a-service-of-a-long-name", noise>>61))
			b.SetInt(b.Slot([]byte("status")), 200+int64(noise>>62)+int64(n%3))
			if noise>>40&3 > 0 {
				b.SetString(b.Slot([]byte("country")), fmt.Appendf(nil, "c%d", noise>>50&31))
			}
			if n < 12 && n%4 == 1 {
				b.SetInt(b.Slot([]byte(storage.SampleRateColumn)), int64(1+noise>>58&3))
			}
			b.SetInt(b.Slot([]byte("size")), int64(noise>>40))
			b.EndRow(baseTime + int64(row)*1e6)
		}
		if _, err := s.Append(context.Background(), storage.Append{Table: "t", Batch: b}); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	return schema, func() (*storage.View, func()) {
		start()
		table, _ := s.Table("t")
		view := table.Pin()
		return view, func() { view.Release(); stop() }
	}
}

// TestBriefLook: the first answer after a start, for which blocks are mostly not kept,
// is that of later ones.
func TestBriefLook(t *testing.T) {
	schema, open := briefTable(t, 24)
	pool := NewPool(2)
	defer pool.Close()
	table := &testTable{schema: schema}
	for _, sql := range []string{
		"SELECT service, count() FROM t GROUP BY service LIMIT ALL",
		"SELECT service, count() FROM t GROUP BY service LIMIT ALL RAW",
		"SELECT status, count() FROM t GROUP BY status LIMIT ALL",
		"SELECT country, count() FROM t GROUP BY country LIMIT ALL RAW",
		"SELECT country, service, status, count() FROM t GROUP BY country, service, status LIMIT ALL",
		"SELECT size, count() FROM t GROUP BY size ORDER BY size LIMIT 100",
		"SELECT count() FROM t",
		"SELECT service, count() FROM t WHERE status = 201 GROUP BY service LIMIT ALL",
	} {
		plan := table.plan(t, sql)
		view, done := open()
		var first []string
		for turn := range 3 {
			p, cover, err := pool.Run(context.Background(), plan, view.Blocks, Limits{})
			if err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
			if cover.Covered != 24*8_192 || len(cover.Skipped) > 0 {
				t.Errorf("%s: %+v", sql, cover)
			}
			lines := show(t, plan, p)
			slices.Sort(lines)
			if turn == 0 {
				first = lines
			}
			sameLines(t, fmt.Sprintf("%s, turn %d", sql, turn), lines, first)
		}
		done()
	}
}

// TestCountTakesLittle: what the first count by a column of few values makes for each
// block is bounded: its place in three lists, and nothing of the block itself.
func TestCountTakesLittle(t *testing.T) {
	const blocks, most = 74, 160
	schema, open := briefTable(t, blocks)
	plan := (&testTable{schema: schema}).plan(t, "SELECT country, count() FROM t GROUP BY country LIMIT ALL RAW")
	least := uint64(math.MaxUint64)
	for range 3 { // other goroutines take memory, too
		view, done := open()
		pool := NewPool(2)
		take := func(refs []*storage.Ref) uint64 {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if _, _, err := pool.Run(context.Background(), plan, refs, Limits{}); err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			return after.TotalAlloc - before.TotalAlloc
		}
		take(view.Blocks[:4]) // what the workers take at first
		few := take(view.Blocks[4:14])
		more := take(view.Blocks[14:])
		least = min(least, (max(more, few)-few)/(blocks-24))
		pool.Close()
		done()
	}
	if least > most {
		t.Errorf("a count takes %d bytes of heap for each block, want at most %d", least, most)
	} else {
		t.Logf("%d bytes for each block", least)
	}
}
