package exec

import (
	"context"
	"fmt"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// A meter runs a plan over some of its blocks, one after another, and takes the
// time of each part: what finds the rows, what gives them to groups, what decodes
// and computes the values, and what the aggregates do with them. Nothing of it
// becomes an answer.
type meter struct {
	now    func() time.Time
	parts  []string // in the order in which they are run
	spent  map[string]time.Duration
	blocks int
	rows   int // that were looked at, in the range or not
}

func newMeter(now func() time.Time) *meter {
	return &meter{now: now, spent: make(map[string]time.Duration)}
}

// lap adds the time since at to a part, and returns the time now.
func (m *meter) lap(part string, at time.Time) time.Time {
	now := m.now()
	if _, known := m.spent[part]; !known {
		m.parts = append(m.parts, part)
	}
	m.spent[part] += now.Sub(at)
	return now
}

// measure runs a plan over a few of the blocks that are left of a choice, from all
// over it, until measureTime is spent. Blocks that cannot be read are passed over.
func (m *meter) measure(plan *query.Plan, units []unit) {
	r := &run{
		ctx: context.Background(), plan: plan, filter: compileFilter(plan.Filter, true),
		lim: Limits{Groups: groupsMaxDefault, Bytes: bytesMaxDefault}, budget: &budget{max: bytesMaxDefault}, spares: noSpares(),
	}
	if plan.Grouped {
		r.keys, r.feeds = compileKeys(firstKeys(plan)), compileFeeds(plan)
	} else {
		r.rows = compileRows(plan)
	}
	r.coverer.init(plan)
	c := r.newChain(0, 1)
	s := new(scratch)
	step := max(1, (len(units)+measureBlocksMax-1)/measureBlocksMax)
	begin := m.now()
	for i := 0; i < len(units) && m.now().Sub(begin) < measureTime; i += step {
		// A block that cannot be read is counted by the description.
		_ = storage.Guard(func() error { return m.block(c, s, &units[i]) })
	}
}

// firstKeys is the keys of a plan, with the first item in the place of UNNEST.
func firstKeys(plan *query.Plan) []query.Key {
	if plan.Unnested() == nil {
		return plan.Keys
	}
	keys, _ := plan.ItemKeys(1)
	return keys
}

func (m *meter) block(c *chain, s *scratch, u *unit) error {
	b, err := u.block(nil)
	if err != nil {
		return err
	}
	v := c.view
	v.open(s, b)
	if c.stale(v) {
		return nil
	}
	at := m.now()
	sel := bitmap(v.u64.take(words(v.rows)))
	sel.setAll(v.rows)
	if u.meta.MinTime < c.r.plan.Range.From || u.meta.MaxTime >= c.r.plan.Range.To {
		if sel, err = c.cutByTime(v, &blockCover{}); err != nil {
			return err
		}
	}
	verdict, err := c.r.filter.decide(v)
	if err == nil && verdict == someRows {
		err = c.r.filter.restrict(v, sel)
	}
	if err != nil {
		return err
	}
	if verdict == noRows {
		return nil // pruned: no part of the rows that there are to read
	}
	m.blocks, m.rows = m.blocks+1, m.rows+v.rows
	at = m.lap("rows", at)
	n := sel.count()
	if n == 0 {
		return nil
	}
	if c.state.rows != nil {
		err = c.state.rows.add(v, sel, new(bool))
		m.lap("values", at)
		return err
	}
	st := &c.state
	selected, err := st.grouper.assign(v, sel, n, st.feeder.plan.countsOnly)
	if err != nil {
		return err
	}
	at = m.lap("groups", at)
	feeds, err := st.feeder.prepare(v, selected)
	if err != nil {
		return err
	}
	at = m.lap("values", at)
	st.feeder.grow(st.grouper.index.groups)
	st.feeder.feed(feeds)
	m.lap("aggregates", at)
	return nil
}

// lines says of each part what was measured, and what that makes for all rows.
func (m *meter) lines(rows uint64) []string {
	lines := []string{}
	var all time.Duration
	for _, part := range m.parts {
		all += m.spent[part]
		lines = append(lines, m.line(part, m.spent[part], rows))
	}
	if len(lines) > 0 {
		lines = append(lines, m.line("all", all, rows))
	}
	return lines
}

func (m *meter) line(part string, spent time.Duration, rows uint64) string {
	ms := float64(spent.Nanoseconds()) / 1e6
	return fmt.Sprintf("%s: %.3f ms measured over %d rows in %d blocks, %.2f ms of one core if all %d are read", part, ms, m.rows, m.blocks,
		ms*float64(rows)/float64(m.rows), rows)
}
