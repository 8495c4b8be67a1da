package query

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"unsafe"

	"github.com/kelpdb/kelp/storage"
)

// UniqExactState counts distinct values exactly (uniq_exact, count(distinct)):
// numbers, bools and times as words, text and lists by their bytes, text that ends
// in a number by that. When all sets together pass uniqExactBytesMax, all groups
// count by HyperLogLog from then on. What the sets hold decides that, so neither
// order nor merging shows.
type UniqExactState struct {
	Type  storage.Type // of the argument
	words []numberSet
	texts []map[string]struct{}
	forms []*uniqForm // texts that end in a number, unless
	// asTexts says that all texts are kept as they are.
	asTexts bool
	held    int        // bytes that the sets are worth
	sets    []distinct // not nil: over the budget
	max     int        // the budget: what held may reach
	n       int
}

// What a value in a set costs: a slot and its share of free ones; a text beside
// its own bytes.
const (
	uniqWordBytes = 16
	uniqTextBytes = 48
)

func newUniqExactState(a *Agg) *UniqExactState {
	s := &UniqExactState{max: uniqExactBytesMax}
	if a.Arg != nil {
		s.Type = a.Arg.Type
	}
	return s
}

// Approx tells whether the counts are approximations.
func (s *UniqExactState) Approx() bool { return s.sets != nil }

// isText tells whether the values are kept by their bytes.
func (s *UniqExactState) isText() bool {
	return s.Type == storage.TypeString || s.Type == storage.TypeList
}

// AddInts feeds a run of a bool, int64 or time column.
func (s *UniqExactState) AddInts(groups []uint32, values []int64) {
	for i, g := range groups {
		s.addWord(g, uint64(values[i]))
	}
}

// AddFloats feeds a run of floats.
func (s *UniqExactState) AddFloats(groups []uint32, values []float64) {
	for i, g := range groups {
		s.addWord(g, math.Float64bits(canonicalFloat(values[i])))
	}
}

// AddStrings feeds a run of text. Text that is kept is copied.
func (s *UniqExactState) AddStrings(groups []uint32, values []string) {
	for i, g := range groups {
		s.addText(g, values[i])
	}
}

// AddValue feeds one value of the argument's type; null does nothing.
func (s *UniqExactState) AddValue(group uint32, v storage.Value) {
	switch v.Type {
	case storage.TypeNull:
	case storage.TypeFloat64:
		s.addWord(group, math.Float64bits(canonicalFloat(v.Float)))
	case storage.TypeString:
		s.addText(group, v.Str)
	case storage.TypeList:
		s.addText(group, listBytes(v.List))
	default:
		s.addWord(group, uint64(v.Int))
	}
}

// listBytes are different for different lists: each item behind its length.
func listBytes(items []string) string {
	var buf []byte
	for _, item := range items {
		buf = binary.AppendUvarint(buf, uint64(len(item)))
		buf = append(buf, item...)
	}
	return string(buf)
}

func (s *UniqExactState) addWord(g uint32, word uint64) {
	if s.sets != nil {
		s.sets[g].add(HashInt(int64(word)))
		return
	}
	set := &s.words[g]
	before := set.cost()
	set.add(word)
	s.hold(set.cost() - before)
}

func (s *UniqExactState) addText(g uint32, text string) {
	if s.sets != nil {
		s.sets[g].add(HashString(text))
		return
	}
	if prefix, number, digits, ok := splitNumber(text); ok && !s.asTexts && s.Type == storage.TypeString {
		if f := s.form(prefix, digits); f != nil {
			before := f.sets[g].cost()
			f.sets[g].add(number)
			s.hold(f.sets[g].cost() - before)
			return
		}
		if s.sets != nil { // that was one form too many
			s.sets[g].add(HashString(text))
			return
		}
	}
	if _, known := s.texts[g][text]; known {
		return
	}
	if s.texts[g] == nil {
		s.texts[g] = map[string]struct{}{}
	}
	s.texts[g][strings.Clone(text)] = struct{}{}
	s.hold(uniqTextBytes + len(text))
}

func (s *UniqExactState) hold(bytes int) {
	s.held += bytes
	if s.held > s.max {
		s.approximate()
	}
}

// approximate turns the sets into sketches.
func (s *UniqExactState) approximate() {
	if s.sets != nil {
		return
	}
	s.sets = make([]distinct, s.n)
	for g := range s.words {
		s.words[g].each(func(word uint64) { s.sets[g].add(HashInt(int64(word))) })
	}
	for g := range s.texts {
		for text := range s.texts[g] {
			s.sets[g].add(HashString(text))
		}
	}
	var buf []byte
	for _, f := range s.forms {
		for g := range f.sets {
			f.sets[g].each(func(number uint64) {
				buf = f.appendText(buf[:0], number)
				s.sets[g].add(HashBytes(buf))
			})
		}
	}
	s.words, s.texts, s.forms, s.held = nil, nil, nil, 0
}

// Len, Grow, Merge, Value, Bytes and Columns are State's.
func (s *UniqExactState) Len() int { return s.n }

func (s *UniqExactState) Grow(n int) {
	s.n = n
	switch {
	case s.sets != nil:
		s.sets = growSlice(s.sets, n)
	case s.isText():
		s.texts = growSlice(s.texts, n)
	default:
		s.words = growSlice(s.words, n)
	}
}

func (s *UniqExactState) Merge(src State, to []uint32) {
	from := src.(*UniqExactState)
	if from.sets != nil {
		s.approximate()
	}
	s.mergeForms(from, to)
	for i := range from.n {
		g := to[i]
		switch {
		case from.sets != nil:
			s.sets[g].merge(&from.sets[i])
		case from.isText():
			for text := range from.texts[i] {
				s.addText(g, text)
			}
		default:
			from.words[i].each(func(word uint64) { s.addWord(g, word) })
		}
	}
}

func (s *UniqExactState) Value(i int) storage.Value {
	switch {
	case s.sets != nil:
		return storage.Int(s.sets[i].count())
	case s.isText():
		n := len(s.texts[i])
		for _, f := range s.forms {
			if i < len(f.sets) {
				n += f.sets[i].n
			}
		}
		return storage.Int(int64(n))
	}
	return storage.Int(int64(s.words[i].n))
}

func (s *UniqExactState) Bytes() int {
	n := 8*cap(s.texts) + cap(s.words)*int(unsafe.Sizeof(numberSet{})) + cap(s.sets)*int(unsafe.Sizeof(distinct{}))
	for i := range s.words {
		n += s.words[i].bytes()
	}
	for i := range s.sets {
		n += s.sets[i].bytes()
	}
	for g := range s.texts {
		for text := range s.texts[g] {
			n += uniqTextBytes + len(text)
		}
	}
	return n + s.formBytes()
}

// The first byte of an encoded group, and so of all groups of one state.
const (
	uniqIsWords    = 0 // words follow, ascending, 8 bytes each, big-endian
	uniqIsTexts    = 1 // texts follow, ascending, each behind its length as a varint
	uniqIsDistinct = 2 // a sketch follows
	uniqIsForms    = 3 // numbers of texts (appendForms), then texts as behind uniqIsTexts
)

// Columns: the encoded sets.
func (s *UniqExactState) Columns() []*Vec {
	encoded := make([]string, s.n)
	forms := s.sortedForms()
	var buf []byte
	for i := range encoded {
		switch {
		case s.sets != nil:
			buf = appendDistinct(append(buf[:0], uniqIsDistinct), &s.sets[i])
		case s.isText():
			buf = append(buf[:0], uniqIsTexts)
			if len(forms) > 0 {
				buf = appendForms(append(buf[:0], uniqIsForms), forms, i)
			}
			texts := make([]string, 0, len(s.texts[i]))
			for text := range s.texts[i] {
				texts = append(texts, text)
			}
			slices.Sort(texts)
			for _, text := range texts {
				buf = append(binary.AppendUvarint(buf, uint64(len(text))), text...)
			}
		default:
			buf = append(buf[:0], uniqIsWords)
			words := make([]uint64, 0, s.words[i].n)
			s.words[i].each(func(word uint64) { words = append(words, word) })
			slices.Sort(words)
			for _, word := range words {
				buf = binary.BigEndian.AppendUint64(buf, word)
			}
		}
		encoded[i] = string(buf)
	}
	return []*Vec{vecOfStrings(encoded)}
}

func decodeUniqExact(a *Agg, cols []*Vec) (State, error) {
	if err := checkColumns("uniq_exact", cols, false, storage.TypeString); err != nil {
		return nil, err
	}
	s := newUniqExactState(a)
	if cols[0].Len() > 0 && strings.HasPrefix(cols[0].Strs[0], string(rune(uniqIsDistinct))) {
		s.approximate()
	}
	s.Grow(cols[0].Len())
	for i, src := range cols[0].Strs {
		if !s.decodeGroup(uint32(i), src) {
			return nil, errState("uniq_exact", "the set of group %d is damaged", i)
		}
	}
	return s, nil
}

func (s *UniqExactState) decodeGroup(g uint32, src string) bool {
	if src == "" {
		return false
	}
	kind, body := src[0], src[1:]
	switch {
	case kind == uniqIsDistinct && s.sets != nil:
		d, ok := decodeDistinct(body)
		s.sets[g] = d
		return ok
	case kind == uniqIsWords && !s.isText():
		return s.decodeWords(g, []byte(body))
	case kind == uniqIsTexts && s.isText():
		return s.decodeTexts(g, body)
	case kind == uniqIsForms && s.Type == storage.TypeString:
		texts, ok := s.decodeForms(g, body)
		return ok && s.decodeTexts(g, texts)
	}
	return false
}

func (s *UniqExactState) decodeWords(g uint32, body []byte) bool {
	last := uint64(0)
	for i := 0; i+8 <= len(body); i += 8 {
		word := binary.BigEndian.Uint64(body[i:])
		if i > 0 && word <= last {
			return false
		}
		s.addWord(g, word)
		last = word
	}
	return len(body)%8 == 0
}

func (s *UniqExactState) decodeTexts(g uint32, body string) bool {
	last, started := "", false
	for body != "" {
		size, n := binary.Uvarint([]byte(body[:min(len(body), binary.MaxVarintLen64)]))
		if n <= 0 || size > uint64(len(body)-n) {
			return false
		}
		text := body[n : n+int(size)]
		body = body[n+int(size):]
		if started && text <= last {
			return false
		}
		s.addText(g, text)
		last, started = text, true
	}
	return true
}
