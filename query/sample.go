package query

import (
	"math"
	"math/bits"

	"github.com/kelpdb/kelp/storage"
)

// SAMPLE n ROWS. For groups every row of the range is taken with the same
// probability, whatever the others are: n of the rows that there are in the range.
// What was counted and summed is scaled by the rows that there are for each that was
// taken, which both are counted, so that nothing depends on how well the root knew
// their number. For plain rows each draws a number, and the n smallest are the
// answer: they are n exactly, out of those that pass the filter.

// Sampled is SAMPLE.
type Sampled struct {
	Rows int64 // that are wanted
	// Draw is the hidden output of plain rows that holds what they have drawn.
	Draw int
}

// sampleRowsMin is how many rows are drawn at least for groups: out of fewer there may
// be none at all, by chance.
const sampleRowsMin = 16

// Share is the probability with which groups take a row, of so many in the range; 0
// where all are taken: there are no more, or nobody knows how many there are.
func (s *Sampled) Share(inRange uint64) float64 {
	if want := max(s.Rows, sampleRowsMin); uint64(want) < inRange {
		return float64(want) / float64(inRange)
	}
	return 0
}

// bindSample binds SAMPLE, when the outputs are known.
func (b *binder) bindSample() error {
	c := b.sel.Sample
	if c == nil {
		return nil
	}
	if c.Rows < 1 {
		return errorAt(CodeBadRequest, c.Pos, "SAMPLE takes a number of rows above 0").withHint("write SAMPLE 10000 ROWS, say")
	}
	b.plan.Sample = &Sampled{Rows: c.Rows, Draw: len(b.plan.Outputs)}
	if !b.plan.Grouped {
		b.plan.Outputs = append(b.plan.Outputs, Output{Type: storage.TypeInt64, Hidden: true, Expr: &Bound{Op: OpDraw, Type: storage.TypeInt64, Pos: c.Pos}})
	}
	return nil
}

// scaled is a partial of groups with what was counted and summed brought from the
// sample to all rows; the partial itself where all rows were taken. Its states are new.
func (p *Partial) scaled(plan *Plan) *Partial {
	if plan.Sample == nil || !plan.Grouped || p.Drawn == p.DrawnOf {
		return p
	}
	out := *p
	out.Drawn, out.DrawnOf = 0, 0
	out.States, out.Approx = make([]State, len(p.States)), nil
	by := scale{of: p.DrawnOf, drawn: max(p.Drawn, 1)}
	for i, s := range p.States {
		out.Approx = append(out.Approx, i) // averages and the like are of the sample, too
		switch s := s.(type) {
		case *CountState:
			counts := &CountState{N: make([]uint64, len(s.N))}
			for g, n := range s.N {
				counts.N[g] = by.count(n)
			}
			out.States[i] = counts
		case *SumState:
			out.States[i] = by.sums(s)
		case *PercentileState:
			out.States[i] = by.histograms(s)
		default:
			out.States[i] = s
		}
	}
	return &out
}

// scale brings numbers from drawn rows to those that they were drawn of.
type scale struct {
	of, drawn uint64
}

// times returns hi·2^64 + lo scaled and rounded, the largest number if it passes 128 bits.
func (s scale) times(hi, lo uint64) (uint64, uint64) {
	c, low := bits.Mul64(lo, s.of)
	top, mid := bits.Mul64(hi, s.of)
	mid, carry := bits.Add64(mid, c, 0)
	top += carry
	low, carry = bits.Add64(low, s.drawn/2, 0)
	mid, carry = bits.Add64(mid, 0, carry)
	top += carry
	if top >= s.drawn {
		return math.MaxUint64, math.MaxUint64
	}
	high, rest := bits.Div64(top, mid, s.drawn)
	out, _ := bits.Div64(rest, low, s.drawn)
	return high, out
}

func (s scale) count(n uint64) uint64 {
	hi, lo := s.times(0, n)
	if hi > 0 {
		return math.MaxUint64
	}
	return lo
}

// sums scales sums; means stay what they are.
func (s scale) sums(from *SumState) State {
	if from.Kind != AggSum {
		return from
	}
	to := NewState(&Agg{Kind: from.Kind, Type: from.Type}).(*SumState)
	to.Grow(from.Len())
	copy(to.Weight, from.Weight)
	for i := range from.Lo {
		hi, lo := from.Hi[i], from.Lo[i]
		if hi >= 0 {
			h, l := s.times(uint64(hi), lo)
			to.Hi[i], to.Lo[i] = int64(min(h, sumHiMax)), l
			continue
		}
		lo, borrow := bits.Sub64(0, lo, 0)
		h, l := s.times(uint64(-hi)-borrow, lo)
		l, borrow = bits.Sub64(0, l, 0)
		to.Hi[i], to.Lo[i] = -int64(min(h, sumHiMax))-int64(borrow), l
	}
	if from.hasFloats() {
		to.wantFloats()
		factor := float64(s.of) / float64(s.drawn)
		for i := range from.floats.Sum {
			to.floats.Sum[i], to.floats.Err[i] = from.floats.Sum[i]*factor, from.floats.Err[i]*factor
		}
	}
	return to
}

// histograms scales what histogram(x) shows, when it is shown: of single bins little
// would be left but rounding. Percentiles stay what they are.
func (s scale) histograms(from *PercentileState) State {
	if from.bins == 0 {
		return from
	}
	return &PercentileState{bins: from.bins, hists: from.hists, by: &s}
}
