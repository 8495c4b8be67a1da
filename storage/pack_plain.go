package storage

// The plain kernels of packing; as those of unpack_plain.go.

// subtractPlain writes every value less low.
func subtractPlain(dst []uint64, values []int64, low int64) {
	dst = dst[:len(values)]
	for i, v := range values {
		dst[i] = uint64(v) - uint64(low)
	}
}

// minMaxPlain widens low and high to the smallest and the largest of values.
func minMaxPlain(values []int64, low, high int64) (int64, int64) {
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	return low, high
}

// multiplesPlain is how many values from the first on the divisor divides.
func multiplesPlain(values []uint64, by divisor) int {
	for i, v := range values {
		if !by.divides(v) {
			return i
		}
	}
	return len(values)
}

// narrowPlain writes codes below 256 as bytes.
func narrowPlain(dst []byte, codes []uint16) {
	dst = dst[:len(codes)]
	for i, c := range codes {
		dst[i] = byte(c)
	}
}

// minWordPlain is the smallest of values and least.
func minWordPlain(values []uint64, least uint64) uint64 {
	for _, v := range values {
		least = min(least, v)
	}
	return least
}

// rebasePlain subtracts base from every value, divides it, and returns the bits that
// any has after it.
func rebasePlain(values []uint64, base uint64, by divisor) (any uint64) {
	for i, v := range values {
		v = by.quotient(v - base)
		values[i] = v
		any |= v
	}
	return any
}

// countPastPlain counts the values that have more than width bits; width is below 64.
func countPastPlain(values []uint64, width int) (past int) {
	for _, v := range values {
		if v>>width != 0 {
			past++
		}
	}
	return past
}
