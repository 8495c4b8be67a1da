package exec

import (
	"math"
	"slices"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// An arith is an expression of numbers that is null only where one of its columns is.
// It is computed over strips of rows, some nanoseconds for each step of a row; row by
// row the same costs some hundred. Where it would warn (an overflow, a division by
// zero, a root of a negative number) the block is evaluated row by row; so are, for
// their warnings alone, rows that have a value in some of several columns.
type arith struct {
	op     query.Op
	typ    storage.Type // int64 or float64
	args   []*arith
	column int                   // of OpColumn: index of Plan.Columns
	value  storage.Value         // of OpConst, of typ
	f      arithFunc             // of OpCall
	one    func(float64) float64 // of arithOne and arithWhole
}

// An arithFunc is a function that an arith may call.
type arithFunc uint8

const (
	arithOne   arithFunc = iota // of a float; NaN of a number, and -inf, have no value
	arithWhole                  // floor, ceil and round of a float
	arithSame                   // the same of an integer
	arithAbs
	arithBucket
)

// compileArith makes the arith of an expression, nil if it is not one, or so simple
// that there are faster ways.
func compileArith(b *query.Bound) *arith {
	if b == nil || b.Op == query.OpColumn || b.Op == query.OpConst {
		return nil
	}
	return arithOf(b)
}

func arithOf(b *query.Bound) *arith {
	if b.Type != storage.TypeInt64 && b.Type != storage.TypeFloat64 {
		return nil
	}
	a := &arith{op: b.Op, typ: b.Type}
	switch b.Op {
	case query.OpConst:
		a.value = query.Coerce(b.Const, b.Type)
		if a.value.Type != b.Type {
			return nil
		}
		return a
	case query.OpColumn:
		a.column = b.Index
		return a
	case query.OpAdd, query.OpSub, query.OpMul, query.OpDiv, query.OpMod, query.OpNeg:
	case query.OpCall:
		if !a.call(b) {
			return nil
		}
	default:
		return nil
	}
	for _, arg := range b.Args {
		x := arithOf(arg)
		if x == nil || a.typ == storage.TypeInt64 && x.typ != a.typ {
			return nil
		}
		a.args = append(a.args, x)
	}
	return a
}

// call finds the function of a call.
func (a *arith) call(b *query.Bound) bool {
	integer := b.Args[0].Type == storage.TypeInt64
	switch b.Func.Name {
	case "exp":
		a.one = math.Exp
	case "ln":
		a.one = math.Log
	case "log10":
		a.one = math.Log10
	case "sqrt":
		a.one = math.Sqrt
	case "floor":
		a.f, a.one = arithWhole, math.Floor
	case "ceil":
		a.f, a.one = arithWhole, math.Ceil
	case "round":
		a.f, a.one = arithWhole, math.Round
	case "abs":
		a.f = arithAbs
	case "bucket":
		a.f = arithBucket
		return true
	default:
		return false
	}
	if a.f == arithWhole && integer {
		a.f = arithSame
	}
	// An integer stays one here, and a float does not become one.
	return len(b.Args) == 1 && (a.f == arithOne || integer == (a.typ == storage.TypeInt64))
}

// warns tells whether a step of the expression can warn.
func (a *arith) warns() bool {
	switch a.op {
	case query.OpConst, query.OpColumn:
		return false
	case query.OpNeg, query.OpAdd, query.OpSub, query.OpMul:
		if a.typ == storage.TypeInt64 {
			return true
		}
	case query.OpDiv, query.OpMod:
		if !a.args[1].nonzero() {
			return true
		}
	case query.OpCall:
		if a.f == arithOne || a.f == arithBucket && !a.args[1].nonzero() || a.typ == storage.TypeInt64 && a.f != arithSame {
			return true
		}
	}
	return slices.ContainsFunc(a.args, (*arith).warns)
}

// nonzero tells whether it is a constant by which can be divided.
func (a *arith) nonzero() bool {
	return a.op == query.OpConst && (a.value.Int != 0 || a.value.Float != 0)
}

// A comparison is two ariths that are compared: as integers if both are, else as floats.
type comparison struct {
	op   query.Op
	x, y *arith
}

// compileComparison makes the comparison of a condition; nil: it is none.
func compileComparison(b *query.Bound) *comparison {
	switch b.Op {
	case query.OpEq, query.OpNe, query.OpLt, query.OpLe, query.OpGt, query.OpGe:
	default:
		return nil
	}
	x, y := arithOf(b.Args[0]), arithOf(b.Args[1])
	if x == nil || y == nil {
		return nil
	}
	return &comparison{op: b.Op, x: x, y: y}
}

// holds tells for a comparison of three ways whether it is what is asked.
func (c *comparison) holds(less, equal bool) bool {
	switch c.op {
	case query.OpEq:
		return equal
	case query.OpNe:
		return !equal
	case query.OpLt:
		return less
	case query.OpLe:
		return less || equal
	case query.OpGt:
		return !less && !equal
	}
	return !less
}
