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
	if !s.worthSparse() {
		return e.appendDense(dst, s, en, &stats), stats
	}
	at := len(dst)
	dst = e.appendSparse(dst, s, en, &stats)
	if e.rich && (en.inner == EncDict || en.inner == EncConstant) {
		// With null for a base, headers answer as well how often each value occurs.
		base, baseStats := *en, columnStats{}
		base.inner = 0
		if e.spareCodes = e.appendDense(e.spareCodes[:0], s, &base, &baseStats); base.enc == EncBase {
			*en = base
			return append(dst[:at], e.spareCodes...), baseStats
		}
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

// entryUses is how often the entries of a large dictionary must be used for its
// codes to be chosen unmeasured: filters and groups run on them.
const entryUses = 16

func (e *encoder) appendTexts(dst []byte, s *source, stats *columnStats) ([]byte, Encoding) {
	if s.n == 1 && s.rows == 1 {
		return appendConstant(dst, s), EncConstant
	}
	at := len(dst)
	if e.dict.texts(s.vec.Bytes, s.vec.Ends[:s.n], entriesMaxOf(s)) {
		entries := len(e.dict.first)
		if entries == 1 && s.nulls() == 0 {
			return appendConstant(dst, s), EncConstant
		}
		if entries <= max(2, s.n/2) {
			*stats = columnStats{worth: true, distinct: entries}
			e.dict.sortTexts(s.vec.Bytes, s.vec.Ends[:s.n])
			var codes Encoding
			dst, codes = appendCodes(dst, s, &e.dict, e)
			if !e.rich || entries*entryUses <= s.n {
				return dst, codes
			}
			// Codes are the faster to scan, so the form has to be much smaller.
			var enc Encoding
			if e.spareText, enc, _ = e.appendForm(e.spareText[:0], s); enc != 0 && len(e.spareText)*4 < (len(dst)-at)*3 {
				return append(dst[:at], e.spareText...), enc
			}
			return dst, codes
		}
	}
	if e.rich {
		return e.appendManyTexts(dst, s)
	}
	return appendPlainText(dst, s, e), EncText
}

// appendManyTexts encodes texts of which most differ: by their form if they have
// one, unless compressing saves a fifth against templates of which much is loose.
func (e *encoder) appendManyTexts(dst []byte, s *source) ([]byte, Encoding) {
	at, size := len(dst), len(s.vec.Bytes)
	dst, enc, good := e.appendForm(dst, s)
	if good {
		return dst, enc
	}
	if size < zstdTextMin {
		return appendPlainText(dst[:at], s, e), EncText
	}
	e.spareZstd = e.appendZstd(e.spareZstd[:0], s)
	switch packed, form := len(e.spareZstd), len(dst)-at; {
	case enc != 0 && form*8 < size*7 && form*4 <= packed*5:
		return dst, enc
	case (packed-s.rows)*8 < size*7:
		return append(dst[:at], e.spareZstd...), EncZstd
	}
	return appendPlainText(dst[:at], s, e), EncText
}

// appendForm encodes texts that have a form or templates. enc is 0, and dst as it
// was, if they have none. good tells that nothing better is to be expected.
func (e *encoder) appendForm(dst []byte, s *source) (_ []byte, enc Encoding, good bool) {
	if dst, ok := e.appendAffix(dst, s); ok {
		return dst, EncAffix, true
	}
	if dst, ok := e.appendHexID(dst, s); ok {
		return dst, EncHexID, true
	}
	at, size := len(dst), len(s.vec.Bytes)
	if size < templateTextMin {
		return dst, 0, false
	}
	dst, loose, ok := e.appendTemplates(dst, s)
	if !ok {
		return dst, 0, false
	}
	return dst, EncTemplate, loose*templateLooseMax <= size && (len(dst)-at)*3 <= size
}

func (e *encoder) appendInts(dst []byte, s *source, stats *columnStats) ([]byte, Encoding) {
	values := s.vec.Ints[:s.n]
	low, high := minMax(values)
	if low == high && s.nulls() == 0 {
		return appendConstant(dst, s), EncConstant
	}
	*stats = columnStats{worth: true, ordered: true, min: uint64(low), max: uint64(high)}
	dictBytes := math.MaxInt
	if s.vec.Type != TypeTime && e.dict.numbers(values, low, high, intEntriesMax(s, low, high)) {
		entries := len(e.dict.first)
		dictBytes = 8*entries + s.rows*codeWidth(entries+1)/8
		if s.vec.Type == TypeBool || entries <= countedEntriesMax && entries*entryUses <= s.n {
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
	return appendCodes(dst, s, &e.dict, e)
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
	low, high := minMax(e.keys)
	if low == high && s.nulls() == 0 {
		return appendConstant(dst, s), EncConstant
	}
	*stats = columnStats{
		worth: true, ordered: true,
		min: floatBits(floatOfKey(low)), max: floatBits(floatOfKey(high)),
	}
	at, size, codes := len(dst), math.MaxInt, EncDict
	if e.dict.numbers(e.keys, low, high, floatEntriesMax(s)) {
		entries := len(e.dict.first)
		stats.distinct = entries
		e.dict.sortNumbers()
		dst, codes = appendCodes(dst, s, &e.dict, e)
		size = len(dst) - at
		if !e.rich || entries <= countedEntriesMax && entries*entryUses <= s.n {
			return dst, codes
		}
	}
	values := s.floatsOfRows(e)
	if e.rich {
		var ok bool
		if e.raw, ok = e.appendALP(e.raw[:0], s, values); ok && len(e.raw) < min(size, 8*s.rows) {
			return append(dst[:at], e.raw...), EncALP
		}
	}
	if size < math.MaxInt {
		return dst, codes
	}
	return appendRaw(dst, s, values), EncRaw
}

// floatEntriesMax is the most entries for which a dictionary of floats, at 8
// bytes an entry and 2 a row, is smaller than 6 bytes a row.
func floatEntriesMax(s *source) int {
	return min(entriesMaxOf(s), max(2, s.n/2))
}
