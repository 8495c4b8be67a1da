package storage

import "slices"

// appendColumn chooses an encoding for a source, appends the column and sets
// encoding and inner encoding of its entry.
func (e *encoder) appendColumn(dst []byte, s *source, en *entry) ([]byte, columnStats) {
	var stats columnStats
	switch s.vec.Type {
	case TypeString:
		dst, en.enc = e.appendTexts(dst, s, &stats)
	case TypeList:
		dst, en.enc = appendList(dst, s, e), EncList
	case TypeFloat64:
		dst, en.enc = e.appendFloats(dst, s, &stats)
	default:
		dst, en.enc = e.appendInts(dst, s, &stats)
	}
	return dst, stats
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
	return appendPlainText(dst, s, e), EncText
}

func (e *encoder) appendInts(dst []byte, s *source, stats *columnStats) ([]byte, Encoding) {
	values := s.vec.Ints[:s.n]
	low, high := slices.Min(values), slices.Max(values)
	if low == high && s.nulls() == 0 {
		return appendConstant(dst, s), EncConstant
	}
	*stats = columnStats{worth: true, ordered: true, min: uint64(low), max: uint64(high)}
	if s.vec.Type != TypeTime && e.dict.numbers(values, entriesMaxOf(s)) {
		entries := len(e.dict.first)
		if s.vec.Type == TypeBool || entries <= max(2, s.n/4) {
			stats.distinct = entries
			e.dict.sortNumbers()
			return appendDict(dst, s, &e.dict, e), EncDict
		}
	}
	return appendRaw(dst, s, s.intsOfRows(e, 0)), EncRaw
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
	if e.dict.numbers(e.keys, entriesMaxOf(s)) {
		if entries := len(e.dict.first); entries <= max(2, s.n/3) {
			stats.distinct = entries
			e.dict.sortNumbers()
			return appendDict(dst, s, &e.dict, e), EncDict
		}
	}
	return appendRaw(dst, s, s.floatsOfRows(e)), EncRaw
}
