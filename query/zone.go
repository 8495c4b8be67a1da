package query

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // a machine need not have the zones' rules
)

// loadZone finds a time zone by its name; nil is UTC, where days have 24 hours.
func loadZone(name string) (*time.Location, error) {
	switch strings.ToUpper(name) {
	case "", "UTC", "Z", "GMT", "ETC/UTC", "ETC/GMT":
		return nil, nil
	case "LOCAL": // which is that of a machine
		return nil, fmt.Errorf("there is no time zone `%s`", clip(name))
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("there is no time zone `%s`", clip(name))
	}
	return zone, nil
}

// zoneHint is what names of zones look like.
const zoneHint = "zones have names such as 'Europe/Berlin', 'America/New_York' or 'UTC'"

const secondsPerDay = 86_400

// localDay counts the days of the calendar from 1970-01-01 in a zone.
func localDay(t time.Time) int64 {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / secondsPerDay
}

// dayStart is the first instant at which a zone's calendar has come to a day.
// Where clocks are set forward past midnight that is later than midnight; where
// they are set back past it, the first of both.
func dayStart(day int64, zone *time.Location) time.Time {
	t := time.Date(1970, 1, 1+int(day), 0, 0, 0, 0, zone)
	begins, ends := t.ZoneBounds()
	if localDay(t) < day { // there is no such midnight, and this is before the gap
		return ends
	}
	if begins.IsZero() || localDay(begins) < day && localDay(begins.Add(-1)) < day {
		return t
	}
	before := begins.Add(-1)
	if localDay(before) < day {
		return begins
	}
	_, offset := before.Zone()
	return time.Unix(day*secondsPerDay-int64(offset), 0).In(zone)
}

// zonedDay is the day that a time lies in. It never goes back as time goes on:
// a day that has begun stays, though clocks be set back past its midnight.
func zonedDay(t time.Time, zone *time.Location) int64 {
	day := localDay(t)
	if !dayStart(day+1, zone).After(t) {
		return day + 1
	}
	return day
}

// zonedStart is when the bucket of a time begins, in whole days or months of a
// zone's calendar.
func (b bucketer) zonedStart(ns int64) (int64, bool) {
	return b.zonedBegin(b.zonedFirst(zonedDay(time.Unix(0, ns).In(b.zone), b.zone)))
}

// zonedFirst is the first day of the bucket of a day.
func (b bucketer) zonedFirst(day int64) int64 {
	if b.months > 0 {
		month := monthOfDay(day)
		return dayOfMonth(floorDiv(month, b.months) * b.months)
	}
	days, origin := b.ns/nsPerDay, b.origin/nsPerDay
	return floorDiv(day-origin, days)*days + origin
}

// zonedNext is when the bucket after the one that begins at start begins.
func (b bucketer) zonedNext(start int64) (int64, bool) {
	first := b.zonedFirst(zonedDay(time.Unix(0, start).In(b.zone), b.zone))
	if b.months > 0 {
		return b.zonedBegin(dayOfMonth(monthOfDay(first) + b.months))
	}
	return b.zonedBegin(first + b.ns/nsPerDay)
}

func (b bucketer) zonedBegin(day int64) (int64, bool) { return timeToNs(dayStart(day, b.zone)) }

// monthOfDay counts months from 1970-01.
func monthOfDay(day int64) int64 {
	t := time.Unix(day*secondsPerDay, 0).UTC()
	return int64(t.Year()-1970)*12 + int64(t.Month()) - 1
}

// dayOfMonth is the first day of a month.
func dayOfMonth(month int64) int64 {
	return time.Date(1970, time.Month(1+month), 1, 0, 0, 0, 0, time.UTC).Unix() / secondsPerDay
}
