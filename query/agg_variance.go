package query

import (
	"math"

	"github.com/kelpdb/kelp/storage"
)

// VarState is for variance and stddev: of each group the weight, the sum of
// values and the sum of squares, both to about 106 bits, so that their
// difference is good even where the mean is far larger than the spread, and
// merging is a sum.
type VarState struct {
	Kind   AggKind // AggVariance or AggStddev
	Weight []uint64

	sums, squares floatSums
}

// AddInts adds a run of integers.
func (s *VarState) AddInts(groups []uint32, values []int64, weights []uint64) {
	for i, g := range groups {
		hi := float64(values[i])
		lo := 0.0
		if hi < math.MaxInt64 { // the largest float that is an int64 lies below
			lo = float64(values[i] - int64(hi))
		} else {
			lo = float64(values[i]-math.MaxInt64) - 1
		}
		s.add(g, hi, lo, weightOf(weights, i))
	}
}

// AddFloats adds a run of floats.
func (s *VarState) AddFloats(groups []uint32, values []float64, weights []uint64) {
	for i, g := range groups {
		s.add(g, values[i], 0, weightOf(weights, i))
	}
}

func weightOf(weights []uint64, i int) uint64 {
	if weights == nil {
		return 1
	}
	return weights[i]
}

// add adds hi+lo, where lo is what hi has rounded away.
func (s *VarState) add(g uint32, hi, lo float64, weight uint64) {
	w := float64(weight)
	s.sums.addProduct(g, hi, w)
	s.sums.Err[g] += lo * w
	square := hi * hi
	s.squares.addProduct(g, square, w)
	s.squares.Err[g] += (math.FMA(hi, hi, -square) + 2*hi*lo) * w
	s.Weight[g] = addSaturated(s.Weight[g], weight)
}

// Len, Grow, Merge, Value, Bytes and Columns are State's.
func (s *VarState) Len() int { return len(s.Weight) }

func (s *VarState) Grow(n int) {
	s.Weight = growSlice(s.Weight, n)
	s.sums.grow(n)
	s.squares.grow(n)
}

func (s *VarState) Merge(src State, to []uint32) {
	from := src.(*VarState)
	for i, w := range from.Weight {
		g := to[i]
		s.Weight[g] = addSaturated(s.Weight[g], w)
		s.sums.merge(g, &from.sums, i)
		s.squares.merge(g, &from.squares, i)
	}
}

// Value divides by the weight less 1; null if that is not positive.
func (s *VarState) Value(i int) storage.Value {
	if s.Weight[i] < 2 {
		return storage.Value{}
	}
	w := float64(s.Weight[i])
	hi, lo := normalised(s.sums.Sum[i], s.sums.Err[i])
	squareHi, squareLo := normalised(s.squares.Sum[i], s.squares.Err[i])
	// (hi+lo)²/w as mean·sum, in two parts
	p := hi * hi
	rest := math.FMA(hi, hi, -p) + 2*hi*lo
	q := p / w
	rest = (math.FMA(-q, w, p) + rest) / w
	variance := ((squareHi - q) + (squareLo - rest)) / (w - 1)
	if variance < 0 { // what is left of equal values
		variance = 0
	}
	if s.Kind == AggStddev {
		variance = math.Sqrt(variance)
	}
	return storage.Float(variance)
}

// normalised moves into sum what of its error fits.
func normalised(sum, err float64) (hi, lo float64) {
	hi = sum + err
	if hi-hi != 0 {
		return sum, 0
	}
	return hi, err - (hi - sum)
}

func (s *VarState) Bytes() int {
	return 8*cap(s.Weight) + s.sums.bytes() + s.squares.bytes()
}

func (s *VarState) Columns() []*Vec {
	return []*Vec{
		vecOfInts(signed(s.Weight)),
		vecOfFloats(s.sums.Sum), vecOfFloats(s.sums.Err),
		vecOfFloats(s.squares.Sum), vecOfFloats(s.squares.Err),
	}
}

func decodeVariance(a *Agg, cols []*Vec) (State, error) {
	f := storage.TypeFloat64
	if err := checkColumns("variance", cols, false, storage.TypeInt64, f, f, f, f); err != nil {
		return nil, err
	}
	return &VarState{
		Kind: a.Kind, Weight: unsigned(cols[0].Ints),
		sums:    floatSums{Sum: cols[1].Floats, Err: cols[2].Floats},
		squares: floatSums{Sum: cols[3].Floats, Err: cols[4].Floats},
	}, nil
}
