package exec

// groupRuns says how the rows of a set fall into groups when they are put in
// order of their codes: run i has the rows [starts[i], starts[i+1]) and the group
// groups[i]. Aggregates that take a run at once are several times faster than
// those that look a group up for every row.
type groupRuns struct {
	groups  []uint32
	starts  []uint32
	codes   []uint32 // of the runs, ascending
	first   []uint32 // by code: where its run starts
	codes8  []uint8  // of the rows of the set; both nil: one run
	codes16 []uint16
}

// runRowsMin is how many rows a run must have on average to be worth the sorting.
const runRowsMin = 16

// runs returns the rows of the set by group; nil if the groups have no codes or
// are too many.
func (s *rowSet) runs() *groupRuns {
	if s.sel.groupOf == nil || s.sel.header {
		return nil
	}
	if !s.sorted {
		s.sorted = true
		s.byGroup = s.findRuns()
	}
	return s.byGroup
}

func (s *rowSet) findRuns() *groupRuns {
	v, sel := s.sel.view, s.sel
	if sel.codes8 == nil && sel.codes16 == nil {
		return &groupRuns{groups: sel.groupOf[:1], starts: []uint32{0, uint32(s.n)}}
	}
	r := &groupRuns{}
	counts := sel.counts
	switch {
	case sel.codes8 != nil:
		r.codes8 = at(s, v.u8.take, sel.codes8)
	default:
		r.codes16 = at(s, v.u16.take, sel.codes16)
	}
	if s.n != sel.n {
		counts = v.u32.takeClear(len(counts))
		if r.codes8 != nil {
			countCodes(v.scratch, counts, r.codes8)
		} else {
			countCodes(v.scratch, counts, r.codes16)
		}
	}
	r.first = v.u32.take(len(counts))
	r.groups, r.starts, r.codes = v.u32.take(len(counts))[:0], v.u32.take(len(counts) + 1)[:0], v.u32.take(len(counts))[:0]
	at := uint32(0)
	for code, n := range counts {
		r.first[code] = at
		if n > 0 && sel.groupOf[code] != noID {
			r.groups, r.starts, r.codes = append(r.groups, sel.groupOf[code]), append(r.starts, at), append(r.codes, uint32(code))
			at += n
		}
	}
	r.starts = append(r.starts, at)
	if len(r.groups)*runRowsMin > s.n {
		return nil
	}
	return r
}

// inRuns returns values of the set in the order of its runs.
func inRuns[T any](v *blockView, r *groupRuns, take func(int) []T, values []T) []T {
	if r.codes8 == nil && r.codes16 == nil {
		return values
	}
	next := v.u32.take(len(r.first))
	copy(next, r.first)
	dst := take(len(values))
	if r.codes8 != nil {
		scatter(dst, values, r.codes8, next)
	} else {
		scatter(dst, values, r.codes16, next)
	}
	return dst
}

// weighedRuns is the values of rows that weigh more than 1 in the order of runs:
// those of run i are [starts[i], starts[i+1]).
type weighedRuns struct {
	starts  []uint32
	values  []float64
	weights []uint64
}

// heavyRuns puts the heavy rows among a vector's in the order of the runs; nil if there
// are none.
func (vec *vector) heavyRuns(r *groupRuns, h *heavyRows) *weighedRuns {
	if h == nil || len(h.at) == 0 {
		return nil
	}
	v := vec.set.sel.view
	values := gather(v.f64.take(len(h.at)), vec.floats, h.at)
	out := &weighedRuns{starts: v.u32.take(len(r.groups) + 1), values: values, weights: h.weights}
	switch {
	case r.codes8 != nil:
		sortHeavy(v, out, r, gather(v.u8.take(len(h.at)), r.codes8, h.at))
	case r.codes16 != nil:
		sortHeavy(v, out, r, gather(v.u16.take(len(h.at)), r.codes16, h.at))
	default:
		out.starts[0], out.starts[1] = 0, uint32(len(h.at))
	}
	return out
}

// sortHeavy sorts heavy rows by their codes.
func sortHeavy[C uint8 | uint16](v *blockView, out *weighedRuns, r *groupRuns, codes []C) {
	counts := v.u32.takeClear(len(r.first))
	for _, c := range codes {
		counts[c]++
	}
	at := uint32(0)
	for code, n := range counts {
		counts[code] = at
		at += n
	}
	for i, code := range r.codes { // ascending, and codes without a run have no rows
		out.starts[i] = counts[code]
	}
	out.starts[len(r.codes)] = at
	values, weights := v.f64.take(len(codes)), v.u64.take(len(codes))
	for i, c := range codes {
		to := counts[c]
		counts[c] = to + 1
		values[to], weights[to] = out.values[i], out.weights[i]
	}
	out.values, out.weights = values, weights
}

// scatter moves each value to the next place of its code.
func scatter[T any, C uint8 | uint16](dst, values []T, codes []C, next []uint32) {
	values = values[:len(codes)]
	for i, c := range codes {
		at := next[c]
		next[c] = at + 1
		dst[at] = values[i]
	}
}

// sumFloats returns the sum of values and about what summing rounded away
// (Knuth's TwoSum for every addition). Four sums are kept side by side, so that
// additions need not wait for each other.
func sumFloats(values []float64) (sum, err float64) {
	var s0, s1, s2, s3, e0, e1, e2, e3 float64
	for len(values) >= 4 {
		s0, e0 = twoSum(s0, e0, values[0])
		s1, e1 = twoSum(s1, e1, values[1])
		s2, e2 = twoSum(s2, e2, values[2])
		s3, e3 = twoSum(s3, e3, values[3])
		values = values[4:]
	}
	for _, x := range values {
		s0, e0 = twoSum(s0, e0, x)
	}
	s0, e0 = twoSum(s0, e0+e1, s1)
	s2, e2 = twoSum(s2, e2+e3, s3)
	return twoSum(s0, e0+e2, s2)
}

// twoSum adds x to sum, and what that rounds away to err.
func twoSum(sum, err, x float64) (float64, float64) {
	t := sum + x
	back := t - sum
	return t, err + ((sum - (t - back)) + (x - back))
}

// sumInts returns the sum of values as hi·2^64 + lo. No value is lost: the halves
// of at most 65,536 values are summed apart.
func sumInts(values []int64) (hi int64, lo uint64) {
	var high int64
	var low uint64
	for _, v := range values {
		high += v >> 32
		low += uint64(uint32(v))
	}
	// high·2^32 + low
	hi = high >> 32
	lo = uint64(high) << 32
	sum := lo + low
	if sum < lo {
		hi++
	}
	return hi, sum
}
