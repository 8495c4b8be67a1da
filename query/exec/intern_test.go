package exec

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestIntTable(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var table intTable
	model := map[int64]uint32{}
	for range 200_000 {
		v := r.Int64N(30_000) << (r.IntN(5) * 10)
		want, ok := model[v]
		if !ok {
			if got := table.id(v, false); got != noID {
				t.Fatalf("unknown %d is %d", v, got)
			}
			want = uint32(len(model))
			model[v] = want
		}
		if got := table.id(v, true); got != want || table.values[got] != v {
			t.Fatalf("id of %d is %d, want %d", v, got, want)
		}
	}
}

func TestByteTable(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var table byteTable
	model := map[string]uint32{}
	for range 200_000 {
		v := make([]byte, r.IntN(40))
		for i := range v {
			v[i] = byte(r.IntN(2))
		}
		if len(v) > 12 {
			clear(v[12:])
		}
		want, ok := model[string(v)]
		if !ok {
			if got := table.id(v, false); got != noID {
				t.Fatalf("unknown %q is %d", v, got)
			}
			want = uint32(len(model))
			model[string(v)] = want
		}
		if got := table.id(v, true); got != want || string(table.appendAt(nil, int(got))) != string(v) {
			t.Fatalf("id of %q is %d, want %d", v, got, want)
		}
	}
}

func TestGroupIndex(t *testing.T) {
	for _, c := range []struct{ keys, spread int }{{1, 5}, {1, 1 << 23}, {2, 30}, {2, 4000}, {3, 20}, {3, 300}, {5, 4}} {
		r := rand.New(rand.NewPCG(uint64(c.keys), uint64(c.spread)))
		x := newGroupIndex(c.keys, 50_000, new(spares))
		model := map[string]uint32{}
		ids := make([]uint32, c.keys)
		for range 100_000 {
			for k := range ids {
				ids[k] = r.Uint32N(uint32(c.spread))
			}
			name := fmt.Sprint(ids)
			want, ok := model[name]
			if !ok {
				want = uint32(len(model))
				if want >= 50_000 {
					want = noID
				} else {
					model[name] = want
				}
			}
			got := x.find(ids)
			if got != want || got != noID && !equalTuples(x.tuple(int(got)), ids) {
				t.Fatalf("%d keys of %d: group of %v is %d, want %d", c.keys, c.spread, ids, got, want)
			}
		}
		if x.groups != len(model) {
			t.Fatalf("%d groups, want %d", x.groups, len(model))
		}
	}
}

func BenchmarkIntern(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	const rows = 65_536
	ints := make([]int64, rows)
	texts := make([][]byte, rows)
	for i := range ints {
		n := r.IntN(1_000_000)
		ints[i], texts[i] = int64(n), fmt.Appendf(nil, "user-%06d", n)
	}
	run := func(name string, f func()) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
		})
	}
	var it intTable
	run("ints", func() {
		for _, v := range ints {
			it.id(v, true)
		}
	})
	var bt byteTable
	run("bytes", func() {
		for _, v := range texts {
			bt.id(v, true)
		}
	})
	x := newGroupIndex(2, 1<<20, new(spares))
	run("groups", func() {
		var ids [2]uint32
		for _, v := range ints {
			ids[0], ids[1] = uint32(v)&1023, uint32(v)>>10
			x.find(ids[:])
		}
	})
}
