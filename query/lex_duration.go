package query

import (
	"math"
	"strconv"
	"strings"
)

// durationUnitNames are the units of a duration, for errors.
const durationUnitNames = "ns us ms s m h d w mo"

const (
	nsPerSecond = int64(1_000_000_000)
	nsPerMinute = 60 * nsPerSecond
	nsPerHour   = 60 * nsPerMinute
	nsPerDay    = 24 * nsPerHour
	nsPerWeek   = 7 * nsPerDay
)

// durationUnit returns the length of a unit as written behind a number.
func durationUnit(name string) (months, ns int64, ok bool) {
	switch name {
	case "ns":
		return 0, 1, true
	case "us", "µs", "μs":
		return 0, 1_000, true
	case "ms":
		return 0, 1_000_000, true
	case "s":
		return 0, nsPerSecond, true
	case "m":
		return 0, nsPerMinute, true
	case "h":
		return 0, nsPerHour, true
	case "d":
		return 0, nsPerDay, true
	case "w":
		return 0, nsPerWeek, true
	case "mo":
		return 1, 0, true
	}
	return 0, 0, false
}

// intervalUnit returns the length of a unit as written in INTERVAL '1 hour'.
func intervalUnit(name string) (months, ns int64, ok bool) {
	if months, ns, ok = durationUnit(name); ok {
		return months, ns, ok
	}
	switch strings.TrimSuffix(strings.ToLower(name), "s") {
	case "nanosecond":
		return 0, 1, true
	case "microsecond":
		return 0, 1_000, true
	case "millisecond":
		return 0, 1_000_000, true
	case "second", "sec":
		return 0, nsPerSecond, true
	case "minute", "min":
		return 0, nsPerMinute, true
	case "hour":
		return 0, nsPerHour, true
	case "day":
		return 0, nsPerDay, true
	case "week":
		return 0, nsPerWeek, true
	case "month", "mon":
		return 1, 0, true
	case "year":
		return 12, 0, true
	}
	return 0, 0, false
}

// parseDuration reads 250ms, 1.5h, 3mo or 1h30m: whole months and nanoseconds.
// It is false for anything else and for what passes int64 nanoseconds.
func parseDuration(s string) (months, ns int64, ok bool) {
	if s == "" {
		return 0, 0, false
	}
	for s != "" {
		n := digitsLen(s)
		if n < len(s) && s[n] == '.' {
			n += 1 + digitsLen(s[n+1:])
		}
		unit := n
		for unit < len(s) && !isDigit(s[unit]) && s[unit] != '.' {
			unit++
		}
		perMonths, perNs, known := durationUnit(s[n:unit])
		if !known || !addDuration(&months, &ns, s[:n], perMonths, perNs) {
			return 0, 0, false
		}
		s = s[unit:]
	}
	return months, ns, true
}

// parseInterval reads what stands in INTERVAL '...': pairs of a number and a
// unit in words or as in a duration literal, with or without a space between.
func parseInterval(s string) (months, ns int64, ok bool) {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, 0, false
	}
	for s != "" {
		sign := ""
		if s[0] == '-' || s[0] == '+' {
			sign, s = s[:1], strings.TrimLeft(s[1:], " ")
		}
		n := digitsLen(s)
		if n < len(s) && s[n] == '.' {
			n += 1 + digitsLen(s[n+1:])
		}
		number := sign + s[:n]
		s = strings.TrimLeft(s[n:], " ")
		unit := 0
		for unit < len(s) && s[unit] != ' ' && s[unit] != '-' && s[unit] != '+' && !isDigit(s[unit]) {
			unit++
		}
		perMonths, perNs, known := intervalUnit(s[:unit])
		if !known || !addDuration(&months, &ns, number, perMonths, perNs) {
			return 0, 0, false
		}
		s = strings.TrimLeft(s[unit:], " ")
	}
	return months, ns, true
}

// addDuration adds number units to a duration. Months come whole.
func addDuration(months, ns *int64, number string, perMonths, perNs int64) bool {
	if whole, err := strconv.ParseInt(number, 10, 64); err == nil {
		m, mok := mulInt64(whole, perMonths)
		n, nok := mulInt64(whole, perNs)
		sum := *ns + n
		if !mok || !nok || (n > 0) != (sum > *ns) && n != 0 || m > monthsMax || m < -monthsMax {
			return false
		}
		*ns = sum
		*months += m
		return *months <= monthsMax && *months >= -monthsMax
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || perMonths != 0 && f != math.Trunc(f) {
		return false
	}
	n := math.Round(f * float64(perNs))
	if math.Abs(n) >= math.MaxInt64/2 || math.Abs(float64(*ns)+n) >= math.MaxInt64/2 || math.Abs(f) > monthsMax && perMonths != 0 {
		return false
	}
	*ns += int64(n)
	*months += int64(f) * perMonths
	return true
}

// durationText writes a duration so that equal ones are the same text: in the
// largest unit that divides it.
func durationText(months, ns int64) string {
	if months != 0 {
		return strconv.FormatInt(months, 10) + "mo"
	}
	units := [...]struct {
		ns   int64
		name string
	}{{nsPerWeek, "w"}, {nsPerDay, "d"}, {nsPerHour, "h"}, {nsPerMinute, "m"}, {nsPerSecond, "s"}, {1_000_000, "ms"}, {1_000, "us"}}
	for _, u := range units {
		if ns%u.ns == 0 {
			return strconv.FormatInt(ns/u.ns, 10) + u.name
		}
	}
	return strconv.FormatInt(ns, 10) + "ns"
}

// mulInt64 multiplies; false if the product passes int64.
func mulInt64(a, b int64) (int64, bool) {
	if a == 0 || b == 0 {
		return 0, true
	}
	p := a * b
	return p, p/b == a && !(a == -1 && b == math.MinInt64) && !(b == -1 && a == math.MinInt64)
}
