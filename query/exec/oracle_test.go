package exec

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// baseTime is the time of the first row of test tables: 2026-11-22T10:00:00Z.
const baseTime = int64(1_795_341_600_000_000_000)

// testColumns is what the rows of test tables are made of: for each shape and
// encoding one column, and some that mix types.
var testColumns = []struct {
	name  string
	value func(r *rand.Rand) storage.Value
}{
	{"service", func(r *rand.Rand) storage.Value { return storage.String(fmt.Sprintf("svc-%d", r.IntN(12)*r.IntN(2))) }},
	{"status", func(r *rand.Rand) storage.Value { return storage.Int([]int64{200, 200, 200, 404, 500, 503}[r.IntN(6)]) }},
	{"ms", func(r *rand.Rand) storage.Value { return storage.Float(math.Round(r.ExpFloat64()*1e5) / 1e3) }},
	{"size", func(r *rand.Rand) storage.Value { return storage.Int(r.Int64N(1 << 40)) }},
	{"flag", func(r *rand.Rand) storage.Value { return storage.Bool(r.IntN(2) == 0) }},
	{"ratio", func(r *rand.Rand) storage.Value {
		return storage.Float([]float64{0.5, math.Copysign(0, -1), 0, math.NaN(), math.Inf(1), -3}[r.IntN(6)])
	}},
	{"host", func(r *rand.Rand) storage.Value { return storage.String(fmt.Sprintf("host-%03d", r.IntN(500))) }},
	{"user", func(r *rand.Rand) storage.Value { return storage.String(fmt.Sprintf("user-%06d", r.IntN(1_000_000))) }},
	{"message", func(r *rand.Rand) storage.Value {
		return storage.String(fmt.Sprintf("request %d took %d ms%s", r.IntN(100_000), r.IntN(1000), []string{"", "", " timeout"}[r.IntN(3)]))
	}},
	{"seen", func(r *rand.Rand) storage.Value { return storage.Time(baseTime + r.Int64N(1e15)) }},
	{"tags", func(r *rand.Rand) storage.Value {
		items := make([]string, r.IntN(4))
		for i := range items {
			items[i] = fmt.Sprintf("tag%d", r.IntN(6))
		}
		return storage.List(items)
	}},
	{"mixed", func(r *rand.Rand) storage.Value {
		switch r.IntN(4) {
		case 0:
			return storage.Int(r.Int64N(20))
		case 1:
			return storage.String([]string{"7", "x", "", "19"}[r.IntN(4)])
		case 2:
			return storage.Bool(r.IntN(2) == 0)
		}
		return storage.Value{}
	}},
	{"number", func(r *rand.Rand) storage.Value {
		if r.IntN(2) == 0 {
			return storage.Float(float64(r.IntN(8)) / 2)
		}
		return storage.Int(1<<60 + r.Int64N(3))
	}},
	{"error", func(r *rand.Rand) storage.Value {
		if r.IntN(30) > 0 {
			return storage.Value{}
		}
		return storage.String(fmt.Sprintf("error %d", r.IntN(5)))
	}},
	{"code", func(r *rand.Rand) storage.Value {
		if r.IntN(50) > 0 {
			return storage.Value{}
		}
		return storage.Int(r.Int64N(1 << 30))
	}},
	{"sample_rate", func(r *rand.Rand) storage.Value {
		return storage.Int([]int64{1, 1, 1, 1, 1, 1, 10, 100}[r.IntN(8)])
	}},
}

// A testTable is rows, and the same rows as blocks.
type testTable struct {
	rows   []map[string]storage.Value
	units  []unit
	data   [][]byte // the bytes of each block
	schema query.Schema
}

// newTestTable makes a table of some blocks; columns missing from some of them.
func newTestTable(t testing.TB, r *rand.Rand, blockRows ...int) *testTable {
	t.Helper()
	table := &testTable{schema: query.Schema{}}
	at := baseTime
	for _, n := range blockRows {
		b := storage.NewBatch()
		left := map[string]bool{}
		for _, c := range testColumns {
			left[c.name] = r.IntN(8) == 0
		}
		first := len(table.rows)
		for range n {
			// Rows of one time and times on the edges of buckets are frequent.
			row := map[string]storage.Value{storage.TimeColumn: storage.Time((at + r.Int64N(2e9)) / 25e7 * 25e7)}
			at += r.Int64N(2e8)
			for _, c := range testColumns {
				if left[c.name] {
					continue
				}
				if v := c.value(r); !v.IsNull() {
					row[c.name] = v
					b.SetValue(b.Slot([]byte(c.name)), v)
				}
			}
			b.EndRow(row[storage.TimeColumn].Int)
			table.rows = append(table.rows, row)
		}
		richness := storage.Rich
		if r.IntN(3) == 0 {
			richness = storage.Cheap
		}
		table.add(t, b, richness)
		// The block is the truth: what it stores is what a row holds, and in which type.
		table.rows = append(table.rows[:first], readRows(t, table.units[len(table.units)-1])...)
	}
	return table
}

// add encodes a batch as a block of the table.
func (table *testTable) add(t testing.TB, b *storage.Batch, richness storage.Richness) {
	t.Helper()
	data, meta, err := storage.AppendBlock(nil, b, storage.BlockOptions{Richness: richness})
	if err != nil {
		t.Fatal(err)
	}
	storage.SealBlock(data, storage.BlockID{Epoch: 1, Seq: uint64(len(table.units) + 1)})
	block, err := storage.OpenBlock(data)
	if err != nil {
		t.Fatal(err)
	}
	table.units = append(table.units, unit{meta: &meta, open: func() (*storage.Block, error) { return block, nil }})
	table.data = append(table.data, data)
	for _, c := range block.Columns() {
		table.schema[c.Name()] = table.schema[c.Name()].With(c.Type())
	}
}

func readRows(t testing.TB, u unit) []map[string]storage.Value {
	t.Helper()
	b, err := u.open()
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]map[string]storage.Value, b.Header().Rows)
	for i := range rows {
		rows[i] = map[string]storage.Value{}
		for _, c := range b.Columns() {
			v, err := c.ValueAt(i)
			if err != nil {
				t.Fatal(err)
			}
			if !v.IsNull() {
				rows[i][c.Name()] = v
			}
		}
	}
	return rows
}

func (table *testTable) plan(t testing.TB, sql string) *query.Plan {
	t.Helper()
	q := &query.Query{SQL: sql, Now: baseTime + 600e9, Schema: table.schema}
	plan, err := q.Plan()
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return plan
}

// mapRow is a row of the model.
type mapRow struct {
	plan *query.Plan
	row  map[string]storage.Value
}

func (r mapRow) Column(i int) storage.Value { return r.row[r.plan.Columns[i].Name] }
func (r mapRow) Key(int) storage.Value      { panic("BUG: key") }
func (r mapRow) Agg(int) storage.Value      { panic("BUG: agg") }

// model answers a plan row by row.
func (table *testTable) model(plan *query.Plan) *query.Partial {
	p := query.NewPartial(plan)
	groups := map[string]uint32{}
	for _, row := range table.rows {
		r := mapRow{plan, row}
		at := row[storage.TimeColumn].Int
		if at < plan.Range.From || at >= plan.Range.To {
			continue
		}
		p.Stats.RowsScanned++
		if plan.Filter != nil {
			if yes, known := plan.Filter.Truth(r); !known || !yes {
				continue
			}
		}
		p.Stats.RowsMatched++
		if !plan.Grouped {
			for i, o := range plan.Outputs {
				p.Rows[i].Append(keyValue(o.Expr.Eval(r), o.Type))
			}
			continue
		}
		group := uint32(0)
		if len(plan.Keys) > 0 {
			group = modelGroup(plan, p, groups, r)
		}
		for i := range plan.Aggs {
			a := &plan.Aggs[i]
			if p.States[i].Len() < p.Groups {
				p.States[i].Grow(p.Groups)
			}
			modelFeed(plan, p.States[i], a, group, r, at)
		}
	}
	return p
}

func modelGroup(plan *query.Plan, p *query.Partial, groups map[string]uint32, r mapRow) uint32 {
	name := ""
	values := make([]storage.Value, len(plan.Keys))
	for k, key := range plan.Keys {
		v := keyValue(key.Expr.Eval(r), key.Type)
		if v.Type == storage.TypeFloat64 && v.Float == 0 {
			v.Float = 0
		}
		values[k] = v
		name += fmt.Sprintf("%d:%q;", v.Type, query.CanonicalText(v))
		if v.Type == storage.TypeList {
			name += fmt.Sprintf("%q", v.List)
		}
	}
	g, ok := groups[name]
	if !ok {
		g = uint32(p.Groups)
		groups[name] = g
		for k, v := range values {
			p.Keys[k].Append(v)
		}
		p.Groups++
	}
	return g
}

func modelFeed(plan *query.Plan, s query.State, a *query.Agg, g uint32, r mapRow, at int64) {
	if a.Filter != nil {
		if yes, known := a.Filter.Truth(r); !known || !yes {
			return
		}
	}
	weight := uint64(1)
	if plan.Weighted && !plan.Raw {
		weight = query.Weight(r.row[storage.SampleRateColumn])
	}
	v := storage.Value{}
	if a.Arg != nil {
		if v = keyValue(a.Arg.Eval(r), a.Arg.Type); v.IsNull() {
			return
		}
	}
	groups, weights := []uint32{g}, []uint64{weight}
	f, isNumber := query.FloatOf(v)
	switch s := s.(type) {
	case *query.CountState:
		if a.Kind == query.AggHits {
			weights = nil
		}
		s.Add(groups, weights)
	case *query.SumState:
		if v.Type == storage.TypeInt64 || v.Type == storage.TypeBool {
			s.AddInts(groups, []int64{v.Int}, weights)
		} else if isNumber {
			s.AddFloats(groups, []float64{f}, weights)
		}
	case *query.VarState:
		if isNumber {
			s.AddFloats(groups, []float64{f}, weights)
		}
	case *query.PercentileState:
		if isNumber {
			s.Add(groups, []float64{f}, weights)
		}
	case *query.MinMaxState:
		s.AddValue(g, v)
	case *query.FirstLastState:
		s.AddValue(g, at, v)
	case *query.UniqState:
		s.AddHash(g, query.HashValue(v))
	case *query.UniqExactState:
		s.AddValue(g, v)
	case *query.ArgState:
		s.AddValue(g, keyValue(a.By.Eval(r), a.By.Type), v)
	case *query.TopKState:
		s.Add(groups, []uint32{s.Number(v)}, weights)
		s.Settle()
	}
}

// show finalises a partial and writes it as lines.
func show(t testing.TB, plan *query.Plan, p *query.Partial) []string {
	t.Helper()
	res, err := query.Finalise(plan, p, query.FinalEnv{Now: baseTime + 600e9, From: baseTime, To: baseTime + 600e9})
	if err != nil {
		t.Fatal(err)
	}
	lines := make([]string, res.Rows)
	for i := range lines {
		var cells []string
		for _, c := range res.Cols {
			v := c.Value(i)
			if v.Type == storage.TypeFloat64 && math.Abs(v.Float) < 1e-9 {
				cells = append(cells, "0") // what is left of rounding
			} else if v.Type == storage.TypeFloat64 {
				cells = append(cells, fmt.Sprintf("%.10g", v.Float))
			} else {
				cells = append(cells, string(query.AppendJSONValue(nil, v)))
			}
		}
		lines[i] = strings.Join(cells, " ")
	}
	return lines
}

func sameLines(t *testing.T, what string, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d rows, want %d\ngot  %.400q\nwant %.400q", what, len(got), len(want), got, want)
		return
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("%s: row %d\ngot  %s\nwant %s", what, i, got[i], want[i])
			return
		}
	}
}

// check runs a query by exec and by the model.
func (table *testTable) check(t *testing.T, pool *Pool, sql string) {
	t.Helper()
	plan := table.plan(t, sql)
	p, cover, err := pool.run(context.Background(), plan, table.units, Limits{})
	if err != nil {
		t.Errorf("%s: %v", sql, err)
		return
	}
	want := table.model(plan)
	got, lines := show(t, plan, p), show(t, plan, want)
	if plan.Grouped { // groups that tie but for rounding may change places
		slices.Sort(got)
		slices.Sort(lines)
	}
	sameLines(t, sql, got, lines)
	if cover.Covered != want.Stats.RowsScanned {
		t.Errorf("%s: covered %d, want %d", sql, cover.Covered, want.Stats.RowsScanned)
	}
	if plan.Grouped && p.Stats.RowsMatched != want.Stats.RowsMatched {
		t.Errorf("%s: matched %d, want %d", sql, p.Stats.RowsMatched, want.Stats.RowsMatched)
	}
}

// hex writes all bits of a float.
func hex(f float64) string { return fmt.Sprintf("%016x", math.Float64bits(f)) }
