package storage

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
)

// Most texts of a column are of templates that a few of its rows show. So these are
// mined first, and every text is led down a tree of their constants: piece, variable,
// piece, to the end (template_walk.go). That takes no hash and no look at what lies between variables but
// for one comparison, and finds the same variables as cutting would: a run of letters
// and digits is a variable by the same rule, and a word only if nothing is to be cut
// out of it. Texts that reach no end are cut up one by one (template_mine.go).

const (
	// learnRows texts, from the whole column, show its templates: all that one text in
	// 200 is of. They are taken learnRun together, as those lie in few cache lines.
	// Where there are fewer than learnShare times as many it is not worth the tree.
	learnRows  = 2_048
	learnRun   = 8
	learnShare = 8

	// treeEdgesMax bounds the comparisons at one place of a text.
	treeEdgesMax = 32
)

// templateTree is made of the templates that were learned; node 0 is the root.
type templateTree struct {
	nodes []treeNode
}

type treeNode struct {
	edges []treeEdge // longer pieces first

	// Of several edges: the first that may be that of a text, by the slot of the bytes
	// at its beginning that all edges have; len(edges) if there is none.
	common uint64
	slots  [edgeSlots]uint8
}

// edgeSlots leaves most edges a slot of their own.
const edgeSlots = 256

// edgeSlot is the slot of some first bytes.
func edgeSlot(common uint64) uint8 { return uint8((common ^ common>>32) * hashMul1 >> 56) }

// treeEdge is a constant and what follows it.
type treeEdge struct {
	key, mask uint64 // the first 8 bytes of the piece, and which of them it has
	last      uint64 // its last 8, of more than that
	at, size  uint32 // the piece, in the bytes of the column
	kind      edgeKind
	to        int // node after the variable; the skeleton, if the text ends
}

type edgeKind uint8

const (
	edgeRun  edgeKind = iota // a run of letters and digits
	edgeWord                 // up to a space
	edgeEnd                  // nothing
)

// learn mines some texts of the column and makes the tree of their templates, each of
// which stands as the skeleton of its texts. It reports false if they have little in
// common.
func (m *miner) learn(s *source, inverse []int32) bool {
	data, step := s.vec.Bytes, s.rows/(learnRows/learnRun)
	for first := 0; first < learnRows/learnRun*step; first += step {
		m.classifyRows(s, inverse, first, first+learnRun)
		for row := first; row < first+learnRun; row++ {
			start, end := s.spanOfRow(inverse, row)
			m.skeletonOf(data, start, end)
		}
	}
	if len(m.skeletons) >= learnRows/4 {
		return false
	}
	m.combine(data, learnRows)
	learned := slices.Clone(m.mined)
	m.forget()
	m.tree.nodes = append(m.tree.nodes[:0], treeNode{})
	for i := range learned {
		t := &learned[i]
		if len(t.words) > templateVarsMax || !m.tree.add(data, t, len(m.skeletons)) {
			continue
		}
		sk := skeleton{vars: len(t.words), spans: t.spans(), learned: &mined{pieces: t.pieces, words: t.words, fixed: true}}
		m.skeletons = append(m.skeletons, sk)
		m.walk.vars = grow(m.walk.vars, max(len(m.walk.vars), sk.vars))
	}
	m.tree.index()
	return true
}

// forget empties what mining fills.
func (m *miner) forget() {
	m.table = grow(m.table, skeletonTable)
	clear(m.table)
	m.skeletons, m.ends = m.skeletons[:0], m.ends[:0]
}

// spans says where the variables of a text are, by their ends.
func (t *mined) spans() []span {
	spans := make([]span, len(t.words))
	for j := range spans {
		spans[j] = span{anchor{j - 1, len(t.pieces[j])}, anchor{j, 0}}
	}
	return spans
}

// add adds a template, as a skeleton. It reports false if its texts would be taken for
// those of another, or there are too many edges.
func (t *templateTree) add(data []byte, of *mined, id int) bool {
	at := 0
	for j, piece := range of.pieces {
		kind := edgeEnd
		if j < len(of.words) {
			if kind = edgeRun; of.words[j] {
				kind = edgeWord
			}
		}
		edges := t.nodes[at].edges
		i := slices.IndexFunc(edges, func(e treeEdge) bool {
			return e.kind == kind && bytes.Equal(data[e.at:e.at+e.size], piece)
		})
		switch {
		case i >= 0 && kind == edgeEnd, i < 0 && len(edges) == treeEdgesMax:
			return false
		case i >= 0:
			at = edges[i].to
			continue
		}
		e := treeEdge{at: uint32(of.starts[j]), size: uint32(len(piece)), kind: kind, to: id}
		e.key, e.mask = pieceKey(piece)
		if n := len(piece); n > 8 {
			e.last = binary.LittleEndian.Uint64(piece[n-8:])
		}
		if kind != edgeEnd {
			e.to = len(t.nodes)
			t.nodes = append(t.nodes, treeNode{})
		}
		i = slices.IndexFunc(edges, func(other treeEdge) bool { return other.size < e.size })
		if i < 0 {
			i = len(edges)
		}
		t.nodes[at].edges = slices.Insert(edges, i, e)
		at = e.to
	}
	return true
}

// index fills the slots of all nodes, when the last template was added.
func (t *templateTree) index() {
	for i := range t.nodes {
		n := &t.nodes[i]
		if len(n.edges) == 1 {
			continue
		}
		n.common = ^uint64(0)
		for j := range n.edges {
			n.common &= n.edges[j].mask
		}
		for j := range n.slots {
			n.slots[j] = uint8(len(n.edges))
		}
		for j, e := range slices.Backward(n.edges) {
			n.slots[edgeSlot(e.key&n.common)] = uint8(j)
		}
	}
}

// pieceKey is the first 8 bytes of a piece, and a mask of those it has.
func pieceKey(piece []byte) (key, mask uint64) {
	var b [8]byte
	n := copy(b[:], piece)
	return binary.LittleEndian.Uint64(b[:]), 1<<(8*n) - 1
}

// firstBytes loads 8 bytes from a position on; zeros stand for those past the end.
func firstBytes(data []byte, at uint32) uint64 {
	if int(at)+8 <= len(data) {
		return binary.LittleEndian.Uint64(data[at:])
	}
	var b [8]byte
	copy(b[:], data[at:])
	return binary.LittleEndian.Uint64(b[:])
}

// run is the end of the run of letters and digits that begins at from, if it is to be
// cut out; else 0.
func (m *miner) run(from, end uint32) (to uint32) {
	words, digits := bitsFrom(m.words, from), bitsFrom(m.digits, from)
	n := uint32(bits.TrailingZeros64(^words))
	if n >= 64 || from+n >= end {
		if to = nextZero(m.words, from, end); to-from >= 64 {
			if digits == 0 && nextOne(m.digits, from, to) == to {
				return 0
			}
			return to
		}
		n = to - from
	}
	if !cutOut(digits&(1<<n-1), n) {
		return 0
	}
	return from + n
}

// cutOut tells whether a run of n letters and digits, n at most 64, is to be cut out, by
// where its digits are.
func cutOut(digits uint64, n uint32) bool {
	return digits != 0 && (digits&1 != 0 || n > wordBytesMax || digits&(digits-1) != 0)
}

// word is the end of the word that begins at from; 0 if there is something to be cut
// out of it.
func (m *miner) word(data []byte, from, end uint32) (to uint32) {
	to = end
	if n := bytes.IndexByte(data[from:end], ' '); n >= 0 {
		to = from + uint32(n)
	}
	if nextOne(m.digits, from, to) == to {
		return to // 0 where the first text of all is empty
	}
	if vars, ok := m.cut(from, to); !ok || len(vars) > 0 || to == 0 {
		return 0
	}
	return to
}
