package storage

import (
	"bytes"
	"cmp"
	"slices"
)

// cutWords cuts a skeleton into words.
func (m *miner) cutWords(sk *skeleton, data []byte) {
	text := data[sk.start : sk.start+sk.size]
	ends := m.ends[sk.endsAt : sk.endsAt+sk.vars]
	first := len(m.tokens)
	t := token{from: anchor{-1, 0}}
	at := anchor{-1, 0} // the present position
	for i, last := 0, 0; i < len(text); {
		next := len(text)
		if v := at.after + 1; v < len(ends) {
			next = m.varStart(sk, v)
		}
		for ; i < next; i++ {
			at.by = i - last
			if c := text[i]; c != ' ' {
				t.hash = (t.hash ^ uint64(c) + 1) * hashMul1
				t.hash ^= t.hash >> 31
				continue
			}
			t.to = at
			m.tokens = append(m.tokens, t)
			t = token{from: anchor{at.after, at.by + 1}, first: at.after + 1}
		}
		at.by = i - last
		if i < len(text) {
			t.hash = (t.hash ^ hashMul2) * hashMul1
			t.hash ^= t.hash >> 31
			t.vars++
			at = anchor{at.after + 1, 0}
			i = int(ends[at.after])
			last = i
		}
	}
	t.to = at
	m.tokens = append(m.tokens, t)
	sk.tokens = m.tokens[first:len(m.tokens):len(m.tokens)]
}

// varStart is where variable v of a skeleton's first text begins.
func (m *miner) varStart(sk *skeleton, v int) int {
	low := uint32(0)
	if v > 0 {
		low = uint32(m.ends[sk.endsAt+v-1])
	}
	return int(wordStart(m.words, sk.start+low, sk.start+uint32(m.ends[sk.endsAt+v])) - sk.start)
}

// combine puts skeletons together into templates, the most frequent first, and
// leaves out what is rare.
func (m *miner) combine(data []byte, rows int) {
	m.mined, m.tokens = m.mined[:0], m.tokens[:0]
	order := make([]int, 0, len(m.skeletons))
	for i := range m.skeletons {
		sk := &m.skeletons[i]
		if sk.template = -1; sk.learned == nil {
			order = append(order, i)
			continue
		}
		m.mined = append(m.mined, *sk.learned)
		t := &m.mined[len(m.mined)-1]
		t.skeletons, t.rows = []int{i}, sk.rows
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(m.skeletons[b].rows-m.skeletons[a].rows, a-b)
	})
	for _, i := range order {
		sk := &m.skeletons[i]
		sk.spans = nil
		m.cutWords(sk, data)
		found := -1
		for t := range m.mined {
			if !m.mined[t].fixed && m.mined[t].admits(sk.tokens) {
				found = t
				break
			}
		}
		if found < 0 {
			if len(m.mined) == 2*templatesMax {
				continue
			}
			found = len(m.mined)
			m.mined = append(m.mined, mined{tokens: sk.tokens, variable: make([]bool, len(sk.tokens))})
		}
		t := &m.mined[found]
		t.skeletons = append(t.skeletons, i)
		t.rows += sk.rows
	}
	slices.SortStableFunc(m.mined, func(a, b mined) int { return b.rows - a.rows })
	least := max(templateRowsMin, rows/templateShare)
	n, vars := 0, 0
	for n < len(m.mined) && n < templatesMax && m.mined[n].rows >= least {
		if vars += m.mined[n].size(); vars > templateVariablesMax {
			break
		}
		n++
	}
	m.mined = m.mined[:n]
	for i := range m.mined {
		m.assign(i, data)
	}
}

// size is the number of variables.
func (t *mined) size() int {
	if t.fixed {
		return len(t.words)
	}
	n := t.variables
	for i := range t.tokens {
		if !t.variable[i] {
			n += t.tokens[i].vars
		}
	}
	return n
}

// admits tells whether words differ from those of a template in constants only, and
// in few, and makes these variable.
func (t *mined) admits(tokens []token) bool {
	if len(tokens) != len(t.tokens) {
		return false
	}
	different, limit := t.variables, max(1, len(tokens)/4)
	for i := range tokens {
		a, b := &t.tokens[i], &tokens[i]
		if t.variable[i] {
			if b.vars > 0 {
				return false
			}
			continue
		}
		if a.hash != b.hash || a.vars != b.vars {
			if different++; different > limit || different == len(tokens) || a.vars+b.vars > 0 {
				return false
			}
		}
	}
	if different > t.variables {
		for i := range tokens {
			t.variable[i] = t.variable[i] || t.tokens[i].hash != tokens[i].hash
		}
		t.variables = different
	}
	return true
}

// assign says for each skeleton of template i where its variables are.
func (m *miner) assign(i int, data []byte) {
	t := &m.mined[i]
	if t.fixed {
		m.skeletons[t.skeletons[0]].template = i
		return
	}
	for nth, id := range t.skeletons {
		sk := &m.skeletons[id]
		var spans []span
		var words []bool
		for j, tok := range sk.tokens {
			if t.variable[j] {
				spans, words = append(spans, span{tok.from, tok.to}), append(words, true)
				continue
			}
			for v := tok.first; v < tok.first+tok.vars; v++ {
				from := anchor{v - 1, m.varStart(sk, v)}
				if v > 0 {
					from.by -= int(m.ends[sk.endsAt+v-1])
				}
				spans, words = append(spans, span{from, anchor{v, 0}}), append(words, false)
			}
		}
		pieces, starts := m.pieces(sk, spans, data)
		if nth == 0 {
			t.pieces, t.starts, t.words = pieces, starts, words
		} else if !slices.EqualFunc(pieces, t.pieces, bytes.Equal) {
			continue // a hash of words has lied
		}
		sk.template, sk.spans = i, spans
	}
}

// pieces are the constants between the variables of a skeleton, and where they are in
// data.
func (m *miner) pieces(sk *skeleton, spans []span, data []byte) (pieces [][]byte, starts []int) {
	start, size := int(sk.start), int(sk.size)
	ends := m.ends[sk.endsAt : sk.endsAt+sk.vars]
	pieces, starts = make([][]byte, 0, len(spans)+1), make([]int, 0, len(spans)+1)
	last := 0
	for _, s := range spans {
		pieces, starts = append(pieces, data[start+last:start+s.from.in(ends)]), append(starts, start+last)
		last = s.to.in(ends)
	}
	return append(pieces, data[start+last:start+size]), append(starts, start+last)
}

// in is the place in a text whose variables end at ends.
func (p anchor) in(ends []uint16) int {
	if p.after < 0 {
		return p.by
	}
	return int(ends[p.after]) + p.by
}
