package exec

import (
	"sync"
	"time"

	"github.com/kelpdb/kelp/query"
)

// spares is memory of queries that are over, for the next ones: large states and
// arrays. Memory that comes new from the system costs a page fault for every 4 KiB,
// which is more than to fill it, and then the garbage collector's work. What is not
// taken for a while is let go.
type spares struct {
	mu     sync.Mutex
	states []query.Flat
	ids    [][]uint32
	bytes  int
	least  int         // groups or ids that are worth keeping memory for
	budget *budget     // of the queries, beside which this is held; nil: nobody counts
	idle   *time.Timer // nil: nothing has been given yet
	closed bool
}

const (
	// sparesMax is the most bytes that are kept between queries, for those of a few
	// hundred thousand groups, where those that run leave so much of their budget.
	sparesMax = 64 << 20

	// sparesIdle is after how long they are let go if no query gives any.
	sparesIdle = 10 * time.Second

	// spareMin is how many groups or ids are worth keeping memory for.
	spareMin = 16 << 10

	// spareShare is which part of the memory of a chain a spare state may be, so that
	// a query is not cut short for the memory of another one.
	spareShare = 8

	// spareRoom is how many times as much memory as is needed is taken at most, so
	// that what queries hold is about what they need.
	spareRoom = 4
)

// noSpares keeps nothing.
func noSpares() *spares { return &spares{closed: true} }

// state returns an empty state of an aggregate with room for groups, of some bytes
// at most; nil: make one.
func (p *spares) state(a *query.Agg, groups, bytesMax int) query.Flat {
	if groups < p.least {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	best := -1
	for i, s := range p.states {
		room := s.Room()
		fits := room >= groups && room <= groups*spareRoom && s.Bytes() <= bytesMax
		if fits && (best < 0 || room < p.states[best].Room()) && s.Renew(a) {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	s := p.states[best]
	p.bytes -= s.Bytes()
	p.states = remove(p.states, best)
	return s
}

// zeros returns n zeros.
func (p *spares) zeros(n int) []uint32 {
	s := p.room(n)
	if cap(s) < n {
		return make([]uint32, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// room returns an empty slice with room for n, if there is one.
func (p *spares) room(n int) []uint32 {
	if n < p.least {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	best := -1
	for i, s := range p.ids {
		if cap(s) >= n && cap(s) <= n*spareRoom && (best < 0 || cap(s) < cap(p.ids[best])) {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	s := p.ids[best]
	p.bytes -= 4 * cap(s)
	p.ids = remove(p.ids, best)
	return s[:0]
}

func remove[T any](list []T, at int) []T {
	last := len(list) - 1
	var none T
	list[at], list[last] = list[last], none
	return list[:last]
}

// giveState takes the memory of a state that nobody uses any more.
func (p *spares) giveState(s query.State) {
	if flat, ok := s.(query.Flat); ok && flat.Room() >= p.least {
		p.keep(flat.Bytes(), func() { p.states = append(p.states, flat) })
	}
}

// giveIDs takes an array that nobody uses any more.
func (p *spares) giveIDs(s []uint32) {
	if cap(s) >= p.least {
		p.keep(4*cap(s), func() { p.ids = append(p.ids, s) })
	}
}

// keep adds memory while there is not too much of it.
func (p *spares) keep(bytes int, add func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.bytes+bytes > p.max() {
		return
	}
	p.bytes += bytes
	add()
	if p.idle == nil {
		p.idle = time.AfterFunc(sparesIdle, p.drop)
	}
	p.idle.Reset(sparesIdle)
}

// max is how many bytes may be kept: what queries leave of their budget.
func (p *spares) max() int {
	if p.budget == nil {
		return sparesMax
	}
	return int(max(0, min(sparesMax, p.budget.max-p.budget.held.Load())))
}

// yield lets go of all memory if queries have need of it.
func (p *spares) yield() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bytes > p.max() {
		p.states, p.ids, p.bytes = nil, nil, 0
	}
}

// drop lets go of all memory.
func (p *spares) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.states, p.ids, p.bytes = nil, nil, 0
}

// close lets go of all memory for good.
func (p *spares) close() {
	p.mu.Lock()
	p.closed = true
	if p.idle != nil {
		p.idle.Stop()
	}
	p.mu.Unlock()
	p.drop()
}
