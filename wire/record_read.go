package wire

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	flatbuffers "github.com/google/flatbuffers/go"

	"github.com/kelpdb/kelp/storage"
)

// view is one column of a record that was received: slices of its body, checked
// so that every offset lies where it may.
type view struct {
	typ   storage.Type
	n     int
	valid []byte // bitmap; nil: no nulls
	data  []byte // values, or the bytes of texts
	ends  []byte // string: offsets of n+1 texts; list: of items+1 texts
	lists []byte // list: offsets of n+1 lists
	items int    // list: items of all lists
}

// recordParser reads records of known columns. Its memory is used again.
type recordParser struct {
	types []storage.Type
	views []view

	nodes, buffers []span // left to read
	body           []byte
}

// shapeOf is the nodes and buffers that columns have in a record.
func shapeOf(types []storage.Type) (nodes, buffers int) {
	for _, t := range types {
		nodes++
		switch t {
		case storage.TypeNull:
		case storage.TypeString:
			buffers += 3
		case storage.TypeList:
			nodes++
			buffers += 5
		default:
			buffers += 2
		}
	}
	return nodes, buffers
}

// parse checks a record against the columns it must have and returns views of
// its body, good until the next call.
func (p *recordParser) parse(header, body []byte) (views []view, rows int, err error) {
	defer func() {
		// The flatbuffer's accessors index by what they read.
		if cause := recover(); cause != nil {
			views, err = nil, fmt.Errorf("a record whose header is not one: %v", cause)
		}
	}()
	if rows, err = p.header(header, body); err != nil {
		return nil, 0, err
	}
	p.body = body
	p.views = p.views[:0]
	for i, t := range p.types {
		v, err := p.column(t, rows)
		if err != nil {
			return nil, 0, fmt.Errorf("column %d of a record: %w", i, err)
		}
		p.views = append(p.views, v)
	}
	return p.views, rows, nil
}

// header reads the message into nodes and buffers.
func (p *recordParser) header(header, body []byte) (rows int, err error) {
	message := flatbuffers.Table{Bytes: header, Pos: flatbuffers.GetUOffsetT(header)}
	if message.GetInt16Slot(slotOf(messageVersion), 0) != arrowV5 || message.GetByteSlot(slotOf(messageType), 0) != arrowRecordBatch {
		return 0, fmt.Errorf("not a record")
	}
	at := flatbuffers.UOffsetT(message.Offset(slotOf(messageHeader)))
	if at == 0 {
		return 0, fmt.Errorf("a record without a header")
	}
	var record flatbuffers.Table
	message.Union(&record, at)
	length := record.GetInt64Slot(slotOf(recordLength), 0)
	if length < 1 || length > sliceRowsMax {
		return 0, fmt.Errorf("a record of %d rows", length)
	}
	if record.Offset(slotOf(recordCoding)) != 0 {
		return 0, fmt.Errorf("a compressed record")
	}
	nodes, buffers := shapeOf(p.types)
	if p.nodes, err = readPairs(p.nodes[:0], &record, recordNodes, nodes); err != nil {
		return 0, err
	}
	if p.buffers, err = readPairs(p.buffers[:0], &record, recordBuffers, buffers); err != nil {
		return 0, err
	}
	size := int64(len(body))
	for _, b := range p.buffers {
		if b.a < 0 || b.b < 0 || b.a > size || b.b > size-b.a {
			return 0, fmt.Errorf("a record whose buffer [%d, +%d) lies outside its %d bytes", b.a, b.b, size)
		}
	}
	return int(length), nil
}

// slotOf is the place of field i in a table's directory.
func slotOf(i int) flatbuffers.VOffsetT { return flatbuffers.VOffsetT(4 + 2*i) }

// readPairs reads a vector of pairs that must have want entries.
func readPairs(dst []span, t *flatbuffers.Table, field, want int) ([]span, error) {
	at := flatbuffers.UOffsetT(t.Offset(slotOf(field)))
	got := 0
	if at != 0 {
		got = t.VectorLen(at)
	}
	if got != want {
		return nil, fmt.Errorf("a record with %d entries where its columns have %d", got, want)
	}
	if want == 0 {
		return dst, nil
	}
	start := int(t.Vector(at))
	src := t.Bytes[start : start+16*want]
	for i := range want {
		dst = append(dst, span{
			int64(binary.LittleEndian.Uint64(src[16*i:])),
			int64(binary.LittleEndian.Uint64(src[16*i+8:])),
		})
	}
	return dst, nil
}

func (p *recordParser) node() span {
	n := p.nodes[0]
	p.nodes = p.nodes[1:]
	return n
}

func (p *recordParser) buffer() []byte {
	b := p.buffers[0]
	p.buffers = p.buffers[1:]
	return p.body[b.a : b.a+b.b]
}

// column takes the nodes and buffers of one column and checks their lengths.
func (p *recordParser) column(t storage.Type, rows int) (view, error) {
	v := view{typ: t, n: rows}
	node := p.node()
	if node.a != int64(rows) || node.b < 0 || node.b > int64(rows) {
		return v, fmt.Errorf("%d rows with %d nulls in a record of %d", node.a, node.b, rows)
	}
	if t == storage.TypeNull {
		return v, nil
	}
	if valid := p.buffer(); node.b > 0 {
		if len(valid) < (rows+7)/8 {
			return v, fmt.Errorf("a null bitmap of %d bytes for %d rows", len(valid), rows)
		}
		v.valid = valid
	}
	width := 8
	switch t {
	case storage.TypeString:
		var err error
		v.ends, v.data, err = p.texts(rows)
		return v, err
	case storage.TypeList:
		return v, p.lists(&v)
	case storage.TypeBool:
		v.data = p.buffer()
		if len(v.data) < (rows+7)/8 {
			return v, fmt.Errorf("%d bytes of bools for %d rows", len(v.data), rows)
		}
		return v, nil
	case typeRows:
		width = 4
	}
	if v.data = p.buffer(); len(v.data) < width*rows {
		return v, fmt.Errorf("%d bytes of numbers for %d rows", len(v.data), rows)
	}
	v.data = v.data[:width*rows]
	return v, nil
}

// texts takes the offsets and bytes of n texts.
func (p *recordParser) texts(n int) (ends, data []byte, err error) {
	ends, data = p.buffer(), p.buffer()
	if ends, err = checkEnds(ends, n, len(data)); err != nil {
		return nil, nil, err
	}
	return ends, data, nil
}

// lists takes the offsets of a column of lists and its items.
func (p *recordParser) lists(v *view) (err error) {
	lists := p.buffer()
	items := p.node()
	if items.a < 0 || items.a > int64(len(p.body)) || items.b != 0 {
		return fmt.Errorf("%d items of lists with %d nulls", items.a, items.b)
	}
	v.items = int(items.a)
	p.buffer() // validity of the items: none is null
	if v.lists, err = checkEnds(lists, v.n, v.items); err != nil {
		return err
	}
	v.ends, v.data, err = p.texts(v.items)
	return err
}

// checkEnds holds n+1 offsets to ascend from 0 to limit at most.
func checkEnds(ends []byte, n, limit int) ([]byte, error) {
	if len(ends) < 4*(n+1) {
		return nil, fmt.Errorf("%d bytes of offsets for %d values", len(ends), n)
	}
	ends = ends[:4*(n+1)]
	last := uint32(0)
	if binary.LittleEndian.Uint32(ends) != 0 {
		return nil, fmt.Errorf("offsets that do not begin at 0")
	}
	for at := 4; at < len(ends); at += 4 {
		end := binary.LittleEndian.Uint32(ends[at:])
		if end < last {
			return nil, fmt.Errorf("offsets that descend")
		}
		last = end
	}
	if int64(last) > int64(limit) {
		return nil, fmt.Errorf("offsets up to %d in %d", last, limit)
	}
	return ends, nil
}

// endAt is entry i of offsets.
func endAt(ends []byte, i int) int { return int(binary.LittleEndian.Uint32(ends[4*i:])) }

// nullWord is 64 bits of a bitmap from bit i on; beyond its end they are 0.
func nullWord(bitmap []uint64, i int) uint64 {
	w, shift := i>>6, i&63
	var word uint64
	if w < len(bitmap) {
		word = bitmap[w] >> shift
	}
	if shift > 0 && w+1 < len(bitmap) {
		word |= bitmap[w+1] << (64 - shift)
	}
	return word
}

func popcount(w uint64) int { return bits.OnesCount64(w) }
