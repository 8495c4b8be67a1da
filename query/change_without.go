package query

import (
	"math"

	"github.com/kelpdb/kelp/storage"
)

// What an aggregate of all rows but a group's comes to. Where a state can take a group
// off, or knows what only that group has brought, nothing need be merged for it: of
// a few hundred groups that saves some thousand merges of histograms or sketches.

// A withouter is a State that tells its values with each of its groups left out.
// withoutEach returns the value of all groups but one; nil if that needs merging.
type withouter interface {
	withoutEach() func(group int) storage.Value
}

// leftOut is a state whose group i stands for all rows but those of group i. Only its
// values may be asked for.
type leftOut struct {
	State
	without func(group int) storage.Value
}

func (l leftOut) Value(i int) storage.Value { return l.without(i) }

func (s *CountState) withoutEach() func(int) storage.Value {
	all := uint64(0)
	for _, n := range s.N {
		all = addSaturated(all, n)
	}
	if all == math.MaxUint64 {
		return nil
	}
	return func(i int) storage.Value { return storage.Int(int64(min(all-s.N[i], math.MaxInt64))) }
}

func (s *PercentileState) withoutEach() func(int) storage.Value {
	all := histogram{min: math.Inf(1), max: math.Inf(-1)}
	lows, highs := make([]float64, len(s.hists)), make([]float64, len(s.hists))
	for i := range s.hists {
		all.merge(&s.hists[i])
		lows[i], highs[i] = s.hists[i].min, s.hists[i].max
	}
	total := all.total()
	if s.bins > 0 || total == math.MaxUint64 {
		return nil
	}
	var bins []bin
	all.each(func(b bin) bool { bins = append(bins, b); return true })
	lows = foldOthers(lows, math.Inf(1), func(a, b float64) float64 { return min(a, b) })
	highs = foldOthers(highs, math.Inf(-1), func(a, b float64) float64 { return max(a, b) })
	return func(i int) storage.Value {
		own := &s.hists[i]
		left := total - own.total()
		if left == 0 {
			return storage.Value{}
		}
		low, high := lows[i], highs[i]
		v := high
		switch rank := s.share.of(left); {
		case rank <= 1:
			v = low
		case rank < left:
			v = min(max(rankWithout(bins, own, rank), low), high)
		}
		return storage.Float(canonicalFloat(v))
	}
}

// rankWithout is the value of the bins at which the cumulative weight reaches rank
// when what own has counted is left out.
func rankWithout(bins []bin, own *histogram, rank uint64) float64 {
	sum, few := uint64(0), own.few
	for _, b := range bins {
		sum += b.n
		if len(few) > 0 && few[0].index == b.index {
			sum -= few[0].n
			few = few[1:]
		}
		if at := uint32(b.index>>fractionBits - own.first); at < uint32(len(own.pages)) && own.pages[at] != nil {
			sum -= own.pages[at][b.index&(binsPerPage-1)]
		}
		if sum >= rank {
			return b.middle()
		}
	}
	panic("BUG: a rank beyond the weight of all groups but one")
}

// foldOthers folds, for each element, all the others.
func foldOthers(values []float64, none float64, fold func(a, b float64) float64) []float64 {
	out := make([]float64, len(values))
	before := none
	for i, v := range values {
		out[i] = before
		before = fold(before, v)
	}
	after := none
	for i := len(values) - 1; i >= 0; i-- {
		out[i] = fold(out[i], after)
		after = fold(after, values[i])
	}
	return out
}

// A distinct of the others is exact if none of them has registers, and few hashes
// between them; else each of its registers is the largest of theirs, or the second
// largest of all where the group that is left out has the largest.
func (s *UniqState) withoutEach() func(int) storage.Value {
	sketched := 0
	for i := range s.sets {
		if s.sets[i].registers != nil {
			sketched++
		}
	}
	var few fewOwners
	if sketched <= 1 {
		few = ownersOfFew(s.sets)
	}
	var ranks *ranksWithout
	return func(i int) storage.Value {
		own := &s.sets[i]
		if sketched == 0 || sketched == 1 && own.registers != nil {
			if n := few.all - few.alone[i]; n <= distinctFewMax {
				return storage.Int(int64(n))
			}
		}
		if ranks == nil {
			ranks = ranksOf(s.sets)
		}
		return storage.Int(ranks.count(i))
	}
}

// fewOwners is how many hashes there are in all sets without registers, and how many
// of them each set has alone.
type fewOwners struct {
	all   int
	alone []int
}

func ownersOfFew(sets []distinct) fewOwners {
	const many = -1
	owner := make(map[uint64]int)
	for i := range sets {
		sets[i].few.each(func(hash uint64) {
			if _, known := owner[hash]; known {
				owner[hash] = many
			} else {
				owner[hash] = i
			}
		})
	}
	out := fewOwners{all: len(owner), alone: make([]int, len(sets))}
	for _, i := range owner {
		if i != many {
			out.alone[i]++
		}
	}
	return out
}

// ranksWithout is how many registers of all sets together have each rank, and by how
// much that changes without one of the sets.
type ranksWithout struct {
	all   [hllRankMax + 1]int
	delta [][hllRankMax + 1]int
}

func ranksOf(sets []distinct) *ranksWithout {
	var best, second [hllRegisters]uint8
	var of [hllRegisters]int32
	for i := range sets {
		registers := sets[i].registers
		if registers == nil {
			sketch := distinct{registers: make([]uint8, hllRegisters)}
			sketch.merge(&sets[i])
			registers = sketch.registers
		}
		for at, r := range registers[:hllRegisters] {
			switch {
			case r <= second[at]:
			case r > best[at]:
				best[at], second[at], of[at] = r, best[at], int32(i)
			default:
				second[at] = r
			}
		}
	}
	out := &ranksWithout{delta: make([][hllRankMax + 1]int, len(sets))}
	for at, r := range best {
		out.all[r]++
		if d := &out.delta[of[at]]; r != second[at] {
			d[r]--
			d[second[at]]++
		}
	}
	return out
}

// count is the estimate without a set.
func (w *ranksWithout) count(set int) int64 {
	ranks := w.all
	for r, n := range w.delta[set] {
		ranks[r] += n
	}
	return int64(math.Round(hllEstimate(&ranks)))
}
