package query

import (
	"cmp"
	"slices"

	"github.com/kelpdb/kelp/storage"
)

// Vec is a column of values of one type that owns its memory: keys and rows of
// partials and results.
type Vec struct {
	Type   storage.Type
	Nulls  []uint64 // bitmap, bit i set: value i is null; may be shorter than needed: the rest is not null
	Ints   []int64  // bool, int64, time
	Floats []float64
	Strs   []string
	Lists  [][]string
	n      int
}

// NewVec returns an empty column of a type.
func NewVec(t storage.Type) *Vec { return &Vec{Type: t} }

// Len is the number of values.
func (v *Vec) Len() int { return v.n }

// SetLen tells the column that its arrays have been filled to n values.
func (v *Vec) SetLen(n int) { v.n = n }

// IsNull tells whether value i is null.
func (v *Vec) IsNull(i int) bool {
	if v.Type == storage.TypeNull {
		return true
	}
	w := i >> 6
	return w < len(v.Nulls) && v.Nulls[w]&(1<<(i&63)) != 0
}

// Append appends a value of the column's type, or null.
func (v *Vec) Append(x storage.Value) {
	i := v.n
	v.n++
	null := x.Type == storage.TypeNull
	if !null && x.Type != v.Type {
		panic("BUG: " + x.Type.String() + " appended to a column of " + v.Type.String())
	}
	if null && v.Type != storage.TypeNull {
		for len(v.Nulls) <= i>>6 {
			v.Nulls = append(v.Nulls, 0)
		}
		v.Nulls[i>>6] |= 1 << (i & 63)
	}
	switch v.Type {
	case storage.TypeNull:
	case storage.TypeFloat64:
		v.Floats = append(v.Floats, x.Float)
	case storage.TypeString:
		v.Strs = append(v.Strs, x.Str)
	case storage.TypeList:
		v.Lists = append(v.Lists, x.List)
	default:
		v.Ints = append(v.Ints, x.Int)
	}
}

// Value returns value i.
func (v *Vec) Value(i int) storage.Value {
	if v.IsNull(i) {
		return storage.Value{}
	}
	switch v.Type {
	case storage.TypeFloat64:
		return storage.Float(v.Floats[i])
	case storage.TypeString:
		return storage.String(v.Strs[i])
	case storage.TypeList:
		return storage.List(v.Lists[i])
	default:
		return storage.Value{Type: v.Type, Int: v.Ints[i]}
	}
}

// AppendFrom appends value i of src, a column of the same type.
func (v *Vec) AppendFrom(src *Vec, i int) {
	if src.Type != v.Type || src.IsNull(i) {
		v.Append(src.Value(i))
		return
	}
	v.n++
	switch v.Type {
	case storage.TypeFloat64:
		v.Floats = append(v.Floats, src.Floats[i])
	case storage.TypeString:
		v.Strs = append(v.Strs, src.Strs[i])
	case storage.TypeList:
		v.Lists = append(v.Lists, src.Lists[i])
	default:
		v.Ints = append(v.Ints, src.Ints[i])
	}
}

// arrayLen is how many values the array of the column's type holds.
func (v *Vec) arrayLen() int {
	switch v.Type {
	case storage.TypeNull:
		return v.n
	case storage.TypeFloat64:
		return len(v.Floats)
	case storage.TypeString:
		return len(v.Strs)
	case storage.TypeList:
		return len(v.Lists)
	}
	return len(v.Ints)
}

func (v *Vec) anyNull() bool {
	if v.Type == storage.TypeNull {
		return v.n > 0
	}
	for i := range v.n {
		if v.IsNull(i) {
			return true
		}
	}
	return false
}

// compare orders value i against value j of a column of the same type, by Order.
func (v *Vec) compare(i int, other *Vec, j int) int {
	a, b := v.IsNull(i), other.IsNull(j)
	switch {
	case a && b:
		return 0
	case a:
		return 1
	case b:
		return -1
	}
	switch v.Type {
	case storage.TypeFloat64:
		return compareFloats(v.Floats[i], other.Floats[j])
	case storage.TypeString:
		return cmp.Compare(v.Strs[i], other.Strs[j])
	case storage.TypeList:
		return slices.Compare(v.Lists[i], other.Lists[j])
	}
	return cmp.Compare(v.Ints[i], other.Ints[j])
}

func vecOfInts(s []int64) *Vec {
	return &Vec{Type: storage.TypeInt64, Ints: s, n: len(s)}
}

func vecOfFloats(s []float64) *Vec {
	return &Vec{Type: storage.TypeFloat64, Floats: s, n: len(s)}
}

func vecOfStrings(s []string) *Vec {
	return &Vec{Type: storage.TypeString, Strs: s, n: len(s)}
}
