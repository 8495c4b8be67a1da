package query

import (
	"cmp"
	"math"
	"slices"

	"github.com/kelpdb/kelp/storage"
)

// Compare compares two values as SQL's operators do. It is false where the
// answer is unknown: a value is null, or the two have nothing in common.
//
//	int64, float64      as float64, unless both are int64
//	a number, a string  the string in numeric context, else unknown
//	time, a string      the string as a time, else unknown
//	bool, list, string  by their text
//	all other pairs     unknown
//
// NaN equals itself and stands above all numbers, -0 is 0, false < true, text
// compares by its bytes, lists item by item.
func Compare(a, b storage.Value) (int, bool) {
	if a.Type == b.Type {
		return compareSame(a, b), a.Type != storage.TypeNull
	}
	if a.Type > b.Type { // the pairs below name the smaller type first
		c, ok := Compare(b, a)
		return -c, ok
	}
	switch {
	case a.Type == storage.TypeNull:
		return 0, false
	case a.Type == storage.TypeInt64 && b.Type == storage.TypeFloat64:
		return compareFloats(float64(a.Int), b.Float), true
	case b.Type == storage.TypeString && a.Type == storage.TypeTime:
		t, ok := parseTime(b.Str)
		return cmp.Compare(a.Int, t), ok
	case b.Type == storage.TypeString && isNumber(a.Type):
		n, ok := parseNumber(b.Str)
		if !ok {
			return 0, false
		}
		return Compare(a, n)
	case b.Type == storage.TypeString && a.Type == storage.TypeBool:
		return cmp.Compare(CanonicalText(a), b.Str), true
	case a.Type == storage.TypeString && b.Type == storage.TypeList:
		return cmp.Compare(a.Str, CanonicalText(b)), true
	}
	return 0, false
}

// Order is the total order of grouping and sorting: nulls last, and of
// different types, which no column mixes, the one with the smaller number first.
func Order(a, b storage.Value) int {
	if a.Type == b.Type {
		return compareSame(a, b)
	}
	switch {
	case a.Type == storage.TypeNull:
		return 1
	case b.Type == storage.TypeNull:
		return -1
	case a.Type == storage.TypeInt64 && b.Type == storage.TypeFloat64:
		return compareFloats(float64(a.Int), b.Float)
	case a.Type == storage.TypeFloat64 && b.Type == storage.TypeInt64:
		return compareFloats(a.Float, float64(b.Int))
	}
	return cmp.Compare(a.Type, b.Type)
}

func compareSame(a, b storage.Value) int {
	switch a.Type {
	case storage.TypeNull:
		return 0
	case storage.TypeFloat64:
		return compareFloats(a.Float, b.Float)
	case storage.TypeString:
		return cmp.Compare(a.Str, b.Str)
	case storage.TypeList:
		return slices.Compare(a.List, b.List)
	}
	return cmp.Compare(a.Int, b.Int)
}

// compareFloats orders floats with NaN on top and equal to itself.
func compareFloats(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	case a == b:
		return 0
	case a != a && b != b:
		return 0
	case a != a:
		return 1
	}
	return -1
}

// canonicalFloat makes one of the values that are equal: -0 becomes 0, and
// every NaN the same NaN.
func canonicalFloat(f float64) float64 {
	if f != f {
		return math.NaN()
	}
	return f + 0 // -0 + 0 is 0
}

func isNumber(t storage.Type) bool {
	return t == storage.TypeInt64 || t == storage.TypeFloat64
}
