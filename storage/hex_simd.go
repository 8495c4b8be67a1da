//go:build goexperiment.simd && amd64

package storage

import "simd/archsimd"

// packHexDigits packs hexadecimal digits, 8 or a multiple of it, two to a byte. It
// reports false if there is anything else among them.
func packHexDigits(dst, text []byte, upper bool) bool {
	done, ok := 0, true
	if archsimd.X86.AVX512() {
		zero, ten := archsimd.BroadcastUint8x64('0'), archsimd.BroadcastUint8x64(10)
		letter, six := archsimd.BroadcastUint8x64(hexLetter(upper)), archsimd.BroadcastUint8x64(6)
		digits := ^uint64(0) // a bit for each byte that was a digit in all rounds
		for ; done+64 <= len(text); done += 64 {
			v := archsimd.LoadUint8x64Slice(text[done : done+64])
			number, rest := v.Sub(zero), v.Sub(letter)
			isNumber := number.Less(ten)
			digits &= isNumber.ToBits() | rest.Less(six).ToBits()
			// A pair is 16 bits, the digit that comes first in the lower ones.
			pair := number.Merge(rest.Add(ten), isNumber).AsUint16x32()
			pair.ShiftAllLeft(4).Or(pair.ShiftAllRight(8)).TruncateToUint8().StoreSlice(dst[done/2 : done/2+32])
		}
		ok = digits == ^uint64(0)
	}
	return packHexDigitsPlain(dst[done/2:], text[done:], upper) && ok
}
