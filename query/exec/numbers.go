package exec

import (
	"math"
	"math/bits"
)

const (
	// directMax is the longest array from numbers to ids: 16 MiB for each column
	// and chain.
	directMax = 1 << 22

	// directShare is how many places of the array there may be for each number:
	// more would cost more to clear than hashing costs.
	directShare = 64
)

// A numberTable finds the ids of 64-bit integers. Those of a range that has become
// full enough lie in an array, the others in a hash table with linear probing that
// is at most half full.
type numberTable struct {
	direct []uint32 // id+1 of the numbers from low on; 0: none
	low    int64
	slots  []numberSlot
	hashed int // numbers in slots
	shift  uint8
}

type numberSlot struct {
	number int64
	id     uint32 // id+1; 0: free
}

// get returns the id+1 of a number, 0 if it has none.
func (t *numberTable) get(v int64) uint32 {
	if at := uint64(v) - uint64(t.low); at < uint64(len(t.direct)) {
		return t.direct[at]
	}
	if len(t.slots) == 0 {
		return 0
	}
	mask := uint64(len(t.slots) - 1)
	for at := mixInt(uint64(v)) >> t.shift; ; at++ {
		s := &t.slots[at&mask]
		if s.id == 0 || s.number == v {
			return s.id
		}
	}
}

// put gives an id to a number that has none.
func (t *numberTable) put(v int64, id uint32) {
	if at := uint64(v) - uint64(t.low); at < uint64(len(t.direct)) {
		t.direct[at] = id + 1
		return
	}
	if 2*t.hashed >= len(t.slots) {
		t.rehash()
	}
	t.insert(numberSlot{number: v, id: id + 1})
}

// insert writes a slot whose number is not there; there is room.
func (t *numberTable) insert(s numberSlot) {
	mask := uint64(len(t.slots) - 1)
	at := mixInt(uint64(s.number)) >> t.shift
	for t.slots[at&mask].id != 0 {
		at++
	}
	t.slots[at&mask] = s
	t.hashed++
}

// rehash makes room for more numbers, and lets go of those that the array has.
func (t *numberTable) rehash() {
	old := t.slots
	size := max(64, 2*len(old))
	t.slots, t.hashed = make([]numberSlot, size), 0
	t.shift = uint8(64 - bits.TrailingZeros(uint(size)))
	for _, s := range old {
		if s.id != 0 && uint64(s.number)-uint64(t.low) >= uint64(len(t.direct)) {
			t.insert(s)
		}
	}
}

// expect prepares for n numbers between low and high, where held numbers have ids
// already: it makes the array long enough for all of them if that is worth it.
func (t *numberTable) expect(low, high int64, n, held int) {
	have := len(t.direct) > 0
	if have && low >= t.low && uint64(high)-uint64(t.low) < uint64(len(t.direct)) {
		return
	}
	if have {
		low, high = min(low, t.low), max(high, t.low+int64(len(t.direct)-1))
	}
	span := uint64(high) - uint64(low)
	if span >= directMax || span >= uint64(n+held)*directShare {
		return
	}
	// A quarter more, as numbers often ascend; the largest int64 is hashed.
	size := int(min(span+1+span/4, directMax, uint64(math.MaxInt64)-uint64(low)))
	direct := make([]uint32, size)
	if have {
		copy(direct[uint64(t.low)-uint64(low):], t.direct)
	}
	t.direct, t.low = direct, low
	for _, s := range t.slots {
		if at := uint64(s.number) - uint64(low); s.id != 0 && at < uint64(size) {
			direct[at] = s.id
		}
	}
}

// expectAll is expect for the numbers of rows.
func (t *numberTable) expectAll(numbers []int64, rows []uint16, held int) {
	if len(rows) == 0 {
		return
	}
	low, high := numbers[rows[0]], numbers[rows[0]]
	if len(rows) == len(numbers) {
		for _, v := range numbers {
			low, high = min(low, v), max(high, v)
		}
	} else {
		for _, r := range rows {
			low, high = min(low, numbers[r]), max(high, numbers[r])
		}
	}
	t.expect(low, high, len(rows), held)
}

func (t *numberTable) bytes() int { return cap(t.direct)*4 + cap(t.slots)*16 }
