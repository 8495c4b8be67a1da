package wire

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// statesPlan groups by two keys and computes one aggregate of each kind.
func statesPlan() *query.Plan {
	plan := &query.Plan{Grouped: true, Keys: []query.Key{{Type: storage.TypeString}, {Type: storage.TypeInt64}}}
	arg := &query.Bound{Op: query.OpColumn, Type: storage.TypeFloat64}
	text := &query.Bound{Op: query.OpColumn, Type: storage.TypeString}
	plan.Aggs = []query.Agg{
		{Kind: query.AggCount, Type: storage.TypeInt64},
		{Kind: query.AggHits, Type: storage.TypeInt64},
		{Kind: query.AggSum, Arg: arg, Type: storage.TypeFloat64},
		{Kind: query.AggAvg, Arg: arg, Type: storage.TypeFloat64},
		{Kind: query.AggStddev, Arg: arg, Type: storage.TypeFloat64},
		{Kind: query.AggPercentile, Arg: arg, Param: 0.9, Type: storage.TypeFloat64},
		{Kind: query.AggMin, Arg: text, Type: storage.TypeString},
		{Kind: query.AggMax, Arg: arg, Type: storage.TypeFloat64},
		{Kind: query.AggFirst, Arg: text, Type: storage.TypeString},
		{Kind: query.AggAny, Arg: text, Type: storage.TypeString},
		{Kind: query.AggUniq, Arg: text, Type: storage.TypeInt64},
		{Kind: query.AggArgMax, Arg: text, By: arg, Type: storage.TypeString},
		{Kind: query.AggHistogram, Arg: arg, Param: 9, Type: storage.TypeString},
		{Kind: query.AggTopK, Arg: text, Param: 3, Type: storage.TypeList},
		{Kind: query.AggUniqExact, Arg: text, Type: storage.TypeInt64},
	}
	return plan
}

// feed adds a value to group g of a state.
func feed(rnd *rand.Rand, s query.State, g uint32) {
	groups, x := []uint32{g}, rnd.NormFloat64()*1000
	word := fmt.Sprint("w", rnd.IntN(50))
	switch s := s.(type) {
	case *query.CountState:
		s.Add(groups, []uint64{rnd.Uint64N(9)})
	case *query.SumState:
		s.AddFloats(groups, []float64{x}, nil)
	case *query.VarState:
		s.AddFloats(groups, []float64{x}, nil)
	case *query.PercentileState:
		s.Add(groups, []float64{x}, nil)
	case *query.MinMaxState:
		if s.Type == storage.TypeString {
			s.AddStrings(groups, []string{word})
		} else {
			s.AddFloats(groups, []float64{x})
		}
	case *query.FirstLastState:
		s.AddStrings(groups, []int64{rnd.Int64()}, []string{word})
	case *query.UniqState:
		s.AddHash(g, rnd.Uint64())
	case *query.ArgState:
		s.AddFloats(groups, []float64{x}, func(int) storage.Value { return storage.String(word) })
	case *query.TopKState:
		s.Add(groups, []uint32{s.NumberOfString(word)}, []uint64{rnd.Uint64N(9) + 1})
	case *query.UniqExactState:
		s.AddStrings(groups, []string{word})
	default:
		panic(fmt.Sprintf("BUG: no way to feed %T", s))
	}
}

// samplePartial is an answer to plan with every field set.
func samplePartial(rnd *rand.Rand, plan *query.Plan, groups int) *query.Partial {
	p := &query.Partial{
		Groups: groups,
		Leaves: []query.LeafReport{
			{Leaf: "leaf-1", Shard: 1<<64 - 1, Covered: 1 << 40, Epoch: 1<<64 - 2, Seq: 1 << 33, Skipped: []query.Skipped{
				{Reason: "damaged", Hist: []storage.TimeCount{{From: 60e9, Width: 60e9, Rows: 9}, {From: -7200e9, Width: 3600e9, Rows: 1}}},
				{Reason: "lost"},
			}},
			{Leaf: "leaf-2", Unknown: true},
			{Leaf: "leaf-3", Reason: "timeout"},
		},
		Stats: query.Stats{RowsScanned: 1, RowsMatched: 2, BlocksScanned: 3, BlocksPruned: 4, BytesScanned: 1 << 63},
		From:  math.MinInt64, To: math.MaxInt64, Horizon: -1, Newest: 1_700_000_000_000_000_000, Later: 7,
		Drawn: 300, DrawnOf: math.MaxUint64,
		Approx: []int{0, len(plan.Aggs) - 1}, Truncated: &query.Truncated{By: "groups", Limit: -1, Kept: 5},
		Warnings: []string{"", "no row has `statsu`; did you mean `status`?"},
	}
	for _, k := range plan.Keys {
		p.Keys = append(p.Keys, randomVec(rnd, k.Type, groups, 12, 0.1))
	}
	for i := range plan.Aggs {
		s := query.NewState(&plan.Aggs[i])
		s.Grow(groups)
		for g := range groups {
			for range rnd.IntN(3) {
				feed(rnd, s, uint32(g))
			}
		}
		p.States = append(p.States, s)
	}
	return p
}

func samePartial(t *testing.T, got, want *query.Partial) {
	t.Helper()
	g, w := *got, *want
	g.Keys, w.Keys, g.States, w.States = nil, nil, nil, nil
	if !reflect.DeepEqual(g, w) {
		t.Errorf("got  %+v\nwant %+v", g, w)
	}
	for i := range want.Keys {
		sameVec(t, fmt.Sprintf("key %d", i), got.Keys[i], want.Keys[i])
	}
	for i := range want.States {
		if got.States[i].Len() != want.Groups {
			t.Fatalf("state %d of %d groups, want %d", i, got.States[i].Len(), want.Groups)
		}
		for g := range want.Groups {
			if a, b := got.States[i].Value(g), want.States[i].Value(g); !sameValue(a, b) {
				t.Fatalf("state %d, group %d is %+v, want %+v", i, g, a, b)
			}
		}
	}
}

func partialTape(t testing.TB, p *query.Partial, grouped bool) *tape {
	t.Helper()
	var out tape
	if err := sendPartial(&sender{to: &out}, p, grouped); err != nil {
		t.Fatal(err)
	}
	return &out
}

// Every kind of state, and every field of a Partial.
func TestPartialRoundTrip(t *testing.T) {
	rnd := rand.New(rand.NewPCG(11, 4))
	plan := statesPlan()
	for _, groups := range []int{0, 1, 3, 1_000} {
		want := samplePartial(rnd, plan, groups)
		got, err := receivePartial(&receiver{from: partialTape(t, want, true)}, plan, 1<<30)
		if err != nil {
			t.Fatalf("%d groups: %v", groups, err)
		}
		samePartial(t, got, want)
	}
	plan.Keys = nil
	want := samplePartial(rnd, plan, 1)
	got, err := receivePartial(&receiver{from: partialTape(t, want, true)}, plan, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	samePartial(t, got, want)
	if len(got.Keys) != 0 {
		t.Errorf("keys: %v", got.Keys)
	}
}

// An answer to another question is refused, whatever it is.
func TestAnswerOfAnotherPlan(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 4))
	plan := statesPlan()
	p := samplePartial(rnd, plan, 3)
	f := func(what string, change func(*query.Plan)) {
		t.Helper()
		other := statesPlan()
		change(other)
		if _, err := receivePartial(&receiver{from: partialTape(t, p, true)}, other, 1<<30); err == nil {
			t.Errorf("%s: taken", what)
		}
	}
	f("fewer keys", func(o *query.Plan) { o.Keys = o.Keys[:1] })
	f("no keys", func(o *query.Plan) { o.Keys = nil })
	f("a key of another type", func(o *query.Plan) { o.Keys[1].Type = storage.TypeTime })
	f("fewer aggregates", func(o *query.Plan) { o.Aggs = o.Aggs[:3] })
	f("more aggregates", func(o *query.Plan) { o.Aggs = append(o.Aggs, o.Aggs[0]) })
	f("other aggregates", func(o *query.Plan) { o.Aggs[0], o.Aggs[2] = o.Aggs[2], o.Aggs[0] })
	f("rows", func(o *query.Plan) { *o = *rowsPlan(storage.TypeString, storage.TypeInt64) })
	rows := rowsTape(t, randomVec(rnd, storage.TypeString, 3, 5, 0))
	for _, other := range []*query.Plan{plan, rowsPlan(), rowsPlan(storage.TypeInt64), rowsPlan(storage.TypeString, storage.TypeString)} {
		if _, err := receivePartial(&receiver{from: rows.copy()}, other, 1<<30); err == nil {
			t.Error("rows were taken for another plan")
		}
	}
}

// reseal gives frame i of a tape a right checksum, and its place.
func reseal(p *tape, i int) {
	f := p.frames[i]
	if len(f.AppMetadata) < sealSize {
		return
	}
	f.AppMetadata = endSeal(f.AppMetadata[:len(f.AppMetadata)-4], f.DataHeader, f.DataBody)
}

// A stream that is not whole is an error: frames missing, doubled, swapped, or
// cut off before the end.
func TestBrokenStreams(t *testing.T) {
	plan := statesPlan()
	whole := partialTape(t, samplePartial(rand.New(rand.NewPCG(1, 4)), plan, 5), true)
	f := func(what string, change func(*tape)) {
		t.Helper()
		broken := whole.copy()
		change(broken)
		_, err := receivePartial(&receiver{from: broken}, plan, 1<<30)
		var damaged *errDamaged
		if !errors.As(err, &damaged) && !errors.Is(err, errBoom) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range whole.frames {
		f("one missing", func(p *tape) { p.frames = append(p.frames[:i], p.frames[i+1:]...) })
		f("cut short", func(p *tape) { p.frames, p.err = p.frames[:i], errBoom })
		if i+1 < len(whole.frames) { // after the last nothing is read
			f("one doubled", func(p *tape) { p.frames = append(p.frames[:i+1], p.frames[i:]...) })
		}
		if i > 0 {
			f("two swapped", func(p *tape) { p.frames[i-1], p.frames[i] = p.frames[i], p.frames[i-1] })
			f("ended early", func(p *tape) {
				p.frames = p.frames[:i]
			})
		}
	}
	sliced := rowsTape(t, randomVec(rand.New(rand.NewPCG(1, 4)), storage.TypeInt64, 3*sliceRowsMax, 1, 0))
	sliced.frames[1], sliced.frames[2] = sliced.frames[2], sliced.frames[1]
	if _, err := receivePartial(&receiver{from: sliced}, rowsPlan(storage.TypeInt64), 1<<30); err == nil {
		t.Error("two slices of one column were taken in the wrong order")
	}
	f("a record beyond the sections", func(p *tape) {
		p.frames[1].AppMetadata[sealHead] = 99
		reseal(p, 1)
	})
	f("a newer version", func(p *tape) {
		p.frames[0].AppMetadata[0] = sealVersion + 1
		reseal(p, 0)
	})
}

var errBoom = errors.New("boom")

// edit changes bytes of frames as input says, and tells whether one changed.
func edit(p *tape, input []byte) (changed bool) {
	if len(input) == 0 {
		return false
	}
	mend := input[0]&1 != 0
	for input = input[1:]; len(input) >= 5; input = input[5:] {
		i := int(input[0]) % len(p.frames)
		f := p.frames[i]
		part := f.AppMetadata
		if mend && len(part) > 4 {
			part = part[:len(part)-4]
		}
		switch input[1] % 3 {
		case 1:
			part = f.DataHeader
		case 2:
			part = f.DataBody
		}
		if len(part) == 0 || input[4] == 0 {
			continue
		}
		part[(int(input[2])<<8|int(input[3]))%len(part)] ^= input[4]
		changed = true
		if mend {
			reseal(p, i)
		}
	}
	return changed && !mend
}

// fuzzPartial holds that damaged frames are an error, and that well-sealed lies
// are an error or a Partial of the plan's shape.
func fuzzPartial(t *testing.T, plan *query.Plan, whole *tape, input []byte) {
	damaged := whole.copy()
	mustFail := edit(damaged, input) && !reflect.DeepEqual(damaged.frames, whole.frames)
	p, err := receivePartial(&receiver{from: damaged}, plan, 8<<20)
	if err != nil {
		return
	}
	if mustFail {
		t.Fatal("damaged frames were taken")
	}
	if !plan.Grouped {
		return
	}
	for i, s := range p.States {
		if s.Len() != p.Groups {
			t.Fatalf("state %d has %d groups of %d", i, s.Len(), p.Groups)
		}
		for g := range p.Groups {
			s.Value(g)
		}
	}
	for _, k := range p.Keys {
		for g := range p.Groups {
			k.Value(g)
		}
	}
}

func FuzzPartial(f *testing.F) {
	plan := statesPlan()
	whole := partialTape(f, samplePartial(rand.New(rand.NewPCG(1, 4)), plan, 5), true)
	f.Add([]byte{0, 1, 1, 0, 9, 255})
	f.Add([]byte{1, 1, 1, 0, 9, 255, 0, 0, 0, 7, 1})
	f.Fuzz(func(t *testing.T, input []byte) { fuzzPartial(t, plan, whole, input) })
}

// Many random damages, and what they make the process allocate.
func TestLiesAreBounded(t *testing.T) {
	plan := statesPlan()
	rnd := rand.New(rand.NewPCG(3, 4))
	whole := partialTape(t, samplePartial(rnd, plan, 5), true)
	var before, after runtime.MemStats
	for range 30_000 {
		input := make([]byte, 1+5*(1+rnd.IntN(3)))
		for i := range input {
			input[i] = byte(rnd.Uint32())
		}
		if rnd.IntN(2) == 0 {
			input[0] |= 1
		}
		runtime.ReadMemStats(&before)
		fuzzPartial(t, plan, whole, input)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 {
			t.Fatalf("input %v made it allocate %d bytes", input, used)
		}
	}
}

// Absurd counts with a right checksum.
func TestAbsurdCounts(t *testing.T) {
	many := 1 << 39
	plan := statesPlan()
	sections := []section{{rows: many, types: []storage.Type{storage.TypeString, storage.TypeInt64}}}
	for range plan.Aggs {
		sections = append(sections, section{rows: many, types: make([]storage.Type, 1000)})
	}
	f := func(what string, plan *query.Plan, sections []section, groups int, records ...[]column) {
		t.Helper()
		var out tape
		s := &sender{to: &out}
		p := &query.Partial{Groups: groups}
		if err := s.send(kindPartial, func(dst []byte) []byte { return appendPartial(dst, p, plan.Grouped, sections) }); err != nil {
			t.Fatal(err)
		}
		for _, cols := range records {
			if err := s.record(0, cols, 0, cols[0].n); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.send(kindEnd, nil); err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := receivePartial(&receiver{from: &out}, plan, 1<<30)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; err == nil || used > 200<<20 {
			t.Errorf("%s: %v, %d bytes allocated", what, err, used)
		}
	}
	one := []column{{typ: storage.TypeString, n: 1, strs: []string{"x"}}, {typ: storage.TypeInt64, n: 1, ints: []int64{1}}}
	f("many groups", plan, sections, many, one)
	wide, narrow := rowsPlan(make([]storage.Type, 20_000)...), make([]column, 20_000)
	for i := range narrow {
		wide.Outputs[i].Type = storage.TypeInt64
		narrow[i] = column{typ: storage.TypeInt64, n: 1, ints: []int64{1}}
	}
	types := make([]storage.Type, 20_000)
	for i := range types {
		types[i] = storage.TypeInt64
	}
	f("wide and long", wide, []section{{rows: 2_000_000, types: types}}, 0, narrow)
	nulls := rowsPlan(storage.TypeNull)
	null := []column{{typ: storage.TypeNull, n: sliceRowsMax}}
	lots := make([][]column, 9_000)
	for i := range lots {
		lots[i] = null
	}
	f("nulls without end", nulls, []section{{rows: many, types: []storage.Type{storage.TypeNull}}}, 0, lots...)
}

// An answer larger than allowed is refused, and says so.
func TestAnswerTooLarge(t *testing.T) {
	v := randomVec(rand.New(rand.NewPCG(1, 1)), storage.TypeInt64, 10_000, 1, 0)
	_, err := receivePartial(&receiver{from: rowsTape(t, v)}, rowsPlan(storage.TypeInt64), 70_000)
	if !errors.Is(err, errTooMuch) || !strings.Contains(err.Error(), "memory") {
		t.Errorf("the error is %v", err)
	}
}
