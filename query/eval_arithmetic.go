package query

import (
	"math"
	"math/bits"

	"github.com/kelpdb/kelp/storage"
)

// evalArithmetic computes + - * / %. Integers stay integers where the static
// type says so: a column that holds integers and floats is float64 everywhere,
// so 7/2 is 3.5 in it whatever the row holds.
func (b *Bound) evalArithmetic(r Row) storage.Value {
	x, y := b.Args[0].operand(r), b.Args[1].operand(r)
	if x.IsNull() || y.IsNull() {
		return storage.Value{}
	}
	if (b.Op == OpAdd || b.Op == OpSub) && (x.Type == storage.TypeTime || y.Type == storage.TypeTime) {
		v, w := timeArithmetic(b.Op, x, y)
		if v.Type != b.Type && !v.IsNull() {
			return storage.Value{} // time - text is seconds: text that is a number of them is no time
		}
		warn(r, w)
		return v
	}
	x, xok := Number(x)
	y, yok := Number(y)
	if !xok || !yok {
		return storage.Value{}
	}
	if x.Type == storage.TypeInt64 && y.Type == storage.TypeInt64 && b.Type != storage.TypeFloat64 {
		v, w := intArithmetic(b.Op, x.Int, y.Int)
		warn(r, w)
		return v
	}
	v, w := floatArithmetic(b.Op, asFloat(x), asFloat(y))
	warn(r, w)
	return v
}

func intArithmetic(op Op, x, y int64) (storage.Value, Warning) {
	var z int64
	var ok bool
	switch op {
	case OpAdd:
		z, ok = addInt64(x, y)
	case OpSub:
		z, ok = subInt64(x, y)
	case OpMul:
		z, ok = multiplyInt64(x, y)
	case OpDiv, OpMod:
		if y == 0 {
			return storage.Value{}, WarnDivZero
		}
		if op == OpMod {
			if y == -1 { // the processor would trap on the smallest int64
				return storage.Int(0), 0
			}
			return storage.Int(x % y), 0
		}
		z, ok = x, true
		if y == -1 {
			z, ok = subInt64(0, x)
		} else {
			z = x / y
		}
	}
	if !ok {
		return storage.Value{}, WarnOverflow
	}
	return storage.Int(z), 0
}

func addInt64(x, y int64) (int64, bool) {
	z := x + y
	return z, (x^z)&(y^z) >= 0
}

func subInt64(x, y int64) (int64, bool) {
	z := x - y
	return z, (x^y)&(x^z) >= 0
}

func multiplyInt64(x, y int64) (int64, bool) {
	hi, lo := mulSigned(x, y)
	return int64(lo), hi == int64(lo)>>63
}

// mulSigned is the product of two int64 in 128 bits.
func mulSigned(x, y int64) (hi int64, lo uint64) {
	h, l := bits.Mul64(uint64(x), uint64(y))
	return int64(h) - (x>>63)&y - (y>>63)&x, l
}

func floatArithmetic(op Op, x, y float64) (storage.Value, Warning) {
	switch op {
	case OpAdd:
		return storage.Float(x + y), 0
	case OpSub:
		return storage.Float(x - y), 0
	case OpMul:
		return storage.Float(x * y), 0
	}
	if y == 0 {
		return storage.Value{}, WarnDivZero
	}
	if op == OpMod {
		return storage.Float(math.Mod(x, y)), 0
	}
	return storage.Float(x / y), 0
}

// timeArithmetic: time - time is seconds as float64, time + and - seconds a time.
func timeArithmetic(op Op, x, y storage.Value) (storage.Value, Warning) {
	xns, xtime := asTime(x)
	yns, ytime := asTime(y)
	switch {
	case xtime && ytime && op == OpSub:
		return storage.Float(secondsBetween(yns, xns)), 0
	case xtime && !ytime:
		return shiftTime(xns, y, op == OpSub)
	case ytime && !xtime && op == OpAdd:
		return shiftTime(yns, x, false)
	}
	return storage.Value{}, 0
}

// asTime is a value in time context: a time, or text that is one.
func asTime(v storage.Value) (int64, bool) {
	switch v.Type {
	case storage.TypeTime:
		return v.Int, true
	case storage.TypeString:
		return parseTime(v.Str)
	}
	return 0, false
}

// secondsBetween is to - from without passing through an int64 that might
// overflow, rounded once: what the division leaves is divided again.
func secondsBetween(from, to int64) float64 {
	d, ok := subInt64(to, from)
	if !ok {
		return (float64(to) - float64(from)) / float64(nsPerSecond)
	}
	whole := float64(d)
	if whole == math.MaxInt64+1 {
		return whole / float64(nsPerSecond)
	}
	lost := float64(d - int64(whole))
	q := whole / float64(nsPerSecond)
	return q + (math.FMA(-q, float64(nsPerSecond), whole)+lost)/float64(nsPerSecond)
}

func shiftTime(ns int64, seconds storage.Value, back bool) (storage.Value, Warning) {
	n, ok := Number(seconds)
	if !ok {
		return storage.Value{}, 0
	}
	var by int64
	if n.Type == storage.TypeInt64 {
		by, ok = multiplyInt64(n.Int, nsPerSecond)
	} else {
		by, ok = floatToInt(math.Round(n.Float * float64(nsPerSecond)))
	}
	if !ok {
		return storage.Value{}, WarnOverflow
	}
	if back {
		ns, ok = subInt64(ns, by)
	} else {
		ns, ok = addInt64(ns, by)
	}
	if !ok {
		return storage.Value{}, WarnOverflow
	}
	return storage.Time(ns), 0
}

func (b *Bound) evalNeg(r Row) storage.Value {
	n, ok := Number(b.Args[0].operand(r))
	switch {
	case !ok:
		return storage.Value{}
	case n.Type == storage.TypeFloat64:
		return storage.Float(-n.Float)
	case n.Int == math.MinInt64:
		warn(r, WarnOverflow)
		return storage.Value{}
	case b.Type == storage.TypeFloat64:
		return storage.Float(-float64(n.Int))
	}
	return storage.Int(-n.Int)
}
