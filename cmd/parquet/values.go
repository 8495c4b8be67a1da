package parquet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Encodings, by their number in the format.
const (
	encodingPlain           = 0
	encodingPlainDictionary = 2
	encodingRLE             = 3
	encodingBitPacked       = 4
	encodingDelta           = 5
	encodingDeltaLength     = 6
	encodingDeltaBytes      = 7
	encodingDictionary      = 8
	encodingStreamSplit     = 9
)

var errValuesShort = errors.New("a page has fewer bytes than its values need")

// decoder decodes the values of one page, those that are not null. Which of
// its methods are used depends on leaf.words. Bytes that come out are parts of
// the page or the dictionary, or made for them; none of them changes later.
type decoder interface {
	decodeWords(dst []int64) error
	decodeBytes(dst [][]byte) error
}

// newDecoder returns a decoder of the values of a page.
func newDecoder(l *leaf, encoding int64, data []byte, dict *dictionary) (decoder, error) {
	switch encoding {
	case encodingPlain:
		return &plain{leaf: l, data: data}, nil
	case encodingPlainDictionary, encodingDictionary:
		if dict == nil {
			dict = &dictionary{} // nothing is wrong with that if all is null
		}
		if len(data) == 0 {
			return &indexed{dict: dict}, nil
		}
		if data[0] > 32 {
			return nil, fmt.Errorf("indices of %d bits", data[0])
		}
		return &indexed{dict: dict, indices: newHybrid(data[1:], uint(data[0]))}, nil
	case encodingRLE:
		if l.physical == physicalBool && len(data) >= 4 {
			n := binary.LittleEndian.Uint32(data)
			if int64(n) > int64(len(data)-4) {
				return nil, errValuesShort
			}
			return &runs{runs: newHybrid(data[4:4+n], 1)}, nil
		}
	case encodingDelta:
		if l.physical == physicalInt32 || l.physical == physicalInt64 {
			d, err := newDelta(data)
			return &deltaWords{d, l.physical == physicalInt32}, err
		}
	case encodingDeltaLength:
		if l.physical == physicalBytes {
			return newDeltaLength(data)
		}
	case encodingDeltaBytes:
		if !l.words() {
			return newDeltaBytes(l, data)
		}
	case encodingStreamSplit:
		if width := l.storedWidth(); width > 0 {
			return &plain{leaf: l, data: unsplit(data, width)}, nil
		}
	}
	return nil, fmt.Errorf("a page is encoded in a way (number %d) that kelp does not know for its type", encoding)
}

// storedWidth is the bytes of a plain value, 0 where it varies or is a bit.
func (l *leaf) storedWidth() int {
	switch l.physical {
	case physicalInt32, physicalFloat:
		return 4
	case physicalInt64, physicalDouble:
		return 8
	case physicalInt96:
		return 12
	case physicalFixed:
		return l.width
	}
	return 0
}

// wordsOnly and bytesOnly are for decoders that have only one kind of values.
type wordsOnly struct{}
type bytesOnly struct{}

func (wordsOnly) decodeBytes([][]byte) error { panic("BUG: words are decoded as bytes") }
func (bytesOnly) decodeWords([]int64) error  { panic("BUG: bytes are decoded as words") }

// plain are values one after another: bools as bits, texts behind a uint32 of
// their length.
type plain struct {
	leaf *leaf
	data []byte
	bit  int // of bools
}

func (p *plain) decodeWords(dst []int64) error {
	if p.leaf.physical == physicalBool {
		if len(dst) > 8*len(p.data)-p.bit {
			return errValuesShort
		}
		for i := range dst {
			dst[i] = int64(p.data[p.bit>>3] >> (p.bit & 7) & 1)
			p.bit++
		}
		return nil
	}
	size := len(dst) * p.leaf.storedWidth()
	if size > len(p.data) {
		return errValuesShort
	}
	data := p.data[:size]
	p.data = p.data[size:]
	switch p.leaf.physical {
	case physicalInt32:
		for i := range dst {
			dst[i] = int64(int32(binary.LittleEndian.Uint32(data[4*i:])))
		}
	case physicalFloat:
		for i := range dst {
			x := math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
			dst[i] = int64(math.Float64bits(float64(x)))
		}
	case physicalInt96:
		for i := range dst {
			dst[i] = nanoseconds(data[12*i:])
		}
	default:
		for i := range dst {
			dst[i] = int64(binary.LittleEndian.Uint64(data[8*i:]))
		}
	}
	return nil
}

// nanoseconds reads an int96: nanoseconds of the day, then the Julian day. One
// that 64 bits do not hold becomes the nearest that they do.
func nanoseconds(b []byte) int64 {
	const julianDayOf1970, dayNs = 2_440_588, 86_400_000_000_000
	days := int64(binary.LittleEndian.Uint32(b[8:])) - julianDayOf1970
	of := int64(binary.LittleEndian.Uint64(b))
	switch {
	case days > math.MaxInt64/dayNs-1 || of < 0 || of > 2*dayNs:
		return math.MaxInt64
	case days < math.MinInt64/dayNs+1:
		return math.MinInt64
	}
	return days*dayNs + of
}

func (p *plain) decodeBytes(dst [][]byte) error {
	if width := p.leaf.width; p.leaf.physical == physicalFixed {
		if len(dst)*width > len(p.data) {
			return errValuesShort
		}
		for i := range dst {
			dst[i] = p.data[i*width : (i+1)*width]
		}
		p.data = p.data[len(dst)*width:]
		return nil
	}
	for i := range dst {
		if len(p.data) < 4 {
			return errValuesShort
		}
		n := int64(binary.LittleEndian.Uint32(p.data))
		if n > int64(len(p.data)-4) {
			return errValuesShort
		}
		dst[i], p.data = p.data[4:4+n], p.data[4+n:]
	}
	return nil
}

// unsplit puts values together whose first bytes stand first, then all second
// bytes, and so on.
func unsplit(data []byte, width int) []byte {
	n := len(data) / width
	out := make([]byte, n*width)
	for k := range width {
		for i, b := range data[k*n : (k+1)*n] {
			out[i*width+k] = b
		}
	}
	return out
}

// runs are bools as runs.
type runs struct {
	wordsOnly
	runs hybrid
}

func (r *runs) decodeWords(dst []int64) error { return decodeHybrid(&r.runs, dst) }

// dictionary is the values that indices of a chunk lead to.
type dictionary struct {
	words []int64
	bytes [][]byte
}

func newDictionary(l *leaf, count int64, data []byte) (*dictionary, error) {
	width := int64(max(l.storedWidth(), 1))
	if l.physical == physicalBytes {
		width = 4
	}
	if count < 0 || count*width > int64(len(data)) {
		return nil, fmt.Errorf("a dictionary says it has %d entries in %d bytes", count, len(data))
	}
	d, p := &dictionary{}, &plain{leaf: l, data: data}
	if l.words() {
		d.words = make([]int64, count)
		return d, p.decodeWords(d.words)
	}
	d.bytes = make([][]byte, count)
	return d, p.decodeBytes(d.bytes)
}

// indexed are indices into a dictionary.
type indexed struct {
	dict    *dictionary
	indices hybrid
	scratch []uint32
}

func (x *indexed) next(n, entries int) ([]uint32, error) {
	if n > 0 && entries == 0 {
		return nil, errors.New("a page wants a dictionary, and there is none before it")
	}
	x.scratch = slices.Grow(x.scratch[:0], n)[:n]
	if err := decodeHybrid(&x.indices, x.scratch); err != nil {
		return nil, err
	}
	if n > 0 {
		if top := slices.Max(x.scratch); int(top) >= entries {
			return nil, fmt.Errorf("a value asks for entry %d of a dictionary of %d", top, entries)
		}
	}
	return x.scratch, nil
}

func (x *indexed) decodeWords(dst []int64) error {
	indices, err := x.next(len(dst), len(x.dict.words))
	for i, k := range indices {
		dst[i] = x.dict.words[k]
	}
	return err
}

func (x *indexed) decodeBytes(dst [][]byte) error {
	indices, err := x.next(len(dst), len(x.dict.bytes))
	for i, k := range indices {
		dst[i] = x.dict.bytes[k]
	}
	return err
}

// deltaWords are integers as differences.
type deltaWords struct {
	*delta
	narrow bool // 32 bits, in which the sums wrap
}

func (deltaWords) decodeBytes([][]byte) error { panic("BUG: words are decoded as bytes") }

func (d *deltaWords) decodeWords(dst []int64) error {
	if err := d.decode(dst); err != nil {
		return err
	}
	if d.narrow {
		for i, n := range dst {
			dst[i] = int64(int32(n))
		}
	}
	return nil
}

// deltaLength are texts behind all their lengths.
type deltaLength struct {
	bytesOnly
	lengths []int64
	data    []byte
}

func newDeltaLength(data []byte) (*deltaLength, error) {
	d, err := newDelta(data)
	if err != nil {
		return nil, err
	}
	t := &deltaLength{}
	t.lengths, t.data, err = d.lengths()
	return t, err
}

func (t *deltaLength) decodeBytes(dst [][]byte) error {
	if len(dst) > len(t.lengths) {
		return errValuesShort
	}
	for i := range dst {
		n := t.lengths[i]
		if n > int64(len(t.data)) {
			return errValuesShort
		}
		dst[i], t.data = t.data[:n], t.data[n:]
	}
	t.lengths = t.lengths[len(dst):]
	return nil
}

// deltaBytes are texts that begin like the one before: the lengths of what they
// share, then the rests as deltaLength.
type deltaBytes struct {
	bytesOnly
	leaf   *leaf
	shared []int64
	rests  *deltaLength
	last   []byte
	one    [1][]byte
}

func newDeltaBytes(l *leaf, data []byte) (*deltaBytes, error) {
	d, err := newDelta(data)
	if err != nil {
		return nil, err
	}
	t := &deltaBytes{leaf: l}
	rest := []byte(nil)
	if t.shared, rest, err = d.lengths(); err != nil {
		return nil, err
	}
	t.rests, err = newDeltaLength(rest)
	return t, err
}

func (t *deltaBytes) decodeBytes(dst [][]byte) error {
	if len(dst) > len(t.shared) {
		return errValuesShort
	}
	for i := range dst {
		if err := t.rests.decodeBytes(t.one[:]); err != nil {
			return err
		}
		if t.shared[i] > int64(len(t.last)) {
			return errors.New("a text shares more with the one before it than that has")
		}
		t.last = append(t.last[:t.shared[i]], t.one[0]...)
		if t.leaf.physical == physicalFixed && len(t.last) != t.leaf.width {
			return fmt.Errorf("a value of %d bytes in a column of %d", len(t.last), t.leaf.width)
		}
		dst[i] = slices.Clone(t.last[:min(len(t.last), valueBytesMax)])
	}
	t.shared = t.shared[len(dst):]
	return nil
}
