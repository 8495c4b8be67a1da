package query

import (
	"math"
	"math/bits"
	"sync/atomic"

	"github.com/kelpdb/kelp/storage"
)

// SumState sums for sum and avg: integers exactly in 128 bits, floats
// compensated, both if a column holds both. Group g has the sum Hi[g]·2^64 +
// Lo[g] of its integers, weighed, and Weight[g] for all its values, which may
// be added to directly (AddWeight); a group without weight is null. Sums that
// pass 128 bits, and weights that pass 64, stay at the largest.
type SumState struct {
	Kind   AggKind // AggSum or AggAvg
	Type   storage.Type
	Hi     []int64
	Lo     []uint64
	Weight []uint64

	floats   floatSums    // empty until the first float comes
	overflow atomic.Int32 // 0: not known; 1: no sum passes int64; 2: one does
}

// AddInts adds a run of integers (bools count 0 and 1).
func (s *SumState) AddInts(groups []uint32, values []int64, weights []uint64) {
	s.changed()
	if weights == nil {
		for i, g := range groups {
			v := values[i]
			lo, carry := bits.Add64(s.Lo[g], uint64(v), 0)
			s.Lo[g] = lo
			s.Hi[g] += v>>63 + int64(carry)
			s.Weight[g]++
		}
		return
	}
	for i, g := range groups {
		hi, lo := mulWeight(values[i], weights[i])
		s.addInt128(g, hi, lo)
		s.Weight[g] = addSaturated(s.Weight[g], weights[i])
	}
}

// AddFloats adds a run of floats.
func (s *SumState) AddFloats(groups []uint32, values []float64, weights []uint64) {
	s.wantFloats()
	if weights == nil {
		for i, g := range groups {
			s.floats.add(g, values[i])
			s.Weight[g]++
		}
		return
	}
	for i, g := range groups {
		s.floats.addProduct(g, values[i], float64(weights[i]))
		s.Weight[g] = addSaturated(s.Weight[g], weights[i])
	}
}

// AddIntSum adds rows of one group: sum is the unweighed sum of their values
// in 128 bits, each row weighs weight, rows is their number.
func (s *SumState) AddIntSum(group uint32, sumHi int64, sumLo uint64, rows, weight uint64) {
	s.changed()
	hi, lo := mulWeight128(sumHi, sumLo, weight)
	s.addInt128(group, hi, lo)
	s.addWeight(group, rows, weight)
}

// AddFloatSum adds rows of one group: sum is the unweighed sum of their values,
// err what summing it rounded away (0 if not known), weight what each row weighs.
func (s *SumState) AddFloatSum(group uint32, sum, err float64, rows, weight uint64) {
	s.wantFloats()
	w := float64(weight)
	s.floats.addProduct(group, sum, w)
	s.floats.Err[group] += err * w
	s.addWeight(group, rows, weight)
}

func (s *SumState) addWeight(group uint32, rows, weight uint64) {
	hi, lo := bits.Mul64(rows, weight)
	if hi != 0 {
		lo = math.MaxUint64
	}
	s.Weight[group] = addSaturated(s.Weight[group], lo)
}

// sumHiMax bounds the high word of a sum, on both sides. It leaves room for 2^33
// rows of weight 1, which AddInts adds without a look.
const sumHiMax = math.MaxInt64 - 1<<32

func (s *SumState) addInt128(g uint32, hi int64, lo uint64) {
	low, carry := bits.Add64(s.Lo[g], lo, 0)
	high := s.Hi[g] + hi + int64(carry)
	switch wraps := (s.Hi[g] < 0) == (hi < 0) && (high < 0) != (hi < 0); {
	case wraps:
		high, low = saturated128(hi < 0)
	case high > sumHiMax, high < -sumHiMax:
		high, low = saturated128(high < 0)
	}
	s.Hi[g], s.Lo[g] = high, low
}

// mergeInt128 is addInt128, and short where neither sum is beyond all rows' reach.
func (s *SumState) mergeInt128(g uint32, hi int64, lo uint64) {
	const near = 1 << 32
	if old := s.Hi[g]; uint64(old+near) < 2*near && uint64(hi+near) < 2*near {
		low, carry := bits.Add64(s.Lo[g], lo, 0)
		s.Hi[g], s.Lo[g] = old+hi+int64(carry), low
		return
	}
	s.addInt128(g, hi, lo)
}

// saturated128 is the largest sum, or the smallest.
func saturated128(negative bool) (hi int64, lo uint64) {
	if negative {
		return -sumHiMax, 0
	}
	return sumHiMax, math.MaxUint64
}

// mulWeight is v·w in 128 bits.
func mulWeight(v int64, w uint64) (hi int64, lo uint64) {
	h, l := bits.Mul64(uint64(v), w)
	return int64(h - uint64(v>>63)&w), l
}

// mulWeight128 is (hi·2^64 + lo)·w, the largest sum if that passes 128 bits.
func mulWeight128(hi int64, lo uint64, w uint64) (int64, uint64) {
	if hi == int64(lo)>>63 {
		return mulWeight(int64(lo), w)
	}
	over, high := bits.Mul64(uint64(hi), w) // of hi as if it were not signed
	if hi < 0 {
		over -= w
	}
	carry, low := bits.Mul64(lo, w)
	high, c := bits.Add64(high, carry, 0)
	over += c
	if int64(over) != int64(high)>>63 {
		return saturated128(hi < 0)
	}
	return int64(high), low
}

func (s *SumState) wantFloats() {
	if len(s.floats.Sum) < len(s.Lo) {
		s.floats.grow(len(s.Lo))
	}
}

func (s *SumState) hasFloats() bool { return len(s.floats.Sum) > 0 }

// Len, Grow, Merge, Value, Bytes and Columns are State's.
func (s *SumState) Len() int { return len(s.Lo) }

func (s *SumState) Grow(n int) {
	s.Hi, s.Lo, s.Weight = growSlice(s.Hi, n), growSlice(s.Lo, n), growSlice(s.Weight, n)
	if s.hasFloats() {
		s.floats.grow(n)
	}
}

func (s *SumState) Merge(src State, to []uint32) {
	from := src.(*SumState)
	for i := range from.Lo {
		g := to[i]
		s.mergeInt128(g, from.Hi[i], from.Lo[i])
		s.Weight[g] = addSaturated(s.Weight[g], from.Weight[i])
	}
	if from.hasFloats() {
		s.wantFloats()
		for i := range from.Lo {
			s.floats.merge(to[i], &from.floats, i)
		}
	}
	s.changed()
}

// changed forgets what was known of the sums.
func (s *SumState) changed() {
	if s.overflow.Load() != 0 {
		s.overflow.Store(0)
	}
}

// Value is the sum or mean of group i. If any group's sum passes int64, all
// sums are floats, so that the column has one type.
func (s *SumState) Value(i int) storage.Value {
	if s.Weight[i] == 0 {
		return storage.Value{}
	}
	if s.Kind == AggAvg {
		return storage.Float(s.float(i) / float64(s.Weight[i]))
	}
	if s.Type == storage.TypeInt64 && !s.Overflow() {
		return storage.Int(int64(s.Lo[i]))
	}
	return storage.Float(s.float(i))
}

// Overflow tells whether the sum of some group passes int64.
func (s *SumState) Overflow() bool {
	known := s.overflow.Load()
	if known == 0 {
		known = 1
		for i, lo := range s.Lo {
			if s.Hi[i] != int64(lo)>>63 {
				known = 2
				break
			}
		}
		s.overflow.Store(known)
	}
	return known == 2
}

func (s *SumState) float(i int) float64 {
	f := int128Float(s.Hi[i], s.Lo[i])
	if s.hasFloats() {
		f += s.floats.value(i)
	}
	return f
}

// int128Float is hi·2^64 + lo, rounded to nearest within one last place.
func int128Float(hi int64, lo uint64) float64 {
	if hi == int64(lo)>>63 {
		return float64(int64(lo))
	}
	if hi >= 0 {
		return float64(hi)*(1<<64) + float64(lo)
	}
	low, borrow := bits.Sub64(0, lo, 0)
	return -(float64(-hi-int64(borrow))*(1<<64) + float64(low))
}

func (s *SumState) Bytes() int {
	return 8*(cap(s.Hi)+cap(s.Lo)+cap(s.Weight)) + s.floats.bytes()
}

// Columns: high and low word of the integer sum, weight, and with floats their
// sum and its error.
func (s *SumState) Columns() []*Vec {
	cols := []*Vec{vecOfInts(s.Hi), vecOfInts(signed(s.Lo)), vecOfInts(signed(s.Weight))}
	if s.hasFloats() {
		cols = append(cols, vecOfFloats(s.floats.Sum), vecOfFloats(s.floats.Err))
	}
	return cols
}

func decodeSum(a *Agg, cols []*Vec) (State, error) {
	types := []storage.Type{storage.TypeInt64, storage.TypeInt64, storage.TypeInt64}
	if len(cols) > len(types) {
		types = append(types, storage.TypeFloat64, storage.TypeFloat64)
	}
	if err := checkColumns("sum", cols, false, types...); err != nil {
		return nil, err
	}
	s := &SumState{Kind: a.Kind, Type: a.Type, Hi: cols[0].Ints, Lo: unsigned(cols[1].Ints), Weight: unsigned(cols[2].Ints)}
	if len(cols) > 3 {
		s.floats = floatSums{Sum: cols[3].Floats, Err: cols[4].Floats}
	}
	return s, nil
}
