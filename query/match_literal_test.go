package query

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestIndex: a literal is found where package bytes finds it.
func TestIndex(t *testing.T) {
	found, none := 0, 0
	for seed := range uint64(20_000) {
		r := rand.New(rand.NewPCG(seed, 7))
		letters := 1 + r.IntN(6)
		make1 := func(n int) []byte {
			b := make([]byte, n)
			for i := range b {
				b[i] = "ab ./Z"[r.IntN(letters)]
			}
			return b
		}
		l := newSought(make1(1 + r.IntN(1<<r.IntN(8))))
		text := make1(r.IntN(1 << r.IntN(12)))
		if r.IntN(2) == 0 && len(text) > 0 {
			at := r.IntN(len(text))
			text = append(append(text[:at:at], l.text...), text[at:]...)
		}
		want := bytes.Index(text, l.text)
		if got := l.index(text); got != want {
			t.Fatalf("seed %d: %q in %q at %d, want %d", seed, l.text, text, got, want)
		}
		if want < 0 {
			none++
		} else if want > 64 {
			found++
		}
	}
	if found < 500 || none < 500 {
		t.Fatalf("found %d times behind the first bytes, %d times not: the test tests nothing", found, none)
	}
}

func BenchmarkIndex(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	var text []byte
	for range 20_000 {
		text = fmt.Appendf(text, "request %08x of user-%06d took %d ms on shard %d", r.Uint32(), r.IntN(1e6), r.IntN(2000), r.IntN(64))
	}
	for _, s := range []string{"timeout", "order ", "10.1", "rate limit"} {
		l := newSought([]byte(s))
		for _, way := range []struct {
			name  string
			index func([]byte) int
		}{{"fast", l.index}, {"plain", l.indexPlain}} {
			b.Run(s+"/"+way.name, func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					for at := 0; ; {
						next := way.index(text[at:])
						if next < 0 {
							break
						}
						at += next + 1
					}
				}
			})
		}
	}
}
