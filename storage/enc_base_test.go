package storage

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// mostly makes a generator of base in all but one of oneIn rows.
func mostly(base Value, oneIn int, rare func(r *rand.Rand) Value) func(r *rand.Rand) Value {
	return func(r *rand.Rand) Value {
		if r.IntN(oneIn) == 0 {
			return rare(r)
		}
		return base
	}
}

// nearlyConstant is columns of which most rows have one value, or none.
var nearlyConstant = map[string]func(r *rand.Rand) Value{
	"flag":    mostly(Bool(true), 200, func(*rand.Rand) Value { return Bool(false) }),
	"gap":     mostly(Bool(false), 100, func(*rand.Rand) Value { return Value{} }),
	"region":  mostly(String("eu-west-1"), 40, func(r *rand.Rand) Value { return String(fmt.Sprintf("us-%d", r.IntN(12))) }),
	"note":    mostly(String(""), 50, func(r *rand.Rand) Value { return String(fmt.Sprintf("note %d", r.IntN(400))) }),
	"retries": mostly(Int(0), 50, func(r *rand.Rand) Value { return rarely(r, 2, Int(1+r.Int64N(9)-2)) }),
	"credit":  mostly(Float(0), 80, func(r *rand.Rand) Value { return Float([]float64{math.NaN(), -2.5, 3}[r.IntN(3)]) }),
	"error":   mostly(Value{}, 50, func(r *rand.Rand) Value { return String(fmt.Sprintf("error %d", r.IntN(6))) }),
	"weight":  mostly(Int(1), 100, func(*rand.Rand) Value { return Int(10) }),
}

// nearlyConstantRows are rows of all of them, weighed by sample_rate.
func nearlyConstantRows(r *rand.Rand, n int) []modelRow {
	names := make([]string, 0, len(nearlyConstant))
	for name := range nearlyConstant {
		names = append(names, name)
	}
	slices.Sort(names)
	rows := make([]modelRow, n)
	for i := range rows {
		rows[i] = modelRow{time: 1_790_000_000_000_000_000 + int64(i)*8_000_000, values: map[string]Value{}}
		for _, name := range names {
			v := nearlyConstant[name](r)
			if name == "weight" {
				name = SampleRateColumn
			}
			if !v.IsNull() {
				rows[i].values[name] = v
			}
		}
	}
	return rows
}

func sealedRows(t testing.TB, rows []modelRow, richness Richness) *Block {
	t.Helper()
	batch := NewBatch()
	fill(batch, rows)
	data, _ := sealed(t, batch, BlockOptions{Richness: richness})
	return mustOpen(t, data)
}

// checkNearlyConstant holds a block to its rows by every accessor, and to what is
// promised of columns with a base: counts, weights and statistics.
func checkNearlyConstant(t *testing.T, b *Block, rows []modelRow, encoded bool) {
	t.Helper()
	checkRows(t, b, rows)
	rate := b.Find(SampleRateColumn)
	for _, c := range b.Columns() {
		if c.Name() == TimeColumn {
			continue
		}
		if encoded && c.Encoding() != EncBase {
			t.Errorf("%s is encoded as %v, %d bytes", c.Name(), c.Encoding(), c.Bytes())
		}
		if c.Encoding() != EncBase {
			continue
		}
		codes, err := c.Codes()
		if err != nil {
			t.Fatal(err)
		}
		wide := codes.Unpack16(slices.Repeat([]uint16{0xffff}, codes.Rows))
		for row, code := range wide {
			v, err := c.ValueAt(row)
			if err != nil {
				t.Fatal(err)
			}
			if codes.At(row) != int(code) || v.IsNull() != (int(code) == codes.Entries) {
				t.Fatalf("%s: row %d has code %d, alone %d, value %v", c.Name(), row, code, codes.At(row), v)
			}
		}
		checkExpansion(t, c)
		if codes.Counts == nil && codes.Entries < countedEntriesMax {
			t.Errorf("%s keeps no counts", c.Name())
		}
		checkCounts(t, c, codes, wide, rate)
		if _, _, distinct, ok := c.Stats(); !ok || distinct != codes.Entries {
			t.Errorf("%s: statistics %v of %d values, there are %d", c.Name(), ok, distinct, codes.Entries)
		}
		if valid := c.Valid(); valid != nil && countOnes(valid) != b.Header().Rows-c.NullCount() {
			t.Errorf("%s: %d rows are valid, %d of %d null", c.Name(), countOnes(valid), c.NullCount(), b.Header().Rows)
		}
	}
}

// checkExpansion holds the values of all rows to those of each.
func checkExpansion(t *testing.T, c *Column) {
	t.Helper()
	var ints []int64
	var floats []float64
	var text Text
	var err error
	switch c.Type() {
	case TypeString:
		text, err = c.Text(new(TextBuf))
	case TypeFloat64:
		floats, err = c.Floats(slices.Repeat([]float64{7}, c.Rows()))
	default:
		ints, err = c.Ints(slices.Repeat([]int64{7}, c.Rows()))
	}
	if err != nil {
		t.Fatal(err)
	}
	for row := range c.Rows() {
		want, err := c.ValueAt(row)
		if err != nil {
			t.Fatal(err)
		}
		got := Value{Type: want.Type}
		switch c.Type() {
		case TypeString:
			got.Str = string(text.At(row))
		case TypeFloat64:
			got.Float = floats[row]
		default:
			got.Int = ints[row]
		}
		if !sameValue(got, want) {
			t.Fatalf("%s: row %d expands to %v, want %v", c.Name(), row, got, want)
		}
	}
}

// TestBaseOfNoOtherRow opens a base column in which no row is another: it would
// have been a constant.
func TestBaseOfNoOtherRow(t *testing.T) {
	s, e := nearlyConstantSource(200, 4, 4), &encoder{rich: true}
	e.dict.numbers(s.vec.Ints, 0, 4, dictEntriesMax)
	e.dict.sortNumbers()
	data, _ := appendCodes(nil, s, &e.dict, e)
	at := len(data) - rareBytes(4, 4)
	data = append(data[:at], make([]byte, baseHeaderBytes)...)
	if _, err := (section{typ: TypeInt64, enc: EncBase, rows: 200, data: appendZeros(data, tailBytes)[:len(data)]}).open(); err == nil {
		t.Error("it opens")
	}
}

// TestBase writes nearly constant columns, of every type and null, and reads them
// in every way.
func TestBase(t *testing.T) {
	for _, n := range []int{8_192, 10_007} {
		rows := nearlyConstantRows(rand.New(rand.NewPCG(uint64(n), 1)), n)
		checkNearlyConstant(t, sealedRows(t, rows, Rich), rows, true)
	}
}

// TestBaseSmall writes them in blocks where it pays for some only.
func TestBaseSmall(t *testing.T) {
	seen := 0
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 3))
		rows := nearlyConstantRows(r, 1+r.IntN(700))
		b := sealedRows(t, rows, Rich)
		checkNearlyConstant(t, b, rows, false)
		for _, c := range b.Columns() {
			if c.Encoding() == EncBase {
				seen++
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d columns have a base", seen)
	}
}

// TestMergeBases merges blocks in which the same column has another base, is
// sparse, constant or of many values.
func TestMergeBases(t *testing.T) {
	const each = 2_048
	parts := []func(r *rand.Rand) Value{
		mostly(String("a"), 100, func(r *rand.Rand) Value { return String(fmt.Sprintf("x%d", r.IntN(30))) }),
		mostly(String("b"), 100, func(r *rand.Rand) Value { return String("a") }),
		mostly(Value{}, 100, func(r *rand.Rand) Value { return String(fmt.Sprintf("x%d", r.IntN(5))) }),
		func(*rand.Rand) Value { return String("c") },
		func(r *rand.Rand) Value { return String(fmt.Sprintf("y%d", r.IntN(9))) },
	}
	r := rand.New(rand.NewPCG(5, 5))
	for _, kinds := range [][]int{{0, 1}, {1, 0, 2}, {2, 2}, {0, 0, 0}, {3, 3, 0}, {4, 1}, {2, 3, 1, 0, 4}} {
		var blocks []*Block
		var all []modelRow
		for i, kind := range kinds {
			rows := make([]modelRow, each)
			for j := range rows {
				rows[j] = modelRow{time: int64(i*each + j), values: map[string]Value{}}
				if v := parts[kind](r); !v.IsNull() {
					rows[j].values["c"] = v
				}
				if r.IntN(50) == 0 {
					rows[j].values[SampleRateColumn] = Int(7)
				}
			}
			blocks = append(blocks, sealedRows(t, rows, Richness(i%2)^1))
			all = append(all, rows...)
		}
		for _, richness := range []Richness{Cheap, Rich} {
			data, _, err := MergeBlocks(nil, blocks, BlockOptions{Richness: richness})
			if err != nil {
				t.Fatal(err)
			}
			SealBlock(data, BlockID{1, 1})
			checkNearlyConstant(t, mustOpen(t, data), all, false)
		}
	}
}

// TestBaseSize holds that a base is never larger than what it is chosen over, and
// that codes of one bit stay where they are as small.
func TestBaseSize(t *testing.T) {
	f := func(rare, entries int, want Encoding) {
		t.Helper()
		s, e := nearlyConstantSource(RowsPerBlockMax, rare, entries), &encoder{rich: true}
		e.dict.numbers(s.vec.Ints, 0, int64(entries), dictEntriesMax)
		e.dict.sortNumbers()
		base, enc := appendCodes(nil, s, &e.dict, e)
		e.rich = false
		dict, _ := appendCodes(nil, s, &e.dict, e)
		if enc != want || enc == EncBase && len(base)*baseSaving > len(dict) {
			t.Errorf("%d rare rows of %d entries: %v of %d bytes, a dictionary has %d", rare, entries, enc, len(base), len(dict))
		}
	}
	f(65, 1, EncBase)
	f(900, 1, EncBase)
	f(1_000, 1, EncDict)
	f(1_700, 3, EncBase)
	f(1_900, 3, EncDict)
	f(2_048, 200, EncBase)
	f(2_049, 200, EncDict)
	f(2_000, 1_000, EncBase)
}

// nearlyConstantSource is zeros but for some rows of the values 1 to entries.
func nearlyConstantSource(rows, rare, entries int) *source {
	v := &Vector{Type: TypeInt64, Ints: make([]int64, rows)}
	for i := range rare {
		v.Ints[i*(rows/rare)] = int64(1 + i%entries)
	}
	return &source{vec: v, n: rows, rows: rows}
}

// BenchmarkBase reads the codes of nearly constant columns with a base and as a
// dictionary.
func BenchmarkBase(b *testing.B) {
	for _, entries := range []int{1, 3, 15, 200, 1_000} {
		for _, rare := range []int{65, 655, 2_000} {
			s := nearlyConstantSource(RowsPerBlockMax, rare, entries)
			for _, rich := range []bool{false, true} {
				e := &encoder{rich: rich}
				e.dict.numbers(s.vec.Ints, 0, int64(entries), dictEntriesMax)
				e.dict.sortNumbers()
				data, enc := appendCodes(nil, s, &e.dict, e)
				size := len(data)
				if rich && enc != EncBase {
					continue
				}
				o, err := section{typ: TypeInt64, enc: enc, rows: s.rows, data: appendZeros(data, tailBytes)[:size]}.open()
				if err != nil {
					b.Fatal(err)
				}
				b.Run(fmt.Sprintf("entries=%d/rare=%d/%v", entries+1, rare, enc), func(b *testing.B) {
					var narrow []uint8
					var wide []uint16
					for b.Loop() {
						if c := o.codes.view(); c.Width <= 8 {
							narrow = c.Unpack8(narrow)
						} else {
							wide = c.Unpack16(wide)
						}
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*s.rows), "ns/row")
					b.ReportMetric(float64(size)/float64(s.rows), "bytes/row")
				})
			}
		}
	}
}
