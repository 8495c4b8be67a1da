package query

import (
	"math"
	"strconv"

	"github.com/kelpdb/kelp/storage"
)

// histogram(x, bins) shows the bins of a percentile's state put together, so it
// merges as that does and its counts are exact. A step of 2^k bins is one part
// of an octave: parts begin at round numbers of the binary kind (1, 1.5, 2, 3, 4
// for halves), alike in all groups and on all leaves, whatever the values are.

// histogramParts writes the parts that hold something, ascending, as JSON:
// [[from, to, weight], ...], at most binsMax of them. Of positive values from is
// inclusive, of negative ones to. Zero, with what is below 2.3e-308, and the
// infinities are parts for themselves, and no part has both signs; that may make
// up to four more than binsMax. by scales the weights of a sample; nil: of all rows.
func histogramParts(h *histogram, binsMax int, by *scale) string {
	step := int32(1)
	for ; step < indexMax && countParts(h, step) > binsMax; step *= 2 {
	}
	dst := []byte{'['}
	var open part
	var weight uint64
	show := func() {
		if weight == 0 {
			return
		}
		if by != nil {
			weight = by.count(weight)
		}
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
		from, to := open.edges(step)
		dst = append(AppendJSONValue(append(dst, '['), storage.Float(from)), ',')
		dst = append(AppendJSONValue(dst, storage.Float(to)), ',')
		dst = append(strconv.AppendUint(dst, weight, 10), ']')
	}
	h.each(func(b bin) bool {
		if p := partOf(b.index, step); p != open || weight == 0 {
			show()
			open, weight = p, 0
		}
		weight = addSaturated(weight, b.n)
		return true
	})
	show()
	return string(append(dst, ']'))
}

func countParts(h *histogram, step int32) int {
	n := 0
	var last part
	h.each(func(b bin) bool {
		if p := partOf(b.index, step); n == 0 || p != last {
			last = p
			n++
		}
		return true
	})
	return n
}

// part is a run of bins of one sign: number counts runs of so many bins from
// zero on; partZero and partInfinite are apart.
type part struct {
	negative bool
	number   int32
}

const (
	partZero     = -1
	partInfinite = -2
)

func partOf(index, step int32) part {
	p := part{negative: index < 0, number: index}
	if p.negative {
		p.number = -index
	}
	switch {
	case p.number < binsPerPage: // without the implied leading bit
		return part{number: partZero}
	case p.number >= indexMax:
		p.number = partInfinite
	default:
		p.number /= step
	}
	return p
}

// edges are the part's smallest and largest value; the one nearer to zero is
// inclusive, the other not.
func (p part) edges(step int32) (from, to float64) {
	switch p.number {
	case partZero:
		return 0, 0
	case partInfinite:
		from, to = math.Inf(1), math.Inf(1)
	default:
		from = math.Float64frombits(uint64(max(p.number*step, binsPerPage)) << indexShift)
		to = math.Float64frombits(uint64(min((p.number+1)*step, indexMax)) << indexShift)
	}
	if p.negative {
		return -to, -from
	}
	return from, to
}
