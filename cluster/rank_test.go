package cluster

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"
)

func nodesOf(n int) []Node {
	nodes := make([]Node, n)
	for i := range nodes {
		nodes[i] = Node{ID: fmt.Sprintf("leaf-id-%d", i), Weight: 1}
	}
	return nodes
}

// The order of keys is written down here because acknowledged batches depend
// on it: a change of the hash, the encoding or the logarithm shows.
func TestRankIsForEver(t *testing.T) {
	nodes := []Node{{"a", 1}, {"b", 1}, {"c", 2}, {"d", 0.5}}
	f := func(table, key, want string) {
		t.Helper()
		got := ""
		for _, i := range Rank(table, key, nodes) {
			got += nodes[i].ID
		}
		if got != want {
			t.Errorf("Rank(%q, %q) = %s, want %s", table, key, got, want)
		}
	}
	f("logs", "k1", "cbda")
	f("logs", "k2", "acdb")
	f("logs", "k3", "cadb")
	f("logsk", "1", "cbad")
	f("", "", "bdac")
}

func TestRankIgnoresTheOrderGiven(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	nodes := nodesOf(12)
	for k := range 200 {
		key := fmt.Sprint(k)
		want := nodes[Rank("t", key, nodes)[0]].ID
		shuffled := append([]Node(nil), nodes...)
		rnd.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if got := shuffled[Rank("t", key, shuffled)[0]].ID; got != want {
			t.Fatalf("key %s: home %s in one order, %s in another", key, want, got)
		}
	}
}

// A node that goes moves its own keys only, to what was second; one that comes
// takes keys only to itself.
func TestRankIsStable(t *testing.T) {
	const keys = 5_000
	nodes := nodesOf(10)
	moved := 0
	for k := range keys {
		key := fmt.Sprint(k)
		order := Rank("t", key, nodes)
		gone := nodes[3].ID
		rest := append(append([]Node(nil), nodes[:3]...), nodes[4:]...)
		after := rest[Rank("t", key, rest)[0]].ID
		home := nodes[order[0]].ID
		if home != gone && after != home {
			t.Fatalf("key %s moved from %s to %s although %s went", key, home, after, gone)
		}
		if home == gone && after != nodes[order[1]].ID {
			t.Fatalf("key %s moved to %s, its second was %s", key, after, nodes[order[1]].ID)
		}
		more := append(append([]Node(nil), nodes...), Node{ID: "new", Weight: 1})
		if now := more[Rank("t", key, more)[0]].ID; now != home {
			if now != "new" {
				t.Fatalf("key %s moved from %s to %s although a new node came", key, home, now)
			}
			moved++
		}
	}
	if want := keys / 11; moved < want*8/10 || moved > want*12/10 {
		t.Errorf("%d of %d keys moved to the eleventh node, want about %d", moved, keys, want)
	}
}

func TestRankFollowsWeights(t *testing.T) {
	const keys = 40_000
	nodes := []Node{{"a", 1}, {"b", 2}, {"c", 4}, {"d", 0}, {"e", 1}, {"f", math.NaN()}}
	count := make([]int, len(nodes))
	for k := range keys {
		order := Rank("t", fmt.Sprint(k), nodes)
		count[order[0]]++
		if len(order) != len(nodes) {
			t.Fatalf("%d of %d nodes in the order", len(order), len(nodes))
		}
	}
	for i, n := range nodes {
		want := 0.0
		if n.Weight > 0 {
			want = keys * n.Weight / 8
		}
		if got := float64(count[i]); math.Abs(got-want) > 5*math.Sqrt(want+1) {
			t.Errorf("node %s of weight %v is home of %v keys, want about %v", n.ID, n.Weight, got, want)
		}
	}
}

func TestLog2(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	f := func(x uint64) {
		t.Helper()
		got := float64(log2Q40(x)) / (1 << 40)
		want := math.Log2(float64(x))
		if math.Abs(got-want) > 1e-11 {
			t.Errorf("log2(%d) = %v, want %v", x, got, want)
		}
	}
	for b := range 64 {
		f(1 << b)
		f(1<<b + 1)
		f(uint64(1)<<b - 1 | 1)
	}
	f(math.MaxUint64)
	for range 10_000 {
		f(rnd.Uint64()>>rnd.IntN(64) | 1)
	}
	if log2Q40(1<<20) != 20<<40 || bits.Len64(log2Q40(math.MaxUint64)) > 46 {
		t.Error("whole powers are not exact")
	}
}

func TestPickTwo(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	if got := PickTwo(rnd, nil); got != -1 {
		t.Errorf("of none: %d", got)
	}
	if got := PickTwo(rnd, []uint64{7}); got != 0 {
		t.Errorf("of one: %d", got)
	}
	count := make([]int, 4)
	for range 12_000 {
		count[PickTwo(rnd, []uint64{0, 10, 20, 30})]++
	}
	// Of 6 pairs the best is in 3, the second wins 2, the third 1, the last none.
	for i, want := range []int{0, 2_000, 4_000, 6_000} {
		if d := count[i] - want; d < -300 || d > 300 {
			t.Errorf("place %d chosen %d times, want about %d", i, count[i], want)
		}
	}
	for _, free := range [][]uint64{{5, 5, 5}, {1_000, 1_001, 1_040}} {
		even := make([]int, 3)
		for range 9_000 {
			even[PickTwo(rnd, free)]++
		}
		for i, n := range even {
			if n < 2_700 || n > 3_300 {
				t.Errorf("place %d of %v chosen %d times of 9000", i, free, n)
			}
		}
	}
}

func BenchmarkRank(b *testing.B) {
	for _, n := range []int{4, 100} {
		nodes := nodesOf(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				Rank("logs", "01J9Z3K4", nodes)
			}
		})
	}
}
