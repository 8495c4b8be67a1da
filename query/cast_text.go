package query

import (
	"math"
	"strconv"
	"time"

	"github.com/kelpdb/kelp/storage"
)

// CanonicalText is a value in text context: true and false, decimal integers,
// the shortest float that reads back, RFC 3339 times in UTC, lists as JSON.
// Null has no text; its is empty.
func CanonicalText(v storage.Value) string {
	switch v.Type {
	case storage.TypeNull:
		return ""
	case storage.TypeString:
		return v.Str
	case storage.TypeInt64:
		return strconv.FormatInt(v.Int, 10)
	}
	var buf [64]byte
	return string(AppendText(buf[:0], v))
}

// AppendText appends the canonical text of a value.
func AppendText(dst []byte, v storage.Value) []byte {
	switch v.Type {
	case storage.TypeNull:
		return dst
	case storage.TypeBool:
		return strconv.AppendBool(dst, v.Int != 0)
	case storage.TypeInt64:
		return strconv.AppendInt(dst, v.Int, 10)
	case storage.TypeFloat64:
		return appendFloat(dst, v.Float)
	case storage.TypeTime:
		return appendTime(dst, v.Int)
	case storage.TypeString:
		return append(dst, v.Str...)
	}
	return appendJSONList(dst, v.List)
}

// Floats from 1e-4 to below 1e15 are written out, as PostgreSQL does: within
// that range the digits of a double say everything.
const (
	floatPlainMin = 1e-4
	floatPlainMax = 1e15
)

func appendFloat(dst []byte, f float64) []byte {
	abs := math.Abs(f)
	switch {
	case f != f:
		return append(dst, "NaN"...)
	case f > math.MaxFloat64:
		return append(dst, "Infinity"...)
	case f < -math.MaxFloat64:
		return append(dst, "-Infinity"...)
	case f == 0:
		return append(dst, '0') // -0 and 0 are one value
	case abs < floatPlainMin || abs >= floatPlainMax:
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, f, 'f', -1, 64)
}

func appendTime(dst []byte, ns int64) []byte {
	return time.Unix(0, ns).UTC().AppendFormat(dst, time.RFC3339Nano)
}

// The times that int64 nanoseconds reach, in whole seconds.
const (
	secondsMin = math.MinInt64 / 1_000_000_000
	secondsMax = math.MaxInt64 / 1_000_000_000
)

func timeToNs(t time.Time) (int64, bool) {
	if s := t.Unix(); s <= secondsMin || s >= secondsMax {
		return 0, false
	}
	return t.UnixNano(), true
}
