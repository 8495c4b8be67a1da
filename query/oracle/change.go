package oracle

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// Moved is an aggregate and the number of events, now and before, of all rows or of
// those with some values; and the aggregate of all rows but those.
type Moved struct {
	Values              []storage.Value // nil: of all rows
	Now, Before         Cell
	Events, EventsWere  Cell
	OthersNow, OthersBe Cell
}

// Change answers EXPLAIN CHANGE the obvious way: for every combination of values of
// by, the rows that have it are looked for and left out. agg has one item, and no
// grouping; its range is not looked at: rows now and before are from now[0] to
// now[1], exclusive, and from before[0] to before[1]. All rows come first.
func Change(agg *query.Select, by []query.Expr, rows []Row, now, before [2]int64, at int64) ([]Moved, error) {
	o := &oracle{sel: agg, now: at, columns: columnTypes(rows), types: make(map[typeKey]storage.Type),
		hasFloats: make(map[string]bool), floats: make(map[*query.Call]bool)}
	if err := o.setRange(rows); err != nil {
		return nil, err
	}
	var sides [2][]Row
	for _, row := range rows {
		t := row[storage.TimeColumn].Int
		for side, r := range [][2]int64{now, before} {
			if t >= r[0] && t < r[1] && (agg.Where == nil || o.isTrue(agg.Where, ctx{row: row})) {
				sides[side] = append(sides[side], row)
			}
		}
	}
	c := &changer{o: o, by: by, agg: agg.Items[0].Expr, sides: sides}
	values := make(map[string][]storage.Value)
	for _, row := range slices.Concat(sides[0], sides[1]) {
		key, list := c.key(row)
		values[key] = list
	}
	list := []Moved{c.moved(nil, func(string) bool { return true })}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		m := c.moved(values[key], func(k string) bool { return k == key })
		others := c.moved(nil, func(k string) bool { return k != key })
		m.OthersNow, m.OthersBe = others.Now, others.Before
		list = append(list, m)
	}
	return list, nil
}

// changer evaluates over some of the rows now and before.
type changer struct {
	o     *oracle
	by    []query.Expr
	agg   query.Expr
	sides [2][]Row
}

// key is the values of by in a row.
func (c *changer) key(row Row) (string, []storage.Value) {
	var key strings.Builder
	var list []storage.Value
	for _, e := range c.by {
		v := c.o.eval(e, ctx{row: row})
		list = append(list, v)
		key.WriteString(strconv.Quote(keyText(v)))
	}
	return key.String(), list
}

// moved is what the rows come to whose values keep takes.
func (c *changer) moved(values []storage.Value, keep func(key string) bool) Moved {
	of := func(side int, expr query.Expr) Cell {
		g := &group{}
		for _, row := range c.sides[side] {
			if key, _ := c.key(row); keep(key) {
				g.rows = append(g.rows, row)
			}
		}
		return c.o.cell(expr, c.o.groupCtx(g, aliasNone))
	}
	count := &query.Call{Name: "count"}
	return Moved{Values: values, Now: of(0, c.agg), Before: of(1, c.agg), Events: of(0, count), EventsWere: of(1, count)}
}
