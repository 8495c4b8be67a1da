package query

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"github.com/kelpdb/kelp/storage"
)

// TopKState is for topk(k, x): the k values that stand for most events, the most
// frequent first, ties to the smaller value. Every value has a number, the same in
// all groups, so a dictionary is looked up once per entry and rows are counted by
// number. While all counts fit topkBytesMax the answer is exact. Beyond, each
// group keeps its topkKept best counts, less the first that is dropped (the
// summaries of Misra and Gries; merged after Agarwal et al., Mergeable Summaries,
// 2012): what is more than one in topkKept of a group's events is still found.
type TopKState struct {
	Type   storage.Type // of the argument
	k      int
	words  map[uint64]uint32 // number of a bool, an int64, a time, the bits of a float64
	texts  map[string]uint32 // number of a text; of a list as listBytes writes it
	wordOf []uint64          // by number
	textOf []string
	counts pairCounts // of group and number
	n      int
	held   int // bytes of the texts
	max    int // what the state may hold before it is cut
	approx bool

	ranked []uint64 // pairs by group, each group's best first; nil: not sorted
	starts []int    // of each group in ranked
}

func newTopKState(a *Agg) *TopKState {
	s := &TopKState{k: int(a.Param), max: topkBytesMax, words: map[uint64]uint32{}, texts: map[string]uint32{}}
	if a.Arg != nil {
		s.Type = a.Arg.Type
	}
	return s
}

// Approx tells whether counts were cut.
func (s *TopKState) Approx() bool { return s.approx }

func (s *TopKState) isText() bool {
	return s.Type == storage.TypeString || s.Type == storage.TypeList
}

// Number returns the number of a value of the argument's type, which is not
// null. Numbers hold until Settle or Merge.
func (s *TopKState) Number(v storage.Value) uint32 {
	switch v.Type {
	case storage.TypeFloat64:
		return s.NumberOfFloat(v.Float)
	case storage.TypeString:
		return s.NumberOfString(v.Str)
	case storage.TypeList:
		return s.NumberOfString(listBytes(v.List))
	}
	return s.NumberOfInt(v.Int)
}

// NumberOfInt is Number of a bool, an int64 or a time.
func (s *TopKState) NumberOfInt(v int64) uint32 { return s.numberOfWord(uint64(v)) }

// NumberOfFloat is Number of a float64.
func (s *TopKState) NumberOfFloat(f float64) uint32 {
	return s.numberOfWord(math.Float64bits(canonicalFloat(f)))
}

// NumberOfString is Number of a text, which is copied if it is new.
func (s *TopKState) NumberOfString(text string) uint32 {
	id, known := s.texts[text]
	if !known {
		id = uint32(len(s.textOf))
		text = strings.Clone(text)
		s.texts[text] = id
		s.textOf = append(s.textOf, text)
		s.held += len(text)
	}
	return id
}

func (s *TopKState) numberOfWord(word uint64) uint32 {
	id, known := s.words[word]
	if !known {
		id = uint32(len(s.wordOf))
		s.words[word] = id
		s.wordOf = append(s.wordOf, word)
	}
	return id
}

// Add counts a run of rows by the numbers of their values.
func (s *TopKState) Add(groups, numbers []uint32, weights []uint64) {
	s.ranked = nil
	weight := uint64(1)
	for i, g := range groups {
		if weights != nil {
			weight = weights[i]
		}
		s.counts.add(pairOf(g, numbers[i]), weight)
	}
}

// Settle cuts the counts if they have become too many. It is called when no
// number is held any more.
func (s *TopKState) Settle() {
	if s.Bytes() > s.max {
		s.cut(max(topkKeptMin, topkKeptPerK*s.k))
		// Where the groups alone are too many, the query's own budget ends it.
		s.max = max(s.max, 2*s.Bytes())
	}
}

// cut leaves each group its best counts, less the first one that goes.
func (s *TopKState) cut(kept int) {
	s.approx = true
	s.rank()
	old := *s
	fresh := newTopKState(&Agg{Param: float64(s.k), Arg: &Bound{Type: s.Type}})
	for g := range s.n {
		pairs := old.ranked[old.starts[g]:old.starts[g+1]]
		less := uint64(0)
		if len(pairs) > kept {
			less = old.counts.of(pairs[kept])
			pairs = pairs[:kept]
		}
		for _, p := range pairs {
			if n := old.counts.of(p) - less; n > 0 {
				fresh.counts.add(pairOf(uint32(g), fresh.take(&old, uint32(p))), n)
			}
		}
	}
	fresh.n, fresh.max, fresh.approx = s.n, s.max, true
	*s = *fresh
}

// take returns the own number of a value that another state has a number of.
func (s *TopKState) take(from *TopKState, number uint32) uint32 {
	if s.isText() {
		return s.NumberOfString(from.textOf[number])
	}
	return s.numberOfWord(from.wordOf[number])
}

// valueOf is the value of a number.
func (s *TopKState) valueOf(number uint32) storage.Value {
	switch s.Type {
	case storage.TypeFloat64:
		return storage.Float(math.Float64frombits(s.wordOf[number]))
	case storage.TypeString:
		return storage.String(s.textOf[number])
	case storage.TypeList:
		items, ok := listOfBytes(s.textOf[number])
		if !ok {
			panic("BUG: a list does not read back")
		}
		return storage.List(items)
	}
	return storage.Value{Type: s.Type, Int: int64(s.wordOf[number])}
}

// rank sorts the pairs: by group, the best first.
func (s *TopKState) rank() {
	if s.ranked != nil {
		return
	}
	s.ranked = make([]uint64, 0, s.counts.n)
	s.counts.each(func(pair, _ uint64) { s.ranked = append(s.ranked, pair) })
	slices.SortFunc(s.ranked, func(a, b uint64) int {
		if c := cmp.Compare(a>>32, b>>32); c != 0 {
			return c
		}
		if c := cmp.Compare(s.counts.of(b), s.counts.of(a)); c != 0 {
			return c
		}
		return Order(s.valueOf(uint32(a)), s.valueOf(uint32(b)))
	})
	s.starts = make([]int, s.n+1)
	at := 0
	for g := range s.n {
		s.starts[g] = at
		for at < len(s.ranked) && int(s.ranked[at]>>32) == g {
			at++
		}
	}
	s.starts[s.n] = at
}

// Len, Grow, Merge, Value, Bytes and Columns are State's.
func (s *TopKState) Len() int { return s.n }

func (s *TopKState) Grow(n int) { s.n, s.ranked = n, nil }

func (s *TopKState) Merge(src State, to []uint32) {
	from := src.(*TopKState)
	s.ranked = nil
	s.approx = s.approx || from.approx
	numbers := make([]uint32, max(len(from.wordOf), len(from.textOf)))
	for id := range numbers {
		numbers[id] = s.take(from, uint32(id))
	}
	from.counts.each(func(pair, n uint64) {
		s.counts.add(pairOf(to[pair>>32], numbers[uint32(pair)]), n)
	})
	s.Settle()
}

// Value is the list of the values as text; null for an empty group.
func (s *TopKState) Value(i int) storage.Value {
	s.rank()
	pairs := s.ranked[s.starts[i]:s.starts[i+1]]
	if len(pairs) == 0 {
		return storage.Value{}
	}
	items := make([]string, min(s.k, len(pairs)))
	for at := range items {
		items[at] = CanonicalText(s.valueOf(uint32(pairs[at])))
	}
	return storage.List(items)
}

func (s *TopKState) Bytes() int {
	return 8*(s.n+cap(s.ranked)+cap(s.starts)) + s.counts.bytes() + topkWordBytes*len(s.wordOf) + topkTextBytes*len(s.textOf) + s.held
}

// Columns: of each group whether counts were cut, in one byte, then its values,
// ascending by their bytes, each with its weight: words as 8 bytes, big-endian,
// text behind its length; lengths and weights as varints.
func (s *TopKState) Columns() []*Vec {
	s.rank()
	encoded := make([]string, s.n)
	var buf []byte
	for g := range encoded {
		buf = append(buf[:0], 0)
		if s.approx {
			buf[0] = 1
		}
		pairs := slices.Clone(s.ranked[s.starts[g]:s.starts[g+1]])
		slices.SortFunc(pairs, func(a, b uint64) int {
			if s.isText() {
				return cmp.Compare(s.textOf[uint32(a)], s.textOf[uint32(b)])
			}
			return cmp.Compare(s.wordOf[uint32(a)], s.wordOf[uint32(b)])
		})
		for _, p := range pairs {
			if s.isText() {
				text := s.textOf[uint32(p)]
				buf = append(binary.AppendUvarint(buf, uint64(len(text))), text...)
			} else {
				buf = binary.BigEndian.AppendUint64(buf, s.wordOf[uint32(p)])
			}
			buf = binary.AppendUvarint(buf, s.counts.of(p))
		}
		encoded[g] = string(buf)
	}
	return []*Vec{vecOfStrings(encoded)}
}

func decodeTopK(a *Agg, cols []*Vec) (State, error) {
	if err := checkColumns("topk", cols, false, storage.TypeString); err != nil {
		return nil, err
	}
	s := newTopKState(a)
	s.Grow(cols[0].Len())
	for g, src := range cols[0].Strs {
		if !s.decodeGroup(uint32(g), []byte(src)) {
			return nil, errState("topk", "the counts of group %d are damaged", g)
		}
	}
	return s, nil
}

func (s *TopKState) decodeGroup(g uint32, src []byte) bool {
	if len(src) == 0 || src[0] > 1 || src[0] == 0 && s.approx || g > 0 && src[0] == 1 && !s.approx {
		return false
	}
	s.approx = src[0] == 1
	src = src[1:]
	lastText, lastWord := "", uint64(0)
	for started := false; len(src) > 0; started = true {
		var id uint32
		if s.isText() {
			size, n := binary.Uvarint(src)
			if n <= 0 || size > uint64(len(src)-n) {
				return false
			}
			text := string(src[n : n+int(size)])
			src = src[n+int(size):]
			if _, ok := listOfBytes(text); !ok && s.Type == storage.TypeList || started && text <= lastText {
				return false
			}
			id, lastText = s.NumberOfString(text), text
		} else {
			if len(src) < 8 {
				return false
			}
			word := binary.BigEndian.Uint64(src)
			src = src[8:]
			if started && word <= lastWord {
				return false
			}
			id, lastWord = s.numberOfWord(word), word
		}
		weight, n := binary.Uvarint(src)
		if n <= 0 || weight == 0 {
			return false
		}
		src = src[n:]
		s.counts.add(pairOf(g, id), weight)
	}
	return true
}

// listOfBytes is the opposite of listBytes.
func listOfBytes(src string) (items []string, ok bool) {
	items = []string{}
	for src != "" {
		size, n := binary.Uvarint([]byte(src[:min(len(src), binary.MaxVarintLen64)]))
		if n <= 0 || size > uint64(len(src)-n) {
			return nil, false
		}
		items = append(items, src[n:n+int(size)])
		src = src[n+int(size):]
	}
	return items, true
}
