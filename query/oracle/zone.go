package oracle

import (
	"strings"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// zoneNamed is the zone of TIMEZONE; UTC without.
func zoneNamed(z *query.Literal) (*time.Location, error) {
	if z == nil {
		return time.UTC, nil
	}
	return time.LoadLocation(z.Value.Str)
}

// zoneOf is the zone that a call names, else the query's.
func (o *oracle) zoneOf(e query.Expr) *time.Location {
	lit, ok := e.(*query.Literal)
	if !ok {
		return o.zone
	}
	zone, err := zoneNamed(lit)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return zone
}

// zoned writes the offset of the query's zone behind a text that is a time
// without one. Such a text has no other meaning to the oracle.
func (o *oracle) zoned(v storage.Value) storage.Value {
	if v.Type != storage.TypeString || o.zone == time.UTC {
		return v
	}
	for _, layout := range []string{"2006-01-02", "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(layout, strings.Replace(v.Str, " ", "T", 1), o.zone); err == nil {
			return storage.String(t.Format(time.RFC3339Nano))
		}
	}
	return v
}

// isZoned tells buckets that follow the calendar of a zone: of whole days or months.
func (b bucket) isZoned() bool {
	return b.zone != nil && b.zone != time.UTC && (b.months > 0 || b.ns%int64(24*time.Hour) == 0)
}

// zonedEdge is the first moment, to the minute, at which the zone's calendar
// shows a day or a later one: it looks at every minute around.
func (b bucket) zonedEdge(year int, month time.Month, day int) int64 {
	want := time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	t := time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Add(-27 * time.Hour)
	for step := time.Hour; ; step = time.Minute {
		for t.In(b.zone).Format(time.DateOnly) < want {
			t = t.Add(step)
		}
		if step == time.Minute {
			return t.UnixNano()
		}
		t = t.Add(-2 * step)
	}
}

// zonedStart is when the bucket of a time begins: it tries the edges from the
// one after the time's day backwards.
func (b bucket) zonedStart(t int64) int64 {
	at := time.Unix(0, t).In(b.zone)
	for day := time.Date(at.Year(), at.Month(), at.Day()+1, 0, 0, 0, 0, time.UTC); ; day = day.AddDate(0, 0, -1) {
		if !b.begins(day) {
			continue
		}
		if edge := b.zonedEdge(day.Year(), day.Month(), day.Day()); edge <= t {
			return edge
		}
	}
}

// begins tells whether a bucket begins with a day of the calendar.
func (b bucket) begins(day time.Time) bool {
	if b.months > 0 {
		month := (day.Year()-1970)*12 + int(day.Month()) - 1
		return day.Day() == 1 && month%int(b.months) == 0
	}
	days, width := day.Unix()/86400, b.ns/int64(24*time.Hour)
	if width%7 == 0 {
		days -= 4 // the first Monday
	}
	return days%width == 0
}

func (b bucket) zonedSeconds(start int64) float64 {
	day := time.Unix(0, start).In(b.zone)
	for next := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, time.UTC); ; next = next.AddDate(0, 0, 1) {
		if !b.begins(next) {
			continue
		}
		if edge := b.zonedEdge(next.Year(), next.Month(), next.Day()); edge > start {
			return float64(edge-start) / 1e9
		}
	}
}
