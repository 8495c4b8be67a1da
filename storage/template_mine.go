package storage

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// Mining finds the templates of a column of texts in three steps, of some texts at
// first: most others are seen to be of the same (template_tree.go). Every text is
// cut into variables and what is constant between them; texts with the same
// constants share a skeleton, found by hash. The few skeletons, not the texts, are
// then put together where they differ in whole words only (a path, a state): those
// words become variables too. What is left over, being too rare, is loose.
//
// A variable is a run of letters and digits that has a digit; what it is made of
// is found out when its values are packed. (Words like v2, ipv6 or http2 are
// constant: see wordBytesMax.)

const (
	// templateTextMax is the longest text that is cut up: longer ones are dumps and
	// stacks, for which a general compressor is better.
	templateTextMax = 2_048

	// templateVarsMax is the most variables of a text.
	templateVarsMax = 64

	// templatesMax leaves one 8-bit id for what is loose.
	templatesMax = 255

	// templateVariablesMax bounds the variables of a column: a reader keeps 8 KiB of
	// unpacked numbers for each.
	templateVariablesMax = 512

	// skeletonsMax bounds the work of putting skeletons together, which grows with
	// skeletons times templates.
	skeletonsMax = 1_024

	// skeletonProbe is after how many texts it is asked whether most had a
	// skeleton of their own: then there are no templates.
	skeletonProbe = 4_096

	// wordBytesMax is the longest word that may have one digit after its first
	// letter and still be constant.
	wordBytesMax = 5

	// A template takes about 200 bytes: with fewer rows than these, or less than
	// one row in templateShare, texts are cheaper loose.
	templateRowsMin = 8
	templateShare   = 1_024
)

// anchor is a position in any text of a skeleton: so many bytes after the end of a
// variable, or after the start of the text.
type anchor struct {
	after int // variable; -1: the start
	by    int
}

// token is a word of a skeleton, from space to space.
type token struct {
	hash     uint64 // of the constants, and of where variables are
	from, to anchor
	vars     int // within it
	first    int // of them
}

// skeleton is what some texts have in common.
type skeleton struct {
	hash   uint64
	start  uint32 // of the first such text in the bytes of the column
	size   uint32
	endsAt int // of its variables in miner.ends
	vars   int
	rows   int

	tokens   []token
	template int    // that it belongs to; -1: none
	spans    []span // its variables
	learned  *mined // of one that stands for all texts of a template in the tree
}

// span is where a variable of a template stands in the texts of a skeleton.
type span struct{ from, to anchor }

// mined is a template: its words, of which some are variable.
type mined struct {
	tokens    []token
	variable  []bool // by token
	variables int
	skeletons []int
	rows      int
	pieces    [][]byte // constants between variables
	starts    []int    // where they lie in the bytes of the column
	words     []bool   // by variable: it is a word, up to a space
	fixed     bool     // it was learned, and takes no other skeletons
}

// miner is the memory of mining, kept from column to column.
type miner struct {
	digits, words []uint64 // bitmaps over the bytes of the column, as far as they are needed
	classified    bool     // they are of all bytes
	ends          []uint16 // of the variables of all texts, from the start of each
	endsAt        []uint32 // where those of each row begin, if it is of a skeleton
	ofRow         []uint16 // skeleton+1 of each row; 0: loose
	table         []uint16 // open addressing: skeleton+1
	skeletons     []skeleton
	tokens        []token // of all skeletons
	mined         []mined
	tree          templateTree
	walk          treeWalk
	varBuf        [templateVarsMax]span16
}

// span16 is a variable within one text.
type span16 struct{ from, to uint16 }

const skeletonTable = skeletonsMax * 4

// mine fills skeletons and ofRow. It reports false if texts have little in common.
func (m *miner) mine(s *source, inverse []int32) bool {
	data := s.vec.Bytes
	n := bitmapWords(len(data)) + 1
	m.digits, m.words = grow(m.digits, n), grow(m.words, n)
	m.digits[n-1], m.words[n-1] = 0, 0
	m.classified = false
	m.forget()
	m.ofRow, m.endsAt = grow(m.ofRow, s.rows), grow(m.endsAt, s.rows)
	learned := s.rows >= learnShare*learnRows
	if learned && !m.learn(s, inverse) {
		return false
	}
	for first := 0; first < s.rows; first += walkRows {
		last := min(first+walkRows, s.rows)
		m.classifyRows(s, inverse, first, last)
		if learned {
			m.walkTexts(s, inverse, first, last)
		}
		for row := first; row < last; row++ {
			if learned && m.ofRow[row] != 0 {
				continue
			}
			start, end := s.spanOfRow(inverse, row)
			m.endsAt[row] = uint32(len(m.ends))
			m.ofRow[row] = uint16(m.skeletonOf(s.vec.Bytes, start, end))
			if row == skeletonProbe && len(m.skeletons) >= skeletonProbe/4 {
				return false
			}
		}
	}
	return true
}

// classify finds out which bytes of data are digits and letters, from one on to
// another: whole words, so that a few bytes around them are looked at again.
func (m *miner) classify(data []byte, from, to uint32) {
	first, last := int(from>>6), bitmapWords(int(to))
	classify(m.digits[first:last], m.words[first:last], data[first<<6:min(last<<6, len(data))])
}

// rowsApartMax is how far apart in the column the texts of some rows may lie for what
// is between them to be looked at as well, in texts.
const rowsApartMax = 4 * walkRows

// classifyRows is classify for the texts of rows. Done right before they are cut, it
// also brings them near, one after another. Where rows are far from the order of the
// column, it is done for all at once.
func (m *miner) classifyRows(s *source, inverse []int32, first, last int) {
	if m.classified {
		return
	}
	from, to := first, last
	if inverse != nil {
		from, to = valuesIn(inverse[first:last])
	}
	switch {
	case to-from > rowsApartMax:
		m.classified = true
		m.classify(s.vec.Bytes, 0, uint32(len(s.vec.Bytes)))
	case from < to:
		start, _ := s.spanOfRow(nil, from)
		m.classify(s.vec.Bytes, start, s.vec.Ends[to-1])
	}
}

// valuesIn is the range of the values that rows have; 0, 0 if they have none.
func valuesIn(rows []int32) (from, to int) {
	low, high := int32(math.MaxInt32), int32(-1)
	for _, i := range rows {
		if i >= 0 {
			low, high = min(low, i), max(high, i)
		}
	}
	if high < 0 {
		return 0, 0
	}
	return int(low), int(high) + 1
}

// spanOfRow is where the text of a row lies; that of a null row is empty.
func (s *source) spanOfRow(inverse []int32, row int) (start, end uint32) {
	i := row
	if inverse != nil {
		if i = int(inverse[row]); i < 0 {
			return 0, 0
		}
	}
	if i > 0 {
		start = s.vec.Ends[i-1]
	}
	return start, s.vec.Ends[i]
}

// skeletonOf cuts a text up, appends its variables to ends and returns its
// skeleton + 1, or 0 and nothing appended if it is to be loose.
func (m *miner) skeletonOf(data []byte, start, end uint32) int {
	vars, ok := m.cut(start, end)
	if !ok {
		return 0
	}
	h, at := uint64(len(vars)), start
	for _, v := range vars {
		h = hashPiece(h, data, at, start+uint32(v.from))
		at = start + uint32(v.to)
	}
	h = hashPiece(h, data, at, end)
	for slot := h >> 32; ; slot++ {
		id := m.table[slot%skeletonTable]
		if id == 0 {
			if len(m.skeletons) == skeletonsMax {
				return 0
			}
			m.skeletons = append(m.skeletons, skeleton{
				hash: h, start: start, size: end - start, endsAt: len(m.ends), vars: len(vars), rows: 1,
			})
			id = uint16(len(m.skeletons))
			m.table[slot%skeletonTable] = id
			m.keep(vars)
			return int(id)
		}
		if sk := &m.skeletons[id-1]; sk.hash == h && m.same(sk, data, start, end, vars) {
			sk.rows++
			m.keep(vars)
			return int(id)
		}
	}
}

func (m *miner) keep(vars []span16) {
	for _, v := range vars {
		m.ends = append(m.ends, v.to)
	}
}

// same tells whether a text has the constants of a skeleton: hashes may collide.
func (m *miner) same(sk *skeleton, data []byte, start, end uint32, vars []span16) bool {
	if sk.vars != len(vars) {
		return false
	}
	at, other := start, sk.start
	for i, v := range vars {
		if !samePiece(data, at, start+uint32(v.from), other) {
			return false
		}
		at, other = start+uint32(v.to), sk.start+uint32(m.ends[sk.endsAt+i])
	}
	return end-at == sk.start+sk.size-other && samePiece(data, at, end, other)
}

// samePiece tells whether data[from:to] is what data holds from other on. Most are of
// a few words, for which a call costs more than the bytes.
func samePiece(data []byte, from, to, other uint32) bool {
	for ; to-from >= 8; from, other = from+8, other+8 {
		if binary.LittleEndian.Uint64(data[from:]) != binary.LittleEndian.Uint64(data[other:]) {
			return false
		}
	}
	if n := to - from; int(max(from, other))+8 <= len(data) {
		return (binary.LittleEndian.Uint64(data[from:])^binary.LittleEndian.Uint64(data[other:]))<<(64-8*n) == 0
	}
	return string(data[from:to]) == string(data[other:other+to-from])
}

// cut finds the variables of data[start:end] by the bitmaps of the column, 64 bytes
// at a time. ok is false if the text is not to be cut.
func (m *miner) cut(start, end uint32) (vars []span16, ok bool) {
	if end-start > templateTextMax {
		return nil, false
	}
	n, low := 0, start // low: the end of the word before
	for base := start; base < end; {
		digits, words := bitsFrom(m.digits, base), bitsFrom(m.words, base)
		if left := end - base; left < 64 {
			digits &= 1<<left - 1
			words &= 1<<left - 1
		}
		next := base + 64
		for digits != 0 {
			first := uint32(bits.TrailingZeros64(digits))
			at := base + first
			from := base + uint32(bits.Len64(^words&(1<<first-1)))
			if from == base && base > low {
				from = wordStart(m.words, low, at)
			}
			past := first + uint32(bits.TrailingZeros64(^(words >> first)))
			to, several := base+past, digits&(1<<past-1)&^(1<<first) != 0
			if past >= 64 && to < end {
				to = nextZero(m.words, to, end)
				several = nextOne(m.digits, at+1, to) < to
				next = to
			}
			digits &= ^uint64(0) << past
			low = to
			if from < at && to-from <= wordBytesMax && !several {
				continue
			}
			if n == templateVarsMax {
				return nil, false
			}
			m.varBuf[n] = span16{uint16(from - start), uint16(to - start)}
			n++
		}
		base = next
	}
	return m.varBuf[:n], true
}

// bitsFrom is the 64 bits of a bitmap from one on. A word follows the last.
func bitsFrom(words []uint64, from uint32) uint64 {
	i, shift := from>>6, from&63
	return words[i]>>shift | words[i+1]<<(64-shift)
}

// nextOne is the first set bit of [from, to), or to.
func nextOne(words []uint64, from, to uint32) uint32 {
	for from < to {
		if w := words[from>>6] >> (from & 63); w != 0 {
			return min(to, from+uint32(bits.TrailingZeros64(w)))
		}
		from = (from | 63) + 1
	}
	return to
}

// nextZero is the first bit of [from, to) that is not set, or to.
func nextZero(words []uint64, from, to uint32) uint32 {
	for from < to {
		if w := ^words[from>>6] >> (from & 63); w != 0 {
			return min(to, from+uint32(bits.TrailingZeros64(w)))
		}
		from = (from | 63) + 1
	}
	return to
}

// wordStart is the start of the run of set bits that ends with at, not before low.
func wordStart(words []uint64, low, at uint32) uint32 {
	for at > low {
		// The bits before at, the nearest first.
		i := (at - 1) >> 6
		w := ^words[i] << (63 - (at-1)&63)
		if w != 0 {
			return max(low, at-uint32(bits.LeadingZeros64(w)))
		}
		at = i << 6
	}
	return low
}

// hashPiece takes a constant and its length into a hash, 8 bytes at a time.
func hashPiece(h uint64, data []byte, from, to uint32) uint64 {
	h += uint64(to-from) * hashMul2
	for ; to-from >= 8; from += 8 {
		h = (h ^ binary.LittleEndian.Uint64(data[from:])) * hashMul1
		h ^= h >> 29
	}
	rest := uint64(0)
	if n := to - from; int(from)+8 <= len(data) {
		rest = binary.LittleEndian.Uint64(data[from:]) & (1<<(8*n) - 1)
	} else {
		for i := range n {
			rest |= uint64(data[from+i]) << (8 * i)
		}
	}
	h = (h ^ rest) * hashMul1
	return h ^ h>>32
}
