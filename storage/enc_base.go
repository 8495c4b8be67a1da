package storage

import (
	"encoding/binary"
	"errors"
	"slices"
)

// A base column is a dictionary (enc_dict.go) of which nearly all rows have one
// code, the base: a value, or null. It differs in two places: the zero of the
// header is the base, and instead of all codes stand those of the other rows.
//
//	+----------+----------+--------------+-------+--------------------+
//	| rows (4) | zero (4) | row (2) each | zeros | packed codes       |
//	+----------+----------+--------------+-------+--------------------+
//
// Rows ascend, and the codes are in their order. Entries, counts and weights are
// as of any dictionary, so headers answer the same questions.

const (
	baseHeaderBytes = 8

	// baseRatio is how rare other codes must be: up to here rows that are set one
	// by one cost no more than a pass over codes of 2 bits or more.
	baseRatio = 32

	// baseSaving is how many times smaller the codes must become. Codes of one
	// bit are the cheapest there are to filter: they stay unless one row in 70 or
	// fewer differs.
	baseSaving = 4
)

// worthBase tells whether codes of width bits, all but rare of them the same,
// should be kept as a base.
func worthBase(rows, rare, width int) bool {
	return rows >= statsRowsMin && rare*baseRatio <= rows && rareBytes(rare, width)*baseSaving <= packedBytes(rows, width)
}

// rareBytes is what a number of rows and their codes take.
func rareBytes(rare, width int) int {
	return baseHeaderBytes + (2*rare+7)&^7 + packedBytes(rare, width)
}

// commonest returns the code with the most rows, and the number of all others.
func commonest(counts []uint32) (code, others int) {
	for c, n := range counts {
		others += int(n)
		if n > counts[code] {
			code = c
		}
	}
	return code, others - int(counts[code])
}

// appendRare appends the rows whose code is not base, and their codes.
func (e *encoder) appendRare(dst []byte, rowCodes []uint16, base, rare, width int) []byte {
	dst = appendUint32(dst, uint32(rare))
	dst = appendUint32(dst, 0)
	codes := make([]uint16, 0, rare)
	for row, code := range rowCodes {
		if int(code) != base {
			dst = appendUint16(dst, uint16(row))
			codes = append(codes, code)
		}
	}
	return appendPacked(padTo(dst, 8), codes, width)
}

var errRare = errors.New("rows that are not the base do not fit")

func openBase(s section, o *opened) error {
	r, body, err := s.entries()
	if err != nil {
		return err
	}
	if len(body) < baseHeaderBytes {
		return errShort
	}
	n := int(binary.LittleEndian.Uint32(body))
	switch {
	case n < 1 || n >= s.rows:
		return errRare
	case len(body) != rareBytes(n, r.width):
		return errShort
	}
	r.rare = viewUint16(body[baseHeaderBytes:], n)
	if !ascendBelow(r.rare, s.rows) {
		return errRare
	}
	r.packed = body[baseHeaderBytes+(2*n+7)&^7:]
	return o.setCodes(r)
}

// ascendBelow tells whether row numbers ascend and are below rows.
func ascendBelow(numbers []uint16, rows int) bool {
	last := -1
	for _, row := range numbers {
		if int(row) <= last {
			return false
		}
		last = int(row)
	}
	return last < rows
}

// code returns the code of a row.
func (r *codesReader) code(row int) int {
	if r.rare == nil {
		return codeAt(r.packed, r.width, row)
	}
	if i, ok := slices.BinarySearch(r.rare, uint16(row)); ok {
		return codeAt(r.packed, r.width, i)
	}
	return r.base
}

// setValid sets the bits of the rows that are not null in valid, which is clear.
func (r *codesReader) setValid(valid []uint64) {
	if r.rare == nil {
		for row := range r.rows {
			if codeAt(r.packed, r.width, row) < r.entries {
				valid[row>>6] |= 1 << (row & 63)
			}
		}
		return
	}
	if r.base < r.entries {
		fillWith(valid, ^uint64(0))
		if tail := r.rows & 63; tail != 0 {
			valid[len(valid)-1] = 1<<tail - 1
		}
	}
	for i, row := range r.rare {
		bit := uint64(1) << (row & 63)
		if codeAt(r.packed, r.width, i) < r.entries {
			valid[row>>6] |= bit
		} else {
			valid[row>>6] &^= bit
		}
	}
}

// spreadRare writes the base to all of dst, and to the rare rows the code of each.
func spreadRare[T uint8 | uint16](dst []T, c Codes) {
	fillWith(dst, T(c.Base))
	switch c.rareWidth {
	case 16:
		for i, code := range viewUint16(c.rare, len(c.Rare)) {
			dst[c.Rare[i]] = T(code)
		}
	case 8:
		for i, code := range c.rare[:len(c.Rare)] {
			dst[c.Rare[i]] = T(code)
		}
	case 0:
		for _, row := range c.Rare {
			dst[row] = 0
		}
	default:
		width, mask := c.rareWidth, byte(1)<<c.rareWidth-1
		for i, row := range c.Rare {
			bit := i * width
			dst[row] = T(c.rare[bit>>3] >> (bit & 7) & mask)
		}
	}
}

// fillWith sets all of dst to x, at the speed of copying.
func fillWith[T any](dst []T, x T) {
	const first = 64
	for i := range dst[:min(first, len(dst))] {
		dst[i] = x
	}
	for n := first; n < len(dst); n *= 2 {
		copy(dst[n:], dst[:n])
	}
}

func dumpBase(d *dumper, s section) {
	var o opened
	if err := openBase(s, &o); err != nil {
		d.note("damaged: %v", err)
		return
	}
	r := o.codes
	if s.front == nil {
		dumpFront(d, s.enc, r, false)
	}
	d.field(4, "%d rows", len(r.rare))
	d.field(4, "zero")
	d.field(2*len(r.rare), "rows %d", head(r.rare))
	d.field(-2*len(r.rare)&7, "zeros")
	d.field(len(r.packed), "their codes")
}
