package exec

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestPoolLanes: a query that has worked for long does not hold up short ones,
// and short ones do not starve it.
func TestPoolLanes(t *testing.T) {
	pool := NewPool(1)
	defer pool.Close()
	var order []string
	var mu sync.Mutex
	var wg sync.WaitGroup
	note := func(name string) {
		mu.Lock()
		order = append(order, name)
		mu.Unlock()
	}
	gate := make(chan struct{})
	jobs := []*job{{ // holds the worker until all is queued
		step:  func(*scratch, time.Time) bool { <-gate; return false },
		done:  func() {},
		spent: new(atomic.Int64),
	}}
	long := new(atomic.Int64)
	long.Store(int64(shortMax))
	turns := 3
	wg.Add(1)
	jobs = append(jobs, &job{
		step:  func(*scratch, time.Time) bool { note("long"); turns--; return turns > 0 },
		done:  wg.Done,
		spent: long,
	})
	for range 2 * shortTurns {
		wg.Add(1)
		jobs = append(jobs, &job{
			step:  func(*scratch, time.Time) bool { note("short"); return false },
			done:  wg.Done,
			spent: new(atomic.Int64),
		})
	}
	pool.submit(jobs)
	close(gate)
	wg.Wait()
	var at []int
	for i, name := range order {
		if name == "long" {
			at = append(at, i)
		}
	}
	// The first turn came as short; then one after at most shortTurns others.
	if len(at) != 3 || at[1]-at[0] > shortTurns+1 || at[1]-at[0] < shortTurns-2 || at[2] < 2*shortTurns {
		t.Errorf("turns of the long query at %v of %v", at, order)
	}
}

func TestPoolClose(t *testing.T) {
	table := plainTable(t, 3, 100)
	pool := NewPool(2)
	plan := table.plan(t, "SELECT count(n) FROM t")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			// Either it ran whole or not at all.
			p, _, err := pool.run(context.Background(), plan, table.units, Limits{})
			if err == nil && countOf(p) != 300 {
				t.Errorf("counted %d", countOf(p))
			}
		})
	}
	pool.Close()
	wg.Wait()
	if _, _, err := pool.run(context.Background(), plan, table.units, Limits{}); err == nil {
		t.Error("a closed pool ran a query")
	}
}

// TestSameBits: asked twice of the same blocks, sums are alike to the bit.
func TestSameBits(t *testing.T) {
	table := plainTable(t, 12, 1000)
	pool := NewPool(3)
	defer pool.Close()
	plan := table.plan(t, "SELECT service, sum(n / 3.7), avg(n * 1e-5), stddev(n) FROM t GROUP BY service LIMIT ALL")
	run := func() []string {
		p, _, err := pool.run(context.Background(), plan, table.units, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		var bits []string
		for i := range plan.Aggs {
			for g := range p.Groups {
				bits = append(bits, p.Keys[0].Value(g).Str+string(rune('a'+i))+hex(p.States[i].Value(g).Float))
			}
		}
		return bits
	}
	first := run()
	for range 10 {
		sameLines(t, "again", run(), first)
	}
}
