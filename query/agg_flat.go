package query

// Flat is a State of a few plain words for each group: one whose memory serves the
// next query as well, and which is merged at once where groups have the same
// numbers.
type Flat interface {
	State
	// Room is how many groups there is memory for.
	Room() int
	// Renew makes it an empty state of an aggregate, of no groups yet, which keeps
	// the memory; false: it cannot be one, and stays as it is.
	Renew(a *Agg) bool
	// MergeSame folds each group of src, a state of the same Agg and of no more
	// groups, into the one of the same number.
	MergeSame(src State)
}

// MergeSame folds each group of src, a state of the same Agg and of no more groups,
// into the one of the same number.
func MergeSame(into, src State) {
	if flat, ok := into.(Flat); ok {
		flat.MergeSame(src)
		return
	}
	to := make([]uint32, src.Len())
	for g := range to {
		to[g] = uint32(g)
	}
	into.Merge(src, to)
}

// Room, Renew and MergeSame are Flat's.
func (s *CountState) Room() int { return cap(s.N) }

func (s *CountState) Renew(a *Agg) bool {
	if a.Kind != AggCount && a.Kind != AggHits {
		return false
	}
	s.N = s.N[:0]
	return true
}

func (s *CountState) MergeSame(src State) {
	from := src.(*CountState).N
	into := s.N[:len(from)]
	for g, n := range from {
		into[g] = addSaturated(into[g], n)
	}
}

// Room, Renew and MergeSame are Flat's.
func (s *SumState) Room() int { return min(cap(s.Hi), cap(s.Lo), cap(s.Weight)) }

func (s *SumState) Renew(a *Agg) bool {
	if a.Kind != AggSum && a.Kind != AggAvg {
		return false
	}
	s.Kind, s.Type = a.Kind, a.Type
	s.Hi, s.Lo, s.Weight = s.Hi[:0], s.Lo[:0], s.Weight[:0]
	s.floats = floatSums{Sum: s.floats.Sum[:0], Err: s.floats.Err[:0]}
	s.changed()
	return true
}

func (s *SumState) MergeSame(src State) {
	from := src.(*SumState)
	for g, weight := range from.Weight {
		if weight != 0 {
			s.mergeInt128(uint32(g), from.Hi[g], from.Lo[g])
			s.Weight[g] = addSaturated(s.Weight[g], weight)
		}
	}
	if from.hasFloats() {
		s.wantFloats()
		for g := range from.Lo {
			s.floats.merge(uint32(g), &from.floats, g)
		}
	}
	s.changed()
}
