//go:build goexperiment.simd && amd64

package query

import (
	"bytes"
	"math/bits"
	"simd/archsimd"
)

// index returns where the literal first is in text, or -1: 64 places at a time by
// two bytes, and those where both are as a whole.
func (l *soughtText) index(text []byte) int {
	if !archsimd.X86.AVX512() {
		return l.indexPlain(text)
	}
	first, second := archsimd.BroadcastUint8x64(l.text[l.first]), archsimd.BroadcastUint8x64(l.text[l.second])
	at, last := 0, len(text)-64-max(l.first, l.second)
	for ; at <= last; at += 64 {
		m := archsimd.LoadUint8x64Slice(text[at+l.first:at+l.first+64]).Equal(first).ToBits() &
			archsimd.LoadUint8x64Slice(text[at+l.second:at+l.second+64]).Equal(second).ToBits()
		for ; m != 0; m &= m - 1 {
			if from := at + bits.TrailingZeros64(m); bytes.HasPrefix(text[from:], l.text) {
				return from
			}
		}
	}
	if found := l.indexPlain(text[at:]); found >= 0 {
		return at + found
	}
	return -1
}
