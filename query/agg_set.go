package query

import "slices"

// wordSet is a set of 64-bit words: an open-addressed table of a power of two,
// at most half full. Zero marks a free slot and is kept apart.
type wordSet struct {
	slots   []uint64
	n       int // words in slots
	hasZero bool
}

// wordSetMin is the table of a set with one word.
const wordSetMin = 4

// add adds a word; it tells whether it is new.
func (s *wordSet) add(word uint64) bool {
	if word == 0 {
		isNew := !s.hasZero
		s.hasZero = true
		return isNew
	}
	if s.slots == nil {
		s.grow()
	}
	mask := uint64(len(s.slots) - 1)
	for at := wordHash(word) & mask; ; at = (at + 1) & mask {
		switch s.slots[at] {
		case word:
			return false
		case 0:
			if 2*(s.n+1) > len(s.slots) {
				s.grow()
				return s.add(word)
			}
			s.slots[at] = word
			s.n++
			return true
		}
	}
}

// grow makes room for twice as many words.
func (s *wordSet) grow() {
	old := s.slots
	s.slots = make([]uint64, max(wordSetMin, 2*len(old)))
	mask := uint64(len(s.slots) - 1)
	for _, word := range old {
		if word == 0 {
			continue
		}
		at := wordHash(word) & mask
		for s.slots[at] != 0 {
			at = (at + 1) & mask
		}
		s.slots[at] = word
	}
}

// wordHash spreads a word over a table: the high half of a product, which all
// bits reach, also those of a word that is a small number.
func wordHash(word uint64) uint64 {
	h := word * 0x9fb21c651e98df25
	return h ^ h>>32
}

func (s *wordSet) len() int {
	if s.hasZero {
		return s.n + 1
	}
	return s.n
}

// each visits all words, in no order.
func (s *wordSet) each(visit func(word uint64)) {
	if s.hasZero {
		visit(0)
	}
	for _, word := range s.slots {
		if word != 0 {
			visit(word)
		}
	}
}

// sorted returns all words, ascending.
func (s *wordSet) sorted() []uint64 {
	words := make([]uint64, 0, s.len())
	s.each(func(word uint64) { words = append(words, word) })
	slices.Sort(words)
	return words
}

func (s *wordSet) bytes() int { return 8 * cap(s.slots) }
