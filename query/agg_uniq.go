package query

import (
	"unsafe"

	"github.com/kelpdb/kelp/storage"
)

// UniqState counts distinct values by their hashes, about (uniq). The hashes
// are those of HashValue, HashInt and the like, of values in the type of the
// argument.
type UniqState struct {
	sets []distinct
}

// AddHashes feeds the hashes of a run of values. Each value of a dictionary need
// come only once.
func (s *UniqState) AddHashes(groups []uint32, hashes []uint64) {
	sets := s.sets
	for i, g := range groups {
		d, hash := &sets[g], hashes[i]
		if len(d.registers) != hllRegisters {
			d.add(hash)
			continue
		}
		// Written also where it stays: whether it does, no processor can guess.
		r := &d.registers[hash>>(64-hllBits)]
		*r = max(*r, hllRank(hash))
	}
}

// AddRun feeds the hashes of a run of values of one group.
func (s *UniqState) AddRun(group uint32, hashes []uint64) {
	d := &s.sets[group]
	for len(hashes) > 0 && d.registers == nil {
		d.add(hashes[0])
		hashes = hashes[1:]
	}
	for _, hash := range hashes {
		d.addRegister(hash)
	}
}

// AddHash feeds one hash.
func (s *UniqState) AddHash(group uint32, hash uint64) { s.sets[group].add(hash) }

// Len, Grow, Merge, Value, Bytes and Columns are State's.
func (s *UniqState) Len() int { return len(s.sets) }

func (s *UniqState) Grow(n int) { s.sets = growSlice(s.sets, n) }

func (s *UniqState) Merge(src State, to []uint32) {
	from := src.(*UniqState)
	for i := range from.sets {
		s.sets[to[i]].merge(&from.sets[i])
	}
}

func (s *UniqState) Value(i int) storage.Value { return storage.Int(s.sets[i].count()) }

func (s *UniqState) Bytes() int {
	n := cap(s.sets) * int(unsafe.Sizeof(distinct{}))
	for i := range s.sets {
		n += s.sets[i].bytes()
	}
	return n
}

// Columns: the encoded sets.
func (s *UniqState) Columns() []*Vec {
	encoded := make([]string, len(s.sets))
	var buf []byte
	for i := range s.sets {
		buf = appendDistinct(buf[:0], &s.sets[i])
		encoded[i] = string(buf)
	}
	return []*Vec{vecOfStrings(encoded)}
}

func decodeUniq(cols []*Vec) (State, error) {
	if err := checkColumns("uniq", cols, false, storage.TypeString); err != nil {
		return nil, err
	}
	s := &UniqState{}
	s.Grow(cols[0].Len())
	for i, src := range cols[0].Strs {
		d, ok := decodeDistinct(src)
		if !ok {
			return nil, errState("uniq", "the set of group %d is damaged", i)
		}
		s.sets[i] = d
	}
	return s, nil
}
