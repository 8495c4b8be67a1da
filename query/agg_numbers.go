package query

import (
	"math/bits"
	"unsafe"
)

// numberSet is a set of 64-bit words of which many may be small and near each
// other: the words of a page of 65,536 that holds many are bits, others are hashed.
type numberSet struct {
	few   wordSet // the words that are in no page of bits
	n     int     // words in all
	dense *numberPages
}

// numberPages is the pages of a set, by word >> pageBits.
type numberPages struct {
	pages  []*[pageWords]uint64 // nil: hashed
	counts []uint16             // words of each page, at most pageFull
	worth  int                  // the sum of counts, and the words that are in no page
	loose  int                  // hashed words of pages that have pageSpread: they are to become bits
}

const (
	pageBits  = 16
	pageWords = 1 << pageBits / 64
	pageBytes = pageWords * 8

	// pageFull hashed words are worth the memory of a page.
	pageFull = pageBytes / uniqWordBytes

	// pageSpread words of a page make it bits already: bits are several times faster,
	// for at most four times what the words are worth.
	pageSpread = pageFull / 4

	// pagesMax bounds the pages of a set, and so the arrays of them; larger words
	// are always hashed.
	pagesMax = 1 << 12
)

// page returns the bits of the page of a word; nil: the word is hashed.
func (s *numberSet) page(word uint64) *[pageWords]uint64 {
	if d := s.dense; d != nil && word>>pageBits < uint64(len(d.pages)) {
		return d.pages[word>>pageBits]
	}
	return nil
}

// add adds a word.
func (s *numberSet) add(word uint64) {
	if p := s.page(word); p != nil {
		w, bit := &p[word>>6&(pageWords-1)], uint64(1)<<(word&63)
		if *w&bit == 0 {
			*w |= bit
			s.n++
			s.dense.more(int(word>>pageBits), 1)
		}
		return
	}
	if !s.few.add(word) {
		return
	}
	s.n++
	switch {
	case s.dense != nil:
		s.dense.count(word)
	case s.n > pageSpread:
		s.countPages()
	default:
		return
	}
	if loose := s.dense.loose; loose > 0 && 4*loose >= s.few.len() {
		s.spread()
	}
}

// countPages begins to count the words of each page.
func (s *numberSet) countPages() {
	s.dense = new(numberPages)
	s.few.each(s.dense.count)
}

// count counts one more hashed word.
func (d *numberPages) count(word uint64) {
	page := word >> pageBits
	if page >= pagesMax {
		d.worth++
		return
	}
	d.more(int(page), 1)
	switch n := d.counts[page]; {
	case n == pageSpread:
		d.loose += pageSpread
	case n > pageSpread:
		d.loose++
	}
}

// more counts n more words of a page.
func (d *numberPages) more(page, n int) {
	d.reach(page)
	n = min(n, pageFull-int(d.counts[page]))
	d.counts[page] += uint16(n)
	d.worth += n
}

// reach makes room for the counts of a page.
func (d *numberPages) reach(page int) {
	if page >= len(d.counts) {
		d.counts = append(d.counts, make([]uint16, page+1-len(d.counts))...)
	}
}

// spread makes bits of all pages that hold enough.
func (s *numberSet) spread() {
	for page, n := range s.dense.counts {
		if n >= pageSpread {
			s.dense.want(page)
		}
	}
	s.move()
}

// want makes a page bits; move has to follow.
func (d *numberPages) want(page int) {
	if page >= len(d.pages) {
		d.pages = append(d.pages, make([]*[pageWords]uint64, page+1-len(d.pages))...)
	}
	if d.pages[page] == nil {
		d.pages[page] = new([pageWords]uint64)
	}
}

// move takes the words of pages that have become bits out of the table.
func (s *numberSet) move() {
	old := s.few
	s.few = wordSet{}
	old.each(func(word uint64) {
		if p := s.page(word); p != nil {
			p[word>>6&(pageWords-1)] |= 1 << (word & 63)
		} else {
			s.few.add(word)
		}
	})
	s.dense.loose = 0
}

// merge adds all words of another set.
func (s *numberSet) merge(src *numberSet) {
	if src.dense != nil && len(src.dense.pages) > 0 {
		if s.dense == nil {
			s.countPages()
		}
		for page, p := range src.dense.pages {
			if p != nil {
				s.dense.want(page)
			}
		}
		s.spread() // also those that hold enough here
		for page, p := range src.dense.pages {
			if p == nil {
				continue
			}
			into, fresh := s.dense.pages[page], 0
			for i, w := range p {
				fresh += bits.OnesCount64(w &^ into[i])
				into[i] |= w
			}
			s.n += fresh
			s.dense.more(page, fresh)
		}
	}
	src.few.each(s.add)
}

// cost is what the words are worth in bytes: uniqWordBytes each, but pageBytes at
// most for those of one page. What is in the set decides that, not how it came.
func (s *numberSet) cost() int {
	if s.dense == nil {
		return s.n * uniqWordBytes
	}
	return s.dense.worth * uniqWordBytes
}

// each visits all words, in no order.
func (s *numberSet) each(visit func(word uint64)) {
	s.few.each(visit)
	if s.dense == nil {
		return
	}
	for page, p := range s.dense.pages {
		if p == nil {
			continue
		}
		for i, w := range p {
			for ; w != 0; w &= w - 1 {
				visit(uint64(page)<<pageBits | uint64(i<<6+bits.TrailingZeros64(w)))
			}
		}
	}
}

// bytes is the memory held beside the set itself.
func (s *numberSet) bytes() int {
	n := s.few.bytes()
	if d := s.dense; d != nil {
		n += int(unsafe.Sizeof(*d)) + 8*cap(d.pages) + 2*cap(d.counts)
		for _, p := range d.pages {
			if p != nil {
				n += pageBytes
			}
		}
	}
	return n
}
