package oracle

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// asTime is a value in time context: a time, or text that is one.
func asTime(v storage.Value) storage.Value {
	if v.Type == storage.TypeTime || v.Type == storage.TypeString {
		return cast(v, storage.TypeTime)
	}
	return null
}

func seconds(ns *big.Int) float64 {
	f, _ := new(big.Rat).SetFrac(ns, big.NewInt(1_000_000_000)).Float64()
	return f
}

// timeArithmetic: time - time is seconds, time ± seconds a time.
func timeArithmetic(op query.BinaryOp, x, y storage.Value) storage.Value {
	xt, yt := asTime(x), asTime(y)
	switch {
	case !isNull(xt) && !isNull(yt) && op == query.BinarySub:
		return storage.Float(seconds(new(big.Int).Sub(big.NewInt(xt.Int), big.NewInt(yt.Int))))
	case !isNull(xt) && isNull(yt):
		return shift(xt, y, op == query.BinarySub)
	case !isNull(yt) && isNull(xt) && op == query.BinaryAdd:
		return shift(yt, x, false)
	}
	return null
}

func shift(t, by storage.Value, back bool) storage.Value {
	n := number(by)
	if isNull(n) {
		return null
	}
	ns := new(big.Int).Mul(big.NewInt(n.Int), big.NewInt(1_000_000_000))
	if n.Type == storage.TypeFloat64 {
		if math.IsNaN(n.Float) || math.Abs(n.Float) > 1e12 {
			return null
		}
		ns, _ = big.NewFloat(math.Round(n.Float * 1e9)).Int(nil)
	}
	if back {
		ns.Neg(ns)
	}
	return shiftNs(t, ns)
}

// shiftNs moves a time; null past the ends of time.
func shiftNs(t storage.Value, by *big.Int) storage.Value {
	if isNull(t) {
		return null
	}
	ns := new(big.Int).Add(by, big.NewInt(t.Int))
	if !ns.IsInt64() {
		return null
	}
	return storage.Time(ns.Int64())
}

// monthsOf is the months of time ± months or months + time, and the time; nil
// if the expression is neither.
func monthsOf(e *query.Binary) (*query.Duration, query.Expr) {
	if e.Op != query.BinaryAdd && e.Op != query.BinarySub {
		return nil, nil
	}
	if d, ok := e.Y.(*query.Duration); ok && d.Months != 0 {
		return d, e.X
	}
	if d, ok := e.X.(*query.Duration); ok && d.Months != 0 && e.Op == query.BinaryAdd {
		return d, e.Y
	}
	return nil, nil
}

// shiftMonths moves by the calendar; past the end of a month is its last day.
func shiftMonths(t storage.Value, months int64) storage.Value {
	if isNull(t) {
		return null
	}
	at := time.Unix(0, t.Int).UTC()
	for day := at.Day(); ; day-- {
		moved := time.Date(at.Year(), at.Month()+time.Month(months), day, at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), time.UTC)
		if moved.Day() == day {
			ns := new(big.Int).Mul(big.NewInt(moved.Unix()), big.NewInt(1_000_000_000))
			return shiftNs(storage.Time(int64(moved.Nanosecond())), ns)
		}
	}
}

// bucket is a time bucket: whole months, or nanoseconds.
type bucket struct {
	months, ns int64
	zone       *time.Location
}

// start is when the bucket of a time begins. Fixed widths count from 1970,
// weeks from a Monday.
func (b bucket) start(t int64) int64 {
	if b.isZoned() {
		return b.zonedStart(t)
	}
	at := time.Unix(0, t).UTC()
	if b.months > 0 {
		month := (at.Year()-1970)*12 + int(at.Month()) - 1
		month -= ((month % int(b.months)) + int(b.months)) % int(b.months)
		return time.Date(1970, time.Month(1+month), 1, 0, 0, 0, 0, time.UTC).UnixNano()
	}
	origin := int64(0)
	if week := int64(7 * 24 * time.Hour); b.ns%week == 0 {
		origin = time.Date(1970, 1, 5, 0, 0, 0, 0, time.UTC).UnixNano()
	}
	rest := (t - origin) % b.ns
	if rest < 0 {
		rest += b.ns
	}
	return t - rest
}

func (b bucket) seconds(start int64) float64 {
	if b.isZoned() {
		return b.zonedSeconds(start)
	}
	if b.months == 0 {
		return float64(b.ns) / 1e9
	}
	end := time.Unix(0, start).UTC().AddDate(0, int(b.months), 0).UnixNano()
	return float64(end-start) / 1e9
}

// bucketOf reads the width and zone of time(), time_bucket() and date_trunc().
func (o *oracle) bucketOf(e *query.Call) bucket {
	b := o.widthOf(e)
	b.zone = o.zone
	if n := len(e.Args); n > 2 || n > 1 && e.Name == "time" {
		b.zone = o.zoneOf(e.Args[n-1])
	}
	return b
}

func (o *oracle) widthOf(e *query.Call) bucket {
	switch w := e.Args[0].(type) {
	case *query.Duration:
		return bucket{months: w.Months, ns: w.Ns}
	case *query.Name:
		return bucket{ns: o.autoWidth()}
	case *query.Literal:
		if e.Name == "date_trunc" {
			return truncUnit(w.Value.Str)
		}
		return parseWidth(w.Value.Str)
	}
	panic("BUG: no width of a time bucket")
}

func truncUnit(unit string) bucket {
	switch strings.TrimSuffix(strings.ToLower(unit), "s") {
	case "second":
		return bucket{ns: int64(time.Second)}
	case "minute":
		return bucket{ns: int64(time.Minute)}
	case "hour":
		return bucket{ns: int64(time.Hour)}
	case "day":
		return bucket{ns: int64(24 * time.Hour)}
	case "week":
		return bucket{ns: int64(7 * 24 * time.Hour)}
	case "month":
		return bucket{months: 1}
	case "quarter":
		return bucket{months: 3}
	case "year":
		return bucket{months: 12}
	}
	panic(fmt.Sprintf("BUG: the unit %q", unit))
}

// parseWidth reads one number and unit.
func parseWidth(s string) bucket {
	digits := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyz")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		panic(fmt.Sprintf("BUG: the width %q", s))
	}
	switch s[len(digits):] {
	case "mo":
		return bucket{months: n}
	case "w":
		return bucket{ns: n * int64(7*24*time.Hour)}
	case "d":
		return bucket{ns: n * int64(24*time.Hour)}
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		panic(fmt.Sprintf("BUG: the width %q", s))
	}
	return bucket{ns: int64(d)}
}

// equal tells whether two buckets are the same. A zone that was loaded twice is one.
func (b *bucket) equal(other *bucket) bool {
	x, y := *b, *other
	x.zone, y.zone = nil, nil
	return x == y && b.zone.String() == other.zone.String()
}

// timeBucketOf is the bucket that an expression puts the column time into, or nil.
func (o *oracle) timeBucketOf(e query.Expr, mode aliasMode) *bucket {
	call, ok := o.unalias(e, mode).(*query.Call)
	if !ok {
		return nil
	}
	switch call.Name {
	case "time":
	case "time_bucket", "date_trunc":
		if name, ok := call.Args[1].(*query.Name); !ok || name.Name != storage.TimeColumn {
			return nil
		}
	default:
		return nil
	}
	b := o.bucketOf(call)
	return &b
}

// autoWidth is the smallest of the widths with at most 300 buckets in the range;
// the rows stand for an end that is open.
func (o *oracle) autoWidth() int64 {
	s, m, h, d := int64(time.Second), int64(time.Minute), int64(time.Hour), int64(24*time.Hour)
	widths := []int64{s, 2 * s, 5 * s, 10 * s, 15 * s, 30 * s, m, 2 * m, 5 * m, 10 * m, 15 * m, 30 * m, h, 2 * h, 3 * h, 6 * h, 12 * h, d, 7 * d}
	from, last := o.from, o.to-1
	if from == math.MinInt64 {
		from = o.dataFrom
	}
	if o.to == math.MaxInt64 {
		last = o.dataTo
	}
	for _, w := range widths {
		b := bucket{ns: w}
		if (b.start(last)-b.start(from))/w+1 <= 300 {
			return w
		}
	}
	return 7 * d
}

func extract(field string, v storage.Value, zone *time.Location) storage.Value {
	if isNull(v) {
		return null
	}
	t := time.Unix(0, v.Int).In(zone)
	if field == "epoch" {
		return storage.Float(seconds(big.NewInt(v.Int)))
	}
	n := 0
	switch field {
	case "year":
		n = t.Year()
	case "quarter":
		n = (int(t.Month()) + 2) / 3
	case "month":
		n = int(t.Month())
	case "week":
		_, n = t.ISOWeek()
	case "day":
		n = t.Day()
	case "dow":
		n = int(t.Weekday())
	case "isodow":
		if n = int(t.Weekday()); n == 0 {
			n = 7
		}
	case "doy":
		n = t.YearDay()
	case "hour":
		n = t.Hour()
	case "minute":
		n = t.Minute()
	case "second":
		n = t.Second()
	default:
		panic(fmt.Sprintf("BUG: the field %q", field))
	}
	return storage.Int(int64(n))
}

// setRange finds the range of time: the clause, and the conditions that time(auto)
// and rate() have to know of. Rows outside are dropped by the clause; those
// conditions are looked at again as a part of WHERE.
func (o *oracle) setRange(rows []Row) error {
	o.from, o.to = math.MinInt64, math.MaxInt64
	for i, row := range rows {
		t := row[storage.TimeColumn].Int
		if i == 0 {
			o.dataFrom, o.dataTo = t, t
		}
		o.dataFrom, o.dataTo = min(o.dataFrom, t), max(o.dataTo, t)
	}
	end := func(e query.Expr) (int64, error) {
		v := asTime(o.eval(e, ctx{}))
		if isNull(v) {
			return 0, fmt.Errorf("%s is not a time", query.PrintExpr(e))
		}
		return v.Int, nil
	}
	if r := o.sel.Range; r != nil {
		var err error
		switch {
		case r.Kind == query.RangeLast:
			t := storage.Time(o.now)
			if r.Last.Months > 0 {
				t = shiftMonths(t, -r.Last.Months)
			}
			o.from, o.to, o.closed = t.Int-r.Last.Ns, o.now+1, true
		default:
			if r.From != nil {
				o.from, err = end(r.From)
			}
			if r.To != nil && err == nil {
				o.to, err = end(r.To)
			}
		}
		if err != nil {
			return err
		}
	}
	o.narrow(o.sel.Where)
	o.to = max(o.from, o.to)
	o.setBack()
	return nil
}

// narrow takes conditions on time, joined by AND, into the range.
func (o *oracle) narrow(e query.Expr) {
	switch e := e.(type) {
	case *query.Logic:
		if !e.Or {
			for _, arg := range e.Args {
				o.narrow(arg)
			}
		}
	case *query.Between:
		if !e.Not {
			o.narrowBy(e.X, query.BinaryGe, e.From)
			o.narrowBy(e.X, query.BinaryLe, e.To)
		}
	case *query.Binary:
		o.narrowBy(e.X, e.Op, e.Y)
		switch e.Op {
		case query.BinaryLt:
			o.narrowBy(e.Y, query.BinaryGt, e.X)
		case query.BinaryLe:
			o.narrowBy(e.Y, query.BinaryGe, e.X)
		case query.BinaryGt:
			o.narrowBy(e.Y, query.BinaryLt, e.X)
		case query.BinaryGe:
			o.narrowBy(e.Y, query.BinaryLe, e.X)
		case query.BinaryEq:
			o.narrowBy(e.Y, query.BinaryEq, e.X)
		}
	}
}

func (o *oracle) narrowBy(x query.Expr, op query.BinaryOp, y query.Expr) {
	name, ok := x.(*query.Name)
	if !ok || name.Name != storage.TimeColumn || !o.isConstant(y, ctx{}) {
		return
	}
	v := o.eval(y, ctx{})
	if v.Type == storage.TypeString {
		v = asTime(v)
	}
	if v.Type != storage.TypeTime {
		return
	}
	end := func(t int64, closed bool) {
		if t < o.to {
			o.to, o.closed = t, closed
		}
	}
	switch op {
	case query.BinaryGe:
		o.from = max(o.from, v.Int)
	case query.BinaryGt:
		o.from = max(o.from, v.Int+1)
	case query.BinaryLt:
		end(v.Int, false)
	case query.BinaryLe:
		end(v.Int+1, true)
	case query.BinaryEq:
		o.from = max(o.from, v.Int)
		end(v.Int+1, true)
	}
}
