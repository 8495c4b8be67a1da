package exec

import (
	"math/bits"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// A chain whose only key is a column of numbers of a small range, or of texts that
// are stored as such, needs no ids at first: the group of a row is its number. Each
// row then touches nothing but the states. Which numbers have come is kept beside;
// when the chain is over, or a block comes that does not fit, they become groups as
// others are.
type spanGroups struct {
	form    *storage.TextForm // nil: integers
	low     int64             // the number of group 0
	size    int
	present bitmap
}

const (
	// spanMax is the most numbers of a range, 32 MiB for each count of a chain.
	spanMax = 1 << 22

	// spanShare is how many numbers there may be for each row that is expected.
	spanShare = 8

	// spanBytes is what a group of one aggregate holds at most.
	spanBytes = 48
)

// flatStates tells whether all aggregates have states of a few words a group.
func flatStates(aggs []aggPlan) bool {
	for _, a := range aggs {
		switch a.Kind {
		case query.AggCount, query.AggHits, query.AggSum, query.AggAvg:
		case query.AggMin, query.AggMax:
			if a.Type == storage.TypeString || a.Type == storage.TypeList {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// assignSpan finds the groups of the selected rows by their numbers; nil if they
// are to be found in another way, and groups are groups as others are then.
func (c *chain) assignSpan(v *blockView, sel bitmap, n int) (*selection, error) {
	st := &c.state
	g := st.grouper
	if g.span == nil && (g.index.groups > 0 || len(g.plans) != 1 || !g.plans[0].plain || !st.feeder.plan.flat) {
		return nil, nil
	}
	s := v.selection(sel, n)
	numbers, form, err := g.numbersOf(v)
	if err != nil {
		return nil, err
	}
	if numbers == nil || !c.fitsSpan(s, numbers, form) {
		st.settle(nil)
		return nil, nil
	}
	s.span = true
	s.groups = v.u32.take(n)
	low := g.span.low
	if s.all() {
		for i, x := range numbers[:n] {
			s.groups[i] = uint32(x - low)
		}
		return s, nil
	}
	for i, r := range s.rows() {
		s.groups[i] = uint32(numbers[r] - low)
	}
	return s, nil
}

// numbersOf returns the numbers of all rows of the only key; nil if it is no
// column of them, or has nulls.
func (g *grouper) numbersOf(v *blockView) ([]int64, *storage.TextForm, error) {
	stored := v.column(g.plans[0].columns[0])
	if len(stored) != 1 || stored[0].Type() != g.plans[0].Type || stored[0].NullCount() > 0 {
		return nil, nil, nil
	}
	switch c := stored[0]; {
	case g.plans[0].counts(v.block.Header()):
		return nil, nil, nil
	case c.shape == storage.ShapeInts:
		ints, err := v.loadInts(c)
		return ints, nil, err
	case c.shape == storage.ShapeText:
		ok, err := v.loadNumbers(c)
		if !ok || err != nil {
			return nil, nil, err
		}
		return c.numbers, &c.form, nil
	}
	return nil, nil, nil
}

// fitsSpan tells whether the numbers of the selected rows are in the range, which
// it chooses for the first ones.
func (c *chain) fitsSpan(s *selection, numbers []int64, form *storage.TextForm) bool {
	var low, high int64
	if s.all() {
		low, high = numbers[0], numbers[0]
		for _, x := range numbers[:s.n] {
			low, high = min(low, x), max(high, x)
		}
	} else {
		rows := s.rows()
		low, high = numbers[rows[0]], numbers[rows[0]]
		for _, r := range rows {
			low, high = min(low, numbers[r]), max(high, numbers[r])
		}
	}
	g := c.state.grouper
	if g.span == nil {
		return c.chooseSpan(s, low, high, form)
	}
	return g.span.holds(low, high, form)
}

// holds tells whether numbers between low and high are in the range.
func (p *spanGroups) holds(low, high int64, form *storage.TextForm) bool {
	return p.sameForm(form) && low >= p.low && uint64(high)-uint64(p.low) < uint64(p.size)
}

func (p *spanGroups) sameForm(form *storage.TextForm) bool {
	return (form == nil) == (p.form == nil) && (form == nil || form.Equal(p.form))
}

// chooseSpan takes a range around the first numbers, if it will be full enough: that
// of another chain if they are in it, so that both have the same groups.
func (c *chain) chooseSpan(s *selection, low, high int64, form *storage.TextForm) bool {
	span := c.r.span.Load()
	if span == nil || !span.holds(low, high, form) {
		if span = spanAround(low, high, form); span == nil {
			return false
		}
	}
	expected := c.rows / s.view.rows * s.n // as many of all rows as of this block's
	aggs := len(c.state.feeder.states)
	if span.size > spanMax || span.size > expected*spanShare || span.size > c.r.lim.Groups ||
		int64(span.size)*spanBytes*int64(aggs+1) > c.share()/2 {
		return false
	}
	c.r.span.CompareAndSwap(nil, span)
	g := c.state.grouper
	g.span = &spanGroups{form: span.form, low: span.low, size: span.size, present: make(bitmap, words(span.size))}
	g.index.groups = span.size
	return true
}

// spanAround is a range with room for numbers a little outside low and high, of which
// many begin at 0; nil if it would be too large.
func spanAround(low, high int64, form *storage.TextForm) *spanGroups {
	span := uint64(high) - uint64(low)
	if span >= spanMax/2 {
		return nil
	}
	room := int64(span/8) + 1
	if from := low; from >= 0 && from <= 2*room {
		low = 0
	} else if low = from - room; low > from {
		return nil
	}
	if high+room < high {
		return nil
	}
	p := &spanGroups{low: low, size: int(uint64(high+room) - uint64(low))}
	if form != nil {
		own := *form
		p.form = &own
	}
	return p
}

// mark notes which groups have rows.
func (p *spanGroups) mark(groups []uint32) {
	for _, g := range groups {
		p.present[g>>6] |= 1 << (g & 63)
	}
}

// settle makes groups as others are of those that have rows, or only of some of
// them, in the order of their numbers.
func (st *chainState) settle(groups []uint32) {
	g := st.grouper
	p := g.span
	if p == nil {
		return
	}
	g.span = nil
	if groups == nil {
		groups = make([]uint32, 0, p.present.count())
		for w, word := range p.present {
			for ; word != 0; word &= word - 1 {
				groups = append(groups, uint32(w<<6+bits.TrailingZeros64(word)))
			}
		}
	}
	st.feeder.pick(groups)
	numbers := make([]int64, len(groups))
	g.index.tuples, g.index.groups = make([]uint32, len(groups)), len(groups)
	for i, at := range groups {
		numbers[i] = p.low + int64(at)
		g.index.tuples[i] = uint32(i)
	}
	g.tables[0].fill(p.form, numbers)
	st.fed = len(groups)
}

// fill gives numbers, ascending, the first ids of a table that has none.
func (t *keyTable) fill(form *storage.TextForm, numbers []int64) {
	if len(numbers) == 0 {
		return
	}
	low, high := numbers[0], numbers[len(numbers)-1]
	if form == nil {
		t.ints.expect(low, high, len(numbers), 0)
		t.ints.values = numbers
		for id, x := range numbers {
			t.ints.put(x, uint32(id))
		}
		return
	}
	at := t.texts.formOf(form)
	f := &t.texts.forms[at]
	f.expect(low, high, len(numbers), 0)
	t.texts.refs = make([]textRef, len(numbers))
	for id, x := range numbers {
		t.texts.refs[id] = textRef{a: refNumber | uint64(at), b: uint64(x)}
		f.put(x, uint32(id))
	}
}
