package query

import (
	"slices"

	"github.com/kelpdb/kelp/storage"
)

// hasAgg tells whether an expression depends on an aggregate.
func hasAgg(e *Bound) bool {
	return e.Op == OpAgg || slices.ContainsFunc(e.Args, hasAgg)
}

// sameBound tells whether two expressions are written alike after binding.
func sameBound(x, y *Bound) bool {
	if x == y {
		return true
	}
	if x == nil || y == nil || x.Op != y.Op || x.Type != y.Type || x.Index != y.Index || x.SetNull != y.SetNull ||
		len(x.Args) != len(y.Args) || !sameValue(x.Const, y.Const) {
		return false
	}
	if (x.Func == nil) != (y.Func == nil) || x.Func != nil && x.Func.Name != y.Func.Name {
		return false
	}
	return slices.EqualFunc(x.Set, y.Set, sameValue) && slices.EqualFunc(x.Args, y.Args, sameBound)
}

// sameValue is equality of type and value; unlike in SQL null is itself.
func sameValue(x, y storage.Value) bool { return x.Type == y.Type && Order(x, y) == 0 }

func sameAgg(x, y Agg) bool {
	return x.Kind == y.Kind && x.Param == y.Param && x.Type == y.Type && sameBound(x.Arg, y.Arg) && sameBound(x.By, y.By) && sameBound(x.Filter, y.Filter)
}

// markDepth and markArgs bound what boundMark looks at: expressions share parts, so
// that a walk through all of one may have no end.
const markDepth, markArgs = 4, 8

// aggMark is alike for aggregates that are alike, and seldom for others: of
// thousands that a query may have, each is compared with few.
func aggMark(a Agg) uint64 {
	mark := uint64(a.Kind)<<8 | uint64(a.Type)
	for _, e := range [...]*Bound{a.Arg, a.By, a.Filter} {
		mark = addMark(mark, boundMark(e, markDepth))
	}
	return mark
}

func boundMark(e *Bound, depth int) uint64 {
	if e == nil || depth == 0 {
		return 0
	}
	mark := uint64(e.Op)<<16 | uint64(e.Type)<<8 | uint64(e.Const.Type)
	mark = addMark(mark, uint64(e.Index))
	mark = addMark(mark, uint64(e.Const.Int))
	for i := range min(len(e.Const.Str), markArgs) {
		mark = addMark(mark, uint64(e.Const.Str[len(e.Const.Str)-1-i])) // texts differ at their end
	}
	for _, arg := range e.Args[:min(len(e.Args), markArgs)] {
		mark = addMark(mark, boundMark(arg, depth-1))
	}
	return mark
}

// addMark is a step of FNV-1a, by words.
func addMark(mark, more uint64) uint64 { return (mark ^ more) * 0x100000001b3 }
