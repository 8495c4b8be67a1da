package query

import "github.com/kelpdb/kelp/storage"

// In a column of several types a value would be its text to an aggregate, and
// true, NaN and Infinity are no numbers as text: a row that comes with a text
// would take others out of the sum. So aggregates of numbers take such a column
// as it is stored, by functions that cannot be called by name: of numberFunction
// a bool is null, as it is to arithmetic; of addendFunction, for sum and avg,
// true is 1.
const (
	numberFunction = "number"
	addendFunction = "addend"
)

// numberArg is the argument of an aggregate in numeric context, if the
// aggregate's own rules do not see to that.
func (b *binder) numberArg(kind AggKind, arg *Bound) *Bound {
	f := &Function{Name: numberFunction, MinArgs: 1, MaxArgs: 1, stored: true, eval: evalNumber}
	switch kind {
	case AggSum, AggAvg:
		f.Name, f.eval = addendFunction, evalAddend
	case AggVariance, AggStddev, AggPercentile, AggHistogram:
		if arg.Type == storage.TypeBool {
			return &Bound{Op: OpConst, Type: storage.TypeFloat64, Pos: arg.Pos}
		}
	default:
		return arg
	}
	if arg.Op != OpColumn || arg.Type != storage.TypeString {
		return arg
	}
	if types := b.plan.Columns[arg.Index].Types; !types.Has(storage.TypeBool) && !types.Has(storage.TypeFloat64) {
		return arg
	}
	return &Bound{Op: OpCall, Type: storage.TypeFloat64, Args: []*Bound{arg}, Func: f, Pos: arg.Pos}
}

func evalNumber(args []storage.Value) (storage.Value, Warning) {
	n, ok := FloatOf(args[0])
	if !ok {
		return storage.Value{}, 0
	}
	return storage.Float(n), 0
}

func evalAddend(args []storage.Value) (storage.Value, Warning) {
	if args[0].Type == storage.TypeBool {
		return storage.Float(float64(args[0].Int)), 0
	}
	return evalNumber(args)
}
