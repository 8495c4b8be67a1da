package ingest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// TestScanDigits: digits are read one by one or eight at once, whatever follows
// them, and however near the end of the buffer they are.
func TestScanDigits(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	for round := range 20_000 {
		buf := make([]byte, 0, 64)
		for range rng.IntN(27) {
			buf = append(buf, '0'+byte(rng.IntN(10)))
		}
		digits := len(buf)
		buf = append(buf, "/:., \x00}e-\x7f\x80\xb0\xff"[rng.IntN(13)])
		for range rng.IntN(12) {
			buf = append(buf, byte(rng.Uint32()))
		}
		before := rng.Uint64N(100)
		want := before
		for _, c := range buf[:digits] {
			want = want*10 + uint64(c-'0')
		}
		if got, end := scanDigits(buf, 0, before); got != want || end != digits {
			t.Fatalf("seed %d, round %d: %q after %d: got %d up to %d, want %d up to %d", seed, round, buf, before, got, end, want, digits)
		}
	}
}

// TestTimeOfIntBounds: the unit changes where the coarser one would overflow.
func TestTimeOfIntBounds(t *testing.T) {
	f := func(n, want int64) {
		t.Helper()
		if got := timeOfInt(n); got != want {
			t.Errorf("%d: got %d, want %d", n, got, want)
		}
	}
	for _, unit := range []int64{1e9, 1e6, 1e3} {
		most := math.MaxInt64 / unit
		f(most, most*unit)
		f(-most, -most*unit)
		f(most+1, (most+1)*(unit/1000))
		f(-most-1, (-most-1)*(unit/1000))
	}
	f(math.MaxInt64, math.MaxInt64)
	f(math.MinInt64, math.MinInt64)
	f(0, 0)
}

func BenchmarkScanDigits(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	var text []byte
	for range 1000 {
		text = fmt.Appendf(text, "%d,", rng.Uint64()>>(20+rng.IntN(40)))
	}
	text = append(text, make([]byte, windowSlack)...)
	for b.Loop() {
		for i := 0; text[i] != 0; i++ {
			_, i = scanDigits(text, i, 0)
		}
	}
}
