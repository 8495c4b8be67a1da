package query

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"unsafe"

	"github.com/kelpdb/kelp/storage"
)

// PercentileState has a histogram per group. The result is the smallest value
// whose cumulative weight reaches the share p of the total, within 0.78%; of
// histogram(x, bins) it is the histogram itself.
type PercentileState struct {
	share shareOf
	bins  int    // 0: a percentile
	by    *scale // of a histogram of a sample; nil: it is of all rows
	hists []histogram
}

func newPercentileState(a *Agg) *PercentileState {
	if a.Kind == AggHistogram {
		return &PercentileState{bins: int(a.Param)}
	}
	return &PercentileState{share: newShare(a.Param)}
}

func (s *PercentileState) fits(a *Agg) bool {
	if s.bins > 0 {
		return a.Kind == AggHistogram && s.bins == int(a.Param)
	}
	return a.Kind == AggPercentile && s.share == newShare(a.Param)
}

// Add counts a run of values of several groups.
func (s *PercentileState) Add(groups []uint32, values []float64, weights []uint64) {
	for i, g := range groups {
		v, h := values[i], &s.hists[g]
		index, ok := binOf(v)
		weight := uint64(1)
		if weights != nil {
			weight = weights[i]
		}
		if at := uint32(index>>fractionBits - h.first); ok && at < uint32(len(h.pages)) {
			if p := h.pages[at]; p != nil {
				if v < h.min {
					h.min = v
				}
				if v > h.max {
					h.max = v
				}
				n := &p[index&(binsPerPage-1)]
				*n = addSaturated(*n, weight)
				continue
			}
		}
		h.add(v, weight)
	}
}

// AddRun counts values of one group, each of weight 1.
func (s *PercentileState) AddRun(group uint32, values []float64) {
	s.hists[group].addRun(values)
}

// AddWeighed counts values of one group, each with its weight, above 0.
func (s *PercentileState) AddWeighed(group uint32, values []float64, weights []uint64) {
	h := &s.hists[group]
	for i, v := range values {
		h.add(v, weights[i])
	}
}

// AddN counts one value of one group with the weight of all its rows.
func (s *PercentileState) AddN(group uint32, value float64, weight uint64) {
	if weight > 0 {
		s.hists[group].add(value, weight)
	}
}

// Share makes s the state of what src has counted. Neither may be fed, or merged
// into, any more: they share their histograms.
func (s *PercentileState) Share(src *PercentileState) { s.hists = src.hists }

// Len, Grow, Merge, Value, Bytes and Columns are State's.
func (s *PercentileState) Len() int { return len(s.hists) }

func (s *PercentileState) Grow(n int) {
	old := len(s.hists)
	s.hists = growSlice(s.hists, n)
	for i := old; i < n; i++ {
		s.hists[i].min, s.hists[i].max = math.Inf(1), math.Inf(-1)
	}
}

func (s *PercentileState) Merge(src State, to []uint32) {
	from := src.(*PercentileState)
	if from.by != nil {
		s.by = from.by
	}
	for i := range from.hists {
		s.hists[to[i]].merge(&from.hists[i])
	}
}

func (s *PercentileState) Value(i int) storage.Value {
	h := &s.hists[i]
	if h.empty() {
		return storage.Value{}
	}
	if s.bins > 0 {
		return storage.String(histogramParts(h, s.bins, s.by))
	}
	total := h.total()
	return storage.Float(canonicalFloat(h.atRank(s.share.of(total), total)))
}

func (s *PercentileState) Bytes() int {
	n := cap(s.hists) * int(unsafe.Sizeof(histogram{}))
	for i := range s.hists {
		n += s.hists[i].bytes()
	}
	return n
}

// Columns: smallest and largest value (null in an empty group), and the bins as
// pairs of varints: index, as difference from the one before, and weight.
func (s *PercentileState) Columns() []*Vec {
	low, high, bins := NewVec(storage.TypeFloat64), NewVec(storage.TypeFloat64), NewVec(storage.TypeString)
	var buf []byte
	for i := range s.hists {
		h := &s.hists[i]
		if h.empty() {
			low.Append(storage.Value{})
			high.Append(storage.Value{})
			bins.Append(storage.String(""))
			continue
		}
		low.Append(storage.Float(h.min))
		high.Append(storage.Float(h.max))
		buf = buf[:0]
		last := int32(0)
		h.each(func(b bin) bool {
			buf = binary.AppendVarint(buf, int64(b.index-last))
			buf = binary.AppendUvarint(buf, b.n)
			last = b.index
			return true
		})
		bins.Append(storage.String(string(buf)))
	}
	return []*Vec{low, high, bins}
}

func decodePercentile(a *Agg, cols []*Vec) (State, error) {
	const what = "percentile"
	if err := checkColumns(what, cols, true, storage.TypeFloat64, storage.TypeFloat64, storage.TypeString); err != nil {
		return nil, err
	}
	s := newPercentileState(a)
	s.Grow(cols[0].Len())
	for i := range s.hists {
		h := &s.hists[i]
		if cols[2].IsNull(i) || cols[0].IsNull(i) != (cols[2].Strs[i] == "") || cols[0].IsNull(i) != cols[1].IsNull(i) {
			return nil, errState(what, "group %d is half empty", i)
		}
		if cols[0].IsNull(i) {
			continue
		}
		h.min, h.max = cols[0].Floats[i], cols[1].Floats[i]
		if !(h.min <= h.max) || !decodeBins(h, cols[2].Strs[i]) {
			return nil, errState(what, "the bins of group %d are damaged", i)
		}
	}
	return s, nil
}

// decodeBins reads what Columns writes of a histogram: ascending bins from
// that of min to that of max.
func decodeBins(h *histogram, src string) bool {
	first, _ := binOf(h.min)
	final, _ := binOf(h.max)
	buf := []byte(src)
	last, started := int64(0), false
	for len(buf) > 0 {
		d, n := binary.Varint(buf)
		if n <= 0 {
			return false
		}
		buf = buf[n:]
		weight, n := binary.Uvarint(buf)
		if n <= 0 || weight == 0 || started && d <= 0 || d > 2*indexMax || d < -indexMax {
			return false
		}
		buf = buf[n:]
		last += d
		if !started && last != int64(first) || last > int64(final) {
			return false
		}
		started = true
		h.addBin(int32(last), weight)
	}
	return last == int64(final)
}

// shareOf is a share p as the decimal fraction it is written as, num/den: the
// rank 0.07 of 100 is 7, though 0.07*100 is more than 7 in floats.
type shareOf struct {
	num, den uint64
}

func newShare(p float64) shareOf {
	switch {
	case !(p > 0):
		return shareOf{0, 1}
	case p >= 1:
		return shareOf{1, 1}
	}
	digits, exp, _ := strings.Cut(strconv.FormatFloat(p, 'e', -1, 64), "e")
	digits = strings.Replace(digits, ".", "", 1)
	shift, err := strconv.Atoi(exp)
	places := len(digits) - 1 - shift // p is digits / 10^places
	if err != nil || places > shareDigitsMax {
		return shareOf{0, 1} // below what any weight can tell from 0
	}
	s := shareOf{den: 1}
	for range places {
		s.den *= 10
	}
	if s.num, err = strconv.ParseUint(digits, 10, 64); err != nil {
		panic("BUG: the digits of a float64 are no number")
	}
	return s
}

// shareDigitsMax is the largest power of ten in uint64.
const shareDigitsMax = 19

// of is the rank that reaches the share of total: at least 1, at most total.
func (s shareOf) of(total uint64) uint64 {
	hi, lo := bits.Mul64(total, s.num)
	if hi >= s.den {
		return total
	}
	rank, rest := bits.Div64(hi, lo, s.den)
	if rest > 0 {
		rank++
	}
	return max(rank, 1)
}
