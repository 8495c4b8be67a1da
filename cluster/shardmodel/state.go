package shardmodel

import "math/bits"

// Bounds of a model: arrays of these make states comparable.
const (
	leavesMax = 3
	rowsMax   = 3
)

// set is a set of leaves or of rows, by bits.
type set uint8

func (s set) has(i int) bool { return s&(1<<i) != 0 }
func (s set) with(i int) set { return s | 1<<i }
func (s set) size() int      { return bits.OnesCount8(uint8(s)) }

// view is what the catalog says of the shard, or what a leaf knows of that.
type view struct {
	epoch   uint8
	inSync  set
	primary int8
}

// log is rows in order.
type log struct {
	rows [rowsMax]int8
	n    int8
}

func (l *log) has(row int8) bool {
	for _, r := range l.rows[:l.n] {
		if r == row {
			return true
		}
	}
	return false
}

// all is the rows as a set.
func (l *log) all() (s set) {
	for _, r := range l.rows[:l.n] {
		s = s.with(int(r))
	}
	return s
}

// prefixOf tells whether a log is the beginning of another.
func (l *log) prefixOf(m *log) bool {
	return l.n <= m.n && [rowsMax]int8(l.rows) == cut(m, l.n)
}

func cut(l *log, n int8) (rows [rowsMax]int8) {
	copy(rows[:], l.rows[:n])
	return rows
}

// leaf is one leaf.
type leaf struct {
	up        bool
	lease     bool // it may answer
	view      view
	log       log
	confirmed [leavesMax]int8 // of its log, as primary of its epoch: how much each has
	joining   int8            // a leaf that it waits for as if it were in sync, noted beside the log; -1: none
}

// sole tells whether a leaf needs nobody's word to answer.
func (l *leaf) sole(i int) bool { return l.view.inSync == 1<<i && l.joining == -1 }

// State is the whole of a model.
type State struct {
	catalog view
	leaves  [leavesMax]leaf
	acked   set // rows that were acknowledged

	// asked is the newcomer that the primary has asked the catalog to take in, at this
	// epoch; -1: none. The word may arrive at any time.
	asked int8
}

// first is a shard at home on leaves 0 and 1, empty.
func first(size Size) State {
	s := State{catalog: view{epoch: 1, inSync: 0b11}, asked: -1}
	for i := range size.Leaves {
		s.leaves[i] = leaf{up: true, view: s.catalog, joining: -1, lease: i < 2}
	}
	return s
}

// broken names the invariant that a state breaks; "": none.
func (s *State) broken() string {
	for i := range s.leaves {
		l := &s.leaves[i]
		if l.up && l.lease && s.acked&^l.log.all() != 0 {
			return "a home answers without a row that was acknowledged"
		}
		if l.log.all().size() != int(l.log.n) {
			return "a row is there twice"
		}
		for j := range i {
			m := &s.leaves[j]
			same := l.view == m.view && l.view.inSync.has(i) && l.view.inSync.has(j) && l.view.epoch == s.catalog.epoch
			if same && !l.log.prefixOf(&m.log) && !m.log.prefixOf(&l.log) {
				return "homes in sync have different logs"
			}
		}
	}
	if p := &s.leaves[s.catalog.primary]; s.acked&^p.log.all() != 0 {
		return "the primary lacks a row that was acknowledged"
	}
	return ""
}
