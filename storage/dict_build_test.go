package storage

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestDictOfTexts compares the builder with a map, for texts of all lengths that
// differ in their first, last or middle byte only.
func TestDictOfTexts(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	d := new(dictBuilder)
	for _, kinds := range []int{1, 3, 300, 20_000} {
		for _, length := range []int{0, 1, 3, 4, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 100} {
			var data []byte
			var ends []uint32
			for range 3 * kinds {
				text := bytes.Repeat([]byte{'-'}, r.IntN(length+1))
				if len(text) > 0 {
					copy(text[r.IntN(len(text)):], fmt.Sprint(r.IntN(kinds)))
				}
				data = append(data, text...)
				ends = append(ends, uint32(len(data)))
			}
			if !d.texts(data, ends, dictEntriesMax) {
				continue // too many for a dictionary
			}
			d.sortTexts(data, ends)
			want := map[string]bool{}
			for i := range ends {
				want[string(textAt(data, ends, i))] = true
				if got := textAt(data, ends, int(d.first[d.codes[i]])); !bytes.Equal(got, textAt(data, ends, i)) {
					t.Fatalf("value %d is %q, its entry %q", i, textAt(data, ends, i), got)
				}
			}
			if len(want) != len(d.first) {
				t.Fatalf("%d entries of %d texts", len(d.first), len(want))
			}
			for i := 1; i < len(d.first); i++ {
				if bytes.Compare(textAt(data, ends, int(d.first[i-1])), textAt(data, ends, int(d.first[i]))) >= 0 {
					t.Fatalf("entries %d and %d are out of order", i-1, i)
				}
			}
		}
	}
}

// TestDictOfNumbers does the same for numbers, close together and far apart.
func TestDictOfNumbers(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	d := new(dictBuilder)
	for _, shift := range []int{0, 30, 50, 58, 63} {
		for _, n := range []int{1, 10, 1000, 30_000} {
			keys := make([]int64, n)
			for i := range keys {
				keys[i] = int64(r.Uint64())>>shift - 5
			}
			sorted := slices.Compact(slices.Sorted(slices.Values(keys)))
			if ok := d.numbers(keys, sorted[0], sorted[len(sorted)-1], len(sorted)-1); ok {
				t.Fatalf("%d of %d entries fit", len(sorted), len(sorted)-1)
			}
			if !d.numbers(keys, sorted[0], sorted[len(sorted)-1], dictEntriesMax) {
				continue
			}
			d.sortNumbers()
			if !slices.Equal(d.keys, sorted) {
				t.Fatalf("shift %d: %d entries, want %d", shift, len(d.keys), len(sorted))
			}
			for i, key := range keys {
				if d.keys[d.codes[i]] != key || keys[d.first[d.codes[i]]] != key {
					t.Fatalf("value %d is %d, its entry %d", i, key, d.keys[d.codes[i]])
				}
			}
		}
	}
}

// TestDictGivesUp holds that a column of unique texts is not numbered to its end.
func TestDictGivesUp(t *testing.T) {
	var data []byte
	var ends []uint32
	for i := range RowsPerBlockMax {
		data = fmt.Append(data, i)
		ends = append(ends, uint32(len(data)))
	}
	d := new(dictBuilder)
	if d.texts(data, ends, dictEntriesMax) {
		t.Error("unique texts make a dictionary")
	}
	if len(d.codes) > 2*distinctCheckAt {
		t.Errorf("it took %d texts to see it", len(d.codes))
	}
}

// TestCollisions holds that keys made to collide cost a bounded number of steps:
// the builder gives up instead of comparing each with all before it.
func TestCollisions(t *testing.T) {
	var keys []int64
	for key := int64(0); len(keys) < 3000; key++ {
		if hashInt(key<<20)&(1<<14-1) == 0 {
			keys = append(keys, key<<20)
		}
	}
	d := new(dictBuilder)
	if d.numbers(keys, slices.Min(keys), slices.Max(keys), dictEntriesMax) {
		t.Error("3,000 keys with one place in the table make a dictionary")
	}
	batch := NewBatch()
	slot := batch.Slot([]byte("x"))
	for i := range 10_000 {
		batch.SetInt(slot, keys[i%len(keys)])
		batch.EndRow(0)
	}
	data, _ := sealed(t, batch, BlockOptions{Richness: Rich})
	ints, err := mustOpen(t, data).Find("x")[0].Ints(nil)
	if err != nil {
		t.Fatal(err)
	}
	for row, x := range ints {
		if x != keys[row%len(keys)] {
			t.Fatalf("row %d is %d", row, x)
		}
	}
}

// TestCollidingTexts is TestCollisions for texts.
func TestCollidingTexts(t *testing.T) {
	if underRace {
		t.Skip("SKIP: 50 million hashes in one goroutine: the run without the race detector does them")
	}
	var data []byte
	var ends []uint32
	for i := 0; len(ends) < 3000; i++ {
		from := len(data)
		data = fmt.Appendf(data, "%08x", i)
		if _, h := keyOf(data, uint32(from), uint32(len(data))); h&(1<<14-1) != 0 {
			data = data[:from]
			continue
		}
		ends = append(ends, uint32(len(data)))
	}
	if new(dictBuilder).texts(data, ends, dictEntriesMax) {
		t.Error("3,000 texts with one place in the table make a dictionary")
	}
}

func TestSortPairs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{0, 1, 2, 511, 512, 5000} {
		for _, shift := range []int{0, 20, 52, 63} {
			pairs := make([]sortPair, n)
			for i := range pairs {
				pairs[i] = sortPair{key: r.Uint64() >> shift << (shift / 2), id: uint32(i)}
			}
			testSorts(t, fmt.Sprintf("shift %d", shift), pairs)
		}
		// Nearly in order, of which more and more are too far from their places.
		for _, jitter := range []int{1, 9, 20, 60, 4000} {
			pairs := make([]sortPair, n)
			for i := range pairs {
				pairs[i] = sortPair{key: uint64(8*i + r.IntN(jitter) + r.IntN(1+jitter*i/(n+1))), id: uint32(i)}
			}
			testSorts(t, fmt.Sprintf("jitter %d", jitter), pairs)
		}
	}
}

func testSorts(t *testing.T, how string, pairs []sortPair) {
	t.Helper()
	want := slices.Clone(pairs)
	slices.SortStableFunc(want, func(a, b sortPair) int { return cmp.Compare(a.key, b.key) })
	sortPairs(pairs, nil)
	if !slices.Equal(pairs, want) {
		t.Fatalf("%d pairs, %s: out of order", len(pairs), how)
	}
}

// BenchmarkSortPairs sorts the times of rows: in order but for a jitter of so many
// times their distance, and in none.
func BenchmarkSortPairs(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	for name, jitter := range map[string]int{"jitter=2": 2, "jitter=20": 20, "jitter=all": RowsPerBlockMax} {
		in := make([]sortPair, RowsPerBlockMax)
		for i := range in {
			in[i] = sortPair{key: uint64(i*8640+r.IntN(8640*jitter)) * 1000, id: uint32(i)}
		}
		b.Run(name, func(b *testing.B) {
			pairs, spare, before := make([]sortPair, len(in)), []sortPair(nil), cpuTime(b)
			for b.Loop() {
				copy(pairs, in)
				spare = sortPairs(pairs, spare)
			}
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N*len(in)), "cpu-ns/row")
		})
	}
}

func TestFloatKeys(t *testing.T) {
	for _, a := range edgeFloats {
		if got := floatOfKey(floatKey(a)); !sameValue(Float(got), Float(a)) {
			t.Errorf("%v comes back as %v", a, got)
		}
		for _, b := range edgeFloats {
			want := compareEntries(Float(a), Float(b))
			if got := compareEntries(Int(floatKey(a)), Int(floatKey(b))); got != want {
				t.Errorf("keys of %v and %v compare as %d, want %d", a, b, got, want)
			}
		}
	}
}

func TestWeight(t *testing.T) {
	f := func(v Value, want uint64) {
		t.Helper()
		if got := Weight(v); got != want {
			t.Errorf("weight of %v is %d, want %d", v, got, want)
		}
	}
	f(Value{}, 1)
	f(Int(0), 1)
	f(Int(-5), 1)
	f(Int(1), 1)
	f(Int(100), 100)
	f(Float(100), 100)
	f(Float(2.5), 1)
	f(Float(-3), 1)
	f(Float(1e300), 1)
	f(String("100"), 1)
	f(Bool(true), 1)
}
