package ingest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// arrowArray is the values of a field in one record batch. All its offsets,
// lengths and indices have been checked against the bytes: reading a value i
// in [0, length) needs no check.
type arrowArray struct {
	field    *arrowField
	length   int
	valid    []byte // bitmap; nil: all are
	offsets  []byte // of lists, texts and maps; the views of view types
	longest  uint32 // the most that neighbouring offsets of 32 bits are apart
	data     []byte
	views    [][]byte // buffers of view types
	children []arrowArray
	dict     *arrowDictionary // then data are indices into it
}

// arrowDictionary is the values of a dictionary: what it began with and what
// was added to it.
type arrowDictionary struct {
	field  *arrowField
	parts  []arrowArray
	ends   []int            // number of values up to the end of each part
	root   *arrowDictionary // what was extended to this one; else itself
	bytes  int64            // of the buffers
	length int

	plain   bool // texts, see learn
	longest int  // of them, in bytes
}

// at returns the part that holds value i and its place there.
func (d *arrowDictionary) at(i int) (*arrowArray, int) {
	k := 0
	if len(d.parts) > 1 {
		for low, high := 0, len(d.parts)-1; low < high; {
			mid := (low + high) / 2
			if i < d.ends[mid] {
				high = mid
			} else {
				low = mid + 1
			}
			k = low
		}
		if k > 0 {
			i -= d.ends[k-1]
		}
	}
	return &d.parts[k], i
}

var (
	errArrowBuffers = errors.New("it has fewer buffers than its schema wants")
	errArrowShort   = errors.New("a buffer is shorter than its values")
	errArrowOffsets = errors.New("offsets of values are not in order, or lead outside")
)

// arrowRecord is a record batch, or the values of a dictionary, being taken
// apart.
type arrowRecord struct {
	nodes    []byte // 16 bytes each: int64 length, int64 nulls
	buffers  []byte // 16 bytes each: int64 offset, int64 length
	variadic []byte // 8 bytes each: buffers of a view field
	body     []byte
	rows     int64
	unpack   func(codec int, packed []byte, size int64) ([]byte, error)
	codec    int   // arrowPlain, or of the format
	budget   int64 // bytes that may still be unpacked
	bytes    int64 // of all buffers, unpacked
	dicts    map[int64]*arrowDictionary
}

// arrowPlain says that buffers are not compressed.
const arrowPlain = -1

// decodeArrowRecord reads the table of a record batch over its body.
func decodeArrowRecord(t flatTable, body []byte) (r *arrowRecord, err error) {
	r = &arrowRecord{body: body, codec: arrowPlain, budget: arrowBodyBytesMax}
	if r.rows, err = t.int(0, 8, 0); err != nil {
		return nil, err
	}
	if r.nodes, _, err = t.vector(1, 16); err != nil {
		return nil, err
	}
	if r.buffers, _, err = t.vector(2, 16); err != nil {
		return nil, err
	}
	compression, ok, err := t.table(3)
	if err != nil {
		return nil, err
	}
	if ok {
		codec, err := compression.int(0, 1, 0)
		if err != nil {
			return nil, err
		}
		method, err := compression.int(1, 1, 0)
		if err != nil {
			return nil, err
		}
		if codec < 0 || codec > 1 || method != 0 {
			return nil, fmt.Errorf("its compression (codec %d, method %d) is not known: use lz4 or zstd", codec, method)
		}
		r.codec = int(codec)
	}
	if r.variadic, _, err = t.vector(4, 8); err != nil {
		return nil, err
	}
	if r.rows < 0 || r.rows > arrowRowsFree+8*arrowBodyBytesMax {
		return nil, fmt.Errorf("it claims %d rows", r.rows)
	}
	return r, nil
}

// node takes the next field's length and number of nulls.
func (r *arrowRecord) node() (length int, nulls int64, err error) {
	if len(r.nodes) < 16 {
		return 0, 0, errors.New("it describes fewer fields than its schema")
	}
	n := int64(binary.LittleEndian.Uint64(r.nodes))
	nulls = int64(binary.LittleEndian.Uint64(r.nodes[8:]))
	r.nodes = r.nodes[16:]
	if n < 0 || n > arrowRowsFree+8*arrowBodyBytesMax || nulls < 0 || nulls > n {
		return 0, 0, fmt.Errorf("a field of %d values with %d nulls", n, nulls)
	}
	return int(n), nulls, nil
}

// buffer takes the next buffer, unpacked.
func (r *arrowRecord) buffer() ([]byte, error) {
	if len(r.buffers) < 16 {
		return nil, errArrowBuffers
	}
	offset := int64(binary.LittleEndian.Uint64(r.buffers))
	length := int64(binary.LittleEndian.Uint64(r.buffers[8:]))
	r.buffers = r.buffers[16:]
	if offset < 0 || length < 0 || offset > int64(len(r.body)) || length > int64(len(r.body))-offset {
		return nil, fmt.Errorf("a buffer of %d bytes at %d lies outside its body of %d", length, offset, len(r.body))
	}
	data := r.body[offset : offset+length : offset+length]
	if r.codec != arrowPlain && len(data) > 0 {
		var err error
		if data, err = r.unpacked(data); err != nil {
			return nil, err
		}
	}
	r.bytes += int64(len(data))
	return data, nil
}

// unpacked undoes the compression of a buffer: int64 size (-1 not compressed),
// then the packed bytes.
func (r *arrowRecord) unpacked(data []byte) ([]byte, error) {
	if len(data) < 8 {
		return nil, errArrowShort
	}
	size := int64(binary.LittleEndian.Uint64(data))
	if size == -1 {
		return data[8:], nil
	}
	if size < 0 || size > r.budget {
		return nil, fmt.Errorf("it unpacks to more than %d bytes: write smaller record batches", int64(arrowBodyBytesMax))
	}
	r.budget -= size
	return r.unpack(r.codec, data[8:], size)
}

// array takes apart the next field. depth was bounded with the schema.
func (r *arrowRecord) array(f *arrowField) (a arrowArray, err error) {
	if f.encoded {
		return r.indices(f)
	}
	a.field = f
	nulls := int64(0)
	if a.length, nulls, err = r.node(); err != nil {
		return a, err
	}
	if f.kind != arrowNull {
		if a.valid, err = r.validity(a.length, nulls); err != nil {
			return a, err
		}
	}
	switch f.kind {
	case arrowNull, arrowStruct, arrowFixedSizeList:
	case arrowUtf8, arrowBinary, arrowList, arrowMap:
		a.offsets, err = r.buffer()
	case arrowLargeUtf8, arrowLargeBinary, arrowLargeList:
		a.offsets, err = r.buffer()
	case arrowUtf8View, arrowBinaryView:
		return a, r.views(&a)
	default:
		if a.data, err = r.buffer(); err == nil {
			err = a.checkFixed()
		}
	}
	if err != nil {
		return a, err
	}
	switch f.kind {
	case arrowUtf8, arrowBinary, arrowLargeUtf8, arrowLargeBinary:
		if a.data, err = r.buffer(); err == nil {
			err = a.checkOffsets(len(a.data))
		}
	case arrowStruct, arrowList, arrowLargeList, arrowMap, arrowFixedSizeList:
		err = r.childrenOf(&a)
	}
	return a, err
}

func (r *arrowRecord) validity(length int, nulls int64) ([]byte, error) {
	valid, err := r.buffer()
	switch {
	case err != nil:
		return nil, err
	case len(valid) == 0 && nulls == 0, length == 0:
		return nil, nil
	case len(valid) < (length+7)/8:
		return nil, errArrowShort
	}
	return valid, nil
}

// checkFixed checks the data of values of fixed width.
func (a *arrowArray) checkFixed() error {
	if (int64(a.length)*int64(a.field.width())+7)/8 > int64(len(a.data)) {
		return errArrowShort
	}
	return nil
}

// width is the bits of a value of fixed width.
func (f *arrowField) width() int {
	if f.kind == arrowBool {
		return 1
	}
	return f.bits
}

// checkOffsets checks that the offsets of an array ascend up to limit.
func (a *arrowArray) checkOffsets(limit int) error {
	if a.length == 0 {
		return nil
	}
	width := 4
	if a.large() {
		width = 8
	}
	if (a.length+1)*width > len(a.offsets) {
		return errArrowShort
	}
	n := a.length + 1
	if width == 4 {
		longest, ascend := widestStep(a.offsets[:4*n])
		if last := binary.LittleEndian.Uint32(a.offsets[4*n-4:]); !ascend || uint64(last) > uint64(limit) {
			return errArrowOffsets
		}
		a.longest = longest
		return nil
	}
	before := uint64(0)
	for i := range n {
		at := binary.LittleEndian.Uint64(a.offsets[8*i:])
		if at < before || at > uint64(limit) {
			return errArrowOffsets
		}
		before = at
	}
	return nil
}

func (a *arrowArray) large() bool {
	return a.field.kind == arrowLargeUtf8 || a.field.kind == arrowLargeBinary || a.field.kind == arrowLargeList
}

// span returns the offsets of value i.
func (a *arrowArray) span(i int) (from, to int) {
	if a.field.kind == arrowFixedSizeList {
		return i * a.field.size, (i + 1) * a.field.size
	}
	if a.large() {
		return int(binary.LittleEndian.Uint64(a.offsets[8*i:])), int(binary.LittleEndian.Uint64(a.offsets[8*i+8:]))
	}
	return int(binary.LittleEndian.Uint32(a.offsets[4*i:])), int(binary.LittleEndian.Uint32(a.offsets[4*i+4:]))
}

// childrenOf takes apart the children of structs and lists.
func (r *arrowRecord) childrenOf(a *arrowArray) error {
	f := a.field
	a.children = make([]arrowArray, len(f.children))
	for i := range f.children {
		child, err := r.array(&f.children[i])
		if err != nil {
			return err
		}
		a.children[i] = child
	}
	switch f.kind {
	case arrowStruct:
		for i := range a.children {
			if a.children[i].length < a.length {
				return errArrowShort
			}
		}
		return nil
	case arrowFixedSizeList:
		if int64(a.length)*int64(f.size) > int64(a.children[0].length) {
			return errArrowShort
		}
		return nil
	}
	return a.checkOffsets(a.children[0].length)
}

// indices takes apart a field whose values are in a dictionary.
func (r *arrowRecord) indices(f *arrowField) (a arrowArray, err error) {
	a.field = f.index
	nulls := int64(0)
	if a.length, nulls, err = r.node(); err != nil {
		return a, err
	}
	if a.valid, err = r.validity(a.length, nulls); err != nil {
		return a, err
	}
	if a.data, err = r.buffer(); err == nil {
		err = a.checkFixed()
	}
	if err != nil {
		return a, err
	}
	a.dict = r.dicts[f.id]
	if a.dict == nil {
		a.dict = &arrowDictionary{field: f}
	}
	if a.valid == nil && a.largestIndex() < uint64(a.dict.length) {
		return a, nil
	}
	for i := range a.length {
		if a.isNull(i) {
			continue
		}
		if n, ok := a.int(i); !ok || n < 0 || n >= int64(a.dict.length) {
			return a, fmt.Errorf("a value asks for entry %d of a dictionary of %d", n, a.dict.length)
		}
	}
	return a, nil
}

// largestIndex is at least the largest of the integers, and past all dictionaries
// if one is negative.
func (a *arrowArray) largestIndex() (largest uint64) {
	all := uint64(0) // bits that occur
	switch a.field.bits {
	case 8:
		for _, b := range a.data[:a.length] {
			largest, all = max(largest, uint64(b)), all|uint64(b)
		}
	case 16:
		for data := a.data[:2*a.length]; len(data) >= 2; data = data[2:] {
			n := uint64(binary.LittleEndian.Uint16(data))
			largest, all = max(largest, n), all|n
		}
	case 32:
		for data := a.data[:4*a.length]; len(data) >= 4; data = data[4:] {
			n := uint64(binary.LittleEndian.Uint32(data))
			largest, all = max(largest, n), all|n
		}
	default:
		for data := a.data[:8*a.length]; len(data) >= 8; data = data[8:] {
			largest = max(largest, binary.LittleEndian.Uint64(data))
		}
	}
	if a.field.signed && all>>(a.field.bits-1)&1 != 0 {
		return math.MaxUint64
	}
	return largest
}

// views takes apart a field of view type: 16 bytes a value, int32 length, then
// the text itself if it has up to 12 bytes, else its first 4 bytes, int32
// buffer, int32 offset.
func (r *arrowRecord) views(a *arrowArray) (err error) {
	if a.offsets, err = r.buffer(); err != nil {
		return err
	}
	if len(r.variadic) < 8 {
		return errArrowBuffers
	}
	count := int64(binary.LittleEndian.Uint64(r.variadic))
	r.variadic = r.variadic[8:]
	if count < 0 || count > int64(len(r.buffers)/16) {
		return errArrowBuffers
	}
	for range count {
		b, err := r.buffer()
		if err != nil {
			return err
		}
		a.views = append(a.views, b)
	}
	if int64(a.length)*16 > int64(len(a.offsets)) {
		return errArrowShort
	}
	for i := range a.length {
		if a.isNull(i) {
			continue
		}
		view := a.offsets[16*i : 16*i+16]
		length := int64(int32(binary.LittleEndian.Uint32(view)))
		if length >= 0 && length <= 12 {
			continue
		}
		buffer := int64(int32(binary.LittleEndian.Uint32(view[8:])))
		offset := int64(int32(binary.LittleEndian.Uint32(view[12:])))
		if length < 0 || buffer < 0 || buffer >= count || offset < 0 || offset+length > int64(len(a.views[buffer])) {
			return errArrowOffsets
		}
	}
	return nil
}

func (a *arrowArray) isNull(i int) bool {
	if a.field.kind == arrowNull {
		return true
	}
	return a.valid != nil && a.valid[i>>3]>>(i&7)&1 == 0
}
