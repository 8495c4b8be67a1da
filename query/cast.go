package query

import (
	"math"
	"strings"

	"github.com/kelpdb/kelp/storage"
)

// Cast converts a value to a type. It is false if the value has no such form;
// the value is null then. Null casts to null.
//
//	to string   the canonical text
//	to int64    bool; a float, rounded half away from zero; text of an integer
//	to float64  bool, int64; text of a number, also NaN, Infinity, -Infinity
//	to bool     a number: not 0; text: true t yes y on 1 and their opposites
//	to time     text in RFC 3339 and what parseTime takes beside it
//	to list     text: a list of one
func Cast(v storage.Value, to storage.Type) (storage.Value, bool) {
	if v.Type == to || v.Type == storage.TypeNull {
		return v, true
	}
	switch to {
	case storage.TypeString:
		return storage.String(CanonicalText(v)), true
	case storage.TypeInt64:
		return castInt(v)
	case storage.TypeFloat64:
		return castFloat(v)
	case storage.TypeBool:
		return castBool(v)
	case storage.TypeTime:
		if v.Type == storage.TypeString {
			if ns, ok := parseTime(v.Str); ok {
				return storage.Time(ns), true
			}
		}
	case storage.TypeList:
		if v.Type == storage.TypeString {
			return storage.List([]string{v.Str}), true
		}
	}
	return storage.Value{}, false
}

func castInt(v storage.Value) (storage.Value, bool) {
	switch v.Type {
	case storage.TypeBool:
		return storage.Int(v.Int), true
	case storage.TypeFloat64:
		n, ok := floatToInt(math.Round(v.Float))
		if !ok {
			return storage.Value{}, false
		}
		return storage.Int(n), true
	case storage.TypeString:
		if n, ok := parseNumber(v.Str); ok && n.Type == storage.TypeInt64 {
			return n, true
		}
	}
	return storage.Value{}, false
}

// floatToInt converts a whole float; false for NaN and beyond int64.
func floatToInt(f float64) (int64, bool) {
	if f >= -1<<63 && f < 1<<63 {
		return int64(f), true
	}
	return 0, false
}

func castFloat(v storage.Value) (storage.Value, bool) {
	switch v.Type {
	case storage.TypeBool, storage.TypeInt64:
		return storage.Float(float64(v.Int)), true
	case storage.TypeString:
		if n, ok := parseNumber(v.Str); ok {
			return storage.Float(asFloat(n)), true
		}
		switch strings.ToLower(v.Str) {
		case "nan":
			return storage.Float(math.NaN()), true
		case "infinity", "+infinity", "inf", "+inf":
			return storage.Float(math.Inf(1)), true
		case "-infinity", "-inf":
			return storage.Float(math.Inf(-1)), true
		}
	}
	return storage.Value{}, false
}

func castBool(v storage.Value) (storage.Value, bool) {
	switch v.Type {
	case storage.TypeInt64:
		return storage.Bool(v.Int != 0), true
	case storage.TypeFloat64:
		if v.Float != v.Float {
			return storage.Value{}, false
		}
		return storage.Bool(v.Float != 0), true
	case storage.TypeString:
		switch strings.ToLower(v.Str) {
		case "true", "t", "yes", "y", "on", "1":
			return storage.Bool(true), true
		case "false", "f", "no", "n", "off", "0":
			return storage.Bool(false), true
		}
	}
	return storage.Value{}, false
}

// Coerce gives a stored value the type its column has over the whole cluster
// (ClusterType): an integer in a column with floats becomes a float, anything
// in a mixed column its text. What a value already is it stays.
func Coerce(v storage.Value, t storage.Type) storage.Value {
	switch {
	case v.Type == t || v.Type == storage.TypeNull:
		return v
	case t == storage.TypeString:
		return storage.String(CanonicalText(v))
	case t == storage.TypeFloat64 && v.Type == storage.TypeInt64:
		return storage.Float(float64(v.Int))
	}
	return v
}

// Weight is how many events a row with this sample_rate stands for: 1 for
// null, for less than 1 and for what is not an integer.
func Weight(v storage.Value) uint64 {
	n := v
	if !isNumber(v.Type) {
		return 1
	}
	if n.Type == storage.TypeFloat64 {
		whole, ok := floatToInt(n.Float)
		if !ok || float64(whole) != n.Float {
			return 1
		}
		n.Int = whole
	}
	if n.Int < 1 {
		return 1
	}
	return uint64(n.Int)
}
