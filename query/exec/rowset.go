package exec

import (
	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// A rowSet is some rows of a selection, with what is derived from them when it is
// first needed: their numbers, groups and weights.
type rowSet struct {
	sel     *selection
	parent  *rowSet // nil: all of the selection
	bits    bitmap
	n       int
	list    []uint16
	groups  []uint32
	weights *blockWeights
	heavy   *heavyRows
	sorted  bool // byGroup is known
	byGroup *groupRuns
}

// all tells whether the set is all rows of the block.
func (s *rowSet) all() bool { return s.n == s.sel.view.rows }

// rows returns the numbers of the rows, ascending.
func (s *rowSet) rows() []uint16 {
	if s.parent == nil {
		return s.sel.rows()
	}
	if s.list == nil {
		s.list = appendPositions(s.sel.view.u16.take(s.sel.view.rows)[:0], s.bits)
	}
	return s.list
}

// rowGroups returns the group of each row.
func (s *rowSet) rowGroups() []uint32 {
	if s.parent == nil {
		return s.sel.rowGroups()
	}
	if s.groups != nil {
		return s.groups
	}
	from := s.parent.rowGroups()
	if s.n == s.parent.n {
		s.groups = from
		return from
	}
	s.groups = s.sel.view.u32.take(s.n)
	if s.parent.all() {
		return gather(s.groups, from, s.rows())
	}
	kept := 0
	for i, r := range s.parent.rows() {
		if s.bits.has(int(r)) {
			s.groups[kept] = from[i]
			kept++
		}
	}
	return s.groups
}

// narrow returns the rows of the set that are in mask; nil: all.
func (s *rowSet) narrow(mask bitmap) *rowSet {
	if mask == nil {
		return s
	}
	sub := &rowSet{sel: s.sel, parent: s, weights: s.weights, bits: bitmap(s.sel.view.u64.take(len(s.bits)))}
	copy(sub.bits, s.bits)
	sub.bits.and(mask)
	if sub.n = sub.bits.count(); sub.n == s.n {
		return s
	}
	return sub
}

// at returns the values of the rows out of those of the whole block.
func at[T any](s *rowSet, dst func(n int) []T, values []T) []T {
	if s.all() {
		return values
	}
	return gather(dst(s.n), values, s.rows())
}

// blockWeights is the weights of a block's rows, if not all of them are 1.
type blockWeights struct {
	constant uint64   // all rows; 0: they differ
	heavy    bitmap   // the rows that weigh more than 1
	byRow    []uint64 // nil: by code
	byCode   []uint64
	codes    storage.Codes
	wide     []uint16 // the codes of all rows, where each of codes has to be sought
}

// of returns the weight of a row.
func (w *blockWeights) of(row int) uint64 {
	if w.byRow != nil {
		return w.byRow[row]
	}
	if w.wide != nil {
		return w.byCode[w.wide[row]]
	}
	return w.byCode[w.codes.At(row)]
}

// heavyRows is the rows of a set that weigh more than 1: most rows weigh 1, so
// every row is counted once, and these once more with the rest of their weight.
type heavyRows struct {
	whole   bool     // all rows of the set, with their whole weight
	at      []uint16 // positions in the set; nil if whole
	groups  []uint32 // of the rows at
	weights []uint64
}

// heavyMax is the share of heavy rows (one in so many) beyond which it is simpler
// to weigh all.
const heavyMax = 4

// loadWeights returns the weights of the block's rows; nil: all weigh 1.
func (v *blockView) loadWeights() (*blockWeights, error) {
	stored := v.weightColumns()
	if len(stored) == 0 {
		return nil, nil
	}
	w := &blockWeights{}
	if len(stored) == 1 && stored[0].shape == storage.ShapeCodes {
		return v.loadCodedWeights(stored[0])
	}
	w.byRow, w.heavy = v.u64.take(v.rows), v.bitmap(v.rows)
	all := bitmap(v.u64.take(words(v.rows)))
	all.setAll(v.rows)
	for _, c := range stored {
		if err := v.load(c, all); err != nil {
			return nil, err
		}
	}
	for row := range w.byRow {
		w.byRow[row] = 1
		for _, c := range stored {
			if x := v.value(c, row); !x.IsNull() {
				w.byRow[row] = query.Weight(x)
			}
		}
		if w.byRow[row] != 1 {
			w.heavy.set(row)
		}
	}
	if w.heavy.empty() {
		return nil, nil
	}
	return w, nil
}

func (v *blockView) loadCodedWeights(c *storedColumn) (*blockWeights, error) {
	if err := v.loadHead(c); err != nil {
		return nil, err
	}
	n := codeCount(c.codes)
	byCode := v.u64.take(max(n, 1))
	t := codeTable{passes: v.u8.takeClear(max(256, n+1))}
	heavy := 0
	for code := range n {
		if byCode[code] = query.Weight(v.entry(c, code)); byCode[code] != 1 {
			t.passes[code] = 1
			heavy++
		}
	}
	switch {
	case heavy == 0:
		return nil, nil
	case n == 1:
		return &blockWeights{constant: byCode[0]}, nil
	}
	if err := v.loadCodes(c); err != nil {
		return nil, err
	}
	w := &blockWeights{heavy: bitmap(v.u64.take(words(v.rows))), byCode: byCode, codes: c.codes}
	if c.codes.Rare != nil {
		var err error
		if w.wide, err = v.load16(c); err != nil {
			return nil, err
		}
	}
	return w, t.mask(v, c, w.heavy, false)
}

// heavyOf returns the rows of the set that weigh more than 1; nil if there are none.
func (s *rowSet) heavyOf() *heavyRows {
	if s.weights == nil || s.n == 0 {
		return nil
	}
	if s.heavy == nil {
		s.heavy = s.findHeavy()
	}
	if h := s.heavy; !h.whole && h.groups == nil {
		h.groups = s.groupsOf(h.at)
	}
	return s.heavy
}

// groupsOf returns the groups of the rows at some positions.
func (s *rowSet) groupsOf(at []uint16) []uint32 {
	groups := s.sel.view.u32.take(len(at))
	switch {
	case s.sel.groupOf == nil:
		return gather(groups, s.rowGroups(), at)
	case s.all():
		for i, row := range at {
			groups[i] = s.sel.groupAt(int(row))
		}
	default:
		rows := s.rows()
		for i, p := range at {
			groups[i] = s.sel.groupAt(int(rows[p]))
		}
	}
	return groups
}

// findHeavy finds the heavy rows, without their groups.
func (s *rowSet) findHeavy() *heavyRows {
	v := s.sel.view
	h := &heavyRows{}
	if w := s.weights.constant; w != 0 {
		h.whole, h.weights = true, v.u64.take(s.n)
		for i := range h.weights {
			h.weights[i] = w
		}
		return h
	}
	h.at = v.u16.take(s.n)[:0]
	if s.all() {
		h.at = appendPositions(h.at, s.weights.heavy)
	} else {
		for i, r := range s.rows() {
			if s.weights.heavy.has(int(r)) {
				h.at = append(h.at, uint16(i))
			}
		}
	}
	if len(h.at) > s.n/heavyMax {
		h.whole, h.at = true, nil
		h.weights = v.u64.take(s.n)
		for i, r := range s.rows() {
			h.weights[i] = s.weights.of(int(r))
		}
		return h
	}
	h.weights = v.u64.take(len(h.at))
	for i, p := range h.at {
		row := p
		if !s.all() {
			row = s.rows()[p]
		}
		h.weights[i] = s.weights.of(int(row)) - 1
	}
	return h
}
