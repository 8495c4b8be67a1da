package storage

import (
	"math"
	"math/bits"
	"slices"
)

// appendColumn chooses an encoding for a source, appends the column and sets
// encoding and inner encoding of its entry.
func (e *encoder) appendColumn(dst []byte, s *source, en *entry) ([]byte, columnStats) {
	var stats columnStats
	if s.worthSparse() {
		dst = e.appendSparse(dst, s, en, &stats)
	} else {
		dst = e.appendDense(dst, s, en, &stats)
	}
	return dst, stats
}

// appendDense is appendColumn without the choice of a sparse column.
func (e *encoder) appendDense(dst []byte, s *source, en *entry, stats *columnStats) []byte {
	switch s.vec.Type {
	case TypeString:
		dst, en.enc = e.appendTexts(dst, s, stats)
	case TypeList:
		dst, en.enc = appendList(dst, s, e), EncList
	case TypeFloat64:
		dst, en.enc = e.appendFloats(dst, s, stats)
	default:
		dst, en.enc = e.appendInts(dst, s, stats)
	}
	return dst
}

// entriesMaxOf is the most entries that a dictionary of s may have.
func entriesMaxOf(s *source) int {
	if s.nulls() > 0 {
		return dictEntriesMax - 1
	}
	return dictEntriesMax
}

func (e *encoder) appendTexts(dst []byte, s *source, stats *columnStats) ([]byte, Encoding) {
	if s.n == 1 && s.rows == 1 {
		return appendConstant(dst, s), EncConstant
	}
	if e.dict.texts(s.vec.Bytes, s.vec.Ends[:s.n], entriesMaxOf(s)) {
		entries := len(e.dict.first)
		if entries == 1 && s.nulls() == 0 {
			return appendConstant(dst, s), EncConstant
		}
		if entries <= max(2, s.n/2) {
			*stats = columnStats{worth: true, distinct: entries}
			e.dict.sortTexts(s.vec.Bytes, s.vec.Ends[:s.n])
			return appendDict(dst, s, &e.dict, e), EncDict
		}
	}
	if size := len(s.vec.Bytes); e.rich && size >= zstdTextMin {
		at := len(dst)
		if dst = e.appendZstd(dst, s); (len(dst)-at-s.rows)*8 < size*7 {
			return dst, EncZstd
		}
		dst = dst[:at]
	}
	return appendPlainText(dst, s, e), EncText
}

func (e *encoder) appendInts(dst []byte, s *source, stats *columnStats) ([]byte, Encoding) {
	values := s.vec.Ints[:s.n]
	low, high := slices.Min(values), slices.Max(values)
	if low == high && s.nulls() == 0 {
		return appendConstant(dst, s), EncConstant
	}
	*stats = columnStats{worth: true, ordered: true, min: uint64(low), max: uint64(high)}
	dictBytes := math.MaxInt
	if s.vec.Type != TypeTime && e.dict.numbers(values, low, high, intEntriesMax(s, low, high)) {
		entries := len(e.dict.first)
		dictBytes = 8*entries + s.rows*codeWidth(entries+1)/8
		if s.vec.Type == TypeBool || entries <= countedEntriesMax && entries*16 <= s.n {
			dictBytes = 0 // worth it for the speed of scans alone
		}
		stats.distinct = entries
	}
	at := len(dst)
	if dictBytes > 0 {
		rows := s.intsOfRows(e)
		dst = e.appendFOR(dst, s, rows, low)
		size := len(dst) - at
		if size < dictBytes {
			if e.rich && s.nulls() == 0 && slices.IsSorted(rows) {
				if e.raw = e.appendDelta(e.raw[:0], rows); len(e.raw)*4 < size*3 {
					return append(dst[:at], e.raw...), EncDelta
				}
			}
			if size < 8*s.rows {
				return dst, EncFOR
			}
			return appendRaw(dst[:at], s, zeroedNulls(s, rows)), EncRaw
		}
		dst = dst[:at]
	}
	e.dict.sortNumbers()
	return appendDict(dst, s, &e.dict, e), EncDict
}

// intEntriesMax is the most entries for which a dictionary of integers can be
// smaller than packing them.
func intEntriesMax(s *source, low, high int64) int {
	packed := bits.Len64(uint64(high) - uint64(low))
	return min(entriesMaxOf(s), max(countedEntriesMax, s.n*(packed-16)/64))
}

func (e *encoder) appendFloats(dst []byte, s *source, stats *columnStats) ([]byte, Encoding) {
	e.keys = grow(e.keys, s.n)
	for i, x := range s.vec.Floats[:s.n] {
		e.keys[i] = floatKey(x)
	}
	low, high := slices.Min(e.keys), slices.Max(e.keys)
	if low == high && s.nulls() == 0 {
		return appendConstant(dst, s), EncConstant
	}
	*stats = columnStats{
		worth: true, ordered: true,
		min: floatBits(floatOfKey(low)), max: floatBits(floatOfKey(high)),
	}
	if e.dict.numbers(e.keys, low, high, floatEntriesMax(s)) {
		stats.distinct = len(e.dict.first)
		e.dict.sortNumbers()
		return appendDict(dst, s, &e.dict, e), EncDict
	}
	return appendRaw(dst, s, s.floatsOfRows(e)), EncRaw
}

// floatEntriesMax is the most entries for which a dictionary of floats, at 8
// bytes an entry and 2 a row, is smaller than 6 bytes a row.
func floatEntriesMax(s *source) int {
	return min(entriesMaxOf(s), max(2, s.n/2))
}
