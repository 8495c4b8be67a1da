package aggregator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/wire"
)

// Reasons for which a leaf is missing from an answer.
const (
	reasonTimeout     = "timeout"
	reasonDown        = "down"
	reasonRestarting  = "restarting"
	reasonLoading     = "loading"
	reasonDamaged     = "damaged"
	reasonLost        = "lost"
	reasonUnsupported = "unsupported"
	reasonPending     = "pending" // it has not answered yet: of answers that are not the last
)

// reply is what came of asking one leaf.
type reply struct {
	seat    seat
	word    word // as heard before it was asked
	partial *query.Partial
	err     error
}

// Run asks every leaf that may hold rows and merges what comes back in time.
// A leaf that does not answer is in the Partial's Leaves with its reason and
// with what it had promised for the range. Calls that are late end on their own
// once ctx has ended; nothing waits for them.
func (a *Aggregator) Run(ctx context.Context, q *query.Query) (*query.Partial, error) {
	plan, err := q.Plan()
	if err != nil {
		return nil, err
	}
	seats := a.seats()
	if len(seats) == 0 {
		return nil, errNoLeaf
	}
	askCtx, cancel := leafContext(ctx)
	defer cancel()
	replies := make(chan reply, len(seats)) // every sender finds room, so none leaks
	waiting := make(map[string]seat)
	parts := a.ask(askCtx, q, plan, seats, func(s seat, call func() reply) {
		waiting[s.name] = s
		go func() { replies <- call() }()
	})
	q.Progress.Asked(len(waiting))
	for len(waiting) > 0 {
		select {
		case r := <-replies:
			delete(waiting, r.seat.name)
			q.Progress.Answered()
			if r.partial != nil && !r.seat.local {
				q.Progress.Remote(r.partial.Stats)
			}
			p, err := a.heed(plan, r)
			if err != nil {
				return nil, err
			}
			parts = append(parts, p)
			if q.Refined != nil && len(waiting) > 0 {
				q.Refined(func() (*query.Partial, error) { return a.soFar(plan, parts, waiting) })
			}
		case <-askCtx.Done():
			for _, s := range drain(replies, waiting, func(r reply) {
				if p, err := a.heed(plan, r); err == nil {
					parts = append(parts, p)
				}
			}) {
				parts = append(parts, a.absent(plan, s, reasonTimeout))
			}
			clear(waiting)
		}
	}
	if ctx.Err() == context.Canceled {
		return nil, ctx.Err()
	}
	return query.Merge(plan, parts)
}

// soFar is the partial of the leaves that have answered; of the others it has what
// they promised.
func (a *Aggregator) soFar(plan *query.Plan, parts []*query.Partial, waiting map[string]seat) (*query.Partial, error) {
	parts = slices.Clone(parts)
	for _, s := range waiting {
		parts = append(parts, a.absent(plan, s, reasonPending))
	}
	return query.Merge(plan, parts)
}

// ask starts a call to each leaf that may hold rows, and returns the parts of
// those that need not or can not be asked: they have no groups.
func (a *Aggregator) ask(ctx context.Context, q *query.Query, plan *query.Plan, seats []seat, start func(seat, func() reply)) (parts []*query.Partial) {
	suspended := a.book.suspended()
	var calls []func()
	for _, s := range seats {
		switch {
		case suspended[s.name]:
			// Its keys have moved on: a batch may be here and there. What it had
			// stays expected until it is forgotten.
			parts = append(parts, a.absent(plan, s, reasonDown))
		case s.leaf == nil || s.state == StateDown:
			parts = append(parts, a.absent(plan, s, reasonOf(s)))
		case s.lease && !s.local && q.Tail.ID == "" && a.owesNothing(s.name, plan):
			parts = append(parts, a.skippedLeaf(plan, s))
		default:
			heard := a.book.word(s.name)
			calls = append(calls, func() {
				start(s, func() (r reply) {
					r = reply{seat: s, word: heard}
					defer func() {
						if p := recover(); p != nil { // a fault of one leaf is not the process's end
							r.partial, r.err = nil, fmt.Errorf("BUG: %v", p)
						}
					}()
					r.partial, r.err = s.leaf.Run(ctx, q)
					return r
				})
			})
		}
	}
	if len(calls) != 1 && q.Sole {
		q.Sole = false
	}
	for _, call := range calls {
		call()
	}
	return parts
}

// drain takes the replies that are there already and returns the seats that
// have not replied.
func drain(replies chan reply, waiting map[string]seat, take func(reply)) map[string]seat {
	for {
		select {
		case r := <-replies:
			delete(waiting, r.seat.name)
			take(r)
		default:
			return waiting
		}
	}
}

// leafContext hands the deadline down, less the time merging takes.
func leafContext(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	left := time.Until(deadline)
	return context.WithDeadline(ctx, deadline.Add(-min(max(left/mergeShare, mergeTimeMin), mergeTimeMax)))
}

// heed turns one leaf's reply into a Partial. Only an error that condemns the
// query as a whole comes back as one.
func (a *Aggregator) heed(plan *query.Plan, r reply) (*query.Partial, error) {
	odd := false
	if r.err == nil {
		r.err = checkReply(plan, r)
		odd = r.err != nil && !errors.Is(r.err, errBehind)
	}
	if r.err == nil {
		a.addLost(plan, r)
		return r.partial, nil
	}
	var coded *wire.Error
	if errors.As(r.err, &coded) && coded.Code == wire.CodeStaleSchema {
		return nil, &staleError{leaf: r.seat.name, err: coded}
	}
	reason := reasonOf(r.seat)
	var bad *query.Error
	switch {
	case errors.As(r.err, &bad):
		reason = reasonUnsupported // it was bound here: the leaf is of another version
	case errors.Is(r.err, context.DeadlineExceeded), errors.Is(r.err, context.Canceled):
		reason = reasonTimeout
	case errors.Is(r.err, errBehind):
		reason = reasonRestarting
	case odd, coded == nil:
		reason = reasonUnsupported // it answered, but not this plan
	case coded.Code == wire.CodeLoading:
		reason = reasonLoading
	case coded.Code == wire.CodeClosing:
		reason = reasonRestarting
	case coded.Code == wire.CodeBad:
		reason = reasonUnsupported
	}
	a.cfg.Log.Warn("a leaf did not answer", "leaf", r.seat.name, "reason", reason, "error", r.err)
	return a.absent(plan, r.seat, reason), nil
}

// checkReply refuses a Partial that is not the leaf's answer to this plan.
func checkReply(plan *query.Plan, r reply) error {
	if err := query.CheckPartial(plan, r.partial); err != nil {
		return err
	}
	if len(r.partial.Leaves) != 1 || r.partial.Leaves[0].Leaf != r.seat.name {
		return fmt.Errorf("leaf %s answers in the name of %d others", r.seat.name, len(r.partial.Leaves))
	}
	report := &r.partial.Leaves[0]
	if r.word.ahead(report.Epoch, report.Seq) {
		return errBehind
	}
	return nil
}

// errBehind says that a leaf came back with another memory or with less than it
// had promised, and has not said yet what it has: its answer cannot be weighed.
var errBehind = errors.New("the leaf is behind what it promised")

// staleError says that a leaf has a type the plan does not know of.
type staleError struct {
	leaf string
	err  error
}

func (e *staleError) Error() string { return fmt.Sprintf("leaf %s: %v", e.leaf, e.err) }

// reasonOf says why a leaf is not even asked.
func reasonOf(s seat) string {
	if s.state == StateRestarting || s.state == StateJoining || s.state == StateDraining {
		return reasonRestarting
	}
	return reasonDown
}

// absent is the Partial of a leaf that can not be read: nothing but its promise.
func (a *Aggregator) absent(plan *query.Plan, s seat, reason string) *query.Partial {
	p := query.NewPartial(plan)
	now := a.cfg.Now().UnixNano()
	hist := a.book.promised(s.name, plan.Table, plan.Range, now)
	report := query.LeafReport{Leaf: s.name, Reason: reason}
	if len(hist) > 0 {
		report.Skipped = append(report.Skipped, query.Skipped{Reason: reason, Hist: hist})
	}
	if lost := a.book.lost(s.name, plan.Table, plan.Range, now); len(lost) > 0 {
		report.Skipped = append(report.Skipped, query.Skipped{Reason: reasonLost, Hist: lost})
	}
	p.Newest, p.Horizon = a.book.edges(s.name, plan.Table)
	p.Leaves = []query.LeafReport{report}
	return p
}

// owesNothing tells whether a leaf has promised that it has no row in the range.
func (a *Aggregator) owesNothing(leaf string, plan *query.Plan) bool {
	return len(a.book.promised(leaf, plan.Table, plan.Range, a.cfg.Now().UnixNano())) == 0 && a.book.hasTable(leaf, plan.Table)
}

// skippedLeaf is the Partial of a leaf that need not be asked.
func (a *Aggregator) skippedLeaf(plan *query.Plan, s seat) *query.Partial {
	p := query.NewPartial(plan)
	report := query.LeafReport{Leaf: s.name}
	if lost := a.book.lost(s.name, plan.Table, plan.Range, a.cfg.Now().UnixNano()); len(lost) > 0 {
		report.Skipped = []query.Skipped{{Reason: reasonLost, Hist: lost}}
	}
	p.Leaves = []query.LeafReport{report}
	p.Newest, p.Horizon = a.book.edges(s.name, plan.Table)
	return p
}

// addLost adds to a leaf's report what it came back without.
func (a *Aggregator) addLost(plan *query.Plan, r reply) {
	report := &r.partial.Leaves[0]
	if lost := a.book.lost(report.Leaf, plan.Table, plan.Range, a.cfg.Now().UnixNano()); len(lost) > 0 {
		report.Skipped = append(report.Skipped, query.Skipped{Reason: reasonLost, Hist: lost})
	}
}
