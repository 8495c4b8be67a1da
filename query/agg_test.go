package query

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/kelpdb/kelp/storage"
)

// testAggs are aggregates of every kind over a column of a type.
func testAggs(typ storage.Type) []Agg {
	arg := &Bound{Op: OpColumn, Type: typ}
	sum := storage.TypeFloat64
	if typ == storage.TypeInt64 || typ == storage.TypeBool {
		sum = storage.TypeInt64
	}
	aggs := []Agg{
		{Kind: AggCount, Type: storage.TypeInt64},
		{Kind: AggCount, Arg: arg, Type: storage.TypeInt64},
		{Kind: AggHits, Type: storage.TypeInt64},
		{Kind: AggFirst, Arg: arg, Type: typ},
		{Kind: AggLast, Arg: arg, Type: typ},
		{Kind: AggAny, Arg: arg, Type: typ},
		{Kind: AggUniq, Arg: arg, Type: storage.TypeInt64},
		{Kind: AggUniqExact, Arg: arg, Type: storage.TypeInt64},
		{Kind: AggArgMin, Arg: arg, By: &Bound{Op: OpConst, Type: storage.TypeInt64, Const: storage.Int(1)}, Type: typ},
		{Kind: AggTopK, Arg: arg, Param: 2, Type: storage.TypeList},
	}
	if typ != storage.TypeList {
		aggs = append(aggs, Agg{Kind: AggMin, Arg: arg, Type: typ}, Agg{Kind: AggMax, Arg: arg, Type: typ},
			Agg{Kind: AggArgMin, Arg: arg, By: arg, Type: typ}, Agg{Kind: AggArgMax, Arg: arg, By: arg, Type: typ})
	}
	if typ != storage.TypeList && typ != storage.TypeTime {
		aggs = append(aggs,
			Agg{Kind: AggSum, Arg: arg, Type: sum},
			Agg{Kind: AggAvg, Arg: arg, Type: storage.TypeFloat64},
			Agg{Kind: AggVariance, Arg: arg, Type: storage.TypeFloat64},
			Agg{Kind: AggStddev, Arg: arg, Type: storage.TypeFloat64},
			Agg{Kind: AggHistogram, Arg: arg, Param: 3, Type: storage.TypeString})
		for _, p := range []float64{0, 0.5, 0.99, 1} {
			aggs = append(aggs, Agg{Kind: AggPercentile, Arg: arg, Param: p, Type: storage.TypeFloat64})
		}
	}
	return aggs
}

func anyRows(typ storage.Type, values *rapid.Generator[storage.Value]) *rapid.Generator[[]testRow] {
	row := rapid.Custom(func(t *rapid.T) testRow {
		return testRow{
			values: []storage.Value{values.Draw(t, "value")},
			time:   rapid.Int64Range(0, 5).Draw(t, "time"),
			weight: rapid.OneOf(rapid.Just(uint64(1)), rapid.Uint64Range(1, 1000)).Draw(t, "weight"),
		}
	})
	return rapid.SliceOfN(row, 0, 80)
}

const testGroups = 3

// stateOf feeds rows, row i into group i modulo testGroups.
func stateOf(a *Agg, rows []testRow, from, to int) State {
	s := NewState(a)
	s.Grow(testGroups)
	for i := from; i < to; i++ {
		feed(a, s, uint32(i%testGroups), &rows[i])
	}
	return s
}

// sameValue within what floats are promised to agree: 1e-12 of the sum of magnitudes.
func nearly(a, b storage.Value, scale float64) bool {
	if a.Type != storage.TypeFloat64 || b.Type != storage.TypeFloat64 {
		return Order(a, b) == 0
	}
	return Order(a, b) == 0 || math.Abs(a.Float-b.Float) <= 1e-12*max(math.Abs(a.Float), math.Abs(b.Float), scale)
}

// However rows are split into parts, in whatever order the parts merge and
// whether or not they travel, the result is that of all rows at once.
func TestStatesMerge(t *testing.T) {
	for _, typ := range valueTypes {
		gen := anyValue(typ)
		if typ == storage.TypeFloat64 { // finite: sums of infinities have no error to speak of
			gen = rapid.Map(rapid.Float64Range(-1e6, 1e6), storage.Float)
		}
		for _, a := range testAggs(typ) {
			t.Run(fmt.Sprintf("%s/%d/%g", typ, a.Kind, a.Param), func(t *testing.T) {
				rapid.Check(t, func(t *rapid.T) { checkMerge(t, &a, anyRows(typ, gen).Draw(t, "rows")) })
			})
		}
	}
}

func checkMerge(t *rapid.T, a *Agg, rows []testRow) {
	whole := stateOf(a, rows, 0, len(rows))
	var parts []State
	for from := 0; from < len(rows); {
		to := rapid.IntRange(from+1, len(rows)).Draw(t, "cut")
		parts = append(parts, stateOf(a, rows, from, to))
		from = to
	}
	same := make([]uint32, testGroups)
	for i := range same {
		same[i] = uint32(i)
	}
	for len(parts) > 1 {
		i := rapid.IntRange(0, len(parts)-2).Draw(t, "into")
		j := rapid.IntRange(i+1, len(parts)-1).Draw(t, "from")
		if rapid.Bool().Draw(t, "travel") {
			decoded, err := DecodeState(a, parts[j].Columns())
			if err != nil {
				t.Fatal(err)
			}
			parts[j] = decoded
		}
		if rapid.Bool().Draw(t, "swap") {
			parts[i], parts[j] = parts[j], parts[i]
		}
		merged := NewState(a)
		merged.Grow(testGroups)
		merged.Merge(parts[i], same)
		merged.Merge(parts[j], same)
		parts[i] = merged
		parts = append(parts[:j], parts[j+1:]...)
	}
	if len(parts) == 0 {
		return
	}
	for g := range testGroups {
		scale := 0.0
		if a.Kind == AggSum || a.Kind == AggAvg {
			scale = magnitude(a, rows, g)
		}
		if got, want := parts[0].Value(g), whole.Value(g); !nearly(got, want, scale) {
			t.Fatalf("group %d: merged %v, at once %v", g, got, want)
		}
	}
	if parts[0].Bytes() <= 0 {
		t.Fatal("a state of no size")
	}
}

// magnitude is the sum of weighed magnitudes of a group, by the total weight for avg.
func magnitude(a *Agg, rows []testRow, group int) float64 {
	sum, weight := 0.0, 0.0
	for i := group; i < len(rows); i += testGroups {
		if f, ok := FloatOf(rows[i].values[0]); ok {
			sum += math.Abs(f) * float64(rows[i].weight)
			weight += float64(rows[i].weight)
		}
	}
	if a.Kind == AggAvg {
		return sum / max(weight, 1)
	}
	return sum
}

// The states against the obvious way to compute them.
func TestStatesAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := anyRows(storage.TypeInt64, anyValue(storage.TypeInt64)).Draw(t, "rows")
		m := modelOf(rows)
		f := func(kind AggKind, withArg bool, want storage.Value) {
			a := &Agg{Kind: kind, Type: storage.TypeInt64}
			if withArg {
				a.Arg = &Bound{Op: OpColumn, Type: storage.TypeInt64}
			}
			if kind == AggAvg {
				a.Type = storage.TypeFloat64
			}
			s := NewState(a)
			s.Grow(1)
			for i := range rows {
				feed(a, s, 0, &rows[i])
			}
			if got := s.Value(0); !nearly(got, want, 0) {
				t.Fatalf("kind %d is %v, not %v", kind, got, want)
			}
		}
		f(AggCount, false, storage.Int(m.weights))
		f(AggCount, true, storage.Int(m.valueWeights))
		f(AggHits, false, storage.Int(int64(len(rows))))
		f(AggMin, true, m.least)
		f(AggMax, true, m.greatest)
		f(AggAny, true, m.least)
		f(AggFirst, true, m.first)
		f(AggLast, true, m.last)
		f(AggUniqExact, true, storage.Int(int64(len(m.distinct))))
		f(AggUniq, true, storage.Int(int64(len(m.distinct)))) // exact while there are few
	})
}

type aggModel struct {
	weights, valueWeights        int64
	least, greatest, first, last storage.Value
	distinct                     map[int64]bool
}

func modelOf(rows []testRow) aggModel {
	m := aggModel{distinct: map[int64]bool{}}
	var firstAt, lastAt int64
	for _, r := range rows {
		m.weights += int64(r.weight)
		v := r.values[0]
		if v.IsNull() {
			continue
		}
		m.valueWeights += int64(r.weight)
		m.distinct[v.Int] = true
		if m.least.IsNull() || v.Int < m.least.Int {
			m.least = v
		}
		if m.greatest.IsNull() || v.Int > m.greatest.Int {
			m.greatest = v
		}
		if m.first.IsNull() || r.time < firstAt || r.time == firstAt && v.Int < m.first.Int {
			m.first, firstAt = v, r.time
		}
		if m.last.IsNull() || r.time > lastAt || r.time == lastAt && v.Int < m.last.Int {
			m.last, lastAt = v, r.time
		}
	}
	return m
}

// Over nothing, counts are 0 and all else is null.
func TestEmptyStates(t *testing.T) {
	for _, typ := range valueTypes {
		for _, a := range testAggs(typ) {
			s := NewState(&a)
			s.Grow(2)
			want := storage.Value{}
			switch a.Kind {
			case AggCount, AggHits, AggUniq, AggUniqExact:
				want = storage.Int(0)
			}
			if got := s.Value(1); Order(got, want) != 0 {
				t.Errorf("%s of kind %d over nothing is %v", typ, a.Kind, got)
			}
			decoded, err := DecodeState(&a, s.Columns())
			if err != nil || decoded.Len() != 2 || Order(decoded.Value(1), want) != 0 {
				t.Errorf("%s of kind %d over nothing does not travel: %v", typ, a.Kind, err)
			}
			if !stateFits(&a, decoded) {
				t.Errorf("%s of kind %d does not fit its aggregate", typ, a.Kind)
			}
		}
	}
}

// NaN: skipped by min, max and percentiles, the largest to any, carried by sum and avg.
func TestStatesNaN(t *testing.T) {
	f := func(kind AggKind, want string, values ...float64) {
		t.Helper()
		a := &Agg{Kind: kind, Type: storage.TypeFloat64, Param: 1, Arg: &Bound{Op: OpColumn, Type: storage.TypeFloat64}}
		s := NewState(a)
		s.Grow(1)
		for _, v := range values {
			feed(a, s, 0, &testRow{values: []storage.Value{storage.Float(v)}, weight: 1})
		}
		if got := string(AppendJSONValue(nil, s.Value(0))); got != want {
			t.Errorf("kind %d of %v is %s, not %s", kind, values, got, want)
		}
	}
	nan, inf := math.NaN(), math.Inf(1)
	f(AggMin, "1", nan, 2, 1, nan)
	f(AggMax, "2", nan, 2, 1, nan)
	f(AggMax, "null", nan)
	f(AggAny, "1", nan, 1)
	f(AggAny, `"NaN"`, nan)
	f(AggPercentile, "2", nan, 2, 1)
	f(AggPercentile, "null", nan)
	f(AggSum, `"NaN"`, 1, nan)
	f(AggAvg, `"NaN"`, 1, nan)
	f(AggSum, `"Infinity"`, 1, inf, 1)
	f(AggSum, `"NaN"`, inf, -inf)
	f(AggVariance, `"NaN"`, 1, nan)
	f(AggMin, "0", math.Copysign(0, -1))
	f(AggHistogram, `"[[1.5,1.515625,1]]"`, nan, 1.5, nan)
	f(AggHistogram, "null", nan)
	f(AggUniqExact, "2", 0, math.Copysign(0, -1), nan, -nan)
	f(AggUniq, "2", 0, math.Copysign(0, -1), nan, -nan)
}
