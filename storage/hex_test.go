package storage

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestPackHexDigits: both kernels pack what encoding/hex does, and find any byte that
// is no digit of the case, wherever it is.
func TestPackHexDigits(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 23))
	kernels := map[string]func(dst, text []byte, upper bool) bool{"best": packHexDigits, "plain": packHexDigitsPlain}
	for name, pack := range kernels {
		for digits := 0; digits <= 208; digits += 8 {
			want := make([]byte, digits/2)
			for i := range want {
				want[i] = byte(rng.Uint32())
			}
			for _, upper := range []bool{false, true} {
				text := hex.AppendEncode(nil, want)
				if upper {
					text = bytes.ToUpper(text)
				}
				got := make([]byte, len(want))
				if !pack(got, text, upper) || !bytes.Equal(got, want) {
					t.Fatalf("seed %d: %s kernel packs %q as %x", seed, name, text, got)
				}
				for at := range text {
					right, c := text[at], byte(rng.Uint32())
					text[at] = c
					lowest := hexLetter(upper)
					valid := isDecimal(c) || c >= lowest && c < lowest+6
					if pack(got, text, upper) != valid {
						t.Fatalf("seed %d: %s kernel takes %q, byte %d: %t", seed, name, text, at, !valid)
					}
					text[at] = right
				}
			}
		}
		// Every byte there is.
		for c := range 256 {
			text := bytes.Repeat([]byte{'0'}, 64)
			text[c%64] = byte(c)
			for _, upper := range []bool{false, true} {
				lowest := hexLetter(upper)
				valid := isDecimal(byte(c)) || byte(c) >= lowest && byte(c) < lowest+6
				if pack(make([]byte, 32), text, upper) != valid {
					t.Fatalf("%s kernel takes byte %x, upper %t: %t", name, c, upper, !valid)
				}
			}
		}
	}
}

// TestHexIDsOfOtherLengths: digits of texts that are longer and shorter by as much are
// no column of ids, though they are as many, and no sample shows them.
func TestHexIDsOfOtherLengths(t *testing.T) {
	f := func(want bool, longer, shorter int) {
		t.Helper()
		v := &Vector{Type: TypeString}
		for i := range 3 * hexSamples {
			text := fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64())
			switch i {
			case longer:
				text += "0"
			case shorter:
				text = text[1:]
			}
			v.appendItem([]byte(text))
		}
		n := len(v.Ends)
		if _, ok := new(encoder).appendHexID(nil, &source{vec: v, n: n, rows: n}); ok != want {
			t.Fatalf("text %d longer, text %d shorter: taken for ids: %t", longer, shorter, ok)
		}
	}
	f(true, -1, -1)
	f(false, 100, 101)
	f(false, 101, 100)
}

func BenchmarkPackHexDigits(b *testing.B) {
	text := []byte(fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64()))
	text = bytes.Repeat(text, hexRowsAtOnce)
	dst := make([]byte, len(text)/2)
	for name, pack := range map[string]func(dst, text []byte, upper bool) bool{"best": packHexDigits, "plain": packHexDigitsPlain} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				pack(dst, text, false)
			}
		})
	}
}
