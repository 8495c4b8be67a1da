package query

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kelpdb/kelp/storage"
)

// cells holds at most one value of one type per group, for the aggregates that
// choose a value. The slice of the type is as long as Seen says.
type cells struct {
	Type   storage.Type
	Seen   []uint64  // bitmap: the group has a value
	Ints   []int64   // bool, int64, time
	Floats []float64 // never NaN for min and max
	Strs   []string
	Lists  [][]string
	n      int
}

func (c *cells) grow(n int) {
	c.n = n
	c.Seen = growSlice(c.Seen, bitmapWords(n))
	switch c.Type {
	case storage.TypeNull:
	case storage.TypeFloat64:
		c.Floats = growSlice(c.Floats, n)
	case storage.TypeString:
		c.Strs = growSlice(c.Strs, n)
	case storage.TypeList:
		c.Lists = growSlice(c.Lists, n)
	default:
		c.Ints = growSlice(c.Ints, n)
	}
}

func (c *cells) has(g int) bool { return bitmap(c.Seen).has(g) }

func (c *cells) value(g int) storage.Value {
	if !c.has(g) {
		return storage.Value{}
	}
	switch c.Type {
	case storage.TypeFloat64:
		return storage.Float(canonicalFloat(c.Floats[g]))
	case storage.TypeString:
		return storage.String(c.Strs[g])
	case storage.TypeList:
		return storage.List(c.Lists[g])
	}
	return storage.Value{Type: c.Type, Int: c.Ints[g]}
}

// set keeps a value, and a copy of its text: that may lie in memory that goes away.
func (c *cells) set(g int, v storage.Value) {
	if v.Type != c.Type {
		panic("BUG: " + v.Type.String() + " fed to an aggregate of " + c.Type.String())
	}
	bitmap(c.Seen).set(g)
	switch c.Type {
	case storage.TypeFloat64:
		c.Floats[g] = v.Float
	case storage.TypeString:
		c.Strs[g] = strings.Clone(v.Str)
	case storage.TypeList:
		c.Lists[g] = cloneList(v.List)
	default:
		c.Ints[g] = v.Int
	}
}

func cloneList(items []string) []string {
	out := make([]string, len(items))
	for i, s := range items {
		out[i] = strings.Clone(s)
	}
	return out
}

// take copies the value of group i of src into group g.
func (c *cells) take(g int, src *cells, i int) {
	bitmap(c.Seen).set(g)
	switch c.Type {
	case storage.TypeNull:
	case storage.TypeFloat64:
		c.Floats[g] = src.Floats[i]
	case storage.TypeString:
		c.Strs[g] = src.Strs[i]
	case storage.TypeList:
		c.Lists[g] = src.Lists[i]
	default:
		c.Ints[g] = src.Ints[i]
	}
}

// compare orders the value of group g after that of group i of src.
func (c *cells) compare(g int, src *cells, i int) int {
	switch c.Type {
	case storage.TypeNull:
		return 0
	case storage.TypeFloat64:
		return compareFloats(c.Floats[g], src.Floats[i])
	case storage.TypeString:
		return cmp.Compare(c.Strs[g], src.Strs[i])
	case storage.TypeList:
		return slices.Compare(c.Lists[g], src.Lists[i])
	}
	return cmp.Compare(c.Ints[g], src.Ints[i])
}

func (c *cells) bytes() int {
	n := 8*(cap(c.Seen)+cap(c.Ints)+cap(c.Floats)) + 16*cap(c.Strs) + 24*cap(c.Lists)
	for _, s := range c.Strs {
		n += len(s)
	}
	for _, l := range c.Lists {
		for _, s := range l {
			n += 16 + len(s)
		}
	}
	return n
}

// column is the values as a column, null where there is none.
func (c *cells) column() *Vec {
	v := &Vec{Type: c.Type, Ints: c.Ints, Floats: c.Floats, Strs: c.Strs, Lists: c.Lists, n: c.n}
	v.Nulls = make([]uint64, len(c.Seen))
	for i, w := range c.Seen {
		v.Nulls[i] = ^w
	}
	return v
}

// cellsOf is the opposite of column.
func cellsOf(v *Vec) cells {
	c := cells{Type: v.Type, Ints: v.Ints, Floats: v.Floats, Strs: v.Strs, Lists: v.Lists, n: v.n}
	c.Seen = make([]uint64, bitmapWords(v.n))
	for i := range v.n {
		if !v.IsNull(i) {
			bitmap(c.Seen).set(i)
		}
	}
	return c
}
