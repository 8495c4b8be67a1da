package storage

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// Bitmaps are little-endian 64-bit words; bit i of the map is bit i%64 of word
// i/64, and the bits after the last are zero.

// bitmapWords is the number of words of a bitmap of n bits.
func bitmapWords(n int) int { return (n + 63) / 64 }

func bitSet(words []uint64, i int) bool { return words[i>>6]>>(i&63)&1 != 0 }

// countOnes is the number of set bits.
func countOnes(words []uint64) int {
	n := 0
	for _, w := range words {
		n += bits.OnesCount64(w)
	}
	return n
}

// appendBitmapOf appends a bitmap of rows bits with the given rows set.
func appendBitmapOf[R uint16 | uint32](dst []byte, rows int, set []R) []byte {
	from := len(dst)
	dst = appendZeros(dst, bitmapWords(rows)*8)
	words := dst[from:]
	for _, r := range set {
		words[r>>3] |= 1 << (r & 7)
	}
	return dst
}

// appendZeros appends n zero bytes.
func appendZeros(dst []byte, n int) []byte {
	for n > len(zeros) {
		dst = append(dst, zeros[:]...)
		n -= len(zeros)
	}
	return append(dst, zeros[:n]...)
}

var zeros [512]byte

// padTo appends zero bytes until the length is a multiple of align, a power of
// two.
func padTo(dst []byte, align int) []byte {
	return appendZeros(dst, -len(dst)&(align-1))
}

// aligned tells whether 8-byte values of data may be read in place.
func aligned(data []byte) bool {
	return uintptr(unsafe.Pointer(unsafe.SliceData(data)))&7 == 0
}

// The views below read little-endian arrays in place. The caller has checked
// that data holds n elements and starts at their alignment.

func viewInts(data []byte, n int) []int64              { return view[int64](data, n) }
func viewFloats(data []byte, n int) []float64          { return view[float64](data, n) }
func viewWords(data []byte, n int) []uint64            { return view[uint64](data, n) }
func viewUint32(data []byte, n int) []uint32           { return view[uint32](data, n) }
func viewUint16(data []byte, n int) []uint16           { return view[uint16](data, n) }
func loadWord(data []byte, at int) uint64              { return binary.LittleEndian.Uint64(data[at:]) }
func appendWord(dst []byte, w uint64) []byte           { return binary.LittleEndian.AppendUint64(dst, w) }
func appendUint32(dst []byte, v uint32) []byte         { return binary.LittleEndian.AppendUint32(dst, v) }
func appendUint16(dst []byte, v uint16) []byte         { return binary.LittleEndian.AppendUint16(dst, v) }
func appendBytesOf[T number](dst []byte, s []T) []byte { return append(dst, bytesOf(s)...) }

type number interface {
	~int64 | ~uint64 | ~float64 | ~uint32 | ~uint16
}

func view[T number](data []byte, n int) []T {
	if n == 0 {
		return nil
	}
	var t T
	size := int(unsafe.Sizeof(t))
	_ = data[:n*size]
	p := unsafe.Pointer(unsafe.SliceData(data))
	if uintptr(p)%uintptr(size) != 0 {
		panic("BUG: array not aligned")
	}
	return unsafe.Slice((*T)(p), n)
}

// bytesOf returns the memory of s, which is little-endian on every platform
// that kelp builds for.
func bytesOf[T number](s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(s[0])))
}
