package storage

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
)

// Runs of unsigned integers of one width, value i at bit i*width, little-endian.
// Widths are 0 to 57, so that one 8-byte load from the byte of a value's first
// bit holds all of it, and 64.

// runRows is the number of values in a run of EncFOR and EncDelta: 8 KiB of
// decoded integers stay in an L1 cache.
const runRows = 1024

// packedWidth is the width to pack values of n bits with.
func packedWidth(n int) int {
	if n > 57 {
		return 64
	}
	return n
}

func packedBytes(n, width int) int { return (n*width + 7) / 8 }

// appendBits packs values, whose bits past width are dropped.
func appendBits(dst []byte, values []uint64, width int) []byte {
	if width == 64 {
		return appendBytesOf(dst, values)
	}
	end := len(dst) + packedBytes(len(values), width)
	dst = slices.Grow(dst, end-len(dst)+8)
	p := bitPacker{dst: dst}
	mask := uint64(1)<<width - 1
	// Several narrow values are put together first, which does not wait for those
	// before them as the place in the word does.
	switch {
	case 4*width <= 64:
		for ; len(values) >= 4; values = values[4:] {
			v := values[:4:4]
			p.push(v[0]&mask|(v[1]&mask)<<width|(v[2]&mask)<<(2*width)|(v[3]&mask)<<(3*width), 4*width)
		}
	case 2*width <= 64:
		for ; len(values) >= 2; values = values[2:] {
			v := values[:2:2]
			p.push(v[0]&mask|(v[1]&mask)<<width, 2*width)
		}
	}
	for _, v := range values {
		p.push(v&mask, width)
	}
	for dst = p.dst; len(dst) < end; p.word >>= 8 {
		dst = append(dst, byte(p.word))
	}
	return dst
}

// bitPacker appends values of any width, and keeps those that fill no word yet.
type bitPacker struct {
	dst  []byte
	word uint64
	used int // bits of it, below 64
}

// push appends a value that has no bits past width, which is at most 64.
func (p *bitPacker) push(v uint64, width int) {
	p.word |= v << p.used
	if p.used += width; p.used >= 64 {
		p.dst = appendWord(p.dst, p.word)
		p.used -= 64
		p.word = v >> (width - p.used)
	}
}

// bitsAt returns value i. 8 bytes past the packed ones are readable.
func bitsAt(packed []byte, width, i int) uint64 {
	if width == 64 {
		return binary.LittleEndian.Uint64(packed[8*i:])
	}
	bit := i * width
	return binary.LittleEndian.Uint64(packed[bit>>3:]) >> (bit & 7) & (1<<width - 1)
}

// exceptionBytes is what one value costs that does not fit the width of its run.
const exceptionBytes = 8 + 2

// runWidth chooses the width that makes a run smallest, and returns the number
// of values that it leaves to be patched. No value has more than longest bits. Of the
// narrower widths few are looked at: the patches of one soon cost more than the best.
func runWidth(values []uint64, longest int) (width, exceptions int) {
	best := -1
	for n := 64; n >= 0; n-- {
		if packedWidth(n) != n {
			continue
		}
		past := 0
		if n < longest {
			past = countPast(values, n)
		}
		cost := packedBytes(len(values), n) + past*exceptionBytes
		if best < 0 || cost < best {
			best, width, exceptions = cost, n, past
		}
		if past*exceptionBytes >= best {
			break
		}
	}
	return width, exceptions
}

// appendRun packs a run and its exceptions: packed values, zeros up to a
// multiple of 8, then 8 bytes of value for each exception, then 2 bytes of index.
func appendRun(dst []byte, values []uint64, width, exceptions int) []byte {
	dst = padTo(appendBits(dst, values, width), 8)
	if exceptions == 0 {
		return dst
	}
	for _, v := range values {
		if bits.Len64(v) > width {
			dst = appendWord(dst, v)
		}
	}
	for i, v := range values {
		if bits.Len64(v) > width {
			dst = appendUint16(dst, uint16(i))
		}
	}
	return padTo(dst, 8)
}

// packedRun is a run whose bounds are checked.
type packedRun struct {
	packed  []byte // and tailBytes past it
	width   int
	patches []uint64
	where   []uint16 // ascending
}

// runHeader is the part of a run's header that EncFOR and EncDelta share.
type runHeader struct {
	at, exceptions, width int
}

func appendRunHeader(dst []byte, h runHeader) []byte {
	dst = appendUint32(dst, uint32(h.at))
	dst = appendUint16(dst, uint16(h.exceptions))
	return append(dst, byte(h.width), 0)
}

// decodeRun reads the shared part of a header and checks the run of n values
// that it points to in data.
func decodeRun(header, data []byte, n int) (r packedRun, ok bool) {
	h := runHeader{
		at:         int(binary.LittleEndian.Uint32(header)),
		exceptions: int(binary.LittleEndian.Uint16(header[4:])),
		width:      int(header[6]),
	}
	size := (packedBytes(n, h.width) + 7) &^ 7
	if h.width > 64 || packedWidth(h.width) != h.width || h.exceptions > n || h.at%8 != 0 ||
		h.at+size+h.exceptions*exceptionBytes > len(data) {
		return r, false
	}
	// What can be read past the packed values lets more of them be loaded at once.
	r = packedRun{packed: data[h.at : h.at+size+tailBytes], width: h.width}
	rest := data[h.at+size:]
	r.patches = viewWords(rest, h.exceptions)
	r.where = viewUint16(rest[8*h.exceptions:], h.exceptions)
	last := -1
	for _, i := range r.where {
		if int(i) <= last || int(i) >= n {
			return r, false
		}
		last = int(i)
	}
	return r, true
}

// unpack writes base + scale * value for every value of the run.
func (r *packedRun) unpack(dst []int64, base, scale uint64) {
	unpackBits(dst, r.packed, r.width, base, scale)
	for i, at := range r.where {
		dst[at] = int64(base + scale*r.patches[i])
	}
}

// at returns value i of the run.
func (r *packedRun) at(i int) uint64 {
	for j, at := range r.where {
		if int(at) >= i {
			if int(at) == i {
				return r.patches[j]
			}
			break
		}
	}
	return bitsAt(r.packed, r.width, i)
}

// commonDivisor is the greatest number that divides all of values, 1 if all are
// 0. Times of whole milliseconds lose their six zeros by it.
func commonDivisor(values []uint64) uint64 {
	d := uint64(0)
	for len(values) > 0 && d != 1 {
		v := values[0]
		for v != 0 {
			d, v = v, d%v
		}
		if values = values[1:]; d != 0 {
			values = values[multiples(values, divisorOf(d)):]
		}
	}
	return max(d, 1)
}

// divisor divides by a number without the processor's division, which takes many
// times as long as all else that is done with a value. A multiple of an odd number is
// the quotient times it modulo 2^64, so that times its inverse gives the quotient; the
// powers of two are rotated out. Of what is no multiple the result is larger than any
// quotient (Granlund and Montgomery 1994, section 9).
type divisor struct {
	inverse uint64 // of the odd part
	twos    int
	most    uint64 // the largest quotient
}

func divisorOf(d uint64) divisor {
	by := divisor{twos: bits.TrailingZeros64(d), most: math.MaxUint64 / d}
	odd := d >> by.twos
	by.inverse = odd // right for three bits; each step doubles them
	for range 5 {
		by.inverse *= 2 - odd*by.inverse
	}
	return by
}

func (by divisor) divides(v uint64) bool { return by.quotient(v) <= by.most }

// quotient is v over the divisor, of which v is a multiple.
func (by divisor) quotient(v uint64) uint64 { return bits.RotateLeft64(v*by.inverse, -by.twos) }
