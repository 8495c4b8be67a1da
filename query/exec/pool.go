package exec

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Pool is the workers of a process. All leaves and queries share it, so that
// many queries take turns instead of fighting for the processors.
type Pool struct {
	workers int
	budget  budget // of the memory of all queries
	spares  spares // memory for the next query
	wg      sync.WaitGroup

	mu     sync.Mutex
	ready  sync.Cond
	lanes  [2][]*job // short, rest
	streak int       // turns of the first lane in a row
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

// NewPool starts workers goroutines; Close stops them.
func NewPool(workers int) *Pool {
	p := &Pool{workers: max(1, workers), budget: budget{max: processBytesMax}, spares: spares{least: spareMin}}
	p.ready.L = &p.mu
	p.wg.Add(p.workers)
	for range p.workers {
		go p.work()
	}
	return p
}

// Close waits until the queries that run have ended, then ends the workers.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.ready.Broadcast()
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
	p.lanes[0] = append(p.lanes[0], jobs...)
	for range jobs {
		p.ready.Signal()
	}
	return true
}

func (p *Pool) work() {
	defer p.wg.Done()
	s := new(scratch)
	for j := p.next(); j != nil; j = p.next() {
		start := time.Now()
		more := j.step(s, start.Add(sliceMax))
		spent := j.spent.Add(int64(time.Since(start)))
		if more {
			p.again(j, spent > int64(shortMax))
		} else {
			s.trim()
			j.done()
		}
	}
}

// next returns the job whose turn it is, nil if the pool is closed and empty.
func (p *Pool) next() *job {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		short, rest := len(p.lanes[0]) > 0, len(p.lanes[1]) > 0
		switch {
		case short && (!rest || p.streak < shortTurns):
			p.streak++
			return p.pop(0)
		case rest:
			p.streak = 0
			return p.pop(1)
		case p.closed:
			return nil
		}
		p.ready.Wait()
	}
}

func (p *Pool) pop(lane int) *job {
	j := p.lanes[lane][0]
	p.lanes[lane][0] = nil
	p.lanes[lane] = p.lanes[lane][1:]
	return j
}

// again queues a job that is not done behind the others of its lane.
func (p *Pool) again(j *job, long bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	lane := 0
	if long {
		lane = 1
	}
	p.lanes[lane] = append(p.lanes[lane], j)
	// A worker is free: this one. Others that wait have found nothing to do.
}
