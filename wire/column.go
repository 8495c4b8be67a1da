package wire

import (
	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// typeRows is the type of a column of row numbers (uint32), beside those of
// storage: it says in which rows the values of a batch's column stand.
const typeRows storage.Type = 100

// column is values to be sent: one of the sources is set.
type column struct {
	typ   storage.Type
	n     int
	nulls []uint64 // bit set: null; may be shorter than needed

	ints   []int64 // bool, int64, time
	floats []float64
	rows   []uint32 // typeRows
	strs   []string
	lists  [][]string
	text   *storage.Vector // string, list of a batch
}

// columnOfVec is a Vec as a column.
func columnOfVec(v *query.Vec) column {
	return column{typ: v.Type, n: v.Len(), nulls: v.Nulls, ints: v.Ints, floats: v.Floats, strs: v.Strs, lists: v.Lists}
}

// columnOfVector is the values of a batch's vector as a column without nulls.
func columnOfVector(v *storage.Vector) column {
	c := column{typ: v.Type, n: v.Len(), ints: v.Ints, floats: v.Floats}
	if v.Type == storage.TypeString || v.Type == storage.TypeList {
		c.text = v
	}
	return c
}

// anyNull tells whether there is a null in rows [from, to).
func (c *column) anyNull(from, to int) bool {
	for i := from; i < to; {
		w := i >> 6
		if w >= len(c.nulls) {
			return false
		}
		word := c.nulls[w] >> (i & 63)
		if left := to - i; left < 64 {
			word &= 1<<left - 1
		}
		if word != 0 {
			return true
		}
		i = (w + 1) << 6
	}
	return false
}

// bytes is about what rows [from, to) take in a record.
func (c *column) bytes(from, to int) int {
	n := to - from
	switch c.typ {
	case storage.TypeNull:
		return 0
	case storage.TypeBool:
		return n / 4
	case typeRows:
		return 4 * n
	case storage.TypeString:
		if c.text != nil {
			return 4*n + textSpan(c.text, from, to)
		}
		total := 4 * n
		for _, s := range c.strs[from:to] {
			total += len(s)
		}
		return total
	case storage.TypeList:
		if c.text != nil {
			first, last := itemSpan(c.text, from, to)
			return 4*n + 4*(last-first) + textSpan(c.text, first, last)
		}
		total := 4 * n
		for _, list := range c.lists[from:to] {
			for _, s := range list {
				total += 4 + len(s)
			}
		}
		return total
	}
	return 8 * n
}

// textSpan is the bytes of the texts [from, to) of a vector.
func textSpan(v *storage.Vector, from, to int) int {
	return int(endBefore(v.Ends, to) - endBefore(v.Ends, from))
}

// itemSpan is the items of the lists [from, to) of a vector.
func itemSpan(v *storage.Vector, from, to int) (first, last int) {
	return int(endBefore(v.Lists, from)), int(endBefore(v.Lists, to))
}

// endBefore is where thing i begins, by the ends of all.
func endBefore(ends []uint32, i int) uint32 {
	if i == 0 {
		return 0
	}
	return ends[i-1]
}

// cut returns the end of a slice of columns of equal length that begins at from
// and takes about sliceBytes; one row at least.
func cut(cols []column, from, n int) int {
	to := min(n, from+sliceRowsMax)
	for to-from > 1 {
		total := 0
		for i := range cols {
			total += cols[i].bytes(from, to)
		}
		if total <= sliceBytes+sliceBytes/4 {
			break
		}
		// Aim at the size, in whole words of the null bitmaps, and at half at most.
		rows := max(1, min((to-from)/2, int(int64(to-from)*sliceBytes/int64(total))))
		if rows > 64 {
			rows &^= 63
		}
		to = from + rows
	}
	return to
}
