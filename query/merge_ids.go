package query

import (
	"math/bits"
	"slices"

	"github.com/kelpdb/kelp/storage"
)

// groupIDs numbers the distinct keys it is shown, in the order they come: an
// open-addressed table of group numbers, found by the hash of all key columns
// and settled by comparing the values.
type groupIDs struct {
	keys   []*Vec   // of the groups, appended to
	hashes []uint64 // per group
	slots  []uint32 // group + 1; 0: free
}

// groupSlotsMin keeps the table of few groups from growing many times.
const groupSlotsMin = 64

func newGroupIDs(keys []*Vec, groups int) *groupIDs {
	slots := groupSlotsMin
	if groups > groupSlotsMin/2 {
		slots = 1 << bits.Len(uint(2*groups))
	}
	return &groupIDs{keys: keys, slots: make([]uint32, slots)}
}

// of returns the group of each of the n keys in cols, making new groups for new keys.
func (t *groupIDs) of(cols []*Vec, n int) []uint32 {
	hashes := hashKeys(cols, n)
	to := make([]uint32, n)
	for i, h := range hashes {
		if 2*len(t.hashes) >= len(t.slots) {
			t.grow()
		}
		to[i] = t.id(cols, i, h)
	}
	return to
}

func (t *groupIDs) id(cols []*Vec, i int, h uint64) uint32 {
	mask := uint64(len(t.slots) - 1)
	for at := h & mask; ; at = (at + 1) & mask {
		slot := t.slots[at]
		if slot == 0 {
			for k, c := range t.keys {
				c.AppendFrom(cols[k], i)
			}
			t.hashes = append(t.hashes, h)
			t.slots[at] = uint32(len(t.hashes))
			return uint32(len(t.hashes) - 1)
		}
		if t.hashes[slot-1] == h && t.equal(int(slot-1), cols, i) {
			return slot - 1
		}
	}
}

func (t *groupIDs) equal(group int, cols []*Vec, i int) bool {
	for k, c := range t.keys {
		if c.compare(group, cols[k], i) != 0 {
			return false
		}
	}
	return true
}

func (t *groupIDs) grow() {
	t.slots = make([]uint32, 2*len(t.slots))
	mask := uint64(len(t.slots) - 1)
	for g, h := range t.hashes {
		at := h & mask
		for t.slots[at] != 0 {
			at = (at + 1) & mask
		}
		t.slots[at] = uint32(g + 1)
	}
}

// hashNull stands for null among the hashes of keys.
const hashNull = 0x2545f4914f6cdd1d

// hashKeys hashes n keys, column by column.
func hashKeys(cols []*Vec, n int) []uint64 {
	hashes := make([]uint64, n)
	for _, c := range cols {
		var before []uint64 // what stands in the arrays for a null means nothing
		if len(c.Nulls) > 0 {
			before = slices.Clone(hashes)
		}
		switch c.Type {
		case storage.TypeNull:
		case storage.TypeFloat64:
			for i, f := range c.Floats[:n] {
				hashes[i] = hashJoin(hashes[i], HashFloat(f))
			}
		case storage.TypeString:
			for i, s := range c.Strs[:n] {
				hashes[i] = hashJoin(hashes[i], HashString(s))
			}
		case storage.TypeList:
			for i, l := range c.Lists[:n] {
				hashes[i] = hashJoin(hashes[i], HashList(l))
			}
		default:
			for i, v := range c.Ints[:n] {
				hashes[i] = hashJoin(hashes[i], HashInt(v))
			}
		}
		for w, word := range c.Nulls {
			for ; word != 0; word &= word - 1 {
				if i := w<<6 + bits.TrailingZeros64(word); i < n {
					hashes[i] = hashJoin(before[i], hashNull)
				}
			}
		}
	}
	for i, h := range hashes {
		hashes[i] = h ^ h>>32 // the low bits choose the slot
	}
	return hashes
}
