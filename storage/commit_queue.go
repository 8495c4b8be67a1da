package storage

import (
	"context"
	"errors"
	"maps"
	"runtime"
	"slices"
	"sync"
)

// queues hold the small requests that wait for the committer, by table. The
// committer takes all that wait for a table, up to smallRowsMax rows, as one
// block and one edit: the busier it is, the larger the blocks get. There is no
// timer, so a lone request does not wait.
type queues struct {
	wake chan struct{} // of capacity 1, to the committer

	mu      sync.Mutex
	byTable map[string]*tableQueue
	ready   []*tableQueue // with requests, first come first served
}

type tableQueue struct {
	name    string
	queued  bool // it is among the ready
	waiting []*appendRequest
	rows    int
	bytes   int
	space   chan struct{} // closed when requests are taken; nil while nobody waits
	scratch *Batch        // the committer's: rows of several requests together; see scratches
	kept    int           // bytes of the scratch, while it is among the scratches
}

type appendRequest struct {
	a      *Append
	bytes  int          // of its rows
	group  *appendGroup // once the committer has it; guarded by the queue's mutex
	result AppendResult
	err    error
	done   chan struct{} // of capacity 1: gets a value from the committer
}

// appendRequests keeps requests from call to call. It holds nothing that can be
// observed.
var appendRequests = sync.Pool{New: func() any { return &appendRequest{done: make(chan struct{}, 1)} }}

// appendGroup is requests of a table that the committer took together. Its
// context ends when the last of their callers has given up: until then somebody
// waits for the rows.
type appendGroup struct {
	table    *tableQueue
	requests []*appendRequest
	waiting  int // callers that have not given up; guarded by the queue's mutex
	ctx      context.Context
	cancel   context.CancelFunc
}

func (q *queues) init() {
	q.wake = make(chan struct{}, 1)
	q.byTable = map[string]*tableQueue{}
}

// submit waits for its turn, hands the request to the committer and waits for
// the edit. Once the committer has it, the batch is being read, so the call stays
// until it is through; but when all callers of a group have given up, the
// committer does not wait for memory on their behalf.
func (q *queues) submit(ctx context.Context, a *Append) (AppendResult, error) {
	req := appendRequests.Get().(*appendRequest)
	req.a, req.bytes = a, a.Batch.Bytes()
	defer func() { // neither queue nor committer knows it any more
		req.a, req.group, req.result, req.err = nil, nil, AppendResult{}, nil
		appendRequests.Put(req)
	}()
	for {
		space := q.offer(req)
		if space == nil {
			break
		}
		select {
		case <-space:
		case <-ctx.Done():
			return AppendResult{}, ctx.Err()
		}
	}
	signal(q.wake)
	select {
	case <-req.done:
	case <-ctx.Done():
		if q.withdraw(req) {
			return AppendResult{}, ctx.Err()
		}
		<-req.done
		if errors.Is(req.err, context.Canceled) {
			return AppendResult{}, ctx.Err()
		}
	}
	return req.result, req.err
}

// offer queues a request, or returns a channel to wait on for space.
func (q *queues) offer(req *appendRequest) (space <-chan struct{}) {
	rows, bytes := req.a.Batch.Rows(), req.bytes
	q.mu.Lock()
	defer q.mu.Unlock()
	t := q.byTable[req.a.Table]
	if t == nil {
		t = &tableQueue{name: req.a.Table}
		q.byTable[req.a.Table] = t
	}
	if len(t.waiting) > 0 && (t.rows+rows > queueRowsMax || t.bytes+bytes > queueBytesMax) {
		if t.space == nil {
			t.space = make(chan struct{})
		}
		return t.space
	}
	if !t.queued {
		t.queued = true
		q.ready = append(q.ready, t)
	}
	t.waiting = append(t.waiting, req)
	t.rows += rows
	t.bytes += bytes
	return nil
}

// withdraw takes a request back. If the committer has it, it notes that its
// caller has given up.
func (q *queues) withdraw(req *appendRequest) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if g := req.group; g != nil {
		if g.waiting--; g.waiting == 0 {
			g.cancel()
		}
		return false
	}
	t := q.byTable[req.a.Table]
	if t == nil {
		return false
	}
	for i, w := range t.waiting {
		if w == req {
			t.waiting = append(t.waiting[:i:i], t.waiting[i+1:]...)
			t.rows -= req.a.Batch.Rows()
			t.bytes -= req.bytes
			return true
		}
	}
	return false
}

// take returns the requests for the next block; nil if none wait.
func (q *queues) take() *appendGroup {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.ready) > 0 {
		t := q.ready[0]
		q.ready = q.ready[1:]
		taken := t.takeLocked()
		if t.queued = len(t.waiting) > 0; t.queued {
			q.ready = append(q.ready, t)
		}
		if len(taken) == 0 {
			continue // all were withdrawn
		}
		g := &appendGroup{table: t, requests: taken, waiting: len(taken)}
		g.ctx, g.cancel = context.WithCancel(context.Background())
		for _, req := range taken {
			req.group = g
		}
		return g
	}
	return nil
}

// takeLocked takes what fits into one block off the queue, at least one request
// if there is any.
func (t *tableQueue) takeLocked() (taken []*appendRequest) {
	n, rows, bytes := 0, 0, 0
	for _, req := range t.waiting {
		r, b := req.a.Batch.Rows(), req.bytes
		if n > 0 && (rows+r > smallRowsMax || bytes+b > smallBytesMax) {
			break
		}
		n, rows, bytes = n+1, rows+r, bytes+b
	}
	taken = slices.Clone(t.waiting[:n])
	t.waiting = slices.Delete(t.waiting, 0, n)
	t.rows -= rows
	t.bytes -= bytes
	if t.space != nil {
		close(t.space)
		t.space = nil
	}
	return taken
}

// forget drops the queues of tables for which nothing waits, with their scratch,
// where idle says so: tables that got no rows lately, or were never made.
func (q *queues) forget(idle func(table string) bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	maps.DeleteFunc(q.byTable, func(name string, t *tableQueue) bool {
		return len(t.waiting) == 0 && !t.queued && idle(name)
	})
}

// commitSmall is the committer: it runs until the store closes, which is after
// the last request has returned.
func (s *Store) commitSmall() {
	defer s.running.Done()
	var kept scratches
	for {
		// Whoever is about to ask goes first: then one block and one edit do for
		// all. Where nobody is, this costs nothing.
		runtime.Gosched()
		g := s.queues.take()
		if g == nil {
			select {
			case <-s.queues.wake:
			case <-s.closing:
				return
			}
			continue
		}
		s.commitGroup(g, g.requests)
		g.cancel()
		if len(g.requests) > 1 {
			kept.keep(g.table)
		}
		for _, req := range g.requests {
			req.done <- struct{}{}
		}
	}
}

// commitGroup makes one block of the requests, or a few where clocks are far
// off, and one edit. If the rows do not go together, each request is tried alone.
func (s *Store) commitGroup(g *appendGroup, requests []*appendRequest) {
	refs, err := s.encodeGroup(g, requests)
	var seq uint64
	if err == nil {
		of := make([]*Append, len(requests))
		for i, req := range requests {
			of[i] = req.a
		}
		seq, err = s.commitRows(g.ctx, g.table.name, refs, of)
	}
	if err != nil {
		s.discard(refs)
		if len(requests) > 1 && !endsGroup(err) {
			for i := range requests {
				s.commitGroup(g, requests[i:i+1])
			}
			return
		}
	}
	for _, req := range requests {
		req.result, req.err = AppendResult{Receipt: req.a.Receipt, Seq: seq}, err
		if err != nil {
			req.result = AppendResult{}
		}
	}
}

// endsGroup tells whether an error is that of every request of a group: what one
// waited for in vain, the next would wait for as long.
func endsGroup(err error) bool {
	var full *FullError
	return errors.As(err, &full) || errors.Is(err, context.Canceled) || errors.Is(err, ErrClosed)
}

func (s *Store) encodeGroup(g *appendGroup, requests []*appendRequest) (refs []*Ref, err error) {
	for _, part := range g.table.parts(requests) {
		level := levelFresh
		if part.batch.Rows() >= smallRowsMax {
			level = levelMid
		}
		r, err := s.encodeBlock(g.ctx, g.table.name, part, level, Cheap)
		if err != nil {
			return refs, err
		}
		refs = append(refs, r)
	}
	return refs, nil
}

// parts returns the rows of a group as batches that become one block each.
func (t *tableQueue) parts(group []*appendRequest) (parts []batchPart) {
	if len(group) == 1 {
		return cutBatch(group[0].a.Batch, group[0].a.Arrival)
	}
	if t.scratch == nil || len(t.scratch.slots) > scratchSlotsMax {
		t.scratch = NewBatch()
	}
	t.scratch.Reset()
	near := batchPart{batch: t.scratch}
	for _, req := range group {
		if class, one := classOf(req.a.Batch.Times(), req.a.Arrival); one && class == classNear {
			near.batch.appendBatch(req.a.Batch)
			near.arrival = max(near.arrival, req.a.Arrival)
		} else {
			parts = append(parts, cutBatch(req.a.Batch, req.a.Arrival)...)
		}
	}
	if near.batch.Rows() > 0 {
		parts = append(parts, cutColumns(near)...)
	}
	return parts
}

// scratches is the queues that have a batch for the rows of several requests, the
// longest unused first. Each keeps the columns of its table ready, and together
// they are bounded. They belong to the committer.
type scratches struct {
	tables []*tableQueue
	bytes  int
}

// keep notes that a queue may have used its scratch, and lets go of the others'
// until all take scratchBytesMax at most.
func (k *scratches) keep(t *tableQueue) {
	if t.scratch == nil {
		return
	}
	if n := len(k.tables); n == 0 || k.tables[n-1] != t {
		k.tables = slices.DeleteFunc(k.tables, func(o *tableQueue) bool { return o == t })
		k.tables = append(k.tables, t)
	}
	k.bytes -= t.kept
	t.kept = t.scratch.Capacity()
	k.bytes += t.kept
	for k.bytes > scratchBytesMax && len(k.tables) > 1 {
		first := k.tables[0]
		k.bytes -= first.kept
		first.scratch, first.kept = nil, 0
		k.tables = slices.Delete(k.tables, 0, 1)
	}
}
