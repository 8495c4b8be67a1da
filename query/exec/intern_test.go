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
		x := newGroupIndex(c.keys, 50_000, noSpares())
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

// TestFindAll: groups found together are those found one by one, where ids are
// refused and where there are enough groups, too.
func TestFindAll(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 1))
	refusals := 0
	for range 60 {
		keys, limit, spread := 2+r.IntN(2), 100+r.IntN(5000), 1+r.IntN(300)
		spare := &spares{least: 1}
		all, each := newGroupIndex(keys, limit, spare), newGroupIndex(keys, limit, noSpares())
		for range 1 + r.IntN(6) {
			rows := 1 + r.IntN(4*togetherRows)
			ids, dst, tuple := make([][]uint32, keys), make([]uint32, rows), make([]uint32, keys)
			refuses := r.IntN(3) == 0
			for k := range ids {
				ids[k] = make([]uint32, rows)
				for i := range ids[k] {
					if ids[k][i] = r.Uint32N(uint32(spread)); refuses && r.IntN(10) == 0 {
						ids[k][i] = noID
					}
				}
			}
			missing, misses := all.findAll(dst, ids), false
			for i, got := range dst {
				want := noID
				if !refusedAt(ids, i) {
					for k := range ids {
						tuple[k] = ids[k][i]
					}
					want = each.find(tuple)
				}
				if got != want {
					t.Fatalf("row %d of %d: group %d, want %d", i, rows, got, want)
				}
				misses = misses || want == noID
			}
			if missing != misses {
				t.Fatalf("some are missing: %v, want %v", missing, misses)
			}
			if misses {
				refusals++
			}
		}
		if small := spread <= 128; small && all.dense == nil {
			t.Fatalf("%d keys of %d ids are hashed", keys, spread)
		}
		all.release()
		spare.close()
	}
	if refusals < 20 {
		t.Fatalf("%d times groups were refused: the test tests nothing", refusals)
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
	// Three keys of a block, new to the chain in part.
	ids, dst := make([][]uint32, 3), make([]uint32, rows)
	for k, n := range []uint32{256, 512, 8} {
		ids[k] = make([]uint32, rows)
		for i := range ids[k] {
			ids[k][i] = min(r.Uint32N(n), r.Uint32N(n))
		}
	}
	dense := newGroupIndex(3, 1<<20, noSpares())
	run("three-keys", func() {
		if dense.groups > 1<<19 {
			dense.cut(0)
		}
		for i := range ids[0] {
			ids[0][i] = (ids[0][i] + 1) & 255
		}
		dense.findAll(dst, ids)
	})
	x := newGroupIndex(2, 1<<20, noSpares())
	run("groups", func() {
		var ids [2]uint32
		for _, v := range ints {
			ids[0], ids[1] = uint32(v)&1023, uint32(v)>>10
			x.find(ids[:])
		}
	})
}
