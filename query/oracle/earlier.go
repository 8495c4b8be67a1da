package oracle

import (
	"maps"
	"math"
	"math/big"

	"github.com/kelpdb/kelp/storage"
)

// side says which of the ranges of COMPARE an output is about.
type side uint8

const (
	sideNow    side = iota
	sideBefore      // a_prev
	sideChange      // a_change
)

// storedTime is the name under which a row of the past keeps its own time.
const storedTime = "\x00time"

// setBack finds by how much COMPARE moves the range back. An open end is now.
func (o *oracle) setBack() {
	d := o.sel.Compare
	if d == nil {
		return
	}
	if o.to == math.MaxInt64 {
		o.to, o.closed = o.now+1, true
		o.to = max(o.from, o.to)
	}
	moved := shiftNs(shiftMonths(storage.Time(o.to), -d.Months), big.NewInt(-d.Ns))
	o.back = o.to - moved.Int
}

// earlierRows are the rows of the range moved back, each at the time that it has
// in the present one.
func (o *oracle) earlierRows(rows []Row) []Row {
	var out []Row
	for _, row := range rows {
		t := row[storage.TimeColumn]
		if t.Int < o.from-o.back || t.Int >= o.to-o.back {
			continue
		}
		moved := maps.Clone(row)
		moved[storedTime], moved[storage.TimeColumn] = t, storage.Time(t.Int+o.back)
		if o.passes(moved) {
			out = append(out, moved)
		}
	}
	return out
}

func (o *oracle) passes(row Row) bool {
	return o.sel.Where == nil || o.isTrue(o.sel.Where, ctx{row: row})
}

// asStored is a row as the arguments of aggregates see it: at its own time.
func asStored(row Row) Row {
	t, ok := row[storedTime]
	if !ok {
		return row
	}
	own := maps.Clone(row)
	own[storage.TimeColumn] = t
	return own
}

// addEarlierItems puts what an aggregate was, and its change, behind its item.
func (o *oracle) addEarlierItems() {
	if o.sel.Compare == nil {
		return
	}
	var items []item
	o.at = make([]int, len(o.items))
	for i, it := range o.items {
		o.at[i] = len(items)
		items = append(items, it)
		if o.hasAgg(it.expr, it.mode) {
			items = append(items, item{name: it.name + "_prev", expr: it.expr, mode: it.mode, side: sideBefore},
				item{name: it.name + "_change", expr: it.expr, mode: it.mode, side: sideChange})
		}
	}
	for name, i := range o.aliases {
		o.aliases[name] = o.at[i]
	}
	o.items = items
}

// itemCell is an output of a group or row.
func (o *oracle) itemCell(it item, c ctx) Cell {
	if it.side == sideNow {
		return o.cell(it.expr, c)
	}
	now := c
	c.group = &group{rows: c.group.earlier, isRest: c.group.isRest, filled: c.group.filled}
	before := o.cell(it.expr, c)
	if it.side == sideBefore {
		return before
	}
	return change(o.cell(it.expr, now), before)
}

// change is (now - before) / |before|, and how far off it may be.
func change(now, before Cell) Cell {
	number := func(v storage.Value) bool { return v.Type == storage.TypeInt64 || v.Type == storage.TypeFloat64 }
	if !number(now.Value) || !number(before.Value) || float(before.Value) == 0 {
		return Cell{}
	}
	x, y := float(now.Value), float(before.Value)
	out := Cell{}
	if math.IsNaN(x) || math.IsNaN(y) || math.IsInf(x, 0) || math.IsInf(y, 0) {
		out.Value = storage.Float((x - y) / math.Abs(y))
		return out
	}
	a, b := exactly(now.Value), exactly(before.Value)
	diff := a.Sub(a, b)
	f, _ := diff.Quo(diff, b.Abs(b)).Float64()
	out.Value = storage.Float(f)
	out.Tol = math.Abs(f)*1e-12 + 1.1*(now.Tol+before.Tol*(1+math.Abs(f)))/math.Abs(y)
	if before.Tol*2 >= math.Abs(y) {
		out.Tol = math.Inf(1)
	}
	return out
}

// itemType is the type of an output.
func (o *oracle) itemType(it item) storage.Type {
	t := storage.TypeFloat64
	if it.side != sideChange {
		t = o.typeOf(it.expr, ctx{mode: it.mode})
	}
	if t == storage.TypeNull {
		t = storage.TypeString
	}
	return t
}

// first is a row of the group, of which keys can be read.
func (g *group) first() Row {
	if len(g.rows) > 0 {
		return without(g.rows[0], g.lacks)
	}
	if len(g.earlier) > 0 {
		return g.earlier[0]
	}
	return g.of
}

// add takes in all rows of another group.
func (g *group) add(other *group) {
	g.rows = append(g.rows, other.rows...)
	g.earlier = append(g.earlier, other.earlier...)
	g.filled = g.filled && other.filled
	if g.of == nil {
		g.of = other.of
	}
}

// ofEarlier tells whether the row is one of the range moved back.
func ofEarlier(row Row) bool { _, ok := row[storedTime]; return ok }
