package query

import (
	"math"
	"math/bits"

	"github.com/kelpdb/kelp/storage"
)

// CountState counts rows by weight (count) or as they are (hits). N[g] is the
// count of group g; it stays at the largest uint64 if it would pass it. It may
// be added to directly.
type CountState struct {
	N []uint64
}

// Add counts a run of rows.
func (s *CountState) Add(groups []uint32, weights []uint64) {
	if weights == nil {
		for _, g := range groups {
			s.N[g]++
		}
		return
	}
	for i, g := range groups {
		s.N[g] = addSaturated(s.N[g], weights[i])
	}
}

// AddN counts rows of one group with this weight in all.
func (s *CountState) AddN(group uint32, weight uint64) {
	s.N[group] = addSaturated(s.N[group], weight)
}

func addSaturated(a, b uint64) uint64 {
	sum, carry := bits.Add64(a, b, 0)
	return sum | -carry
}

// Len, Grow, Merge, Value, Bytes and Columns are State's.
func (s *CountState) Len() int { return len(s.N) }

func (s *CountState) Grow(n int) { s.N = growSlice(s.N, n) }

func (s *CountState) Merge(src State, to []uint32) {
	for i, n := range src.(*CountState).N {
		s.N[to[i]] = addSaturated(s.N[to[i]], n)
	}
}

func (s *CountState) Value(i int) storage.Value {
	return storage.Int(int64(min(s.N[i], math.MaxInt64)))
}

func (s *CountState) Bytes() int { return 8 * cap(s.N) }

func (s *CountState) Columns() []*Vec {
	return []*Vec{vecOfInts(signed(s.N))}
}

func decodeCount(cols []*Vec) (State, error) {
	if err := checkColumns("count", cols, false, storage.TypeInt64); err != nil {
		return nil, err
	}
	return &CountState{N: unsigned(cols[0].Ints)}, nil
}
