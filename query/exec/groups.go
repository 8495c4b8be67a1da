package exec

import "math/bits"

// denseGroupsMax is the most combinations of key numbers that get a plain array
// from combination to group: 16 MiB of group numbers for each chain.
const denseGroupsMax = 1 << 22

// groupIndex numbers distinct combinations of key ids. Group g has the ids
// tuples[g*keys : (g+1)*keys]. While the ids are few a plain array leads from a
// combination to its group, later a hash table of the tuples. The ids of a single
// key are its groups, as long as they come in their order, which they do unless
// values were numbered in vain.
type groupIndex struct {
	spares *spares
	keys   int
	tuples []uint32
	groups int
	limit  int // no group is added beyond

	same   bool     // one key: group g has the id g
	dense  []uint32 // combined ids -> group+1; nil: hashed
	widths []uint8  // bits of each key's id in the combination
	slots  []uint32 // hashed: group+1
	shift  uint8
}

func newGroupIndex(keys, limit int, spares *spares) *groupIndex {
	x := &groupIndex{spares: spares, keys: keys, limit: limit, widths: make([]uint8, keys), same: keys == 1}
	x.dense = make([]uint32, 1)
	return x
}

// find returns the group of a tuple of ids, a new one if there is none, noID if
// the limit is reached.
func (x *groupIndex) find(ids []uint32) uint32 {
	if x.same {
		switch id := ids[0]; {
		case int(id) < x.groups:
			return id
		case int(id) == x.groups:
			return x.add(ids)
		case x.groups >= x.limit:
			return noID
		}
		x.same = false // the array is made from the tuples
	}
	if x.dense != nil {
		for !x.fits(ids) {
			if !x.widen(ids) {
				return x.findHashed(ids)
			}
		}
		at := uint32(0)
		for k, id := range ids {
			at = at<<x.widths[k] | id
		}
		if g := x.dense[at]; g != 0 {
			return g - 1
		}
		g := x.add(ids)
		x.dense[at] = g + 1 // noID+1 is 0: free
		return g
	}
	return x.findHashed(ids)
}

func (x *groupIndex) fits(ids []uint32) bool {
	for k, id := range ids {
		if id>>x.widths[k] != 0 {
			return false
		}
	}
	return true
}

// add appends a group; noID if there are enough.
func (x *groupIndex) add(ids []uint32) uint32 {
	if x.groups >= x.limit {
		return noID
	}
	x.tuples = append(x.tuples, ids...)
	x.groups++
	return uint32(x.groups - 1)
}

// widen makes the array wide enough for ids, or goes over to hashing and
// returns false.
func (x *groupIndex) widen(ids []uint32) bool {
	total := 0
	for k, id := range ids {
		if n := uint8(bits.Len32(id)); n > x.widths[k] {
			x.widths[k] = n
		}
		total += int(x.widths[k])
	}
	if total > bits.TrailingZeros(denseGroupsMax) && x.keys > 1 {
		x.spares.giveIDs(x.dense)
		x.dense = nil
		x.rehash()
		return false
	}
	x.spares.giveIDs(x.dense)
	x.dense = x.spares.zeros(1 << total)
	for g := range x.groups {
		at := uint32(0)
		for k, id := range x.tuple(g) {
			at = at<<x.widths[k] | id
		}
		x.dense[at] = uint32(g + 1)
	}
	return true
}

// findAll finds the groups of tuples given key by key; missing tells that some
// were not taken.
func (x *groupIndex) findAll(dst []uint32, ids [][]uint32) (missing bool) {
	if x.same {
		return x.findAllSame(dst, ids[0])
	}
	tuple := make([]uint32, len(ids))
	if x.dense != nil && x.makeRoom(tuple, ids) {
		x.findAllDense(dst, ids)
	}
	at := 0
	if x.dense != nil {
		at = len(dst)
	}
	for ; at < len(dst); at++ {
		taken := true
		for k := range ids {
			tuple[k] = ids[k][at]
			taken = taken && tuple[k] != noID
		}
		dst[at] = noID
		if taken {
			dst[at] = x.findHashed(tuple)
		}
	}
	for _, g := range dst {
		missing = missing || g == noID
	}
	return missing
}

// findAllSame is findAll while ids are groups.
func (x *groupIndex) findAllSame(dst, ids []uint32) (missing bool) {
	var one [1]uint32
	for i, id := range ids[:len(dst)] {
		if int(id) >= x.groups {
			if one[0] = id; id != noID {
				id = x.find(one[:])
			}
			missing = missing || id == noID
		} else if !x.same {
			one[0] = id
			id = x.find(one[:])
			missing = missing || id == noID
		}
		dst[i] = id
	}
	return missing
}

// makeRoom makes the array wide enough for all of these ids; false: they are
// hashed from now on. tuple is any memory.
func (x *groupIndex) makeRoom(tuple []uint32, ids [][]uint32) bool {
	for k := range ids {
		tuple[k] = bitsOf(ids[k])
	}
	return x.fits(tuple) || x.widen(tuple)
}

// bitsOf returns an id as wide as the widest one.
func bitsOf(ids []uint32) uint32 {
	all := uint32(0)
	for _, id := range ids {
		all |= id
	}
	if all>>31 == 0 { // no id but noID is that large
		return all
	}
	all = 0
	for _, id := range ids {
		if id != noID {
			all |= id
		}
	}
	return all
}

// findAllDense is findAll by the array, which has room for all ids.
func (x *groupIndex) findAllDense(dst []uint32, ids [][]uint32) {
	// dst holds the combinations first, then the groups.
	all := uint32(0)
	for i, id := range ids[0][:len(dst)] {
		all |= id
		dst[i] = id
	}
	for k := 1; k < len(ids); k++ {
		width := x.widths[k]
		for i, id := range ids[k][:len(dst)] {
			all |= id
			dst[i] = dst[i]<<width | id
		}
	}
	refused := all>>31 != 0
	x.reserve(len(dst))
	tuple := make([]uint32, len(ids))
	if !refused {
		for start := 0; start < len(dst); start += togetherRows {
			x.findTogether(dst[start:min(start+togetherRows, len(dst))], ids, start, tuple)
		}
		return
	}
	for i, at := range dst {
		if refusedAt(ids, i) {
			dst[i] = noID
			continue
		}
		dst[i] = x.groupAt(at, ids, i, tuple)
	}
}

// togetherRows is how many places of the array are read before the first is looked
// at: reads that do not wait for each other, nor for a guess whether a group is new,
// take a fraction of the time. What they read stays in the nearest caches.
const togetherRows = 512

// findTogether makes groups of combinations, those of the rows from start on.
func (x *groupIndex) findTogether(dst []uint32, ids [][]uint32, start int, tuple []uint32) {
	var room [togetherRows]uint32
	found := room[:len(dst)]
	for i, at := range dst {
		found[i] = x.dense[at]
	}
	for i, g := range found {
		if g != 0 {
			dst[i] = g - 1
		} else {
			dst[i] = x.groupAt(dst[i], ids, start+i, tuple)
		}
	}
}

// groupAt returns the group of a combination, that of row i; tuple is any memory.
func (x *groupIndex) groupAt(at uint32, ids [][]uint32, i int, tuple []uint32) uint32 {
	g := x.dense[at]
	if g == 0 {
		for k := range ids {
			tuple[k] = ids[k][i]
		}
		g = x.add(tuple) + 1
		x.dense[at] = g // noID+1 is 0: free
	}
	return g - 1
}

// reserve makes room for n more groups if there is spare memory for them.
func (x *groupIndex) reserve(n int) {
	n = min(len(x.tuples)+n*x.keys, x.limit*x.keys)
	if n <= cap(x.tuples) {
		return
	}
	if more := x.spares.room(n); cap(more) >= n {
		more = append(more, x.tuples...)
		x.spares.giveIDs(x.tuples)
		x.tuples = more
	}
}

// release gives the memory back; the index is not used any more.
func (x *groupIndex) release() {
	x.spares.giveIDs(x.dense)
	x.spares.giveIDs(x.tuples)
	x.dense, x.tuples = nil, nil
}

// refusedAt tells whether a key of row i has no id.
func refusedAt(ids [][]uint32, i int) bool {
	for k := range ids {
		if ids[k][i] == noID {
			return true
		}
	}
	return false
}

// cut takes all groups but the first n away again.
func (x *groupIndex) cut(n int) {
	x.tuples, x.groups = x.tuples[:n*x.keys], n
	if x.dense != nil {
		for at, g := range x.dense {
			if int(g) > n {
				x.dense[at] = 0
			}
		}
		return
	}
	x.slots = nil
	x.rehash()
}

func (x *groupIndex) tuple(g int) []uint32 { return x.tuples[g*x.keys : (g+1)*x.keys] }

func (x *groupIndex) findHashed(ids []uint32) uint32 {
	if x.groups*2 >= len(x.slots) {
		x.rehash()
	}
	mask := uint64(len(x.slots) - 1)
	for at := mixTuple(ids) >> x.shift; ; at++ {
		s := x.slots[at&mask]
		if s == 0 {
			g := x.add(ids)
			if g != noID {
				x.slots[at&mask] = g + 1
			}
			return g
		}
		if equalTuples(x.tuple(int(s-1)), ids) {
			return s - 1
		}
	}
}

func (x *groupIndex) rehash() {
	size := max(64, len(x.slots)*2)
	for x.groups*2 >= size {
		size *= 2
	}
	x.slots = make([]uint32, size)
	x.shift = uint8(64 - bits.TrailingZeros(uint(size)))
	mask := uint64(size - 1)
	for g := range x.groups {
		at := mixTuple(x.tuple(g)) >> x.shift
		for x.slots[at&mask] != 0 {
			at++
		}
		x.slots[at&mask] = uint32(g + 1)
	}
}

func equalTuples(a, b []uint32) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func mixTuple(ids []uint32) uint64 {
	h := uint64(0)
	for _, id := range ids {
		h = mixInt(h ^ uint64(id))
		h ^= h >> 29
	}
	return h * 0x9e37_79b9_7f4a_7c15
}

func (x *groupIndex) bytes() int {
	return cap(x.tuples)*4 + cap(x.dense)*4 + cap(x.slots)*4
}
