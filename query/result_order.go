package query

import (
	"encoding/binary"
	"math"

	"github.com/kelpdb/kelp/storage"
)

// resultOrder compares items of a table by terms. The first term is worked out
// for every item, as a number that sorts alike; the others only where items
// tie, and once each.
type resultOrder struct {
	table  *resultTable
	terms  []orderTerm
	prefix []uint64 // by item; equal where the first term alone may not decide
	// late items come after all others that are equal in the first terms.
	late      func(item int) bool
	lateAfter int // number of leading terms that come before late
}

type orderTerm struct {
	OrderTerm      // its Digits12 is unset where the values are rounded already
	round     bool // round to 12 digits
	whole     *Vec // all values, if they are there
	cells     *Vec // else those that were asked for
	known     bitmap
}

// newResultOrder prepares comparing items, numbers below size.
func newResultOrder(t *resultTable, terms []OrderTerm, size int, items []uint32) *resultOrder {
	r := &resultOrder{table: t, terms: make([]orderTerm, len(terms))}
	for i := range terms {
		r.terms[i] = orderTerm{OrderTerm: terms[i], whole: t.whole[terms[i].Output]}
		if t.types[terms[i].Output] != t.plan.Outputs[terms[i].Output].Type { // a sum that passed int64
			r.terms[i].Digits12 = true
		}
		r.terms[i].round = r.terms[i].Digits12
		if r.terms[i].whole == nil {
			r.terms[i].Digits12 = false
			r.terms[i].cells = filledVec(t.types[terms[i].Output], size)
			r.terms[i].known = make(bitmap, bitmapWords(size))
		}
	}
	if len(terms) > 0 {
		r.prefix = make([]uint64, size)
		for _, i := range items {
			r.prefix[i] = r.terms[0].prefix(r.cell(0, int(i)), int(i))
		}
	}
	return r
}

// cell returns the column that holds the term's value for the item, having
// made sure that it is there.
func (r *resultOrder) cell(term, item int) *Vec {
	t := &r.terms[term]
	if t.whole != nil {
		return t.whole
	}
	if !t.known.has(item) {
		t.known.set(item)
		v := r.table.value(t.Output, item)
		if t.round && v.Type == storage.TypeFloat64 {
			v.Float = round12(v.Float)
		}
		t.cells.put(item, v)
	}
	return t.cells
}

func (r *resultOrder) less(a, b uint32) bool { return r.compare(int(a), int(b)) < 0 }

func (r *resultOrder) compare(a, b int) int {
	if r.late == nil || r.lateAfter > 0 {
		if len(r.terms) > 0 && r.prefix[a] != r.prefix[b] {
			if r.prefix[a] < r.prefix[b] {
				return -1
			}
			return 1
		}
	}
	for i := range r.terms {
		if r.late != nil && i == r.lateAfter {
			if c := compareNulls(r.late(a), r.late(b), false); c != 0 {
				return c
			}
		}
		if c := r.terms[i].compareVecs(r.cell(i, a), a, r.cell(i, b), b); c != 0 {
			return c
		}
	}
	if r.late != nil && r.lateAfter >= len(r.terms) {
		return compareNulls(r.late(a), r.late(b), false)
	}
	return 0
}

// prefix is a number that sorts as the value does: equal numbers leave the
// order open.
func (t *orderTerm) prefix(c *Vec, item int) uint64 {
	if c.IsNull(item) {
		if t.NullsFirst {
			return 0
		}
		return math.MaxUint64
	}
	var p uint64
	switch c.Type {
	case storage.TypeFloat64:
		f := c.Floats[item]
		if t.Digits12 {
			f = round12(f)
		}
		p = sortableFloat(f)
	case storage.TypeString:
		p = textPrefix(c.Strs[item])
	case storage.TypeList:
		return 0x8000000000000000
	default:
		p = uint64(c.Ints[item]) ^ 1<<63
	}
	if t.Desc {
		return ^p
	}
	return p
}

// sortableFloat maps floats to unsigned integers in the order of compareFloats.
func sortableFloat(f float64) uint64 {
	b := math.Float64bits(canonicalFloat(f))
	if b>>63 != 0 {
		return ^b
	}
	return b | 1<<63
}

func textPrefix(s string) uint64 {
	var buf [8]byte
	copy(buf[:], s)
	return binary.BigEndian.Uint64(buf[:])
}

// filledVec is a column of n values to be put; until then they mean nothing.
func filledVec(t storage.Type, n int) *Vec {
	v := NewVec(t)
	v.n = n
	switch t {
	case storage.TypeNull:
		return v
	case storage.TypeFloat64:
		v.Floats = make([]float64, n)
	case storage.TypeString:
		v.Strs = make([]string, n)
	case storage.TypeList:
		v.Lists = make([][]string, n)
	default:
		v.Ints = make([]int64, n)
	}
	v.Nulls = make([]uint64, bitmapWords(n))
	return v
}

// put sets value i of a column made by filledVec, once.
func (v *Vec) put(i int, x storage.Value) {
	if x.IsNull() {
		if v.Type != storage.TypeNull {
			bitmap(v.Nulls).set(i)
		}
		return
	}
	switch v.Type {
	case storage.TypeFloat64:
		v.Floats[i] = x.Float
	case storage.TypeString:
		v.Strs[i] = x.Str
	case storage.TypeList:
		v.Lists[i] = x.List
	default:
		v.Ints[i] = x.Int
	}
}
