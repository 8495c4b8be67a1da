package query

import (
	"fmt"

	"github.com/kelpdb/kelp/storage"
)

// How states are fed. Every state keeps one entry per group in plain slices. A
// worker calls Grow when its groups grow, then feeds runs: groups[i] is the
// group of the i-th row, values[i] its value in the type of Agg.Arg, and
// weights[i] what it stands for; weights == nil means 1 each. Rows that the
// filter, the Agg's own filter or a null argument takes out are not in the
// run. The slices are only read, and only during the call.
//
// A state belongs to one worker; Merge of another state is its only way to
// learn from others. Empty groups merge as if they were not there.

// NewState returns an empty state for an aggregate.
func NewState(a *Agg) State {
	switch a.Kind {
	case AggCount, AggHits:
		return &CountState{}
	case AggSum, AggAvg:
		return &SumState{Kind: a.Kind, Type: a.Type}
	case AggVariance, AggStddev:
		return &VarState{Kind: a.Kind}
	case AggPercentile, AggHistogram:
		return newPercentileState(a)
	case AggMin, AggMax, AggAny:
		return newMinMaxState(a)
	case AggFirst, AggLast:
		return newFirstLastState(a)
	case AggUniq:
		return &UniqState{}
	case AggUniqExact:
		return newUniqExactState(a)
	case AggArgMin, AggArgMax:
		return newArgState(a)
	case AggTopK:
		return newTopKState(a)
	}
	panic(fmt.Sprintf("BUG: no state for aggregate %d", a.Kind))
}

// DecodeState makes the state of an aggregate from the columns that Columns
// gave. The columns come from strangers: what no state could have written is
// an error. The state takes the columns over.
func DecodeState(a *Agg, cols []*Vec) (State, error) {
	switch a.Kind {
	case AggCount, AggHits:
		return decodeCount(cols)
	case AggSum, AggAvg:
		return decodeSum(a, cols)
	case AggVariance, AggStddev:
		return decodeVariance(a, cols)
	case AggPercentile, AggHistogram:
		return decodePercentile(a, cols)
	case AggMin, AggMax, AggAny:
		return decodeMinMax(a, cols)
	case AggFirst, AggLast:
		return decodeFirstLast(a, cols)
	case AggUniq:
		return decodeUniq(cols)
	case AggUniqExact:
		return decodeUniqExact(a, cols)
	case AggArgMin, AggArgMax:
		return decodeArg(a, cols)
	case AggTopK:
		return decodeTopK(a, cols)
	}
	panic(fmt.Sprintf("BUG: no state for aggregate %d", a.Kind))
}

// stateFits tells whether a state is one of the aggregate.
func stateFits(a *Agg, s State) bool {
	switch s := s.(type) {
	case *CountState:
		return a.Kind == AggCount || a.Kind == AggHits
	case *SumState:
		return a.Kind == s.Kind && a.Type == s.Type
	case *VarState:
		return a.Kind == s.Kind
	case *PercentileState:
		return s.fits(a)
	case *MinMaxState:
		return a.Kind == s.Kind && a.Type == s.Type
	case *FirstLastState:
		return a.Kind == s.Kind && a.Type == s.Type
	case *UniqState:
		return a.Kind == AggUniq
	case *UniqExactState:
		return a.Kind == AggUniqExact && a.Arg != nil && s.Type == a.Arg.Type
	case *ArgState:
		return a.Kind == s.Kind && a.Type == s.Type && a.By != nil && s.by.Type == a.By.Type
	case *TopKState:
		return a.Kind == AggTopK && s.k == int(a.Param) && a.Arg != nil && s.Type == a.Arg.Type
	}
	return false
}

// errState says that columns of a state are not what their aggregate writes.
func errState(what string, format string, args ...any) error {
	return fmt.Errorf("cannot read the state of %s: %s", what, fmt.Sprintf(format, args...))
}

// checkColumns holds the columns of a state against the types they must have:
// all there, of one length, their arrays filled, no null but where nulls says.
func checkColumns(what string, cols []*Vec, nulls bool, types ...storage.Type) error {
	if len(cols) != len(types) {
		return errState(what, "it has %d columns, not %d", len(cols), len(types))
	}
	for i, c := range cols {
		if c == nil || c.Type != types[i] {
			return errState(what, "column %d is not of type %s", i, types[i])
		}
		if c.n != cols[0].n || c.arrayLen() != c.n {
			return errState(what, "column %d has %d values, not %d", i, c.arrayLen(), cols[0].n)
		}
		if !nulls && c.anyNull() {
			return errState(what, "column %d has a null", i)
		}
	}
	return nil
}

// growSlice extends s with zeros to n.
func growSlice[T any](s []T, n int) []T {
	if n <= cap(s) {
		old := len(s)
		s = s[:n]
		clear(s[old:])
		return s
	}
	grown := make([]T, n, max(n, cap(s)+cap(s)/2))
	copy(grown, s)
	return grown
}

// bitmap is a set of groups.
type bitmap []uint64

func (b bitmap) has(i int) bool { return b[i>>6]&(1<<(i&63)) != 0 }
func (b bitmap) set(i int)      { b[i>>6] |= 1 << (i & 63) }

func bitmapWords(n int) int { return (n + 63) / 64 }

// signed and unsigned turn counts into the int64 that columns carry, and back.
func signed(s []uint64) []int64 {
	out := make([]int64, len(s))
	for i, v := range s {
		out[i] = int64(v)
	}
	return out
}

func unsigned(s []int64) []uint64 {
	out := make([]uint64, len(s))
	for i, v := range s {
		out[i] = uint64(v)
	}
	return out
}
