package query

import (
	"fmt"
	"testing"

	"github.com/kelpdb/kelp/storage"
)

// testRow is a row of a table in a test: a value for each of the columns, its
// time, and its weight.
type testRow struct {
	values []storage.Value
	time   int64
	weight uint64
}

func (r *testRow) Column(i int) storage.Value { return r.values[i] }
func (r *testRow) Key(int) storage.Value      { panic("BUG: no keys here") }
func (r *testRow) Agg(int) storage.Value      { panic("BUG: no aggregates here") }

// feed gives one row to the state of an aggregate, through the methods for runs.
func feed(a *Agg, s State, group uint32, r *testRow) {
	if a.Filter != nil {
		if yes, known := a.Filter.Truth(r); !yes || !known {
			return
		}
	}
	var v storage.Value
	if a.Arg != nil {
		if v = Coerce(a.Arg.Eval(r), a.Arg.Type); v.IsNull() {
			return
		}
	}
	g, w := []uint32{group}, []uint64{r.weight}
	switch s := s.(type) {
	case *CountState:
		if a.Kind == AggHits {
			w = nil
		}
		s.Add(g, w)
	case *SumState:
		feedNumber(v, func(n int64) { s.AddInts(g, []int64{n}, w) }, func(f float64) { s.AddFloats(g, []float64{f}, w) })
	case *VarState:
		feedNumber(v, func(n int64) { s.AddInts(g, []int64{n}, w) }, func(f float64) { s.AddFloats(g, []float64{f}, w) })
	case *PercentileState:
		if f, ok := FloatOf(v); ok {
			s.Add(g, []float64{f}, w)
		}
	case *MinMaxState:
		s.AddValue(group, v)
	case *FirstLastState:
		s.AddValue(group, r.time, v)
	case *UniqState:
		s.AddHash(group, HashValue(v))
	case *UniqExactState:
		s.AddValue(group, v)
	case *ArgState:
		s.AddValue(group, Coerce(a.By.Eval(r), a.By.Type), v)
	case *TopKState:
		s.Add(g, []uint32{s.Number(v)}, w)
		s.Settle()
	default:
		panic(fmt.Sprintf("BUG: no feed for %T", s))
	}
}

func feedNumber(v storage.Value, ints func(int64), floats func(float64)) {
	if v.Type == storage.TypeBool {
		ints(v.Int)
		return
	}
	switch n, ok := Number(v); {
	case !ok:
	case n.Type == storage.TypeInt64:
		ints(n.Int)
	default:
		floats(n.Float)
	}
}

// runPlan answers a plan over rows, one at a time, as a Runner does.
func runPlan(plan *Plan, rows []testRow) *Partial {
	p := NewPartial(plan)
	ids := newGroupIDs(p.Keys, 0)
	for i := range rows {
		r := &rows[i]
		p.From, p.To, p.Newest = min(p.From, r.time), max(p.To, r.time), max(p.Newest, r.time)
		p.Stats.RowsScanned++
		if plan.Filter != nil {
			if yes, known := plan.Filter.Truth(r); !yes || !known {
				continue
			}
		}
		p.Stats.RowsMatched++
		if !plan.Grouped {
			for o := range plan.Outputs {
				p.Rows[o].Append(fit(plan.Outputs[o].Expr.Eval(r), plan.Outputs[o].Type))
			}
			continue
		}
		group := uint32(0)
		if len(plan.Keys) > 0 {
			one := make([]*Vec, len(plan.Keys))
			for k := range one {
				one[k] = NewVec(plan.Keys[k].Type)
				one[k].Append(fit(plan.Keys[k].Expr.Eval(r), plan.Keys[k].Type))
			}
			group = ids.of(one, 1)[0]
			p.Groups = len(ids.hashes)
		}
		for a := range plan.Aggs {
			p.States[a].Grow(p.Groups)
			feed(&plan.Aggs[a], p.States[a], group, r)
		}
	}
	return p
}

// TestUniqRun: a run of one group's hashes counts as one by one, from the first to past
// those that are kept.
func TestUniqRun(t *testing.T) {
	one, run := &UniqState{}, &UniqState{}
	one.Grow(2)
	run.Grow(2)
	for from := range 8 {
		var hashes []uint64
		for i := range 500 {
			hashes = append(hashes, HashInt(int64(400*from+i)))
			one.AddHash(1, hashes[i])
		}
		run.AddRun(1, hashes)
		if got, want := run.Columns()[0].Strs[1], one.Columns()[0].Strs[1]; got != want {
			t.Fatalf("after %d runs: %v, want %v", from+1, run.Value(1), one.Value(1))
		}
	}
}
