package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sort"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Compressed text: the lengths as EncFOR, and the texts in zstd frames of some
// tens of KiB, so that a few rows do not unpack all.
//
//	+---------------------+--------------+------------+---------------+----------+
//	| bitmap (8 x words)? | raw size (4) | frames (4) | length of (4) | zero (4) |
//	+---------------------+--------------+------------+ lengths ------+----------+
//	| per frame: first row (4) | at (4) | compressed size (4) | raw size (4)     |
//	+--------------------------+--------+---------------------+------------------+
//	| lengths of the texts (EncFOR, no nulls)   | frame | zeros | frame | zeros  |
//	+-------------------------------------------+-------+-------+-------+--------+
//
// at counts from the raw size. A frame that shrinks by more than 1,024 times is
// followed by zeros until it does not, so that what a reader must allocate is
// bounded by what it was given.

const (
	zstdHeaderBytes = 16
	zstdFrameBytes  = 16

	// frameTextMin closes a frame. Of messages, twice as much saves 2% of bytes and
	// half as much costs 5%; 32 KiB decode in about 25 us.
	frameTextMin = 32 << 10

	// zstdRatioMax is the most bytes of text that a byte of a column may stand for.
	zstdRatioMax = 1 << 10

	// zstdTextMin is the least text worth compressing.
	zstdTextMin = 1 << 10
)

// Pools of compressors: each holds tables of a megabyte that are costly to make.
// They hold nothing that can be observed.
var (
	zstdEncoders = sync.Pool{New: func() any {
		z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
			zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true), zstd.WithWindowSize(128<<10),
			// Hexadecimal ids have no repeats, but their letters take 4 bits.
			zstd.WithAllLitEntropyCompression(true))
		if err != nil {
			panic("BUG: " + err.Error())
		}
		return z
	}}
	zstdDecoders = sync.Pool{New: func() any {
		z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecodeAllCapLimit(true), zstd.WithDecoderMaxMemory(frameRawMax))
		if err != nil {
			panic("BUG: " + err.Error())
		}
		return z
	}}
)

// frameRawMax is the most text in a frame: it is closed by the text that passes
// frameTextMin.
const frameRawMax = frameTextMin + ValueBytesMax

// appendZstd encodes the texts of all rows.
func (e *encoder) appendZstd(dst []byte, s *source) []byte {
	dst = s.appendValid(dst)
	start := len(dst)
	inverse := s.valueOfRow(e)
	e.lengths = grow(e.lengths, s.rows)
	frames, raw, size := 0, 0, 0
	for row := range s.rows {
		n := len(s.textOfRow(inverse, row))
		e.lengths[row] = int64(n)
		raw += n
		if size += n; size >= frameTextMin || row == s.rows-1 {
			frames++
			size = 0
		}
	}
	dst = appendUint32(dst, uint32(raw))
	dst = appendUint32(dst, uint32(frames))
	dst = appendWord(dst, 0)
	table := len(dst)
	dst = appendZeros(dst, frames*zstdFrameBytes)
	lengthsAt := len(dst)
	lengths := source{n: s.rows, rows: s.rows, part: true}
	dst = e.appendFOR(dst, &lengths, e.lengths, lowest(e.lengths))
	binary.LittleEndian.PutUint32(dst[start+8:], uint32(len(dst)-lengthsAt))

	z := zstdEncoders.Get().(*zstd.Encoder)
	defer zstdEncoders.Put(z)
	e.raw = e.raw[:0]
	first := 0
	for row := range s.rows {
		e.raw = append(e.raw, s.textOfRow(inverse, row)...)
		if len(e.raw) < frameTextMin && row < s.rows-1 {
			continue
		}
		at := len(dst)
		dst = z.EncodeAll(e.raw, dst)
		entry := appendUint32(dst[table:table], uint32(first))
		entry = appendUint32(entry, uint32(at-start))
		entry = appendUint32(entry, uint32(len(dst)-at))
		appendUint32(entry, uint32(len(e.raw)))
		table += zstdFrameBytes
		if least := (len(e.raw) + zstdRatioMax - 1) / zstdRatioMax; len(dst)-at < least {
			dst = appendZeros(dst, least-(len(dst)-at))
		}
		first, e.raw = row+1, e.raw[:0]
	}
	return dst
}

func lowest(values []int64) int64 {
	low := values[0]
	for _, v := range values {
		low = min(low, v)
	}
	return low
}

var errFrame = errors.New("a frame of compressed text does not fit its data")

func openZstd(s section, o *opened) error {
	if len(s.data) < zstdHeaderBytes {
		return errShort
	}
	u32 := func(at int) int { return int(binary.LittleEndian.Uint32(s.data[at:])) }
	r := &zstdReader{rows: s.rows, raw: u32(0)}
	frames, lengthsSize := u32(4), u32(8)
	lengthsAt := zstdHeaderBytes + frames*zstdFrameBytes
	if frames < 1 || frames > s.rows || r.raw > BlockTextMax || lengthsAt+lengthsSize > len(s.data) {
		return errFrame
	}
	var err error
	if r.lengths, err = openLengths(s.data[lengthsAt:lengthsAt+lengthsSize], s.rows, o.valid, ValueBytesMax, r.raw); err != nil {
		return fmt.Errorf("lengths of texts: %w", err)
	}
	r.frames = make([]zstdFrame, frames)
	low, raw := lengthsAt+lengthsSize, 0
	for i := range r.frames {
		at := zstdHeaderBytes + i*zstdFrameBytes
		f := zstdFrame{first: u32(at), raw: u32(at + 12)}
		from, size, space := u32(at+4), u32(at+8), 0
		if f.raw > frameRawMax || from < low || from+size > len(s.data) || i == 0 && f.first != 0 || f.first >= s.rows ||
			i > 0 && f.first <= r.frames[i-1].first {
			return errFrame
		}
		if space = len(s.data) - from; i < frames-1 {
			space = u32(at+zstdFrameBytes+4) - from
		}
		if space < size || f.raw > space*zstdRatioMax {
			return errFrame
		}
		f.data = s.data[from : from+size]
		low = from + space
		raw += f.raw
		r.frames[i] = f
	}
	if raw != r.raw || r.lengths.total != raw {
		return errFrame
	}
	for i := range r.frames {
		f := &r.frames[i]
		f.start, _ = r.lengths.span(f.first)
		if i > 0 && f.start != r.frames[i-1].start+r.frames[i-1].raw {
			return errFrame
		}
	}
	o.text = r
	return nil
}

type zstdFrame struct {
	first int // row
	start int // of the text of the frame in the text of all rows
	raw   int // bytes of text
	data  []byte
}

type zstdReader struct {
	rows    int
	raw     int
	lengths *lengthsReader
	frames  []zstdFrame
}

// frameEnd is the row after the last of frame i.
func (r *zstdReader) frameEnd(i int) int {
	if i+1 < len(r.frames) {
		return r.frames[i+1].first
	}
	return r.rows
}

func (r *zstdReader) all(sel []uint64, buf *TextBuf) (Text, error) {
	buf.ends = r.lengths.ends(buf.ends)
	buf.bytes = buf.bytes[:0]
	if sel == nil {
		buf.bytes = grow(buf.bytes, r.raw)[:0]
	}
	z := zstdDecoders.Get().(*zstd.Decoder)
	defer zstdDecoders.Put(z)
	for i := range r.frames {
		f := &r.frames[i]
		if sel != nil && !anyIn(sel, f.first, r.frameEnd(i)) {
			continue
		}
		var err error
		if buf.bytes, err = f.decode(z, buf.bytes); err != nil {
			return Text{}, err
		}
	}
	if len(buf.bytes) < r.raw {
		r.closeGaps(sel, buf.ends)
	}
	return Text{Bytes: buf.bytes, Ends: buf.ends}, nil
}

// closeGaps makes the texts of frames without a selected row empty.
func (r *zstdReader) closeGaps(sel []uint64, ends []uint32) {
	gap := uint32(0)
	for i := range r.frames {
		f := &r.frames[i]
		rows := ends[f.first:r.frameEnd(i)]
		if anyIn(sel, f.first, r.frameEnd(i)) {
			for j := range rows {
				rows[j] -= gap
			}
			continue
		}
		for j := range rows {
			rows[j] = uint32(f.start) - gap
		}
		gap += uint32(f.raw)
	}
}

// decode appends the text of a frame.
func (f *zstdFrame) decode(z *zstd.Decoder, dst []byte) ([]byte, error) {
	at := len(dst)
	if cap(dst)-at < f.raw {
		dst = append(make([]byte, 0, at+f.raw+(at+f.raw)/4), dst...)
	}
	text, err := z.DecodeAll(f.data, dst[at:at:at+f.raw])
	if err != nil {
		return nil, err
	}
	if len(text) != f.raw {
		return nil, errFrame
	}
	return dst[:at+f.raw], nil
}

// appendAt decodes the frame of the row.
func (r *zstdReader) appendAt(dst []byte, row int) ([]byte, error) {
	i := sort.Search(len(r.frames), func(i int) bool { return r.frames[i].first > row }) - 1
	f := &r.frames[i]
	z := zstdDecoders.Get().(*zstd.Decoder)
	defer zstdDecoders.Put(z)
	text, err := f.decode(z, nil)
	if err != nil {
		return nil, err
	}
	from, to := r.lengths.span(row)
	return append(dst, text[from-f.start:to-f.start]...), nil
}

// anyIn tells whether a bit of [from, to) is set; the bitmap may be shorter.
func anyIn(words []uint64, from, to int) bool {
	for row := from; row < to; row = (row | 63) + 1 {
		if row>>6 >= len(words) {
			return false
		}
		w := words[row>>6] >> (row & 63)
		if left := to - row; left < 64 {
			w &= 1<<left - 1
		}
		if w != 0 {
			return true
		}
	}
	return false
}

func dumpZstd(d *dumper, s section) {
	var o opened
	if err := openZstd(s, &o); err != nil {
		d.note("damaged: %v", err)
		return
	}
	r, start := o.text.(*zstdReader), d.at
	d.field(4, "%d bytes of text", r.raw)
	d.field(4, "%d frames", len(r.frames))
	d.field(4, "%d bytes of lengths", len(r.lengths.data))
	d.field(4, "zero")
	for i, f := range r.frames {
		d.field(4, "frame %d: from row %d", i, f.first)
		d.field(4, "at")
		d.field(4, "%d bytes compressed", len(f.data))
		d.field(4, "%d bytes of text", f.raw)
	}
	d.section(section{typ: TypeInt64, enc: EncFOR, rows: s.rows, data: r.lengths.data})
	for i, f := range r.frames {
		d.skipTo(start + cap(s.data) - cap(f.data))
		d.field(len(f.data), "frame %d", i)
	}
	d.skipTo(start + len(s.data))
}
