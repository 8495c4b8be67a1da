package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"unsafe"
)

// A dictionary column is its distinct values in ascending order, without null,
// and a code of 1, 2, 4, 8 or 16 bits for every row. Null is the code after the
// last entry. Dictionaries of up to 256 codes keep the rows of each code, and
// the sum of their weights unless every row weighs 1.
//
//	+-----------+---------+---------+-------------+---------------+-------------+
//	| codes (4) | rows(4) | width(1)| flags (1)   | zero (2)      | codes at (4)|
//	+-----------+---------+---------+-------------+---------------+-------------+
//	| weights (8 x codes)?  | entries (8 each) or ends of entries (4 each)      |
//	+-----------------------+---------------------------------------------------+
//	| counts (4 x codes)?   | text of the entries  | zeros | packed codes       |
//	+-----------------------+---------------------------------------------------+
//
// The first field counts entries; x codes counts null as well, where it occurs.
// What stands before the codes is the front: it may lie in the head of the block,
// see block_front.go.
// EncBase shares all of it but the codes: see enc_base.go.

const (
	dictHeaderBytes = 16
	dictHasNull     = 1 << 0
	dictCounts      = 1 << 1
	dictWeights     = 1 << 2
)

// codeWidth is the narrowest width for a number of codes.
func codeWidth(codes int) int {
	for _, w := range [...]int{0, 1, 2, 4, 8} {
		if codes <= 1<<w {
			return w
		}
	}
	return 16
}

// appendCodes encodes a source by the dictionary that d has built and sorted: as
// EncDict, or as EncBase if that is worth it.
func appendCodes(dst []byte, s *source, d *dictBuilder, e *encoder) ([]byte, Encoding) {
	start := len(dst)
	entries, codes, flags := len(d.first), len(d.first), byte(0)
	if s.nulls() > 0 {
		codes++
		flags |= dictHasNull
	}
	width := max(1, codeWidth(codes))
	rowCodes := s.codesOfRows(d, e)
	counted := codes <= countedEntriesMax && s.rows >= statsRowsMin && !s.part
	if counted {
		flags |= dictCounts
		if s.weights != nil {
			flags |= dictWeights
		}
	}
	dst = appendUint32(dst, uint32(entries))
	dst = appendUint32(dst, uint32(s.rows))
	dst = append(dst, byte(width), flags)
	dst = appendUint16(dst, 0)
	dst = appendUint32(dst, 0)
	var counts []uint32
	mayBase := e.rich && !s.part
	if counted || mayBase {
		counts = e.countRows(rowCodes, codes)
	}
	if counted && s.weights != nil {
		dst = appendWeights(dst, s, rowCodes, counts)
	}
	isText := s.vec.Type == TypeString || s.vec.Type == TypeList
	switch {
	case isText:
		end := uint32(0)
		for _, i := range d.first {
			end += uint32(len(s.vec.Text(int(i))))
			dst = appendUint32(dst, end)
		}
	case s.vec.Type == TypeFloat64:
		for _, key := range d.keys {
			dst = appendWord(dst, floatBits(floatOfKey(key)))
		}
	default:
		dst = appendBytesOf(dst, d.keys)
	}
	if counted {
		dst = appendBytesOf(dst, counts)
	}
	if isText {
		for _, i := range d.first {
			dst = append(dst, s.vec.Text(int(i))...)
		}
	}
	if mayBase {
		if base, rare := commonest(counts); worthBase(s.rows, rare, width) {
			dst = padTo(dst, 8)
			binary.LittleEndian.PutUint16(dst[start+10:], uint16(base))
			binary.LittleEndian.PutUint32(dst[start+12:], uint32(len(dst)-start))
			return e.appendRare(dst, rowCodes, base, rare, width), EncBase
		}
	}
	dst = padTo(dst, e.alignFor(len(rowCodes)*width/8))
	binary.LittleEndian.PutUint32(dst[start+12:], uint32(len(dst)-start))
	return appendPacked(dst, rowCodes, width), EncDict
}

// appendWeights appends the sum of the weights of each code's rows.
func appendWeights(dst []byte, s *source, rowCodes []uint16, counts []uint32) []byte {
	var weights [countedEntriesMax]uint64
	for c, n := range counts {
		weights[c] = uint64(n)
	}
	for _, w := range s.weights {
		c := rowCodes[w.row]
		weights[c] = addSaturating(weights[c], w.more)
	}
	return appendBytesOf(dst, weights[:len(counts)])
}

// countRows counts the rows of each code.
func (e *encoder) countRows(rowCodes []uint16, codes int) []uint32 {
	e.counts = grow(e.counts, codes)
	counts := e.counts
	clear(counts)
	if codes > countedEntriesMax || len(rowCodes) < 4*countedEntriesMax {
		for _, c := range rowCodes {
			counts[c]++
		}
		return counts
	}
	// Neighbours are often the same, and one count would wait for the other: so
	// they have counts of their own.
	var lanes [4][countedEntriesMax]uint32
	for ; len(rowCodes) >= 4; rowCodes = rowCodes[4:] {
		of := loadCodes(unsafe.SliceData(rowCodes), 0)
		lanes[0][uint8(of)]++
		lanes[1][uint8(of>>16)]++
		lanes[2][uint8(of>>32)]++
		lanes[3][uint8(of>>48)]++
	}
	for _, c := range rowCodes {
		lanes[0][uint8(c)]++
	}
	for c := range counts {
		counts[c] = lanes[0][c] + lanes[1][c] + lanes[2][c] + lanes[3][c]
	}
	return counts
}

// appendPacked appends codes of width bits, padded to whole words.
func appendPacked(dst []byte, codes []uint16, width int) []byte {
	switch width {
	case 16:
		dst = appendBytesOf(dst, codes)
	case 8:
		at := len(dst)
		dst = slices.Grow(dst, len(codes))[:at+len(codes)]
		narrow(dst[at:], codes)
	default:
		perWord := 64 / width
		words := len(codes) / perWord
		at := len(dst)
		dst = slices.Grow(dst, 8*words+8)[:at+8*words]
		packWords(dst[at:], codes, width)
		codes = codes[words*perWord:]
		w := uint64(0)
		for i, c := range codes {
			w |= uint64(c) << (i * width)
		}
		for n := (len(codes)*width + 7) / 8; n > 0; n-- {
			dst = append(dst, byte(w))
			w >>= 8
		}
	}
	return dst
}

// packWords fills words of 8 bytes with codes of 1, 2 or 4 bits. Four codes of 16 bits
// each, times a number with four bits set, have each code once in its place at the
// top; nothing below carries into them.
func packWords(words []byte, codes []uint16, width int) {
	together, step := uint64(0), 4*width
	for i := range 4 {
		together |= 1 << (64 - step + i*width - 16*i)
	}
	top := ^uint64(0) << (64 - step)
	from, perWord := unsafe.SliceData(codes), 64/width
	for i := 0; len(words) >= 8; words = words[8:] {
		w := uint64(0)
		for end := i + perWord; i < end; i += 4 {
			w = w>>(step&63) | loadCodes(from, i)*together&top
		}
		binary.LittleEndian.PutUint64(words, w)
	}
}

// loadCodes loads four codes from the i-th on.
func loadCodes(base *uint16, i int) uint64 {
	return *(*uint64)(unsafe.Add(unsafe.Pointer(base), 2*i))
}

// codesReader reads a dictionary or constant column.
type codesReader struct {
	typ     Type
	rows    int
	entries int
	hasNull bool
	width   int
	packed  []byte
	counts  []uint32
	weights []uint64
	ints    []int64
	floats  []float64
	ends    []uint32
	text    []byte

	frontBytes int // of what stands before the codes

	// Of EncBase packed holds the codes of these rows alone, and all others
	// have the code base; else nil.
	rare []uint16
	base int
}

var errDictLayout = errors.New("dictionary does not fit its data")

func openDict(s section, o *opened) error {
	r, body, err := s.entries()
	switch {
	case err != nil:
		return err
	case len(body) != (s.rows*r.width+7)/8:
		return errShort
	}
	r.packed = body
	return o.setCodes(r)
}

// codes is how many codes there are: the entries, and null.
func (r *codesReader) codes() int {
	if r.hasNull {
		return r.entries + 1
	}
	return r.entries
}

// setCodes checks the packed codes of r.
func (o *opened) setCodes(r *codesReader) error {
	if codes := r.codes(); !codesBelow(r.packed, r.width, codes) {
		return fmt.Errorf("a code past a dictionary of %d", codes)
	}
	o.codes = r
	return nil
}

// openEntries reads the front of a dictionary at the beginning of data.
func (s *section) openEntries(data []byte) (*codesReader, error) {
	return s.openEntriesIn(new(codesReader), data)
}

// openEntriesIn is openEntries into an empty reader.
func (s *section) openEntriesIn(r *codesReader, data []byte) (*codesReader, error) {
	if len(data) < dictHeaderBytes {
		return nil, errShort
	}
	entries := int(binary.LittleEndian.Uint32(data))
	rows := int(binary.LittleEndian.Uint32(data[4:]))
	width, flags := int(data[8]), data[9]
	packedAt := int(binary.LittleEndian.Uint32(data[12:]))
	codes := entries
	if flags&dictHasNull != 0 {
		codes++
	}
	switch {
	case rows != s.rows:
		return nil, fmt.Errorf("dictionary is of %d rows, the column has %d", rows, s.rows)
	case entries < 1 || codes > dictEntriesMax || flags > 7 || flags&dictCounts != 0 && codes > countedEntriesMax:
		return nil, errDictLayout
	case width < 1 || width != max(1, codeWidth(codes)):
		return nil, fmt.Errorf("%d codes of %d bits", codes, width)
	case (s.nulls > 0) != (flags&dictHasNull != 0):
		return nil, errors.New("dictionary and directory disagree about nulls")
	case packedAt%8 != 0 || packedAt < dictHeaderBytes || packedAt > len(data):
		return nil, errShort
	}
	*r = codesReader{typ: s.typ, rows: rows, entries: entries, hasNull: codes > entries, width: width, frontBytes: packedAt}
	if s.enc == EncBase {
		r.base = int(binary.LittleEndian.Uint16(data[10:]))
		if r.base >= codes {
			return nil, errors.New("the base is past the dictionary")
		}
	}
	return r, r.readEntries(data[dictHeaderBytes:packedAt], codes, flags)
}

// readEntries reads what stands between the header and the codes.
func (r *codesReader) readEntries(src []byte, codes int, flags byte) error {
	isText, need := r.typ == TypeString, 8*r.entries
	if isText {
		need = 4 * r.entries
	}
	if flags&dictWeights != 0 {
		need += 8 * codes
	}
	if flags&dictCounts != 0 {
		need += 4 * codes
	}
	if r.typ == TypeList || need > len(src) {
		return errDictLayout
	}
	if flags&dictWeights != 0 {
		r.weights = viewWords(src, codes)
		src = src[8*codes:]
	}
	switch {
	case isText:
		r.ends = viewUint32(src, r.entries)
		src = src[4*r.entries:]
	case r.typ == TypeFloat64:
		r.floats = viewFloats(src, r.entries)
		src = src[8*r.entries:]
	default:
		r.ints = viewInts(src, r.entries)
		src = src[8*r.entries:]
	}
	if flags&dictCounts != 0 {
		r.counts = viewUint32(src, codes)
		src = src[4*codes:]
	}
	if isText {
		size := int(r.ends[r.entries-1])
		if size > len(src) || !endsFit(r.ends, size) {
			return errTextEnds
		}
		r.text = src[:size]
	}
	return nil
}

// codesBelow tells whether every packed code is below codes, so that kernels may
// index by it: a word at a time, all its lanes at once.
func codesBelow(packed []byte, width, codes int) bool {
	ones := ^uint64(0) / (1<<width - 1) // the lowest bit of every lane
	high := ones << (width - 1)
	half, last := uint64(1)<<(width-1), uint64(codes-1)
	bad := uint64(0)
	// Added to the low bits of a lane, this carries into its high bit if they are
	// past what is allowed.
	carry := (half - 1 - last&(half-1)) * ones
	check := func(x uint64) {
		past := x&^high + carry
		if last < half {
			bad |= (past | x) & high
		} else {
			bad |= past & x & high
		}
	}
	for len(packed) >= 8 {
		check(binary.LittleEndian.Uint64(packed))
		packed = packed[8:]
	}
	var rest [8]byte
	copy(rest[:], packed)
	check(binary.LittleEndian.Uint64(rest[:]))
	return bad == 0
}

// codeAt returns a code of 0, 1, 2, 4, 8 or 16 bits.
func codeAt(packed []byte, width, row int) int {
	switch width {
	case 0:
		return 0
	case 16:
		return int(binary.LittleEndian.Uint16(packed[2*row:]))
	case 8:
		return int(packed[row])
	}
	bit := row * width
	return int(packed[bit>>3] >> (bit & 7) & (1<<width - 1))
}

func (r *codesReader) entryText(i int) []byte { return textAt(r.text, r.ends, i) }

// entry returns an entry as an owned value.
func (r *codesReader) entry(i int) Value {
	switch r.typ {
	case TypeString:
		return String(string(r.entryText(i)))
	case TypeFloat64:
		return Float(r.floats[i])
	}
	return Value{Type: r.typ, Int: r.ints[i]}
}

func dumpDict(d *dumper, s section) {
	var o opened
	if err := openDict(s, &o); err != nil {
		d.note("damaged: %v", err)
		return
	}
	if s.front == nil {
		dumpFront(d, s.enc, o.codes, false)
	}
	d.field(len(o.codes.packed), "codes")
}

// dumpFront writes what stands before the codes, there or in the head.
func dumpFront(d *dumper, enc Encoding, r *codesReader, inHead bool) {
	start, packedAt := d.at, r.frontBytes
	d.field(4, "%d entries", r.entries)
	d.field(4, "%d rows", r.rows)
	d.field(1, "%d bits a code", r.width)
	d.field(1, "flags: null %t, counts %t, weights %t", r.hasNull, r.counts != nil, r.weights != nil)
	if enc == EncBase {
		d.field(2, "base is code %d", r.base)
	} else {
		d.field(2, "zero")
	}
	if inHead {
		d.field(4, "checksum of the front")
	} else {
		d.field(4, "codes at +%x", packedAt)
	}
	d.field(8*len(r.weights), "weights %d", head(r.weights))
	d.field(8*len(r.ints), "entries %d", head(r.ints))
	d.field(8*len(r.floats), "entries %v", head(r.floats))
	d.field(4*len(r.ends), "ends of entries %d", head(r.ends))
	d.field(4*len(r.counts), "counts %d", head(r.counts))
	d.field(len(r.text), "text of entries")
	d.skipTo(start + packedAt)
}

// head is the first few of an array, to be shown.
func head[T any](values []T) []T { return values[:min(len(values), 8)] }
