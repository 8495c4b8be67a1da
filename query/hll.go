package query

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// distinct counts the distinct hashes it is shown: exactly up to distinctFewMax,
// then by HyperLogLog with 2^14 registers, standard error 0.81%. Its state is a
// function of the set of hashes alone, so neither order nor merging shows.
type distinct struct {
	few       wordSet
	registers []uint8 // nil while there are few
}

const (
	hllBits      = 14
	hllRegisters = 1 << hllBits
	hllRankMax   = 64 - hllBits + 1

	// distinctFewMax hashes take as much memory as the registers.
	distinctFewMax = 1024
)

func (d *distinct) add(hash uint64) {
	if d.registers != nil {
		d.addRegister(hash)
		return
	}
	d.few.add(hash)
	if d.few.len() > distinctFewMax {
		d.becomeRegisters()
	}
}

func (d *distinct) becomeRegisters() {
	d.registers = make([]uint8, hllRegisters)
	d.few.each(d.addRegister)
	d.few = wordSet{}
}

// addRegister: the first bits of a hash choose a register, which keeps the
// largest rank.
func (d *distinct) addRegister(hash uint64) {
	r := &d.registers[hash>>(64-hllBits)]
	*r = max(*r, hllRank(hash))
}

// hllRank is the number of leading zeros behind the bits that choose a register,
// plus 1.
func hllRank(hash uint64) uint8 {
	return uint8(bits.LeadingZeros64(hash<<hllBits|1<<(hllBits-1))) + 1
}

func (d *distinct) merge(src *distinct) {
	if src.registers == nil {
		src.few.each(d.add)
		return
	}
	if d.registers == nil {
		d.becomeRegisters()
	}
	for i, r := range src.registers {
		d.registers[i] = max(d.registers[i], r)
	}
}

// count is the number of distinct hashes, about.
func (d *distinct) count() int64 {
	if d.registers == nil {
		return int64(d.few.len())
	}
	var ranks [hllRankMax + 1]int
	for _, r := range d.registers {
		ranks[r]++
	}
	return int64(math.Round(hllEstimate(&ranks)))
}

// hllEstimate is the improved raw estimator of O. Ertl, "New cardinality
// estimation algorithms for HyperLogLog sketches" (2017), algorithm 6: without
// bias over the whole range, and without tables. ranks[k] is the number of
// registers that hold k.
func hllEstimate(ranks *[hllRankMax + 1]int) float64 {
	const m = float64(hllRegisters)
	z := m * hllTau(1-float64(ranks[hllRankMax])/m)
	for k := hllRankMax - 1; k >= 1; k-- {
		z = 0.5 * (z + float64(ranks[k]))
	}
	z += m * hllSigma(float64(ranks[0])/m)
	return m * m / (2 * math.Ln2 * z)
}

// hllSigma is x + Σ x^(2^k)·2^(k-1) over k ≥ 1.
func hllSigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for {
		x *= x
		before := z
		z += x * y
		y += y
		if z == before {
			return z
		}
	}
}

// hllTau is (1 - x - Σ (1 - x^(2^-k))²·2^-k) / 3 over k ≥ 1.
func hllTau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for {
		x = math.Sqrt(x)
		before := z
		y *= 0.5
		z -= (1 - x) * (1 - x) * y
		if z == before {
			return z / 3
		}
	}
}

func (d *distinct) bytes() int { return d.few.bytes() + cap(d.registers) }

// The first byte of an encoded set of hashes.
const (
	distinctIsFew       = 0 // the hashes follow, ascending, 8 bytes each, big-endian
	distinctIsRegisters = 1 // the registers follow, 6 bits each, 4 in 3 bytes
)

const hllPackedBytes = hllRegisters / 4 * 3

func appendDistinct(dst []byte, d *distinct) []byte {
	if d.registers == nil {
		dst = append(dst, distinctIsFew)
		for _, h := range d.few.sorted() {
			dst = binary.BigEndian.AppendUint64(dst, h)
		}
		return dst
	}
	dst = append(dst, distinctIsRegisters)
	for i := 0; i < hllRegisters; i += 4 {
		r := d.registers[i : i+4]
		word := uint32(r[0])<<18 | uint32(r[1])<<12 | uint32(r[2])<<6 | uint32(r[3])
		dst = append(dst, byte(word>>16), byte(word>>8), byte(word))
	}
	return dst
}

// decodeDistinct reads what appendDistinct wrote; false if it cannot have.
func decodeDistinct(src string) (distinct, bool) {
	var d distinct
	if src == "" {
		return d, false
	}
	kind, body := src[0], []byte(src[1:])
	switch {
	case kind == distinctIsFew && len(body)%8 == 0 && len(body)/8 <= distinctFewMax:
		last := uint64(0)
		for i := 0; i < len(body); i += 8 {
			h := binary.BigEndian.Uint64(body[i:])
			if i > 0 && h <= last {
				return d, false
			}
			d.few.add(h)
			last = h
		}
		return d, true
	case kind == distinctIsRegisters && len(body) == hllPackedBytes:
		d.registers = make([]uint8, hllRegisters)
		for i := range d.registers {
			at := i / 4 * 3
			word := uint32(body[at])<<16 | uint32(body[at+1])<<8 | uint32(body[at+2])
			r := uint8(word >> (18 - 6*(i%4)) & 63)
			if r > hllRankMax {
				return d, false
			}
			d.registers[i] = r
		}
		return d, true
	}
	return d, false
}
