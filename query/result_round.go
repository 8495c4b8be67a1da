package query

import (
	"math"
	"strconv"
)

// round12 rounds to 12 significant decimal digits, so that sums of floats that
// differ only by the order in which they were added sort as equals.
func round12(f float64) float64 {
	if f == 0 || f-f != 0 {
		return f
	}
	if r, ok := round12Fast(f); ok {
		return r
	}
	var buf [32]byte
	r, err := strconv.ParseFloat(string(strconv.AppendFloat(buf[:0], f, 'e', 11, 64)), 64)
	if err != nil {
		return f // rounded up past the largest float
	}
	return r
}

// round12Fast rounds with one multiplication by an exact power of ten, and
// leaves what lies near a tie to the slow way, so that both give the same.
func round12Fast(f float64) (float64, bool) {
	exp := 11 - int(math.Floor(math.Log10(math.Abs(f))))
	if exp < -22 || exp > 22 {
		return 0, false
	}
	scaled := f
	if exp >= 0 {
		scaled *= powersOf10[exp]
	} else {
		scaled /= powersOf10[-exp]
	}
	whole := math.Floor(scaled)
	rest := scaled - whole
	if a := math.Abs(scaled); a < 1e11 || a >= 1e12-1 || rest > 0.49 && rest < 0.51 {
		return 0, false
	}
	if rest > 0.5 {
		whole++
	}
	if exp >= 0 {
		return whole / powersOf10[exp], true
	}
	return whole * powersOf10[-exp], true
}

// powersOf10 are those that a float64 holds exactly.
var powersOf10 = [23]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}
