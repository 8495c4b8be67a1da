package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// delta decodes integers stored as differences:
//
//	| varint values of a block | varint miniblocks of a block | varint count | zigzag first value | block | block ...
//	block | zigzag smallest difference | width of each miniblock, 1 byte | miniblock | miniblock ...
//
// where a miniblock holds differences minus the smallest. What is not needed of
// the last block is not there.
type delta struct {
	buf      []byte
	perMini  int
	minis    int
	left     int // values, with the first
	first    bool
	last     int64
	smallest int64
	widths   []byte // of the miniblocks to come
	packed   []byte
	width    uint
	at       int // bits into packed
	inMini   int // values left in packed
}

var errDelta = errors.New("a page of differences is damaged")

func newDelta(buf []byte) (*delta, error) {
	d := &delta{buf: buf, first: true}
	if len(buf) == 0 {
		return d, nil // a page of nulls
	}
	var head [3]uint64
	for i := range head {
		x, n := binary.Uvarint(d.buf)
		if n <= 0 {
			return nil, errDelta
		}
		head[i], d.buf = x, d.buf[n:]
	}
	block, minis, count := head[0], head[1], head[2]
	if block == 0 || block > deltaBlockMax || minis == 0 || minis > block || block%minis != 0 || block/minis%8 != 0 || count > 1<<32 {
		return nil, errDelta
	}
	d.perMini, d.minis, d.left = int(block/minis), int(minis), int(count)
	if count == 0 && len(d.buf) == 0 {
		return d, nil
	}
	var err error
	d.last, err = d.zigzag()
	return d, err
}

func (d *delta) zigzag() (int64, error) {
	x, n := binary.Varint(d.buf)
	if n <= 0 {
		return 0, errDelta
	}
	d.buf = d.buf[n:]
	return x, nil
}

// decode fills dst.
func (d *delta) decode(dst []int64) error {
	if len(dst) > d.left {
		return fmt.Errorf("a page of differences has %d values fewer than it should", len(dst)-d.left)
	}
	d.left -= len(dst)
	if d.first && len(dst) > 0 {
		dst[0] = d.last
		dst, d.first = dst[1:], false
	}
	for len(dst) > 0 {
		if d.inMini == 0 {
			if err := d.nextMini(); err != nil {
				return err
			}
			continue
		}
		n := min(d.inMini, len(dst))
		for i := range dst[:n] {
			d.last += d.smallest + int64(d.bits())
			dst[i] = d.last
		}
		d.inMini -= n
		dst = dst[n:]
	}
	return nil
}

// bits returns the next packed difference.
func (d *delta) bits() uint64 {
	if d.width == 0 {
		return 0
	}
	x := bitsAt(d.packed, d.at)
	if got := uint(64 - d.at&7); d.width > got { // it takes part of a ninth byte
		x |= uint64(d.packed[d.at>>3+8]) << got
	}
	d.at += int(d.width)
	if d.width == 64 {
		return x
	}
	return x & (1<<d.width - 1)
}

func (d *delta) nextMini() error {
	if len(d.widths) == 0 {
		var err error
		if d.smallest, err = d.zigzag(); err != nil {
			return err
		}
		if len(d.buf) < d.minis {
			return errDelta
		}
		d.widths, d.buf = d.buf[:d.minis], d.buf[d.minis:]
	}
	d.width, d.widths = uint(d.widths[0]), d.widths[1:]
	size := d.perMini / 8 * int(d.width)
	if d.width > 64 || len(d.buf) < size {
		return errDelta
	}
	d.packed, d.buf = d.buf[:size], d.buf[size:]
	d.at, d.inMini = 0, d.perMini
	return nil
}

// lengths decodes all values, which must be lengths, and returns what follows
// them.
func (d *delta) lengths() (lengths []int64, rest []byte, err error) {
	if d.left > deltaLengthsMax || d.left > len(d.buf)*deltaBlockMax+1 {
		return nil, nil, fmt.Errorf("a page says it has %d texts; the limit is %d", d.left, deltaLengthsMax)
	}
	lengths = make([]int64, d.left)
	if err := d.decode(lengths); err != nil {
		return nil, nil, err
	}
	for i, n := range lengths {
		// 32-bit arithmetic is what writers use: the sum may wrap.
		if lengths[i] = int64(int32(n)); lengths[i] < 0 {
			return nil, nil, errDelta
		}
	}
	return lengths, d.buf, nil
}
