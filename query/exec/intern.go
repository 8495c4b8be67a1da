package exec

import (
	"math/bits"
	"unsafe"

	"github.com/kelpdb/kelp/storage"
)

// noID stands where a value got no number: the budget of groups is spent.
const noID = ^uint32(0)

// intTable numbers distinct 64-bit integers, and null, in the order they come.
type intTable struct {
	numberTable
	values []int64 // by id; 0 for null
	null   uint32  // id+1 of null; 0: it has not come
}

// id returns the number of v; grow allows a new one, else noID.
func (t *intTable) id(v int64, grow bool) uint32 {
	if id := t.get(v); id != 0 {
		return id - 1
	}
	if !grow {
		return noID
	}
	return t.add(v)
}

// add numbers a value that has no number yet.
func (t *intTable) add(v int64) uint32 {
	id := uint32(len(t.values))
	t.values = append(t.values, v)
	t.put(v, id)
	return id
}

// nullID is id for null.
func (t *intTable) nullID(grow bool) uint32 {
	if t.null == 0 && grow {
		t.values = append(t.values, 0)
		t.null = uint32(len(t.values))
	}
	return t.null - 1
}

// idsAt writes the ids of the values of rows, ascending.
func (t *intTable) idsAt(dst []uint32, values []int64, rows []uint16, grow bool) {
	t.expectAll(values, rows, len(t.values))
	dst = dst[:len(rows)]
	for i, r := range rows {
		v := values[r]
		if at := uint64(v) - uint64(t.low); at < uint64(len(t.direct)) {
			if id := t.direct[at]; id != 0 {
				dst[i] = id - 1
				continue
			}
		}
		dst[i] = t.id(v, grow)
	}
}

func (t *intTable) bytes() int { return t.numberTable.bytes() + cap(t.values)*8 }

// mixInt spreads an integer over the high bits: a multiplication by 2^64/phi
// after folding the high half down, so that multiples of powers of two spread too.
func mixInt(v uint64) uint64 {
	v ^= v >> 32
	return v * 0x9e37_79b9_7f4a_7c15
}

// byteTable numbers distinct byte strings, and null, in the order they come. A
// slot keeps half of the hash, so a probe rarely looks at a string in vain; short
// strings lie in their refs, so that finding one touches two places in memory and
// not four. Strings of a form that a column is stored in are kept as its numbers.
type byteTable struct {
	slots  []uint64 // hash's low half << 32 | id+1, 0 is free
	refs   []textRef
	hashed int    // strings in slots
	arena  []byte // the strings that are longer than a ref holds
	shift  uint8
	null   uint32 // id+1 of null; 0: it has not come
	forms  []formTable
}

// A formTable is the numbers of strings of one form.
type formTable struct {
	form storage.TextForm
	numberTable
}

// formsMax is the most forms of one table: each string that is looked up is held
// against all of them.
const formsMax = 4

// A textRef is a string of at most textRefBytes, or where it lies in the arena:
// length, then the bytes; or length, the first bytes, and the offset. Or it is a
// number of a form.
type textRef struct {
	a uint64 // length << 32 | the first 4 bytes; or refNumber | the form
	b uint64 // the next 8 bytes, or the offset; or the number
}

// refNumber marks the ref of a number; no string is so long.
const refNumber = 1 << 63

// textRefBytes is the longest string that lies in its ref.
const textRefBytes = 12

// refOf makes the ref of a short string, or that of a long one but for its offset.
func refOf(v []byte) textRef {
	r := textRef{a: uint64(len(v)) << 32}
	switch {
	case len(v) >= textRefBytes:
		r.a |= uint64(load4(v))
		r.b = load8(v[4:])
	case len(v) >= 8:
		r.a |= uint64(load4(v))
		// The 8 bytes that end with the last one, less those that a has.
		r.b = load8(v[len(v)-8:]) >> (8 * uint(textRefBytes-len(v)))
	default:
		var low uint64
		for i, c := range v {
			low |= uint64(c) << (8 * uint(i))
		}
		r.a |= low & 0xffff_ffff
		r.b = low >> 32
	}
	return r
}

func (r textRef) len() int { return int(r.a >> 32) }

// appendAt appends the string of an id.
func (t *byteTable) appendAt(dst []byte, id int) []byte {
	r := t.refs[id]
	if r.a&refNumber != 0 {
		return t.forms[r.a&^refNumber].form.Append(dst, int64(r.b))
	}
	n := r.len()
	if n > textRefBytes {
		return append(dst, t.arena[r.b:r.b+uint64(n)]...)
	}
	for i := range n {
		if i < 4 {
			dst = append(dst, byte(r.a>>(8*uint(i))))
		} else {
			dst = append(dst, byte(r.b>>(8*uint(i-4))))
		}
	}
	return dst
}

// id returns the number of v, which is copied if it is new; grow allows that,
// else noID.
func (t *byteTable) id(v []byte, grow bool) uint32 {
	for i := range t.forms {
		if number, ok := t.forms[i].form.Parse(v); ok {
			return t.idOfNumber(i, number, grow)
		}
	}
	if t.hashed*2 >= len(t.slots) {
		t.rehash()
	}
	mask := uint64(len(t.slots) - 1)
	h := hashBytes(v)
	tag := h << 32
	ref := refOf(v)
	for at := h >> t.shift; ; at++ {
		s := t.slots[at&mask]
		if s == 0 {
			if !grow {
				return noID
			}
			if len(v) > textRefBytes {
				ref.b = uint64(len(t.arena))
				t.arena = append(t.arena, v...)
			}
			t.refs = append(t.refs, ref)
			t.hashed++
			t.slots[at&mask] = tag | uint64(len(t.refs))
			return uint32(len(t.refs) - 1)
		}
		if s&^0xffff_ffff != tag {
			continue
		}
		id := uint32(s) - 1
		found := t.refs[id]
		if found.a != ref.a {
			continue
		}
		if found.b == ref.b && len(v) <= textRefBytes ||
			len(v) > textRefBytes && string(t.arena[found.b:found.b+uint64(len(v))]) == string(v) {
			return id
		}
	}
}

func (t *byteTable) rehash() {
	size := max(64, len(t.slots)*2)
	t.slots = make([]uint64, size)
	t.shift = uint8(64 - bits.TrailingZeros(uint(size)))
	mask := uint64(size - 1)
	var buf []byte
	t.hashed = 0
	for i, r := range t.refs {
		if r.a&refNumber != 0 || uint32(i+1) == t.null {
			continue
		}
		t.hashed++
		buf = t.appendAt(buf[:0], i)
		h := hashBytes(buf)
		at := h >> t.shift
		for t.slots[at&mask] != 0 {
			at++
		}
		t.slots[at&mask] = h<<32 | uint64(i+1)
	}
}

func (t *byteTable) bytes() int {
	n := cap(t.slots)*8 + cap(t.arena) + cap(t.refs)*16
	for i := range t.forms {
		n += t.forms[i].bytes()
	}
	return n
}

// hashBytes is a multiply-and-fold hash of 16 bytes a step, after Wang Yi's
// wyhash. It is not kept anywhere: it may change.
func hashBytes(v []byte) uint64 {
	const k0, k1 = 0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db
	n := len(v)
	h := uint64(n) ^ k0
	for len(v) > 16 {
		h = fold(load8(v)^k1, load8(v[8:])^h)
		v = v[16:]
	}
	var a, b uint64
	switch {
	case len(v) >= 8:
		a, b = load8(v), load8(v[len(v)-8:])
	case len(v) >= 4:
		a, b = uint64(load4(v)), uint64(load4(v[len(v)-4:]))
	case len(v) > 0:
		a = uint64(v[0])<<16 | uint64(v[len(v)>>1])<<8 | uint64(v[len(v)-1])
	}
	return fold(fold(a^k1, b^h), uint64(n)^k1)
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

func load8(b []byte) uint64 {
	_ = b[7]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

func load4(b []byte) uint32 {
	_ = b[3]
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

// volatileString is b as a string without a copy: for a look at a value, never
// to be kept.
func volatileString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// lend is the bytes of a string without a copy, to be read only.
func lend(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
