package exec

import (
	"math"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// A span is the set of integers or floats that pass a comparison with
// constants: an arc on the circle of 64-bit keys (floatKey for floats).
type span struct {
	lo   int64
	size uint64 // the arc ends at lo+size, inclusive
	none bool
	ok   bool // false: the condition is no such set
}

func (s span) has(key int64) bool { return s.ok && !s.none && uint64(key-s.lo) <= s.size }

// full tells whether every key passes.
func (s span) full() bool { return !s.none && s.size == math.MaxUint64 }

// spanCache holds a leaf's span for each stored type.
type spanCache [storage.TypeList + 1]span

var (
	floatKeyLow  = floatKey(math.Inf(-1))
	floatKeyHigh = floatKey(math.Inf(1))
)

// compileSpans finds the spans of a leaf over one column. Comparing with a
// constant is monotone for a number or time that is compared as one: the borders
// are found by bisection with Compare itself, so every rule of comparison
// (integers against 2.5, floats against text) holds by construction.
func (l *leaf) compileSpans() {
	for _, t := range []storage.Type{storage.TypeBool, storage.TypeInt64, storage.TypeTime, storage.TypeFloat64} {
		l.spans[t] = l.spanOf(t)
	}
}

func (l *leaf) spanOf(t storage.Type) span {
	if len(l.columns) != 1 {
		return span{}
	}
	if t == storage.TypeBool {
		return l.spanOfBool()
	}
	b := l.expr
	if len(b.Args) == 0 || b.Args[0].Op != query.OpColumn {
		return l.spanMirrored(t)
	}
	static := b.Args[0].Type
	if static == storage.TypeString || static == storage.TypeBool || static == storage.TypeList {
		return span{}
	}
	switch b.Op {
	case query.OpEq, query.OpNe, query.OpLt, query.OpLe, query.OpGt, query.OpGe:
		if b.Args[1].Op != query.OpConst {
			return span{}
		}
		return l.spanOfOp(t, static, b.Op, b.Args[1].Const)
	case query.OpIn:
		if len(b.Set) == 1 && !b.SetNull && compares(t, static, b.Set[0]) {
			return l.spanOfOp(t, static, query.OpEq, b.Set[0])
		}
	case query.OpBetween:
		return l.spanOfBetween(t, static)
	}
	return span{}
}

func (l *leaf) spanOfBetween(t, static storage.Type) span {
	low, high := l.expr.Args[1], l.expr.Args[2]
	if low.Op != query.OpConst || high.Op != query.OpConst ||
		!compares(t, static, low.Const) || !compares(t, static, high.Const) {
		return span{}
	}
	inside := &leaf{want: true}
	s := intersect(
		inside.spanOfOp(t, static, query.OpGe, low.Const),
		inside.spanOfOp(t, static, query.OpLe, high.Const))
	if !l.want {
		return s.complement()
	}
	return s
}

// compares tells whether values of a stored type compare with a constant at
// all; that does not depend on the value.
func compares(t, static storage.Type, constant storage.Value) bool {
	_, known := query.Compare(query.Coerce(valueOfKey(t, 0), static), constant)
	return known
}

// spanMirrored is spanOf for a constant on the left.
func (l *leaf) spanMirrored(t storage.Type) span {
	b := l.expr
	if len(b.Args) != 2 || b.Args[0].Op != query.OpConst || b.Args[1].Op != query.OpColumn {
		return span{}
	}
	static := b.Args[1].Type
	if static == storage.TypeString || static == storage.TypeBool || static == storage.TypeList {
		return span{}
	}
	var op query.Op
	switch b.Op {
	case query.OpEq, query.OpNe:
		op = b.Op
	case query.OpLt:
		op = query.OpGt
	case query.OpLe:
		op = query.OpGe
	case query.OpGt:
		op = query.OpLt
	case query.OpGe:
		op = query.OpLe
	default:
		return span{}
	}
	return l.spanOfOp(t, static, op, b.Args[0].Const)
}

// spanOfBool asks the expression for both values there are.
func (l *leaf) spanOfBool() span {
	no, yes := l.passes(&valueRow{value: storage.Bool(false)}), l.passes(&valueRow{value: storage.Bool(true)})
	switch {
	case no && yes:
		return span{lo: 0, size: 1, ok: true}
	case no:
		return span{lo: 0, ok: true}
	case yes:
		return span{lo: 1, ok: true}
	}
	return span{none: true, ok: true}
}

// spanOfOp is the set of keys of type t for which `key op constant` is l.want.
func (l *leaf) spanOfOp(t, static storage.Type, op query.Op, constant storage.Value) span {
	compare := func(key int64) (int, bool) {
		return query.Compare(query.Coerce(valueOfKey(t, key), static), constant)
	}
	low, high := int64(math.MinInt64), int64(math.MaxInt64)
	if t == storage.TypeFloat64 {
		low, high = floatKeyLow, floatKeyHigh
	}
	if !compares(t, static, constant) {
		return span{none: true, ok: true}
	}
	// from is the first key that is not below the constant, past the first above it.
	from := firstKey(low, high, func(k int64) bool { c, _ := compare(k); return c >= 0 })
	past := firstKey(low, high, func(k int64) bool { c, _ := compare(k); return c > 0 })
	nan := 0
	if t == storage.TypeFloat64 {
		nan, _ = query.Compare(storage.Float(math.NaN()), constant)
	}
	invert := !l.want
	switch op { // the complements
	case query.OpNe:
		op, invert = query.OpEq, !invert
	case query.OpGe:
		op, invert = query.OpLt, !invert
	case query.OpGt:
		op, invert = query.OpLe, !invert
	}
	s := span{ok: true}
	switch op {
	case query.OpEq:
		s = arc(from, past, low, high, t == storage.TypeFloat64 && nan == 0)
	case query.OpLt:
		s = arc(edge{low, false}, from, low, high, t == storage.TypeFloat64 && nan < 0)
	case query.OpLe:
		s = arc(edge{low, false}, past, low, high, t == storage.TypeFloat64 && nan <= 0)
	}
	if invert {
		s = s.complement()
	}
	return s
}

// An edge is a key, or the place behind the last one.
type edge struct {
	key  int64
	past bool // behind the last key
}

// firstKey returns the first key in [low, high] for which is holds; it holds for
// all behind it.
func firstKey(low, high int64, is func(int64) bool) edge {
	if !is(high) {
		return edge{past: true}
	}
	for low < high {
		mid := low + int64((uint64(high)-uint64(low))/2)
		if is(mid) {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return edge{key: high}
}

// arc is the keys from from up to before to, with NaN if nan is set.
func arc(from, to edge, low, high int64, nan bool) span {
	if to.past && !from.past && nan {
		// Behind high come the NaNs, which end before low.
		return span{lo: from.key, size: uint64(low-1) - uint64(from.key), ok: true}
	}
	empty := from.past || !to.past && to.key <= from.key
	switch {
	case empty && nan:
		return span{lo: high + 1, size: uint64(low-1) - uint64(high+1), ok: true}
	case empty:
		return span{none: true, ok: true}
	case nan:
		return span{} // two arcs
	case to.past:
		return span{lo: from.key, size: uint64(high) - uint64(from.key), ok: true}
	}
	return span{lo: from.key, size: uint64(to.key-1) - uint64(from.key), ok: true}
}

func (s span) complement() span {
	switch {
	case !s.ok:
		return s
	case s.none:
		return span{size: math.MaxUint64, ok: true}
	case s.full():
		return span{none: true, ok: true}
	}
	return span{lo: s.lo + int64(s.size) + 1, size: math.MaxUint64 - s.size - 1, ok: true}
}

// intersect is what is in a and in b, where a goes on to the end of the keys and
// b begins at their start.
func intersect(a, b span) span {
	if !a.ok || !b.ok {
		return span{}
	}
	if a.none || b.none {
		return span{none: true, ok: true}
	}
	end := b.lo + int64(b.size)
	if a.full() {
		return b
	}
	if b.full() {
		return a
	}
	if !b.has(a.lo) {
		return span{none: true, ok: true}
	}
	if !a.has(end) {
		return span{}
	}
	return span{lo: a.lo, size: uint64(end) - uint64(a.lo), ok: true}
}

// valueOfKey is the value of a stored type with a key.
func valueOfKey(t storage.Type, key int64) storage.Value {
	if t == storage.TypeFloat64 {
		return storage.Float(math.Float64frombits(uint64(key ^ int64(uint64(key>>63)>>1))))
	}
	return storage.Value{Type: t, Int: key}
}

// keyOfValue is the key of a value of a number, bool or time.
func keyOfValue(v storage.Value) int64 {
	if v.Type == storage.TypeFloat64 {
		return floatKey(v.Float)
	}
	return v.Int
}

// within tells whether all keys in [min, max] pass, or none; min and max are of
// stored values, max may be NaN.
func (s span) within(min, max storage.Value) verdict {
	if !s.ok || min.IsNull() || max.IsNull() {
		return someRows
	}
	if s.none {
		return noRows
	}
	if s.full() {
		return allRows
	}
	lo, hi := keyOfValue(min), keyOfValue(max)
	if max.Type == storage.TypeFloat64 && max.Float != max.Float {
		return someRows
	}
	width := uint64(hi) - uint64(lo)
	at := uint64(lo - s.lo)
	switch {
	case at <= s.size && s.size-at >= width:
		return allRows
	case at > s.size && math.MaxUint64-at >= width:
		// From lo on, the arc begins only behind hi.
		return noRows
	}
	return someRows
}
