package exec

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestPoolLanes: while jobs of earlier lanes wait, those of the later ones have a turn
// after laneTurns of them, and within a lane the first comes first.
func TestPoolLanes(t *testing.T) {
	var p Pool
	var queued [lanes][]*job
	for lane := range p.lanes {
		for range 3 * laneTurns * laneTurns {
			queued[lane] = append(queued[lane], new(job))
		}
		p.lanes[lane] = slices.Clone(queued[lane])
	}
	var had [lanes]int
	for turn := range 2 * (laneTurns + 1) * (laneTurns + 1) {
		j := p.next()
		lane := slices.IndexFunc(queued[:], func(jobs []*job) bool { return jobs[0] == j })
		if lane < 0 {
			t.Fatalf("turn %d is not that of the first job of a lane", turn)
		}
		queued[lane] = queued[lane][1:]
		had[lane]++
	}
	if want := [lanes]int{2 * laneTurns * (laneTurns + 1), 2 * laneTurns, 2}; had != want {
		t.Errorf("turns by lane: %v, want %v", had, want)
	}
}

// TestPoolShort: while every worker is in the middle of a long turn, a short query runs,
// and what it leaves over waits for them.
func TestPoolShort(t *testing.T) {
	const workers = 2
	pool := NewPool(workers)
	defer pool.Close()
	held, free := make(chan struct{}), make(chan struct{})
	hold := func(spent int64) *job {
		j := &job{step: func(*scratch, time.Time) bool { held <- struct{}{}; <-free; return false }, done: func() {}, spent: new(atomic.Int64)}
		j.spent.Store(spent)
		return j
	}
	for range workers {
		pool.mu.Lock()
		pool.jobs++
		pool.mu.Unlock()
		pool.again(hold(int64(shortMax)+1), 1)
	}
	for range workers {
		<-held
	}
	short, long := make(chan bool), make(chan bool)
	turns, spent := 0, new(atomic.Int64)
	pool.submit([]*job{{step: func(*scratch, time.Time) bool { return false }, done: func() { close(short) }, spent: new(atomic.Int64)}})
	<-short
	pool.submit([]*job{{spent: spent, done: func() { close(long) }, step: func(*scratch, time.Time) bool {
		turns++
		spent.Store(int64(shortMax) + 1)
		return turns < 2
	}}})
	close(free)
	<-long
}

// TestPoolShortAgain: a short query whose first turn a common worker has had wakes the
// worker of the first lane: the common one may find a long query due.
func TestPoolShortAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &Pool{jobs: 1}
		p.ready.L, p.early.L = &p.mu, &p.mu
		got := make(chan *job)
		go func() { got <- p.nextShort() }()
		synctest.Wait() // it sleeps
		j := new(job)
		p.again(j, 0)
		if <-got != j {
			t.Error("another job")
		}
	})
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
