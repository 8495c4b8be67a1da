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
