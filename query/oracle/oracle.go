package oracle

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// Row is one row by column; each has `time`.
type Row map[string]storage.Value

// Result is the right answer.
type Result struct {
	Names       []string
	Types       []storage.Type
	Rows        [][]Cell
	Other       []int // rows that WITH OTHER made
	OtherGroups int
	Truncated   bool // cut by the default LIMIT
}

// Cell is one value and how far an answer may be from it.
type Cell struct {
	Value storage.Value
	Tol   float64 // a number may differ by this much
}

// oracle answers one query.
type oracle struct {
	sel       *query.Select
	now       int64
	columns   map[string]storage.Type // types over all rows
	hasFloats map[string]bool         // columns that hold a float64 somewhere
	types     map[typeKey]storage.Type
	items     []item
	aliases   map[string]int
	keys      []key
	// The range that is read, half-open, and the times of the first and last row.
	from, to         int64
	closed           bool // the range was written with its last instant
	dataFrom, dataTo int64
	grouped          bool
	ranking          bool                 // of groups over the whole range: rates are totals
	floats           map[*query.Call]bool // sums of integers that pass int64 in some group
	zone             *time.Location
	derived          map[string]query.Expr // WITH
	back             int64                 // COMPARE: ns by which the range is moved back
	at               []int                 // COMPARE: where the written items are among all
	shift            int                   // items put in front of those written
	tol              float64               // of the cell being computed: relative
	abs              float64               // absolute
}

// item is one output: what is selected, or hidden, to order by.
type item struct {
	name string
	expr query.Expr
	mode aliasMode
	side side
}

type key struct {
	name   string
	expr   query.Expr
	mode   aliasMode
	bucket *bucket // a bucket of the column time
	by     bool    // LIMIT BY WITH OTHER is by it
}

// held tells whether rows of Other have the key too.
func (k key) held() bool { return k.bucket != nil || k.by }

// Run answers a SELECT over rows. Now and the range of the data stand for what
// the root of a query fixes. Queries that are not valid may panic or give
// anything: whether they are refused is not the oracle's business.
func Run(sel *query.Select, rows []Row, now int64) (*Result, error) {
	sel, derived := substituted(sel)
	zone, err := zoneNamed(sel.Zone)
	if err != nil {
		return nil, err
	}
	o := &oracle{sel: sel, now: now, columns: columnTypes(rows), types: make(map[typeKey]storage.Type),
		zone: zone, derived: derived, hasFloats: make(map[string]bool), floats: make(map[*query.Call]bool)}
	for _, row := range rows {
		for name, v := range row {
			o.hasFloats[name] = o.hasFloats[name] || v.Type == storage.TypeFloat64
		}
	}
	if err := o.setRange(rows); err != nil {
		return nil, err
	}
	o.setItems()
	o.setKeys()
	var kept []Row
	for _, row := range rows {
		if t := row[storage.TimeColumn].Int; t >= o.from && t < o.to && o.passes(row) {
			kept = append(kept, row)
		}
	}
	if sel.Compare != nil {
		kept = append(kept, o.earlierRows(rows)...)
	}
	kept = o.unnest(kept)
	o.grouped = o.grouped || len(o.keys) > 0 || sel.GroupAll || sel.Having != nil
	for _, it := range o.items {
		o.grouped = o.grouped || o.hasAgg(it.expr, it.mode)
	}
	for _, t := range sel.OrderBy {
		o.grouped = o.grouped || o.hasAgg(t.Expr, aliasFirst)
	}
	o.addEarlierItems()
	o.markBy()
	terms := o.orderTerms()
	if !o.grouped {
		return o.finish(o.rowLines(kept), terms), nil
	}
	if sel.Limit != nil && sel.Limit.Other || sel.LimitBy != nil && sel.LimitBy.Other {
		return o.finishOther(o.having(o.fill(o.group(kept)), nil), terms), nil
	}
	groups := o.having(o.fill(o.group(kept)), terms)
	return o.finish(o.groupLines(groups), terms), nil
}

// columnTypes finds the one type of every column: int < float < string.
func columnTypes(rows []Row) map[string]storage.Type {
	types := make(map[string]storage.Type)
	for _, row := range rows {
		for name, v := range row {
			if !isNull(v) {
				types[name] = joinTypes(types[name], v.Type)
			}
		}
	}
	types[storage.TimeColumn] = storage.TypeTime
	return types
}

func joinTypes(a, b storage.Type) storage.Type {
	switch {
	case a == storage.TypeNull || a == b:
		return b
	case b == storage.TypeNull:
		return a
	case isNumeric(a) && isNumeric(b):
		return storage.TypeFloat64
	}
	return storage.TypeString
}

// setItems spreads * out and numbers the aliases.
func (o *oracle) setItems() {
	o.aliases = make(map[string]int)
	for _, it := range o.sel.Items {
		if it.Star {
			var names []string
			for name := range o.columns {
				if name != storage.TimeColumn && o.derived[name] == nil {
					names = append(names, name)
				}
			}
			for name := range o.derived {
				names = append(names, name)
			}
			slices.Sort(names)
			for _, name := range append([]string{storage.TimeColumn}, names...) {
				e := o.derived[name]
				if e == nil {
					e = &query.Name{Name: name}
				}
				o.items = append(o.items, item{name: name, expr: e})
			}
			continue
		}
		name := it.Text
		if it.Alias != "" {
			name = it.Alias
			if _, ok := o.aliases[name]; !ok {
				o.aliases[name] = len(o.items)
			}
		}
		o.items = append(o.items, item{name: name, expr: it.Expr})
	}
}

func (o *oracle) setKeys() {
	add := func(name string, e query.Expr, mode aliasMode) {
		o.keys = append(o.keys, key{name: name, expr: e, mode: mode, bucket: o.timeBucketOf(e, mode)})
	}
	if o.sel.GroupAll {
		for _, it := range o.items {
			if !o.hasAgg(it.expr, it.mode) {
				add(it.name, it.expr, aliasNone)
			}
		}
	}
	for _, g := range o.sel.GroupBy {
		if at, ok := o.position(g.Expr); ok {
			add(o.items[at].name, o.items[at].expr, aliasNone)
			continue
		}
		add(g.Text, g.Expr, aliasAfter)
	}
	if !o.sel.FromFirst {
		return
	}
	var front []item
	for _, k := range o.keys {
		shown := false
		for _, it := range o.items {
			shown = shown || o.same(it.expr, it.mode, k.expr, k.mode)
		}
		if _, constant := k.expr.(*query.Literal); !shown && !constant {
			front = append(front, item{name: k.name, expr: k.expr, mode: k.mode})
		}
	}
	for name := range o.aliases {
		o.aliases[name] += len(front)
	}
	o.items = append(front, o.items...)
	o.shift = len(front)
}

// position tells whether an expression is the number of an item, and which. A derived
// column that is a number is none.
func (o *oracle) position(e query.Expr) (int, bool) {
	lit, ok := e.(*query.Literal)
	if !ok || lit.Value.Type != storage.TypeInt64 {
		return 0, false
	}
	for _, def := range o.derived {
		if def == e {
			return 0, false
		}
	}
	i := int(lit.Value.Int) - 1 + o.shift
	if o.at != nil {
		i = o.at[i]
	}
	return i, true
}

// group is the rows with equal keys.
type group struct {
	rows    []Row
	earlier []Row           // COMPARE: of the range moved back
	filled  bool            // FILL has added it
	of      Row             // filled: a row with its keys
	isRest  bool            // made by WITH OTHER: keys are null, but for time buckets
	lacks   map[string]bool // columns that other sets of GROUPING SETS have: null here
}

func (o *oracle) keyValues(row Row, only func(key) bool) string {
	var b strings.Builder
	for _, k := range o.keys {
		if only == nil || only(k) {
			b.WriteString(strconv.Quote(keyText(o.eval(k.expr, ctx{row: row, mode: k.mode}))))
		}
	}
	return b.String()
}

func (o *oracle) group(rows []Row) []*group {
	if o.sel.Sets != nil {
		return o.groupSets(rows)
	}
	if len(o.keys) == 0 {
		g := &group{}
		for _, row := range rows {
			g.put(row)
		}
		return []*group{g}
	}
	byKey := make(map[string]*group)
	var groups []*group
	for _, row := range rows {
		k := o.keyValues(row, nil)
		g := byKey[k]
		if g == nil {
			g = &group{}
			byKey[k] = g
			groups = append(groups, g)
		}
		g.put(row)
	}
	return groups
}

// put takes in a row, of whichever range it is.
func (g *group) put(row Row) {
	if ofEarlier(row) {
		g.earlier = append(g.earlier, row)
	} else {
		g.rows = append(g.rows, row)
	}
}

// having drops groups, after a look at what is summed in all of them, in the
// outputs and the terms of the order.
func (o *oracle) having(groups []*group, terms []term) []*group {
	if terms != nil {
		o.groupLines(groups)
	}
	for _, g := range groups {
		for _, t := range terms {
			o.eval(t.expr, o.groupCtx(g, t.mode))
		}
	}
	if o.sel.Having == nil {
		return groups
	}
	return slices.DeleteFunc(groups, func(g *group) bool {
		return !o.isTrue(o.sel.Having, o.groupCtx(g, aliasFirst))
	})
}

// groupCtx evaluates over a group: what is no aggregate is the same for all of
// its rows, so its first row will do.
func (o *oracle) groupCtx(g *group, mode aliasMode) ctx {
	return ctx{group: g, mode: mode, row: g.first()}
}

// line is one row before it is cut: outputs and what it is ordered by.
type line struct {
	cells []Cell
	terms []storage.Value
	by    string // LIMIT BY
	late  bool   // a row of Other
	// number is the group's, where WITH OTHER ranks.
	number int
}

func (o *oracle) cell(e query.Expr, c ctx) Cell {
	o.tol, o.abs = 0, 0
	v := o.eval(e, c)
	cell := Cell{Value: v}
	if isNumeric(v.Type) && (o.tol > 0 || o.abs > 0) {
		cell.Tol = math.Abs(float(v))*o.tol + o.abs
	}
	return cell
}

func (o *oracle) line(c ctx) line {
	l := line{}
	for _, it := range o.items {
		c.mode = it.mode
		l.cells = append(l.cells, o.itemCell(it, c))
	}
	if b := o.sel.LimitBy; b != nil {
		for _, g := range b.Exprs {
			e, mode := o.limitBy(g)
			c.mode = mode
			l.by += strconv.Quote(keyText(o.eval(e, c)))
		}
	}
	return l
}

// limitBy is what LIMIT BY means by one of its expressions.
func (o *oracle) limitBy(g query.GroupItem) (query.Expr, aliasMode) {
	if at, ok := o.position(g.Expr); ok {
		return o.items[at].expr, o.items[at].mode
	}
	return g.Expr, aliasFirst
}

// markBy marks the keys that LIMIT BY WITH OTHER is by.
func (o *oracle) markBy() {
	if b := o.sel.LimitBy; b != nil && b.Other {
		for _, g := range b.Exprs {
			e, mode := o.limitBy(g)
			for i := range o.keys {
				k := &o.keys[i]
				k.by = k.by || o.same(e, mode, k.expr, k.mode)
			}
		}
	}
}

func (o *oracle) rowLines(rows []Row) []sortable {
	var lines []sortable
	for _, row := range rows {
		c := ctx{row: row}
		lines = append(lines, sortable{line: o.line(c), c: c})
	}
	return lines
}

func (o *oracle) groupLines(groups []*group) []sortable {
	known := len(o.floats)
	var lines []sortable
	for _, g := range groups {
		c := o.groupCtx(g, aliasNone)
		l := o.line(c)
		l.late = g.isRest
		if g.isRest {
			o.clearKeys(&l)
		}
		lines = append(lines, sortable{line: l, c: c})
	}
	if len(o.floats) > known { // types have changed
		return o.groupLines(groups)
	}
	return lines
}

// clearKeys makes the keys of a row of Other null.
func (o *oracle) clearKeys(l *line) {
	for i, it := range o.items {
		for _, k := range o.keys {
			if !k.held() && o.same(it.expr, it.mode, k.expr, k.mode) {
				l.cells[i] = Cell{}
			}
		}
	}
}

// ratio is the decimal that a float64 was written as.
func ratio(f float64) *big.Rat {
	r, ok := new(big.Rat).SetString(strconv.FormatFloat(f, 'f', -1, 64))
	if !ok {
		panic(fmt.Sprintf("BUG: %v is no ratio", f))
	}
	return r
}
