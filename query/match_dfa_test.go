package query

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// randomRegex makes an expression over few letters, with every kind of operator
// and assertion.
func randomRegex(r *rand.Rand, depth int) string {
	if depth == 0 {
		return []string{"a", "b", "k", "ab ", "[ab]", "[^a]", ".", `\d`, `\w`, `\b`, `\B`, "^", "$", `\A`, `\z`, "(?m:^)", "(?m:$)", "é", `\s`, "(?s:.)", "", "0"}[r.IntN(22)]
	}
	one := func() string { return randomRegex(r, r.IntN(depth)) }
	switch r.IntN(7) {
	case 0:
		return "(" + one() + "|" + one() + ")"
	case 1:
		return "(?:" + one() + ")" + []string{"*", "+", "?", "{2}", "{1,3}", "*?", "+?"}[r.IntN(7)]
	case 2:
		return "(?i:" + one() + ")"
	}
	return one() + one() + one()
}

// TestDFA: a scanner tells what package regexp tells, for any pattern and text.
func TestDFA(t *testing.T) {
	letters := []string{"a", "b", "ab ", "k", "K", "0", "1", " ", "\n", "a", "b", "é", "\u212a", "\xff"}
	runs, begins, yes := 0, 0, 0
	for seed := range uint64(4000) {
		r := rand.New(rand.NewPCG(seed, 8))
		pattern := randomRegex(r, 4)
		if r.IntN(3) == 0 {
			pattern = "ab " + pattern
		}
		m, err := CompileRegex(pattern, r.IntN(8) == 0)
		if err != nil {
			continue
		}
		scan := m.Scanner()
		if scan.dfa == nil {
			continue
		}
		if m.begins {
			begins++
		}
		for range 30 {
			var text []byte
			kinds := len(letters) - r.IntN(2)*3
			for range r.IntN(14) {
				text = append(text, letters[r.IntN(kinds)]...)
			}
			want := m.re.Match(text)
			if got := scan.Match(text); got != want {
				t.Fatalf("seed %d: %q matches %q: %v, want %v", seed, pattern, text, got, want)
			}
			if at := bytes.Index(text, m.literal); at >= 0 && scan.MatchFrom(text, at) != want {
				t.Fatalf("seed %d: %q matches %q from %d on: want %v", seed, pattern, text, at, want)
			}
			runs++
			if want {
				yes++
			}
		}
		scan.Close()
	}
	if begins < 100 || yes < runs/10 || runs-yes < runs/10 {
		t.Fatalf("%d runs, %d matches, %d patterns that begin with a literal: the test tests nothing", runs, yes, begins)
	}
}

// TestDFAOfManyStates: a pattern that needs more states than there may be is still
// matched right, in bounded memory, by several scanners at once.
func TestDFAOfManyStates(t *testing.T) {
	m, err := CompileRegex("(a|b)*a(a|b){14}c", false)
	if err != nil {
		t.Fatal(err)
	}
	re := regexp.MustCompile("(a|b)*a(a|b){14}c")
	var wg sync.WaitGroup
	for worker := range uint64(3) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			r := rand.New(rand.NewPCG(worker, 8))
			scan := m.Scanner()
			defer scan.Close()
			for range 3000 {
				text := make([]byte, 200)
				for i := range text {
					text[i] = "ab"[r.IntN(2)]
				}
				text[r.IntN(200)] = 'c'
				if got, want := scan.Match(text), re.Match(text); got != want {
					t.Errorf("%q: %v, want %v", text, got, want)
					return
				}
				if n := len(scan.dfa.states); n > dfaStatesMax+1 {
					t.Errorf("%d states", n)
					return
				}
			}
			if scan.dfa.resets == 0 {
				t.Error("the states have not been too many: the test tests nothing")
			}
		}()
	}
	wg.Wait()
}

func BenchmarkRegex(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	texts := make([][]byte, 4096)
	size := 0
	for i := range texts {
		texts[i] = fmt.Appendf(nil, "request %08x of user-%06d took %d.%03d ms on shard %d", r.Uint32(), r.IntN(1e6), r.IntN(2000), r.IntN(1000), r.IntN(64))
		size += len(texts[i])
	}
	for _, pattern := range []string{"took [0-9]{3,}[.][0-9]+ ms", "[0-9]{4}[.][0-9]+ ms", "user-(1|2)[0-9]+ (took|gave)"} {
		m, err := CompileRegex(pattern, false)
		if err != nil {
			b.Fatal(err)
		}
		run := func(name string, match func(text []byte) bool) {
			b.Run(strings.ReplaceAll(pattern, " ", "_")+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(size))
				for b.Loop() {
					for _, text := range texts {
						match(text)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(texts)), "ns/row")
			})
		}
		scan := m.Scanner()
		run("dfa", scan.Match)
		run("regexp", m.re.Match)
		scan.Close()
	}
}
