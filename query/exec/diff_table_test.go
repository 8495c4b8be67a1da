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
	"github.com/kelpdb/kelp/query/oracle"
	"github.com/kelpdb/kelp/storage"
)

// A diffTable is rows, and the same rows as blocks on some leaves.
type diffTable struct {
	rows   []oracle.Row
	leaves [][]unit
	schema query.Schema
	from   int64 // times of the first and last row
	to     int64
	shard  storage.ShardID // of blocks that are made
	layout string          // for messages
}

// layOut deals rows out to leaves in blocks of random sizes and richness.
func layOut(t testing.TB, r *rand.Rand, rows []oracle.Row, leaves, blockRowsMax int) *diffTable {
	t.Helper()
	d := &diffTable{rows: rows, leaves: make([][]unit, leaves), schema: query.Schema{}}
	for i, row := range rows {
		at := row[storage.TimeColumn].Int
		if i == 0 {
			d.from, d.to = at, at
		}
		d.from, d.to = min(d.from, at), max(d.to, at)
	}
	var sizes []string
	for len(rows) > 0 {
		n := min(len(rows), 1+r.IntN(blockRowsMax))
		leaf := r.IntN(leaves)
		d.leaves[leaf] = append(d.leaves[leaf], d.block(t, rows[:n], randomRichness(r), uint64(len(sizes)+1)))
		sizes = append(sizes, fmt.Sprintf("%d/%d", leaf, n))
		rows = rows[n:]
	}
	for leaf, units := range d.leaves {
		if len(units) > 1 && r.IntN(3) == 0 {
			n := 2 + r.IntN(len(units)-1)
			d.leaves[leaf] = append([]unit{d.merge(t, units[:n], randomRichness(r), uint64(len(sizes)+1))}, units[n:]...)
			sizes = append(sizes, fmt.Sprintf("%d merged %d", leaf, n))
		}
	}
	d.layout = strings.Join(sizes, " ")
	return d
}

func randomRichness(r *rand.Rand) storage.Richness {
	if r.IntN(2) == 0 {
		return storage.Cheap
	}
	return storage.Rich
}

// merge makes one block of several.
func (d *diffTable) merge(t testing.TB, units []unit, richness storage.Richness, seq uint64) unit {
	t.Helper()
	var blocks []*storage.Block
	for _, u := range units {
		b, err := u.open()
		if err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, b)
	}
	data, meta, err := storage.MergeBlocks(nil, blocks, storage.BlockOptions{Richness: richness})
	if err != nil {
		t.Fatal(err)
	}
	return d.open(t, data, meta, seq)
}

// block encodes rows as a block.
func (d *diffTable) block(t testing.TB, rows []oracle.Row, richness storage.Richness, seq uint64) unit {
	t.Helper()
	b := storage.NewBatch()
	for _, row := range rows {
		names := make([]string, 0, len(row))
		for name := range row {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			if name != storage.TimeColumn {
				b.SetValue(b.Slot([]byte(name)), row[name])
			}
		}
		b.EndRow(row[storage.TimeColumn].Int)
	}
	data, meta, err := storage.AppendBlock(nil, b, storage.BlockOptions{Shard: d.shard, Richness: richness})
	if err != nil {
		t.Fatal(err)
	}
	return d.open(t, data, meta, seq)
}

// open notes the types that a block stores.
func (d *diffTable) open(t testing.TB, data []byte, meta storage.Meta, seq uint64) unit {
	t.Helper()
	storage.SealBlock(data, storage.BlockID{Epoch: 1, Seq: seq})
	block, err := storage.OpenBlock(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range block.Columns() {
		d.schema[c.Name()] = d.schema[c.Name()].With(c.Type())
	}
	return unit{meta: &meta, open: func() (*storage.Block, error) { return block, nil }}
}

// query is a query as the root of the table would pass it on.
func (d *diffTable) query(sql string, now int64) *query.Query {
	return &query.Query{SQL: sql, Now: now, Schema: d.schema, DataFrom: d.from, DataTo: d.to}
}

// answer asks every leaf, merges what comes over the wire in a random grouping
// and finishes.
func (d *diffTable) answer(r *rand.Rand, pool *Pool, q *query.Query) (*query.Result, error) {
	plan, err := q.Plan()
	if err != nil {
		return nil, err
	}
	env := query.FinalEnv{Now: q.Now, From: d.from, To: d.to}
	present, err := d.merged(r, pool, plan)
	if err != nil {
		return nil, err
	}
	if plan.Compare == nil {
		return query.Finalise(plan, present, env)
	}
	earlier, err := q.Earlier().Plan()
	if err != nil {
		return nil, err
	}
	past, err := d.merged(r, pool, earlier)
	if err != nil {
		return nil, err
	}
	return query.FinaliseCompared(plan, present, past, env)
}

// merged is what all leaves have of a plan.
func (d *diffTable) merged(r *rand.Rand, pool *Pool, plan *query.Plan) (*query.Partial, error) {
	var parts []*query.Partial
	for _, units := range d.leaves {
		p, _, err := pool.run(context.Background(), plan, units, Limits{InRange: uint64(len(d.rows))})
		if err != nil {
			return nil, err
		}
		if err := overTheWire(plan, p); err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	for len(parts) > 1 {
		r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		n := 2 + r.IntN(len(parts)-1)
		merged, err := query.Merge(plan, parts[:n])
		if err != nil {
			return nil, err
		}
		parts = append([]*query.Partial{merged}, parts[n:]...)
	}
	return parts[0], nil
}

// overTheWire replaces the states by what another node makes of their columns.
func overTheWire(plan *query.Plan, p *query.Partial) error {
	for i, state := range p.States {
		var err error
		if p.States[i], err = query.DecodeState(&plan.Aggs[i], state.Columns()); err != nil {
			return err
		}
	}
	return nil
}

// differs asks both and says how the answers differ, "" if they do not. refused
// tells that the query is not a valid one.
func (d *diffTable) differs(r *rand.Rand, pool *Pool, sql string, now int64) (problem string, refused error) {
	q := d.query(sql, now)
	if _, err := q.Plan(); err != nil {
		return "", err
	}
	stmt, err := query.Parse(sql)
	if err != nil {
		return "", err
	}
	want, err := askOracle(stmt.(*query.Select), d.rows, now)
	if err != nil {
		return "the oracle: " + err.Error(), nil
	}
	got, err := d.answer(r, pool, q)
	if err != nil {
		return "the engine: " + err.Error(), nil
	}
	return diffResults(got, want), nil
}

// askOracle makes an error of what the oracle panics with, so that the query is shown.
func askOracle(sel *query.Select, rows []oracle.Row, now int64) (res *oracle.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return oracle.Run(sel, rows, now)
}

// diffResults says how an answer differs from the right one.
func diffResults(got *query.Result, want *oracle.Result) string {
	if len(got.Columns) != len(want.Names) {
		return fmt.Sprintf("%d columns, want %d", len(got.Columns), len(want.Names))
	}
	for i, c := range got.Columns {
		if c.Name != want.Names[i] || c.Type != want.Types[i] {
			return fmt.Sprintf("column %d is %s %s, want %s %s", i, c.Name, c.Type, want.Names[i], want.Types[i])
		}
	}
	for i := range min(got.Rows, len(want.Rows)) {
		for c := range got.Cols {
			if v, cell := got.Cols[c].Value(i), want.Rows[i][c]; !cellMatches(v, cell) {
				return fmt.Sprintf("row %d, %s: %s, want %s ± %g\n%s", i, want.Names[c], showValue(v), showValue(cell.Value), cell.Tol, showRows(got, want, i))
			}
		}
	}
	if got.Rows != len(want.Rows) {
		return fmt.Sprintf("%d rows, want %d\n%s", got.Rows, len(want.Rows), showRows(got, want, min(got.Rows, len(want.Rows))-1))
	}
	var other []int
	groups := 0
	if got.Other != nil {
		other, groups = got.Other.Rows, got.Other.Groups
	}
	if !slices.Equal(other, want.Other) || groups != want.OtherGroups {
		return fmt.Sprintf("other: rows %v, %d groups, want %v, %d", other, groups, want.Other, want.OtherGroups)
	}
	if truncated := got.Truncated != nil; truncated != want.Truncated {
		return fmt.Sprintf("truncated: %v", truncated)
	}
	return ""
}

func cellMatches(v storage.Value, want oracle.Cell) bool {
	w := want.Value
	number := func(v storage.Value) (float64, bool) {
		switch v.Type {
		case storage.TypeInt64:
			return float64(v.Int), true
		case storage.TypeFloat64:
			return v.Float, true
		}
		return 0, false
	}
	if v.Type != w.Type {
		return false
	}
	if f, ok := number(v); ok {
		g, _ := number(w)
		if math.IsNaN(f) || math.IsNaN(g) {
			return math.IsNaN(f) && math.IsNaN(g)
		}
		if want.Tol == 0 {
			return f == g && v.Int == w.Int
		}
		return f == g || math.Abs(f-g) <= want.Tol
	}
	return v.Int == w.Int && v.Str == w.Str && slices.Equal(v.List, w.List)
}

func showValue(v storage.Value) string {
	switch v.Type {
	case storage.TypeNull:
		return "null"
	case storage.TypeString:
		return fmt.Sprintf("%q", v.Str)
	case storage.TypeList:
		return fmt.Sprintf("%q", v.List)
	}
	return v.Type.String() + " " + query.CanonicalText(v)
}

// showRows writes both answers around a row.
func showRows(got *query.Result, want *oracle.Result, at int) string {
	var b strings.Builder
	for i := max(0, at-2); i < at+4; i++ {
		fmt.Fprintf(&b, "row %d got ", i)
		if i < got.Rows {
			for _, c := range got.Cols {
				b.WriteString(" " + showValue(c.Value(i)))
			}
		}
		fmt.Fprintf(&b, "\nrow %d want", i)
		if i < len(want.Rows) {
			for _, c := range want.Rows[i] {
				b.WriteString(" " + showValue(c.Value))
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}
