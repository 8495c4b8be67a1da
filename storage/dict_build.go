package storage

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/zeebo/xxh3"
)

// dictBuilder finds the distinct values of a column and numbers them. Its
// arrays are kept from column to column; nothing is allocated per value.
type dictBuilder struct {
	codes    []uint16  // of each value; in order of first occurrence, then by rank
	first    []uint32  // index of the first value with each code
	keys     []int64   // of numbers: the entry of each code
	textKeys []textKey // of texts: the entry of each code
	places   []uint32  // of small numbers: by value
	table    []uint64  // open addressing: high half of the hash, code + 1; 0: free
	pairs    []sortPair
	spare    []sortPair
	rank     []uint16
}

// sortPair is an entry on its way into order.
type sortPair struct {
	key uint64
	id  uint32
}

// distinctCheckAt is the number of values after which a builder asks whether a
// dictionary has any prospect: if more than 15 of 16 were new, a block of
// 65,536 rows would see every value twice at most.
const distinctCheckAt = 4_096

// probesPerValueMax bounds the steps through the table. The expected number is
// below 2; a column made to collide is not worth a dictionary.
const probesPerValueMax = 16

func (d *dictBuilder) reset(values int) {
	d.codes = grow(d.codes, values)[:0]
	d.first, d.keys = d.first[:0], d.keys[:0]
	if len(d.table) != tableSizeMin {
		d.table = grow(d.table, tableSizeMin)
	}
	clear(d.table)
}

const tableSizeMin = 512

// grow returns a slice of length n, s itself if it is large enough. Its content
// is undefined. There is room for a little more, but not past the rows of a full
// block, which most arrays stop at.
func grow[T any](s []T, n int) []T {
	switch {
	case cap(s) >= n:
		return s[:n]
	case n <= RowsPerBlockMax:
		return make([]T, n, min(n+n/4, RowsPerBlockMax))
	}
	return make([]T, n, n+n/16)
}

// textKey stands for an entry while texts are looked up: the text itself, if it
// has at most 32 bytes, else its hash and its first 8 bytes.
type textKey struct {
	lo, hi uint64    // the first 16 bytes
	tail   [2]uint64 // the last 16, of more than those
	size   uint32
	index  uint32 // of the first value
}

// keyTextMax is the longest text that its key tells from all others.
const keyTextMax = 32

// keyMasks cut 16 loaded bytes down to the bytes of a short text.
var keyMasks = func() (masks [17][2]uint64) {
	for n := range masks {
		masks[n] = [2]uint64{1<<(8*n) - 1, 0}
		if n > 8 {
			masks[n][1] = 1<<(8*(n-8)) - 1
		}
	}
	return masks
}()

// keyOf makes the key of data[start:end]. Up to 16 bytes take two loads and no
// branch on the length, up to 32 four.
func keyOf(data []byte, start, end uint32) (k textKey, hash uint64) {
	k.size = end - start
	switch {
	case k.size > keyTextMax:
		text := data[start:end]
		hash = xxh3.Hash(text)
		k.lo, k.hi = hash, binary.LittleEndian.Uint64(text)
		return k, hash
	case k.size > 16:
		k.lo, k.hi = binary.LittleEndian.Uint64(data[start:]), binary.LittleEndian.Uint64(data[start+8:])
		k.tail[0], k.tail[1] = binary.LittleEndian.Uint64(data[end-16:]), binary.LittleEndian.Uint64(data[end-8:])
		return k, hashLong(&k)
	case int(start)+16 <= len(data):
		mask := &keyMasks[k.size]
		k.lo = binary.LittleEndian.Uint64(data[start:]) & mask[0]
		k.hi = binary.LittleEndian.Uint64(data[start+8:]) & mask[1]
	default:
		var b [16]byte
		copy(b[:], data[start:end])
		k.lo = binary.LittleEndian.Uint64(b[:])
		k.hi = binary.LittleEndian.Uint64(b[8:])
	}
	return k, hashShort(k.lo, k.hi, uint64(k.size))
}

// hashShort hashes 16 bytes and a size.
func hashShort(lo, hi, size uint64) uint64 {
	high, low := bits.Mul64(lo^hashMul1^size, hi^hashMul2)
	return (high ^ low) * hashMul1
}

// hashLong hashes the key of 17 bytes to keyTextMax.
func hashLong(k *textKey) uint64 {
	a, b := bits.Mul64(k.lo^hashMul1^uint64(k.size), k.hi^hashMul2)
	c, d := bits.Mul64(k.tail[0]^hashMul2, k.tail[1]^hashMul1)
	return (a ^ b ^ (c^d)*hashMul2) * hashMul1
}

// texts numbers the texts that end at ends. It reports false, as soon as it is
// known, if there are more than entriesMax.
func (d *dictBuilder) texts(data []byte, ends []uint32, entriesMax int) bool {
	d.reset(len(ends))
	d.textKeys = d.textKeys[:0]
	codes, probes, start := d.codes[:len(ends)], 0, uint32(0)
	for i, end := range ends {
		k, h := textKey{size: end - start}, uint64(0)
		switch { // as keyOf, which a call for each text would make slower
		case k.size <= 16 && int(start)+16 <= len(data):
			mask := &keyMasks[k.size]
			k.lo = binary.LittleEndian.Uint64(data[start:]) & mask[0]
			k.hi = binary.LittleEndian.Uint64(data[start+8:]) & mask[1]
			h = hashShort(k.lo, k.hi, uint64(k.size))
		case k.size > 16 && k.size <= keyTextMax:
			k.lo, k.hi = binary.LittleEndian.Uint64(data[start:]), binary.LittleEndian.Uint64(data[start+8:])
			k.tail[0], k.tail[1] = binary.LittleEndian.Uint64(data[end-16:]), binary.LittleEndian.Uint64(data[end-8:])
			h = hashLong(&k)
		default:
			k, h = keyOf(data, start, end)
		}
		id := uint32(d.table[h&uint64(len(d.table)-1)]) - 1
		if int(id) >= len(d.textKeys) || !d.textKeys[id].is(&k) || k.size > keyTextMax {
			var ok bool
			k.index = uint32(i)
			if id, ok = d.find(data, ends, &k, h, &probes); !ok {
				if len(d.first) > entriesMax || probes > probesPerValueMax*(i+distinctCheckAt) {
					d.codes = codes[:i]
					return false
				}
			}
		}
		codes[i] = uint16(id)
		start = end
		if i == distinctCheckAt && len(ends) > 2*distinctCheckAt && len(d.first) > distinctCheckAt/16*15 {
			d.codes = codes[:i]
			return false
		}
	}
	d.codes = codes
	return true
}

// is compares keys: the texts themselves, if they have at most keyTextMax bytes.
func (k *textKey) is(other *textKey) bool {
	return k.lo == other.lo && k.hi == other.hi && k.size == other.size && k.tail == other.tail
}

// find returns the code of a text by its key and hash, and adds the steps it takes to
// probes; ok is false if it is a new one.
func (d *dictBuilder) find(data []byte, ends []uint32, k *textKey, h uint64, probes *int) (id uint32, ok bool) {
	tag, mask := h>>32, uint64(len(d.table)-1)
	for slot := h & mask; ; slot = (slot + 1) & mask {
		e := d.table[slot]
		if id = uint32(e) - 1; e>>32 == tag && e != 0 {
			other := &d.textKeys[id]
			if other.is(k) && (k.size <= keyTextMax || bytes.Equal(textAt(data, ends, int(k.index)), textAt(data, ends, int(other.index)))) {
				return id, true
			}
		}
		if *probes++; e != 0 {
			continue
		}
		id = uint32(len(d.first))
		d.first = append(d.first, k.index)
		d.textKeys = append(d.textKeys, *k)
		d.table[slot] = tag<<32 | uint64(len(d.first))
		if len(d.first)*2 > len(d.table) {
			d.growTable(func(id int) uint64 {
				i := int(d.first[id])
				_, h := keyOf(data, ends[i]-d.textKeys[id].size, ends[i])
				return h
			})
		}
		return id, false
	}
}

// growTable makes the table four times as large and enters every code again.
func (d *dictBuilder) growTable(hash func(id int) uint64) {
	n := len(d.table) * 4
	d.table = grow(d.table, n)
	clear(d.table)
	mask := uint64(n - 1)
	for id := range d.first {
		h := hash(id)
		slot := h & mask
		for d.table[slot] != 0 {
			slot = (slot + 1) & mask
		}
		d.table[slot] = h>>32<<32 | uint64(id+1)
	}
}

// numbers numbers integers, or floats as ordered integers, of the range from low
// to high.
func (d *dictBuilder) numbers(keys []int64, low, high int64, entriesMax int) bool {
	if span := uint64(high) - uint64(low); span < directSpanMax && span/4 <= uint64(len(keys)) {
		return d.smallNumbers(keys, low, int(span)+1, entriesMax)
	}
	d.reset(len(keys))
	probes := 0
	for i, key := range keys {
		h := hashInt(key)
		mask := uint64(len(d.table) - 1)
		slot := h & mask
		for ; ; slot = (slot + 1) & mask {
			e := d.table[slot]
			if e == 0 {
				if len(d.first) >= entriesMax || probes > probesPerValueMax*(i+distinctCheckAt) {
					return false
				}
				d.codes = append(d.codes, uint16(len(d.first)))
				d.first = append(d.first, uint32(i))
				d.keys = append(d.keys, key)
				d.table[slot] = h>>32<<32 | uint64(len(d.first))
				if len(d.first)*2 > len(d.table) {
					d.growTable(func(id int) uint64 { return hashInt(d.keys[id]) })
				}
				break
			}
			if id := uint32(e) - 1; d.keys[id] == key {
				d.codes = append(d.codes, uint16(id))
				break
			}
			probes++
		}
		if i == distinctCheckAt && len(keys) > 2*distinctCheckAt && len(d.first) > distinctCheckAt/16*15 {
			return false
		}
	}
	return true
}

// directSpanMax is the widest range of integers that are numbered by a table with
// a place for each: 256 KiB, within an L2 cache.
const directSpanMax = 1 << 16

// smallNumbers is numbers for a narrow range; its codes are ranks at once.
func (d *dictBuilder) smallNumbers(keys []int64, low int64, span, entriesMax int) bool {
	d.reset(len(keys))
	d.places = grow(d.places, span)
	clear(d.places)
	for i := len(keys) - 1; i >= 0; i-- {
		d.places[keys[i]-low] = uint32(i + 1)
	}
	for at, first := range d.places {
		if first != 0 {
			if len(d.first) == entriesMax {
				return false
			}
			d.places[at] = uint32(len(d.first))
			d.first = append(d.first, first-1)
			d.keys = append(d.keys, low+int64(at))
		}
	}
	d.codes = d.codes[:len(keys)]
	for i, key := range keys {
		d.codes[i] = uint16(d.places[key-low])
	}
	return true
}

// textAt is text i of texts that end at ends.
func textAt(data []byte, ends []uint32, i int) []byte {
	start := uint32(0)
	if i > 0 {
		start = ends[i-1]
	}
	return data[start:ends[i]]
}

// Odd constants without structure, for the hashes below.
const (
	hashMul1 = 0x9e3779b97f4a7c15
	hashMul2 = 0xd6e8feb86659fd93
)

func hashInt(key int64) uint64 {
	hi, lo := bits.Mul64(uint64(key)^hashMul2, hashMul1)
	return hi ^ lo
}
