package query

import (
	"strconv"

	"github.com/kelpdb/kelp/storage"
)

// Number is a value in numeric context: an integer, a float, or a string that
// is wholly a number. It is false for all else, and for null.
func Number(v storage.Value) (storage.Value, bool) {
	switch v.Type {
	case storage.TypeInt64, storage.TypeFloat64:
		return v, true
	case storage.TypeString:
		return parseNumber(v.Str)
	}
	return storage.Value{}, false
}

// asFloat is the float64 of an int64 or float64.
func asFloat(n storage.Value) float64 {
	if n.Type == storage.TypeInt64 {
		return float64(n.Int)
	}
	return n.Float
}

// FloatOf is a value in numeric context as a float64.
func FloatOf(v storage.Value) (float64, bool) {
	n, ok := Number(v)
	return asFloat(n), ok
}

// parseNumber reads [+-] digits [. digits] [e [+-] digits], nothing around it:
// an int64 if it has neither point nor exponent and fits, else a float64. A
// number beyond float64 is none.
func parseNumber(s string) (storage.Value, bool) {
	whole, ok := numberShape(s)
	if !ok {
		return storage.Value{}, false
	}
	if whole {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return storage.Int(n), true
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return storage.Value{}, false
	}
	return storage.Float(f), true
}

// numberShape tells whether text is wholly a decimal number, and whether that
// has neither point nor exponent. strconv alone would take more: hexadecimal,
// underscores and names.
func numberShape(s string) (whole, ok bool) {
	i := 0
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		i++
	}
	before := digitsAt(s, i)
	i += before
	whole = true
	after := 0
	if i < len(s) && s[i] == '.' {
		whole = false
		i++
		after = digitsAt(s, i)
		i += after
	}
	if before+after == 0 {
		return false, false
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		whole = false
		i++
		if i < len(s) && (s[i] == '-' || s[i] == '+') {
			i++
		}
		n := digitsAt(s, i)
		if n == 0 {
			return false, false
		}
		i += n
	}
	return whole, i == len(s)
}

// digitsAt counts the decimal digits of s from i on.
func digitsAt(s string, i int) int {
	n := 0
	for i+n < len(s) && s[i+n]-'0' <= 9 {
		n++
	}
	return n
}
