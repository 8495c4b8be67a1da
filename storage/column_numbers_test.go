package storage

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestTextWriter: it writes what Append appends, in every slot, whatever was there.
func TestTextWriter(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for range 3000 {
		form := affix{
			base: []uint8{baseDecimal, baseDecimal, baseHex, baseHexUpper}[r.IntN(4)], digits: r.IntN(17),
			prefix: bytes.Repeat([]byte("p"), r.IntN(20)), suffix: bytes.Repeat([]byte("s"), r.IntN(3)*r.IntN(10)),
		}
		if form.base != baseDecimal {
			form.digits = 1 + r.IntN(16)
		}
		limit := uint64(1) << 62
		if n := form.digits; n > 0 && n < 16 {
			limit = 1
			for range n {
				limit *= 10
			}
		}
		f := TextForm{form: form}
		w := f.Writer()
		var texts, want [TextSlots][]byte
		for range 3 {
			for slot := range texts {
				number := int64(r.Uint64N(limit) >> r.IntN(20))
				texts[slot], want[slot] = w.Text(slot, number), f.Append(nil, number)
			}
			for slot := range texts {
				if !bytes.Equal(texts[slot], want[slot]) {
					t.Fatalf("%d digits of base %v between %q and %q: %q, want %q", form.digits, form.base, form.prefix, form.suffix, texts[slot], want[slot])
				}
			}
		}
	}
}

func BenchmarkTextWriter(b *testing.B) {
	for _, digits := range []int{6, 0} {
		b.Run(fmt.Sprint("digits-", digits), func(b *testing.B) {
			f := TextForm{form: affix{base: baseDecimal, digits: digits, prefix: []byte("user-")}}
			w := f.Writer()
			number := int64(0)
			for b.Loop() {
				w.Text(int(number%TextSlots), number%1_000_000)
				number += 7919
			}
		})
	}
}
