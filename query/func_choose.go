package query

import (
	"github.com/kelpdb/kelp/storage"
)

// Functions that choose one of their arguments.

func evalCoalesce(args []storage.Value) (storage.Value, Warning) {
	for _, v := range args {
		if !v.IsNull() {
			return v, 0
		}
	}
	return storage.Value{}, 0
}

// lazyCoalesce stops at the first value, so what comes after warns of nothing.
func lazyCoalesce(b *Bound, r Row) storage.Value {
	for _, arg := range b.Args {
		if v := arg.operand(r); !v.IsNull() {
			return Coerce(v, b.Type)
		}
	}
	return storage.Value{}
}

func evalIf(args []storage.Value) (storage.Value, Warning) {
	if args[0].Type == storage.TypeBool && args[0].Int != 0 {
		return args[1], 0
	}
	return args[2], 0
}

func lazyIf(b *Bound, r Row) storage.Value {
	if yes, known := b.Args[0].Truth(r); yes && known {
		return Coerce(b.Args[1].operand(r), b.Type)
	}
	return Coerce(b.Args[2].operand(r), b.Type)
}

func evalGreatest(args []storage.Value) (storage.Value, Warning) { return extreme(args, 1), 0 }

func evalLeast(args []storage.Value) (storage.Value, Warning) { return extreme(args, -1), 0 }

// extreme is the largest (sign 1) or smallest (-1) value that is not null.
func extreme(args []storage.Value, sign int) storage.Value {
	var best storage.Value
	for _, v := range args {
		if !v.IsNull() && (best.IsNull() || Order(v, best)*sign > 0) {
			best = v
		}
	}
	return best
}

func evalNullif(args []storage.Value) (storage.Value, Warning) {
	if c, ok := Compare(args[0], args[1]); ok && c == 0 {
		return storage.Value{}, 0
	}
	return args[0], 0
}

func evalTypeof(args []storage.Value) (storage.Value, Warning) {
	return storage.String(args[0].Type.String()), 0
}
