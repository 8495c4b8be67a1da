package exec

import (
	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// feedTopK counts which values occur. Of a dictionary each entry that occurs is
// looked up once, and rows are counted by its number; where there are few enough
// pairs of group and entry, not even rows are looked at.
func feedTopK(s *query.TopKState, vec *vector) {
	v := vec.set.sel.view
	heavy := vec.set.heavyOf()
	if heavy == nil || !heavy.whole {
		if p := vec.asPairs(); p != nil {
			s.Add(p.groups, numbersOf(s, v, &p.vec), p.rows)
			if heavy != nil && len(heavy.at) > 0 {
				codes := gather(v.u16.take(len(heavy.at)), at(vec.set, v.u16.take, vec.codes), heavy.at)
				s.Add(heavy.groups, numbersOfCodes(s, vec, codes), heavy.weights)
			}
			s.Settle()
			return
		}
	}
	var numbers []uint32
	if vec.table != nil {
		numbers = numbersOfCodes(s, vec, at(vec.set, v.u16.take, vec.codes))
	} else {
		numbers = numbersOf(s, v, vec.rowValues())
	}
	feedWeighed(vec.set, func(groups []uint32, at []uint16, weights []uint64) {
		s.Add(groups, pick(v.u32.take, numbers, at), weights)
	})
	s.Settle()
}

// numbersOfCodes returns the number of the entry of each code.
func numbersOfCodes(s *query.TopKState, vec *vector, codes []uint16) []uint32 {
	v := vec.set.sel.view
	numbers, known := v.u32.take(len(codes)), v.u32.take(vec.entries)
	for i := range known {
		known[i] = noID
	}
	for i, code := range codes {
		if known[code] == noID {
			known[code] = s.Number(vec.table.value(int(code)))
		}
		numbers[i] = known[code]
	}
	return numbers
}

// numbersOf returns the number of each value.
func numbersOf(s *query.TopKState, v *blockView, vec *vector) []uint32 {
	numbers := v.u32.take(vec.len())
	for i := range numbers {
		switch vec.typ {
		case storage.TypeFloat64:
			numbers[i] = s.NumberOfFloat(vec.floats[i])
		case storage.TypeString:
			numbers[i] = s.NumberOfString(vec.texts[i])
		case storage.TypeList:
			numbers[i] = s.Number(vec.value(i))
		default:
			numbers[i] = s.NumberOfInt(vec.ints[i])
		}
	}
	return numbers
}
