package exec

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Pool is the workers of a process. All leaves and queries share it, so that
// many queries take turns instead of fighting for the processors. A query's work so
// far says in which lane its jobs wait; one worker more than there are processors takes
// the first lane alone, so that a short query does not wait for a turn to end: a turn
// lasts a block at least, which can be tens of milliseconds.
type Pool struct {
	workers int
	budget  budget // of the memory of all queries
	spares  spares // memory for the next query
	wg      sync.WaitGroup

	mu     sync.Mutex
	ready  sync.Cond // there is a job, or the pool is closed
	early  sync.Cond // the same of the first lane
	lanes  [lanes][]*job
	turns  [lanes]int // in a row, while a later lane waited
	jobs   int        // that are not done
	closed bool
}

// A job is work of one query that one worker at a time does, slice by slice.
type job struct {
	// step works until the time is up and tells whether there is more to do.
	step func(s *scratch, until time.Time) (more bool)
	// done is called after the last step.
	done func()
	// spent is the work of the whole query so far, in nanoseconds.
	spent *atomic.Int64
}

// NewPool starts workers goroutines, and one for the first lane; Close stops them.
func NewPool(workers int) *Pool {
	p := &Pool{workers: max(1, workers), budget: budget{max: processBytesMax}, spares: spares{least: spareMin}}
	p.spares.budget = &p.budget
	p.ready.L, p.early.L = &p.mu, &p.mu
	for range p.workers {
		p.wg.Go(func() { p.work(p.next) })
	}
	p.wg.Go(func() { p.work(p.nextShort) })
	return p
}

// Close waits until the queries that run have ended, then ends the workers.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.wake()
	p.wg.Wait()
	p.spares.close()
}

// ErrClosed is returned by Run after Close.
var ErrClosed = errors.New("cannot run the query: the process is shutting down")

// submit queues jobs; false if the pool is closed.
func (p *Pool) submit(jobs []*job) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.jobs += len(jobs)
	p.lanes[0] = append(p.lanes[0], jobs...)
	for range jobs {
		p.ready.Signal()
	}
	p.early.Signal()
	return true
}

// work does the jobs that next gives.
func (p *Pool) work(next func() *job) {
	s := new(scratch)
	for j := next(); j != nil; j = next() {
		start := time.Now()
		more := j.step(s, start.Add(sliceMax))
		spent := j.spent.Add(int64(time.Since(start)))
		if more {
			p.again(j, laneOf(time.Duration(spent)))
		} else {
			s.trim()
			p.finished(j)
		}
	}
}

// laneOf is the lane of a query that has worked so long.
func laneOf(spent time.Duration) int {
	switch {
	case spent <= shortMax:
		return 0
	case spent <= middleMax:
		return 1
	}
	return 2
}

// next returns the job whose turn it is, nil if the pool is closed and all jobs are done.
func (p *Pool) next() *job {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if lane := p.due(); lane >= 0 {
			return p.pop(lane)
		}
		if p.closed && p.jobs == 0 {
			return nil
		}
		p.ready.Wait()
	}
}

// due is the lane whose turn it is, -1 if none has jobs: the first of those with jobs,
// unless it has had its turns while a later one waited.
func (p *Pool) due() int {
	due := -1
	for lane := range p.lanes {
		switch {
		case len(p.lanes[lane]) == 0:
		case due < 0:
			due = lane
		case p.turns[due] < laneTurns:
			p.turns[due]++
			return due
		default:
			p.turns[due] = 0
			due = lane
		}
	}
	return due
}

// nextShort returns the next job of the first lane, nil if the pool is closed and all
// jobs are done.
func (p *Pool) nextShort() *job {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.lanes[0]) == 0 {
		if p.closed && p.jobs == 0 {
			return nil
		}
		p.early.Wait()
	}
	return p.pop(0)
}

func (p *Pool) pop(lane int) *job {
	j := p.lanes[lane][0]
	p.lanes[lane][0] = nil
	p.lanes[lane] = p.lanes[lane][1:]
	return j
}

// finished notes that a job is done. The last one of a closed pool ends the workers.
func (p *Pool) finished(j *job) {
	j.done()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.jobs--
	if p.closed && p.jobs == 0 {
		p.wake()
	}
}

// wake lets all workers look again.
func (p *Pool) wake() {
	p.ready.Broadcast()
	p.early.Broadcast()
}

// again queues a job that is not done behind the others of its lane.
func (p *Pool) again(j *job, lane int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lanes[lane] = append(p.lanes[lane], j)
	// Mostly the worker is free itself. But the one of the first lane takes no other,
	// and the others may find a later lane due.
	p.ready.Signal()
	if lane == 0 {
		p.early.Signal()
	}
}
