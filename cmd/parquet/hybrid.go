package parquet

import (
	"encoding/binary"
	"errors"
)

// hybrid decodes runs of small numbers: levels, indices, bools.
//
//	run     | varint 2n | the value, in as few bytes as width needs |                     n times the value
//	packed  | varint 2g+1 | 8g values of width bits, lowest bits first |
type hybrid struct {
	buf    []byte // behind the run being read
	width  uint
	run    int // left of a run
	value  uint32
	packed []byte // of packed values
	at     int    // bits into packed
	left   int    // packed values left
}

var errRunsShort = errors.New("a page's levels, indices or bools end before its values do")

func newHybrid(buf []byte, width uint) hybrid { return hybrid{buf: buf, width: width} }

// decodeHybrid fills dst.
func decodeHybrid[T uint8 | uint32 | int64](h *hybrid, dst []T) error {
	for len(dst) > 0 {
		n := 0
		switch {
		case h.run > 0:
			n = min(h.run, len(dst))
			for i := range dst[:n] {
				dst[i] = T(h.value)
			}
			h.run -= n
		case h.left > 0:
			n = min(h.left, len(dst))
			mask := uint64(1)<<h.width - 1
			for i := range dst[:n] {
				dst[i] = T(bitsAt(h.packed, h.at) & mask)
				h.at += int(h.width)
			}
			h.left -= n
		default:
			if err := h.next(); err != nil {
				return err
			}
		}
		dst = dst[n:]
	}
	return nil
}

// next reads what stands before a run. Some writers leave out the padding of
// the last packed one.
func (h *hybrid) next() error {
	head, n := binary.Uvarint(h.buf)
	if n <= 0 || head>>1 > 1<<32 {
		return errRunsShort
	}
	h.buf = h.buf[n:]
	count := int(head >> 1)
	if head&1 == 0 {
		width := int(h.width+7) / 8
		if len(h.buf) < width {
			return errRunsShort
		}
		h.value = 0
		for i := range width {
			h.value |= uint32(h.buf[i]) << (8 * i)
		}
		h.buf = h.buf[width:]
		h.run = count
		return nil
	}
	size := min(count*int(h.width), len(h.buf))
	h.packed, h.at, h.left = h.buf[:size], 0, 8*count
	if h.width > 0 {
		h.left = min(8*count, 8*size/int(h.width))
	}
	h.buf = h.buf[size:]
	return nil
}

// bitsAt returns the bits from a bit on: at least 57, as far as there are any.
func bitsAt(b []byte, at int) uint64 {
	i := at >> 3
	if i+8 <= len(b) {
		return binary.LittleEndian.Uint64(b[i:]) >> (at & 7)
	}
	x := uint64(0)
	for k := len(b) - 1; k >= i; k-- {
		x = x<<8 | uint64(b[k])
	}
	return x >> (at & 7)
}
