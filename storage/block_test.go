package storage

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// modelRow is a row of a model that stands beside the block: its values by name.
type modelRow struct {
	time   int64
	values map[string]Value
}

// fill puts rows into a batch.
func fill(b *Batch, rows []modelRow) {
	for _, r := range rows {
		for _, name := range slices.Sorted(maps.Keys(r.values)) {
			b.SetValue(b.Slot([]byte(name)), r.values[name])
		}
		b.EndRow(r.time)
	}
}

// sealed makes a block with an id of its own.
func sealed(t testing.TB, b *Batch, o BlockOptions) ([]byte, Meta) {
	t.Helper()
	prefix := []byte("something before the block")
	data, meta, err := AppendBlock(prefix, b, o)
	if err != nil {
		t.Fatal(err)
	}
	data = data[len(prefix):]
	meta.HeaderCRC = SealBlock(data, BlockID{Epoch: 7, Seq: 42})
	return data, meta
}

// mustOpen opens a block in memory that cannot be written, as that of a store: a
// read that changes the block is a fault.
func mustOpen(t testing.TB, data []byte) *Block {
	t.Helper()
	place, err := unix.Mmap(-1, 0, max(len(data), 1), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Munmap(place); err != nil {
			t.Error(err)
		}
	})
	copy(place, data)
	if err := unix.Mprotect(place, unix.PROT_READ); err != nil {
		t.Fatal(err)
	}
	b, err := OpenBlock(place[:len(data):len(data)])
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sameValue compares as blocks promise: NaN equals NaN, -0 equals 0.
func sameValue(a, b Value) bool {
	if a.Type == TypeFloat64 && b.Type == TypeFloat64 {
		return a.Float == b.Float || a.Float != a.Float && b.Float != b.Float
	}
	return a.Type == b.Type && a.Int == b.Int && a.Str == b.Str && slices.Equal(a.List, b.List)
}

// rowValue reads the value of a name in a row over all its stored columns.
func rowValue(t testing.TB, b *Block, name string, row int) Value {
	t.Helper()
	var got Value
	for _, c := range b.Find(name) {
		v, err := c.ValueAt(row)
		if err != nil {
			t.Fatal(err)
		}
		if v.IsNull() {
			continue
		}
		if !got.IsNull() {
			t.Fatalf("row %d has two values of %q", row, name)
		}
		got = v
	}
	return got
}

// checkRows compares a block with rows, in the order of the block.
func checkRows(t testing.TB, b *Block, rows []modelRow) {
	t.Helper()
	if b.Header().Rows != len(rows) {
		t.Fatalf("%d rows, want %d", b.Header().Rows, len(rows))
	}
	names := map[string]bool{}
	for _, r := range rows {
		for name := range r.values {
			names[name] = true
		}
	}
	for i, r := range rows {
		if got := rowValue(t, b, TimeColumn, i); got.Int != r.time {
			t.Fatalf("time of row %d is %d, want %d", i, got.Int, r.time)
		}
		for name := range names {
			got, want := rowValue(t, b, name, i), r.values[name]
			if want.Type == TypeInt64 && got.Type == TypeFloat64 && want.Int <= 1<<53 && want.Int >= -1<<53 {
				want = Float(float64(want.Int))
			}
			if !sameValue(got, want) {
				t.Fatalf("%q of row %d is %.200v, want %.200v", name, i, fmt.Sprint(got), fmt.Sprint(want))
			}
		}
	}
}

// byTime returns the rows in the order of a rich block.
func byTime(rows []modelRow) []modelRow {
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b modelRow) int {
		switch {
		case a.time < b.time:
			return -1
		case a.time > b.time:
			return 1
		}
		return 0
	})
	return rows
}

// generators make a value from a random source; each stands for a kind of
// column.
var generators = map[string]func(r *rand.Rand) Value{
	"const_int":    func(r *rand.Rand) Value { return Int(7) },
	"const_text":   func(r *rand.Rand) Value { return String("always the same") },
	"bool":         func(r *rand.Rand) Value { return Bool(r.IntN(2) == 0) },
	"status":       func(r *rand.Rand) Value { return Int(int64(200 + 100*r.IntN(4))) },
	"host":         func(r *rand.Rand) Value { return String(fmt.Sprintf("host-%04d", r.IntN(500))) },
	"method":       func(r *rand.Rand) Value { return String([]string{"GET", "PUT", ""}[r.IntN(3)]) },
	"unique":       func(r *rand.Rand) Value { return String(fmt.Sprintf("%016x%016x", r.Uint64(), r.Uint64())) },
	"bytes":        func(r *rand.Rand) Value { return Int(int64(math.Exp(r.NormFloat64()*2 + 8))) },
	"wide":         func(r *rand.Rand) Value { return Int(int64(r.Uint64())) },
	"edge_int":     func(r *rand.Rand) Value { return Int([]int64{math.MinInt64, math.MaxInt64, 0, -1, 1}[r.IntN(5)]) },
	"duration":     func(r *rand.Rand) Value { return Float(math.Round(math.Exp(r.NormFloat64()+3)*1000) / 1000) },
	"edge_float":   func(r *rand.Rand) Value { return Float(edgeFloats[r.IntN(len(edgeFloats))]) },
	"few_floats":   func(r *rand.Rand) Value { return Float(float64(r.IntN(40)) / 4) },
	"other_time":   func(r *rand.Rand) Value { return Time(int64(r.IntN(1e12))) },
	"rare":         func(r *rand.Rand) Value { return rarely(r, 40, String("message "+fmt.Sprint(r.IntN(20)))) },
	"rare_unique":  func(r *rand.Rand) Value { return rarely(r, 40, String(fmt.Sprint(r.Uint64()))) },
	"rare_int":     func(r *rand.Rand) Value { return rarely(r, 30, Int(int64(r.Uint64()>>20))) },
	"rare_float":   func(r *rand.Rand) Value { return rarely(r, 30, Float(r.NormFloat64())) },
	"rare_list":    func(r *rand.Rand) Value { return rarely(r, 30, List([]string{"a", fmt.Sprint(r.Uint64())})) },
	"half_int":     func(r *rand.Rand) Value { return rarely(r, 2, Int(int64(r.Uint64()>>30))) },
	"half_text":    func(r *rand.Rand) Value { return rarely(r, 2, String(fmt.Sprint("text ", r.Uint64()))) },
	"half_float":   func(r *rand.Rand) Value { return rarely(r, 2, Float(r.NormFloat64())) },
	"half_bool":    func(r *rand.Rand) Value { return rarely(r, 2, Bool(r.IntN(2) == 0)) },
	"tags":         func(r *rand.Rand) Value { return List(randomTags(r, 30)) },
	"stack":        func(r *rand.Rand) Value { return rarely(r, 2, List(randomTags(r, 1<<40))) },
	"empty_lists":  func(r *rand.Rand) Value { return List([]string{}) },
	"empty_items":  func(r *rand.Rand) Value { return List(make([]string, r.IntN(3))) },
	"mixed":        mixedValue,
	"int_or_float": func(r *rand.Rand) Value { return []Value{Int(int64(r.IntN(1 << 50))), Float(r.Float64())}[r.IntN(2)] },
	"big_or_float": func(r *rand.Rand) Value { return []Value{Int(1<<53 + 1), Float(r.Float64())}[r.IntN(2)] },
	"sample_rate": func(r *rand.Rand) Value {
		return []Value{Int(1), Int(1), Int(10), Float(2.5), String("x"), {}}[r.IntN(6)]
	},
	"message": func(r *rand.Rand) Value { return String(randomMessage(r)) },
	"zone":    mostly(String("eu"), 50, func(r *rand.Rand) Value { return String(fmt.Sprintf("us-%d", r.IntN(100))) }),
	"prose":   func(r *rand.Rand) Value { return String(randomProse(r)) },
	"user":    func(r *rand.Rand) Value { return String(fmt.Sprintf("user-%06d", r.IntN(1e6))) },
	"size":    func(r *rand.Rand) Value { return rarely(r, 2, String(fmt.Sprintf("%d KB", r.IntN(1e5)))) },
	"uuid":    func(r *rand.Rand) Value { return rarely(r, 2, String(randomUUID(r))) },
	"lines":   func(r *rand.Rand) Value { return rarely(r, 2, String(randomLine(r))) },
	"decimal": func(r *rand.Rand) Value { return rarely(r, 2, Float(edgeDecimal(r))) },
}

var edgeFloats = []float64{
	0, math.Copysign(0, -1), math.NaN(), math.Float64frombits(0xfff8000000000123), math.Inf(1), math.Inf(-1),
	math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, 1, -1, 0.1,
}

func rarely(r *rand.Rand, oneIn int, v Value) Value {
	if r.IntN(oneIn) == 0 {
		return v
	}
	return Value{}
}

func randomTags(r *rand.Rand, kinds int) []string {
	tags := make([]string, r.IntN(5))
	for i := range tags {
		tags[i] = fmt.Sprint("tag-", r.IntN(kinds))
	}
	return tags
}

func mixedValue(r *rand.Rand) Value {
	switch r.IntN(40) {
	case 0:
		return String("not a number")
	case 1:
		return Bool(true)
	case 2:
		return Value{}
	case 3:
		return List([]string{"x"})
	case 4:
		return Time(5)
	}
	return Int(int64(r.IntN(100000)))
}

// randomProse is a text without templates that compresses.
func randomProse(r *rand.Rand) string {
	words := []string{"connection", "timeout", "payment", "worker", "unexpected", "shard", "retry", "queue", "primary", "replica"}
	text := words[r.IntN(len(words))]
	for range 4 + r.IntN(6) {
		text += " " + words[r.IntN(len(words))]
	}
	return text
}

func randomUUID(r *rand.Rand) string {
	return fmt.Sprintf("%08X-%04X-4%03X-%04X-%012X", r.Uint32(), r.IntN(1<<16), r.IntN(1<<12), r.IntN(1<<16), r.Uint64N(1<<48))
}

// randomLine is of a few templates, with what tempts to read it wrong.
func randomLine(r *rand.Rand) string {
	switch r.IntN(12) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("007 %03d %d %s", r.IntN(1000), r.Uint64(), randomProse(r))
	case 2, 3:
		return fmt.Sprintf("GET /api/v2/%s/%d HTTP/1.1 from 10.%d.%d.%d", []string{"orders", "items"}[r.IntN(2)], r.IntN(1e6), r.IntN(256), r.IntN(256), r.IntN(256))
	case 4, 5:
		return fmt.Sprintf("ключ %08x für %q → %d%%", r.Uint32(), []string{"a", "b", ""}[r.IntN(3)], r.IntN(101))
	case 6:
		return strings.Repeat("9", 1+r.IntN(25)) + " is long"
	}
	return fmt.Sprintf("worker %d took %.3f ms, trace %016x%016x, state %s", r.IntN(64), r.ExpFloat64()*20, r.Uint64(), r.Uint64(), []string{"ok", "late"}[r.IntN(2)])
}

func edgeDecimal(r *rand.Rand) float64 {
	if r.IntN(20) == 0 {
		return edgeFloats[r.IntN(len(edgeFloats))]
	}
	return float64(r.IntN(2e6)-1e6) / 100
}

func randomMessage(r *rand.Rand) string {
	return fmt.Sprintf("request %08x to /api/v%d/items/%d failed with timeout after %d ms", r.Uint32(), r.IntN(3), r.IntN(1e6), r.IntN(5000))
}

// randomRows makes n rows with every kind of column, times sorted or not.
func randomRows(r *rand.Rand, n int, jitter int64) []modelRow {
	names := slices.Sorted(maps.Keys(generators))
	rows := make([]modelRow, n)
	for i := range rows {
		rows[i] = modelRow{time: 1_790_000_000_000_000_000 + int64(i)*8_000_000, values: map[string]Value{}}
		if jitter > 0 {
			rows[i].time += r.Int64N(jitter) / 1e6 * 1e6
		}
		for _, name := range names {
			if v := generators[name](r); !v.IsNull() {
				rows[i].values[name] = v
			}
		}
	}
	return rows
}

func TestRoundTripOfAllKinds(t *testing.T) {
	for _, n := range []int{1, 2, 3, 64, 65, 300, 1025, 2100} {
		for _, richness := range []Richness{Cheap, Rich} {
			for _, jitter := range []int64{0, 5e9} {
				if underRace && n > 65 {
					continue
				}
				seed := uint64(n)<<8 | uint64(richness)
				t.Run(fmt.Sprintf("rows=%d,rich=%d,jitter=%d,seed=%d", n, richness, jitter, seed), func(t *testing.T) {
					rows := randomRows(rand.New(rand.NewPCG(seed, 1)), n, jitter)
					batch := NewBatch()
					fill(batch, rows)
					data, meta := sealed(t, batch, BlockOptions{Shard: 3, Arrival: 99, Richness: richness})
					b := mustOpen(t, data)
					if richness == Rich {
						rows = byTime(rows)
					}
					checkRows(t, b, rows)
					h := b.Header()
					want := BlockHeader{
						Version: b.Header().Version, ID: BlockID{7, 42}, Shard: 3, Rows: n, MinTime: meta.MinTime, MaxTime: meta.MaxTime,
						Arrival: 99, Weight: meta.Weight, Columns: len(b.Columns()), Length: len(data),
					}
					if h != want || meta.Length != len(data) || meta.HeaderCRC != b.HeaderCRC() {
						t.Fatalf("header %+v, want %+v", h, want)
					}
				})
			}
		}
	}
}

func TestBigTexts(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", ValueBytesMax/16)
	rows := []modelRow{
		{time: 1, values: map[string]Value{"a": String(big), "b": String("")}},
		{time: 2, values: map[string]Value{"a": String(""), "b": String(big)}},
		{time: 3, values: map[string]Value{"a": String(big[1:]), "b": String(big)}},
	}
	for _, richness := range []Richness{Cheap, Rich} {
		batch := NewBatch()
		fill(batch, rows)
		data, _ := sealed(t, batch, BlockOptions{Richness: richness})
		checkRows(t, mustOpen(t, data), rows)
	}
}
