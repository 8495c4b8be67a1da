package query

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/kelpdb/kelp/storage"
)

// bucketer puts times into buckets: of a fixed number of nanoseconds counted from
// origin, or of months counted from 1970-01, both in UTC; with a zone of as many
// days or months of its calendar.
type bucketer struct {
	months, ns, origin int64
	zone               *time.Location // nil: UTC
}

// isCalendar tells widths that a zone's calendar matters to: whole days, months.
func isCalendar(months, ns int64) bool { return months > 0 || ns > 0 && ns%nsPerDay == 0 }

// bucketerIn is newBucketer in a time zone.
func bucketerIn(width, zone string) (b bucketer, err error) {
	b, ok := newBucketer(width)
	if !ok {
		return b, fmt.Errorf("'%s' is not the width of a time bucket, such as 30s, 5m or 1d", width)
	}
	if isCalendar(b.months, b.ns) {
		b.zone, err = loadZone(zone)
	}
	return b, err
}

// newBucketer reads a width such as 5m, 1w or 3mo.
func newBucketer(width string) (bucketer, bool) {
	months, ns, ok := parseDuration(width)
	if !ok || months < 0 || ns < 0 || (months == 0) == (ns == 0) {
		return bucketer{}, false
	}
	return bucketer{months: months, ns: ns, origin: bucketOrigin(ns)}, true
}

// start is when the bucket of a time begins; false if that is before all times.
func (b bucketer) start(t int64) (int64, bool) {
	if b.zone != nil {
		return b.zonedStart(t)
	}
	if b.months > 0 {
		return monthStart(floorDiv(monthOf(t), b.months) * b.months)
	}
	from, ok := subInt64(t, b.origin)
	if !ok {
		return 0, false
	}
	rest := from % b.ns
	if rest < 0 {
		rest += b.ns
	}
	return subInt64(t, rest)
}

// next is when the bucket after the one that begins at start begins; false if
// that is after all times.
func (b bucketer) next(start int64) (int64, bool) {
	if b.zone != nil {
		return b.zonedNext(start)
	}
	if b.months > 0 {
		return monthStart(monthOf(start) + b.months)
	}
	return addInt64(start, b.ns)
}

// seconds is the length of the bucket that begins at start.
func (b bucketer) seconds(start int64) float64 {
	if b.months == 0 && b.zone == nil {
		return float64(b.ns) / float64(nsPerSecond)
	}
	end, ok := b.next(start)
	if !ok {
		end = timeMax
	}
	return secondsBetween(start, end)
}

// monthOf counts months from 1970-01.
func monthOf(ns int64) int64 {
	t := time.Unix(0, ns).UTC()
	return int64(t.Year()-1970)*12 + int64(t.Month()) - 1
}

func monthStart(month int64) (int64, bool) {
	return timeToNs(time.Date(1970, time.Month(1+month), 1, 0, 0, 0, 0, time.UTC))
}

func bindTimeBucket(f *Function, args []*Bound) error {
	width, ok := constText(args, 0)
	zone, known := zoneOfArgs(args)
	if !ok || !known {
		return nil
	}
	b, err := bucketerIn(width, zone)
	if err != nil {
		return err
	}
	f.eval = func(args []storage.Value) (storage.Value, Warning) { return b.eval(args[1]) }
	return nil
}

func evalTimeBucket(args []storage.Value) (storage.Value, Warning) {
	zone := ""
	if len(args) > 2 {
		zone = CanonicalText(args[2])
	}
	b, err := bucketerIn(CanonicalText(args[0]), zone)
	if err != nil {
		return storage.Value{}, WarnArgument
	}
	return b.eval(args[1])
}

// zoneOfArgs is the zone that a function of times has as its third argument, ""
// without one; false if it is no constant.
func zoneOfArgs(args []*Bound) (string, bool) {
	if len(args) < 3 {
		return "", true
	}
	return constText(args, 2)
}

func (b bucketer) eval(v storage.Value) (storage.Value, Warning) {
	t, ok := asTime(v)
	if !ok {
		return storage.Value{}, 0
	}
	start, ok := b.start(t)
	if !ok {
		return storage.Value{}, WarnOverflow
	}
	return storage.Time(start), 0
}

// bucketerOf is the bucketer of a call of time_bucket; false for any other
// expression.
func bucketerOf(e *Bound) (bucketer, bool) {
	if e.Op != OpCall || e.Func.Name != timeBucketFunction {
		return bucketer{}, false
	}
	width, ok := constText(e.Args, 0)
	if !ok {
		return bucketer{}, false
	}
	zone, ok := zoneOfArgs(e.Args)
	if !ok {
		return bucketer{}, false
	}
	b, err := bucketerIn(width, zone)
	return b, err == nil
}

// Bounds are the bucket that a key puts a time of the column into, in ns: its
// start, which is the key's value, and its end. The times of the column that lie
// in it are Shift earlier. It is false for a key that is no bucket of time, and
// at the ends of time.
func (k *Key) Bounds(t int64) (start, end int64, ok bool) {
	if !k.TimeBucket {
		return 0, 0, false
	}
	if t, ok = addInt64(t, k.Shift); !ok {
		return 0, 0, false
	}
	if start, ok = k.buckets.start(t); ok {
		end, ok = k.buckets.next(start)
	}
	return start, end, ok
}

func evalEpoch(args []storage.Value) (storage.Value, Warning) {
	t, ok := asTime(args[0])
	if !ok {
		return storage.Value{}, 0
	}
	return storage.Float(secondsBetween(0, t)), 0
}

// evalToTimestamp makes a time of seconds since 1970.
func evalToTimestamp(args []storage.Value) (storage.Value, Warning) {
	return shiftTime(0, args[0], false)
}

// extractField computes a field of a time in its zone.
type extractField func(t time.Time) int64

func bindExtract(f *Function, args []*Bound) error {
	name, ok := constText(args, 0)
	if !ok {
		return nil
	}
	field := extractFieldOf(name)
	if field == nil {
		return fmt.Errorf("there is no field `%s` of a time; there are year quarter month week day dow isodow doy hour minute second epoch", name)
	}
	name, ok = zoneOfArgs(args)
	if !ok {
		return nil
	}
	zone, err := loadZone(name)
	f.eval = func(args []storage.Value) (storage.Value, Warning) { return extract(field, args[1], zone) }
	if err != nil {
		return err
	}
	return nil
}

func evalExtract(args []storage.Value) (storage.Value, Warning) {
	field := extractFieldOf(CanonicalText(args[0]))
	if field == nil {
		return storage.Value{}, WarnArgument
	}
	zone := (*time.Location)(nil)
	if len(args) > 2 {
		var err error
		if zone, err = loadZone(CanonicalText(args[2])); err != nil {
			return storage.Value{}, WarnArgument
		}
	}
	return extract(field, args[1], zone)
}

func extract(field extractField, v storage.Value, zone *time.Location) (storage.Value, Warning) {
	t, ok := asTime(v)
	if !ok {
		return storage.Value{}, 0
	}
	at := time.Unix(0, t).UTC()
	if zone != nil {
		at = at.In(zone)
	}
	return storage.Int(field(at)), 0
}

// extractFieldOf returns nil for a name that is no field.
func extractFieldOf(name string) extractField {
	switch strings.ToLower(name) {
	case "year":
		return func(t time.Time) int64 { return int64(t.Year()) }
	case "quarter":
		return func(t time.Time) int64 { return int64(t.Month()-1)/3 + 1 }
	case "month":
		return func(t time.Time) int64 { return int64(t.Month()) }
	case "week": // ISO 8601
		return func(t time.Time) int64 { _, w := t.ISOWeek(); return int64(w) }
	case "day":
		return func(t time.Time) int64 { return int64(t.Day()) }
	case "dow": // Sunday is 0
		return func(t time.Time) int64 { return int64(t.Weekday()) }
	case "isodow": // Monday is 1, Sunday 7
		return func(t time.Time) int64 { return (int64(t.Weekday())+6)%7 + 1 }
	case "doy":
		return func(t time.Time) int64 { return int64(t.YearDay()) }
	case "hour":
		return func(t time.Time) int64 { return int64(t.Hour()) }
	case "minute":
		return func(t time.Time) int64 { return int64(t.Minute()) }
	case "second":
		return func(t time.Time) int64 { return int64(t.Second()) }
	}
	return nil
}

// The ends of time, in ns.
const (
	timeMin = math.MinInt64
	timeMax = math.MaxInt64
)
