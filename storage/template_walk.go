package storage

import (
	"math/bits"
	"slices"
	"unsafe"
)

// Texts are led down the tree (template_tree.go) many at a time: those that are at
// the same node are held against its edge one after another, so that each loop does
// the same for every text, and the processor knows what comes next. Text by text it
// would guess at each of them which template it is, and be wrong mostly.

// walkRows texts of 85 bytes are 43 KB, which stay in the nearest caches on their way.
const walkRows = 512

// treeWalk is the memory of leading some texts down. Texts are known by their row,
// counted from first on; positions are in the bytes of the column.
type treeWalk struct {
	first int
	texts [walkRows]walked
	vars  [][walkRows]uint16 // the ends of each variable so far, from the starts of their texts
	order []uint16           // texts by edge: some for each node of several edges on the way
}

// walked is a text on its way.
type walked struct {
	start, end uint32
	at         uint32 // from where on it is still to be seen
	_          uint32
}

// walkTexts leads the texts of rows [first, last) down the tree. It sets ofRow of each,
// to 0 where a text reaches no end, and endsAt of the others.
func (m *miner) walkTexts(s *source, inverse []int32, first, last int) {
	w := &m.walk
	w.first, w.order = first, w.order[:0]
	clear(m.ofRow[first:last])
	for i := range last - first {
		start, end := s.spanOfRow(inverse, first+i)
		w.texts[i] = walked{start: start, end: end, at: start}
		if end-start <= templateTextMax {
			w.order = append(w.order, uint16(i))
		}
	}
	m.descend(s.vec.Bytes, 0, 0, w.order)
}

// descend leads texts down from a node that is behind so many variables. The list of
// texts is used up.
func (m *miner) descend(data []byte, node, vars int, texts []uint16) {
	for len(texts) > 0 {
		edges := m.tree.nodes[node].edges
		if len(edges) != 1 {
			m.fork(data, node, vars, texts)
			return
		}
		if texts = m.follow(data, node, 0, vars, texts); edges[0].kind == edgeEnd {
			m.arrive(edges[0].to, texts)
			return
		}
		node, vars = edges[0].to, vars+1
	}
}

// fork deals texts out to the edges of a node, to the first that may be theirs by its
// first bytes, and leads them on.
func (m *miner) fork(data []byte, node, vars int, texts []uint16) {
	w, n := &m.walk, &m.tree.nodes[node]
	edges := n.edges
	var ends [treeEdgesMax + 2]int // of the texts of each edge, moved up by one
	var edgeOf [walkRows]uint8
	for _, i := range texts {
		at, x := w.texts[i].at, uint64(0)
		if int(at)+8 <= len(data) { // as firstBytes, without a call for each text
			x = load64(unsafe.SliceData(data), at)
		} else {
			x = firstBytes(data, at)
		}
		e := int(n.slots[edgeSlot(x&n.common)])
		for e < len(edges) && (x^edges[e].key)&edges[e].mask != 0 {
			e++
		}
		edgeOf[i] = uint8(e)
		ends[e+1]++
	}
	for e := range edges {
		ends[e+1] += ends[e]
	}
	before := len(w.order)
	w.order = slices.Grow(w.order, len(texts))[:before+len(texts)]
	sorted := w.order[before:]
	for _, i := range texts {
		e := edgeOf[i]
		sorted[ends[e]] = i
		ends[e]++
	}
	from := 0
	for e := range edges {
		passed := m.follow(data, node, e, vars, sorted[from:ends[e]])
		if from = ends[e]; edges[e].kind == edgeEnd {
			m.arrive(edges[e].to, passed)
		} else {
			m.descend(data, edges[e].to, vars+1, passed)
		}
	}
	w.order = w.order[:before]
}

// follow leads texts along an edge, and returns those that it is the way of. For the
// others it looks at the node's further edges, one by one.
func (m *miner) follow(data []byte, node, nth, vars int, texts []uint16) (passed []uint16) {
	e := &m.tree.nodes[node].edges[nth]
	switch e.kind {
	case edgeRun:
		return m.followRun(data, node, nth, vars, texts)
	case edgeWord:
		return m.followWord(data, node, nth, vars, texts)
	}
	w := &m.walk
	passed = texts[:0]
	for _, i := range texts {
		if t := &w.texts[i]; e.begins(data, t.at, t.end) && t.at+e.size == t.end {
			passed = append(passed, i)
		} else {
			m.stray(data, node, nth+1, vars, i)
		}
	}
	return passed
}

func (m *miner) followWord(data []byte, node, nth, vars int, texts []uint16) (passed []uint16) {
	w, e := &m.walk, &m.tree.nodes[node].edges[nth]
	passed = texts[:0]
	for _, i := range texts {
		t, to := &w.texts[i], uint32(0)
		if e.begins(data, t.at, t.end) {
			to = m.word(data, t.at+e.size, t.end)
		}
		if to == 0 {
			m.stray(data, node, nth+1, vars, i)
			continue
		}
		t.at, w.vars[vars][i] = to, uint16(to-t.start)
		passed = append(passed, i)
	}
	return passed
}

// runWindow is how far one load sees a run of letters and digits, wherever it begins
// within a byte of the bitmaps.
const runWindow = 57

// followRun takes the common case without a call or a branch that depends on the text:
// the piece is there, and behind it a run of less than runWindow bytes. All else is
// left to stray, which looks at this edge again. It loads 8 bytes from where a position
// is known to be 8 bytes or more before the end of data, which the bitmaps go beyond.
func (m *miner) followRun(data []byte, node, nth, vars int, texts []uint16) (passed []uint16) {
	e, w := &m.tree.nodes[node].edges[nth], &m.walk
	bytes, words, digits := unsafe.SliceData(data), (*byte)(unsafe.Pointer(&m.words[0])), (*byte)(unsafe.Pointer(&m.digits[0]))
	key, mask, last, size, limit := e.key, e.mask, e.last, e.size, uint32(max(0, len(data)-8))
	ends, n := &w.vars[vars], 0
	for _, i := range texts {
		t := &w.texts[i%walkRows]
		from := t.at + size
		if from > t.end || from > limit {
			m.stray(data, node, nth, vars, i)
			continue
		}
		differs := (load64(bytes, t.at) ^ key) & mask
		if size > 8 {
			differs |= load64(bytes, from-8) ^ last
		}
		run := uint32(bits.TrailingZeros64(^(load64(words, from>>3) >> (from & 7))))
		run = min(run, t.end-from)
		of := load64(digits, from>>3) >> (from & 7) & (1<<(run&63) - 1)
		if differs != 0 || run >= runWindow || !cutOut(of, run) || size > 16 && !samePiece(data, t.at+8, from-8, e.at+8) {
			m.stray(data, node, nth, vars, i)
			continue
		}
		t.at = from + run
		ends[i%walkRows] = uint16(t.at - t.start)
		texts[n] = i
		n++
	}
	return texts[:n]
}

// load64 loads 8 bytes.
func load64(base *byte, at uint32) uint64 {
	return *(*uint64)(unsafe.Add(unsafe.Pointer(base), at))
}

// begins tells whether data[at:end] begins with the piece of the edge.
func (e *treeEdge) begins(data []byte, at, end uint32) bool {
	return (firstBytes(data, at)^e.key)&e.mask == 0 && e.size <= end-at && (e.size <= 8 || samePiece(data, at+8, at+e.size, e.at+8))
}

// stray leads one text down from a node, of which it looks at the edges from one on.
func (m *miner) stray(data []byte, node, nth, vars int, i uint16) {
	w := &m.walk
	t := &w.texts[i]
search:
	for {
		edges := m.tree.nodes[node].edges
		for ; nth < len(edges); nth++ {
			e := &edges[nth]
			if !e.begins(data, t.at, t.end) {
				continue
			}
			from, to := t.at+e.size, uint32(0)
			switch e.kind {
			case edgeEnd:
				if from == t.end {
					m.arrive(e.to, []uint16{i})
					return
				}
				continue
			case edgeRun:
				to = m.run(from, t.end)
			default:
				to = m.word(data, from, t.end)
			}
			if to == 0 {
				continue
			}
			t.at, w.vars[vars][i] = to, uint16(to-t.start)
			node, nth, vars = e.to, 0, vars+1
			continue search
		}
		return
	}
}

// arrive notes that texts are of a skeleton, and keeps the ends of their variables.
func (m *miner) arrive(id int, texts []uint16) {
	w, sk := &m.walk, &m.skeletons[id]
	sk.rows += len(texts)
	at := len(m.ends)
	m.ends = slices.Grow(m.ends, len(texts)*sk.vars)[:at+len(texts)*sk.vars]
	for n, i := range texts {
		m.ofRow[w.first+int(i)] = uint16(id + 1)
		m.endsAt[w.first+int(i)] = uint32(at + n*sk.vars)
	}
	for j := range sk.vars {
		ends, to := &w.vars[j], at+j
		for _, i := range texts {
			m.ends[to] = ends[i%walkRows]
			to += sk.vars
		}
	}
}
