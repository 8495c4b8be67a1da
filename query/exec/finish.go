package exec

import (
	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// finish makes the partial of all chains.
func (r *run) finish(chains []*chain) (*query.Partial, Coverage, error) {
	out := query.NewPartial(r.plan)
	cover := &r.coverer
	var warned query.Warning
	for _, c := range chains {
		cover.join(&c.cover)
		warned |= c.view.warned
		for i := c.next; i < len(c.units); i++ {
			if !c.bad[i] {
				cover.skip("timeout", &c.units[i])
			}
		}
		out.Truncated = worse(out.Truncated, c.state.cut)
	}
	if r.plan.Grouped {
		r.joinGroups(out, chains)
	} else if err := r.joinRows(out, chains); err != nil {
		return nil, Coverage{}, err
	}
	out.Stats = cover.stats
	out.From, out.To, out.Newest, out.Later = cover.from, cover.to, cover.newest, cover.later
	out.Warnings = warned.Texts()
	return out, Coverage{Covered: cover.covered, Skipped: cover.skipped, Damaged: cover.damaged}, nil
}

func worse(a, b *query.Truncated) *query.Truncated {
	if a == nil || b != nil && b.By > a.By {
		return b
	}
	return a
}

// joinRows puts the rows of all chains together.
func (r *run) joinRows(out *query.Partial, chains []*chain) error {
	parts := make([]*query.Partial, len(chains))
	for i, c := range chains {
		parts[i] = c.state.rows.part
	}
	all, err := query.Merge(r.plan, parts)
	if err != nil {
		return err
	}
	out.Rows = all.Rows
	if out.Truncated != nil && len(out.Rows) > 0 {
		out.Truncated.Kept = int64(out.Rows[0].Len())
	}
	return nil
}

// joinGroups merges the groups of all chains into those of the first, in the
// order of the chains.
func (r *run) joinGroups(out *query.Partial, chains []*chain) {
	into := &chains[0].state
	into.grouper.index.limit = len(chains) * r.lim.Groups
	for i := range into.grouper.tables {
		into.grouper.tables[i].grow = true
	}
	for _, c := range chains[1:] {
		from := &c.state
		to := into.grouper.join(from.grouper)
		into.feeder.grow(into.grouper.index.groups)
		for i, s := range into.feeder.states {
			if r.feeds.aggs[i].same < 0 {
				s.Merge(from.feeder.states[i], to)
			}
		}
		c.state = chainState{}
	}
	groups := into.grouper.index.groups
	into.feeder.finish(groups)
	out.Groups, out.States = groups, into.feeder.states
	for k := range out.Keys {
		out.Keys[k] = into.grouper.keyColumn(k)
	}
	if out.Truncated != nil {
		out.Truncated.Kept = int64(groups)
	}
	for i, s := range out.States {
		if exact, ok := s.(query.MayApproximate); ok && exact.Approx() {
			out.Approx = append(out.Approx, i)
		}
	}
}

// join adds the groups of another chain and returns the group of each of them here.
func (g *grouper) join(from *grouper) []uint32 {
	to := make([]uint32, from.index.groups)
	if len(g.plans) == 0 {
		return to
	}
	ids := make([][]uint32, len(g.tables))
	for k := range g.tables {
		ids[k] = g.tables[k].join(&from.tables[k])
	}
	tuple := make([]uint32, len(g.plans))
	for i := range to {
		for k, id := range from.index.tuple(i) {
			tuple[k] = ids[k][id]
		}
		to[i] = g.index.find(tuple)
		if to[i] == noID {
			panic("BUG: more groups than all chains together may have")
		}
	}
	return to
}

// join adds the values of another table and returns the id of each of them here.
func (t *keyTable) join(from *keyTable) []uint32 {
	ids := make([]uint32, 1, 1+len(from.ints.values)+from.texts.len())
	ids[0] = nullKey
	for _, v := range from.ints.values {
		ids = append(ids, t.idOfInt(v))
	}
	var buf []byte
	for i := range from.texts.len() {
		buf = from.texts.appendAt(buf[:0], i)
		ids = append(ids, t.idOfText(buf))
	}
	return ids
}

// keyColumn returns the values of key k of all groups.
func (g *grouper) keyColumn(k int) *query.Vec {
	t := &g.tables[k]
	out := query.NewVec(t.typ)
	if t.typ == storage.TypeString {
		g.textColumn(out, k)
		return out
	}
	for i := range g.index.groups {
		out.Append(t.value(g.index.tuple(i)[k]))
	}
	return out
}

// textColumn appends the texts of key k of all groups, cut from one piece of memory.
func (g *grouper) textColumn(out *query.Vec, k int) {
	texts := &g.tables[k].texts
	var whole []byte
	ends := make([]int, g.index.groups)
	for i := range ends {
		if id := g.index.tuple(i)[k]; id != nullKey {
			whole = texts.appendAt(whole, int(id-1))
		}
		ends[i] = len(whole)
	}
	all := string(whole)
	start := 0
	for i, end := range ends {
		if g.index.tuple(i)[k] == nullKey {
			out.Append(storage.Value{})
		} else {
			out.Append(storage.String(all[start:end]))
		}
		start = end
	}
}
