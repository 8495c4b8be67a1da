package storage

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// materialise reads all rows of a column by the accessor of its shape.
func materialise(t testing.TB, c *Column) []Value {
	t.Helper()
	values, err := readAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func readAll(c *Column) ([]Value, error) {
	values := make([]Value, c.Rows())
	var err error
	switch c.Shape() {
	case ShapeCodes:
		var codes Codes
		if codes, err = c.Codes(); err != nil {
			return nil, err
		}
		for row, code := range codes.Unpack16(nil) {
			if int(code) < codes.Entries {
				values[row] = c.Entry(int(code))
			} else if !codes.HasNull || int(code) > codes.Entries {
				return nil, fmt.Errorf("code %d of %d entries", code, codes.Entries)
			}
		}
		return values, nil
	case ShapeInts:
		var ints []int64
		ints, err = c.Ints(nil)
		for row, x := range ints {
			values[row] = Value{Type: c.Type(), Int: x}
		}
	case ShapeFloats:
		var floats []float64
		floats, err = c.Floats(nil)
		for row, x := range floats {
			values[row] = Float(x)
		}
	case ShapeText:
		var text Text
		text, err = c.Text(new(TextBuf))
		for row := range text.Len() {
			values[row] = String(string(text.At(row)))
		}
	case ShapeLists:
		var lists Lists
		if lists, err = c.Lists(new(ListBuf)); err != nil {
			return nil, err
		}
		for row := range values {
			items := []string{}
			for from, to := lists.Range(row); from < to; from++ {
				items = append(items, string(lists.Item(from)))
			}
			values[row] = List(items)
		}
	}
	if err != nil {
		return nil, err
	}
	if valid := c.Valid(); valid != nil {
		for row := range values {
			if !bitSet(valid, row) {
				if !isEmpty(values[row]) {
					return nil, fmt.Errorf("null row %d holds %v", row, values[row])
				}
				values[row] = Value{}
			}
		}
	}
	return values, nil
}

func isEmpty(v Value) bool {
	return v.Int == 0 && v.Float == 0 && v.Str == "" && len(v.List) == 0
}

// everyBlock makes blocks of every kind of column in several sizes.
func everyBlock(t *testing.T, f func(t *testing.T, b *Block, data []byte)) {
	for _, n := range []int{1, 2, 70, 2100} {
		if underRace && n > 70 {
			continue // one goroutine: the run without the race detector does it
		}
		for _, richness := range []Richness{Cheap, Rich} {
			t.Run(fmt.Sprintf("rows=%d,rich=%d", n, richness), func(t *testing.T) {
				batch := NewBatch()
				fill(batch, randomRows(rand.New(rand.NewPCG(uint64(n), 5)), n, 1e9))
				data, _ := sealed(t, batch, BlockOptions{Richness: richness})
				f(t, mustOpen(t, data), data)
			})
		}
	}
}

func TestAccessorsAgree(t *testing.T) {
	seen := map[Encoding]bool{}
	everyBlock(t, func(t *testing.T, b *Block, _ []byte) {
		for _, c := range b.Columns() {
			seen[c.Encoding()] = true
			nulls := 0
			valid := c.Valid()
			for row, got := range materialise(t, c) {
				want, err := c.ValueAt(row)
				if err != nil {
					t.Fatal(err)
				}
				if !sameValue(got, want) {
					t.Fatalf("%s (%v): row %d is %v, by ValueAt %v", c.Name(), c.Encoding(), row, got, want)
				}
				if want.IsNull() {
					nulls++
				}
				if isValid := valid == nil || bitSet(valid, row); isValid == want.IsNull() {
					t.Fatalf("%s (%v): row %d: valid %v, value %v", c.Name(), c.Encoding(), row, isValid, want)
				}
			}
			if nulls != c.NullCount() {
				t.Errorf("%s: %d nulls, directory says %d", c.Name(), nulls, c.NullCount())
			}
		}
	})
	for e := EncConstant; e < encodingsEnd; e++ {
		if !seen[e] && !underRace { // some take more rows
			t.Errorf("no column is encoded as %v", e)
		}
	}
}

// TestExpansion holds Ints, Floats and Text over columns of codes.
func TestExpansion(t *testing.T) {
	everyBlock(t, func(t *testing.T, b *Block, _ []byte) {
		for _, c := range b.Columns() {
			if c.Shape() != ShapeCodes {
				continue
			}
			for row, want := range materialise(t, c) {
				if row > 100 {
					break
				}
				var got Value
				switch c.Type() {
				case TypeString:
					text, err := c.Text(new(TextBuf))
					if err != nil {
						t.Fatal(err)
					}
					got = String(string(text.At(row)))
				case TypeFloat64:
					floats, err := c.Floats(nil)
					if err != nil {
						t.Fatal(err)
					}
					got = Float(floats[row])
				default:
					ints, err := c.Ints(nil)
					if err != nil {
						t.Fatal(err)
					}
					got = Value{Type: c.Type(), Int: ints[row]}
				}
				if want.IsNull() && isEmpty(got) {
					continue
				}
				if !sameValue(got, want) {
					t.Fatalf("%s (%v): row %d is %v, want %v", c.Name(), c.Encoding(), row, got, want)
				}
			}
		}
	})
}

func TestCodes(t *testing.T) {
	everyBlock(t, func(t *testing.T, b *Block, _ []byte) {
		rate := b.Find(SampleRateColumn)
		for _, c := range b.Columns() {
			if c.Shape() != ShapeCodes {
				continue
			}
			codes, err := c.Codes()
			if err != nil {
				t.Fatal(err)
			}
			if spare := cap(codes.Packed) - len(codes.Packed); codes.Rare == nil && spare < tailBytes {
				t.Errorf("%s: %d bytes after the codes", c.Name(), spare)
			}
			for i := 1; i < codes.Entries; i++ {
				if compareEntries(c.Entry(i-1), c.Entry(i)) >= 0 {
					t.Errorf("%s: entry %v before %v", c.Name(), c.Entry(i-1), c.Entry(i))
				}
			}
			wide := codes.Unpack16(slices.Repeat([]uint16{0xffff}, codes.Rows))
			if codes.Width <= 8 {
				for row, code := range codes.Unpack8(slices.Repeat([]uint8{0xff}, codes.Rows)) {
					if int(code) != int(wide[row]) || int(code) != codes.At(row) {
						t.Fatalf("%s: row %d has code %d as byte, %d wide, %d alone", c.Name(), row, code, wide[row], codes.At(row))
					}
				}
			}
			checkCounts(t, c, codes, wide, rate)
		}
	})
}

func compareEntries(a, b Value) int {
	switch a.Type {
	case TypeString:
		return bytes.Compare([]byte(a.Str), []byte(b.Str))
	case TypeFloat64:
		if a.Float != a.Float || b.Float != b.Float { // NaN is the largest
			return nanRank(a.Float) - nanRank(b.Float)
		}
		return cmp.Compare(a.Float, b.Float)
	}
	return cmp.Compare(a.Int, b.Int)
}

func nanRank(x float64) int {
	if x != x {
		return 1
	}
	return 0
}

func checkCounts(t *testing.T, c *Column, codes Codes, wide []uint16, rate []*Column) {
	if codes.Counts == nil {
		if b := c.block.header; b.Rows >= statsRowsMin && codes.Width > 0 && codes.Entries < countedEntriesMax && (c.Encoding() == EncDict || c.Encoding() == EncBase) {
			t.Errorf("%s: %d entries and no counts", c.Name(), codes.Entries)
		}
		return
	}
	counts, weights := make([]uint32, len(codes.Counts)), make([]uint64, len(codes.Counts))
	for row, code := range wide {
		w := uint64(1)
		for _, r := range rate {
			v, err := r.ValueAt(row)
			if err != nil {
				t.Fatal(err)
			}
			w = max(w, Weight(v))
		}
		counts[code]++
		weights[code] += w
	}
	if !slices.Equal(counts, codes.Counts) {
		t.Errorf("%s: counts %v, want %v", c.Name(), codes.Counts, counts)
	}
	if codes.Weights != nil && !slices.Equal(weights, codes.Weights) {
		t.Errorf("%s: weights %v, want %v", c.Name(), codes.Weights, weights)
	}
	total := uint64(0)
	for _, w := range weights {
		total += w
	}
	if total != c.block.header.Weight {
		t.Errorf("%s: weight of all rows %d, header says %d", c.Name(), total, c.block.header.Weight)
	}
}

func TestStats(t *testing.T) {
	everyBlock(t, func(t *testing.T, b *Block, _ []byte) {
		for _, c := range b.Columns() {
			low, high, distinct, ok := c.Stats()
			if !ok {
				if b.Header().Rows >= statsRowsMin && c.Encoding() != EncConstant && c.Type() != TypeString && c.Type() != TypeList && c.Bytes() > 8 && c.inner != EncConstant {
					t.Errorf("%s (%v): no statistics", c.Name(), c.Encoding())
				}
				continue
			}
			var values []Value
			for _, v := range materialise(t, c) {
				if !v.IsNull() {
					values = append(values, v)
				}
			}
			slices.SortFunc(values, compareEntries)
			if !low.IsNull() && (!sameValue(low, values[0]) || !sameValue(high, values[len(values)-1])) {
				t.Errorf("%s: from %v to %v, want %v to %v", c.Name(), low, high, values[0], values[len(values)-1])
			}
			if low.IsNull() != (c.Type() == TypeString) {
				t.Errorf("%s: smallest is %v", c.Name(), low)
			}
			values = slices.CompactFunc(values, func(a, b Value) bool { return compareEntries(a, b) == 0 })
			if distinct != 0 && distinct != len(values) {
				t.Errorf("%s: %d distinct, want %d", c.Name(), distinct, len(values))
			}
		}
	})
}

func TestTextOfSomeRows(t *testing.T) {
	everyBlock(t, func(t *testing.T, b *Block, _ []byte) {
		r := rand.New(rand.NewPCG(1, uint64(b.Header().Rows)))
		for _, c := range b.Columns() {
			if c.Type() != TypeString {
				continue
			}
			all := materialise(t, c)
			for range 5 {
				sel := make([]uint64, bitmapWords(c.Rows()))
				for range r.IntN(4) {
					row := r.IntN(c.Rows())
					sel[row>>6] |= 1 << (row & 63)
				}
				text, err := c.TextOf(sel, new(TextBuf))
				if err != nil {
					t.Fatal(err)
				}
				for row := range c.Rows() {
					got, want := string(text.At(row)), all[row].Str
					if got != want && (bitSet(sel, row) || got != "") {
						t.Fatalf("%s (%v): row %d is %q, want %q", c.Name(), c.Encoding(), row, got, want)
					}
				}
			}
		}
	})
}

// TestFramesAreSkipped counts what TextOf decompresses.
func TestFramesAreSkipped(t *testing.T) {
	batch := NewBatch()
	slot := batch.Slot([]byte("m"))
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 20_000 {
		batch.SetString(slot, []byte(randomProse(r)))
		batch.EndRow(int64(i))
	}
	data, _ := sealed(t, batch, BlockOptions{Richness: Rich})
	c := mustOpen(t, data).Find("m")[0]
	if c.Encoding() != EncZstd {
		t.Fatalf("messages are encoded as %v", c.Encoding())
	}
	sel := make([]uint64, bitmapWords(c.Rows()))
	sel[10_000>>6] = 1
	text, err := c.TextOf(sel, new(TextBuf))
	if err != nil {
		t.Fatal(err)
	}
	if size := len(text.Bytes); size == 0 || size > 2*frameTextMin {
		t.Errorf("%d bytes for one row, a frame has %d", size, frameTextMin)
	}
}

func TestSparse(t *testing.T) {
	everyBlock(t, func(t *testing.T, b *Block, _ []byte) {
		for _, c := range b.Columns() {
			rows, ok := c.Sparse()
			if ok != (c.Encoding() == EncSparse) {
				t.Fatalf("%s (%v) is sparse: %v", c.Name(), c.Encoding(), ok)
			}
			if !ok {
				continue
			}
			var want []uint16
			values := materialise(t, c)
			for row, v := range values {
				if !v.IsNull() {
					want = append(want, uint16(row))
				}
			}
			if !slices.Equal(rows, want) {
				t.Errorf("%s: rows %v, want %v", c.Name(), rows, want)
			}
			codes, ok := c.SparseCodes()
			if ok != (c.Shape() == ShapeCodes) {
				t.Errorf("%s: codes of the rows: %v", c.Name(), ok)
			}
			for i := range codes.Rows {
				if got := c.Entry(codes.At(i)); !sameValue(got, values[rows[i]]) {
					t.Errorf("%s: row %d is %v, want %v", c.Name(), rows[i], got, values[rows[i]])
				}
			}
		}
	})
}

func TestFind(t *testing.T) {
	everyBlock(t, func(t *testing.T, b *Block, _ []byte) {
		found := 0
		for i, c := range b.Columns() {
			if i > 0 && b.Columns()[i-1].Name() == c.Name() {
				continue
			}
			for _, same := range b.Find(c.Name()) {
				if same.Name() != c.Name() {
					t.Errorf("found %q for %q", same.Name(), c.Name())
				}
				found++
			}
		}
		if found != len(b.Columns()) {
			t.Errorf("found %d columns of %d", found, len(b.Columns()))
		}
		if b.Find("no such column") != nil || b.Find("") != nil || b.Find("zzz") != nil {
			t.Error("found a column that is not there")
		}
	})
}

func TestDamagedColumn(t *testing.T) {
	batch := NewBatch()
	fill(batch, randomRows(rand.New(rand.NewPCG(9, 9)), 2000, 0))
	data, _ := sealed(t, batch, BlockOptions{Richness: Rich})
	for i := range mustOpen(t, data).Columns() {
		damaged := bytes.Clone(data)
		b := mustOpen(t, damaged)
		c := b.Columns()[i]
		if c.flags&flagInline != 0 {
			continue
		}
		c.data = bytes.Clone(c.data)
		c.data[len(c.data)/2] ^= 4
		var damage *DamageError
		if err := c.Check(); !errors.As(err, &damage) || damage.Column != c.Name() || damage.Block != (BlockID{7, 42}) {
			t.Errorf("damage of %s: %v", c.Name(), err)
		}
		if _, err := readAll(c); !errors.As(err, &damage) {
			t.Errorf("reading a damaged %s: %v", c.Name(), err)
		}
		if _, err := c.ValueAt(0); err == nil {
			t.Errorf("value of a damaged %s", c.Name())
		}
		if valid := c.Valid(); c.NullCount() > 0 && countOnes(valid) != 0 {
			t.Errorf("damaged %s has valid rows", c.Name())
		}
	}
}

// TestConcurrentReaders touches every column for the first time from several
// goroutines; the race detector watches.
func TestConcurrentReaders(t *testing.T) {
	b := mustOpen(t, smallBlock(t, Rich, 1100))
	errs := make(chan error, 4)
	for range cap(errs) {
		go func() {
			var err error
			for _, c := range b.Columns() {
				_, e := readAll(c)
				err = errors.Join(err, e)
			}
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}
