package exec

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// A chain is the blocks that one state is made of, always the same ones in the
// same order: so sums of floats come out alike, to the bit, however the workers
// take turns.
type chain struct {
	r     *run
	of    int // chains of the query
	units []unit
	rows  int // of all units
	next  int
	bad   []bool // units that turned out to be damaged

	view    *blockView
	state   chainState
	cover   coverer
	dirty   bool       // the present block has begun to change the state
	blocked bool       // no new groups
	held    int64      // bytes of the state, as the budget knows them
	weighed int        // blocks since the memory was looked at
	weighAt int        // groups at which to look again
	items   []itemPlan // of a plan that unnests a list, by position
}

// chainState is what a chain gathers: all that is thrown away if it has to
// start again.
type chainState struct {
	grouping             // the first set of a plan of several
	more     []*grouping // its other sets
	rows     *rowCollector
	cut      *query.Truncated
}

// A grouping is the groups of one set of keys, and their aggregates.
type grouping struct {
	grouper *grouper
	feeder  *feeder
	fed     int // groups that the feeder has states of
}

func (c *chain) newGrouping(keys []keyPlan) grouping {
	r := c.r
	g := grouping{grouper: newGrouper(keys, r.lim.Groups, r.spares), feeder: newFeeder(r.feeds, r.spares, c.share())}
	g.fed = g.grouper.index.groups
	g.feeder.grow(g.fed)
	return g
}

// groupings returns all sets.
func (st *chainState) groupings() []*grouping {
	return append([]*grouping{&st.grouping}, st.more...)
}

func (r *run) newChain(number, of int) *chain {
	c := &chain{r: r, of: of}
	c.units = make([]unit, 0, (len(r.units)+of-1)/of)
	for i := number; i < len(r.units); i += of {
		c.units = append(c.units, r.units[i])
		c.rows += r.units[i].meta.Rows
	}
	c.bad = make([]bool, len(c.units))
	c.view = newBlockView(r.plan.Columns, r.over.Load)
	c.restart()
	return c
}

// restart forgets all that the chain has gathered.
func (c *chain) restart() {
	c.state, c.next, c.dirty, c.blocked = chainState{}, 0, false, false
	c.weighed, c.weighAt = 0, 0
	c.r.budget.release([]*chain{c})
	c.cover = coverer{}
	c.cover.init(c.r.plan)
	if c.r.plan.Grouped {
		c.state.grouping = c.newGrouping(c.r.keys)
		for i := 1; i < len(c.r.sets); i++ {
			more := c.newGrouping(c.r.sets[i])
			c.state.more = append(c.state.more, &more)
		}
	} else {
		c.state.rows = newRowCollector(c.r.rows)
	}
}

// step reads blocks until the time is up. A bug of ours ends the query, not the
// worker.
func (c *chain) step(s *scratch, until time.Time) (more bool) {
	var bug error
	defer func() {
		if bug != nil {
			c.r.fail(bug)
			more = false
		}
	}()
	defer asBug(&bug)
	for c.next < len(c.units) {
		if c.r.over.Load() || c.r.ctx.Err() != nil {
			return false
		}
		if !c.bad[c.next] {
			if !c.read(s) {
				continue // from the start again, or over
			}
		}
		c.next++
		if time.Now().After(until) {
			return c.next < len(c.units)
		}
	}
	return false
}

// read reads the next block; false if the chain has to look again where it is.
func (c *chain) read(s *scratch) bool {
	u := &c.units[c.next]
	c.dirty = false
	err := c.guarded(s, u)
	c.view.block = nil
	if err == nil {
		return true
	}
	return c.failed(u, err)
}

// failed deals with a block that was not read to its end; false if the chain has
// to look again where it is.
func (c *chain) failed(u *unit, err error) bool {
	switch {
	case errors.Is(err, errExpired):
		if c.dirty {
			panic("BUG: a block was given up after it had changed the state")
		}
		for _, g := range c.state.groupings() {
			if g.grown() {
				g.grouper.index.cut(g.fed)
			}
		}
		c.r.over.Store(true)
		return false
	case !c.damage(u, err):
		c.r.fail(err)
		return false
	}
	c.bad[c.next] = true
	if c.dirty || slices.ContainsFunc(c.state.groupings(), (*grouping).grown) {
		// Part of the block is in the sums or groups: only a new start gets it out.
		c.restart()
		return false
	}
	return true
}

// grown tells whether the present block has made groups that have no state yet.
func (g *grouping) grown() bool {
	return g.grouper != nil && g.grouper.index.groups > g.fed
}

// guarded reads a block so that neither lost memory nor a bug takes the process down.
func (c *chain) guarded(s *scratch, u *unit) (err error) {
	defer asBug(&err)
	return storage.Guard(func() error { return c.block(s, u) })
}

// damage tells whether an error is the block's own, and notes it.
func (c *chain) damage(u *unit, err error) bool {
	var damaged *storage.DamageError
	var fault *storage.FaultError
	reason := "damaged"
	switch {
	case errors.Is(err, storage.ErrLoading):
		reason = "loading"
	case errors.As(err, &damaged), errors.As(err, &fault):
		if u.ref != nil {
			u.ref.SetDamaged(err)
		}
	case errors.Is(err, errOpen):
	default:
		return false
	}
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	c.r.coverer.skip(reason, u)
	return true
}

// errOpen marks errors of opening a block.
var errOpen = errors.New("cannot open the block")

// block reads one block into the chain's state.
func (c *chain) block(s *scratch, u *unit) error {
	cut := u.meta.MinTime < c.r.plan.Range.From || u.meta.MaxTime >= c.r.plan.Range.To
	var room *storage.BlockRoom
	if c.r.brief && !cut {
		room = &s.room
	}
	b, err := u.block(room)
	if err != nil {
		return fmt.Errorf("%w: %w", errOpen, err)
	}
	v := c.view
	v.open(s, b)
	if c.stale(v) {
		return nil
	}
	at := &blockCover{rows: v.rows, in: v.rows, from: u.meta.MinTime, to: u.meta.MaxTime}
	var sel bitmap
	if cut {
		if sel, err = c.cutByTime(v, at); err != nil {
			return err
		}
	}
	if c.r.share > 0 {
		sel = c.sample(v, sel, at)
	}
	verdict := noRows
	if at.read() > 0 && !(c.state.rows != nil && c.state.rows.skips(at.to)) {
		if verdict, err = c.r.filter.decide(v); err != nil {
			return err
		}
	}
	at.pruned = verdict == noRows
	if !at.pruned {
		if err = c.filtered(v, sel, at, verdict); err != nil {
			return err
		}
	}
	at.bytes = v.bytes
	c.cover.add(at)
	scanned := at.read()
	if at.pruned {
		scanned = 0
	}
	c.r.lim.Progress.Block(scanned, at.bytes)
	return nil
}

// filtered takes the rows of a block that pass the filter into the state.
func (c *chain) filtered(v *blockView, sel bitmap, at *blockCover, verdict verdict) error {
	if sel == nil {
		sel = bitmap(v.u64.take(words(v.rows)))
		sel.setAll(v.rows)
	}
	at.matched = at.read()
	if verdict != allRows {
		if err := c.r.filter.restrict(v, sel); err != nil {
			return err
		}
		at.matched = sel.count()
	}
	if at.matched == 0 {
		return nil
	}
	if c.state.rows != nil {
		return c.collect(v, sel)
	}
	return c.group(v, sel, at.matched)
}

// collect takes the selected rows as they are.
func (c *chain) collect(v *blockView, sel bitmap) error {
	rows := c.state.rows
	if c.blocked {
		return nil
	}
	if err := rows.add(v, sel, &c.dirty); err != nil {
		return err
	}
	c.hold(int64(rows.bytes()))
	return nil
}

// share is the memory that one chain may take.
func (c *chain) share() int64 { return c.r.lim.Bytes / int64(c.of) }

// group takes the selected rows into groups and their aggregates.
func (c *chain) group(v *blockView, sel bitmap, n int) error {
	switch {
	case c.r.unnests:
		return c.unnest(v, sel)
	case c.r.sets != nil:
		return c.groupSets(v, sel, n)
	}
	return c.groupRows(v, sel, n)
}

// groupRows gives each selected row its one group.
func (c *chain) groupRows(v *blockView, sel bitmap, n int) error {
	st := &c.state
	s, err := c.assignSpan(v, sel, n)
	if s == nil && err == nil {
		s, err = st.grouper.assign(v, sel, n, st.feeder.plan.countsOnly)
	}
	if err != nil {
		return err
	}
	feeds, err := st.feeder.prepare(v, s)
	if err != nil {
		return err
	}
	if v.expired() {
		return errExpired
	}
	c.dirty = true
	c.noteCut(s)
	st.fed = st.grouper.index.groups
	st.feeder.grow(st.fed)
	if s.span {
		st.grouper.span.mark(s.groups)
	}
	st.feeder.feed(feeds)
	c.weigh()
	return nil
}

// noteCut notes that rows of groups that were not taken are left out.
func (c *chain) noteCut(s *selection) {
	if s.cut && c.state.cut == nil {
		c.state.cut = &query.Truncated{By: "groups", Limit: int64(c.r.lim.Groups)}
	}
}

// weigh looks how much memory the groups hold, after every block while they are
// few, then each time they have become more by a part.
func (c *chain) weigh() {
	groups := 0
	for _, g := range c.state.groupings() {
		groups += g.grouper.index.groups
	}
	if c.weighed++; c.blocked || groups > weighGroups && groups < c.weighAt && c.weighed < weighBlocks {
		return
	}
	c.weighed, c.weighAt = 0, groups+groups/8
	c.weighNow()
}

// weighNow has the budget know what the groups hold, and takes no more of them if that
// is too much.
func (c *chain) weighNow() {
	bytes := 0
	for _, g := range c.state.groupings() {
		bytes += g.grouper.bytes() + g.feeder.bytes()
		if c.r.sets != nil {
			bytes += c.r.bytesOfSet(g)
		}
	}
	if c.hold(int64(bytes)); c.blocked {
		c.state.settle(nil)
		for _, g := range c.state.groupings() {
			g.grouper.stop()
		}
	}
}

// stale tells whether the block stores a type that the plan does not know, and
// notes which.
func (c *chain) stale(v *blockView) bool {
	found := false
	note := func(name string, t storage.Type) {
		found = true
		c.r.mu.Lock()
		defer c.r.mu.Unlock()
		if c.r.stale == nil {
			c.r.stale = query.Schema{}
		}
		c.r.stale[name] = c.r.stale[name].With(t)
	}
	for i, ref := range c.r.plan.Columns {
		for _, s := range v.column(i) {
			if !ref.Types.Has(s.Type()) {
				note(ref.Name, s.Type())
			}
		}
	}
	if c.r.feeds != nil && c.r.feeds.weighs && !c.r.plan.Raw && !c.r.plan.Weighted {
		for _, s := range v.block.Find(storage.SampleRateColumn) {
			note(storage.SampleRateColumn, s.Type())
		}
	}
	return found
}
