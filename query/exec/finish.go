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
	if r.sets != nil {
		r.joinSets(out, chains)
	} else if r.plan.Grouped {
		r.joinGroups(out, chains)
	} else if err := r.joinRows(out, chains); err != nil {
		return nil, Coverage{}, err
	}
	out.Stats = cover.stats
	out.Drawn, out.DrawnOf = cover.drawn, cover.drawnOf
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
	if !r.joinSpans(chains) {
		r.joinStates(chains)
	}
	into := &chains[0].state
	into.feeder.finish()
	out.Groups = into.grouper.size()
	noteGroups(out, into.feeder.states)
	shown := r.shown(into)
	if shown != nil {
		out.Groups = len(shown)
	}
	if into.grouper.span != nil {
		into.settle(shown)
		shown = nil
	} else if shown != nil {
		into.feeder.pick(shown)
	}
	out.States = into.feeder.states
	for k := range out.Keys {
		out.Keys[k] = into.grouper.keyColumn(k, shown)
	}
	into.grouper.index.release()
}

// noteGroups notes what there is to say of the groups of a partial and their states.
func noteGroups(out *query.Partial, states []query.State) {
	if out.Truncated != nil {
		out.Truncated.Kept = int64(out.Groups)
	}
	for i, s := range states {
		if exact, ok := s.(query.MayApproximate); ok && exact.Approx() {
			out.Approx = append(out.Approx, i)
		}
	}
}

// joinStates merges the groups of all chains by the values of their keys.
func (r *run) joinStates(chains []*chain) {
	for _, c := range chains {
		c.state.settle(nil)
	}
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
		from.release()
	}
}

// release gives back the memory of a state that has been merged into another.
func (st *chainState) release() {
	st.feeder.giveStates(st.feeder.states)
	st.grouper.index.release()
	*st = chainState{}
}

// shown returns the groups that will be shown, if nobody needs the others; nil: all.
func (r *run) shown(st *chainState) []uint32 {
	if !r.lim.Sole {
		return nil
	}
	var present bitmap
	if span := st.grouper.span; span != nil {
		present = span.present
	}
	shown, ok := query.ShownGroups(r.plan, st.grouper.index.groups, st.feeder.states, present)
	if !ok {
		return nil
	}
	return shown
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
	tuples := make([][]uint32, len(g.plans))
	for k := range tuples {
		tuples[k] = make([]uint32, len(to))
		for i := range to {
			tuples[k][i] = ids[k][from.index.tuple(i)[k]]
		}
	}
	if g.index.findAll(to, tuples) {
		panic("BUG: more groups than all chains together may have")
	}
	return to
}

// join adds the values of another table and returns the id of each of them here.
func (t *keyTable) join(from *keyTable) []uint32 {
	if t.isText() {
		return t.texts.join(&from.texts, t.grow)
	}
	ids := make([]uint32, len(from.ints.values))
	if f := &from.ints; len(f.direct) > 0 {
		t.ints.expect(f.low, f.low+int64(len(f.direct)-1), len(f.values), len(t.ints.values))
	}
	for i, v := range from.ints.values {
		if uint32(i+1) == from.ints.null {
			ids[i] = t.ints.nullID(t.grow)
		} else {
			ids[i] = t.idOfInt(v)
		}
	}
	return ids
}

// keyColumn returns the values of key k of some groups; nil: of all.
func (g *grouper) keyColumn(k int, groups []uint32) *query.Vec {
	t := &g.tables[k]
	ids := make([]uint32, g.index.groups)
	if groups != nil {
		ids = ids[:len(groups)]
		for i, group := range groups {
			ids[i] = g.index.tuple(int(group))[k]
		}
	} else {
		for i := range ids {
			ids[i] = g.index.tuple(i)[k]
		}
	}
	out := query.NewVec(t.typ)
	if t.typ == storage.TypeString {
		t.appendTexts(out, ids)
		return out
	}
	for _, id := range ids {
		out.Append(t.value(id))
	}
	return out
}

// appendTexts appends the texts of ids, cut from one piece of memory.
func (t *keyTable) appendTexts(out *query.Vec, ids []uint32) {
	var whole []byte
	ends := make([]int, len(ids))
	for i, id := range ids {
		if !t.isNull(id) {
			whole = t.texts.appendAt(whole, int(id))
		}
		ends[i] = len(whole)
	}
	all := string(whole)
	start := 0
	for i, end := range ends {
		if t.isNull(ids[i]) {
			out.Append(storage.Value{})
		} else {
			out.Append(storage.String(all[start:end]))
		}
		start = end
	}
}
