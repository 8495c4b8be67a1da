package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// thousands writes an integer with separators: 41,220.
func thousands(v int64) string {
	digits := strconv.FormatInt(v, 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	var b strings.Builder
	b.WriteString(sign)
	for i := range len(digits) {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteByte(digits[i])
	}
	return b.String()
}

// byteSize writes a number of bytes as people say it: 12.8 GiB.
func byteSize(v int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	f, unit := float64(v), 0
	for math.Abs(f) >= 1023.5 && unit < len(units)-1 {
		f /= 1024
		unit++
	}
	if unit == 0 || f >= 99.95 {
		return fmt.Sprintf("%.0f %s", f, units[unit])
	}
	return fmt.Sprintf("%.1f %s", f, units[unit])
}

// millis writes a duration in ms: "6 ms", "0.4 ms", "1.3 s".
func millis(ms float64) string {
	switch {
	case ms >= 10_000:
		return fmt.Sprintf("%.1f s", ms/1000)
	case ms >= 9.95:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.1f ms", ms)
}

// span writes a length of time in its two largest units: "9d 10h", "3m 20s".
func span(d time.Duration) string {
	if d < 0 {
		return "-" + span(-d)
	}
	units := []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}}
	for i, u := range units {
		if d < u.size {
			continue
		}
		text := fmt.Sprintf("%d%s", d/u.size, u.name)
		if i+1 < len(units) {
			if rest := d % u.size / units[i+1].size; rest > 0 {
				text += fmt.Sprintf(" %d%s", rest, units[i+1].name)
			}
		}
		return text
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}

// since writes how long ago a moment was, or in how long it will be, "-" for
// none.
func since(t *time.Time, now time.Time) string {
	if t == nil {
		return "-"
	}
	if t.After(now) {
		return "in " + span(t.Sub(now))
	}
	return span(now.Sub(*t)) + " ago"
}

// percent writes a share without ever rounding up to what it is not: 0.99999 is
// 99.99%.
func percent(ratio float64) string {
	if ratio >= 1 {
		return "100%"
	}
	return strconv.FormatFloat(math.Floor(ratio*10_000+1e-6)/100, 'f', -1, 64) + "%"
}

// plural writes a count with its noun.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(int64(n)) + " " + many
}
