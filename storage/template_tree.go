package storage

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
)

// Most texts of a column are of templates that a few of its rows show. So these are
// mined first, and every text is led down a tree of their constants: piece, variable,
// piece, to the end. That takes no hash and no look at what lies between variables but
// for one comparison, and finds the same variables as cutting would: a run of letters
// and digits is a variable by the same rule, and a word only if nothing is to be cut
// out of it. Texts that reach no end are cut up one by one (template_mine.go).

const (
	// learnRows texts, from the whole column, show its templates. Where there are
	// fewer than learnShare times as many it is not worth the tree.
	learnRows  = 4_096
	learnShare = 4

	// treeEdgesMax bounds the comparisons at one place of a text.
	treeEdgesMax = 32
)

// templateTree is made of the templates that were learned; node 0 is the root.
type templateTree struct {
	nodes []treeNode
}

type treeNode struct {
	edges []treeEdge // longer pieces first
}

// treeEdge is a constant and what follows it.
type treeEdge struct {
	key, mask uint64 // the first 8 bytes of the piece, and which of them it has
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
	data, step := s.vec.Bytes, s.rows/learnRows
	for i := range learnRows {
		start, end := s.spanOfRow(inverse, i*step)
		m.skeletonOf(data, start, end)
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
	}
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

// pieceKey is the first 8 bytes of a piece, and a mask of those it has.
func pieceKey(piece []byte) (key, mask uint64) {
	var b [8]byte
	n := copy(b[:], piece)
	return binary.LittleEndian.Uint64(b[:]), 1<<(8*n) - 1
}

// match leads a text down the tree, appends the ends of its variables to m.ends and
// returns its skeleton; -1, and nothing appended, if it reaches no end.
func (m *miner) match(data []byte, start, end uint32) int {
	if end-start > templateTextMax {
		return -1
	}
	if cap(m.ends)-len(m.ends) < templateVarsMax {
		m.ends = slices.Grow(m.ends, max(templateVarsMax, cap(m.ends)/2))
	}
	n := len(m.ends)
	ends := m.ends[n : n+templateVarsMax]
	node, at, vars := 0, start, 0
search:
	for {
		x, left := firstBytes(data, at), end-at
		edges := m.tree.nodes[node].edges
		for i := range edges {
			e := &edges[i]
			if (x^e.key)&e.mask != 0 || e.size > left || e.size > 8 && !samePiece(data, at+8, at+e.size, e.at+8) {
				continue
			}
			from, to := at+e.size, uint32(0)
			switch e.kind {
			case edgeEnd:
				if from == end {
					m.ends = m.ends[:n+vars]
					return e.to
				}
				continue
			case edgeRun:
				to = m.run(from, end)
			default:
				to = m.word(data, from, end)
			}
			if to == 0 {
				continue
			}
			ends[vars] = uint16(to - start)
			node, at, vars = e.to, to, vars+1
			continue search
		}
		return -1
	}
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
	digits &= 1<<n - 1
	if digits == 0 || digits&1 == 0 && n <= wordBytesMax && digits&(digits-1) == 0 {
		return 0
	}
	return from + n
}

// word is the end of the word that begins at from; 0 if there is something to be cut
// out of it.
func (m *miner) word(data []byte, from, end uint32) (to uint32) {
	to = end
	if n := bytes.IndexByte(data[from:end], ' '); n >= 0 {
		to = from + uint32(n)
	}
	if vars, ok := m.cut(from, to); !ok || len(vars) > 0 || to == 0 {
		return 0
	}
	return to
}
