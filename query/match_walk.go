package query

import (
	"regexp"
	"regexp/syntax"
	"slices"
)

// A Part is a piece of text of which so much is known: it is one of Words or, if these
// are nil, from Min to Max bytes of Set.
type Part struct {
	Words    [][]byte
	Set      string
	Min, Max int
}

// A Walker follows a pattern through the form of texts: constants, and variables of
// which something is known. What it makes of all such texts is found at once, and where
// it depends on the text, on which of the variables. It is used by one goroutine.
type Walker struct {
	m *Matcher
	d *dfa
}

// Verdict is what a pattern makes of texts of one form.
type Verdict uint8

const (
	VerdictOpen   Verdict = iota // each text is to be asked
	VerdictAll                   // all match
	VerdictNone                  // none does
	VerdictWindow                // what lies in the window decides
)

// A Course is what came of a walk. The window is the variables [First, Past) and the
// constants between them.
type Course struct {
	Verdict     Verdict
	First, Past int

	begin *dfaState // before the window
	ends  []walkEnd // behind it
}

// walkEnd is a state from which on all texts come out alike.
type walkEnd struct {
	state *dfaState
	yes   bool
}

// walkStatesMax is the most states of a place in a walk: with more, texts are asked.
const walkStatesMax = 24

// Walker returns a walker of the pattern, nil if there is none for its kind; Close
// gives it back.
func (m *Matcher) Walker() *Walker {
	if d := m.walks.take(); d != nil {
		return &Walker{m: m, d: d}
	}
	prog := m.prog
	if prog == nil && m.kind == matchContains {
		prog = literalProg(m.literal)
	}
	if prog == nil {
		return nil
	}
	return &Walker{m: m, d: newDFA(prog, false)}
}

// literalProg is the program of a regular expression for a literal; nil if it is none.
func literalProg(literal []byte) *syntax.Prog {
	if len(literal) > dfaInstructionsMax {
		return nil
	}
	tree, err := syntax.Parse(regexp.QuoteMeta(string(literal)), syntax.Perl)
	if err != nil {
		return nil
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil
	}
	return prog
}

// Close gives the walker back; it and what came of its walks are not used afterwards.
func (w *Walker) Close() { w.m.walks.give(w.d) }

// Walk follows the pattern through texts of constants with variables between them; of
// a variable that is nil nothing is known.
func (w *Walker) Walk(constants [][]byte, variables [][]Part) Course {
	begin := w.d.begin()
	if begin == nil {
		return Course{}
	}
	before, after := make([][]*dfaState, len(variables)), make([][]*dfaState, len(variables))
	at, ok := w.word([]*dfaState{begin}, constants[0])
	for i := 0; ok && i < len(variables); i++ {
		before[i] = at
		if after[i], ok = w.variable(at, variables[i]); ok {
			at, ok = w.word(after[i], constants[i+1])
		}
	}
	yes, no, known := false, false, false
	if ok {
		yes, no, known = w.end(at)
	}
	switch {
	case !known:
		return Course{}
	case !no:
		return Course{Verdict: VerdictAll}
	case !yes:
		return Course{Verdict: VerdictNone}
	}
	first := 0 // before it the state is the same for all texts
	for i := range before {
		if len(before[i]) == 1 {
			first = i
		}
	}
	for past := first + 1; past <= len(variables); past++ {
		if ends := w.decided(after[past-1], constants[past:], variables[past:]); ends != nil {
			return Course{Verdict: VerdictWindow, First: first, Past: past, begin: before[first][0], ends: ends}
		}
	}
	return Course{}
}

// decided tells what becomes of each state through the rest of the texts; nil if that
// depends on them.
func (w *Walker) decided(states []*dfaState, constants [][]byte, variables [][]Part) []walkEnd {
	ends := make([]walkEnd, 0, len(states))
	for _, s := range states {
		at, ok := w.word([]*dfaState{s}, constants[0])
		for i := 0; ok && i < len(variables); i++ {
			if at, ok = w.variable(at, variables[i]); ok {
				at, ok = w.word(at, constants[i+1])
			}
		}
		if !ok {
			return nil
		}
		yes, no, known := w.end(at)
		if !known || yes == no {
			return nil
		}
		ends = append(ends, walkEnd{state: s, yes: yes})
	}
	return ends
}

// Match tells whether a text matches by what lies in the window of its form's course;
// known is false if the whole text has to be asked.
func (w *Walker) Match(c *Course, window []byte) (yes, known bool) {
	s := w.run(c.begin, window)
	for i := range c.ends {
		if c.ends[i].state == s {
			return c.ends[i].yes, true
		}
	}
	return false, false
}

// run returns the state behind a text; nil if there is none.
func (w *Walker) run(s *dfaState, text []byte) *dfaState {
	for _, c := range text {
		if len(s.threads) == 0 {
			return s // it matched, or never will
		}
		if c >= dfaEnd {
			return nil
		}
		next := s.next[c]
		if next == nil {
			if next = w.d.step(s, int(c)); next == nil {
				return nil
			}
		}
		s = next
	}
	return s
}

// word returns the states behind a text, from any of some states; false if they are
// not known or too many.
func (w *Walker) word(from []*dfaState, text []byte) (to []*dfaState, ok bool) {
	for _, s := range from {
		if to, ok = with(to, w.run(s, text)); !ok {
			return nil, false
		}
	}
	return to, true
}

// variable is word for any value of a variable.
func (w *Walker) variable(from []*dfaState, parts []Part) (at []*dfaState, ok bool) {
	if parts == nil {
		return nil, false
	}
	at = from
	for i := range parts {
		if at, ok = w.part(at, &parts[i]); !ok {
			return nil, false
		}
	}
	return at, true
}

func (w *Walker) part(from []*dfaState, p *Part) (to []*dfaState, ok bool) {
	if p.Words != nil {
		for _, word := range p.Words {
			for _, s := range from {
				if to, ok = with(to, w.run(s, word)); !ok {
					return nil, false
				}
			}
		}
		return to, true
	}
	at := from
	for n := 0; ; n++ {
		if n >= p.Min {
			for _, s := range at {
				if to, ok = with(to, s); !ok {
					return nil, false
				}
			}
		}
		if n == p.Max {
			return to, true
		}
		var next []*dfaState
		for _, s := range at {
			for i := range len(p.Set) {
				if next, ok = with(next, w.run(s, []byte{p.Set[i]})); !ok {
					return nil, false
				}
			}
		}
		if slices.Equal(next, at) { // more bytes lead nowhere else
			n = p.Max - 1
		}
		at = next
	}
}

// with returns the states with one more; false if it is none or they are too many.
func with(states []*dfaState, s *dfaState) ([]*dfaState, bool) {
	switch {
	case s == nil:
		return nil, false
	case slices.Contains(states, s):
		return states, true
	}
	return append(states, s), len(states) < walkStatesMax
}

// end tells how texts that end in some states come out.
func (w *Walker) end(states []*dfaState) (yes, no, known bool) {
	for _, s := range states {
		if len(s.threads) > 0 {
			end := s.next[dfaEnd]
			if end == nil {
				if end = w.d.step(s, dfaEnd); end == nil {
					return false, false, false
				}
			}
			s = end
		}
		yes, no = yes || s == dfaMatched, no || s != dfaMatched
	}
	return yes, no, true
}
