package ingest

import "math"

// timeOfInt judges a number by its magnitude: the coarsest of s, ms, us, ns
// with which it is an instant that 64 bits of nanoseconds can say. So every
// integer is a time: 1,700,000,000 is in seconds, 1,700,000,000,000 in ms.
func timeOfInt(n int64) int64 {
	// Bounds that are constants: a division takes longer than all the rest.
	const s, ms, us = 1_000_000_000, 1_000_000, 1_000
	switch {
	case n >= math.MinInt64/s && n <= math.MaxInt64/s:
		return n * s
	case n >= math.MinInt64/ms && n <= math.MaxInt64/ms:
		return n * ms
	case n >= math.MinInt64/us && n <= math.MaxInt64/us:
		return n * us
	}
	return n
}

// timeOfNumber does the same for the text of a JSON number, also with a
// fraction or an exponent, without the rounding of a float64.
func timeOfNumber(text []byte) (ns int64, ok bool) {
	i, negative := 0, false
	if i < len(text) && text[i] == '-' {
		i, negative = 1, true
	}
	whole, digits := uint64(0), 0
	for ; i < len(text) && isDigit(text[i]); i++ {
		if digits++; digits > 18 {
			return 0, false
		}
		whole = whole*10 + uint64(text[i]-'0')
	}
	n := int64(whole)
	if negative {
		n = -n
	}
	if i == len(text) {
		return timeOfInt(n), digits > 0
	}
	if text[i] != '.' {
		return timeOfFloat(text)
	}
	unit := int64(1)
	if n != 0 {
		unit = timeOfInt(n) / n
	} else {
		unit = 1e9
	}
	fraction := int64(0)
	scale := unit
	for i++; i < len(text) && isDigit(text[i]); i++ {
		scale /= 10
		fraction += int64(text[i]-'0') * scale
	}
	if i != len(text) {
		return timeOfFloat(text)
	}
	if negative {
		fraction = -fraction
	}
	ns = n*unit + fraction
	if (ns < 0) != negative && ns != 0 {
		return 0, false // the fraction led past the last instant
	}
	return ns, true
}

// timeOfFloat is for numbers with an exponent, and for floats of Arrow.
func timeOfFloat(text []byte) (ns int64, ok bool) {
	x, ok := parseFloat(text)
	if !ok {
		return 0, false
	}
	return timeOfFloat64(x)
}

func timeOfFloat64(x float64) (ns int64, ok bool) {
	for unit := 1e9; unit >= 1; unit /= 1000 {
		// The bound is exact: 2^63 is a float64, and what is below it fits.
		if scaled := x * unit; scaled >= math.MinInt64 && scaled < math.MaxInt64 {
			return int64(scaled), true
		}
	}
	return 0, false // also NaN
}

// parseTime reads RFC 3339 and its relatives: a date, then `T` or a blank, a
// time with or without seconds and fraction (`.` or `,`), and an offset (Z,
// +hh:mm, +hhmm, +hh, UTC), which may be missing for UTC; also a date alone,
// and a text of as many digits as a count of s, ms, us or ns has today.
func parseTime(text []byte) (ns int64, ok bool) {
	if len(text) < 10 || len(text) > 40 {
		return 0, false
	}
	if text[4] != '-' {
		return timeOfDigits(text)
	}
	seconds, ok := parseDate(text)
	if !ok {
		return 0, false
	}
	rest, fraction := text[10:], int64(0)
	if len(rest) > 0 {
		if c := rest[0]; c != 'T' && c != 't' && c != ' ' {
			return 0, false
		}
		var day, offset int64
		if day, fraction, rest, ok = parseClock(rest[1:]); !ok {
			return 0, false
		}
		if offset, ok = parseOffset(rest); !ok {
			return 0, false
		}
		seconds += day - offset
	}
	return instant(seconds, fraction)
}

// instant puts seconds since 1970 and nanoseconds together, if 64 bits do.
func instant(seconds, fraction int64) (ns int64, ok bool) {
	const limit = math.MaxInt64/1_000_000_000 - 1
	if seconds > limit || seconds < -limit {
		return 0, false
	}
	return seconds*1_000_000_000 + fraction, true
}

// timeOfDigits reads a number in a text. Other lengths than those of a count
// of today are more likely something else: a date without hyphens, an id.
func timeOfDigits(text []byte) (ns int64, ok bool) {
	digits := 0
	for digits < len(text) && isDigit(text[digits]) {
		digits++
	}
	if digits != 10 && digits != 13 && digits != 16 && digits != 19 {
		return 0, false
	}
	if digits < len(text) && text[digits] != '.' {
		return 0, false
	}
	if digits == 19 {
		n, ok := parseInt(text)
		return n, ok
	}
	for _, c := range text[digits:] {
		if c != '.' && !isDigit(c) {
			return 0, false
		}
	}
	return timeOfNumber(text)
}

// parseDate reads YYYY-MM-DD and returns seconds since 1970.
func parseDate(t []byte) (seconds int64, ok bool) {
	if len(t) < 10 || t[4] != t[7] {
		return 0, false
	}
	year, ok1 := digits2(t[0:2])
	low, ok2 := digits2(t[2:4])
	month, ok3 := digits2(t[5:7])
	day, ok4 := digits2(t[8:10])
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return 0, false
	}
	return dateSeconds(year*100+low, month, day)
}

// dateSeconds is the start of a day of the Gregorian calendar in seconds since
// 1970, if there is such a day.
func dateSeconds(year, month, day int64) (seconds int64, ok bool) {
	if month < 1 || month > 12 || day < 1 || day > monthDays(year, month) {
		return 0, false
	}
	// Years are counted from March, so that the leap day is the last.
	if month <= 2 {
		year--
		month += 12
	}
	era := year * 365
	era += floorDiv(year, 4) - floorDiv(year, 100) + floorDiv(year, 400)
	days := era + (153*(month-3)+2)/5 + day - 1
	return (days - 719_468) * 86_400, true
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func monthDays(year, month int64) int64 {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// parseClock reads hh:mm[:ss[.fraction]]. A leap second counts as the next.
// Digits below the nanosecond are dropped.
func parseClock(t []byte) (seconds, fraction int64, rest []byte, ok bool) {
	if len(t) < 5 || t[2] != ':' {
		return 0, 0, nil, false
	}
	hour, ok1 := digits2(t[0:2])
	minute, ok2 := digits2(t[3:5])
	if !ok1 || !ok2 || hour > 23 || minute > 59 {
		return 0, 0, nil, false
	}
	seconds, t = hour*3600+minute*60, t[5:]
	if len(t) < 3 || t[0] != ':' {
		return seconds, 0, t, true
	}
	second, ok := digits2(t[1:3])
	if !ok || second > 60 {
		return 0, 0, nil, false
	}
	seconds, t = seconds+second, t[3:]
	if len(t) > 1 && (t[0] == '.' || t[0] == ',') && isDigit(t[1]) {
		i, scale := 1, int64(100_000_000)
		for ; i < len(t) && isDigit(t[i]); i++ {
			fraction += int64(t[i]-'0') * scale
			scale /= 10
		}
		t = t[i:]
	}
	return seconds, fraction, t, true
}

// parseOffset reads what follows the clock, in seconds east of UTC.
func parseOffset(t []byte) (seconds int64, ok bool) {
	if len(t) > 0 && t[0] == ' ' {
		t = t[1:]
	}
	switch {
	case len(t) == 0, len(t) == 1 && (t[0] == 'Z' || t[0] == 'z'), string(t) == "UTC", string(t) == "GMT":
		return 0, true
	case t[0] != '+' && t[0] != '-', len(t) < 3:
		return 0, false
	}
	hour, ok := digits2(t[1:3])
	minute, minutes := int64(0), t[3:]
	if len(minutes) == 3 && minutes[0] == ':' {
		minutes = minutes[1:]
	}
	if len(minutes) > 0 && ok {
		if len(minutes) != 2 {
			return 0, false
		}
		minute, ok = digits2(minutes)
	}
	if !ok || hour > 23 || minute > 59 {
		return 0, false
	}
	seconds = hour*3600 + minute*60
	if t[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

func digits2(t []byte) (n int64, ok bool) {
	if !isDigit(t[0]) || !isDigit(t[1]) {
		return 0, false
	}
	return int64(t[0]-'0')*10 + int64(t[1]-'0'), true
}

func isDigit(c byte) bool { return c-'0' <= 9 }
