package query

import (
	"time"

	"github.com/kelpdb/kelp/storage"
)

// bindZone finds the zone of TIMEZONE, else of the request.
func (b *binder) bindZone() (err error) {
	b.zoneName = b.q.Zone
	pos := Pos{}
	if z := b.sel.Zone; z != nil {
		b.zoneName, pos = z.Value.Str, z.Pos
	}
	b.zone, err = zoneAt(b.zoneName, pos)
	if b.zone != nil {
		b.plan.Zone = b.zoneName
	}
	return err
}

func zoneAt(name string, pos Pos) (*time.Location, error) {
	zone, err := loadZone(name)
	if err != nil {
		return nil, errorAt(CodeBadRequest, pos, "%s", err).withHint(zoneHint)
	}
	return zone, nil
}

// zoneArg is the zone that a call names, else the query's, as an argument; nil
// for UTC.
func (b *binder) zoneArg(e Expr, sc scope) (*Bound, error) {
	name, zone, pos := b.zoneName, b.zone, Pos{}
	if e != nil {
		var err error
		pos = e.Position()
		if name, _, err = b.constText(e, "the time zone", sc); err != nil {
			return nil, err
		}
		if zone, err = zoneAt(name, pos); err != nil {
			return nil, err
		}
	}
	if zone == nil {
		return nil, nil
	}
	return constant(storage.String(name), pos), nil
}

// writtenTime is the time that a constant means: a text without a zone is in
// the query's.
func (b *binder) writtenTime(v storage.Value) (storage.Value, bool) {
	if v.Type == storage.TypeString && b.zone != nil {
		t, ok := parseTimeIn(v.Str, b.zone)
		return storage.Time(t), ok
	}
	return Cast(v, storage.TypeTime)
}

// extract binds extract(field FROM x[, zone]).
func (b *binder) extract(e *Extract, sc scope) (*Bound, error) {
	if e.Field == "epoch" { // the one field that is not an int64, nor of a zone
		return b.function("epoch", []Expr{e.X}, e.Pos, sc)
	}
	x, err := b.expr(e.X, sc)
	if err != nil {
		return nil, err
	}
	zone, err := b.zoneArg(e.Zone, sc)
	if err != nil {
		return nil, err
	}
	f, ok := LookupFunction("extract")
	if !ok {
		panic("BUG: there is no function extract")
	}
	n := &Bound{Op: OpCall, Args: []*Bound{constant(storage.String(e.Field), e.Pos), x}, Pos: e.Pos}
	types := []storage.Type{storage.TypeString, x.Type}
	if zone != nil {
		n.Args, types = append(n.Args, zone), append(types, zone.Type)
	}
	return b.callOf(f, n, types)
}
