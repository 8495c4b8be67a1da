package exec

import (
	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// Grouping sets: the rows of a block are found, decoded, hashed and weighed once, and
// then given to the groups of each set in turn.

// compileGroupings works the keys out, of each set if there are several.
func (r *run) compileGroupings() {
	if r.plan.Sets == nil {
		r.keys = compileKeys(r.plan.Keys)
		return
	}
	all := compileKeys(r.plan.Keys)
	r.sets = make([][]keyPlan, len(r.plan.Sets))
	for i, set := range r.plan.Sets {
		r.sets[i] = make([]keyPlan, len(set))
		for k, at := range set {
			r.sets[i][k] = all[at]
		}
	}
	if len(r.sets) > 0 {
		r.keys = r.sets[0]
	}
	const some = 64
	for i := range r.plan.Aggs {
		s := query.NewState(&r.plan.Aggs[i])
		s.Grow(some)
		r.groupBytes += s.Bytes() / some
		if _, flat := s.(query.Flat); flat {
			r.groupBytes += s.Bytes() / some
		}
	}
}

// bytesOfSet is the memory that the groups of a set will take beside what they hold: the
// states that those of the present block have yet to get (twice if flat), the keys of all sets, which
// each group has in the partial, and the copy that is made of flat states there.
func (r *run) bytesOfSet(g *grouping) int {
	groups := g.grouper.index.groups
	n := (groups-g.fed)*r.groupBytes + groups*len(r.plan.Keys)*keyCellBytes
	for _, s := range g.feeder.states {
		if _, flat := s.(query.Flat); flat {
			n += s.Bytes()
		}
	}
	return n
}

// groupSets takes the selected rows into a group of each set.
func (c *chain) groupSets(v *blockView, sel bitmap, n int) error {
	sets := c.state.groupings()
	selections := make([]*selection, len(sets))
	feeds := make([]*blockFeed, len(sets))
	var rows []uint16
	first := -1 // what the others are derived from
	grown := 0  // groups since the memory was looked at
	for i, g := range sets {
		bits := bitmap(v.u64.take(len(sel)))
		copy(bits, sel)
		s := v.selection(bits, n)
		s.list = rows
		s, err := g.grouper.assignTo(s, g.feeder.plan.countsOnly)
		if err != nil {
			return err
		}
		if grown += g.grouper.index.groups - g.fed; grown > weighGroups && !c.blocked {
			c.weighNow() // each set may find as many groups as the block has rows
			grown = 0
		}
		selections[i] = s
		if s.cut || s.header {
			// Other rows, or no rows at all: nothing to share.
			if feeds[i], err = g.feeder.prepare(v, s); err != nil {
				return err
			}
			continue
		}
		rows = s.list
		if first < 0 {
			first = i
			if feeds[i], err = g.feeder.prepare(v, s); err != nil {
				return err
			}
		}
	}
	if v.expired() {
		return errExpired
	}
	c.dirty = true
	if first >= 0 {
		feeds[first].sets[0].heavyOf() // for all sets
		c.feedSet(sets[first], selections[first], feeds[first])
	}
	taken := v.scratch.mark()
	for i, g := range sets {
		if i == first {
			continue
		}
		b := feeds[i]
		if b == nil {
			b = feeds[first].regrouped(selections[i])
		}
		c.feedSet(g, selections[i], b)
		v.scratch.release(taken)
	}
	c.weigh()
	return nil
}

func (c *chain) feedSet(g *grouping, s *selection, b *blockFeed) {
	c.noteCut(s)
	g.fed = g.grouper.index.groups
	g.feeder.grow(g.fed)
	g.feeder.feed(b)
}

// regrouped is the same rows and values with other groups.
func (b *blockFeed) regrouped(sel *selection) *blockFeed {
	out := &blockFeed{sel: sel, weights: b.weights, weighted: b.weighted, sets: make([]*rowSet, len(b.sets)), inputs: make([][]vector, len(b.inputs))}
	r := &regrouper{sel: sel}
	for i, set := range b.sets {
		out.sets[i] = r.set(set)
	}
	for i, vecs := range b.inputs {
		out.inputs[i] = make([]vector, len(vecs))
		for k := range vecs {
			out.inputs[i][k] = r.vector(&vecs[k])
		}
	}
	return out
}

// A regrouper makes of sets of rows others, each once.
type regrouper struct {
	sel      *selection
	from, to []*rowSet
}

func (r *regrouper) set(s *rowSet) *rowSet {
	if s == nil {
		return nil
	}
	for i, from := range r.from {
		if from == s {
			return r.to[i]
		}
	}
	out := &rowSet{sel: r.sel, bits: s.bits, n: s.n, list: s.list, weights: s.weights}
	if s.heavy != nil {
		out.heavy = &heavyRows{whole: s.heavy.whole, at: s.heavy.at, weights: s.heavy.weights}
	}
	r.from, r.to = append(r.from, s), append(r.to, out)
	out.parent = r.set(s.parent)
	return out
}

// vector keeps what was decoded and computed of the values, and forgets what
// depends on groups.
func (r *regrouper) vector(vec *vector) vector {
	out := *vec
	out.set = r.set(vec.set)
	out.paired, out.pairs = false, nil
	out.sortedInts, out.sortedFloats = nil, nil
	if vec.numbers != nil {
		numbers := r.vector(vec.numbers)
		out.numbers = &numbers
	}
	return out
}

// joinSets puts the groups of all sets behind each other, those of each set in the
// order of the chains.
func (r *run) joinSets(out *query.Partial, chains []*chain) {
	to := make([][][]uint32, len(chains)) // by chain and set: the groups
	into := chains[0].state.groupings()
	for i := range chains {
		to[i] = make([][]uint32, len(r.sets))
	}
	total := 0
	for s := range r.sets {
		g := into[s].grouper
		to[0][s] = make([]uint32, g.index.groups)
		for group := range to[0][s] {
			to[0][s][group] = uint32(group)
		}
		g.index.limit = len(chains) * r.lim.Groups
		for i := range g.tables {
			g.tables[i].grow = true
		}
		for i, c := range chains[1:] {
			from := c.state.groupings()[s].grouper
			to[i+1][s] = g.join(from)
			from.index.release()
		}
		total += g.index.groups
	}
	all := newFeeder(r.feeds, r.spares, chains[0].share())
	all.grow(total)
	for s := range r.sets {
		start := out.Groups
		out.Groups += into[s].grouper.index.groups
		for i, c := range chains {
			groups := to[i][s]
			for at := range groups {
				groups[at] += uint32(start)
			}
			from := c.state.groupings()[s].feeder
			for a, state := range all.states {
				switch {
				case r.feeds.aggs[a].same >= 0:
				case i == 0:
					query.Adopt(state, from.states[a], groups)
				default:
					state.Merge(from.states[a], groups)
				}
			}
			from.giveStates(from.states)
			from.states = nil
		}
		r.appendKeys(out.Keys, s, into[s].grouper)
		into[s].grouper.index.release()
	}
	all.finish()
	out.States = all.states
	noteGroups(out, out.States)
}

// appendKeys appends the keys of a set's groups: null where the set does not have
// one, and its number as the last.
func (r *run) appendKeys(keys []*query.Vec, set int, g *grouper) {
	columns := make([]*query.Vec, len(keys))
	for k, at := range r.plan.Sets[set] {
		columns[at] = g.keyColumn(k, nil)
	}
	last := len(keys) - 1
	for group := range g.index.groups {
		for k, column := range keys[:last] {
			if columns[k] == nil {
				column.Append(storage.Value{})
			} else {
				column.Append(columns[k].Value(group))
			}
		}
		keys[last].Append(storage.Int(int64(set)))
	}
}
