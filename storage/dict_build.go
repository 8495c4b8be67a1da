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
	codes []uint16 // of each value; in order of first occurrence, then by rank
	first []uint32 // index of the first value with each code
	keys  []int64  // of numbers: the entry of each code
	table []uint64 // open addressing: high half of the hash, code + 1; 0: free
	pairs []sortPair
	spare []sortPair
	rank  []uint16
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
// is undefined.
func grow[T any](s []T, n int) []T {
	if cap(s) >= n {
		return s[:n]
	}
	return make([]T, n, n+n/4)
}

// texts numbers the texts that end at ends. It reports false, as soon as it is
// known, if there are more than entriesMax.
func (d *dictBuilder) texts(data []byte, ends []uint32, entriesMax int) bool {
	d.reset(len(ends))
	probes, start := 0, uint32(0)
	var last []byte
	lastCode := uint16(0)
	for i, end := range ends {
		text := data[start:end]
		start = end
		if i > 0 && bytes.Equal(text, last) {
			d.codes = append(d.codes, lastCode)
			continue
		}
		last = text
		h := hashText(text)
		mask := uint64(len(d.table) - 1)
		slot := h & mask
		for ; ; slot = (slot + 1) & mask {
			probes++
			e := d.table[slot]
			if e == 0 {
				if len(d.first) >= entriesMax || probes > probesPerValueMax*(i+distinctCheckAt) {
					return false
				}
				lastCode = uint16(len(d.first))
				d.first = append(d.first, uint32(i))
				d.table[slot] = h>>32<<32 | uint64(len(d.first))
				if len(d.first)*2 > len(d.table) {
					d.growTexts(data, ends)
				}
				break
			}
			if e>>32 == h>>32 {
				id := uint32(e) - 1
				if bytes.Equal(text, textAt(data, ends, int(d.first[id]))) {
					lastCode = uint16(id)
					break
				}
			}
		}
		d.codes = append(d.codes, lastCode)
		if i == distinctCheckAt && len(ends) > 2*distinctCheckAt && len(d.first) > distinctCheckAt/16*15 {
			return false
		}
	}
	return true
}

func (d *dictBuilder) growTexts(data []byte, ends []uint32) {
	d.growTable(func(id int) uint64 { return hashText(textAt(data, ends, int(d.first[id]))) })
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

// numbers numbers integers, or floats as ordered integers.
func (d *dictBuilder) numbers(keys []int64, entriesMax int) bool {
	d.reset(len(keys))
	probes := 0
	last, lastCode := int64(0), uint16(0)
	for i, key := range keys {
		if i > 0 && key == last {
			d.codes = append(d.codes, lastCode)
			continue
		}
		last = key
		h := hashInt(key)
		mask := uint64(len(d.table) - 1)
		slot := h & mask
		for ; ; slot = (slot + 1) & mask {
			probes++
			e := d.table[slot]
			if e == 0 {
				if len(d.first) >= entriesMax || probes > probesPerValueMax*(i+distinctCheckAt) {
					return false
				}
				lastCode = uint16(len(d.first))
				d.first = append(d.first, uint32(i))
				d.keys = append(d.keys, key)
				d.table[slot] = h>>32<<32 | uint64(len(d.first))
				if len(d.first)*2 > len(d.table) {
					d.growTable(func(id int) uint64 { return hashInt(d.keys[id]) })
				}
				break
			}
			if id := uint32(e) - 1; d.keys[id] == key {
				lastCode = uint16(id)
				break
			}
		}
		d.codes = append(d.codes, lastCode)
		if i == distinctCheckAt && len(keys) > 2*distinctCheckAt && len(d.first) > distinctCheckAt/16*15 {
			return false
		}
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

// hashText reads texts of up to 16 bytes with two overlapping loads and one
// multiplication; longer ones go to xxh3.
func hashText(b []byte) uint64 {
	n := len(b)
	var lo, hi uint64
	switch {
	case n > 16:
		return xxh3.Hash(b)
	case n >= 8:
		lo = binary.LittleEndian.Uint64(b)
		hi = binary.LittleEndian.Uint64(b[n-8:])
	case n >= 4:
		lo = uint64(binary.LittleEndian.Uint32(b))
		hi = uint64(binary.LittleEndian.Uint32(b[n-4:]))
	case n > 0:
		lo = uint64(b[0]) | uint64(b[n/2])<<8 | uint64(b[n-1])<<16
	}
	h, l := bits.Mul64(lo^hashMul1^uint64(n), hi^hashMul2)
	return (h ^ l) * hashMul1
}
