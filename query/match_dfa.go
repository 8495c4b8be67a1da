package query

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
	"sync"
	"unicode/utf8"
)

// A Scanner matches texts against one pattern, one after another. A regular
// expression is run as a deterministic automaton over bytes whose states are made
// when first reached and kept from text to text. It is used by one goroutine.
type Scanner struct {
	m   *Matcher
	dfa *dfa // nil: the Matcher itself is asked
}

// scanners keeps automata between uses, with what they have learnt.
type scanners struct {
	mu   sync.Mutex
	free []*dfa
}

// take returns an automaton that nobody uses, nil if there is none.
func (s *scanners) take() *dfa {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.free)
	if n == 0 {
		return nil
	}
	d := s.free[n-1]
	s.free = s.free[:n-1]
	return d
}

// give keeps an automaton for the next use.
func (s *scanners) give(d *dfa) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free) < scannersMax {
		s.free = append(s.free, d)
	}
}

// Scanner returns a scanner of the pattern; Close gives it back.
func (m *Matcher) Scanner() *Scanner {
	if m.kind != matchRegex || m.prog == nil {
		return &Scanner{m: m}
	}
	d := m.kept.take()
	if d == nil {
		d = newDFA(m.prog, m.begins)
	}
	return &Scanner{m: m, dfa: d}
}

// Close gives the scanner back; it is not used afterwards.
func (s *Scanner) Close() {
	if s.dfa == nil {
		return
	}
	s.m.kept.give(s.dfa)
}

// Match tells whether the text matches, as Matcher.Match.
func (s *Scanner) Match(text []byte) bool { return s.MatchFrom(text, 0) }

// MatchFrom is Match where the literal of the pattern, if it has one, is known to
// be in the text at the byte at, and not before.
func (s *Scanner) MatchFrom(text []byte, at int) bool {
	if s.dfa == nil {
		return s.m.Match(text)
	}
	if s.m.begins {
		return s.matchLiterals(text, at)
	}
	yes, known := s.dfa.match(text)
	if !known {
		return s.m.re.Match(text)
	}
	return yes
}

// matchLiterals is MatchFrom where every match begins with the literal.
func (s *Scanner) matchLiterals(text []byte, at int) bool {
	for {
		next := s.m.Index(text[at:])
		if next < 0 {
			return false
		}
		at += next
		switch yes, known := s.dfa.match(text[at:]); {
		case !known:
			return s.m.re.Match(text)
		case yes:
			return true
		}
		at++
	}
}

const (
	// dfaStatesMax is the most states of an automaton: 2 MiB. Patterns that need
	// more begin anew, and after dfaResetsMax times are left to package regexp.
	dfaStatesMax = 2048
	dfaResetsMax = 32

	// scannersMax automata of a pattern are kept: about one for each worker.
	scannersMax = 16
)

// Symbols of an automaton: the bytes of ASCII, and the end of the text. Other
// bytes are left to package regexp, which knows UTF-8.
const (
	dfaEnd     = utf8.RuneSelf
	dfaSymbols = dfaEnd + 1
)

// dfa is a lazily made automaton. It tells whether there is a match anywhere in
// a text, or at its beginning if anchored, after Thompson's construction as in
// R. Cox, "Regular Expression Matching: the Virtual Machine Approach" (2009).
type dfa struct {
	prog     *syntax.Prog
	anchored bool

	states  map[string]*dfaState
	start   *dfaState
	resets  int
	seen    []bool   // by instruction, of one closure
	threads []uint32 // of one closure
	key     []byte
}

// dfaState is a set of instructions that may come next, before assertions about
// what is behind and ahead have been looked at, and what the byte behind was.
type dfaState struct {
	next    [dfaSymbols]*dfaState
	threads []uint32
	behind  dfaContext
}

// dfaContext is what assertions ask of the byte behind.
type dfaContext uint8

const (
	dfaAtBegin dfaContext = iota
	dfaAfterLine
	dfaAfterWord
	dfaAfterOther
)

// Where a step ends that decides.
var (
	dfaMatched = new(dfaState)
	dfaDead    = new(dfaState)
)

func newDFA(prog *syntax.Prog, anchored bool) *dfa {
	d := &dfa{prog: prog, anchored: anchored, seen: make([]bool, len(prog.Inst))}
	d.reset()
	return d
}

// reset forgets all states.
func (d *dfa) reset() {
	d.states = make(map[string]*dfaState)
	d.start = nil
}

// contextOf is what a byte is to the position behind it.
func contextOf(c byte) dfaContext {
	switch {
	case c == '\n':
		return dfaAfterLine
	case syntax.IsWordChar(rune(c)):
		return dfaAfterWord
	}
	return dfaAfterOther
}

// begin is the state before a text; nil if there have been too many states.
func (d *dfa) begin() *dfaState {
	if d.start == nil && d.resets <= dfaResetsMax {
		d.start = d.state([]uint32{uint32(d.prog.Start)}, dfaAtBegin)
	}
	return d.start
}

// match runs over a text. known is false if package regexp has to be asked. An
// anchored automaton may be given the rest of a text from a literal on that every
// match begins with: what is before it does not matter then.
func (d *dfa) match(text []byte) (yes, known bool) {
	s := d.begin()
	if s == nil {
		return false, false
	}
	for _, c := range text {
		if c >= utf8.RuneSelf {
			return false, false
		}
		next := s.next[c]
		if next == nil {
			if next = d.step(s, int(c)); next == nil {
				return false, false
			}
		}
		if s = next; len(s.threads) == 0 {
			return s == dfaMatched, true
		}
	}
	end := s.next[dfaEnd]
	if end == nil {
		if end = d.step(s, dfaEnd); end == nil {
			return false, false
		}
	}
	return end == dfaMatched, true
}

// step makes the state behind a symbol; nil if there have been too many.
func (d *dfa) step(s *dfaState, symbol int) *dfaState {
	if len(d.states) >= dfaStatesMax {
		if d.resets++; d.resets > dfaResetsMax {
			return nil
		}
		d.reset() // s and what it leads to live on as long as this text needs them
	}
	next := d.after(s, symbol)
	s.next[symbol] = next
	return next
}

func (d *dfa) after(s *dfaState, symbol int) *dfaState {
	flags := assertions(s.behind, symbol)
	clear(d.seen)
	d.threads = d.threads[:0]
	for _, pc := range s.threads {
		if d.follow(pc, flags) {
			return dfaMatched
		}
	}
	if symbol == dfaEnd {
		return dfaDead
	}
	var threads []uint32
	for _, pc := range d.threads {
		if takes(&d.prog.Inst[pc], rune(symbol)) {
			threads = append(threads, d.prog.Inst[pc].Out)
		}
	}
	if !d.anchored {
		threads = append(threads, uint32(d.prog.Start))
	}
	if len(threads) == 0 {
		return dfaDead
	}
	slices.Sort(threads)
	return d.state(slices.Compact(threads), contextOf(byte(symbol)))
}

// assertions are those that hold between what is behind and the next symbol.
func assertions(behind dfaContext, symbol int) syntax.EmptyOp {
	before, after := rune(-1), rune(-1)
	switch behind {
	case dfaAfterLine:
		before = '\n'
	case dfaAfterWord:
		before = 'a'
	case dfaAfterOther:
		before = ' '
	}
	if symbol != dfaEnd {
		after = rune(symbol)
	}
	return syntax.EmptyOpContext(before, after)
}

// follow notes the instructions that take a symbol, reached from pc over those
// that take none; true if one of them is the match.
func (d *dfa) follow(pc uint32, flags syntax.EmptyOp) (matched bool) {
	for !d.seen[pc] {
		d.seen[pc] = true
		in := &d.prog.Inst[pc]
		switch in.Op {
		case syntax.InstMatch:
			return true
		case syntax.InstFail:
			return false
		case syntax.InstAlt, syntax.InstAltMatch:
			if d.follow(in.Out, flags) {
				return true
			}
			pc = in.Arg
		case syntax.InstCapture, syntax.InstNop:
			pc = in.Out
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(in.Arg)&^flags != 0 {
				return false
			}
			pc = in.Out
		default:
			d.threads = append(d.threads, pc)
			return false
		}
	}
	return false
}

// takes tells whether an instruction takes a rune.
func takes(in *syntax.Inst, r rune) bool {
	switch in.Op {
	case syntax.InstRuneAny:
		return true
	case syntax.InstRuneAnyNotNL:
		return r != '\n'
	}
	return in.MatchRune(r)
}

// state returns the state of a set of instructions, ascending.
func (d *dfa) state(threads []uint32, behind dfaContext) *dfaState {
	d.key = append(d.key[:0], byte(behind))
	for _, pc := range threads {
		d.key = binary.AppendUvarint(d.key, uint64(pc))
	}
	if s := d.states[string(d.key)]; s != nil {
		return s
	}
	s := &dfaState{threads: threads, behind: behind}
	d.states[string(d.key)] = s
	return s
}
