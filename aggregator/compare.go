package aggregator

import (
	"context"
	"fmt"
	"time"

	"github.com/kelpdb/kelp/query"
)

// Compare is what stands behind the range that COMPARE moves back.
type Compare struct {
	From, To     int64 // ns: the range
	Completeness Completeness
}

// ran is a query that was run: bound, and merged.
type ran struct {
	query   *query.Query
	plan    *query.Plan
	partial *query.Partial
	earlier *ran // over the range that COMPARE moves back; nil: none
}

// runOne runs a query over its own range.
func (a *Aggregator) runOne(ctx context.Context, q *query.Query) (*ran, error) {
	plan, err := q.Plan()
	if err != nil {
		return nil, err
	}
	if plan.Sample != nil {
		q.InRange = a.book.rowsIn(plan.Table, plan.Range)
	}
	p, err := a.Run(ctx, q)
	return &ran{query: q, plan: plan, partial: p}, err
}

// runCompared runs a query, and with COMPARE beside it the same over the range
// moved back. What fails first ends both.
func (a *Aggregator) runCompared(ctx context.Context, q *query.Query) (*ran, error) {
	plan, err := q.Plan()
	if err != nil {
		return nil, err
	}
	if plan.Compare == nil {
		return a.runOne(ctx, q)
	}
	q.Sole = false // a group may be shown for what it was in the other range
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type outcome struct {
		ran     *ran
		err     error
		earlier bool
	}
	outcomes := make(chan outcome, 2)
	for _, each := range []*query.Query{q, q.Earlier()} {
		go func() {
			o := outcome{earlier: each.IsEarlier}
			defer func() {
				if p := recover(); p != nil { // a bug ends the query, not the process
					o.err = fmt.Errorf("BUG: %v", p)
				}
				outcomes <- o
			}()
			o.ran, o.err = a.runOne(ctx, each)
		}()
	}
	var present, past *ran
	var failed error
	for range cap(outcomes) {
		o := <-outcomes
		if o.err != nil && failed == nil {
			failed = o.err
			cancel()
		}
		if o.earlier {
			past = o.ran
		} else {
			present = o.ran
		}
	}
	if failed != nil {
		return nil, failed
	}
	present.earlier = past
	return present, nil
}

// compared weighs the run over the range moved back, and adds what it cost.
func (a *Aggregator) compared(past *ran, cost *query.Stats) *Compare {
	c := &Compare{Completeness: a.weighPartial(past.plan, past.partial)}
	c.From, c.To = rangeRead(past.plan, past.partial)
	s := past.partial.Stats
	cost.RowsScanned += s.RowsScanned
	cost.RowsMatched += s.RowsMatched
	cost.BlocksScanned += s.BlocksScanned
	cost.BlocksPruned += s.BlocksPruned
	cost.BytesScanned += s.BytesScanned
	return c
}

func formatTime(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339) }
