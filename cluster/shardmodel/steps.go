package shardmodel

import "fmt"

// Size bounds what is looked at.
type Size struct {
	Leaves int // 2 or 3
	Rows   int // up to 3
	Epochs int
}

// Without names rules that are left out, to see that they are needed.
type Without struct {
	Fencing   bool // rule 2: old epochs are confirmed to
	Lease     bool // rule 3: a lease never ends by time
	Wait      bool // rule 4
	LastStays bool // rule 5: any leaf that is up becomes primary
	JoinWaits bool // rule 6: the primary does not wait for the newcomer
	Cancel    bool // rule 6: the primary gives a newcomer up by itself
	Timed     bool // rule 6: a sole home that waits for a newcomer still needs nobody's word
	Both      bool // rule 1: the primary alone is enough
}

// model is the rules of one check.
type model struct {
	size    Size
	without Without
}

// take is called with each state that can follow, and what happened.
type take func(State, string)

// steps calls next with every state that can follow s.
func (m *model) steps(s State, next take) {
	for i := range m.size.Leaves {
		m.ownSteps(s, i, next)
		for j := range m.size.Leaves {
			if i != j && s.leaves[i].up && s.leaves[j].up {
				m.pairSteps(s, i, j, next)
			}
		}
	}
	if int(s.catalog.epoch) < m.size.Epochs {
		m.catalogSteps(s, next)
	}
}

// ownSteps are what a leaf does by itself, or suffers.
func (m *model) ownSteps(s State, i int, next take) {
	l := &s.leaves[i]
	if !l.up {
		l.up, l.lease = true, l.sole(i)
		next(s, fmt.Sprintf("%d is back", i))
		return
	}
	dead := s
	d := &dead.leaves[i]
	d.up, d.lease, d.confirmed = false, false, [leavesMax]int8{}
	next(dead, fmt.Sprintf("%d dies", i))
	if l.lease && m.timed(l, i) {
		ended := s
		ended.leaves[i].lease = false
		next(ended, fmt.Sprintf("the lease of %d ends", i))
	}
	if l.view != s.catalog {
		next(m.learned(s, i), fmt.Sprintf("%d learns epoch %d", i, s.catalog.epoch))
	}
	if l.view.primary != int8(i) || !l.view.inSync.has(i) {
		return
	}
	for row := range int8(m.size.Rows) {
		if !l.log.has(row) {
			taken := s
			t := &taken.leaves[i]
			t.log.rows[t.log.n] = row
			t.log.n++
			next(taken, fmt.Sprintf("%d takes row %d", i, row))
		}
		if l.log.has(row) && !s.acked.has(int(row)) && m.mayAck(&s, i, row) {
			acked := s
			acked.acked = acked.acked.with(int(row))
			next(acked, fmt.Sprintf("%d acknowledges row %d", i, row))
		}
	}
	if j := l.joining; j >= 0 && l.confirmed[j] == l.log.n && l.view == s.catalog && s.asked != j {
		asks := s
		asks.asked = j
		next(asks, fmt.Sprintf("%d asks for %d to be in sync", i, j))
	}
	if m.without.Cancel && l.joining >= 0 {
		alone := s
		alone.leaves[i].joining, alone.leaves[i].lease = -1, true
		next(alone, fmt.Sprintf("%d gives %d up", i, l.joining))
	}
}

// learned is s with the catalog's view known to leaf i.
func (m *model) learned(s State, i int) State {
	l := &s.leaves[i]
	l.view, l.joining, l.confirmed = s.catalog, -1, [leavesMax]int8{}
	l.lease = l.sole(i)
	return s
}

// timed tells whether a leaf's lease ends by time.
func (m *model) timed(l *leaf, i int) bool {
	if m.without.Timed && l.view.inSync == 1<<i {
		return false
	}
	return !l.sole(i) && !m.without.Lease
}

// mayAck tells whether the primary i may acknowledge a row: rules 1, 4 and 6.
func (m *model) mayAck(s *State, i int, row int8) bool {
	l := &s.leaves[i]
	for j := range m.size.Leaves {
		if j == i {
			continue
		}
		needed := l.view.inSync.has(j) && !m.without.Both || l.joining == int8(j) && !m.without.JoinWaits
		confirmed := log{rows: cut(&l.log, l.confirmed[j]), n: l.confirmed[j]}
		if needed && !confirmed.has(row) {
			return false
		}
		// Waiting outlasts only a lease that time ends.
		if other := &s.leaves[j]; !l.view.inSync.has(j) && other.lease && m.timed(other, j) && !m.without.Wait {
			return false
		}
	}
	return true
}

// pairSteps are what passes between two leaves: i says, j hears.
func (m *model) pairSteps(s State, i, j int, next take) {
	a, b := &s.leaves[i], &s.leaves[j]
	together := a.view == b.view && a.view.inSync.has(i) && a.view.inSync.has(j)
	joins := a.view == b.view && b.joining == int8(i)
	if (together || joins) && !b.lease {
		renewed := s
		renewed.leaves[j].lease = true
		next(renewed, fmt.Sprintf("%d renews the lease of %d", i, j))
	}
	if a.view.primary != int8(i) || !a.view.inSync.has(i) {
		return
	}
	member := a.view.inSync.has(j)
	heard := b.view.epoch <= a.view.epoch || m.without.Fencing
	if member && heard && b.log.prefixOf(&a.log) && a.confirmed[j] < a.log.n {
		shipped := s
		t := &shipped.leaves[j]
		t.log = log{rows: cut(&a.log, a.log.n), n: a.log.n}
		if t.view.epoch < a.view.epoch {
			shipped.leaves[j].view, shipped.leaves[j].lease = a.view, false
			shipped.leaves[j].joining, shipped.leaves[j].confirmed = -1, [leavesMax]int8{}
		}
		shipped.leaves[i].confirmed[j] = a.log.n
		next(shipped, fmt.Sprintf("%d ships to %d", i, j))
	}
	newcomer := !member && a.view.inSync.size() == 1 && b.view.epoch <= a.view.epoch && (a.joining == -1 || a.joining == int8(j))
	if newcomer && (a.joining == -1 || a.confirmed[j] < a.log.n) {
		filled := s
		f := &filled.leaves[j]
		f.log, f.view, f.lease, f.joining, f.confirmed = a.log, a.view, false, -1, [leavesMax]int8{}
		filled.leaves[i].joining = int8(j)
		filled.leaves[i].confirmed[j] = a.log.n
		next(filled, fmt.Sprintf("%d fills %d", i, j))
	}
}

// catalogSteps are the changes of the catalog: at any time, since whoever asks for
// them may be wrong about who is alive.
func (m *model) catalogSteps(s State, next take) {
	change := func(inSync set, primary int, what string) {
		c := s
		c.catalog = view{epoch: s.catalog.epoch + 1, inSync: inSync, primary: int8(primary)}
		c.asked = -1 // its epoch is over
		next(c, fmt.Sprintf("catalog, epoch %d: %s", c.catalog.epoch, what))
	}
	for i := range m.size.Leaves {
		switch {
		case s.catalog.inSync.has(i) && s.catalog.inSync.size() == 2:
			change(1<<i, i, fmt.Sprintf("%d alone", i))
		case m.without.LastStays && s.leaves[i].up && !s.catalog.inSync.has(i):
			change(1<<i, i, fmt.Sprintf("%d alone, which was not in sync", i))
		}
	}
	p := int(s.catalog.primary)
	l := &s.leaves[p]
	if s.catalog.inSync.size() == 1 && l.view == s.catalog && l.joining >= 0 {
		change(s.catalog.inSync, p, fmt.Sprintf("%d gives the newcomer up", p))
	}
	if s.asked >= 0 {
		change(s.catalog.inSync.with(int(s.asked)), p, fmt.Sprintf("%d is in sync, too", s.asked))
	}
}
