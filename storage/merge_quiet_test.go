package storage

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// testClock is a clock that a test moves.
type testClock struct{ ns atomic.Int64 }

func newTestClock() *testClock {
	c := new(testClock)
	c.ns.Store(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano())
	return c
}

func (c *testClock) now() time.Time          { return time.Unix(0, c.ns.Load()) }
func (c *testClock) advance(d time.Duration) { c.ns.Add(int64(d)) }

// settle runs the merges that are due by now in the test's own goroutine, and
// waits until the store's have nothing left.
func settle(t *testing.T, s *Store) {
	t.Helper()
	s.mergeStale()
	waitFor(t, "no table is due", func() bool {
		for loop := range mergeLoops {
			s.merges.mu.Lock()
			n := len(s.merges.due[loop].in)
			s.merges.mu.Unlock()
			if n > 0 {
				return false
			}
		}
		for _, tab := range s.Tables() {
			tab.mu.Lock()
			busy := tab.quietLocked(s.cfg.Now().UnixNano())
			tab.mu.Unlock()
			if busy {
				s.merges.put(mergeQuiet, tab)
				return false
			}
		}
		return true
	})
}

// TestMergeStale: a table of a few blocks where nothing happens any more ends with
// one, also when they came over an hour.
func TestMergeStale(t *testing.T) {
	for _, every := range []time.Duration{0, time.Minute, 2 * time.Minute} {
		t.Run(every.String(), func(t *testing.T) {
			clock := newTestClock()
			cfg := testConfig(t, testShm(t))
			cfg.Now = clock.now
			s := testOpen(t, cfg)
			const blocks = 30
			for i := range int64(blocks) {
				testAppend(t, s, Append{Table: "t", Batch: testBatch(i, 1, clock.now().UnixNano())})
				clock.advance(every)
				settle(t, s)
			}
			tab, _ := s.Table("t")
			if n := tab.Blocks(); every == 0 && n != blocks {
				t.Errorf("%d blocks at once: they are not old yet", n)
			}
			clock.advance(staleAfter + time.Second)
			settle(t, s)
			if n := tab.Blocks(); n > 4 {
				t.Errorf("%d blocks after %v", n, staleAfter)
			}
			clock.advance(restAfter)
			settle(t, s)
			if n := tab.Blocks(); n != 1 {
				t.Errorf("%d blocks at rest", n)
			}
			if n := len(readIDs(t, s, "t")); n != blocks {
				t.Errorf("%d rows, not %d", n, blocks)
			}
		})
	}
}

// TestMergeWrongClock: rows whose arrival is of a clock that is ahead are merged
// like others.
func TestMergeWrongClock(t *testing.T) {
	clock := newTestClock()
	cfg := testConfig(t, testShm(t))
	cfg.Now = clock.now
	s := testOpen(t, cfg)
	ahead := clock.now().Add(time.Hour).UnixNano()
	for i := range int64(30) {
		testAppend(t, s, Append{Table: "t", Batch: testBatch(i, 1, ahead), Arrival: ahead})
	}
	settle(t, s)
	if tab, _ := s.Table("t"); tab.Blocks() != 1 {
		t.Errorf("%d blocks", tab.Blocks())
	}
}

// TestQuietGrowth plays the rule for tables that get one small block after the
// other: few are left at any time, and a row is not rewritten often.
func TestQuietGrowth(t *testing.T) {
	for _, rows := range []int{1, 3, 12, 100} {
		var blocks []*Ref
		added, written, most := 0, 0, 0
		for added < 200_000 {
			blocks = append(blocks, &Ref{Meta: Meta{Rows: rows}})
			added += rows
			var small []*Ref
			for _, r := range blocks {
				if r.Meta.Rows < smallMergeRows {
					small = append(small, r)
				}
			}
			most = max(most, len(small))
			chosen := pickQuiet(small, false)
			if len(chosen) < 2 {
				continue
			}
			merged := &Ref{Meta: Meta{Rows: rowsOf(chosen)}}
			written += merged.Meta.Rows
			gone := map[*Ref]bool{}
			for _, r := range chosen {
				gone[r] = true
			}
			kept := []*Ref{}
			for _, r := range blocks {
				if !gone[r] {
					kept = append(kept, r)
				}
			}
			blocks = append(kept, merged)
		}
		if times := float64(written) / float64(added); times > 8 {
			t.Errorf("blocks of %d rows: each row is written %.1f times", rows, times)
		}
		if most > 21 {
			t.Errorf("blocks of %d rows: %d are left at a time", rows, most)
		}
		t.Logf("blocks of %d rows: at most %d small ones, each row is written %.1f times", rows, most, float64(written)/float64(added))
	}
}

// TestManyQuietTables: hundreds of tables get a row now and then while one gets very
// many, for an hour: no table has many blocks at any time, and none is forgotten.
func TestManyQuietTables(t *testing.T) {
	tables, minutes := 300, 60
	if underRace {
		tables = 100 // all of them without it
	}
	clock := newTestClock()
	cfg := testConfig(t, testShm(t))
	cfg.Now = clock.now
	s := testOpen(t, cfg)
	most, rows := 0, int64(0)
	for minute := range minutes {
		for range 6 {
			for i := range tables {
				if i%6 == minute%6 || i%3 == 0 {
					testAppend(t, s, Append{Table: fmt.Sprint("quiet", i), Batch: testBatch(rows, 1, clock.now().UnixNano())})
					rows++
				}
			}
			for range 40 {
				testAppend(t, s, Append{Table: "hot", Batch: testBatch(rows, 50, clock.now().UnixNano())})
				rows += 50
			}
			clock.advance(10 * time.Second)
		}
		settle(t, s)
		for _, tab := range s.Tables() {
			if tab.name != "hot" {
				most = max(most, tab.Blocks())
			}
		}
	}
	// Of one minute, and what is left of the hour before it.
	if most > 6+21 {
		t.Errorf("a quiet table has %d blocks", most)
	}
	clock.advance(restAfter + time.Minute)
	settle(t, s)
	total := int64(0)
	for _, tab := range s.Tables() {
		total += tab.Rows()
		if n := tab.Blocks(); tab.name != "hot" && n != 1 {
			t.Fatalf("table %s has %d blocks at rest", tab.name, n)
		}
	}
	if total != rows {
		t.Errorf("%d rows of %d", total, rows)
	}
	t.Logf("at most %d blocks of a quiet table", most)
}

// TestFreshEnough: the more tables, the fewer fresh blocks each may have.
func TestFreshEnough(t *testing.T) {
	clock := newTestClock()
	cfg := testConfig(t, testShm(t))
	cfg.Now = clock.now
	s := testOpen(t, cfg)
	const tables = 400
	enough := freshBlocksMax / tables
	for i := range int64(enough + 10) {
		for n := range tables {
			if n == 0 || i < 1 {
				testAppend(t, s, Append{Table: fmt.Sprint("t", n), Batch: testBatch(i, 1, clock.now().UnixNano())})
			}
		}
	}
	tab, _ := s.Table("t0")
	waitFor(t, "the fresh blocks are merged", func() bool { return tab.SmallBlocks() <= 12 })
}

// TestMergeClaims: blocks are in one merge at a time.
func TestMergeClaims(t *testing.T) {
	s := testOpen(t, testConfig(t, testShm(t)))
	for i := range int64(4) {
		testAppend(t, s, Append{Table: "t", Batch: testBatch(i, 1, 1), Arrival: 1})
	}
	tab, _ := s.Table("t")
	refs, _ := tab.candidates(levelFresh, classNear, 2, 100)
	if !tab.claim(refs) {
		t.Fatal("nobody has them")
	}
	if others, _ := tab.candidates(levelFresh, classNear, 9, 100); len(others) != 2 || others[0] == refs[0] {
		t.Errorf("%d other candidates", len(others))
	}
	if err := s.merge(tab, tab.refs[:4], mergeRuleOf(mergeFresh), classNear); err != errMergeMoot {
		t.Errorf("blocks of another merge: %v", err)
	}
	tab.unclaim(refs)
	if err := s.merge(tab, tab.refs[:4], mergeRuleOf(mergeFresh), classNear); err != nil || tab.Blocks() != 1 {
		t.Errorf("%v, %d blocks", err, tab.Blocks())
	}
}

// BenchmarkManyTables gives what a small append and the look for its promise cost
// by how many tables there are: it must not grow with them.
func BenchmarkManyTables(b *testing.B) {
	for _, tables := range []int{10, 1_000, 10_000} {
		b.Run(fmt.Sprint(tables), func(b *testing.B) {
			s := testOpen(b, testConfig(b, testShm(b)))
			names := make([]string, tables)
			now := time.Now().UnixNano()
			batch := testBatch(0, 1, now)
			one := func(i int) {
				if _, err := s.Append(context.Background(), Append{Table: names[i%tables], Batch: batch, Arrival: now}); err != nil {
					b.Fatal(err)
				}
			}
			for i := range names {
				names[i] = fmt.Sprint("table-", i)
				one(i)
			}
			since, _, _ := s.Changes(0)
			b.ReportAllocs()
			i := 0
			start := cpuTime(b)
			b.ResetTimer()
			for b.Loop() {
				one(i)
				i++
				upTo, changes, _ := s.Changes(since)
				if len(changes) == 0 {
					b.Fatal("no change")
				}
				since = upTo
			}
			b.ReportMetric(float64(cpuTime(b)-start)/float64(b.N), "cpu-ns/op")
		})
	}
}
