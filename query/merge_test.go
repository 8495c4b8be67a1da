package query

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kelpdb/kelp/storage"
)

var mergeQueries = []string{
	"SELECT service, count(), sum(ms), avg(ms), p90(ms), min(status), last(service), uniq(status) FROM t GROUP BY service ORDER BY service",
	"SELECT time(1m), service, count(), stddev(ms) FROM t GROUP BY time(1m), service",
	"SELECT time(1m), service, sum(ms) AS s, uniq_exact(status) FROM t GROUP BY time(1m), service LIMIT 2 WITH OTHER",
	"SELECT ms, status, first(service), any(ms) FROM t GROUP BY ms, status",
	"SELECT count(), sum(big), max(ms) FROM t",
	"SELECT service, ms FROM t WHERE status = 1 ORDER BY ms LIMIT 5 OFFSET 1",
	"SELECT service, ms FROM t ORDER BY service DESC, ms LIMIT 2 BY service",
	"SELECT service FROM t",
}

func anyShopRows(t *rapid.T) []shopRow {
	row := rapid.Custom(func(t *rapid.T) shopRow {
		return shopRow{
			second:  rapid.Int64Range(0, 200).Draw(t, "second"),
			service: rapid.SampledFrom([]string{"", "api", "web", "db", "cron"}).Draw(t, "service"),
			status:  rapid.Int64Range(0, 2).Draw(t, "status"),
			ms:      rapid.OneOf(rapid.SampledFrom([]float64{0, math.Copysign(0, -1), math.NaN(), 1}), rapid.Float64Range(-10, 10)).Draw(t, "ms"),
			big:     rapid.Int64().Draw(t, "big"),
		}
	})
	return rapid.SliceOfN(row, 0, 40).Draw(t, "rows")
}

func sameResult(t *rapid.T, got, want *Result) {
	if got.Rows != want.Rows || !slices.Equal(got.Columns, want.Columns) || !reflect.DeepEqual(got.Other, want.Other) ||
		!slices.Equal(got.Warnings, want.Warnings) || !reflect.DeepEqual(got.Truncated, want.Truncated) {
		t.Fatalf("merged %+v\nat once %+v", got, want)
	}
	for c := range got.Cols {
		for i := range got.Rows {
			if a, b := got.Cols[c].Value(i), want.Cols[c].Value(i); !nearly(a, b, 400) {
				t.Fatalf("row %d of `%s`: merged %v, at once %v", i, got.Columns[c].Name, a, b)
			}
		}
	}
}

// However rows are split into parts, and however those are merged, the answer
// is that of one part; and merging leaves the parts as they were.
func TestMergeDoesNotShow(t *testing.T) {
	for _, sql := range mergeQueries {
		t.Run(sql, func(t *testing.T) {
			plan := shopPlan(t, sql)
			rapid.Check(t, func(t *rapid.T) {
				rows := rowsFor(plan, anyShopRows(t))
				want := finalised(t, plan, runPlan(plan, rows))
				var parts []*Partial
				for from := 0; from < len(rows); {
					to := rapid.IntRange(from+1, len(rows)).Draw(t, "cut")
					parts = append(parts, runPlan(plan, rows[from:to]))
					from = to
				}
				all := slices.Clone(parts)
				first := merged(t, plan, all)
				for len(parts) > 1 {
					n := rapid.IntRange(1, len(parts)).Draw(t, "together")
					if n == 1 {
						n = 2
					}
					parts = rapid.Permutation(parts).Draw(t, "order")
					parts = append(parts[n:], merged(t, plan, parts[:n]))
				}
				got := merged(t, plan, parts)
				sameResult(t, finalised(t, plan, got), want)
				if got.Stats != first.Stats || got.From != first.From || got.To != first.To || got.Newest != first.Newest {
					t.Fatalf("reports %+v and %+v", got.Stats, first.Stats)
				}
				sameResult(t, finalised(t, plan, merged(t, plan, all)), finalised(t, plan, first)) // the parts are as they were
			})
		})
	}
}

func merged(t *rapid.T, plan *Plan, parts []*Partial) *Partial {
	p, err := Merge(plan, parts)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func finalised(t *rapid.T, plan *Plan, p *Partial) *Result {
	res, err := Finalise(plan, p, FinalEnv{})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// Group keys are equal by Order: NaN with NaN, -0 with 0, null with null
// whatever stands in the arrays for it.
func TestMergeKeys(t *testing.T) {
	plan := shopPlan(t, "SELECT ms, count() FROM t GROUP BY ms")
	part := func(values ...float64) *Partial {
		p := NewPartial(plan)
		for _, v := range values {
			p.Keys[0].Append(storage.Float(v))
		}
		p.Keys[0].Append(storage.Value{})
		p.Keys[0].Floats[len(values)] = float64(len(values)) // means nothing
		p.Groups = len(values) + 1
		p.States[0].Grow(p.Groups)
		for g := range p.Groups {
			p.States[0].(*CountState).AddN(uint32(g), 1)
		}
		return p
	}
	negative := math.Float64frombits(math.Float64bits(math.NaN()) | 1<<63)
	p, err := Merge(plan, []*Partial{part(0, math.NaN(), 5), part(math.Copysign(0, -1), negative), part(5)})
	if err != nil {
		t.Fatal(err)
	}
	if p.Groups != 4 {
		t.Fatalf("%d groups: %v", p.Groups, p.Keys[0].Floats)
	}
	for g, want := range []int64{2, 2, 2, 3} {
		if got := p.States[0].Value(g).Int; got != want {
			t.Errorf("group %v counts %d, not %d", p.Keys[0].Value(g), got, want)
		}
	}
}

// The table of groups grows, and forgets none.
func TestGroupIDsGrow(t *testing.T) {
	const n = 10_000
	col := NewVec(storage.TypeInt64)
	for i := range 2 * n {
		col.Append(storage.Int(int64(i % n)))
	}
	ids := newGroupIDs([]*Vec{NewVec(storage.TypeInt64)}, 0)
	for i, g := range ids.of([]*Vec{col}, col.Len()) {
		if int(g) != i%n {
			t.Fatalf("key %d has group %d", i%n, g)
		}
	}
}

func TestMergeOfNothing(t *testing.T) {
	plan := shopPlan(t, "SELECT count(), max(ms) FROM t")
	p, err := Merge(plan, nil)
	if err != nil || p.Groups != 1 || p.From <= p.To {
		t.Fatalf("%+v, %v", p, err)
	}
	res, err := Finalise(plan, p, FinalEnv{})
	if err != nil || fmt.Sprint(resultLines(res)) != "[0 null]" {
		t.Errorf("%v, %v", resultLines(res), err)
	}
}

func TestMergeReports(t *testing.T) {
	plan := shopPlan(t, "SELECT count() FROM t")
	a, b := NewPartial(plan), NewPartial(plan)
	a.Leaves = []LeafReport{{Leaf: "b", Covered: 2}, {Leaf: "c", Reason: "timeout"}}
	b.Leaves = []LeafReport{{Leaf: "a", Shard: 7}}
	a.Horizon, b.Horizon = 5, 9
	a.Warnings, b.Warnings = []string{"y", "x"}, []string{"x"}
	a.Truncated, b.Truncated = &Truncated{By: "memory", Kept: 1}, &Truncated{By: "groups", Kept: 2}
	a.Approx, b.Approx = []int{0}, []int{0}
	for range 25 {
		b.Warnings = append(b.Warnings, fmt.Sprintf("w%d", len(b.Warnings)))
	}
	ab, err := Merge(plan, []*Partial{a, b})
	if err != nil {
		t.Fatal(err)
	}
	ba, err := Merge(plan, []*Partial{b, a})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(ab, ba) {
		t.Errorf("%+v\n%+v", ab, ba)
	}
	if ab.Leaves[0].Leaf != "a" || len(ab.Leaves) != 3 || ab.Horizon != 9 || len(ab.Warnings) != warningsMax || ab.Truncated.By != "groups" || len(ab.Approx) != 1 {
		t.Errorf("%+v", ab)
	}
}

// A part that does not fit the plan is an error, never a panic.
func TestMergeRefuses(t *testing.T) {
	plan := shopPlan(t, "SELECT service, count(), sum(ms) FROM t GROUP BY service")
	f := func(name string, change func(p *Partial)) {
		t.Helper()
		p := runPlan(plan, rowsFor(plan, shopRows))
		if _, err := Merge(plan, []*Partial{p}); err != nil {
			t.Fatal(err)
		}
		change(p)
		if _, err := Merge(plan, []*Partial{p, p}); err == nil {
			t.Errorf("%s: merged", name)
		}
		if _, err := Finalise(plan, p, FinalEnv{}); err == nil {
			t.Errorf("%s: finalised", name)
		}
	}
	f("no keys", func(p *Partial) { p.Keys = nil })
	f("no states", func(p *Partial) { p.States = nil })
	f("a nil state", func(p *Partial) { p.States[0] = nil })
	f("a nil key", func(p *Partial) { p.Keys[0] = nil })
	f("another type", func(p *Partial) { p.Keys[0] = vecOfInts(make([]int64, p.Groups)) })
	f("a short key", func(p *Partial) { p.Keys[0].Strs = p.Keys[0].Strs[:1] })
	f("more groups", func(p *Partial) { p.Groups++ })
	f("a long state", func(p *Partial) { p.States[0].Grow(p.Groups + 1) })
	f("another state", func(p *Partial) { p.States[0] = p.States[1] })
	f("another sum", func(p *Partial) { p.States[1].(*SumState).Kind = AggAvg })
	if _, err := Merge(plan, []*Partial{nil}); err == nil {
		t.Error("nil is merged")
	}
	rows := shopPlan(t, "SELECT service, ms FROM t")
	if _, err := Merge(rows, []*Partial{{Rows: []*Vec{NewVec(storage.TypeString)}}}); err == nil {
		t.Error("rows without a column are merged")
	}
}

// manyGroups is a partial of n groups from the given first one on.
func manyGroups(plan *Plan, first, n int) *Partial {
	p := NewPartial(plan)
	p.Groups = n
	for i := range n {
		p.Keys[0].Append(storage.String(fmt.Sprintf("user-%07d", first+i)))
	}
	for _, s := range p.States {
		s.Grow(n)
		switch s := s.(type) {
		case *CountState:
			for g := range s.N {
				s.N[g] = HashInt(int64(first+g)) % 1000
			}
		case *SumState:
			for g := range n {
				s.AddFloats([]uint32{uint32(g)}, []float64{float64(HashInt(int64(g)) % 10_007)}, nil)
			}
		}
	}
	return p
}

func BenchmarkMergeMillionGroups(b *testing.B) {
	plan := shopPlan(b, "SELECT service, count(), sum(ms) FROM t GROUP BY service")
	parts := []*Partial{manyGroups(plan, 0, 500_000), manyGroups(plan, 250_000, 500_000)}
	for b.Loop() {
		if _, err := Merge(plan, parts); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFinaliseMillionGroups(b *testing.B) {
	f := func(name, sql string) {
		b.Run(name, func(b *testing.B) {
			plan := shopPlan(b, sql)
			p := manyGroups(plan, 0, 1_000_000)
			for b.Loop() {
				if _, err := Finalise(plan, p, FinalEnv{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	f("by-count", "SELECT service, count() FROM t GROUP BY service ORDER BY count() DESC LIMIT 10")
	f("by-sum", "SELECT service, sum(ms) FROM t GROUP BY service ORDER BY sum(ms) DESC LIMIT 10")
	f("by-mean", "SELECT service, sum(ms) / count() AS m FROM t GROUP BY service ORDER BY m DESC LIMIT 10")
	f("by-key", "SELECT service, count() FROM t GROUP BY service ORDER BY service LIMIT 10")
	f("having", "SELECT service, count() FROM t GROUP BY service HAVING count() > 500 ORDER BY count() DESC LIMIT 10")
	f("all", "SELECT service, count() FROM t GROUP BY service")
	f("other", "SELECT service, count() FROM t GROUP BY service LIMIT 10 WITH OTHER")
}
