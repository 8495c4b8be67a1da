package exec

import "math/bits"

// A bitmap selects rows of one block: bit i of word i/64 stands for row i. Bits
// past the last row are always zero, so counting needs no mask.
type bitmap []uint64

// words is the number of 64-bit words that hold rows bits.
func words(rows int) int { return (rows + 63) >> 6 }

// setAll selects the first rows rows and clears what is behind them.
func (b bitmap) setAll(rows int) {
	full := rows >> 6
	for i := range b[:full] {
		b[i] = ^uint64(0)
	}
	for i := full; i < len(b); i++ {
		b[i] = 0
	}
	if tail := rows & 63; tail != 0 {
		b[full] = 1<<tail - 1
	}
}

// setRange selects the rows [first, past) and no others.
func (b bitmap) setRange(first, past int) {
	clear(b)
	if first >= past {
		return
	}
	from, to := first>>6, (past-1)>>6
	for i := from; i <= to; i++ {
		b[i] = ^uint64(0)
	}
	b[from] &= ^uint64(0) << (first & 63)
	b[to] &= ^uint64(0) >> (63 - (past-1)&63)
}

func (b bitmap) clear() { clear(b) }

func (b bitmap) set(i int) { b[i>>6] |= 1 << (i & 63) }

func (b bitmap) has(i int) bool { return b[i>>6]&(1<<(i&63)) != 0 }

func (b bitmap) and(o []uint64) {
	o = o[:len(b)]
	for i := range b {
		b[i] &= o[i]
	}
}

func (b bitmap) andNot(o []uint64) {
	o = o[:len(b)]
	for i := range b {
		b[i] &^= o[i]
	}
}

func (b bitmap) or(o []uint64) {
	o = o[:len(b)]
	for i := range b {
		b[i] |= o[i]
	}
}

func (b bitmap) empty() bool {
	for _, w := range b {
		if w != 0 {
			return false
		}
	}
	return true
}

func (b bitmap) count() int {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

// span returns the first and last selected row; ok is false if there is none.
func (b bitmap) span() (first, last int, ok bool) {
	for i, w := range b {
		if w == 0 {
			continue
		}
		if !ok {
			first, ok = i<<6+bits.TrailingZeros64(w), true
		}
		last = i<<6 + 63 - bits.LeadingZeros64(w)
	}
	return first, last, ok
}

// appendPositions appends the numbers of the selected rows, ascending.
func appendPositions(dst []uint16, b bitmap) []uint16 {
	for i, w := range b {
		base := uint16(i << 6)
		if w == ^uint64(0) {
			for j := range uint16(64) {
				dst = append(dst, base+j)
			}
			continue
		}
		for w != 0 {
			dst = append(dst, base+uint16(bits.TrailingZeros64(w)))
			w &= w - 1
		}
	}
	return dst
}

// gather copies src at the given rows to dst, which has room for them.
func gather[T any](dst, src []T, rows []uint16) []T {
	dst = dst[:len(rows)]
	for i, r := range rows {
		dst[i] = src[r]
	}
	return dst
}

func trailingZeros(w uint64) int { return bits.TrailingZeros64(w) }
