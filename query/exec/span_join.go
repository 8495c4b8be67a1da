package exec

import "github.com/kelpdb/kelp/query"

// joinSpans merges the groups of all chains into those of the first while they are
// numbers; false if they are not, or not the same ones.
func (r *run) joinSpans(chains []*chain) bool {
	into := &chains[0].state
	span := into.grouper.span
	if span == nil {
		return false
	}
	size := span.size
	for _, c := range chains[1:] {
		g := c.state.grouper
		if g.span == nil && g.index.groups > 0 || g.span != nil && !g.span.sameNumbers(span) {
			return false
		}
		if g.span != nil {
			size = max(size, g.span.size)
		}
	}
	span.resize(size)
	into.grouper.index.groups, into.fed = size, size
	into.feeder.grow(size)
	for _, c := range chains[1:] {
		from := &c.state
		if from.grouper.span == nil {
			continue
		}
		for i, s := range from.feeder.states {
			query.MergeSame(into.feeder.states[i], s)
		}
		other := from.grouper.span.present
		span.present[:len(other)].or(other)
		from.release()
	}
	return true
}

// sameNumbers tells whether the groups of two spans have the same numbers.
func (p *spanGroups) sameNumbers(o *spanGroups) bool { return p.low == o.low && p.sameForm(o.form) }

// resize makes room for more numbers.
func (p *spanGroups) resize(size int) {
	if more := words(size) - len(p.present); more > 0 {
		p.present = append(p.present, make(bitmap, more)...)
	}
	p.size = size
}
