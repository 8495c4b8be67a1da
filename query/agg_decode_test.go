package query

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/kelpdb/kelp/storage"
)

// fuzzColumns makes columns of bytes: how many, then of each its type, length,
// nulls and values. Anything may come out, also columns whose parts disagree.
func fuzzColumns(data []byte) []*Vec {
	next := func(n int) []byte {
		n = min(n, len(data))
		b := data[:n]
		data = data[n:]
		return b
	}
	one := func() int {
		if b := next(1); len(b) == 1 {
			return int(b[0])
		}
		return 0
	}
	var cols []*Vec
	for range one() % 7 {
		v := NewVec(storage.Type(one() % 8))
		v.n = one() % 9
		if one()%4 == 0 {
			v.Nulls = []uint64{uint64(one())}
		}
		for range v.n - one()%2*(one()%2) {
			word := make([]byte, 8)
			copy(word, next(8))
			v.Ints = append(v.Ints, int64(binary.BigEndian.Uint64(word)))
			v.Floats = append(v.Floats, math.Float64frombits(binary.BigEndian.Uint64(word)))
			v.Strs = append(v.Strs, string(next(one())))
			v.Lists = append(v.Lists, nil)
		}
		cols = append(cols, v)
	}
	return cols
}

// columnBytes is a text that fuzzColumns makes the columns of.
func columnBytes(cols []*Vec) []byte {
	out := []byte{byte(len(cols))}
	for _, c := range cols {
		out = append(out, byte(c.Type), byte(c.n))
		if len(c.Nulls) > 0 {
			out = append(out, 0, byte(c.Nulls[0]))
		} else {
			out = append(out, 1)
		}
		out = append(out, 0, 0)
		for i := range c.n {
			word, text := uint64(0), ""
			switch c.Type {
			case storage.TypeFloat64:
				word = math.Float64bits(c.Floats[i])
			case storage.TypeString:
				text = c.Strs[i]
			case storage.TypeInt64, storage.TypeBool, storage.TypeTime:
				word = uint64(c.Ints[i])
			}
			out = binary.BigEndian.AppendUint64(out, word)
			text = text[:min(len(text), 255)]
			out = append(append(out, byte(len(text))), text...)
		}
	}
	return out
}

// decodableAggs are one aggregate for each way to decode a state.
func decodableAggs() []Agg {
	var aggs []Agg
	for _, typ := range []storage.Type{storage.TypeInt64, storage.TypeFloat64, storage.TypeString} {
		aggs = append(aggs, testAggs(typ)...)
	}
	return append(aggs, Agg{Kind: AggMin, Type: storage.TypeNull, Arg: &Bound{}})
}

// Whatever bytes make of columns, decoding them is an error or a state that
// merges, has values and travels on unchanged.
func FuzzDecodeState(f *testing.F) {
	aggs := decodableAggs()
	for i := range aggs {
		s := NewState(&aggs[i])
		s.Grow(3)
		for j := range 40 {
			row := testRow{values: []storage.Value{{}}, time: int64(j), weight: uint64(1 + j%2)}
			if arg := aggs[i].Arg; arg != nil {
				switch arg.Type {
				case storage.TypeInt64:
					row.values[0] = storage.Int(int64(j * j))
				case storage.TypeFloat64:
					row.values[0] = storage.Float(float64(j-7) * 1.5)
				case storage.TypeString:
					row.values[0] = storage.String(fmt.Sprint(j))
				}
			}
			feed(&aggs[i], s, uint32(j%2), &row)
		}
		f.Add(uint8(i), columnBytes(s.Columns()))
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		a := &aggs[int(which)%len(aggs)]
		s, err := DecodeState(a, fuzzColumns(data))
		if err != nil {
			return
		}
		if !stateFits(a, s) {
			t.Fatalf("the state %T does not fit", s)
		}
		merged := NewState(a)
		merged.Grow(1)
		merged.Merge(s, make([]uint32, s.Len()))
		merged.Value(0)
		again, err := DecodeState(a, s.Columns())
		if err != nil || again.Len() != s.Len() {
			t.Fatalf("the state does not travel on: %v", err)
		}
		for i := range s.Len() {
			if x, y := s.Value(i), again.Value(i); Order(x, y) != 0 {
				t.Fatalf("group %d is %v, then %v", i, x, y)
			}
		}
	})
}

// The seeds must decode, or the fuzz test would show nothing.
func TestFuzzSeedsDecode(t *testing.T) {
	a := &Agg{Kind: AggPercentile, Param: 0.5, Type: storage.TypeFloat64}
	s := newPercentileState(&Agg{Kind: AggPercentile, Param: 0.5})
	s.Grow(3)
	s.Add([]uint32{0, 0, 2}, []float64{1, -4, 9}, nil)
	decoded, err := DecodeState(a, fuzzColumns(columnBytes(s.Columns())))
	if err != nil || decoded.Len() != 3 || decoded.Value(2).Float != 9 || !decoded.Value(1).IsNull() {
		t.Fatalf("%v, %v", decoded, err)
	}
}

func TestDecodeStateRefuses(t *testing.T) {
	percentile := &Agg{Kind: AggPercentile, Param: 0.5, Type: storage.TypeFloat64}
	f := func(name string, a *Agg, cols ...*Vec) {
		t.Helper()
		if _, err := DecodeState(a, cols); err == nil {
			t.Errorf("%s is taken", name)
		} else if !strings.HasPrefix(err.Error(), "cannot read the state of ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	bins := func(pairs ...int64) *Vec {
		var b []byte
		for i := 0; i+1 < len(pairs); i += 2 {
			b = binary.AppendUvarint(binary.AppendVarint(b, pairs[i]), uint64(pairs[i+1]))
		}
		return vecOfStrings([]string{string(b)})
	}
	floats := func(fs ...float64) *Vec { return vecOfFloats(fs) }
	one, _ := binOf(1)
	two, _ := binOf(2)
	if _, err := DecodeState(percentile, []*Vec{floats(1), floats(2), bins(int64(one), 1, int64(two-one), 1)}); err != nil {
		t.Fatal(err)
	}
	f("no columns", percentile)
	f("a nil column", percentile, nil, nil, nil)
	f("min above max", percentile, floats(2), floats(1), bins(int64(two), 1))
	f("NaN", percentile, floats(math.NaN()), floats(1), bins(int64(one), 1))
	nan, _ := binOf(math.NaN())
	f("NaN as max", percentile, floats(1), floats(math.NaN()), bins(int64(one), 1, int64(nan-one), 1))
	f("bins not from min", percentile, floats(1), floats(2), bins(int64(two), 1))
	f("bins not to max", percentile, floats(1), floats(2), bins(int64(one), 1))
	f("descending bins", percentile, floats(1), floats(2), bins(int64(one), 1, int64(two-one), 1, -1, 1, 1, 1))
	f("no weight", percentile, floats(1), floats(1), bins(int64(one), 0))
	f("a bin cut short", percentile, floats(1), floats(1), vecOfStrings([]string{"\x80"}))
	f("a huge step", percentile, floats(1), floats(2), bins(int64(one), 1, math.MaxInt64, 1))
	f("no bins", percentile, floats(1), floats(1), vecOfStrings([]string{""}))
	f("lengths that differ", percentile, floats(1), floats(1, 2), bins(int64(one), 1))

	uniq := &Agg{Kind: AggUniq}
	f("an empty set", uniq, vecOfStrings([]string{""}))
	f("an unknown set", uniq, vecOfStrings([]string{"\x07"}))
	f("half a hash", uniq, vecOfStrings([]string{"\x00\x00"}))
	f("hashes out of order", uniq, vecOfStrings([]string{"\x00" + strings.Repeat("\x01", 8) + strings.Repeat("\x00", 8)}))
	f("a hash twice", uniq, vecOfStrings([]string{"\x00" + strings.Repeat("\x01", 16)}))
	f("too few registers", uniq, vecOfStrings([]string{"\x01" + strings.Repeat("\x00", 100)}))
	f("a register past 51", uniq, vecOfStrings([]string{"\x01" + strings.Repeat("\xff", hllPackedBytes)}))
	f("a null set", uniq, &Vec{Type: storage.TypeString, Strs: []string{"\x00"}, Nulls: []uint64{1}, n: 1})

	words := &Agg{Kind: AggUniqExact, Arg: &Bound{Type: storage.TypeInt64}}
	texts := &Agg{Kind: AggUniqExact, Arg: &Bound{Type: storage.TypeString}}
	f("texts for words", words, vecOfStrings([]string{"\x01"}))
	f("words for texts", texts, vecOfStrings([]string{"\x00"}))
	f("a text past the end", texts, vecOfStrings([]string{"\x01\x05ab"}))
	f("a text of 2^64 - 1", texts, vecOfStrings([]string{"\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"}))
	f("texts out of order", texts, vecOfStrings([]string{"\x01\x01b\x01a"}))
	f("not and exact", words, vecOfStrings([]string{"\x00", "\x02\x00"}))

	f("another type", &Agg{Kind: AggMin, Type: storage.TypeString}, vecOfInts([]int64{1}))
	f("a null time", &Agg{Kind: AggFirst, Type: storage.TypeInt64}, &Vec{Type: storage.TypeInt64, Ints: []int64{1}, Nulls: []uint64{1}, n: 1}, vecOfInts([]int64{1}))
	f("a null count", &Agg{Kind: AggCount}, &Vec{Type: storage.TypeInt64, Ints: []int64{1}, Nulls: []uint64{1}, n: 1})
	f("a short array", &Agg{Kind: AggCount}, &Vec{Type: storage.TypeInt64, Ints: []int64{1}, n: 2})
	f("four columns of a sum", &Agg{Kind: AggSum}, vecOfInts(nil), vecOfInts(nil), vecOfInts(nil), floats())
}

// What states write is the same whenever the same was fed: partials can be compared.
func TestColumnsAreDeterministic(t *testing.T) {
	for _, a := range decodableAggs() {
		var last []byte
		for range 3 {
			s := NewState(&a)
			s.Grow(1)
			for j := range 50 {
				v := storage.Value{Type: storage.TypeString, Str: fmt.Sprint(j % 17)}
				if a.Arg != nil && a.Arg.Type != storage.TypeString {
					v = Coerce(storage.Int(int64(j%17)), a.Arg.Type)
				}
				if a.Arg != nil && a.Arg.Type == storage.TypeNull {
					v = storage.Value{}
				}
				feed(&a, s, 0, &testRow{values: []storage.Value{v}, weight: 1})
			}
			b := columnBytes(s.Columns())
			if last != nil && !bytes.Equal(b, last) {
				t.Fatalf("kind %d writes different columns", a.Kind)
			}
			last = b
		}
	}
}
