package query

import (
	"slices"

	"github.com/kelpdb/kelp/storage"
)

// Contexts. A column gives its values in the types they are stored in; a static
// type (Bound.Type) stands for the column over the whole cluster. All but casts,
// lists and typeof coerce to the static type first, so the answer does not depend
// on what else lies in a row's block:
//
//	numeric context   arithmetic, mathematical functions, sum ...: Number
//	text context      LIKE, ~, ||, functions of text: CanonicalText
//	time context      time arithmetic, date functions: a time, or text that is one
//	condition         a bool; anything else is unknown
//
// A length of time is a number of seconds: time - time gives it, time + and -
// take it.

// Eval is the value of the expression for one row. It never fails: what has no
// value is null, with a warning to the row if that is a Warner.
func (b *Bound) Eval(r Row) storage.Value {
	switch b.Op {
	case OpConst:
		return b.Const
	case OpColumn:
		return r.Column(b.Index)
	case OpKey:
		return r.Key(b.Index)
	case OpAgg:
		return r.Agg(b.Index)
	case OpRate:
		return b.evalRate(r)
	case OpChange:
		return b.evalChange(r)
	case OpIndex:
		return b.evalIndex(r)
	case OpAdd, OpSub, OpMul, OpDiv, OpMod:
		return b.evalArithmetic(r)
	case OpNeg:
		return b.evalNeg(r)
	case OpConcat:
		return b.evalConcat(r)
	case OpCast:
		v, ok := Cast(b.Args[0].Eval(r), b.Type)
		if !ok {
			warn(r, WarnCast)
		}
		return v
	case OpCase:
		return b.evalCase(r)
	case OpCall:
		return b.evalCall(r)
	case OpUnnest:
		panic("BUG: UNNEST outside of GROUP BY") // as a condition it would ask itself without end
	}
	yes, known := b.Truth(r)
	if !known {
		return storage.Value{}
	}
	return storage.Bool(yes)
}

// operand is the value in the expression's static type.
func (b *Bound) operand(r Row) storage.Value {
	return Coerce(b.Eval(r), b.Type)
}

// Truth is the expression as a condition: known is false where the answer is
// unknown (null).
func (b *Bound) Truth(r Row) (yes, known bool) {
	switch b.Op {
	case OpAnd, OpOr:
		return b.truthOfAll(r, b.Op == OpOr)
	case OpNot:
		yes, known = b.Args[0].Truth(r)
		return known && !yes, known
	case OpIsNull:
		return b.Args[0].Eval(r).IsNull(), true
	case OpIsNotNull:
		return !b.Args[0].Eval(r).IsNull(), true
	case OpEq, OpNe, OpLt, OpLe, OpGt, OpGe:
		c, ok := Compare(b.Args[0].operand(r), b.Args[1].operand(r))
		return ok && comparisonHolds(b.Op, c), ok
	case OpIn:
		return b.truthOfIn(r)
	case OpBetween:
		return b.truthOfBetween(r)
	case OpLike, OpRegex:
		v := b.Args[0].operand(r)
		if v.IsNull() {
			return false, false
		}
		return b.Match.MatchString(CanonicalText(v)), true
	case OpHasAny, OpHasAll, OpHasNone:
		return b.truthOfHas(r), true
	}
	v := b.Eval(r)
	return v.Type == storage.TypeBool && v.Int != 0, v.Type == storage.TypeBool
}

// truthOfAll is OR if the value that decides is true, AND if it is false.
func (b *Bound) truthOfAll(r Row, decides bool) (yes, known bool) {
	allKnown := true
	for _, arg := range b.Args {
		yes, known := arg.Truth(r)
		if known && yes == decides {
			return decides, true
		}
		allKnown = allKnown && known
	}
	return allKnown && !decides, allKnown
}

func comparisonHolds(op Op, c int) bool {
	switch op {
	case OpEq:
		return c == 0
	case OpNe:
		return c != 0
	case OpLt:
		return c < 0
	case OpLe:
		return c <= 0
	case OpGt:
		return c > 0
	case OpGe:
		return c >= 0
	}
	panic("BUG: not a comparison")
}

// inLinearMax is how many constants of an IN list are tried one by one.
const inLinearMax = 8

// truthOfIn: the set is sorted by Order, so if its ends have the value's type,
// all of it has.
func (b *Bound) truthOfIn(r Row) (yes, known bool) {
	v := b.Args[0].operand(r)
	if v.IsNull() {
		return false, false
	}
	found := false
	if n := len(b.Set); n > inLinearMax && v.Type == b.Set[0].Type && v.Type == b.Set[n-1].Type {
		_, found = slices.BinarySearchFunc(b.Set, v, Order)
	} else {
		found = slices.ContainsFunc(b.Set, func(item storage.Value) bool {
			c, ok := Compare(v, item)
			return ok && c == 0
		})
	}
	return found, found || !b.SetNull
}

func (b *Bound) truthOfBetween(r Row) (yes, known bool) {
	v := b.Args[0].operand(r)
	low, lowKnown := Compare(v, b.Args[1].operand(r))
	high, highKnown := Compare(v, b.Args[2].operand(r))
	if lowKnown && low < 0 || highKnown && high > 0 {
		return false, true
	}
	return lowKnown && highKnown, lowKnown && highKnown
}

// listOf is a value as a list: a string is a list of one, null and all else are empty.
func listOf(v storage.Value, one *[1]string) []string {
	switch v.Type {
	case storage.TypeNull:
		return nil
	case storage.TypeList:
		return v.List
	}
	one[0] = CanonicalText(v)
	return one[:]
}

func (b *Bound) truthOfHas(r Row) bool {
	v := b.Args[0].Eval(r)
	if v.IsNull() {
		return b.Op == OpHasNone
	}
	var one [1]string
	items := listOf(v, &one)
	found := 0
	for _, want := range b.Set {
		if slices.Contains(items, CanonicalText(want)) {
			found++
		}
	}
	switch b.Op {
	case OpHasAny:
		return found > 0
	case OpHasAll:
		return found == len(b.Set) && !b.SetNull
	}
	return found == 0
}

func (b *Bound) evalIndex(r Row) storage.Value {
	v := b.Args[0].Eval(r)
	n, ok := Number(b.Args[1].Eval(r))
	if !ok || v.IsNull() {
		return storage.Value{}
	}
	at, ok := Cast(n, storage.TypeInt64)
	var one [1]string
	items := listOf(v, &one)
	if !ok || at.Int < 1 || at.Int > int64(len(items)) {
		return storage.Value{}
	}
	return storage.String(items[at.Int-1])
}

func (b *Bound) evalConcat(r Row) storage.Value {
	var buf [128]byte
	text := buf[:0]
	for _, arg := range b.Args {
		v := arg.operand(r)
		if v.IsNull() {
			return v
		}
		text = AppendText(text, v)
	}
	return storage.String(string(text))
}

func (b *Bound) evalCase(r Row) storage.Value {
	for i := 0; i+1 < len(b.Args); i += 2 {
		if yes, known := b.Args[i].Truth(r); known && yes {
			return Coerce(b.Args[i+1].operand(r), b.Type)
		}
	}
	if len(b.Args)%2 == 1 {
		return Coerce(b.Args[len(b.Args)-1].operand(r), b.Type)
	}
	return storage.Value{}
}

// rateRow is a Row that knows by how many seconds a rate divides; 0 if the
// range has no length.
type rateRow interface {
	rateSeconds() float64
	isFilled() bool // FILL has added the group: what was counted in it is 0
}

func (b *Bound) evalRate(r Row) storage.Value {
	row, ok := r.(rateRow)
	if !ok {
		panic("BUG: rate() outside of a result")
	}
	total, ok := FloatOf(b.Args[0].Eval(r))
	seconds := row.rateSeconds()
	ok = ok || row.isFilled()
	if !ok || seconds <= 0 {
		return storage.Value{}
	}
	return storage.Float(total / seconds)
}
