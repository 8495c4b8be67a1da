package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// holds says of how long a time before now a table holds every row: since its
// horizon if any row went, else since its oldest row. Without rows it is "-".
func holds(from, newest, horizon *time.Time, now time.Time) string {
	if from == nil {
		return "-"
	}
	since := *from
	if horizon != nil {
		since = *horizon
	}
	// Rows may be later than now: a clock ahead, a time without its zone.
	to := now
	if since.After(now) && newest != nil {
		to = *newest
	}
	return roughly(max(0, to.Sub(since)))
}

// horizonNote adds what the horizon is to what a table holds.
func horizonNote(horizon *time.Time) string {
	if horizon == nil {
		return ""
	}
	return ": all since " + horizon.UTC().Format(time.RFC3339) + ", from before what is left"
}

// roughly writes a length of time in its largest unit, with a decimal where that
// says something: "9.4 days", "47 minutes".
func roughly(d time.Duration) string {
	units := []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "days"}, {time.Hour, "hours"}, {time.Minute, "minutes"}, {time.Second, "seconds"}}
	for _, u := range units {
		switch n := float64(d) / float64(u.size); {
		case n < 2 && u.size > time.Second:
		case n < 10:
			text := strconv.FormatFloat(float64(int64(n*10))/10, 'f', -1, 64) // never more than there is
			if text == "1" {
				return "1 " + strings.TrimSuffix(u.name, "s")
			}
			return text + " " + u.name
		default:
			return fmt.Sprintf("%d %s", int64(n), u.name)
		}
	}
	panic("BUG: a length of time below all units")
}
