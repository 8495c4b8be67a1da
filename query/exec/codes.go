package exec

import "math/bits"

// Kernels over codes, of 8 or 16 bits. They take no bounds from elsewhere: every
// code is below the length of the table it is looked up in.

// countLanes is how many histograms countCodes fills side by side, so that runs
// of one code do not wait for the store before.
const countLanes = 4

// countLanesMax is the largest table for which the lanes stay in the cache.
const countLanesMax = 4096

// countCodes adds the number of rows of each code to counts.
func countCodes[T uint8 | uint16](s *scratch, counts []uint32, codes []T) {
	n := len(counts)
	if n > countLanesMax {
		for _, c := range codes {
			counts[c]++
		}
		return
	}
	lanes := s.u32.takeClear((countLanes - 1) * n)
	l1, l2, l3 := lanes[:n], lanes[n:2*n], lanes[2*n:3*n]
	for len(codes) >= countLanes {
		counts[codes[0]]++
		l1[codes[1]]++
		l2[codes[2]]++
		l3[codes[3]]++
		codes = codes[countLanes:]
	}
	for _, c := range codes {
		counts[c]++
	}
	for i := range counts {
		counts[i] += l1[i] + l2[i] + l3[i]
	}
}

// countCodesOf is countCodes for selected rows.
func countCodesOf[T uint8 | uint16](counts []uint32, codes []T, sel bitmap) {
	for i, w := range sel {
		base := i << 6
		if w == ^uint64(0) {
			for _, c := range codes[base : base+64] {
				counts[c]++
			}
			continue
		}
		for ; w != 0; w &= w - 1 {
			counts[codes[base+bits.TrailingZeros64(w)]]++
		}
	}
}

// countMostCodes is countCodesOf where most rows are selected: all rows are
// counted, and those that are not selected are taken off again.
func countMostCodes[T uint8 | uint16](s *scratch, counts []uint32, codes []T, sel bitmap) {
	countCodes(s, counts, codes)
	for i, w := range sel {
		base := i << 6
		for left := ^w; left != 0; left &= left - 1 {
			row := base + bits.TrailingZeros64(left)
			if row >= len(codes) {
				break
			}
			counts[codes[row]]--
		}
	}
}

// mapCodes writes table[code] of every row.
func mapCodes[V uint16 | uint32, T uint8 | uint16](dst []V, codes []T, table []V) {
	dst = dst[:len(codes)]
	for i, c := range codes {
		dst[i] = table[c]
	}
}

// mapCodesAt writes table[code] of the given rows.
func mapCodesAt[T uint8 | uint16](dst []uint32, codes []T, table []uint32, rows []uint16) {
	dst = dst[:len(rows)]
	for i, r := range rows {
		dst[i] = table[codes[r]]
	}
}

// scaleCodes writes code*stride of every row.
func scaleCodes[T uint8 | uint16](dst []uint16, codes []T, stride uint16) {
	dst = dst[:len(codes)]
	for i, c := range codes {
		dst[i] = uint16(c) * stride
	}
}

// addCodes adds code*stride to every row.
func addCodes[T uint8 | uint16](dst []uint16, codes []T, stride uint16) {
	dst = dst[:len(codes)]
	for i, c := range codes {
		dst[i] += uint16(c) * stride
	}
}

// maskRare sets dst to the rows whose code passes, where nearly all rows have the
// code base and the others are given. passes holds 1 and 0.
func maskRare[T uint8 | uint16](dst bitmap, rows int, base uint16, rare []uint16, codes []T, passes []uint8) {
	usual := passes[base]
	if usual != 0 {
		dst.setAll(rows)
	} else {
		dst.clear()
	}
	codes = codes[:len(rare)]
	for i, row := range rare {
		dst[row>>6] ^= uint64(passes[codes[i]]^usual) << (row & 63)
	}
}
