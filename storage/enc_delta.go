package storage

import (
	"math/bits"
	"slices"
	"sort"
)

// Delta: integers that never fall, such as the times of a full block, in runs of
// 1,024. Each run keeps its first value and the differences, as multiples of one
// scale above the smallest difference of the run, packed like EncFOR's values.
// A row is reached by decoding its run.
//
//	+-----------+
//	| scale (8) |
//	+-----------+-------------------+--------+----------------+-----------+----------+
//	| per run: first (8) | least (8)| at (4) | exceptions (2) | width (1) | zero (1) |
//	+--------------------+----------+--------+----------------+-----------+----------+
//	| per run: packed differences, one less than values | zeros | exceptions ...     |
//	+---------------------------------------------------+-------+--------------------+
//
// at counts from the scale; least is in units of the scale.

const deltaRunBytes = 24

// appendDelta encodes values of all rows, which are ascending; none is null.
func (e *encoder) appendDelta(dst []byte, values []int64) []byte {
	start := len(dst)
	e.words = grow(e.words, len(values))
	last := values[0]
	for i, v := range values {
		e.words[i] = uint64(v) - uint64(last)
		last = v
	}
	scale := commonDivisor(e.words)
	by := divisorOf(scale)
	dst = appendWord(dst, scale)
	head := len(dst)
	dst = appendZeros(dst, deltaRunBytes*((len(values)+runRows-1)/runRows))
	for from := 0; from < len(values); from += runRows {
		run := e.words[from+1 : min(from+runRows, len(values))]
		base := uint64(0)
		if len(run) > 0 {
			base = minWord(run)
		}
		least := by.quotient(base)
		width, exceptions := runWidth(run, bits.Len64(rebase(run, base, by)))
		header := appendWord(dst[head:head], uint64(values[from]))
		header = appendWord(header, least)
		appendRunHeader(header, runHeader{at: len(dst) - start, exceptions: exceptions, width: width})
		head += deltaRunBytes
		dst = appendRun(dst, run, width, exceptions)
	}
	return dst
}

func openDelta(s section, o *opened) error {
	runs := (s.rows + runRows - 1) / runRows
	if s.typ == TypeFloat64 || s.typ == TypeString || s.typ == TypeList || s.nulls > 0 {
		return errMismatch
	}
	if len(s.data) < 8+runs*deltaRunBytes {
		return errShort
	}
	r := &deltaReader{rows: s.rows, scale: loadWord(s.data, 0), data: s.data}
	for i := range runs {
		if _, ok := r.run(i); !ok {
			return errRun
		}
	}
	o.ints = r
	return nil
}

type deltaReader struct {
	rows  int
	scale uint64
	data  []byte
}

// run reads the differences of a run; opening has done it once for each.
func (r *deltaReader) run(i int) (packedRun, bool) {
	return decodeRun(r.data[8+i*deltaRunBytes+16:], r.data, min(runRows, r.rows-i*runRows)-1)
}

func (r *deltaReader) all(buf []int64) []int64 {
	buf = grow(buf, r.rows)
	for from := 0; from < r.rows; from += runRows {
		r.decode(from/runRows, buf[from:min(from+runRows, r.rows)])
	}
	return buf
}

// decode writes the values of a run.
func (r *deltaReader) decode(i int, dst []int64) {
	run, _ := r.run(i)
	header := r.data[8+i*deltaRunBytes:]
	run.unpack(dst[1:], loadWord(header, 8)*r.scale, r.scale)
	sum := int64(loadWord(header, 0))
	dst[0] = sum
	for j, d := range dst[1:] {
		sum += d
		dst[j+1] = sum
	}
}

func (r *deltaReader) at(row int) int64 {
	var values [runRows]int64
	i := row / runRows
	r.decode(i, values[:min(runRows, r.rows-i*runRows)])
	return values[row%runRows]
}

// below returns how many values are below x: as they never fall, the first ones. Only
// the run that x lies in is decoded.
func (r *deltaReader) below(x int64) int {
	runs := (r.rows + runRows - 1) / runRows
	i := sort.Search(runs, func(i int) bool { return int64(loadWord(r.data[8+i*deltaRunBytes:], 0)) >= x }) - 1
	if i < 0 {
		return 0
	}
	var values [runRows]int64
	run := values[:min(runRows, r.rows-i*runRows)]
	r.decode(i, run)
	n, _ := slices.BinarySearch(run, x)
	return i*runRows + n
}

func dumpDelta(d *dumper, s section) {
	r := deltaReader{rows: s.rows, scale: loadWord(s.data, 0), data: s.data}
	runs := (s.rows + runRows - 1) / runRows
	d.field(8, "scale %d", r.scale)
	for i := range runs {
		header := s.data[8+i*deltaRunBytes:]
		run, _ := r.run(i)
		d.field(8, "run %d: first %d", i, int64(loadWord(header, 0)))
		d.field(8, "least difference %d", loadWord(header, 8))
		d.field(4, "at")
		d.field(2, "%d exceptions", len(run.where))
		d.field(1, "%d bits a value", run.width)
		d.field(1, "zero")
	}
	for i := range runs {
		run, _ := r.run(i)
		run.dump(d, i, min(runRows, s.rows-i*runRows)-1)
	}
}
