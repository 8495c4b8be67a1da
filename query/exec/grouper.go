package exec

// A grouper gives the rows of one chain of blocks their groups.
type grouper struct {
	plans  []keyPlan
	tables []keyTable
	index  *groupIndex
	span   *spanGroups // not nil: groups are numbers, and tables are empty

	// Of the present block.
	keys  []blockKey
	ids   []uint32   // by key
	known [][]uint32 // by key and its code: id, noID: not asked yet
	coded []codeKey  // by key
}

func newGrouper(plans []keyPlan, limit int, spares *spares) *grouper {
	g := &grouper{plans: plans, tables: make([]keyTable, len(plans)), index: newGroupIndex(len(plans), limit, spares)}
	for i := range plans {
		g.tables[i] = keyTable{typ: plans[i].Type, grow: true}
	}
	if len(plans) == 0 {
		g.index.groups = 1 // always one, also of no rows
	}
	return g
}

// size is how many groups there are.
func (g *grouper) size() int {
	if g.span != nil {
		return g.span.present.count()
	}
	return g.index.groups
}

// stop makes the present groups the last ones.
func (g *grouper) stop() {
	g.index.limit = g.index.groups
	for i := range g.tables {
		g.tables[i].grow = false
	}
}

func (g *grouper) bytes() int {
	n := g.index.bytes()
	if g.span != nil {
		n += 8 * cap(g.span.present)
	}
	for i := range g.tables {
		n += g.tables[i].bytes()
	}
	return n
}

// A selection is the rows of a block that go into groups, and their groups.
type selection struct {
	view *blockView
	bits bitmap
	n    int
	list []uint16 // the rows, made when first needed

	// By code: groupOf[code] is the group of the rows with a code, counts their
	// number. codes8 and codes16 are by row of the block; both nil: all rows have
	// code 0.
	codes8  []uint8
	codes16 []uint16
	groupOf []uint32
	counts  []uint32
	weights []uint64 // by code, in place of the rows' own; set with header
	header  bool     // counts come from the dictionary: no row was read

	groups []uint32 // by selected row, made when first needed
	span   bool     // groups are numbers
	cut    bool     // rows of groups that were not taken are left out
}

// selection is n rows of the block that have no groups yet; bits is its own from here
// on.
func (v *blockView) selection(bits bitmap, n int) *selection {
	s := v.selections.take()
	*s = selection{view: v, bits: bits, n: n}
	return s
}

func (s *selection) all() bool { return s.n == s.view.rows }

// rows returns the numbers of the selected rows.
func (s *selection) rows() []uint16 {
	if s.list == nil {
		s.list = appendPositions(s.view.u16.take(s.view.rows)[:0], s.bits)
	}
	return s.list
}

// rowGroups returns the group of each selected row.
func (s *selection) rowGroups() []uint32 {
	if s.groups != nil {
		return s.groups
	}
	s.groups = s.view.u32.take(s.n)
	switch {
	case s.codes8 != nil && s.all():
		mapCodes(s.groups, s.codes8, s.groupOf)
	case s.codes8 != nil:
		mapCodesAt(s.groups, s.codes8, s.groupOf, s.rows())
	case s.codes16 != nil && s.all():
		mapCodes(s.groups, s.codes16, s.groupOf)
	case s.codes16 != nil:
		mapCodesAt(s.groups, s.codes16, s.groupOf, s.rows())
	default:
		for i := range s.groups {
			s.groups[i] = s.groupOf[0]
		}
	}
	return s.groups
}

// assign finds the groups of the selected rows; bits is owned by the selection
// from here on. countsOnly says that only the number and weight of each group's
// rows is wanted.
func (g *grouper) assign(v *blockView, bits bitmap, n int, countsOnly bool) (*selection, error) {
	return g.assignTo(v.selection(bits, n), countsOnly)
}

// assignTo is assign for rows that are known.
func (g *grouper) assignTo(s *selection, countsOnly bool) (*selection, error) {
	v, n := s.view, s.n
	if len(g.plans) == 0 {
		s.groupOf, s.counts = []uint32{0}, []uint32{uint32(n)}
		if countsOnly && s.all() {
			s.header, s.weights = true, []uint64{v.block.Header().Weight}
		}
		return s, nil
	}
	g.keys = resized(g.keys, len(g.plans))
	keys := g.keys
	for k := range keys {
		var err error
		if keys[k], err = g.keyOf(v, k, s.rows); err != nil {
			return nil, err
		}
	}
	if _, coded := combinations(keys); countsOnly && s.all() && coded && g.assignHeader(s, keys) {
		return s, nil
	}
	for k := range keys {
		if err := keys[k].load(v, g, k); err != nil {
			return nil, err
		}
		if p := &g.plans[k]; !p.plain && !p.TimeBucket {
			keys[k].compact(s)
		}
	}
	size, coded := combinations(keys)
	// Counting codes pays if there are not many more of them than rows.
	if coded && (size <= 4096 || size <= 4*n) {
		g.assignCodes(s, keys, size)
	} else {
		g.assignIDs(s, keys)
	}
	return s, nil
}

// combinations is how many codes all keys have together; false if they are too many,
// or one has ids.
func combinations(keys []blockKey) (size int, coded bool) {
	size = 1
	for k := range keys {
		if size *= keys[k].size; size == 0 || size > localGroupsMax {
			return 0, false
		}
	}
	return size, true
}

// compactMin is the fewest codes of a key that are looked at for values alike.
const compactMin = 16

// compact gives codes of which the key's expression makes the same value one code, if
// that leaves half of them or fewer: then the codes of several keys have fewer
// combinations, and groups longer runs.
func (k *blockKey) compact(s *selection) {
	if k.size < compactMin || k.codes8 == nil && k.codes16 == nil {
		return
	}
	v := s.view
	code := make(map[uint32]uint16) // by id
	var ids []uint32
	rows := v.u32.takeClear(k.size) // by code
	s.count(rows, k.codes8, k.codes16)
	table := v.u16.take(k.size)
	for at := range table {
		if table[at] = 0; rows[at] == 0 {
			continue // its value, perhaps new, is of no group; nor does it warn
		}
		id := k.resolve(at)
		to, known := code[id]
		if !known {
			to = uint16(len(ids))
			code[id] = to
			ids = append(ids, id)
		}
		table[at] = to
	}
	if 2*len(ids) > k.size {
		return
	}
	dst := v.u16.take(v.rows)
	if k.codes8 != nil {
		mapCodes(dst, k.codes8, table)
	} else {
		mapCodes(dst, k.codes16, table)
	}
	k.size, k.codes8, k.codes16 = len(ids), nil, dst
	k.resolve = func(code int) uint32 { return ids[code] }
}

// assignHeader takes the rows and weights of each code from the dictionary of the
// only key that varies in the block, if it keeps them.
func (g *grouper) assignHeader(s *selection, keys []blockKey) bool {
	varying := -1
	for k := range keys {
		if keys[k].size > 1 {
			if varying >= 0 || keys[k].codes16 != nil {
				return false
			}
			varying = k
		}
	}
	if varying < 0 {
		s.counts, s.weights = []uint32{uint32(s.n)}, []uint64{s.view.block.Header().Weight}
	} else {
		codes := s.view.column(g.plans[varying].columns[0])[0].codes
		if codes.Counts == nil {
			return false
		}
		s.counts, s.weights = codes.Counts, codes.Weights
	}
	s.header = true
	g.resolve(s, keys)
	return true
}

// load reads the codes of a key that is a dictionary.
func (k *blockKey) load(v *blockView, g *grouper, at int) error {
	if k.size <= 1 || k.codes16 != nil {
		return nil
	}
	c := v.column(g.plans[at].columns[0])[0]
	var err error
	if c.codes.Width <= 8 {
		k.codes8, err = v.load8(c)
	} else {
		k.codes16, err = v.load16(c)
	}
	return err
}

// assignCodes combines the codes of all keys to one, counts the rows of each,
// and finds the groups of those that occur.
func (g *grouper) assignCodes(s *selection, keys []blockKey, size int) {
	s.combine(keys)
	s.counts = s.view.u32.takeClear(size)
	s.count(s.counts, s.codes8, s.codes16)
	g.resolve(s, keys)
}

// count counts the selected rows of each code; both nil: all rows have code 0.
func (s *selection) count(counts []uint32, codes8 []uint8, codes16 []uint16) {
	most := s.n > s.view.rows/2
	switch {
	case codes8 != nil && s.all():
		countCodes(s.view.scratch, counts, codes8)
	case codes8 != nil && most:
		countMostCodes(s.view.scratch, counts, codes8, s.bits)
	case codes8 != nil:
		countCodesOf(counts, codes8, s.bits)
	case codes16 != nil && s.all():
		countCodes(s.view.scratch, counts, codes16)
	case codes16 != nil && most:
		countMostCodes(s.view.scratch, counts, codes16, s.bits)
	case codes16 != nil:
		countCodesOf(counts, codes16, s.bits)
	default:
		counts[0] = uint32(s.n)
	}
}

// resolve finds the group of each code that has rows.
func (g *grouper) resolve(s *selection, keys []blockKey) {
	s.groupOf = s.view.u32.take(len(s.counts))
	g.ids, g.known = resized(g.ids, len(keys)), resized(g.known, len(keys))
	ids, known := g.ids, g.known
	for k := range keys {
		known[k] = s.view.u32.take(keys[k].size)
		for i := range known[k] {
			known[k][i] = noID
		}
	}
	missing := false
	for code, n := range s.counts[:len(s.groupOf)] {
		s.groupOf[code] = noID
		if n == 0 {
			continue
		}
		rest := code
		taken := true
		for k := len(keys) - 1; k >= 0; k-- {
			at := rest % keys[k].size
			rest /= keys[k].size
			if known[k][at] == noID {
				known[k][at] = keys[k].resolve(at)
			}
			ids[k] = known[k][at]
			taken = taken && ids[k] != noID
		}
		if taken {
			s.groupOf[code] = g.index.find(ids)
		}
		missing = missing || s.groupOf[code] == noID
	}
	if missing {
		s.dropMissing()
	}
}

// dropMissing takes the rows of groups that were not taken out of the selection.
func (s *selection) dropMissing() {
	s.cut = true
	for code, n := range s.counts {
		if s.groupOf[code] == noID {
			s.n -= int(n)
		}
	}
	s.list = nil
	switch {
	case s.header:
	case s.codes8 != nil:
		forEach(s.bits, func(row int) { s.dropIf(row, s.groupOf[s.codes8[row]]) })
	case s.codes16 != nil:
		forEach(s.bits, func(row int) { s.dropIf(row, s.groupOf[s.codes16[row]]) })
	default:
		if s.groupOf[0] == noID {
			s.bits.clear()
		}
	}
}

func (s *selection) dropIf(row int, group uint32) {
	if group == noID {
		s.bits[row>>6] &^= 1 << (row & 63)
	}
}

// combine makes one code per row of those of all keys: the first key's is the
// most significant.
func (s *selection) combine(keys []blockKey) {
	var single *blockKey
	varying := 0
	for k := range keys {
		if keys[k].codes8 != nil || keys[k].codes16 != nil {
			varying++
			single = &keys[k]
		}
	}
	switch varying {
	case 0:
		return
	case 1:
		s.codes8, s.codes16 = single.codes8, single.codes16
		return
	}
	dst := s.view.u16.take(s.view.rows)
	first := true
	for k := range keys {
		stride := uint16(1)
		for _, after := range keys[k+1:] {
			stride *= uint16(after.size)
		}
		switch {
		case keys[k].codes8 != nil && first:
			scaleBytes(dst, keys[k].codes8, stride)
		case keys[k].codes8 != nil:
			addBytes(dst, keys[k].codes8, stride)
		case keys[k].codes16 != nil && first:
			scaleCodes(dst, keys[k].codes16, stride)
		case keys[k].codes16 != nil:
			addCodes(dst, keys[k].codes16, stride)
		default:
			continue
		}
		first = false
	}
	s.codes16 = dst
}

// assignIDs gives every key of every selected row its id and finds the group of
// each row by its ids.
func (g *grouper) assignIDs(s *selection, keys []blockKey) {
	rows := s.rows()
	ids := make([][]uint32, len(keys))
	for k := range keys {
		if ids[k] = keys[k].ids; ids[k] == nil {
			ids[k] = keys[k].idsOfCodes(s.view, rows)
		}
	}
	s.groups = s.view.u32.take(len(rows))
	missing := g.index.findAll(s.groups, ids)
	if !missing {
		return
	}
	s.cut = true
	s.list = s.view.u16.take(len(rows))[:0] // the rows may be another grouping's, too
	for i, group := range s.groups {
		if group == noID {
			s.dropIf(int(rows[i]), noID)
			continue
		}
		s.groups[len(s.list)] = group
		s.list = append(s.list, rows[i])
	}
	s.n = len(s.list)
	s.groups = s.groups[:s.n]
}

// idsOfCodes resolves the codes of the selected rows.
func (k *blockKey) idsOfCodes(v *blockView, rows []uint16) []uint32 {
	ids := v.u32.take(len(rows))
	known := v.u32.take(k.size)
	for i := range known {
		known[i] = noID
	}
	for i, r := range rows {
		code := 0
		switch {
		case k.codes8 != nil:
			code = int(k.codes8[r])
		case k.codes16 != nil:
			code = int(k.codes16[r])
		}
		if known[code] == noID {
			known[code] = k.resolve(code)
		}
		ids[i] = known[code]
	}
	return ids
}
