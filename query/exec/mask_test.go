package exec

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/kelpdb/kelp/storage"
)

// sizes of columns around the borders of words and blocks.
var maskSizes = []int{0, 1, 63, 64, 65, 127, 128, 1000, 4096, 65_535, 65_536}

func TestMaskRange8(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, size := range maskSizes {
		codes := make([]uint8, size)
		for i := range codes {
			codes[i] = uint8(r.Uint32())
		}
		for _, lo := range []int{0, 1, 17, 128, 255} {
			for _, n := range []int{0, 1, 2, 100, 127, 128, 200, 255, 256} {
				if lo+n > 256 {
					continue
				}
				in := func(i int) bool { return int(codes[i]) >= lo && int(codes[i]) < lo+n }
				checkMask(t, size, in, func(dst []uint64) { maskRange8(dst, codes, uint8(lo), n) })
				checkMask(t, size, in, func(dst []uint64) { maskRange8Plain(dst, codes, uint8(lo), n) })
				var table [256]uint8
				for c := lo; c < lo+n; c++ {
					table[c] = 1
				}
				checkMask(t, size, in, func(dst []uint64) { maskTable8(dst, codes, &table) })
			}
		}
	}
}

func TestMaskRange16(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, size := range maskSizes {
		codes := make([]uint16, size)
		for i := range codes {
			codes[i] = uint16(r.Uint32())
		}
		for _, lo := range []int{0, 1, 40_000, 65_535} {
			for _, n := range []int{0, 1, 255, 256, 32_768, 65_535, 65_536} {
				if lo+n > 65_536 {
					continue
				}
				in := func(i int) bool { return int(codes[i]) >= lo && int(codes[i]) < lo+n }
				checkMask(t, size, in, func(dst []uint64) { maskRange16(dst, codes, uint16(lo), n) })
				checkMask(t, size, in, func(dst []uint64) { maskRange16Plain(dst, codes, uint16(lo), n) })
				table := make([]uint8, 65_536)
				for c := lo; c < lo+n; c++ {
					table[c] = 1
				}
				checkMask(t, size, in, func(dst []uint64) { maskTable16(dst, codes, table) })
			}
		}
	}
}

func TestMaskInts(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	edges := []int64{math.MinInt64, math.MinInt64 + 1, -1, 0, 1, 5, math.MaxInt64 - 1, math.MaxInt64}
	for _, size := range maskSizes {
		values := make([]int64, size)
		for i := range values {
			values[i] = r.Int64N(20) - 10
			if r.IntN(3) == 0 {
				values[i] = edges[r.IntN(len(edges))]
			}
		}
		for _, lo := range edges {
			for _, hi := range edges {
				if hi < lo {
					continue
				}
				in := func(i int) bool { return values[i] >= lo && values[i] <= hi }
				span := uint64(hi) - uint64(lo)
				checkMask(t, size, in, func(dst []uint64) { maskInts(dst, values, lo, span) })
				checkMask(t, size, in, func(dst []uint64) { maskIntsPlain(dst, values, lo, span) })
			}
		}
	}
}

func TestMaskFloats(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	edges := []float64{
		math.Inf(-1), -math.MaxFloat64, -1.5, -math.SmallestNonzeroFloat64, math.Copysign(0, -1), 0,
		math.SmallestNonzeroFloat64, 1, 2.5, math.MaxFloat64, math.Inf(1),
		math.NaN(), math.Float64frombits(0xfff8_0000_0000_0001),
	}
	for _, size := range maskSizes {
		values := make([]float64, size)
		for i := range values {
			values[i] = edges[r.IntN(len(edges))]
		}
		for _, lo := range edges[:len(edges)-2] {
			key := floatKey(lo)
			above := func(i int) bool { return values[i] >= lo || math.IsNaN(values[i]) }
			span := uint64(floatKey(math.Inf(-1))-1) - uint64(key)
			checkMask(t, size, above, func(dst []uint64) { maskFloats(dst, values, key, span) })
			checkMask(t, size, above, func(dst []uint64) { maskFloatsPlain(dst, values, key, span) })
			least := floatKey(math.Inf(-1))
			below := func(i int) bool { return values[i] <= lo }
			checkMask(t, size, below, func(dst []uint64) { maskFloats(dst, values, least, uint64(key-least)) })
			checkMask(t, size, below, func(dst []uint64) { maskFloatsPlain(dst, values, least, uint64(key-least)) })
		}
	}
}

// checkMask runs a kernel over a dirty bitmap and compares it bit by bit.
func checkMask(t *testing.T, size int, in func(i int) bool, kernel func(dst []uint64)) {
	t.Helper()
	dst := make([]uint64, words(size))
	for i := range dst {
		dst[i] = 0xdead_beef_dead_beef
	}
	kernel(dst)
	for i := range len(dst) * 64 {
		want := i < size && in(i)
		if bitmap(dst).has(i) != want {
			t.Fatalf("size %d: bit %d is %v, want %v", size, i, !want, want)
		}
	}
}

func TestBitmap(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for _, size := range maskSizes {
		b := make(bitmap, words(size))
		b.setAll(size)
		if b.count() != size || len(appendPositions(nil, b)) != size {
			t.Fatalf("all of %d: %d", size, b.count())
		}
		b.clear()
		var want []uint16
		for i := range size {
			if r.IntN(4) == 0 {
				b.set(i)
				want = append(want, uint16(i))
			}
		}
		got := appendPositions(nil, b)
		if len(got) != len(want) || b.count() != len(want) || b.empty() != (len(want) == 0) {
			t.Fatalf("size %d: %d positions, want %d", size, len(got), len(want))
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("position %d is %d, want %d", i, got[i], want[i])
			}
		}
		first, last, ok := b.span()
		if ok != (len(want) > 0) || ok && (first != int(want[0]) || last != int(want[len(want)-1])) {
			t.Fatalf("span %d %d %v", first, last, ok)
		}
	}
}

func BenchmarkMask(b *testing.B) {
	const rows = 65_536
	r := rand.New(rand.NewPCG(1, 1))
	codes8, codes16 := make([]uint8, rows), make([]uint16, rows)
	ints, floats := make([]int64, rows), make([]float64, rows)
	for i := range rows {
		codes8[i], codes16[i] = uint8(r.Uint32()), uint16(r.Uint32N(10_000))
		ints[i], floats[i] = r.Int64N(1000), r.NormFloat64()
	}
	dst := make([]uint64, words(rows))
	var table [256]uint8
	table[3], table[77] = 1, 1
	run := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
		})
	}
	run("range8", func() { maskRange8(dst, codes8, 10, 20) })
	run("range8-plain", func() { maskRange8Plain(dst, codes8, 10, 20) })
	run("range16", func() { maskRange16(dst, codes16, 10, 200) })
	run("range16-plain", func() { maskRange16Plain(dst, codes16, 10, 200) })
	run("table8", func() { maskTable8(dst, codes8, &table) })
	run("ints", func() { maskInts(dst, ints, 10, 200) })
	run("ints-plain", func() { maskIntsPlain(dst, ints, 10, 200) })
	run("floats", func() { maskFloats(dst, floats, floatKey(0), 1<<60) })
	run("floats-plain", func() { maskFloatsPlain(dst, floats, floatKey(0), 1<<60) })
}

func TestUnpackBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	for _, width := range []int{0, 1, 2, 4, 8} {
		for _, rows := range maskSizes[1:] {
			packed := make([]byte, (rows*max(width, 1)+7)/8+64)
			for i := range packed {
				packed[i] = uint8(r.Uint32())
			}
			c := storage.Codes{Width: width, Packed: packed, Rows: rows}
			got := unpackBytes(make([]uint8, rows), c)
			if len(got) != rows {
				t.Fatalf("%d codes of %d", len(got), rows)
			}
			for i := range got {
				if int(got[i]) != c.At(i) {
					t.Fatalf("width %d, %d rows: code %d is %d, want %d", width, rows, i, got[i], c.At(i))
				}
			}
			if width != 1 {
				continue
			}
			for _, pass := range [][2]bool{{false, false}, {false, true}, {true, false}, {true, true}} {
				in := func(i int) bool { return pass[c.At(i)] }
				checkMask(t, rows, in, func(dst []uint64) { maskBits(dst, c, pass[0], pass[1]) })
			}
		}
	}
}

// nearlyConstant is a column of which all rows but every step-th have one value, as
// a block stores it; entries is the number of other values.
func nearlyConstant(t testing.TB, rows, step, entries int, richness storage.Richness) *storage.Column {
	t.Helper()
	b := storage.NewBatch()
	for row := range rows {
		v := int64(0)
		if row%step == step-1 {
			v = int64(row/step%entries + 1)
			if entries%2 == 0 {
				v = -v // the base is the last entry
			}
		}
		b.SetInt(b.Slot([]byte("x")), v)
		b.EndRow(int64(row))
	}
	data, _, err := storage.AppendBlock(nil, b, storage.BlockOptions{Richness: richness})
	if err != nil {
		t.Fatal(err)
	}
	storage.SealBlock(data, storage.BlockID{Epoch: 1, Seq: 1})
	block, err := storage.OpenBlock(data)
	if err != nil {
		t.Fatal(err)
	}
	return block.Find("x")[0]
}

func TestMaskRare(t *testing.T) {
	for _, rows := range []int{1000, 1024, 8191} {
		for _, entries := range []int{5, 8, 30} {
			c := nearlyConstant(t, rows, 100, entries, storage.Rich)
			codes, err := c.Codes()
			if err != nil {
				t.Fatal(err)
			}
			if codes.Rare == nil {
				t.Fatalf("%d rows of %d entries are encoded as %v", rows, entries, c.Encoding())
			}
			for _, passing := range [][]int{{}, {codes.Base}, {0, 1}, {entries}, {0, codes.Base, entries}} {
				passes := make([]uint8, 256)
				for _, code := range passing {
					passes[code] = 1
				}
				in := func(i int) bool { return passes[codes.At(i)] != 0 }
				rare := codes.RareCodes()
				checkMask(t, rows, in, func(dst []uint64) {
					maskRare(dst, rows, uint16(codes.Base), codes.Rare, rare.Unpack8(nil), passes)
				})
				checkMask(t, rows, in, func(dst []uint64) {
					maskRare(dst, rows, uint16(codes.Base), codes.Rare, rare.Unpack16(nil), passes)
				})
			}
		}
	}
}

// BenchmarkMaskRare filters nearly constant columns, with a base and as a dictionary.
func BenchmarkMaskRare(b *testing.B) {
	for _, entries := range []int{1, 3, 15, 200} {
		for _, step := range []int{1000, 100, 35} {
			for _, richness := range []storage.Richness{storage.Cheap, storage.Rich} {
				c := nearlyConstant(b, storage.RowsPerBlockMax, step, entries, richness)
				if richness == storage.Rich && c.Encoding() != storage.EncBase {
					continue
				}
				b.Run(fmt.Sprintf("entries=%d/one-in=%d/%v", entries+1, step, c.Encoding()), func(b *testing.B) {
					v, stored := &blockView{scratch: new(scratch), rows: storage.RowsPerBlockMax}, &storedColumn{}
					table := codeTable{passes: make([]uint8, 256)}
					table.passes[1] = 1
					dst := make(bitmap, words(v.rows))
					for b.Loop() {
						v.reset()
						*stored = storedColumn{Column: c}
						if err := v.loadHead(stored); err != nil {
							b.Fatal(err)
						}
						if err := table.mask(v, stored, dst, false); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*v.rows), "ns/row")
					b.ReportMetric(float64(c.Bytes())/float64(v.rows), "bytes/row")
				})
			}
		}
	}
}

func TestScaleBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(33, 34))
	for _, rows := range maskSizes {
		codes, base := make([]uint8, rows), make([]uint16, rows)
		for i := range codes {
			codes[i], base[i] = uint8(r.Uint32()), uint16(r.Uint32())
		}
		for _, stride := range []uint16{0, 1, 7, 255, 256, 1000} {
			scaled, added := make([]uint16, rows), append([]uint16(nil), base...)
			scaleBytes(scaled, codes, stride)
			addBytes(added, codes, stride)
			for i, c := range codes {
				if want := uint16(c) * stride; scaled[i] != want || added[i] != base[i]+want {
					t.Fatalf("%d rows: row %d is %d and %d, want %d more", rows, i, scaled[i], added[i], want)
				}
			}
		}
	}
}
