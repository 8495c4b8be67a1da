package query

import "github.com/kelpdb/kelp/storage"

// addendFunction is what sum and avg add up of a column of several types with
// bools among them: true stays 1, whatever else the column holds, so that a row
// of another type does not take the others out of the sum. It cannot be called
// by name.
const addendFunction = "addend"

// addend replaces the argument of an aggregate of numbers where the numeric
// context is not all there is to it: sum and avg count true as 1, to the other
// aggregates of numbers a bool is null, as it is to arithmetic.
func (b *binder) addend(kind AggKind, arg *Bound) *Bound {
	switch kind {
	case AggSum, AggAvg:
		if arg.Op != OpColumn || arg.Type != storage.TypeString || !b.plan.Columns[arg.Index].Types.Has(storage.TypeBool) {
			return arg
		}
		f := &Function{Name: addendFunction, MinArgs: 1, MaxArgs: 1, stored: true, eval: evalAddend}
		return &Bound{Op: OpCall, Type: storage.TypeFloat64, Args: []*Bound{arg}, Func: f, Pos: arg.Pos}
	case AggVariance, AggStddev, AggPercentile:
		if arg.Type == storage.TypeBool {
			return &Bound{Op: OpConst, Type: storage.TypeFloat64, Pos: arg.Pos}
		}
	}
	return arg
}

func evalAddend(args []storage.Value) (storage.Value, Warning) {
	if args[0].Type == storage.TypeBool {
		return storage.Float(float64(args[0].Int)), 0
	}
	n, ok := FloatOf(args[0])
	if !ok {
		return storage.Value{}, 0
	}
	return storage.Float(n), 0
}
