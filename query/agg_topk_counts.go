package query

// pairCounts counts pairs of a group and the number of a value: an
// open-addressed table of a power of two, at most half full.
type pairCounts struct {
	pairs  []uint64 // pair+1; 0 marks a free slot
	counts []uint64
	n      int
}

// pairCountsMin is the table of the first pair.
const pairCountsMin = 16

func pairOf(group, number uint32) uint64 { return uint64(group)<<32 | uint64(number) }

// add adds to the count of a pair; it stays at the largest uint64 if it would pass it.
func (p *pairCounts) add(pair, weight uint64) {
	if 2*(p.n+1) > len(p.pairs) {
		p.grow()
	}
	at := p.slot(pair)
	if p.pairs[at] == 0 {
		p.pairs[at] = pair + 1
		p.n++
	}
	p.counts[at] = addSaturated(p.counts[at], weight)
}

// slot is where a pair is, or where it goes.
func (p *pairCounts) slot(pair uint64) uint64 {
	mask := uint64(len(p.pairs) - 1)
	at := wordHash(pair) & mask
	for p.pairs[at] != 0 && p.pairs[at] != pair+1 {
		at = (at + 1) & mask
	}
	return at
}

// of is the count of a pair that is there.
func (p *pairCounts) of(pair uint64) uint64 { return p.counts[p.slot(pair)] }

func (p *pairCounts) grow() {
	old := *p
	size := max(pairCountsMin, 2*len(old.pairs))
	p.pairs, p.counts = make([]uint64, size), make([]uint64, size)
	for i, pair := range old.pairs {
		if pair != 0 {
			at := p.slot(pair - 1)
			p.pairs[at], p.counts[at] = pair, old.counts[i]
		}
	}
}

// each visits all pairs, in no order.
func (p *pairCounts) each(visit func(pair, n uint64)) {
	for i, pair := range p.pairs {
		if pair != 0 {
			visit(pair-1, p.counts[i])
		}
	}
}

func (p *pairCounts) bytes() int { return 8 * (cap(p.pairs) + cap(p.counts)) }
