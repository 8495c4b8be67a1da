package ingest

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/bits"
	"slices"
	"unsafe"

	"github.com/kelpdb/kelp/storage"
)

// The loops that append rows [first, first+n) of an array to a column: all of
// them if rows is nil, else those, counted from first.

// bitsFrom returns n bits, at most 64, of a bitmap that begins with its lowest.
func bitsFrom(bitmap []byte, from, n int) uint64 {
	at, shift := from>>3, from&7
	var w uint64
	if at+9 <= len(bitmap) {
		w = binary.LittleEndian.Uint64(bitmap[at:])>>shift | uint64(bitmap[at+8])<<(64-shift)
	} else {
		var rest [16]byte
		copy(rest[:], bitmap[at:])
		w = binary.LittleEndian.Uint64(rest[:])>>shift | uint64(rest[8])<<(64-shift)
	}
	return w & (^uint64(0) >> (64 - n))
}

// wordsFrom returns n bits, at most 64, of a bitmap of words.
func wordsFrom(words []uint64, from, n int) uint64 {
	at, shift := from>>6, from&63
	w := words[at] >> shift
	if shift+n > 64 {
		w |= words[at+1] << (64 - shift)
	}
	return w & (^uint64(0) >> (64 - n))
}

// countBits counts the ones among n bits.
func countBits(words []uint64, from, n int) (ones int) {
	for i := 0; i < n; i += 64 {
		ones += bits.OnesCount64(wordsFrom(words, from+i, min(64, n-i)))
	}
	return ones
}

// appendSetBits appends the places of the ones among n bits, counted from from.
func appendSetBits(dst []uint32, words []uint64, from, n int) []uint32 {
	for i := 0; i < n; i += 64 {
		for w := wordsFrom(words, from+i, min(64, n-i)); w != 0; w &= w - 1 {
			dst = append(dst, uint32(i+bits.TrailingZeros64(w)))
		}
	}
	return dst
}

func (a *arrowArray) appendBools(dst []int64, rows []uint32, first, n int) []int64 {
	if rows == nil {
		for i := range n {
			dst = append(dst, int64(a.data[(first+i)>>3]>>((first+i)&7)&1))
		}
		return dst
	}
	for _, row := range rows {
		at := first + int(row)
		dst = append(dst, int64(a.data[at>>3]>>(at&7)&1))
	}
	return dst
}

// appendInts appends integers of any width.
func (a *arrowArray) appendInts(dst []int64, rows []uint32, first, n int) []int64 {
	if rows != nil {
		for _, row := range rows {
			x, _ := a.int(first + int(row))
			dst = append(dst, x)
		}
		return dst
	}
	at := len(dst)
	dst = slices.Grow(dst, n)[:at+n]
	out := dst[at:]
	unsigned := a.field.kind == arrowInt && !a.field.signed
	switch width := a.field.bits / 8; {
	case width == 8:
		data := a.data[8*first:]
		for i := range out {
			out[i] = int64(binary.LittleEndian.Uint64(data[8*i:]))
		}
	case width == 4 && unsigned:
		data := a.data[4*first:]
		for i := range out {
			out[i] = int64(binary.LittleEndian.Uint32(data[4*i:]))
		}
	case width == 4:
		data := a.data[4*first:]
		for i := range out {
			out[i] = int64(int32(binary.LittleEndian.Uint32(data[4*i:])))
		}
	default:
		for i := range out {
			out[i], _ = a.int(first + i)
		}
	}
	return dst
}

func (a *arrowArray) appendFloats(dst []float64, rows []uint32, first, n int) []float64 {
	if rows != nil {
		for _, row := range rows {
			dst = append(dst, a.float(first+int(row)))
		}
		return dst
	}
	at := len(dst)
	dst = slices.Grow(dst, n)[:at+n]
	out := dst[at:]
	if a.field.bits == 64 {
		data := a.data[8*first:]
		for i := range out {
			out[i] = math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:]))
		}
		return dst
	}
	for i := range out {
		out[i] = a.float(first + i)
	}
	return dst
}

// takeTexts appends texts, those of a dictionary as what they stand for.
func (a *arrowArray) takeTexts(v *storage.Vector, rows []uint32, first, n int) {
	if rows == nil && a.contiguous() {
		a.takeSpan(v, first, first+n)
		return
	}
	v.Ends = slices.Grow(v.Ends, n)
	if rows == nil {
		for i := range n {
			v.Bytes = append(v.Bytes, a.textOf(first+i)...)
			v.Ends = append(v.Ends, uint32(len(v.Bytes)))
		}
		return
	}
	for _, row := range rows {
		v.Bytes = append(v.Bytes, a.textOf(first+int(row))...)
		v.Ends = append(v.Ends, uint32(len(v.Bytes)))
	}
}

// textOf is bytes, also of a dictionary.
func (a *arrowArray) textOf(i int) []byte {
	if a.dict == nil {
		return a.bytes(i)
	}
	n, _ := a.int(i)
	values, at := a.dict.at(int(n))
	return values.bytes(at)
}

// contiguous tells whether texts lie one after another, with offsets.
func (a *arrowArray) contiguous() bool {
	if a.dict != nil {
		return false
	}
	switch a.field.kind {
	case arrowUtf8, arrowBinary, arrowLargeUtf8, arrowLargeBinary:
		return true
	}
	return false
}

// takeSpan appends the contiguous texts [first, last).
func (a *arrowArray) takeSpan(v *storage.Vector, first, last int) {
	if first == last {
		return
	}
	from, _ := a.span(first)
	_, to := a.span(last - 1)
	shift := uint32(len(v.Bytes)) - uint32(from) // modulo 2^32
	v.Bytes = append(v.Bytes, a.data[from:to]...)
	at := len(v.Ends)
	v.Ends = slices.Grow(v.Ends, last-first)[:at+last-first]
	a.shiftEnds(v.Ends[at:], first, shift)
}

// lendSpan is takeSpan for texts that are not copied, to an empty vector. It does
// nothing and reports false if their ends do not lie as they are needed.
func (a *arrowArray) lendSpan(v *storage.Vector, first, last int) bool {
	if !a.contiguous() || a.large() || first == last {
		return false
	}
	from, _ := a.span(first)
	_, to := a.span(last - 1)
	ends := a.offsets[4*(first+1) : 4*(last+1)]
	if from != 0 || uintptr(unsafe.Pointer(unsafe.SliceData(ends)))%4 != 0 {
		return false
	}
	v.Lend(a.data[:to], ends)
	return true
}

// shiftEnds writes the ends of the contiguous texts from first on, shifted.
func (a *arrowArray) shiftEnds(dst []uint32, first int, shift uint32) {
	n := len(dst)
	if a.large() {
		offsets := a.offsets[8*(first+1):][:8*n]
		for i := range dst {
			dst[i] = uint32(binary.LittleEndian.Uint64(offsets[8*i:])) + shift
		}
		return
	}
	offsets := a.offsets[4*(first+1):][:4*n]
	for i := range dst {
		dst[i] = binary.LittleEndian.Uint32(offsets[4*i:]) + shift
	}
}

// takeHex appends values of fixed size as hexadecimal text.
func (a *arrowArray) takeHex(v *storage.Vector, rows []uint32, first, n int) {
	one := func(i int) {
		v.Bytes = hex.AppendEncode(v.Bytes, a.bytes(i))
		v.Ends = append(v.Ends, uint32(len(v.Bytes)))
	}
	if rows == nil {
		for i := range n {
			one(first + i)
		}
		return
	}
	for _, row := range rows {
		one(first + int(row))
	}
}

// takeLists appends lists of texts.
func (a *arrowArray) takeLists(v *storage.Vector, rows []uint32, first, n int) {
	items := &a.children[0]
	if rows != nil {
		for _, row := range rows {
			from, to := a.span(first + int(row))
			items.takeItems(v, from, to)
			v.Lists = append(v.Lists, uint32(len(v.Ends)))
		}
		return
	}
	from, _ := a.span(first)
	_, to := a.span(first + n - 1)
	shift := uint32(len(v.Ends)) - uint32(from) // modulo 2^32
	items.takeItems(v, from, to)
	at := len(v.Lists)
	v.Lists = slices.Grow(v.Lists, n)[:at+n]
	if a.field.kind != arrowFixedSizeList {
		a.shiftEnds(v.Lists[at:], first, shift)
		return
	}
	for i := range n {
		_, end := a.span(first + i)
		v.Lists[at+i] = uint32(end) + shift
	}
}

// takeItems appends texts [from, to).
func (a *arrowArray) takeItems(v *storage.Vector, from, to int) {
	if a.contiguous() {
		a.takeSpan(v, from, to)
		return
	}
	a.takeTexts(v, nil, from, to-from)
}
