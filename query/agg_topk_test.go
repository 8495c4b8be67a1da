package query

import (
	"fmt"
	"slices"
	"testing"

	"github.com/kelpdb/kelp/storage"
)

func topOfText(k int) *Agg {
	return &Agg{Kind: AggTopK, Param: float64(k), Arg: &Bound{Op: OpColumn, Type: storage.TypeString}, Type: storage.TypeList}
}

// Over its budget topk keeps the best counts of each group and says so. What
// stands for more than one in topkKeptMin of a group's events is never lost,
// however the rows come and wherever the counts are cut.
func TestTopKBudget(t *testing.T) {
	const groups, rare = 2, 30_000
	a := topOfText(3)
	part := func(from, to, max int) *TopKState {
		s := newTopKState(a)
		s.max = max
		s.Grow(groups)
		for i := from; i < to; i++ {
			for g := range uint32(groups) {
				text := fmt.Sprintf("rare-%d", i)
				if i%100 < 6 { // b is twice as frequent as a, c three times
					text = []string{"a", "b", "b", "c", "c", "c"}[i%100]
				}
				s.Add([]uint32{g}, []uint32{s.NumberOfString(text)}, []uint64{uint64(g) + 1})
			}
			s.Settle()
		}
		return s
	}
	want := []string{"c", "b", "a"}
	check := func(what string, s *TopKState, approx bool) {
		t.Helper()
		if s.Approx() != approx {
			t.Errorf("%s: approximate is %v", what, s.Approx())
		}
		for g := range groups {
			if got := s.Value(g).List; !slices.Equal(got, want) {
				t.Errorf("%s: group %d has %q", what, g, got)
			}
		}
		if approx && len(s.textOf) > 2*groups*(topkKeptMin+3000) {
			t.Errorf("%s: %d values are held", what, len(s.textOf))
		}
	}
	const small = 400_000
	check("all at once", part(0, rare, topkBytesMax), false)
	cut := part(0, rare, small)
	check("cut", cut, true)
	merged := part(0, rare/2, small)
	merged.Merge(part(rare/2, rare, small), []uint32{0, 1})
	check("merged", merged, true)
	exact := part(0, 100, topkBytesMax)
	exact.Merge(cut, []uint32{1, 0})
	check("merged into an exact one", exact, true)
	travelled, err := DecodeState(a, cut.Columns())
	if err != nil {
		t.Fatal(err)
	}
	check("travelled", travelled.(*TopKState), true)
}

func TestTopKDamagedColumns(t *testing.T) {
	f := func(typ storage.Type, groups ...string) {
		t.Helper()
		a := &Agg{Kind: AggTopK, Param: 3, Arg: &Bound{Op: OpColumn, Type: typ}, Type: storage.TypeList}
		if s, err := DecodeState(a, []*Vec{vecOfStrings(groups)}); err == nil {
			t.Errorf("%q is read as %v", groups, s.Value(0))
		}
	}
	word := "\x00\x00\x00\x00\x00\x00\x00\x05"
	f(storage.TypeInt64, "")
	f(storage.TypeInt64, "\x02")
	f(storage.TypeInt64, "\x00"+word[:7])
	f(storage.TypeInt64, "\x00"+word)
	f(storage.TypeInt64, "\x00"+word+"\x00")
	f(storage.TypeInt64, "\x00"+word+"\x01"+word+"\x01")
	f(storage.TypeInt64, "\x00"+word+"\x01", "\x01"+word+"\x01")
	f(storage.TypeInt64, "\x01"+word+"\x01", "\x00"+word+"\x01")
	f(storage.TypeString, "\x00\x05a\x01")
	f(storage.TypeString, "\x00\x01b\x01\x01a\x01")
	f(storage.TypeList, "\x00\x01\x05\x01")
}

func BenchmarkTopK(b *testing.B) {
	const rows = 4096
	f := func(name string, distinctValues int) {
		b.Run(name, func(b *testing.B) {
			s := newTopKState(topOfText(10))
			s.Grow(16)
			groups, numbers := make([]uint32, rows), make([]uint32, rows)
			for i := range rows {
				groups[i] = uint32(i % 16)
				numbers[i] = s.NumberOfString(fmt.Sprint(i % distinctValues))
			}
			for b.Loop() {
				s.Add(groups, numbers, nil)
			}
			b.SetBytes(rows)
		})
	}
	f("values=10", 10)
	f("values=4096", 4096)
}
