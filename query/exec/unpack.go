package exec

import (
	"encoding/binary"

	"github.com/kelpdb/kelp/storage"
)

// unpackBytes returns codes of at most 8 bits as bytes, in dst where they have to
// be spread; dst has room for all rows. Eight codes at a time are pulled apart
// within one register: each step doubles the distance between halves.
func unpackBytes(dst []uint8, c storage.Codes) []uint8 {
	var spread func(dst []uint8, packed []byte, groups int)
	switch c.Width {
	case 1:
		spread = spread1Plain
	case 2:
		spread = spread2
	case 4:
		spread = spread4
	default:
		return c.Unpack8(dst)
	}
	groups := c.Rows / 8
	spread(dst[:groups*8], c.Packed, groups)
	for row := groups * 8; row < c.Rows; row++ {
		dst[row] = uint8(c.At(row))
	}
	return dst[:c.Rows]
}

func spread4Plain(dst []uint8, packed []byte, groups int) {
	packed = packed[:groups*4]
	for len(packed) >= 4 && len(dst) >= 8 {
		w := uint64(binary.LittleEndian.Uint32(packed))
		w = (w | w<<16) & 0x0000_ffff_0000_ffff
		w = (w | w<<8) & 0x00ff_00ff_00ff_00ff
		w = (w | w<<4) & 0x0f0f_0f0f_0f0f_0f0f
		binary.LittleEndian.PutUint64(dst, w)
		packed, dst = packed[4:], dst[8:]
	}
}

func spread2Plain(dst []uint8, packed []byte, groups int) {
	packed = packed[:groups*2]
	for len(packed) >= 2 && len(dst) >= 8 {
		w := uint64(binary.LittleEndian.Uint16(packed))
		w = (w | w<<24) & 0x0000_00ff_0000_00ff
		w = (w | w<<12) & 0x000f_000f_000f_000f
		w = (w | w<<6) & 0x0303_0303_0303_0303
		binary.LittleEndian.PutUint64(dst, w)
		packed, dst = packed[2:], dst[8:]
	}
}

func spread1Plain(dst []uint8, packed []byte, groups int) {
	packed = packed[:groups]
	for _, b := range packed {
		if len(dst) < 8 {
			return
		}
		w := uint64(b)
		w = (w | w<<28) & 0x0000_000f_0000_000f
		w = (w | w<<14) & 0x0003_0003_0003_0003
		w = (w | w<<7) & 0x0101_0101_0101_0101
		binary.LittleEndian.PutUint64(dst, w)
		dst = dst[8:]
	}
}

// maskBits sets dst to the rows whose code of 1 bit passes.
func maskBits(dst bitmap, c storage.Codes, zero, one bool) {
	switch {
	case zero && one:
		dst.setAll(c.Rows)
		return
	case !zero && !one:
		dst.clear()
		return
	}
	flip := uint64(0)
	if zero {
		flip = ^uint64(0)
	}
	whole := c.Rows >> 6
	for w := range dst[:whole] {
		dst[w] = binary.LittleEndian.Uint64(c.Packed[w*8:]) ^ flip
	}
	if tail := c.Rows & 63; tail != 0 {
		var last [8]byte
		copy(last[:], c.Packed[whole*8:])
		dst[whole] = (binary.LittleEndian.Uint64(last[:]) ^ flip) & (1<<tail - 1)
	}
}
