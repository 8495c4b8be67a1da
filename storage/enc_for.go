package storage

import (
	"errors"
	"math/bits"
)

// Frame of reference: integers in runs of 1,024, each value as a multiple of one
// scale above the smallest of its run, in the width that makes the run smallest.
// Values too large for the width stand apart and are patched in. Any row is
// reached without decoding others.
//
//	+---------------------+-----------+
//	| bitmap (8 x words)? | scale (8) |
//	+---------------------+-----------+----------------+-----------+----------+
//	| per run: smallest(8)| at (4)    | exceptions (2) | width (1) | zero (1) |
//	+---------------------+-----------+----------------+-----------+----------+
//	| per run: packed values | zeros | exceptions (8 each) | their index (2)  |
//	+------------------------+-------+---------------------+------------------+
//
// at counts from the scale. Null rows hold any value.

const forRunBytes = 16

var errRun = errors.New("a run of packed integers does not fit its data")

// appendFOR encodes values of all rows. low is the smallest of them.
func (e *encoder) appendFOR(dst []byte, s *source, values []int64, low int64) []byte {
	dst = s.appendValid(dst)
	start := len(dst)
	e.words = grow(e.words, len(values))
	subtract(e.words, values, low)
	scale := commonDivisor(e.words)
	by := divisorOf(scale)
	dst = appendWord(dst, scale)
	head := len(dst)
	dst = appendZeros(dst, forRunBytes*((len(values)+runRows-1)/runRows))
	for from := 0; from < len(values); from += runRows {
		run := e.words[from:min(from+runRows, len(values))]
		base := minWord(run)
		width, exceptions := runWidth(run, bits.Len64(rebase(run, base, by)))
		header := appendWord(dst[head:head], uint64(low)+base)
		appendRunHeader(header, runHeader{at: len(dst) - start, exceptions: exceptions, width: width})
		head += forRunBytes
		dst = appendRun(dst, run, width, exceptions)
	}
	return dst
}

func openFOR(s section, o *opened) error {
	runs := (s.rows + runRows - 1) / runRows
	if s.typ == TypeFloat64 || s.typ == TypeString || s.typ == TypeList {
		return errMismatch
	}
	if len(s.data) < 8+runs*forRunBytes {
		return errShort
	}
	r := &forReader{rows: s.rows, valid: o.valid, scale: loadWord(s.data, 0), data: s.data}
	for i := range runs {
		if _, _, ok := r.run(i); !ok {
			return errRun
		}
	}
	o.ints = r
	return nil
}

type forReader struct {
	rows  int
	valid []uint64
	scale uint64
	data  []byte
}

// run reads the header of a run; opening has done it once for each.
func (r *forReader) run(i int) (run packedRun, base uint64, ok bool) {
	header := r.data[8+i*forRunBytes:]
	run, ok = decodeRun(header[8:], r.data, min(runRows, r.rows-i*runRows))
	return run, loadWord(header, 0), ok
}

// decode writes the values of a run and returns them; null rows hold anything.
func (r *forReader) decode(i int, buf []int64) []int64 {
	run, base, _ := r.run(i)
	buf = buf[:min(runRows, r.rows-i*runRows)]
	run.unpack(buf, base, r.scale)
	return buf
}

func (r *forReader) all(buf []int64) []int64 {
	buf = grow(buf, r.rows)
	for from := 0; from < r.rows; from += runRows {
		r.decode(from/runRows, buf[from:])
	}
	zeroNulls(buf, r.valid)
	return buf
}

func (r *forReader) at(row int) int64 {
	run, base, _ := r.run(row / runRows)
	return int64(base + r.scale*run.at(row%runRows))
}

// zeroNulls puts 0 into the rows that are null.
func zeroNulls[T int64 | float64](values []T, valid []uint64) {
	for i, w := range valid {
		if w == ^uint64(0) {
			continue
		}
		for j := i * 64; j < min(i*64+64, len(values)); j++ {
			if w>>(j&63)&1 == 0 {
				values[j] = 0
			}
		}
	}
}

// lengthsReader reads the lengths of texts or lists, an EncFOR section without
// nulls, and knows where each run begins.
type lengthsReader struct {
	forReader
	starts []uint32 // sum of the lengths before each run
	total  int
}

var errLengths = errors.New("lengths are out of range")

// openLengths checks that no length is negative or more than lengthMax, that their
// sum is at most totalMax, and that null rows have none.
func openLengths(data []byte, rows int, valid []uint64, lengthMax, totalMax int) (*lengthsReader, error) {
	o := opened{rows: rows}
	if err := openFOR(section{typ: TypeInt64, enc: EncFOR, rows: rows, data: data}, &o); err != nil {
		return nil, err
	}
	r := &lengthsReader{forReader: *o.ints.(*forReader)}
	var buf [runRows]int64
	for from := 0; from < rows; from += runRows {
		r.starts = append(r.starts, uint32(r.total))
		for i, n := range r.decode(from/runRows, buf[:]) {
			if n < 0 || n > int64(lengthMax) || n > 0 && valid != nil && !bitSet(valid, from+i) {
				return nil, errLengths
			}
			r.total += int(n)
		}
		if r.total > totalMax {
			return nil, errLengths
		}
	}
	return r, nil
}

// ends writes where each text or list ends.
func (r *lengthsReader) ends(dst []uint32) []uint32 {
	dst = grow(dst, r.rows)
	var buf [runRows]int64
	end := uint32(0)
	for from := 0; from < r.rows; from += runRows {
		d := dst[from:]
		for i, n := range r.decode(from/runRows, buf[:]) {
			end += uint32(n)
			d[i] = end
		}
	}
	return dst
}

// span is where the text or list of a row begins and ends.
func (r *lengthsReader) span(row int) (from, to int) {
	var buf [runRows]int64
	lengths := r.decode(row/runRows, buf[:])
	from = int(r.starts[row/runRows])
	for _, n := range lengths[:row%runRows] {
		from += int(n)
	}
	return from, from + int(lengths[row%runRows])
}

func dumpFOR(d *dumper, s section) {
	r := forReader{rows: s.rows, scale: loadWord(s.data, 0), data: s.data}
	start, runs := d.at, (s.rows+runRows-1)/runRows
	d.field(8, "scale %d", r.scale)
	for i := range runs {
		run, base, _ := r.run(i)
		d.field(8, "run %d: smallest %d", i, int64(base))
		d.field(4, "at")
		d.field(2, "%d exceptions", len(run.where))
		d.field(1, "%d bits a value", run.width)
		d.field(1, "zero")
	}
	for i := range runs {
		run, _, _ := r.run(i)
		run.dump(d, i, min(runRows, s.rows-i*runRows))
	}
	d.skipTo(start + len(s.data))
}

// dump writes the values of a run.
func (r *packedRun) dump(d *dumper, i, n int) {
	d.field(packedBytes(n, r.width), "run %d: values", i)
	d.field(-packedBytes(n, r.width)&7, "zeros")
	if len(r.where) > 0 {
		d.field(8*len(r.patches), "run %d: exceptions %d", i, head(r.patches))
		d.field(2*len(r.where), "run %d: their index %d", i, head(r.where))
		d.field(-2*len(r.where)&7, "zeros")
	}
}
