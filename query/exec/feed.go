package exec

import (
	"github.com/kelpdb/kelp/query"
)

// A feedPlan is the aggregates of a plan, worked out once per query.
type feedPlan struct {
	plan       *query.Plan
	aggs       []aggPlan
	filters    []*filter // nil: none, and the first
	inputs     []inputPlan
	weighs     bool // some aggregate weighs
	weighted   bool // and rows have weights
	countsOnly bool // only counts of all rows
	flat       bool // states of a few words a group
}

// aggPlan is one aggregate. Aggregates that take the same values of the same
// rows share an input.
type aggPlan struct {
	*query.Agg
	input  int
	value  int // arg_min, arg_max: the input of the value; input is what rows are chosen by
	weighs bool
	// same is the earlier aggregate whose histograms this one shares at the end: a
	// percentile of the same values with another share, or their histogram. -1: none.
	same int
}

// inputPlan is what aggregates are fed with: an argument over filtered rows.
type inputPlan struct {
	arg     *query.Bound // nil: rows alone
	columns []int
	plain   bool
	arith   *arith // nil: none
	filter  int
	values  bool // some aggregate wants the values, not only whether they are null
	timed   bool // some aggregate takes the times of the rows
}

func compileFeeds(plan *query.Plan) *feedPlan {
	f := &feedPlan{plan: plan, filters: []*filter{nil}, countsOnly: true}
	bounds := []*query.Bound{nil}
	for i := range plan.Aggs {
		a := &plan.Aggs[i]
		at := indexOf(bounds, a.Filter)
		if at < 0 {
			at = len(bounds)
			bounds = append(bounds, a.Filter)
			f.filters = append(f.filters, compileFilter(a.Filter, true))
		}
		p := aggPlan{Agg: a, weighs: weighs(a.Kind), same: -1, input: f.inputOf(a.Arg, at)}
		f.inputs[p.input].wants(a.Kind)
		if a.By != nil {
			p.value, p.input = p.input, f.inputOf(a.By, at)
			f.inputs[p.input].wants(a.Kind)
		}
		if hasHistogram(a.Kind) {
			p.same = f.samePercentile(p.input)
		}
		f.weighs = f.weighs || p.weighs
		f.countsOnly = f.countsOnly && (a.Kind == query.AggCount || a.Kind == query.AggHits) && a.Arg == nil && a.Filter == nil
		f.aggs = append(f.aggs, p)
	}
	f.flat = flatStates(f.aggs)
	f.weighted = f.weighs && plan.Weighted && !plan.Raw
	return f
}

// weighs tells whether a row counts as often as its sample_rate says.
func weighs(kind query.AggKind) bool {
	switch kind {
	case query.AggCount, query.AggSum, query.AggAvg, query.AggVariance, query.AggStddev, query.AggPercentile, query.AggHistogram, query.AggTopK:
		return true
	}
	return false
}

func (in *inputPlan) wants(kind query.AggKind) {
	if kind == query.AggCount || kind == query.AggHits {
		return
	}
	in.values = true
	in.timed = in.timed || kind == query.AggFirst || kind == query.AggLast
}

func (f *feedPlan) inputOf(arg *query.Bound, filter int) int {
	for i := range f.inputs {
		if f.inputs[i].filter == filter && sameBound(f.inputs[i].arg, arg) {
			return i
		}
	}
	in := inputPlan{arg: arg, filter: filter}
	if arg != nil {
		in.columns, in.plain, in.arith = columnsOf(nil, arg), arg.Op == query.OpColumn, compileArith(arg)
	}
	f.inputs = append(f.inputs, in)
	return len(f.inputs) - 1
}

// hasHistogram tells the aggregates whose state is a histogram.
func hasHistogram(kind query.AggKind) bool {
	return kind == query.AggPercentile || kind == query.AggHistogram
}

func (f *feedPlan) samePercentile(input int) int {
	for i, a := range f.aggs {
		if hasHistogram(a.Kind) && a.input == input && a.same < 0 {
			return i
		}
	}
	return -1
}

func indexOf(bounds []*query.Bound, b *query.Bound) int {
	for i := range bounds {
		if sameBound(bounds[i], b) {
			return i
		}
	}
	return -1
}

// sameBound tells whether two expressions are written alike.
func sameBound(a, b *query.Bound) bool {
	if a == b {
		return true
	}
	if a == nil || b == nil || a.Op != b.Op || a.Type != b.Type || a.Index != b.Index ||
		a.Match != b.Match || a.Func != b.Func || a.SetNull != b.SetNull ||
		len(a.Args) != len(b.Args) || len(a.Set) != len(b.Set) {
		return false
	}
	if a.Const.Type != b.Const.Type || query.Order(a.Const, b.Const) != 0 {
		return false
	}
	for i := range a.Set {
		if a.Set[i].Type != b.Set[i].Type || query.Order(a.Set[i], b.Set[i]) != 0 {
			return false
		}
	}
	for i := range a.Args {
		if !sameBound(a.Args[i], b.Args[i]) {
			return false
		}
	}
	return true
}

// A feeder feeds the aggregates of one chain.
type feeder struct {
	plan   *feedPlan
	states []query.State
	spares *spares
	spare  int // the most bytes of a spare state
}

// newFeeder makes the feeder of a chain that may take so many bytes.
func newFeeder(plan *feedPlan, spares *spares, share int64) *feeder {
	f := &feeder{plan: plan, spares: spares, spare: int(share / spareShare)}
	for i := range plan.aggs {
		f.states = append(f.states, query.NewState(plan.aggs[i].Agg))
	}
	return f
}

func (f *feeder) grow(groups int) {
	for i, s := range f.states {
		if f.plan.aggs[i].same < 0 && s.Len() < groups {
			s = f.roomier(i, s, groups)
			s.Grow(groups)
			f.states[i] = s
		}
	}
}

// roomier returns a state of the same content with room for groups, if there is a
// spare one; else s.
func (f *feeder) roomier(agg int, s query.State, groups int) query.State {
	flat, ok := s.(query.Flat)
	if !ok || flat.Room() >= groups {
		return s
	}
	spare := f.spares.state(f.plan.aggs[agg].Agg, groups, f.spare)
	if spare == nil {
		return s
	}
	spare.Grow(s.Len())
	spare.MergeSame(s)
	f.spares.giveState(s)
	return spare
}

// pick keeps only some of the groups.
func (f *feeder) pick(groups []uint32) {
	old := f.states
	f.states = query.PickGroups(old, groups)
	f.giveStates(old)
}

// giveStates gives the memory of states back that nobody uses any more.
func (f *feeder) giveStates(states []query.State) {
	for _, s := range states {
		f.spares.giveState(s)
	}
}

func (f *feeder) bytes() int {
	n := 0
	for _, s := range f.states {
		n += s.Bytes()
	}
	return n
}

// finish gives the states that say something else of another one's histograms a
// share of those.
func (f *feeder) finish() {
	for i, s := range f.states {
		if same := f.plan.aggs[i].same; same >= 0 {
			s.(*query.PercentileState).Share(f.states[same].(*query.PercentileState))
		}
	}
}

// blockFeed is what one block gives to the aggregates: all that could fail is done.
type blockFeed struct {
	sel     *selection
	weights *blockWeights
	// weighted tells whether rows have weights at all.
	weighted bool
	sets     []*rowSet  // by filter
	inputs   [][]vector // by input
}

// prepare decodes and computes what the aggregates need of a block.
func (f *feeder) prepare(v *blockView, s *selection) (*blockFeed, error) {
	b := v.feeds.take()
	*b = blockFeed{
		sel: s, weighted: f.plan.weighted, sets: resized(b.sets, len(f.plan.filters)), inputs: resized(b.inputs, len(f.plan.inputs)),
	}
	if f.plan.weighted && !s.header {
		var err error
		if b.weights, err = v.loadWeights(); err != nil {
			return nil, err
		}
	}
	for i, filter := range f.plan.filters {
		set := v.sets.take()
		*set = rowSet{sel: s, bits: s.bits, n: s.n, weights: b.weights}
		if filter != nil {
			set.parent = b.sets[0]
			set.bits = bitmap(v.u64.take(len(s.bits)))
			copy(set.bits, s.bits)
			if err := filter.restrict(v, set.bits); err != nil {
				return nil, err
			}
			set.n = set.bits.count()
		}
		b.sets[i] = set
	}
	for i := range f.plan.inputs {
		in := &f.plan.inputs[i]
		var err error
		if b.inputs[i], err = v.vectors(in, b.sets[in.filter]); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// feed adds a block to the states.
func (f *feeder) feed(b *blockFeed) {
	for i := range f.plan.aggs {
		a := &f.plan.aggs[i]
		if a.same >= 0 {
			continue
		}
		for k := range b.inputs[a.input] {
			feedState(f.states[i], a, b, &b.inputs[a.input][k])
		}
	}
}
