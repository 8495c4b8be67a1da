package storage

import "github.com/zeebo/xxh3"

// shapes remembers which sets of columns the rows of a table came with, so that
// whoever follows its schema looks at blocks only where one may have brought a
// column: rows of a table mostly look alike, and come in thousands of blocks a
// second. Guarded by the table's mutex.
type shapes struct {
	known map[uint64]struct{} // at most shapesMax
	seq   uint64              // the last edit after which the columns may be others
}

// take notes an edit of the table.
func (s *shapes) take(e *tableEdit) {
	switch {
	case len(e.places) > 0: // blocks that could not be read before
		s.seq = e.seq
	case len(e.drops) == 0:
		for _, r := range e.adds {
			if _, ok := s.known[r.shape]; !ok || r.shape == 0 {
				s.learn(r.shape)
				s.seq = e.seq
			}
		}
	case len(e.adds) == 0: // retention
		clear(s.known)
		s.seq = e.seq
	case e.thins(): // columns may go with their rows, and sample_rate comes
		clear(s.known)
		s.seq = e.seq
	}
	// What else both adds and drops is a merge: the columns stay.
}

// thins tells whether the edit puts thinned rows in the place of others. Merges of
// thinned blocks look the same from here, and cost a look at the columns.
func (e *tableEdit) thins() bool {
	for _, r := range e.adds {
		if r.kind.thinned() != 0 {
			return true
		}
	}
	return false
}

func (s *shapes) learn(shape uint64) {
	if s.known == nil {
		s.known = make(map[uint64]struct{})
	}
	if len(s.known) >= shapesMax {
		clear(s.known)
	}
	s.known[shape] = struct{}{}
}

// shape is a hash of the names and types of the columns that have values, in any
// order. It is never 0.
func (b *Batch) shape() uint64 {
	sum := uint64(0)
	for i := range b.slots {
		s := &b.slots[i]
		for t, v := range s.Vectors {
			if v != nil && len(v.Rows) > 0 {
				sum += xxh3.HashStringSeed(s.Name, uint64(t))
			}
		}
	}
	return sum | 1
}
