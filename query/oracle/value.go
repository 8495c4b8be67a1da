package oracle

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/kelpdb/kelp/storage"
)

var null storage.Value

func isNull(v storage.Value) bool { return v.Type == storage.TypeNull }

// text is the canonical text of a value that is not null.
func text(v storage.Value) string {
	switch v.Type {
	case storage.TypeBool:
		return strconv.FormatBool(v.Int != 0)
	case storage.TypeInt64:
		return strconv.FormatInt(v.Int, 10)
	case storage.TypeFloat64:
		return floatText(v.Float)
	case storage.TypeTime:
		return time.Unix(0, v.Int).UTC().Format(time.RFC3339Nano)
	case storage.TypeString:
		return v.Str
	case storage.TypeList:
		return listText(v.List)
	}
	panic("BUG: the text of null")
}

// floatText is the shortest text that reads back.
func floatText(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case f == 0:
		return "0"
	}
	if a := math.Abs(f); a < 1e-4 || a >= 1e15 {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// listText is a list as a JSON array.
func listText(list []string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if list == nil {
		list = []string{}
	}
	if err := enc.Encode(list); err != nil {
		panic(fmt.Sprintf("BUG: a list does not encode: %v", err))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

var numberPattern = regexp.MustCompile(`^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$`)

// number is a value in numeric context: an int64, a float64 or null.
func number(v storage.Value) storage.Value {
	switch v.Type {
	case storage.TypeInt64, storage.TypeFloat64:
		return v
	case storage.TypeString:
		if !numberPattern.MatchString(v.Str) {
			return null
		}
		if n, err := strconv.ParseInt(v.Str, 10, 64); err == nil {
			return storage.Int(n)
		}
		if f, err := strconv.ParseFloat(v.Str, 64); err == nil {
			return storage.Float(f)
		}
	}
	return null
}

func float(v storage.Value) float64 {
	if v.Type == storage.TypeInt64 {
		return float64(v.Int)
	}
	return v.Float
}

func isNumeric(t storage.Type) bool { return t == storage.TypeInt64 || t == storage.TypeFloat64 }

// compareSame compares two values of one type.
func compareSame(a, b storage.Value) int {
	sign := func(less, more bool) int {
		switch {
		case less:
			return -1
		case more:
			return 1
		}
		return 0
	}
	switch a.Type {
	case storage.TypeFloat64:
		if math.IsNaN(a.Float) || math.IsNaN(b.Float) {
			return sign(!math.IsNaN(a.Float), !math.IsNaN(b.Float))
		}
		return sign(a.Float < b.Float, a.Float > b.Float)
	case storage.TypeString:
		return strings.Compare(a.Str, b.Str)
	case storage.TypeList:
		for i := 0; i < len(a.List) && i < len(b.List); i++ {
			if c := strings.Compare(a.List[i], b.List[i]); c != 0 {
				return c
			}
		}
		return sign(len(a.List) < len(b.List), len(a.List) > len(b.List))
	}
	return sign(a.Int < b.Int, a.Int > b.Int)
}

// compare compares as an operator does; known is false for null and for what
// cannot be compared.
func compare(a, b storage.Value) (c int, known bool) {
	if isNull(a) || isNull(b) {
		return 0, false
	}
	if a.Type == b.Type {
		return compareSame(a, b), true
	}
	if isNumeric(a.Type) && isNumeric(b.Type) {
		return compareSame(storage.Float(float(a)), storage.Float(float(b))), true
	}
	if b.Type != storage.TypeString {
		if a.Type != storage.TypeString {
			return 0, false
		}
		c, known = compare(b, a)
		return -c, known
	}
	switch a.Type { // b is text
	case storage.TypeInt64, storage.TypeFloat64:
		n := number(b)
		if isNull(n) {
			return 0, false
		}
		return compare(a, n)
	case storage.TypeTime:
		t, ok := parseTime(b.Str)
		return compareSame(a, storage.Time(t)), ok
	}
	return strings.Compare(text(a), b.Str), true
}

// order is the total order of grouping: as compareSame, nulls last.
func order(a, b storage.Value) int {
	switch {
	case isNull(a) && isNull(b):
		return 0
	case isNull(a):
		return 1
	case isNull(b):
		return -1
	case a.Type == b.Type:
		return compareSame(a, b)
	case isNumeric(a.Type) && isNumeric(b.Type):
		return compareSame(storage.Float(float(a)), storage.Float(float(b)))
	}
	panic("BUG: " + a.Type.String() + " and " + b.Type.String() + " in one column")
}

// keyText is the same for values that are equal when grouped, and for no others.
func keyText(v storage.Value) string {
	switch v.Type {
	case storage.TypeNull:
		return "n"
	case storage.TypeFloat64:
		return "f" + floatText(v.Float)
	case storage.TypeList:
		return "l" + listText(v.List)
	}
	return v.Type.String()[:1] + strconv.Itoa(int(v.Type)) + text(v)
}

// cast converts; null where the value has no such form.
func cast(v storage.Value, to storage.Type) storage.Value {
	if isNull(v) || v.Type == to {
		return v
	}
	switch to {
	case storage.TypeString:
		return storage.String(text(v))
	case storage.TypeInt64:
		return castInt(v)
	case storage.TypeFloat64:
		switch v.Type {
		case storage.TypeBool, storage.TypeInt64:
			return storage.Float(float64(v.Int))
		case storage.TypeString:
			if n := number(v); !isNull(n) {
				return storage.Float(float(n))
			}
			switch strings.ToLower(v.Str) {
			case "nan":
				return storage.Float(math.NaN())
			case "infinity", "+infinity", "inf", "+inf":
				return storage.Float(math.Inf(1))
			case "-infinity", "-inf":
				return storage.Float(math.Inf(-1))
			}
		}
	case storage.TypeBool:
		return castBool(v)
	case storage.TypeTime:
		if v.Type == storage.TypeString {
			if t, ok := parseTime(v.Str); ok {
				return storage.Time(t)
			}
		}
	case storage.TypeList:
		if v.Type == storage.TypeString {
			return storage.List([]string{v.Str})
		}
	}
	return null
}

func castInt(v storage.Value) storage.Value {
	switch v.Type {
	case storage.TypeBool:
		return storage.Int(v.Int)
	case storage.TypeFloat64:
		// Half away from zero: math.Round.
		r := math.Round(v.Float)
		if r >= -9223372036854775808 && r < 9223372036854775808 {
			return storage.Int(int64(r))
		}
	case storage.TypeString:
		if n, err := strconv.ParseInt(v.Str, 10, 64); err == nil {
			return storage.Int(n)
		}
	}
	return null
}

func castBool(v storage.Value) storage.Value {
	switch v.Type {
	case storage.TypeInt64:
		return storage.Bool(v.Int != 0)
	case storage.TypeFloat64:
		if !math.IsNaN(v.Float) {
			return storage.Bool(v.Float != 0)
		}
	case storage.TypeString:
		switch strings.ToLower(v.Str) {
		case "t", "true", "y", "yes", "on", "1":
			return storage.Bool(true)
		case "f", "false", "n", "no", "off", "0":
			return storage.Bool(false)
		}
	}
	return null
}

// coerce gives a value the one type that all values of its column have.
func coerce(v storage.Value, to storage.Type) storage.Value {
	switch {
	case isNull(v) || v.Type == to:
		return v
	case to == storage.TypeString:
		return storage.String(text(v))
	case to == storage.TypeFloat64 && v.Type == storage.TypeInt64:
		return storage.Float(float64(v.Int))
	}
	return v
}

// parseTime reads RFC 3339 and its usual variations, in UTC without a zone.
func parseTime(s string) (int64, bool) {
	m := timePattern.FindStringSubmatch(s)
	if m == nil {
		return 0, false
	}
	clock, zone := m[2], strings.ToUpper(strings.TrimSpace(m[3]))
	switch {
	case clock == "":
		clock = "00:00:00"
	case len(clock) == len("15:04"):
		clock += ":00"
	}
	switch zone = strings.ReplaceAll(zone, ":", ""); len(zone) {
	case len("+02"):
		zone += ":00"
	case len("+0200"):
		zone = zone[:3] + ":" + zone[3:]
	case 0:
		zone = "Z"
	}
	t, err := time.Parse(time.RFC3339Nano, m[1]+"T"+clock+zone)
	if err != nil || t.Unix() <= math.MinInt64/1_000_000_000 || t.Unix() >= math.MaxInt64/1_000_000_000 {
		return 0, false
	}
	return t.UnixNano(), true
}

var timePattern = regexp.MustCompile(`^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[Tt ]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)( ?(?:[Zz]|[-+](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?))?)?$`)
