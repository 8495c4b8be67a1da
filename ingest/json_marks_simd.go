//go:build goexperiment.simd && amd64

package ingest

import (
	"simd/archsimd"
	"unsafe"
)

// markSpecial is markSpecialPlain.
func markSpecial(dst []uint64, text []byte) {
	switch {
	case archsimd.X86.AVX512():
		markSpecial64(dst, text)
	case archsimd.X86.AVX2():
		markSpecial32(dst, text)
	default:
		markSpecialPlain(dst, text)
	}
}

// markSpecial64 is for processors with AVX-512. Bytes beyond ASCII are negative,
// so that one signed comparison finds them with the control characters.
func markSpecial64(dst []uint64, text []byte) {
	at := startOf(text, len(dst))
	quote, back, space := archsimd.BroadcastInt8x64('"'), archsimd.BroadcastInt8x64('\\'), archsimd.BroadcastInt8x64(' ')
	for w := range dst {
		v := archsimd.LoadInt8x64((*[64]int8)(unsafe.Add(at, w<<6)))
		dst[w] = v.Less(space).ToBits() | v.Equal(quote).ToBits() | v.Equal(back).ToBits()
	}
}

// markSpecial32 is markSpecial64 for processors with AVX2.
func markSpecial32(dst []uint64, text []byte) {
	at := startOf(text, len(dst))
	quote, back, space := archsimd.BroadcastInt8x32('"'), archsimd.BroadcastInt8x32('\\'), archsimd.BroadcastInt8x32(' ')
	for w := range dst {
		a := archsimd.LoadInt8x32((*[32]int8)(unsafe.Add(at, w<<6)))
		b := archsimd.LoadInt8x32((*[32]int8)(unsafe.Add(at, w<<6+32)))
		low := space.Greater(a).Or(a.Equal(quote)).Or(a.Equal(back)).ToBits()
		high := space.Greater(b).Or(b.Equal(quote)).Or(b.Equal(back)).ToBits()
		dst[w] = uint64(low) | uint64(high)<<32
	}
}

// startOf returns the address of words times 64 bytes of text, all of which are there.
func startOf(text []byte, words int) unsafe.Pointer {
	return unsafe.Pointer(unsafe.SliceData(text[:words<<6]))
}
