package query

import (
	"encoding/binary"
	"slices"
	"strings"
	"unsafe"

	"github.com/kelpdb/kelp/storage"
)

// Texts that end in a decimal number, as `user-000123` does, are kept as numbers:
// of each form, which is what stands before the digits and how many there are, a
// set per group. A state with texts of more than uniqFormsMax forms keeps all texts
// as they are. Which texts it holds decides that, not in what order they came.

// uniqFormsMax bounds the forms of a state: each has an array of all groups.
const uniqFormsMax = 16

// uniqDigitsMax is the most digits that fit a word.
const uniqDigitsMax = 18

// uniqForm is the numbers of the texts of one form.
type uniqForm struct {
	prefix string // does not end in a digit
	digits int    // at most uniqDigitsMax
	sets   []numberSet
}

// splitNumber cuts a text into what stands before its last digits and their
// number; ok is false if it does not end in a number that fits.
func splitNumber(text string) (prefix string, number uint64, digits int, ok bool) {
	at := len(text)
	for at > 0 && text[at-1]-'0' < 10 {
		at--
	}
	if digits = len(text) - at; digits == 0 || digits > uniqDigitsMax {
		return "", 0, 0, false
	}
	for _, c := range []byte(text[at:]) {
		number = number*10 + uint64(c-'0')
	}
	return text[:at], number, digits, true
}

// appendText writes the text of a number.
func (f *uniqForm) appendText(dst []byte, number uint64) []byte {
	dst = append(dst, f.prefix...)
	at := len(dst)
	dst = append(dst, "000000000000000000"[:f.digits]...)
	for i := len(dst) - 1; i >= at; i-- {
		dst[i] = '0' + byte(number%10)
		number /= 10
	}
	return dst
}

// form returns the form of texts; nil if there are too many, and from then on all
// texts are kept as they are.
func (s *UniqExactState) form(prefix string, digits int) *uniqForm {
	if s.asTexts {
		return nil
	}
	for _, f := range s.forms {
		if f.digits == digits && f.prefix == prefix {
			f.sets = growSlice(f.sets, max(len(f.sets), s.n))
			return f
		}
	}
	if len(s.forms) == uniqFormsMax {
		s.dissolve()
		return nil
	}
	f := &uniqForm{prefix: strings.Clone(prefix), digits: digits, sets: make([]numberSet, s.n)}
	s.forms = append(s.forms, f)
	return f
}

// dissolve keeps all texts as they are from now on.
func (s *UniqExactState) dissolve() {
	forms := s.forms
	s.forms, s.asTexts = nil, true
	var buf []byte
	for _, f := range forms {
		for g := range f.sets {
			set := &f.sets[g]
			s.held -= set.cost()
			set.each(func(number uint64) {
				buf = f.appendText(buf[:0], number)
				s.addText(uint32(g), string(buf))
			})
			*set = numberSet{}
		}
	}
	if s.sets != nil {
		s.held = 0
	}
}

// AddNumbers feeds a run of texts of a form, given as their numbers; false if they
// have to come as texts, and then nothing is fed.
func (s *UniqExactState) AddNumbers(groups []uint32, form *storage.TextForm, numbers []int64) bool {
	digits, prefix, suffix, ok := form.Decimal()
	if !ok || len(suffix) > 0 || digits == 0 || s.sets != nil || s.asTexts || s.Type != storage.TypeString {
		return false
	}
	if n := len(prefix); n > 0 && prefix[n-1]-'0' < 10 {
		return false
	}
	f := s.form(string(prefix), digits)
	if f == nil {
		return false
	}
	sets := f.sets
	for i, g := range groups {
		number, set := uint64(numbers[i]), &sets[g]
		if p := set.page(number); p != nil && p[number>>6&(pageWords-1)]>>(number&63)&1 != 0 {
			continue
		}
		before := set.cost()
		set.add(number)
		s.held += set.cost() - before
	}
	s.hold(0)
	return true
}

// mergeForms adds the numbers of another state; to is the group of each of its.
func (s *UniqExactState) mergeForms(from *UniqExactState, to []uint32) {
	var buf []byte
	for _, src := range from.forms {
		for i := range src.sets {
			if src.sets[i].n == 0 {
				continue
			}
			var f *uniqForm
			if s.sets == nil {
				f = s.form(src.prefix, src.digits)
			}
			if f == nil {
				src.sets[i].each(func(number uint64) {
					buf = src.appendText(buf[:0], number)
					s.addText(to[i], string(buf))
				})
				continue
			}
			set := &f.sets[to[i]]
			before := set.cost()
			set.merge(&src.sets[i])
			s.hold(set.cost() - before)
		}
	}
}

// sortedForms returns the forms in an order that does not depend on how they came.
func (s *UniqExactState) sortedForms() []*uniqForm {
	forms := slices.Clone(s.forms)
	slices.SortFunc(forms, func(a, b *uniqForm) int {
		if c := strings.Compare(a.prefix, b.prefix); c != 0 {
			return c
		}
		return a.digits - b.digits
	})
	return forms
}

// appendForms encodes the numbers of a group: how many forms it has, and of each
// the prefix behind its length, the digits, how many numbers, and the numbers,
// ascending, each as the difference to the one before, the first to -1.
func appendForms(dst []byte, forms []*uniqForm, g int) []byte {
	some := 0
	for _, f := range forms {
		if g < len(f.sets) && f.sets[g].n > 0 {
			some++
		}
	}
	dst = binary.AppendUvarint(dst, uint64(some))
	for _, f := range forms {
		if g >= len(f.sets) || f.sets[g].n == 0 {
			continue
		}
		dst = binary.AppendUvarint(dst, uint64(len(f.prefix)))
		dst = append(dst, f.prefix...)
		dst = binary.AppendUvarint(dst, uint64(f.digits))
		dst = binary.AppendUvarint(dst, uint64(f.sets[g].n))
		words := make([]uint64, 0, f.sets[g].n)
		f.sets[g].each(func(word uint64) { words = append(words, word) })
		slices.Sort(words)
		last := ^uint64(0)
		for _, word := range words {
			dst = binary.AppendUvarint(dst, word-last)
			last = word
		}
	}
	return dst
}

// decodeForms adds what appendForms wrote and returns what stands behind it.
func (s *UniqExactState) decodeForms(g uint32, src string) (tail string, ok bool) {
	read := func() (v uint64) {
		v, n := binary.Uvarint([]byte(src[:min(len(src), binary.MaxVarintLen64)]))
		ok = ok && n > 0
		src = src[max(n, 0):]
		return v
	}
	ok = true
	forms := read()
	for range min(forms, uniqFormsMax+1) {
		size := read()
		if !ok || size > uint64(len(src)) {
			return "", false
		}
		prefix := src[:size]
		src = src[size:]
		digits, count := read(), read()
		if !ok || digits == 0 || digits > uniqDigitsMax || count > uint64(len(src)) ||
			size > 0 && prefix[size-1]-'0' < 10 {
			return "", false
		}
		f := &uniqForm{prefix: prefix, digits: int(digits)}
		limit := uint64(1)
		for range digits {
			limit *= 10
		}
		last := ^uint64(0)
		for i := range count {
			step := read()
			if !ok || step == 0 || step > limit || i > 0 && last+step < last || last+step >= limit {
				return "", false
			}
			last += step
			s.addNumber(g, f, last)
		}
	}
	return src, ok && forms <= uniqFormsMax
}

// addNumber adds a text that is given as the number of a form.
func (s *UniqExactState) addNumber(g uint32, of *uniqForm, number uint64) {
	if s.sets == nil {
		if f := s.form(of.prefix, of.digits); f != nil {
			before := f.sets[g].cost()
			f.sets[g].add(number)
			s.hold(f.sets[g].cost() - before)
			return
		}
	}
	s.addText(g, string(of.appendText(nil, number)))
}

// formBytes is the memory of the numbers.
func (s *UniqExactState) formBytes() int {
	n := 0
	for _, f := range s.forms {
		n += cap(f.sets) * int(unsafe.Sizeof(numberSet{}))
		for g := range f.sets {
			n += f.sets[g].bytes()
		}
	}
	return n
}
