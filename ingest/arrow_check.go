package ingest

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/kelpdb/kelp/storage"
)

// What must hold of rows [from, to) of an array for them to be taken by column.

// lowUint64 tells whether all of the unsigned integers fit into an int64.
func (a *arrowArray) lowUint64(from, to int) bool {
	all := uint64(0)
	for i := from; i < to; i++ {
		all |= binary.LittleEndian.Uint64(a.data[8*i:])
	}
	return all <= math.MaxInt64
}

// timesFit tells whether all dates or timestamps fit into 64 bits of nanoseconds.
func (a *arrowArray) timesFit(from, to int) bool {
	fit := true
	if a.field.bits == 64 {
		least, most := math.MinInt64/a.field.unit, math.MaxInt64/a.field.unit
		for data := a.data[8*from : 8*to]; len(data) >= 8; data = data[8:] {
			n := int64(binary.LittleEndian.Uint64(data))
			fit = fit && n <= most && n >= least
		}
		return fit
	}
	for i := from; i < to; i++ {
		_, ok := a.time(i)
		fit = fit && ok
	}
	return fit
}

// textsPlain tells whether all texts are UTF-8, and none comes from a dictionary,
// and bounds the length of the longest.
func (a *arrowArray) textsPlain(from, to int) (longest int, ok bool) {
	if from == to {
		return 0, true
	}
	if !a.contiguous() {
		for i := from; i < to; i++ {
			if a.isNull(i) {
				continue
			}
			text := a.bytes(i)
			if !utf8.Valid(text) {
				return 0, false
			}
			longest = max(longest, len(text))
		}
		return longest, true
	}
	first, _ := a.span(from)
	_, last := a.span(to - 1)
	ascii, ok := validText(a.data[first:last])
	if !ok {
		return 0, false
	}
	if ascii && last-first <= ValueBytesMax {
		return last - first, true
	}
	if ascii {
		return a.longestSpan(from, to, ValueBytesMax), true
	}
	for i := from; i < to; i++ {
		start, end := a.span(i)
		if start < last && !utf8.RuneStart(a.data[start]) {
			return 0, false // it begins within a character
		}
		longest = max(longest, end-start)
	}
	return longest, true
}

// longestSpan is the most that two neighbouring offsets of values [from, to) are apart,
// or of all values where even those are not more than enough.
func (a *arrowArray) longestSpan(from, to, enough int) (longest int) {
	if a.large() || a.field.kind == arrowFixedSizeList {
		for i := from; i < to; i++ {
			start, end := a.span(i)
			longest = max(longest, end-start)
		}
		return longest
	}
	most := a.longest
	if int(most) > enough {
		most, _ = widestStep(a.offsets[4*from : 4*(to+1)])
	}
	return int(most)
}

// widestStepPlain is the most that two neighbours of offsets, of 32 bits each, are
// apart, and tells whether none falls; if one does, the most is undefined.
func widestStepPlain(offsets []byte) (most uint32, ascend bool) {
	before, falls := binary.LittleEndian.Uint32(offsets), uint64(0) // its high bit is set where one falls
	for offsets = offsets[4:]; len(offsets) >= 4; offsets = offsets[4:] {
		at := binary.LittleEndian.Uint32(offsets)
		falls |= uint64(at) - uint64(before)
		most = max(most, at-before)
		before = at
	}
	return most, falls>>63 == 0
}

// validText tells whether bytes are UTF-8, and whether they are ASCII.
func validText(b []byte) (ascii, ok bool) {
	rest := b
	for len(rest) >= 32 {
		w := binary.LittleEndian.Uint64(rest) | binary.LittleEndian.Uint64(rest[8:]) |
			binary.LittleEndian.Uint64(rest[16:]) | binary.LittleEndian.Uint64(rest[24:])
		if w&0x8080808080808080 != 0 {
			return false, utf8.Valid(rest)
		}
		rest = rest[32:]
	}
	for _, c := range rest {
		if c >= utf8.RuneSelf {
			return false, utf8.Valid(rest)
		}
	}
	return true, true
}

// textBytesAtMost bounds the bytes of texts [from, to), none of which is longer
// than longest.
func (a *arrowArray) textBytesAtMost(from, to, longest int) int {
	if from == to {
		return 0
	}
	if !a.contiguous() {
		return (to - from) * longest
	}
	first, _ := a.span(from)
	_, last := a.span(to - 1)
	return last - first
}

// listsPlain tells whether all lists are of texts without nulls and no row is
// rejected, and bounds the length of the longest item.
func (a *arrowArray) listsPlain(from, to int) (longest int, ok bool) {
	if from == to {
		return 0, true
	}
	items := &a.children[0]
	switch a.field.children[0].kind {
	case arrowUtf8, arrowLargeUtf8, arrowUtf8View:
	default:
		return 0, false // only an empty one would be a list
	}
	first, _ := a.span(from)
	_, last := a.span(to - 1)
	for i := first; i < last && items.valid != nil; i += 64 {
		n := min(64, last-i)
		if bitsFrom(items.valid, i, n) != ^uint64(0)>>(64-n) {
			return 0, false
		}
	}
	if items.dict != nil {
		d := items.dict
		if longest = d.longest; !d.plain || longest > ValueBytesMax {
			return 0, false
		}
	} else if longest, ok = items.textsPlain(first, last); !ok {
		return 0, false
	}
	if a.longestSpan(from, to, storage.ListItemsMax) <= storage.ListItemsMax && items.textBytesAtMost(first, last, longest) <= ValueBytesMax {
		return longest, true
	}
	for i := from; i < to; i++ {
		start, end := a.span(i)
		if end-start > storage.ListItemsMax || items.textBytesAtMost(start, end, longest) > ValueBytesMax {
			return 0, false
		}
	}
	return longest, true
}

// appendTimes appends the times that values of the column say; ok is false if one
// of them is none.
func (col *arrowColumn) appendTimes(dst []int64, from, to int) (_ []int64, ok bool) {
	a := col.values
	at := len(dst)
	switch col.take {
	case arrowTakeTimes, arrowTakeInts:
		dst = a.appendInts(dst, nil, from, to-from)
		for i, n := range dst[at:] {
			if col.take == arrowTakeTimes {
				dst[at+i] = n * a.field.unit
			} else {
				dst[at+i] = timeOfInt(n)
			}
		}
		return dst, true
	case arrowTakeFloats, arrowTakeTexts, arrowTakeCodes:
	default:
		return dst, false
	}
	for i := from; i < to; i++ {
		ns, ok := int64(0), true
		switch {
		case col.valid != nil && wordsFrom(col.valid, i-from, 1) == 0:
		case col.take == arrowTakeFloats:
			ns, ok = timeOfFloat64(a.float(i))
		default:
			ns, ok = parseTime(a.textOf(i))
		}
		if !ok {
			return dst, false
		}
		dst = append(dst, ns)
	}
	return dst, true
}
