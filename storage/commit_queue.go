package storage

import (
	"context"
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
	waiting []*appendRequest
	rows    int
	bytes   int
	space   chan struct{} // closed and replaced when requests are taken
	scratch *Batch        // the committer's: rows of several requests together
}

type appendRequest struct {
	a      *Append
	result AppendResult
	err    error
	done   chan struct{} // closed by the committer
}

func (q *queues) init() {
	q.wake = make(chan struct{}, 1)
	q.byTable = map[string]*tableQueue{}
}

// submit waits for its turn, hands the request to the committer and waits for
// the edit. Once the committer has it, the context no longer counts: the batch is
// being read, and the edit comes soon.
func (q *queues) submit(ctx context.Context, a *Append) (AppendResult, error) {
	req := &appendRequest{a: a, done: make(chan struct{})}
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
	}
	return req.result, req.err
}

// offer queues a request, or returns a channel to wait on for space.
func (q *queues) offer(req *appendRequest) (space <-chan struct{}) {
	rows, bytes := req.a.Batch.Rows(), req.a.Batch.Bytes()
	q.mu.Lock()
	defer q.mu.Unlock()
	t := q.byTable[req.a.Table]
	if t == nil {
		t = &tableQueue{name: req.a.Table, space: make(chan struct{})}
		q.byTable[req.a.Table] = t
	}
	if len(t.waiting) > 0 && (t.rows+rows > queueRowsMax || t.bytes+bytes > queueBytesMax) {
		return t.space
	}
	if len(t.waiting) == 0 {
		q.ready = append(q.ready, t)
	}
	t.waiting = append(t.waiting, req)
	t.rows += rows
	t.bytes += bytes
	return nil
}

// withdraw takes a request back, unless the committer has it.
func (q *queues) withdraw(req *appendRequest) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	t := q.byTable[req.a.Table]
	if t == nil {
		return false
	}
	for i, w := range t.waiting {
		if w == req {
			t.waiting = append(t.waiting[:i:i], t.waiting[i+1:]...)
			t.rows -= req.a.Batch.Rows()
			t.bytes -= req.a.Batch.Bytes()
			return true
		}
	}
	return false
}

// take returns the requests for the next block; nil if none wait.
func (q *queues) take() (t *tableQueue, taken []*appendRequest) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.ready) > 0 && len(taken) == 0 {
		t = q.ready[0]
		q.ready = q.ready[1:]
		rows, bytes := 0, 0
		for _, req := range t.waiting {
			r, b := req.a.Batch.Rows(), req.a.Batch.Bytes()
			if len(taken) > 0 && (rows+r > smallRowsMax || bytes+b > smallBytesMax) {
				break
			}
			rows, bytes = rows+r, bytes+b
			taken = append(taken, req)
		}
		t.waiting = t.waiting[len(taken):]
		t.rows -= rows
		t.bytes -= bytes
		if len(t.waiting) > 0 {
			q.ready = append(q.ready, t)
		}
		close(t.space)
		t.space = make(chan struct{})
	}
	return t, taken
}

// idle forgets the queue of a table for which nothing waits, with its scratch.
func (q *queues) idle(name string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t := q.byTable[name]; t != nil && len(t.waiting) == 0 {
		delete(q.byTable, name)
	}
}

// commitSmall is the committer: it runs until the store closes, which is after
// the last request has returned.
func (s *Store) commitSmall() {
	defer s.running.Done()
	for {
		t, taken := s.queues.take()
		if len(taken) == 0 {
			select {
			case <-s.queues.wake:
			case <-s.closing:
				return
			}
			continue
		}
		s.commitGroup(t, taken)
		for _, req := range taken {
			close(req.done)
		}
	}
}

// commitGroup makes one block of the requests, or a few where clocks are far
// off, and one edit. If the rows do not go together, each request is tried alone.
func (s *Store) commitGroup(t *tableQueue, group []*appendRequest) {
	refs, err := s.encodeGroup(t, group)
	var seq uint64
	if err == nil {
		of := make([]*Append, len(group))
		for i, req := range group {
			of[i] = req.a
		}
		seq, err = s.commitRows(t.name, refs, of)
	}
	if err != nil {
		s.discard(refs)
		if len(group) > 1 {
			for i := range group {
				s.commitGroup(t, group[i:i+1])
			}
			return
		}
	}
	for _, req := range group {
		req.result, req.err = AppendResult{Receipt: req.a.Receipt, Seq: seq}, err
		if err != nil {
			req.result = AppendResult{}
		}
	}
}

func (s *Store) encodeGroup(t *tableQueue, group []*appendRequest) (refs []*Ref, err error) {
	for _, part := range t.parts(group) {
		level := levelFresh
		if part.batch.Rows() >= smallRowsMax {
			level = levelMid
		}
		r, err := s.encodeBlock(t.name, part, level, Cheap)
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
