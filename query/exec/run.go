package exec

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// Limits is what one query may take. The zero value takes the defaults.
type Limits struct {
	Groups int   // groups of each worker
	Bytes  int64 // memory for groups, states and rows
	Sole   bool  // groups that will not be shown may be left out, see query.Query

	// InRange is how many rows there are in the range on all leaves, for SAMPLE; 0: unknown.
	InRange uint64

	Progress *query.Progress // is told of every block; nil: nobody watches
}

// Coverage says what of the blocks stands behind a Partial.
type Coverage struct {
	Covered uint64          // rows in range, unweighted, of the blocks that were read
	Skipped []query.Skipped // what was not read, by reason: damaged, loading, timeout
	Damaged []*storage.Ref  // blocks that turned out to be damaged
}

// StaleSchemaError says that blocks store columns in types the plan does not
// know: bind again with them.
type StaleSchemaError struct {
	Columns query.Schema // the types met
}

func (e *StaleSchemaError) Error() string {
	return fmt.Sprintf("the plan lacks types of %d columns; bind the query again", len(e.Columns))
}

// A unit is one block to read.
type unit struct {
	ref  *storage.Ref // nil in tests, which have open
	meta *storage.Meta
	open func() (*storage.Block, error)
}

// block opens the block; with room it may be good only until the next one is opened.
func (u *unit) block(room *storage.BlockRoom) (*storage.Block, error) {
	switch {
	case u.ref == nil:
		return u.open()
	case room != nil:
		return u.ref.OpenBriefly(room)
	}
	return u.ref.Open()
}

// A run is one query over the blocks of one view.
type run struct {
	ctx    context.Context
	plan   *query.Plan
	lim    Limits
	budget *budget
	spares *spares
	span   atomic.Pointer[spanGroups] // what the first chain has chosen, without its groups
	units  []unit
	filter *filter
	keys   []keyPlan
	sets   [][]keyPlan // of a plan of grouping sets; nil: keys are the only one
	// groupBytes is what the states of a group of such a plan take that has no rows yet,
	// flat ones twice.
	groupBytes int
	feeds      *feedPlan
	// unnests: rows go to the groups of all items of a list.
	unnests bool
	// brief: of a block that is in range whole little is wanted, see storage.Ref.
	brief bool
	rows  *rowPlan
	share float64 // of the rows that SAMPLE takes for groups; 0: no sample

	over    atomic.Bool // the deadline has passed, or another chain failed
	spent   atomic.Int64
	mu      sync.Mutex
	failed  error        // guarded by mu
	stale   query.Schema // guarded by mu
	coverer coverer      // guarded by mu
}

// Run answers plan over the blocks of a pinned view. When ctx's deadline passes
// it returns what is done by then, and the rest as skipped; when ctx is
// cancelled, ctx's error. Nothing of the result points into the blocks. It is
// safe for concurrent use.
func (p *Pool) Run(ctx context.Context, plan *query.Plan, blocks []*storage.Ref, lim Limits) (*query.Partial, Coverage, error) {
	return p.run(ctx, plan, unitsOf(blocks), lim)
}

func unitsOf(blocks []*storage.Ref) []unit {
	units := make([]unit, len(blocks))
	for i, ref := range blocks {
		units[i] = unit{ref: ref, meta: &ref.Meta}
	}
	return units
}

func (p *Pool) run(ctx context.Context, plan *query.Plan, units []unit, lim Limits) (out *query.Partial, cover Coverage, err error) {
	defer asBug(&err)
	if lim.Groups <= 0 {
		lim.Groups = groupsMaxDefault
	}
	if lim.Bytes <= 0 {
		lim.Bytes = bytesMaxDefault
	}
	r := &run{ctx: ctx, plan: plan, lim: lim, budget: &p.budget, spares: &p.spares, filter: compileFilter(plan.Filter, true)}
	r.coverer.init(plan)
	if plan.Grouped && plan.Sample != nil {
		r.share = plan.Sample.Share(lim.InRange)
	}
	if plan.Grouped {
		r.compileGroupings()
		r.feeds = compileFeeds(plan)
		r.unnests = plan.Unnested() != nil
		r.brief = r.wantsLittle()
	} else {
		r.rows = compileRows(plan)
	}
	r.choose(units)
	lim.Progress.Chosen(len(r.units))
	chains := make([]*chain, min(p.workers, max(1, len(r.units))))
	for i := range chains {
		chains[i] = r.newChain(i, len(chains))
	}
	defer p.budget.release(chains)
	if len(r.units) > 0 {
		if err := r.work(p, chains); err != nil {
			return nil, Coverage{}, err
		}
	}
	return r.finish(chains)
}

// wantsLittle tells whether the answer mostly lies in the heads of blocks: counts of
// all rows by columns as they are. What of a block is kept beyond its turn then are
// copies of values.
func (r *run) wantsLittle() bool {
	if r.filter != nil || r.sets != nil || r.unnests || r.share > 0 || !r.feeds.countsOnly {
		return false
	}
	for i := range r.keys {
		if !r.keys[i].plain || r.keys[i].TimeBucket {
			return false
		}
	}
	return true
}

// choose keeps the blocks that touch the range, the newest first: if time runs
// out, the oldest are missing.
func (r *run) choose(units []unit) {
	touches := func(m *storage.Meta) bool {
		return m.Rows > 0 && m.MinTime < r.plan.Range.To && m.MaxTime >= r.plan.Range.From
	}
	chosen := 0
	for i := range units {
		r.coverer.see(units[i].meta)
		if touches(units[i].meta) {
			chosen++
		}
	}
	r.units = make([]unit, 0, chosen)
	for i := range units {
		if touches(units[i].meta) {
			r.units = append(r.units, units[i])
		}
	}
	r.coverer.stats.BlocksPruned = uint64(len(units) - len(r.units))
	slices.SortStableFunc(r.units, func(a, b unit) int {
		switch {
		case a.meta.MaxTime > b.meta.MaxTime:
			return -1
		case a.meta.MaxTime < b.meta.MaxTime:
			return 1
		}
		return 0
	})
}

// work runs the chains on the pool and waits for them.
func (r *run) work(p *Pool, chains []*chain) error {
	stop := context.AfterFunc(r.ctx, func() { r.over.Store(true) })
	defer stop()
	var wg sync.WaitGroup
	wg.Add(len(chains))
	jobs := make([]*job, len(chains))
	for i, c := range chains {
		jobs[i] = &job{step: c.step, done: wg.Done, spent: &r.spent}
	}
	if !p.submit(jobs) {
		return ErrClosed
	}
	wg.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	switch err := r.ctx.Err(); {
	case r.failed != nil:
		return r.failed
	case err != nil && !errors.Is(err, context.DeadlineExceeded):
		return err
	case len(r.stale) > 0:
		return &StaleSchemaError{Columns: r.stale}
	}
	return nil
}

// fail ends the query with an error.
func (r *run) fail(err error) {
	r.mu.Lock()
	if r.failed == nil {
		r.failed = err
	}
	r.mu.Unlock()
	r.over.Store(true)
}

// BugError is a panic of our own that ended one query and nothing else.
type BugError struct {
	Panic any
	Stack []byte // for the log
}

func (e *BugError) Error() string {
	return fmt.Sprintf("the query met a bug in kelp (%v); please report it with the query", e.Panic)
}

// asBug makes an error of a panic. It is deferred.
func asBug(err *error) {
	if p := recover(); p != nil {
		*err = &BugError{Panic: p, Stack: debug.Stack()}
	}
}
