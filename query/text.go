package query

import (
	"fmt"
	"strings"
	"time"
)

// Nearest is the candidate whose spelling is nearest to a name, "" if none is near.
func Nearest(name string, candidates []string) string {
	near, _ := nearestName(name, candidates)
	return near
}

// QuoteName writes a column's or table's name so that it reads as nothing else.
func QuoteName(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// FormatDuration writes a duration in the largest unit that divides it: 7d, 90m.
func FormatDuration(d time.Duration) string {
	units := []struct {
		name string
		ns   int64
	}{{"w", nsPerWeek}, {"d", nsPerDay}, {"h", nsPerHour}, {"m", nsPerMinute}, {"s", nsPerSecond}, {"ms", 1e6}, {"us", 1e3}}
	for _, u := range units {
		if int64(d)%u.ns == 0 {
			return fmt.Sprintf("%d%s", int64(d)/u.ns, u.name)
		}
	}
	return fmt.Sprintf("%dns", int64(d))
}

// ParseDuration reads a duration of fixed length as the language writes it:
// 250ms, 1.5h, 7d. The error says what is wrong.
func ParseDuration(text string) (time.Duration, error) {
	months, ns, ok := parseDuration(text)
	if !ok || months != 0 {
		return 0, fmt.Errorf("%q is no duration of fixed length; write 90s, 24h or 7d", text)
	}
	return time.Duration(ns), nil
}
