package query

import (
	"math"
	"math/bits"
	"slices"
)

// histogram is a log-linear histogram of floats. The index of a value is its
// exponent and the first six bits of its fraction, which are next to each other
// in an IEEE 754 double, so finding it is a shift:
//
//	sign (1) | exponent (11) | fraction (52)
//	         |<-- index: 17 bits -->|<- 46 bits dropped ->|
//
// A bin is 1/64 to 1/127 of its value wide, and the value in its middle is
// within 0.78% of every value in it. Negative values have negative indexes. Zero
// shares bin 0 with what is below 1e-309, infinities have the last bins for
// themselves, NaN is not counted.
//
// Few bins are a sorted list; more are pages of one octave each.
type histogram struct {
	min, max float64 // min > max: empty
	few      []bin
	pages    []*[binsPerPage]uint64 // page i has the bins from (firstPage+i)*binsPerPage on
	first    int32
}

type bin struct {
	index int32
	n     uint64 // weight
}

const (
	fractionBits = 6
	indexShift   = 52 - fractionBits
	binsPerPage  = 1 << fractionBits
	indexMax     = 2047 << fractionBits // infinity

	// histogramFewMax is how many bins are kept as a list: below it a page
	// per octave would take more memory, beyond it inserting takes more time.
	histogramFewMax = 24
)

// binOf returns the index of a value; false for NaN.
func binOf(v float64) (int32, bool) {
	b := math.Float64bits(v)
	m, sign := int32(b<<1>>(indexShift+1)), int32(int64(b)>>63)
	return (m ^ sign) - sign, v == v
}

// middle is the value that stands for a bin.
func (b bin) middle() float64 {
	m := b.index
	if m < 0 {
		m = -m
	}
	var v float64
	switch {
	case m == 0:
		return 0
	case m >= indexMax:
		v = math.Inf(1)
	case m < binsPerPage: // without the implied leading bit: linear
		v = math.Float64frombits(uint64(m)<<indexShift | 1<<(indexShift-1))
	default:
		// With the bin [l, l+w) the harmonic middle 2l(l+w)/(2l+w) has the
		// smallest relative error, w/(2l+w); l/w is 64 + the fraction bits.
		l := math.Float64frombits(uint64(m) << indexShift)
		v = l * (1 + 1/float64(2*(binsPerPage+m%binsPerPage)+1))
	}
	if b.index < 0 {
		return -v
	}
	return v
}

func (h *histogram) empty() bool { return h.min > h.max }

// add counts a value with a weight.
func (h *histogram) add(v float64, weight uint64) {
	i, ok := binOf(v)
	if !ok {
		return
	}
	h.min, h.max = min(h.min, v), max(h.max, v)
	h.addBin(i, weight)
}

// addRun counts values with weight 1 each.
func (h *histogram) addRun(values []float64) {
	low, high := h.min, h.max
	pages, first := h.pages, h.first
	for _, v := range values {
		b := math.Float64bits(v)
		m, sign := int32(b<<1>>(indexShift+1)), int32(int64(b)>>63)
		i := (m ^ sign) - sign
		if v < low {
			low = v
		}
		if v > high {
			high = v
		}
		if at := uint32(i>>fractionBits - first); at < uint32(len(pages)) && v == v {
			if p := pages[at]; p != nil {
				p[i&(binsPerPage-1)]++
				continue
			}
		}
		if v == v {
			h.addBin(i, 1)
			pages, first = h.pages, h.first
		}
	}
	h.min, h.max = low, high
}

func (h *histogram) addBin(index int32, n uint64) {
	if at := uint32(index>>fractionBits - h.first); at < uint32(len(h.pages)) {
		if p := h.pages[at]; p != nil {
			n0 := &p[index&(binsPerPage-1)]
			*n0 = addSaturated(*n0, n)
			return
		}
	}
	if h.pages == nil {
		at, found := slices.BinarySearchFunc(h.few, index, func(b bin, i int32) int { return int(b.index - i) })
		if found {
			h.few[at].n = addSaturated(h.few[at].n, n)
			return
		}
		if len(h.few) < histogramFewMax {
			h.few = slices.Insert(h.few, at, bin{index, n})
			return
		}
		few := h.few
		h.few = nil
		for _, b := range few {
			h.addToPage(b.index, b.n)
		}
	}
	h.addToPage(index, n)
}

func (h *histogram) addToPage(index int32, n uint64) {
	page := index >> fractionBits
	h.reach(page)
	p := &h.pages[page-h.first]
	if *p == nil {
		*p = new([binsPerPage]uint64)
	}
	n0 := &(*p)[index&(binsPerPage-1)]
	*n0 = addSaturated(*n0, n)
}

// reach makes room for a page; the page itself may be nil.
func (h *histogram) reach(page int32) {
	switch at := int(page - h.first); {
	case h.pages == nil:
		h.first, h.pages = page, make([]*[binsPerPage]uint64, 1)
	case at < 0:
		h.pages = slices.Concat(make([]*[binsPerPage]uint64, -at), h.pages)
		h.first = page
	case at >= len(h.pages):
		h.pages = append(h.pages, make([]*[binsPerPage]uint64, at+1-len(h.pages))...)
	}
}

// each visits the bins that hold something, ascending, until visit is false.
func (h *histogram) each(visit func(bin) bool) {
	for _, b := range h.few {
		if !visit(b) {
			return
		}
	}
	for at, p := range h.pages {
		if p == nil {
			continue
		}
		for slot, n := range p {
			if n != 0 && !visit(bin{(h.first+int32(at))<<fractionBits + int32(slot), n}) {
				return
			}
		}
	}
}

// merge adds what src has counted.
func (h *histogram) merge(src *histogram) {
	h.min, h.max = min(h.min, src.min), max(h.max, src.max)
	for _, b := range src.few {
		h.addBin(b.index, b.n)
	}
	if len(src.pages) == 0 {
		return
	}
	few := h.few // src has more bins than a list holds
	h.few = nil
	h.reach(src.first)
	h.reach(src.first + int32(len(src.pages)) - 1)
	for _, b := range few {
		h.addToPage(b.index, b.n)
	}
	into := h.pages[src.first-h.first:]
	for at, p := range src.pages {
		switch {
		case p == nil:
		case into[at] == nil:
			own := *p
			into[at] = &own
		default:
			addPage(into[at], p)
		}
	}
}

// addPage adds the bins of a page to those of another.
func addPage(into, from *[binsPerPage]uint64) {
	for i, n := range from {
		into[i] = addSaturated(into[i], n)
	}
}

// pageWeight is the sum of the bins of a page.
func pageWeight(p *[binsPerPage]uint64) uint64 {
	var sum, over uint64
	for _, n := range p {
		var carry uint64
		sum, carry = bits.Add64(sum, n, 0)
		over |= carry
	}
	return sum | -over
}

// total is the weight of all values.
func (h *histogram) total() uint64 {
	var sum uint64
	for _, b := range h.few {
		sum = addSaturated(sum, b.n)
	}
	for _, p := range h.pages {
		if p != nil {
			sum = addSaturated(sum, pageWeight(p))
		}
	}
	return sum
}

// atRank is the value at which the cumulative weight, counted from the smallest
// value, reaches rank, between 1 and total: exact at either end, within 0.78% else.
func (h *histogram) atRank(rank, total uint64) float64 {
	switch {
	case rank <= 1:
		return h.min
	case rank >= total:
		return h.max
	}
	return min(max(h.binAt(rank), h.min), h.max)
}

// binAt is the middle of the bin at which the cumulative weight reaches rank.
func (h *histogram) binAt(rank uint64) float64 {
	var sum uint64
	for _, b := range h.few {
		if sum = addSaturated(sum, b.n); sum >= rank {
			return b.middle()
		}
	}
	for at, p := range h.pages {
		if p == nil {
			continue
		}
		if past := addSaturated(sum, pageWeight(p)); past < rank {
			sum = past
			continue
		}
		for slot, n := range p {
			if sum = addSaturated(sum, n); sum >= rank {
				return bin{index: (h.first+int32(at))<<fractionBits + int32(slot)}.middle()
			}
		}
	}
	return h.max
}

func (h *histogram) bytes() int {
	n := 16*cap(h.few) + 8*cap(h.pages)
	for _, p := range h.pages {
		if p != nil {
			n += 8 * binsPerPage
		}
	}
	return n
}
