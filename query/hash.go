package query

import (
	"math"
	"math/bits"

	"github.com/zeebo/xxh3"

	"github.com/kelpdb/kelp/storage"
)

// Hashes of values. They travel in partial results between nodes of different
// versions, so they are fixed for ever: a test pins them. Values that
// calls equal hash alike: -0 and 0, every NaN, and a whole float and the
// integer of its value.

// HashValue is the hash of a value that is not null.
func HashValue(v storage.Value) uint64 {
	switch v.Type {
	case storage.TypeNull:
		return 0
	case storage.TypeFloat64:
		return HashFloat(v.Float)
	case storage.TypeString:
		return HashString(v.Str)
	case storage.TypeList:
		return HashList(v.List)
	}
	return HashInt(v.Int)
}

// HashInt hashes a bool, an int64 or a time. It is a bijection, the finaliser
// of MurmurHash3 with the constants of Stafford's variant 13, so different
// integers never collide.
func HashInt(v int64) uint64 {
	h := uint64(v) + hashSeedInt
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

const (
	hashSeedInt   = 0x9e3779b97f4a7c15
	hashSeedFloat = 0xd1b54a32d192ed03
)

// HashFloat hashes a float64.
func HashFloat(f float64) uint64 {
	if whole := int64(f); float64(whole) == f && whole != math.MaxInt64 {
		return HashInt(whole)
	}
	return HashInt(int64(bits.RotateLeft64(math.Float64bits(canonicalFloat(f)), 32) ^ hashSeedFloat))
}

// HashString hashes text.
func HashString(s string) uint64 { return xxh3.HashString(s) }

// HashBytes hashes text given as bytes, as HashString does.
func HashBytes(b []byte) uint64 { return xxh3.Hash(b) }

// HashList hashes a list: its length, then its items in order.
func HashList(items []string) uint64 {
	h := HashInt(int64(len(items)))
	for _, s := range items {
		h = hashJoin(h, HashString(s))
	}
	return h
}

// hashJoin makes one hash of two; their order matters.
func hashJoin(a, b uint64) uint64 {
	return (bits.RotateLeft64(a, 23) ^ b) * 0x9fb21c651e98df25
}
