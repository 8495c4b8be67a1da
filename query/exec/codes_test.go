package exec

import (
	"math/rand/v2"
	"testing"
)

func TestCountCodes(t *testing.T) {
	r := rand.New(rand.NewPCG(51, 52))
	for _, rows := range maskSizes {
		for _, size := range []int{1, 2, 200, 256, 5000} {
			codes := make([]uint16, rows)
			sel := make(bitmap, words(rows))
			all, selected := make([]uint32, size), make([]uint32, size)
			for i := range codes {
				codes[i] = uint16(r.IntN(size))
				all[codes[i]]++
				if r.IntN(3) == 0 || i/64%3 == 0 {
					sel.set(i)
					selected[codes[i]]++
				}
			}
			s := new(scratch)
			same := func(what string, want []uint32, count func(counts []uint32)) {
				t.Helper()
				s.reset()
				got := make([]uint32, size)
				count(got)
				for c := range got {
					if got[c] != want[c] {
						t.Fatalf("%s, %d rows of %d codes: %d of code %d, want %d", what, rows, size, got[c], c, want[c])
					}
				}
			}
			same("all", all, func(c []uint32) { countCodes(s, c, codes) })
			same("some", selected, func(c []uint32) { countCodesOf(c, codes, sel) })
			same("most", selected, func(c []uint32) { countMostCodes(s, c, codes, sel) })
		}
	}
}
