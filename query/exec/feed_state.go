package exec

import (
	"fmt"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// feedState adds a vector of a block to one aggregate's state.
func feedState(state query.State, a *aggPlan, b *blockFeed, vec *vector) {
	switch s := state.(type) {
	case *query.CountState:
		feedCount(s, a, b, vec)
	case *query.FirstLastState:
		feedFirstLast(s, vec.rowValues())
	case *query.SumState:
		feedSum(s, vec)
	case *query.VarState:
		feedVar(s, vec)
	case *query.PercentileState:
		feedPercentile(s, vec)
	case *query.TopKState:
		feedTopK(s, vec)
	case *query.ArgState:
		for k := range b.inputs[a.value] {
			feedArg(s, vec, &b.inputs[a.value][k])
		}
	default:
		// The others only ask which values occur in a group.
		if exact, ok := state.(*query.UniqExactState); ok && vec.form != nil &&
			exact.AddNumbers(vec.set.rowGroups(), vec.form, vec.formInt) {
			return
		}
		if uniq, ok := state.(*query.UniqState); ok && feedUniqRuns(uniq, vec) {
			return
		}
		if uniq, ok := state.(*query.UniqState); ok && vec.form != nil {
			uniq.AddHashes(vec.set.rowGroups(), vec.allHashes()) // the texts are not needed
		} else if p := vec.asPairs(); p != nil {
			feedOccurring(state, p.groups, &p.vec)
		} else {
			feedOccurring(state, vec.set.rowGroups(), vec.rowValues())
		}
	}
}

// uniqRunsMin is from how many groups on hashes are sorted by group: the registers of
// fewer stay in the cache anyhow.
const uniqRunsMin = 16

// feedUniqRuns feeds the hashes group by group; false if that does not pay.
func feedUniqRuns(s *query.UniqState, vec *vector) bool {
	if vec.table != nil {
		return false
	}
	runs := vec.set.runs()
	if runs == nil || len(runs.groups) < uniqRunsMin {
		return false
	}
	v := vec.set.sel.view
	if vec.form == nil { // else the texts are not needed
		vec.rowValues()
	}
	hashes := inRuns(v, runs, v.u64.take, vec.allHashes())
	for i, g := range runs.groups {
		s.AddRun(g, hashes[runs.starts[i]:runs.starts[i+1]])
	}
	return true
}

// feedOccurring feeds an aggregate for which it does not matter how often a value
// occurs.
func feedOccurring(state query.State, groups []uint32, vec *vector) {
	switch s := state.(type) {
	case *query.MinMaxState:
		feedMinMax(s, groups, vec)
	case *query.UniqState:
		s.AddHashes(groups, vec.allHashes())
	case *query.UniqExactState:
		feedUniqExact(s, groups, vec)
	default:
		panic(fmt.Sprintf("BUG: no feed for %T", state))
	}
}

// feedCount counts by code where it can: the rows of each code are known already.
func feedCount(s *query.CountState, a *aggPlan, b *blockFeed, vec *vector) {
	sel := b.sel
	weights := b.weights
	if !a.weighs {
		weights = nil
	}
	if vec.set.parent == nil && sel.groupOf != nil && (weights == nil || weights.constant != 0) {
		each := uint64(1)
		if weights != nil {
			each = weights.constant
		}
		for code, n := range sel.counts {
			if group := sel.groupOf[code]; n > 0 && group != noID {
				w := uint64(n) * each
				if a.weighs && sel.header && sel.weights != nil && b.weighted {
					w = sel.weights[code]
				}
				s.AddN(group, w)
			}
		}
		return
	}
	if weights == nil {
		s.Add(vec.set.rowGroups(), nil)
		return
	}
	if vec.set.parent == nil && sel.groupOf != nil {
		// Each row once by its code, and the heavy ones again.
		for code, n := range sel.counts {
			if group := sel.groupOf[code]; n > 0 && group != noID {
				s.AddN(group, uint64(n))
			}
		}
		if known := vec.set.heavy; known != nil && !known.whole {
			heavy := vec.set.heavyOf()
			s.Add(heavy.groups, heavy.weights)
			return
		}
		for i, w := range weights.heavy {
			for w &= sel.bits[i]; w != 0; w &= w - 1 {
				row := i<<6 + trailingZeros(w)
				s.AddN(sel.groupAt(row), weights.of(row)-1)
			}
		}
		return
	}
	feedWeighed(vec.set, func(groups []uint32, _ []uint16, weights []uint64) { s.Add(groups, weights) })
}

// groupAt returns the group of a selected row by its code.
func (s *selection) groupAt(row int) uint32 {
	switch {
	case s.codes8 != nil:
		return s.groupOf[s.codes8[row]]
	case s.codes16 != nil:
		return s.groupOf[s.codes16[row]]
	}
	return s.groupOf[0]
}

// feedWeighed calls add for the rows of a set: once with all rows, at is nil
// then, and once more with those at the positions at that weigh more than 1.
func feedWeighed(set *rowSet, add func(groups []uint32, at []uint16, weights []uint64)) {
	h := set.heavyOf()
	switch {
	case h == nil:
		add(set.rowGroups(), nil, nil)
	case h.whole:
		add(set.rowGroups(), nil, h.weights)
	default:
		add(set.rowGroups(), nil, nil)
		feedHeavy(h, add)
	}
}

// feedHeavy calls add for the rows that weigh more than 1, if they are not all.
func feedHeavy(h *heavyRows, add func(groups []uint32, at []uint16, weights []uint64)) {
	if h != nil && len(h.at) > 0 {
		add(h.groups, h.at, h.weights)
	}
}

// pick returns values at positions; nil: all.
func pick[T any](take func(int) []T, values []T, at []uint16) []T {
	if at == nil {
		return values
	}
	return gather(take(len(at)), values, at)
}

// byRuns returns the runs of a vector's rows if it can be fed by runs: all rows
// count once, and a few of them once more.
func (vec *vector) byRuns() (*groupRuns, *heavyRows) {
	h := vec.set.heavyOf()
	if h != nil && h.whole {
		return nil, nil
	}
	return vec.set.runs(), h
}

func feedSum(s *query.SumState, vec *vector) {
	switch {
	case vec.fedByPairs(func(groups []uint32, vec *vector, weights []uint64) {
		if vec.isInts() {
			s.AddInts(groups, vec.ints, weights)
		} else {
			s.AddFloats(groups, vec.floats, weights)
		}
	}):
	case vec.isInts():
		feedSumInts(s, vec.rowValues())
	default:
		feedSumFloats(s, vec.asFloats())
	}
}

// fedByPairs feeds numbers of a dictionary by pairs of group and value, weighed
// with their rows, and then the rows that weigh more; false if there are no pairs.
func (vec *vector) fedByPairs(add func(groups []uint32, vec *vector, weights []uint64)) bool {
	h := vec.set.heavyOf()
	if h != nil && h.whole || !vec.isInts() && vec.typ != storage.TypeFloat64 {
		return false
	}
	p := vec.asPairs()
	if p == nil {
		return false
	}
	add(p.groups, &p.vec, p.rows)
	if h != nil && len(h.at) > 0 {
		v := vec.set.sel.view
		codes := gather(v.u16.take(len(h.at)), at(vec.set, v.u16.take, vec.codes), h.at)
		heavy := v.newVector(vec.set, vec.typ, len(codes))
		expandTable(&heavy, vec.table, codes)
		add(h.groups, &heavy, h.weights)
	}
	return true
}

func feedSumInts(s *query.SumState, vec *vector) {
	v := vec.set.sel.view
	add := func(groups []uint32, at []uint16, weights []uint64) {
		s.AddInts(groups, pick(v.i64.take, vec.ints, at), weights)
	}
	runs, heavy := vec.byRuns()
	if runs == nil {
		feedWeighed(vec.set, add)
		return
	}
	values := vec.intRuns(runs)
	for i, g := range runs.groups {
		run := values[runs.starts[i]:runs.starts[i+1]]
		hi, lo := sumInts(run)
		s.AddIntSum(g, hi, lo, uint64(len(run)), 1)
	}
	feedHeavy(heavy, add)
}

func feedSumFloats(s *query.SumState, vec *vector) {
	v := vec.set.sel.view
	add := func(groups []uint32, at []uint16, weights []uint64) {
		s.AddFloats(groups, pick(v.f64.take, vec.floats, at), weights)
	}
	runs, heavy := vec.byRuns()
	if runs == nil {
		feedWeighed(vec.set, add)
		return
	}
	values := vec.floatRuns(runs)
	for i, g := range runs.groups {
		run := values[runs.starts[i]:runs.starts[i+1]]
		sum, err := sumFloats(run)
		s.AddFloatSum(g, sum, err, uint64(len(run)), 1)
	}
	feedHeavy(heavy, add)
}

// intRuns and floatRuns return the values in the order of the runs.
func (vec *vector) intRuns(r *groupRuns) []int64 {
	if vec.sortedInts == nil {
		v := vec.set.sel.view
		vec.sortedInts = inRuns(v, r, v.i64.take, vec.ints)
	}
	return vec.sortedInts
}

func (vec *vector) floatRuns(r *groupRuns) []float64 {
	if vec.sortedFloats == nil {
		v := vec.set.sel.view
		vec.sortedFloats = inRuns(v, r, v.f64.take, vec.floats)
	}
	return vec.sortedFloats
}

func feedVar(s *query.VarState, vec *vector) {
	v := vec.set.sel.view
	if vec.fedByPairs(func(groups []uint32, vec *vector, weights []uint64) {
		if vec.isInts() {
			s.AddInts(groups, vec.ints, weights)
		} else {
			s.AddFloats(groups, vec.floats, weights)
		}
	}) {
		return
	}
	if vec.isInts() {
		vec.rowValues()
		feedWeighed(vec.set, func(groups []uint32, at []uint16, weights []uint64) {
			s.AddInts(groups, pick(v.i64.take, vec.ints, at), weights)
		})
		return
	}
	nums := vec.asFloats()
	feedWeighed(nums.set, func(groups []uint32, at []uint16, weights []uint64) {
		s.AddFloats(groups, pick(v.f64.take, nums.floats, at), weights)
	})
}

func feedPercentile(s *query.PercentileState, vec *vector) {
	if vec.fedByPairs(func(groups []uint32, vec *vector, weights []uint64) {
		s.Add(groups, vec.asFloats().floats, weights)
	}) {
		return
	}
	nums := vec.asFloats()
	v := vec.set.sel.view
	add := func(groups []uint32, at []uint16, weights []uint64) {
		s.Add(groups, pick(v.f64.take, nums.floats, at), weights)
	}
	runs, heavy := nums.byRuns()
	if runs == nil {
		feedWeighed(nums.set, add)
		return
	}
	values := nums.floatRuns(runs)
	sorted := nums.heavyRuns(runs, heavy)
	for i, g := range runs.groups {
		s.AddRun(g, values[runs.starts[i]:runs.starts[i+1]])
		if sorted != nil { // right behind, while the group's histogram is in the cache
			from, to := sorted.starts[i], sorted.starts[i+1]
			s.AddWeighed(g, sorted.values[from:to], sorted.weights[from:to])
		}
	}
}

// isInts tells whether sums take the vector as integers: bools count 0 and 1.
func (vec *vector) isInts() bool {
	return vec.typ == storage.TypeInt64 || vec.typ == storage.TypeBool
}

// asFloats is the vector in numeric context, as floats: texts that are no number
// are left out, and so is what has no number at all.
func (vec *vector) asFloats() *vector {
	v := vec.set.sel.view
	vec.rowValues()
	if vec.typ == storage.TypeFloat64 {
		return vec
	}
	if vec.numbers != nil {
		return vec.numbers
	}
	if vec.isInts() {
		nums := &vector{set: vec.set, typ: storage.TypeFloat64, floats: v.f64.take(len(vec.ints))}
		for i, x := range vec.ints {
			nums.floats[i] = float64(x)
		}
		vec.numbers = nums
		return nums
	}
	nums := &vector{typ: storage.TypeFloat64, floats: v.f64.take(vec.set.n)[:0]}
	vec.numbers = nums
	mask := v.bitmap(v.rows)
	for i, r := range vec.set.rows() {
		if f, ok := query.FloatOf(vec.value(i)); ok {
			nums.floats = append(nums.floats, f)
			mask.set(int(r))
		}
	}
	nums.set = vec.set.narrow(mask)
	return nums
}

func feedMinMax(s *query.MinMaxState, groups []uint32, vec *vector) {
	switch vec.typ {
	case storage.TypeFloat64:
		s.AddFloats(groups, vec.floats)
	case storage.TypeString:
		s.AddStrings(groups, vec.texts)
	case storage.TypeList:
		for i, g := range groups {
			s.AddValue(g, vec.value(i))
		}
	default:
		s.AddInts(groups, vec.ints)
	}
}

func feedFirstLast(s *query.FirstLastState, vec *vector) {
	groups := vec.set.rowGroups()
	switch vec.typ {
	case storage.TypeFloat64:
		s.AddFloats(groups, vec.times, vec.floats)
	case storage.TypeString:
		s.AddStrings(groups, vec.times, vec.texts)
	case storage.TypeList:
		for i, g := range groups {
			s.AddValue(g, vec.times[i], vec.value(i))
		}
	default:
		s.AddInts(groups, vec.times, vec.ints)
	}
}

func feedUniqExact(s *query.UniqExactState, groups []uint32, vec *vector) {
	switch vec.typ {
	case storage.TypeFloat64:
		s.AddFloats(groups, vec.floats)
	case storage.TypeString:
		s.AddStrings(groups, vec.texts)
	case storage.TypeList:
		for i, g := range groups {
			s.AddValue(g, vec.value(i))
		}
	default:
		s.AddInts(groups, vec.ints)
	}
}

// allHashes returns the hash of each value.
func (vec *vector) allHashes() []uint64 {
	if vec.hashes != nil {
		return vec.hashes
	}
	if vec.form != nil {
		vec.hashes = vec.set.sel.view.u64.take(len(vec.formInt))
		hashNumbers(vec.hashes, vec.form, vec.formInt)
		return vec.hashes
	}
	vec.hashes = vec.set.sel.view.u64.take(vec.len())
	for i := range vec.hashes {
		switch vec.typ {
		case storage.TypeFloat64:
			vec.hashes[i] = query.HashFloat(vec.floats[i])
		case storage.TypeString:
			vec.hashes[i] = query.HashString(vec.texts[i])
		case storage.TypeList:
			vec.hashes[i] = query.HashList(vec.lists[i])
		default:
			vec.hashes[i] = query.HashInt(vec.ints[i])
		}
	}
	return vec.hashes
}

// hashNumbers writes the hashes of the texts of numbers.
func hashNumbers(dst []uint64, form *storage.TextForm, numbers []int64) {
	w := form.Writer()
	var texts [storage.TextSlots][]byte
	for len(numbers) > 0 {
		n := min(len(numbers), storage.TextSlots)
		for slot, number := range numbers[:n] {
			texts[slot] = w.Text(slot, number)
		}
		for slot, text := range texts[:n] {
			dst[slot] = query.HashBytes(text)
		}
		dst, numbers = dst[n:], numbers[n:]
	}
}

// len is the number of values.
func (vec *vector) len() int {
	return max(len(vec.ints), len(vec.floats), len(vec.texts), len(vec.lists))
}
