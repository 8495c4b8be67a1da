package wire

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// errTooMuch says that an answer would take more memory than it may.
var errTooMuch = errors.New("the message takes more memory than one may: raise its limit, or ask for less")

// allowance is the memory that what one call decodes may still take.
type allowance struct{ left int64 }

func (a *allowance) take(n int64) error {
	if n > a.left {
		return errTooMuch
	}
	a.left -= n
	return nil
}

// memory is what a view takes once decoded: bounded by a small multiple of the
// bytes received, but counted, since a bit becomes a word.
func (v *view) memory() int64 {
	n := int64(v.n)
	switch v.typ {
	case storage.TypeNull:
		return n
	case storage.TypeString:
		return 16*n + int64(len(v.data))
	case storage.TypeList:
		return 24*n + 16*int64(v.items) + int64(len(v.data))
	}
	return 8 * n
}

// appendToVec appends a view to a column of its type. Nothing of the view is kept.
func (v *view) appendToVec(dst *query.Vec) {
	at := dst.Len()
	switch v.typ {
	case storage.TypeNull:
	case storage.TypeBool:
		for i := range v.n {
			dst.Ints = append(dst.Ints, int64(v.data[i>>3]>>(i&7)&1))
		}
	case storage.TypeFloat64:
		dst.Floats = appendNumbers(dst.Floats, v.data, v.n)
	case storage.TypeString:
		dst.Strs = slices.Grow(dst.Strs, v.n)
		dst.Strs = appendTexts(dst.Strs, v.ends, v.data, v.n)
	case storage.TypeList:
		v.appendLists(dst)
	default:
		dst.Ints = appendNumbers(dst.Ints, v.data, v.n)
	}
	if v.valid != nil {
		v.appendNulls(dst, at)
	}
	dst.SetLen(at + v.n)
}

// appendNumbers appends n numbers from little-endian bytes.
func appendNumbers[T int64 | float64 | uint32](dst []T, src []byte, n int) []T {
	dst = slices.Grow(dst, n)
	at := len(dst)
	dst = dst[:at+n]
	copy(bytesOf(dst[at:]), src)
	return dst
}

// appendTexts appends n texts. They share one copy of the bytes.
func appendTexts(dst []string, ends, data []byte, n int) []string {
	all := string(data[:endAt(ends, n)])
	start := 0
	for i := 1; i <= n; i++ {
		end := endAt(ends, i)
		dst = append(dst, all[start:end])
		start = end
	}
	return dst
}

// appendLists appends lists of texts. An empty list is not nil.
func (v *view) appendLists(dst *query.Vec) {
	items := appendTexts(make([]string, 0, v.items), v.ends, v.data, v.items)
	dst.Lists = slices.Grow(dst.Lists, v.n)
	start := 0
	for i := 1; i <= v.n; i++ {
		end := endAt(v.lists, i)
		dst.Lists = append(dst.Lists, items[start:end:end])
		start = end
	}
}

// appendNulls sets the null bits of rows that are not valid, which begin at
// row at of dst.
func (v *view) appendNulls(dst *query.Vec, at int) {
	for len(dst.Nulls) < (at+v.n+63)/64 {
		dst.Nulls = append(dst.Nulls, 0)
	}
	for i := 0; i < v.n; i += 64 {
		word := ^validWord(v.valid, i)
		if left := v.n - i; left < 64 {
			word &= 1<<left - 1
		}
		if word == 0 {
			continue
		}
		w, shift := (at+i)>>6, (at+i)&63
		dst.Nulls[w] |= word << shift
		if rest := word >> (64 - shift); shift > 0 && rest != 0 {
			dst.Nulls[w+1] |= rest
		}
	}
}

// validWord is 8 bytes of a bitmap from bit i on, i a multiple of 64; what is
// beyond its end is 0.
func validWord(bitmap []byte, i int) uint64 {
	rest := bitmap[i>>3:]
	if len(rest) >= 8 {
		return binary.LittleEndian.Uint64(rest)
	}
	var word uint64
	for j, b := range rest {
		word |= uint64(b) << (8 * j)
	}
	return word
}
