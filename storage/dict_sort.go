package storage

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

// sortTexts puts the entries found by texts into order of their bytes and gives
// the codes their ranks.
func (d *dictBuilder) sortTexts(data []byte, ends []uint32) {
	shared := d.sharedPrefix(data, ends)
	d.pairs = grow(d.pairs, len(d.first))
	for id, i := range d.first {
		d.pairs[id] = sortPair{key: prefixKey(textAt(data, ends, int(i))[shared:]), id: uint32(id)}
	}
	slices.SortFunc(d.pairs, func(a, b sortPair) int {
		if a.key != b.key {
			return cmp.Compare(a.key, b.key)
		}
		return bytes.Compare(textAt(data, ends, int(d.first[a.id])), textAt(data, ends, int(d.first[b.id])))
	})
	d.applyRanks()
}

// sortNumbers does the same for numbers.
func (d *dictBuilder) sortNumbers() {
	d.pairs = grow(d.pairs, len(d.keys))
	for id, key := range d.keys {
		d.pairs[id] = sortPair{key: uint64(key) ^ 1<<63, id: uint32(id)}
	}
	d.spare = sortPairs(d.pairs, d.spare)
	d.applyRanks()
	for r, p := range d.pairs {
		d.keys[r] = int64(p.key ^ 1<<63)
	}
}

// applyRanks renumbers codes and first by the order of pairs.
func (d *dictBuilder) applyRanks() {
	d.rank = grow(d.rank, len(d.pairs))
	inOrder := true
	for r, p := range d.pairs {
		d.rank[p.id] = uint16(r)
		inOrder = inOrder && int(p.id) == r
	}
	if inOrder {
		return
	}
	for i, c := range d.codes {
		d.codes[i] = d.rank[c]
	}
	for r := range d.pairs {
		d.pairs[r].id = d.first[d.pairs[r].id]
	}
	for r, p := range d.pairs {
		d.first[r] = p.id
	}
}

// sharedPrefix is the length of the prefix that all entries share: names like
// host-0001 differ only after it.
func (d *dictBuilder) sharedPrefix(data []byte, ends []uint32) int {
	if len(d.first) == 0 {
		return 0
	}
	base := textAt(data, ends, int(d.first[0]))
	n := len(base)
	for _, i := range d.first[1:] {
		text := textAt(data, ends, int(i))
		n = min(n, len(text))
		for j := 0; j < n; j++ {
			if text[j] != base[j] {
				n = j
				break
			}
		}
		if n == 0 {
			break
		}
	}
	return n
}

// prefixKey is the first 8 bytes of a text as a number that orders like them.
func prefixKey(text []byte) uint64 {
	if len(text) >= 8 {
		return binary.BigEndian.Uint64(text)
	}
	var b [8]byte
	copy(b[:], text)
	return binary.BigEndian.Uint64(b[:])
}

// radixFrom is the length from which the radix sort beats comparing.
const radixFrom = 512

// sortPairs sorts by key, equal keys staying in their order, and returns the
// second array it needed, for the next time.
func sortPairs(pairs, spare []sortPair) []sortPair {
	if len(pairs) < radixFrom {
		slices.SortStableFunc(pairs, func(a, b sortPair) int { return cmp.Compare(a.key, b.key) })
		return spare
	}
	if insertFew(pairs) {
		return spare
	}
	spare = grow(spare, len(pairs))
	low, high := pairs[0].key, pairs[0].key
	for _, p := range pairs {
		low, high = min(low, p.key), max(high, p.key)
	}
	const digitBits = 11
	var counts [1 << digitBits]uint32
	from, to := pairs, spare
	for shift := 0; (high-low)>>shift != 0; shift += digitBits {
		clear(counts[:])
		for _, p := range from {
			counts[(p.key-low)>>shift&(1<<digitBits-1)]++
		}
		sum := uint32(0)
		for i, n := range counts {
			counts[i] = sum
			sum += n
		}
		for _, p := range from {
			digit := (p.key - low) >> shift & (1<<digitBits - 1)
			to[counts[digit]] = p
			counts[digit]++
		}
		from, to = to, from
		if shift+digitBits >= 64 {
			break
		}
	}
	if &from[0] != &pairs[0] {
		copy(pairs, from)
	}
	return spare
}

// insertFew sorts pairs that are nearly in order, as the rows of events are that come
// from several places at once: each goes a few steps back to its own. It gives up, and
// reports false, after one step for every second pair; equal keys then still are in
// their order.
func insertFew(pairs []sortPair) bool {
	steps := len(pairs) / 2
	for i := 1; i < len(pairs); i++ {
		p, at := pairs[i], i
		for ; at > 0 && pairs[at-1].key > p.key; at-- {
			pairs[at] = pairs[at-1]
		}
		pairs[at] = p
		if steps -= i - at; steps < 0 {
			return false
		}
	}
	return true
}
