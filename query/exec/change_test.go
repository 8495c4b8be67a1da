package exec

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/query/oracle"
	"github.com/kelpdb/kelp/storage"
)

// side asks all leaves of a table for one side of a change.
func (d *diffTable) side(pool *Pool, sql string) (query.ChangeSide, error) {
	plan, err := d.query(sql, diffNow).Plan()
	if err != nil {
		return query.ChangeSide{}, fmt.Errorf("%s: %w", sql, err)
	}
	var parts []*query.Partial
	for _, units := range d.leaves {
		p, _, err := pool.run(context.Background(), plan, units, Limits{})
		if err == nil {
			err = overTheWire(plan, p)
		}
		if err != nil {
			return query.ChangeSide{}, err
		}
		parts = append(parts, p)
	}
	p, err := query.Merge(plan, parts)
	return query.ChangeSide{Plan: plan, Partial: p, Env: query.FinalEnv{Now: diffNow, From: d.from, To: d.to}}, err
}

// sides asks all leaves for one side of some sets of columns.
func (d *diffTable) sides(t *testing.T, pool *Pool, sql string) []query.ChangeSide {
	t.Helper()
	side, err := d.side(pool, sql)
	if err != nil {
		t.Fatal(err)
	}
	sides, err := side.Split()
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return sides
}

// changeKey names a combination of values.
func changeKey(values []storage.Value) string {
	key := ""
	for _, v := range values {
		key += showValue(v) + " "
	}
	return key
}

// changeNumber is a cell as a float; NaN where there is none.
func changeNumber(c oracle.Cell) float64 {
	switch c.Value.Type {
	case storage.TypeInt64:
		return float64(c.Value.Int)
	case storage.TypeFloat64:
		return c.Value.Float
	}
	return math.NaN()
}

// level is a number, 0 where there is none.
func level(x float64) float64 {
	if x != x {
		return 0
	}
	return x
}

// near tells whether two numbers are alike; of percentiles within what they may err.
func near(a, b, tolerance float64) bool {
	return a != a && b != b || a == b || math.Abs(a-b) <= tolerance+1e-9*math.Abs(b)
}

// checkFactors holds what the engine finds against the oracle.
func checkFactors(t *testing.T, what string, all query.Factor, list []query.Factor, want []oracle.Moved) {
	t.Helper()
	if !near(all.Now, changeNumber(want[0].Now), want[0].Now.Tol) || !near(all.Before, changeNumber(want[0].Before), want[0].Before.Tol) ||
		all.Events != changeNumber(want[0].Events) || all.EventsBefore != changeNumber(want[0].EventsWere) {
		t.Errorf("%s: all %+v, want %+v", what, all, want[0])
	}
	byKey := make(map[string]*query.Factor)
	for i := range list {
		byKey[changeKey(list[i].Values)] = &list[i]
	}
	if len(want)-1 != len(list) || len(byKey) != len(list) {
		t.Errorf("%s: %d values, want %d", what, len(list), len(want)-1)
	}
	for _, w := range want[1:] {
		f := byKey[changeKey(w.Values)]
		if f == nil {
			t.Errorf("%s: %s is missing", what, changeKey(w.Values))
			continue
		}
		if !near(f.Now, changeNumber(w.Now), w.Now.Tol) || !near(f.Before, changeNumber(w.Before), w.Before.Tol) ||
			f.Events != changeNumber(w.Events) || f.EventsBefore != changeNumber(w.EventsWere) {
			t.Errorf("%s: %s: %+v, want %+v", what, changeKey(w.Values), *f, w)
		}
		if max(w.OthersNow.Tol, w.OthersBe.Tol, want[0].Now.Tol, want[0].Before.Tol) > 1e-6 {
			continue // of an approximate aggregate the shares may err by anything
		}
		share, expected := wantShares(changeNumber(want[0].Now), changeNumber(want[0].Before), changeNumber(w.OthersNow), changeNumber(w.OthersBe))
		if !near(f.Share, share, 1e-6) || !near(f.Expected, expected, 1e-6) || !near(f.Score, share-expected, 1e-6) {
			t.Errorf("%s: %s: share %v, expected %v, score %v, want %v, %v", what, changeKey(w.Values), f.Share, f.Expected, f.Score, share, expected)
		}
	}
}

// wantShares is the definition in docs/sql.md, written down once more.
func wantShares(now, before, othersNow, othersBefore float64) (share, expected float64) {
	move := level(now) - level(before)
	if move == 0 || math.IsInf(move, 0) || (othersNow != othersNow) != (othersBefore != othersBefore) {
		return math.NaN(), math.NaN()
	}
	share = 1 - (level(othersNow)-level(othersBefore))/move
	if level(before) != 0 && !math.IsInf(before, 0) {
		expected = 1 - level(othersBefore)/before
	}
	return share, expected
}

// diffRand is the source of random queries that -diffseed repeats.
func diffRand(t *testing.T, stream uint64) *rand.Rand {
	t.Helper()
	seed := *diffSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-diffseed %d", seed)
	return rand.New(rand.NewPCG(seed, stream))
}

// TestChangeOracle explains random changes over every layout and holds the parts
// against rows looked at one by one.
func TestChangeOracle(t *testing.T) {
	r := diffRand(t, 7)
	pool := NewPool(2)
	defer pool.Close()
	aggs := []string{"count()", "hits()", "sum(status)", "avg(status)", "count_if(status >= 500)", "sum(mix)", "max(ms)", "p90(ms)", "uniq_exact(path)",
		"sum(ms) / count()", "count() FILTER (WHERE ok)", "variance(status)"}
	bys := [][]string{{"service"}, {"status"}, {"ok"}, {"rare"}, {"service", "ok"}, {"upper(service)"}, {"nosuch"}, {"mix"}}
	wheres := []string{"", "WHERE status >= 404", "WHERE service != 'api' AND ok"}
	for range *diffRounds / 2 {
		d := layOut(t, r, changeRows(r, 400), 1+r.IntN(4), 1+r.IntN(300))
		for range 12 {
			agg, where := aggs[r.IntN(len(aggs))], wheres[r.IntN(len(wheres))]
			by := bys[r.IntN(len(bys))]
			hour := int64(time.Hour)
			length := hour * (1 + r.Int64N(3))
			sql := fmt.Sprintf("EXPLAIN CHANGE OF %s FROM t LAST %dm %s COMPARE %dm BY %s", agg, length/int64(time.Minute), where, length/int64(time.Minute), by[0])
			if len(by) > 1 {
				sql += ", " + by[1]
			}
			stmt, err := query.Parse(sql)
			if err != nil {
				t.Fatal(err)
			}
			c := stmt.(*query.ExplainChange)
			change, err := query.BindChange(c, d.query(sql, diffNow))
			if err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
			sets := [][]int{{0}, {1}, {0, 1}}
			if len(by) == 1 {
				sets = sets[:1]
			}
			sel := &query.Select{Items: []query.SelectItem{{Expr: c.Agg}}, Table: "t", Where: c.Where}
			for _, pass := range change.Passes(sets) {
				now, before := d.sides(t, pool, change.SQL(change.Present, pass...)), d.sides(t, pool, change.SQL(change.Past, pass...))
				for i, asked := range pass {
					all, list, err := query.Factors(asked, now[i], before[i])
					if err != nil {
						t.Fatal(err)
					}
					var exprs []query.Expr
					for _, k := range asked {
						exprs = append(exprs, c.By[k])
					}
					want, err := oracle.Change(sel, exprs, d.rows, [2]int64{diffNow - length, diffNow + 1}, [2]int64{diffNow - 2*length, diffNow + 1 - length}, diffNow)
					if err != nil {
						t.Fatal(err)
					}
					checkFactors(t, fmt.Sprintf("%s by %d over %s", sql, asked, d.layout), all, list, want)
				}
			}
		}
	}
}

// changeRows is random rows of the last hours, with a column in most of them.
func changeRows(r *rand.Rand, n int) []oracle.Row {
	var rows []oracle.Row
	for range n {
		at := diffNow - r.Int64N(7*int64(time.Hour))
		if r.IntN(3) == 0 { // at the ends of ranges, and next to them
			at = diffNow - r.Int64N(7)*int64(time.Hour) + r.Int64N(3) - 1
		}
		row := oracle.Row{storage.TimeColumn: storage.Time(at)}
		for _, c := range diffColumns {
			if v := c.value(r); r.IntN(8) > 0 && !v.IsNull() {
				row[c.name] = v
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// TestFactorsOfMany: of a column of many values those with most events are weighed,
// and those that moved most, and the others still count as rows.
func TestFactorsOfMany(t *testing.T) {
	pool := NewPool(2)
	defer pool.Close()
	var rows []oracle.Row
	for i := range 3000 {
		at := diffNow - int64(time.Minute)
		if i%2 == 1 {
			at -= int64(time.Hour)
		}
		row := oracle.Row{storage.TimeColumn: storage.Time(at), "id": storage.Int(int64(i / 2)), "x": storage.Int(1)}
		if i/2 == 777 && i%2 == 0 {
			row["x"] = storage.Int(100_000)
		}
		rows = append(rows, row)
	}
	d := layOut(t, rand.New(rand.NewPCG(1, 2)), rows, 2, 500)
	stmt, err := query.Parse("EXPLAIN CHANGE OF sum(x) FROM t COMPARE 1h BY id")
	if err != nil {
		t.Fatal(err)
	}
	change, err := query.BindChange(stmt.(*query.ExplainChange), d.query("", diffNow))
	if err != nil {
		t.Fatal(err)
	}
	now, err := d.side(pool, change.SQL(change.Present, []int{0}))
	if err != nil {
		t.Fatal(err)
	}
	before, err := d.side(pool, change.SQL(change.Past, []int{0}))
	if err != nil {
		t.Fatal(err)
	}
	all, list, err := query.Factors([]int{0}, now, before)
	if err != nil {
		t.Fatal(err)
	}
	if all.Events != 1500 || all.EventsBefore != 1500 || all.Now != 101_499 || len(list) > 200 {
		t.Errorf("%d values of %+v", len(list), all)
	}
	slices.SortFunc(list, func(a, b query.Factor) int { return query.CompareFactors(&a, &b) })
	for _, f := range list[1:] {
		if f.Now != 1 || f.Before != 1 || f.Events != 1 || f.EventsBefore != 1 {
			t.Errorf("%+v", f)
		}
	}
	if best := list[0]; best.Values[0].Int != 777 || best.Share != 1 {
		t.Errorf("the best is %+v", best)
	}
}
