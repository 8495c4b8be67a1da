package cluster

import (
	"encoding/binary"
	"math"
	"math/bits"
	"math/rand/v2"
	"sort"

	"github.com/zeebo/xxh3"
)

// Node is a place that a key may be homed at.
type Node struct {
	ID     string  // unique and kept for ever: a leaf id
	Weight float64 // its share relative to others; 0 or less: last resort only
}

// Rank orders nodes for a key of a table: the first is its home, the second
// its home once the first is suspended, and so on. It returns indexes into
// nodes. The order depends on IDs and weights only, not on the order given;
// taking a node away moves only the keys whose home it was, and the share of
// keys homed at a node is its share of the weights.
//
// This is weighted rendezvous hashing (Thaler and Ravishankar 1998; weights
// after Schindelhauer and Schomaker 2005): a node's cost is -log2(u) / weight,
// where u in (0, 1] is (h+1) / 2^64 and h is the 64-bit XXH3 (seed 0) of
//
//	uvarint(len(table)) table uvarint(len(key)) key id
//
// and the node of the least cost is first. The logarithm is computed in
// integers (log2Q40), so every machine and version agrees to the bit. Keys of
// acknowledged batches are found by it: it never changes.
func Rank(table, key string, nodes []Node) []int {
	buf := make([]byte, 0, 2*binary.MaxVarintLen64+len(table)+len(key)+64)
	buf = binary.AppendUvarint(buf, uint64(len(table)))
	buf = append(buf, table...)
	buf = binary.AppendUvarint(buf, uint64(len(key)))
	buf = append(buf, key...)
	prefix := len(buf)

	costs := make([]float64, len(nodes))
	order := make([]int, len(nodes))
	for i, n := range nodes {
		buf = append(buf[:prefix], n.ID...)
		costs[i] = cost(xxh3.Hash(buf), n.Weight)
		order[i] = i
	}
	sort.Slice(order, func(a, b int) bool {
		i, j := order[a], order[b]
		if costs[i] != costs[j] {
			return costs[i] < costs[j]
		}
		return nodes[i].ID < nodes[j].ID
	})
	return order
}

// cost is -log2((h+1)/2^64) / weight; infinite for a node without weight.
func cost(h uint64, weight float64) float64 {
	if !(weight > 0) {
		return math.Inf(1)
	}
	if h == math.MaxUint64 {
		return 0
	}
	// Both the conversion (under 2^53) and the division are exactly rounded, so
	// they are the same everywhere.
	return float64(64<<40-log2Q40(h+1)) / weight
}

// log2Q40 is log2(x) for x > 0 with 40 binary digits after the point, rounded
// down, by squaring the mantissa: each squaring yields one digit.
func log2Q40(x uint64) uint64 {
	whole := bits.Len64(x) - 1
	m := x << (63 - whole) // in [1, 2) with 63 digits after the point
	log := uint64(whole)
	for range 40 {
		hi, lo := bits.Mul64(m, m) // in [1, 4) with 126
		log <<= 1
		if hi>>63 != 0 {
			log |= 1
			m = hi
		} else {
			m = hi<<1 | lo>>63
		}
	}
	return log
}

// PickTwo chooses among places by their free memory: of two at random, the one
// with more (Mitzenmacher 2001: almost as even as asking all, without herding
// to the one that last said it was empty). Two that differ by less than is told
// (see SetFree) count as equal and chance decides: else, of two places, one
// would take everything until its loss is told. It returns an index, -1 for
// none.
func PickTwo(rnd *rand.Rand, free []uint64) int {
	n := len(free)
	if n < 2 {
		return n - 1
	}
	i := rnd.IntN(n)
	j := rnd.IntN(n - 1)
	if j >= i {
		j++
	}
	if free[j] > free[i] && freeMoved(free[i], free[j]) {
		return j
	}
	return i
}
