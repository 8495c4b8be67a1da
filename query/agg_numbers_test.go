package query

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kelpdb/kelp/storage"
)

// randomWords are words of a few pages, some of them full, and some large ones.
func randomWords(r *rand.Rand, n int) []uint64 {
	words := make([]uint64, n)
	spread := uint64(1) << (8 + r.IntN(16))
	for i := range words {
		switch r.IntN(20) {
		case 0:
			words[i] = r.Uint64()
		case 1:
			words[i] = r.Uint64N(1 << 29)
		default:
			words[i] = r.Uint64N(spread)
		}
	}
	return words
}

// TestNumberSet: a set holds what a map does and is worth what its words are worth,
// however they came.
func TestNumberSet(t *testing.T) {
	paged := 0
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 3))
		var sets [4]numberSet
		model := map[uint64]bool{}
		for i := range sets {
			for _, w := range randomWords(r, r.IntN(20_000)) {
				sets[i].add(w)
				model[w] = true
			}
		}
		perPage, want := map[uint64]int{}, 0
		for w := range model {
			if page := w >> pageBits; page >= pagesMax {
				want += uniqWordBytes
			} else if perPage[page]++; perPage[page] <= pageFull {
				want += uniqWordBytes
			}
		}
		var merged, again numberSet
		for i := range sets {
			merged.merge(&sets[len(sets)-1-i])
			sets[i].each(again.add)
		}
		for _, s := range []*numberSet{&merged, &again} {
			words := map[uint64]bool{}
			s.each(func(w uint64) {
				if words[w] || !model[w] {
					t.Fatalf("seed %d: word %d is there twice, or should not be", seed, w)
				}
				words[w] = true
			})
			if len(words) != len(model) || s.n != len(model) || s.cost() != want {
				t.Fatalf("seed %d: %d words, counted %d, worth %d; want %d worth %d", seed, len(words), s.n, s.cost(), len(model), want)
			}
			if s.dense != nil && len(s.dense.pages) > 0 {
				paged++
			}
		}
	}
	if paged < 30 {
		t.Fatalf("%d sets have pages of bits: the test tests nothing", paged)
	}
}

// uniqTexts are texts of several forms: few forms for some seeds, many for others.
func uniqTexts(r *rand.Rand, n int) []string {
	prefixes := 1 + r.IntN(2)*r.IntN(30)
	texts := make([]string, n)
	for i := range texts {
		switch p := r.IntN(prefixes); r.IntN(30) {
		case 0:
			texts[i] = fmt.Sprint("guest-", string(rune('a'+r.IntN(26))))
		case 1:
			texts[i] = fmt.Sprintf("user-%d", r.Uint64())
		default:
			texts[i] = fmt.Sprintf("user%c%06d", 'A'+p, r.IntN(1<<(5+r.IntN(13))))
		}
	}
	return texts
}

// TestUniqExactForms: texts that are numbers count as those of a map do, whether
// they come as texts, merged or over the wire, and the state says the same of itself.
func TestUniqExactForms(t *testing.T) {
	agg := &Agg{Kind: AggUniqExact, Arg: &Bound{Type: storage.TypeString}}
	formed, whole, approx := 0, 0, 0
	for seed := range uint64(80) {
		r := rand.New(rand.NewPCG(seed, 4))
		const groups = 3
		limit := []int{1 << 14, 1 << 18, 1 << 26}[r.IntN(3)]
		parts := make([]*UniqExactState, 4)
		one := newUniqExactState(agg)
		one.max = limit
		one.Grow(groups)
		model := [groups]map[string]bool{{}, {}, {}}
		for i := range parts {
			parts[i] = newUniqExactState(agg)
			parts[i].max = limit
			parts[i].Grow(groups)
			for _, text := range uniqTexts(r, r.IntN(4000)) {
				g := r.Uint32N(groups)
				parts[i].AddStrings([]uint32{g}, []string{text})
				one.AddValue(g, storage.String(text))
				model[g][text] = true
			}
		}
		merged := newUniqExactState(agg)
		merged.max = limit
		merged.Grow(groups)
		r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		for i, p := range parts {
			if i%2 == 0 && p.sets == nil {
				decoded, err := decodeUniqExact(agg, p.Columns())
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				p = decoded.(*UniqExactState)
			}
			merged.Merge(p, []uint32{0, 1, 2})
		}
		if merged.Approx() != one.Approx() || merged.held != one.held || merged.asTexts != one.asTexts && !one.Approx() {
			t.Fatalf("seed %d: %v worth %d, one state %v worth %d", seed, merged.Approx(), merged.held, one.Approx(), one.held)
		}
		for g := range groups {
			if n := merged.Value(g).Int; !one.Approx() && n != int64(len(model[g])) || n != one.Value(g).Int {
				t.Fatalf("seed %d: group %d has %d, %d in one state, want %d", seed, g, n, one.Value(g).Int, len(model[g]))
			}
		}
		if a, b := merged.Columns()[0].Strs, one.Columns()[0].Strs; !slices.Equal(a, b) {
			t.Fatalf("seed %d: the encodings differ", seed)
		}
		switch {
		case one.Approx():
			approx++
		case one.asTexts:
			whole++
		case len(one.forms) > 0:
			formed++
		}
	}
	if formed < 5 || whole < 5 || approx < 5 {
		t.Fatalf("%d states of numbers, %d of texts, %d approximate: the test tests nothing", formed, whole, approx)
	}
}

func BenchmarkUniqExactNumbers(b *testing.B) {
	const rows, groups = 65_536, 12
	agg := &Agg{Kind: AggUniqExact, Arg: &Bound{Type: storage.TypeInt64}}
	r := rand.New(rand.NewPCG(1, 1))
	values, of := make([]int64, rows), make([]uint32, rows)
	for i := range values {
		values[i], of[i] = r.Int64N(1_000_000), r.Uint32N(groups)
	}
	s := newUniqExactState(agg)
	s.Grow(groups)
	for b.Loop() {
		s.AddInts(of, values)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}
