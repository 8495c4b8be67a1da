package query

import (
	"strings"

	"github.com/kelpdb/kelp/storage"
)

// timeBucketFunction is what time(), time_bucket() and date_trunc() become:
// a function of a width as text, such as 5m, 1w or 3mo, and a time.
const timeBucketFunction = "time_bucket"

// mondayNs is the first Monday since 1970, where weeks are counted from.
const mondayNs = 4 * nsPerDay

// autoWidthsNs are what time(auto) chooses from.
var autoWidthsNs = [...]int64{
	nsPerSecond, 2 * nsPerSecond, 5 * nsPerSecond, 10 * nsPerSecond, 15 * nsPerSecond, 30 * nsPerSecond,
	nsPerMinute, 2 * nsPerMinute, 5 * nsPerMinute, 10 * nsPerMinute, 15 * nsPerMinute, 30 * nsPerMinute,
	nsPerHour, 2 * nsPerHour, 3 * nsPerHour, 6 * nsPerHour, 12 * nsPerHour, nsPerDay, nsPerWeek,
}

// timeBucket binds time(width), time_bucket(width, t) and date_trunc(unit, t).
func (b *binder) timeBucket(e *Call, sc scope) (*Bound, error) {
	args := e.Args
	atLeast, atMost := 2, 3
	if e.Name == "time" {
		atLeast, atMost = 1, 2
	}
	if len(args) < atLeast || len(args) > atMost {
		return nil, errArgCount(e.Pos, e.Name, atLeast, atMost, len(args))
	}
	var written Expr
	if len(args) == atMost {
		written = args[atMost-1]
	}
	zone, err := b.zoneArg(written, sc)
	if err != nil {
		return nil, err
	}
	months, ns, err := b.bucketWidth(e, sc)
	if err != nil {
		return nil, err
	}
	t := (*Bound)(nil)
	if e.Name == "time" {
		t = b.column(storage.TimeColumn, e.Pos)
	} else if t, err = b.expr(args[1], sc); err != nil {
		return nil, err
	}
	return b.bucketOf(months, ns, t, zone, e)
}

// bucketOf makes the call. Buckets of whole days or months are those of the
// zone's calendar; of all others the zone does not matter.
func (b *binder) bucketOf(months, ns int64, t, zone *Bound, e *Call) (*Bound, error) {
	f, ok := LookupFunction(timeBucketFunction)
	if !ok {
		panic("BUG: there is no function " + timeBucketFunction)
	}
	if t.Op == OpConst && t.Type == storage.TypeString {
		v, ok := b.writtenTime(t.Const)
		if !ok {
			return nil, errorAt(CodeType, t.Pos, "'%s' is not a time", clip(t.Const.Str))
		}
		t = constant(v, t.Pos)
	}
	width := constant(storage.String(durationText(months, ns)), e.Pos)
	n := &Bound{Op: OpCall, Args: []*Bound{width, t}, Pos: e.Pos}
	types := []storage.Type{width.Type, t.Type}
	if zone != nil && isCalendar(months, ns) {
		n.Args, types = append(n.Args, zone), append(types, zone.Type)
	}
	return b.callOf(f, n, types)
}

// bucketWidth reads the first argument: a duration, a unit, or auto.
func (b *binder) bucketWidth(e *Call, sc scope) (months, ns int64, err error) {
	first := e.Args[0]
	switch x := first.(type) {
	case *Duration:
		months, ns = x.Months, x.Ns
	case *Name:
		if e.Name == "date_trunc" || !strings.EqualFold(x.Name, "auto") {
			return 0, 0, errorAt(CodeBadRequest, x.Pos, "%s() takes a width such as 1m, not `%s`", e.Name, clip(x.Name)).
				withHint("time(auto) chooses one")
		}
		if sc.place == "WHERE" {
			return 0, 0, errorAt(CodeBadRequest, x.Pos, "time(auto) cannot stand in WHERE, it depends on it")
		}
		return 0, b.autoWidth(), nil
	default:
		text, null, err := b.constText(first, "the width of a time bucket", sc)
		if err != nil {
			return 0, 0, err
		}
		ok := false
		if e.Name == "date_trunc" {
			months, ns, ok = truncUnit(text)
		} else if strings.EqualFold(text, "auto") && sc.place != "WHERE" {
			return 0, b.autoWidth(), nil
		} else if months, ns, ok = parseDuration(text); !ok {
			months, ns, ok = parseInterval(text)
		}
		if !ok || null {
			return 0, 0, errorAt(CodeBadRequest, first.Position(), "'%s' is not the width of a time bucket", clip(text)).
				withHint("widths are durations such as 30s, 5m, 1d; units of date_trunc are second minute hour day week month quarter year")
		}
	}
	if months < 0 || ns < 0 || months == 0 && ns == 0 || months != 0 && ns != 0 {
		return 0, 0, errorAt(CodeBadRequest, first.Position(), "a time bucket is either of months or of a fixed length, and longer than nothing")
	}
	return months, ns, nil
}

// truncUnit is the width of a unit of date_trunc.
func truncUnit(unit string) (months, ns int64, ok bool) {
	switch strings.TrimSuffix(strings.ToLower(unit), "s") {
	case "microsecond":
		return 0, 1_000, true
	case "millisecond":
		return 0, 1_000_000, true
	case "second":
		return 0, nsPerSecond, true
	case "minute":
		return 0, nsPerMinute, true
	case "hour":
		return 0, nsPerHour, true
	case "day":
		return 0, nsPerDay, true
	case "week":
		return 0, nsPerWeek, true
	case "month":
		return 1, 0, true
	case "quarter":
		return 3, 0, true
	case "year":
		return 12, 0, true
	}
	return 0, 0, false
}

// timeBucketOf tells whether a key is a bucket of the column time, and if it is
// of fixed width, which.
func (b *binder) timeBucketOf(e *Bound) (is bool, width, origin int64) {
	if e.Op != OpCall || e.Func.Name != timeBucketFunction || e.Args[1].Op != OpColumn ||
		b.plan.Columns[e.Args[1].Index].Name != storage.TimeColumn {
		return false, 0, 0
	}
	months, ns, _ := parseDuration(e.Args[0].Const.Str)
	if months != 0 || len(e.Args) > 2 {
		return true, 0, 0
	}
	return true, ns, bucketOrigin(ns)
}

// bucketOrigin is where buckets of a width are counted from: 1970, for whole
// weeks its first Monday.
func bucketOrigin(widthNs int64) int64 {
	if widthNs%nsPerWeek == 0 {
		return mondayNs
	}
	return 0
}

// autoWidth chooses the smallest width with few enough buckets in the range, so
// that it does not change with the rows that come in; where an end of the range is
// open, what the table holds stands for it.
func (b *binder) autoWidth() int64 {
	r := b.plan.Range
	known := b.q.DataFrom != 0 || b.q.DataTo != 0
	if r.To == openTo {
		r.To = b.q.Now
		if known {
			r.To = b.q.DataTo + 1
		}
	}
	if r.From == openFrom {
		r.From = r.To - nsPerDay
		if known {
			r.From = b.q.DataFrom
		}
	}
	for _, w := range autoWidthsNs {
		first, last := floorDiv(r.From-bucketOrigin(w), w), floorDiv(r.To-1-bucketOrigin(w), w)
		if last-first < timeAutoBucketsMax {
			return w
		}
	}
	return autoWidthsNs[len(autoWidthsNs)-1]
}

// floorDiv divides and rounds down.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}
