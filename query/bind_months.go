package query

import (
	"time"

	"github.com/kelpdb/kelp/storage"
)

// timeShiftFunction is what time ± a duration with months becomes: a function
// of whole months, nanoseconds and a time. It cannot be called by name.
const timeShiftFunction = "time_shift"

// shiftByMonths binds time ± months, and months + time, by the calendar. ok is
// false for every other expression.
func (b *binder) shiftByMonths(e *Binary, sc scope) (n *Bound, ok bool, err error) {
	if e.Op != BinaryAdd && e.Op != BinarySub {
		return nil, false, nil
	}
	of := e.X
	d := durationOfMonths(e.Y)
	if d == nil && e.Op == BinaryAdd {
		of, d = e.Y, durationOfMonths(e.X)
	}
	if d == nil {
		return nil, false, nil
	}
	x, err := b.expr(of, sc)
	if err != nil {
		return nil, false, err
	}
	if x, err = b.timeToShift(x); err != nil {
		return nil, false, err
	}
	months, ns := d.Months, d.Ns
	if e.Op == BinarySub {
		months = -months
		if ns, ok = subInt64(0, ns); !ok {
			return nil, false, errorAt(CodeBadRequest, d.Pos, "the duration is too long")
		}
	}
	args := []*Bound{constant(storage.Int(months), d.Pos), constant(storage.Int(ns), d.Pos), x}
	return b.fold(&Bound{Op: OpCall, Type: storage.TypeTime, Args: args, Func: timeShift(), Pos: e.Pos}), true, nil
}

// timeShift is the function of months, nanoseconds and a time.
func timeShift() *Function {
	return &Function{Name: timeShiftFunction, MinArgs: 3, MaxArgs: 3, eval: evalTimeShift}
}

// durationOfMonths is an expression that is a length of time with months in it,
// else nil: such a length is no number of seconds.
func durationOfMonths(e Expr) *Duration {
	if d, ok := e.(*Duration); ok && d.Months != 0 {
		return d
	}
	return nil
}

// timeToShift refuses what never is a time. A column of texts may hold times.
func (b *binder) timeToShift(x *Bound) (*Bound, error) {
	isText := x.Type == storage.TypeString
	if isText && x.Op == OpConst {
		if t, ok := b.writtenTime(x.Const); ok {
			return constant(t, x.Pos), nil
		}
		isText = false
	}
	if !isText && x.Type != storage.TypeTime && x.Type != storage.TypeNull {
		return nil, errorAt(CodeType, x.Pos, "months can be added to a time only")
	}
	return x, nil
}

// evalTimeShift moves a time by months of the calendar, then by nanoseconds.
func evalTimeShift(args []storage.Value) (storage.Value, Warning) {
	t, ok := asTime(args[2])
	if !ok {
		return storage.Value{}, 0
	}
	if t, ok = addMonths(t, args[0].Int); ok {
		t, ok = addInt64(t, args[1].Int)
	}
	if !ok {
		return storage.Value{}, WarnOverflow
	}
	return storage.Time(t), 0
}

// addMonths moves a time by months of the calendar, in UTC; past the end of a
// month it is the month's last day, as in PostgreSQL. It is false past the ends
// of time.
func addMonths(ns, months int64) (int64, bool) {
	t := time.Unix(0, ns).UTC()
	first := time.Date(t.Year(), t.Month()+time.Month(months), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return timeToNs(first.AddDate(0, 0, min(t.Day(), last)-1))
}
