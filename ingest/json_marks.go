package ingest

import (
	"encoding/binary"
	"math/bits"
)

// Where strings end is found ahead of reading: one bit for each byte of the
// buffer tells whether it is plain, that is neither a quote, a backslash, a
// control character nor a part of a character beyond ASCII. So the end of a
// string is the next bit that is set, and costs the same whatever its length,
// where a loop over its bytes is mispredicted at nearly every end.

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// markSpecial sets the bits of the bytes that are not plain, and clears those of
// the others: bit i&63 of dst[i>>6] for text[i]. text is 64 bytes for every word.
func markSpecialPlain(dst []uint64, text []byte) {
	for w := range dst {
		part := (*[64]byte)(text[w<<6:]) // of a known length: no more bounds to check
		low := eightMarks(part[0:8]) | eightMarks(part[8:16])<<8 | eightMarks(part[16:24])<<16 | eightMarks(part[24:32])<<24
		high := eightMarks(part[32:40]) | eightMarks(part[40:48])<<8 | eightMarks(part[48:56])<<16 | eightMarks(part[56:64])<<24
		dst[w] = low | high<<32
	}
}

// eightMarks is the marks of eight bytes.
func eightMarks(part []byte) uint64 {
	return notPlain(binary.LittleEndian.Uint64(part)) >> 7 * 0x0102_0408_1020_4080 >> 56
}

// notPlain sets the high bit of every byte of x that is not plain, and clears all
// other bits. A byte below 128 carries into its high bit unless it is what is
// sought, and carries no further.
func notPlain(x uint64) uint64 {
	low := x &^ highs
	back := (low ^ '\\'*ones) + (0x80-1)*ones
	// With this bit turned over the quote is next to the control characters, at 0x20,
	// and ' ' and '!' are above it: one comparison finds both.
	printable := (low ^ ('"'^' ')*ones) + (0x80-(' '+1))*ones
	return (x | ^(back & printable)) & highs
}

// mark finds the bytes of the window that are not plain. The first of the slack
// behind its end is none.
func (p *jsonRows) mark() {
	words := p.w.end>>6 + 1
	if cap(p.marks) < words {
		p.marks = make([]uint64, len(p.w.buf)>>6+1)
	}
	p.marks = p.marks[:words]
	markSpecial(p.marks, p.w.buf)
}

// plainEnd returns the index of the first byte from i on that is not plain. i is
// not behind the end of the window, and the zero there is none.
func (p *jsonRows) plainEnd(i int) int {
	if w := p.marks[i>>6] >> (i & 63); w != 0 {
		return i + bits.TrailingZeros64(w)
	}
	return p.plainEndFar(i)
}

// plainEndFar is plainEnd for strings that go on in the next word.
func (p *jsonRows) plainEndFar(i int) int {
	for w := i>>6 + 1; ; w++ {
		if marks := p.marks[w]; marks != 0 {
			return w<<6 + bits.TrailingZeros64(marks)
		}
	}
}
