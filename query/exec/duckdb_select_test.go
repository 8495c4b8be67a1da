//go:build peers

package exec

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// A duckTranslator writes a query of kelp's in DuckDB's dialect, where both mean the
// same. All else it refuses, with the reason.
type duckTranslator struct {
	columns map[string]storage.Type // TypeNull: of several types
	now     int64
	sel     *query.Select
	aliases map[string]query.Expr
	// Which of columns and aliases a name means first; neither: columns alone.
	aliasFirst, aliasAfter bool
	weighted               bool                  // rows stand for several events
	percentiles            bool                  // of the present output
	derived                map[string]query.Expr // WITH: those that may be named here
	unnested               string                // the list of which __item is an item

	written []query.SelectItem // a * spread out
	items   []duckOutput
}

// A duckOutput is a column of the answer.
type duckOutput struct {
	duckExpr
	percentile bool // within 1%
}

// translate writes the query that stmt and plan are.
func (t *duckTranslator) translate(sel *query.Select, plan *query.Plan) (sql string, err error) {
	defer func() {
		if p := recover(); p != nil {
			why, ok := p.(duckRefusal)
			if !ok {
				panic(p)
			}
			err = fmt.Errorf("%s", string(why))
		}
	}()
	t.sel, t.aliases, t.items = sel, make(map[string]query.Expr), nil
	t.derived = make(map[string]query.Expr)
	for _, w := range sel.With {
		t.derived[w.Name] = w.Expr
	}
	l := plan.Limit
	if l.WithOther || sel.Compare != nil || sel.Fill || sel.Zone != nil || sel.Sample != nil || sel.FromFirst {
		refuse("a clause that DuckDB has not")
	}
	t.written = t.spread(sel.Items)
	for _, item := range t.written {
		if _, known := t.aliases[item.Alias]; item.Alias != "" && !known {
			t.aliases[item.Alias] = item.Expr
		}
	}
	var b strings.Builder
	for i, item := range t.written {
		t.percentiles = false
		x := t.expr(item.Expr)
		if x.typ == storage.TypeNull {
			refuse("null")
		}
		t.items = append(t.items, duckOutput{x, t.percentiles})
		fmt.Fprintf(&b, "%s%s", []string{"SELECT ", ", "}[min(i, 1)], shownByDuck(x))
	}
	where := t.rangeOf(plan.Range)
	if sel.Where != nil {
		where += " AND " + t.typed(sel.Where, storage.TypeBool).sql
	}
	keys := t.keys()
	from := []string{"t", "raw"}[b2i(sel.Raw)]
	if t.unnested != "" {
		from = "(SELECT *, unnest(" + t.unnested + ") AS __item FROM " + from + ")"
	}
	b.WriteString(" FROM " + from + " WHERE " + where)
	for i, k := range keys {
		fmt.Fprintf(&b, "%s%s", []string{" GROUP BY ", ", "}[min(i, 1)], k.sql)
	}
	if sel.Having != nil {
		t.aliasFirst = true
		b.WriteString(" HAVING " + t.typed(sel.Having, storage.TypeBool).sql)
		t.aliasFirst = false
	}
	order := " ORDER BY " + strings.Join(t.order(plan.Grouped, keys), ", ")
	if by := sel.LimitBy; by != nil {
		fmt.Fprintf(&b, " QUALIFY row_number() OVER (PARTITION BY %s%s) <= %d", strings.Join(t.limitBy(by), ", "), order, by.N)
	}
	b.WriteString(order)
	if l.Explicit && l.N >= 0 {
		fmt.Fprintf(&b, " LIMIT %d", l.N)
	}
	if l.Offset > 0 {
		fmt.Fprintf(&b, " OFFSET %d", l.Offset)
	}
	return b.String(), nil
}

// spread puts all columns for *: the time, then the others by name.
func (t *duckTranslator) spread(items []query.SelectItem) []query.SelectItem {
	var out []query.SelectItem
	for _, item := range items {
		if !item.Star {
			out = append(out, item)
			continue
		}
		names := maps.Clone(t.columns)
		for name := range t.derived {
			names[name] = storage.TypeString
		}
		delete(names, storage.TimeColumn)
		for _, name := range append([]string{storage.TimeColumn}, slices.Sorted(maps.Keys(names))...) {
			out = append(out, query.SelectItem{Expr: &query.Name{Name: name}})
		}
	}
	return out
}

// limitBy is what LIMIT BY is by: no approximation.
func (t *duckTranslator) limitBy(by *query.LimitByClause) []string {
	var texts []string
	for _, g := range by.Exprs {
		if at, ok := t.position(g.Expr); ok {
			texts = append(texts, t.items[at].sql)
			continue
		}
		t.aliasFirst, t.percentiles = true, false
		x := t.expr(g.Expr)
		t.aliasFirst = false
		if t.percentiles || x.typ == storage.TypeNull {
			refuse("LIMIT BY an approximation, or null")
		}
		texts = append(texts, x.sql)
	}
	return texts
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// shownByDuck makes a text of a value: JSON would lose digits and NaN.
func shownByDuck(x duckExpr) string {
	switch x.typ {
	case storage.TypeTime:
		return "epoch_us(" + x.sql + ")::VARCHAR"
	case storage.TypeList:
		return "to_json(" + x.sql + ")::VARCHAR"
	}
	return "(" + x.sql + ")::VARCHAR"
}

// rangeOf is the condition of the range that kelp reads without a WHERE.
func (t *duckTranslator) rangeOf(r query.Range) string {
	cond := "true"
	if r.From != math.MinInt64 {
		cond += ` AND "time" >= ` + duckTime(r.From)
	}
	if r.To != math.MaxInt64 {
		to := `"time" < ` + duckTime((r.To+999)/1000*1000) // times are whole microseconds
		cond += " AND " + to
	}
	return cond
}

// A duckKey is what is grouped by.
type duckKey struct {
	duckExpr
	bucket bool // of the column time
}

func (t *duckTranslator) keys() []duckKey {
	var keys []duckKey
	add := func(e query.Expr, x duckExpr) {
		if x.typ == storage.TypeNull || x.lit != nil {
			refuse("grouped by a literal")
		}
		keys = append(keys, duckKey{x, t.isBucket(e)})
	}
	if t.sel.GroupAll {
		for i, item := range t.written {
			if !t.items[i].agg {
				add(item.Expr, t.items[i].duckExpr)
			}
		}
	}
	for _, g := range t.sel.GroupBy {
		if at, ok := t.position(g.Expr); ok {
			add(t.written[at].Expr, t.items[at].duckExpr)
			continue
		}
		t.aliasAfter = true
		x := t.expr(g.Expr)
		t.aliasAfter = false
		add(g.Expr, x)
	}
	return keys
}

// isBucket tells time buckets, by which groups are ordered first.
func (t *duckTranslator) isBucket(e query.Expr) bool {
	if name, ok := e.(*query.Name); ok && t.aliases[name.Name] != nil {
		if _, isColumn := t.columns[name.Name]; !isColumn {
			e = t.aliases[name.Name]
		}
	}
	call, ok := e.(*query.Call)
	if !ok || call.Name != "time" && call.Name != "time_bucket" && call.Name != "date_trunc" {
		return false
	}
	if call.Name == "time" {
		return true
	}
	name, ok := call.Args[1].(*query.Name)
	return ok && name.Name == storage.TimeColumn
}

func (t *duckTranslator) position(e query.Expr) (int, bool) {
	lit, ok := e.(*query.Literal)
	if !ok || lit.Value.Type != storage.TypeInt64 {
		return 0, false
	}
	return int(lit.Value.Int) - 1, true
}

// order is the total order: what is written or the default, then the outputs.
func (t *duckTranslator) order(grouped bool, keys []duckKey) []string {
	var terms []string
	add := func(x duckExpr, desc bool, nulls query.NullsOrder) {
		sql := x.sql
		if x.agg && x.typ == storage.TypeInt64 && len(keys) > 0 && strings.Contains(sql, `sum(("big"`) {
			// If one passes int64 all are floats in kelp, and ordered by 12 digits.
			refuse("ordered by sums that may pass int64")
		}
		if x.agg && x.typ == storage.TypeFloat64 { // 12 digits
			sql = "printf('%.11e', " + sql + ")::DOUBLE"
		}
		if desc {
			sql += " DESC"
		}
		if nulls == query.NullsFirst {
			terms = append(terms, sql+" NULLS FIRST")
		} else {
			terms = append(terms, sql+" NULLS LAST")
		}
	}
	for _, o := range t.sel.OrderBy {
		if at, ok := t.position(o.Expr); ok {
			add(t.items[at].duckExpr, o.Desc, o.Nulls)
			continue
		}
		t.percentiles, t.aliasFirst = false, true
		x := t.expr(o.Expr)
		t.aliasFirst = false
		if t.percentiles || x.typ == storage.TypeNull {
			refuse("ordered by an approximation, or null")
		}
		add(x, o.Desc, o.Nulls)
	}
	if len(terms) == 0 {
		t.defaultOrder(grouped, keys, add)
	}
	for _, item := range t.items {
		if item.percentile {
			break // those behind it decide on nothing unless it ties
		}
		add(item.duckExpr, false, query.NullsDefault)
	}
	return terms
}

func (t *duckTranslator) defaultOrder(grouped bool, keys []duckKey, add func(duckExpr, bool, query.NullsOrder)) {
	if !grouped {
		add(duckExpr{sql: `"time"`, typ: storage.TypeTime}, true, query.NullsDefault)
		return
	}
	for _, k := range keys {
		if k.bucket {
			add(k.duckExpr, false, query.NullsDefault)
		}
	}
	for _, item := range t.items {
		if item.agg {
			if item.percentile {
				refuse("ordered by an approximation")
			}
			add(item.duckExpr, true, query.NullsDefault)
			break
		}
	}
	for _, k := range keys {
		add(k.duckExpr, false, query.NullsDefault)
	}
}
