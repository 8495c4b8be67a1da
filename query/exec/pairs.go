package exec

// pairs is which values of a dictionary occur in which groups of a block, and in
// how many rows: what aggregates need of a column of few values, whatever the
// number of rows. Pair i is the value vec's position i in group groups[i], in
// rows[i] rows.
type pairs struct {
	groups []uint32
	vec    vector
	rows   []uint64
}

// pairRowsMin is how many rows there must be for each possible pair of a group's
// code and a value's code.
const pairRowsMin = 4

// asPairs returns the pairs of a vector from a dictionary; nil if the rows are
// too few or it is none.
func (vec *vector) asPairs() *pairs {
	if vec.table == nil {
		return nil
	}
	if !vec.paired {
		vec.paired = true
		vec.pairs = vec.findPairs()
	}
	return vec.pairs
}

func (vec *vector) findPairs() *pairs {
	sel := vec.set.sel
	if sel.groupOf == nil || sel.header {
		return nil
	}
	v := sel.view
	size := len(sel.groupOf) * vec.entries
	if size > localGroupsMax || size*pairRowsMin > vec.set.n {
		return nil
	}
	codes := at(vec.set, v.u16.take, vec.codes)
	combined := v.u16.take(len(codes))
	copy(combined, codes)
	stride := uint16(vec.entries)
	switch {
	case sel.codes8 != nil:
		addBytes(combined, at(vec.set, v.u8.take, sel.codes8), stride)
	case sel.codes16 != nil:
		addCodes(combined, at(vec.set, v.u16.take, sel.codes16), stride)
	}
	counts := v.u32.takeClear(size)
	countCodes(v.scratch, counts, combined)
	return vec.listPairs(counts)
}

// listPairs takes the pairs that occur out of the counts of all.
func (vec *vector) listPairs(counts []uint32) *pairs {
	v := vec.set.sel.view
	n := 0
	for _, c := range counts {
		if c > 0 {
			n++
		}
	}
	p := &pairs{groups: v.u32.take(n)[:0], rows: v.u64.take(n)[:0]}
	values := v.u16.take(n)[:0]
	for at, c := range counts {
		if c > 0 {
			p.groups = append(p.groups, vec.set.sel.groupOf[at/vec.entries])
			p.rows = append(p.rows, uint64(c))
			values = append(values, uint16(at%vec.entries))
		}
	}
	p.vec = v.newVector(vec.set, vec.typ, n)
	expandTable(&p.vec, vec.table, values)
	return p
}
