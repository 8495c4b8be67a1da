package leaf

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// reasonFull is the reason for which rows of a tail are left out unread, reasonNew that
// for which a round has none: the leaf does not know the tail, as it has started since,
// or the tail has not asked for tailLease.
const (
	reasonFull = "budget"
	reasonNew  = "restarting"
)

// tails is those who follow tables here.
type tails struct {
	mu   sync.Mutex
	byID map[string]*tail
}

// tail is one who follows a table.
type tail struct {
	turn  chan struct{} // of capacity 1: held by the call that uses the fields below
	watch *storage.Watch
	round uint64
	fresh bool // the round has nothing: it is the first here
	refs  []*storage.Ref
	unfit uint64 // rows of the round for which there was no room

	calls int       // under way, guarded by tails.mu
	used  time.Time // the last of them, guarded by tails.mu
}

// enter finds a tail, or begins it, and waits until no other call uses it.
func (l *Leaf) enter(ctx context.Context, table string, id query.Tail) (*tail, error) {
	l.sweepTails()
	now := l.cfg.Now()
	l.tails.mu.Lock()
	t := l.tails.byID[id.ID]
	if t == nil {
		if len(l.tails.byID) >= tailsMax {
			l.tails.mu.Unlock()
			return nil, &wire.Error{Code: wire.CodeFull, Message: "too many follow tables here at once"}
		}
		if l.tails.byID == nil {
			l.tails.byID = make(map[string]*tail)
		}
		t = &tail{turn: make(chan struct{}, 1), watch: l.cfg.Store.Watch(table), round: id.Round, fresh: true}
		l.tails.byID[id.ID] = t
	}
	t.calls++
	t.used = now
	l.tails.mu.Unlock()
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done():
		l.leaveTail(t)
		return nil, ctx.Err()
	}
	if t.round != id.Round {
		t.refs, t.unfit = t.watch.Next()
		t.round, t.fresh = id.Round, false
	}
	return t, nil
}

// exit ends the use of a tail.
func (l *Leaf) exit(t *tail) {
	<-t.turn
	l.leaveTail(t)
}

func (l *Leaf) leaveTail(t *tail) {
	l.tails.mu.Lock()
	defer l.tails.mu.Unlock()
	t.calls--
	t.used = l.cfg.Now()
}

// sweepTails ends those who have not asked for long: they hold memory.
func (l *Leaf) sweepTails() {
	cut := l.cfg.Now().Add(-tailLease)
	var gone []*tail
	l.tails.mu.Lock()
	for id, t := range l.tails.byID {
		if t.calls == 0 && t.used.Before(cut) {
			gone = append(gone, t)
			delete(l.tails.byID, id)
		}
	}
	l.tails.mu.Unlock()
	for _, t := range gone {
		t.watch.Close()
	}
}

// runTail answers over the rows that are new to a tail.
func (l *Leaf) runTail(ctx context.Context, q *query.Query, plan *query.Plan, report query.LeafReport) (*query.Partial, error) {
	t, err := l.enter(ctx, plan.Table, q.Tail)
	if err != nil {
		return nil, err
	}
	defer l.exit(t)
	p, err := l.runOver(ctx, q, plan, t.refs, &report)
	if err != nil {
		return nil, err
	}
	if t.unfit > 0 {
		report.Skipped = append(report.Skipped, query.Skipped{Reason: reasonFull,
			Hist: []storage.TimeCount{{From: math.MinInt64, Rows: t.unfit}}})
	}
	if t.fresh && t.round > 1 {
		report.Reason = reasonNew
	}
	_, known := l.cfg.Store.Table(plan.Table)
	report.Unknown = !known && len(t.refs) == 0
	p.Leaves = append(p.Leaves, report)
	return p, nil
}
