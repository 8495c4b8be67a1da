package query

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"testing"
)

// randomForm makes the form of texts over few letters, some beyond ASCII.
func randomForm(r *rand.Rand) (constants [][]byte, variables [][]Part) {
	word := func() []byte {
		var text []byte
		for range r.IntN(4) {
			text = append(text, []string{"a", "b", "ab ", "k", "0", "1", " ", "\n", "ab ", "a", "b", "0", "é", "\xff"}[r.IntN(12+r.IntN(2)*r.IntN(2)*2)]...)
		}
		return text
	}
	constants = append(constants, word())
	for range r.IntN(5) {
		var parts []Part
		for range 1 + r.IntN(3) {
			p := Part{Set: []string{"01", "0", "ab", "ak "}[r.IntN(4)], Min: r.IntN(3)}
			p.Max = p.Min + r.IntN(4)
			if r.IntN(2) == 0 {
				p = Part{Words: [][]byte{word(), word(), word()}[:1+r.IntN(3)]}
			}
			parts = append(parts, p)
		}
		if r.IntN(20) == 0 {
			parts = nil
		}
		variables, constants = append(variables, parts), append(constants, word())
	}
	return constants, variables
}

// randomText makes a text of a form, and what of it lies in a window.
func randomText(r *rand.Rand, constants [][]byte, variables [][]Part, first, past int) (text, window []byte) {
	text = append(text, constants[0]...)
	from, to := 0, 0
	for i, parts := range variables {
		if i == first && first < past {
			from = len(text)
		}
		for _, p := range parts {
			if p.Words != nil {
				text = append(text, p.Words[r.IntN(len(p.Words))]...)
				continue
			}
			for range p.Min + r.IntN(p.Max-p.Min+1) {
				text = append(text, p.Set[r.IntN(len(p.Set))])
			}
		}
		if parts == nil {
			text = append(text, "any 1"...)
		}
		if i+1 == past {
			to = len(text)
		}
		text = append(text, constants[i+1]...)
	}
	return text, text[from:to]
}

// TestWalk: what a walk says of the form of texts holds for each of them.
func TestWalk(t *testing.T) {
	var verdicts [VerdictWindow + 1]int
	windows := 0
	for seed := range uint64(6000) {
		r := rand.New(rand.NewPCG(seed, 9))
		pattern := randomRegex(r, 4)
		if r.IntN(6) == 0 {
			pattern = []string{"ab", "a1", "0"}[r.IntN(3)]
		}
		m, err := CompileRegex(pattern, r.IntN(8) == 0)
		if err != nil {
			continue
		}
		w := m.Walker()
		if w == nil {
			continue
		}
		for range 4 {
			constants, variables := randomForm(r)
			c := w.Walk(constants, variables)
			verdicts[c.Verdict]++
			for range 12 {
				text, window := randomText(r, constants, variables, c.First, c.Past)
				want := m.re.Match(text)
				switch c.Verdict {
				case VerdictAll, VerdictNone:
					if want != (c.Verdict == VerdictAll) {
						t.Fatalf("seed %d: %q matches %q: %v, verdict %d", seed, pattern, text, want, c.Verdict)
					}
				case VerdictWindow:
					yes, known := w.Match(&c, window)
					if known && yes != want {
						t.Fatalf("seed %d: %q matches %q: %v, not by its window %q", seed, pattern, text, want, window)
					}
					if known {
						windows++
					}
				}
			}
		}
		w.Close()
	}
	if verdicts[VerdictAll] < 1000 || verdicts[VerdictNone] < 1000 || windows < 5000 {
		t.Fatalf("%v verdicts, %d windows: the test tests nothing", verdicts, windows)
	}
}

// TestWalkNarrow: only what a pattern depends on is in the window.
func TestWalkNarrow(t *testing.T) {
	digits := func(most int) []Part { return []Part{{Set: "0123456789", Min: 1, Max: most}} }
	constants := [][]byte{[]byte("user "), []byte(" of "), []byte(" took "), []byte("."), []byte(" ms")}
	variables := [][]Part{digits(9), {{Words: [][]byte{[]byte("api"), []byte("web")}}}, digits(9), {{Set: "0123456789", Min: 3, Max: 3}}}
	f := func(pattern string, verdict Verdict, first, past int) {
		t.Helper()
		m, err := CompileRegex(pattern, false)
		if err != nil {
			t.Fatal(err)
		}
		w := m.Walker()
		defer w.Close()
		if c := w.Walk(constants, variables); c.Verdict != verdict || c.First != first || c.Past != past {
			t.Errorf("%q: verdict %d, variables [%d, %d), want %d, [%d, %d)", pattern, c.Verdict, c.First, c.Past, verdict, first, past)
		}
	}
	f("took [0-9]+[.][0-9]+ ms", VerdictAll, 0, 0)
	f("took", VerdictAll, 0, 0)
	f("tool", VerdictNone, 0, 0)
	f("took [a-f]", VerdictNone, 0, 0)
	f("took [0-9]{3,}[.]", VerdictWindow, 2, 3)
	f("of web", VerdictWindow, 1, 2)
	f("^user 7", VerdictWindow, 0, 1)
	f("7 ms$", VerdictWindow, 3, 4)
	f("of (api|web) took", VerdictAll, 0, 0)
}

// BenchmarkWalk holds a pattern against the form of texts.
func BenchmarkWalk(b *testing.B) {
	digits := []Part{{Set: "0123456789", Min: 1, Max: 9}}
	constants := [][]byte{[]byte("request of user "), []byte(" to "), []byte(" took "), []byte(" ms")}
	for _, pattern := range []string{"took [0-9]{3,} ms", "timeout"} {
		m, err := CompileRegex(pattern, false)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(regexp.QuoteMeta(fmt.Sprintf("%.7s", pattern)), func(b *testing.B) {
			w := m.Walker()
			defer w.Close()
			for b.Loop() {
				w.Walk(constants, [][]Part{digits, digits, digits})
			}
		})
	}
}
