package query

import (
	"math"

	"github.com/kelpdb/kelp/storage"
)

// ofFloat computes a function of one float; the result is null where there is none.
func ofFloat(args []storage.Value, f func(float64) float64) (storage.Value, Warning) {
	x, ok := FloatOf(args[0])
	if !ok {
		return storage.Value{}, 0
	}
	y := f(x)
	if y != y && x == x || math.IsInf(y, -1) {
		return storage.Value{}, WarnDomain
	}
	return storage.Float(y), 0
}

func evalExp(args []storage.Value) (storage.Value, Warning)   { return ofFloat(args, math.Exp) }
func evalLn(args []storage.Value) (storage.Value, Warning)    { return ofFloat(args, math.Log) }
func evalLog10(args []storage.Value) (storage.Value, Warning) { return ofFloat(args, math.Log10) }
func evalSqrt(args []storage.Value) (storage.Value, Warning)  { return ofFloat(args, math.Sqrt) }

// evalPower: 0 to a negative power and fractional powers of negatives have no value.
func evalPower(args []storage.Value) (storage.Value, Warning) {
	x, xok := FloatOf(args[0])
	y, yok := FloatOf(args[1])
	if !xok || !yok {
		return storage.Value{}, 0
	}
	z := math.Pow(x, y)
	if z != z && x == x && y == y || x == 0 && y < 0 {
		return storage.Value{}, WarnDomain
	}
	return storage.Float(z), 0
}

func evalAbs(args []storage.Value) (storage.Value, Warning) {
	n, ok := Number(args[0])
	switch {
	case !ok:
		return storage.Value{}, 0
	case n.Type == storage.TypeFloat64:
		return storage.Float(math.Abs(n.Float)), 0
	case n.Int == math.MinInt64:
		return storage.Value{}, WarnOverflow
	}
	return storage.Int(max(n.Int, -n.Int)), 0
}

func evalCeil(args []storage.Value) (storage.Value, Warning)  { return toWhole(args, math.Ceil) }
func evalFloor(args []storage.Value) (storage.Value, Warning) { return toWhole(args, math.Floor) }

func toWhole(args []storage.Value, f func(float64) float64) (storage.Value, Warning) {
	n, ok := Number(args[0])
	switch {
	case !ok:
		return storage.Value{}, 0
	case n.Type == storage.TypeInt64:
		return n, 0
	}
	return storage.Float(f(n.Float)), 0
}

// roundDigitsMax is beyond what a float64 has on either side of the point.
const roundDigitsMax = 400

// evalRound is round(x[, n]): half away from zero, to n decimal digits, which
// may be negative.
func evalRound(args []storage.Value) (storage.Value, Warning) {
	n, ok := Number(args[0])
	if !ok {
		return storage.Value{}, 0
	}
	digits := int64(0)
	if len(args) > 1 {
		d, ok := wholeArg(args[1])
		if !ok {
			return storage.Value{}, 0
		}
		digits = min(max(d, -roundDigitsMax), roundDigitsMax)
	}
	if n.Type == storage.TypeInt64 {
		return roundInt(n.Int, digits)
	}
	return storage.Float(roundFloat(n.Float, int(digits))), 0
}

func roundInt(n, digits int64) (storage.Value, Warning) {
	if digits >= 0 {
		return storage.Int(n), 0
	}
	unit := int64(1)
	for ; digits < 0; digits++ {
		if unit > math.MaxInt64/10 {
			if digits == -1 && (n >= 5e18 || n <= -5e18) { // to 10^19
				return storage.Value{}, WarnOverflow
			}
			return storage.Int(0), 0
		}
		unit *= 10
	}
	rest := n % unit
	down := n - rest
	if rest < 0 {
		rest = -rest
	}
	if rest < unit-rest {
		return storage.Int(down), 0
	}
	away := unit
	if n < 0 {
		away = -unit
	}
	up, ok := addInt64(down, away)
	if !ok {
		return storage.Value{}, WarnOverflow
	}
	return storage.Int(up), 0
}

func roundFloat(f float64, digits int) float64 {
	if digits == 0 || f-f != 0 {
		return math.Round(f)
	}
	if digits < 0 {
		p := math.Pow10(-digits)
		return math.Round(f/p) * zeroIfInf(p)
	}
	scaled := f * math.Pow10(digits)
	if math.Abs(scaled) >= 1<<53 || digits > 308 { // no fraction is left to round
		return f
	}
	return math.Round(scaled) / math.Pow10(digits)
}

// zeroIfInf keeps 0 times a power of ten beyond float64 at 0.
func zeroIfInf(p float64) float64 {
	if math.IsInf(p, 1) {
		return 0
	}
	return p
}

// evalBucket is floor(x / w) * w.
func evalBucket(args []storage.Value) (storage.Value, Warning) {
	x, xok := Number(args[0])
	w, wok := Number(args[1])
	if !xok || !wok {
		return storage.Value{}, 0
	}
	if asFloat(w) == 0 {
		return storage.Value{}, WarnDivZero
	}
	if x.Type == storage.TypeFloat64 || w.Type == storage.TypeFloat64 {
		return storage.Float(math.Floor(asFloat(x)/asFloat(w)) * asFloat(w)), 0
	}
	rest := int64(0)
	if w.Int != -1 {
		rest = x.Int % w.Int
	}
	if rest != 0 && (rest < 0) != (w.Int < 0) {
		rest += w.Int
	}
	z, ok := subInt64(x.Int, rest)
	if !ok {
		return storage.Value{}, WarnOverflow
	}
	return storage.Int(z), 0
}
