package wire

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	flatbuffers "github.com/google/flatbuffers/go"

	"github.com/kelpdb/kelp/storage"
)

// A record travels as an Arrow IPC message without a schema: both ends know the
// columns from the head of the stream. Types map to Arrow's as follows.
//
//	null    Null                 string  Binary (states hold any bytes)
//	bool    Bool                 list    List<Binary>
//	int64   Int64                row numbers of a batch  UInt32
//	float64 Float64
//	time    Timestamp(ns)
//
// The message (a flatbuffer: lengths, and where buffers lie) is written and
// read here, not by Arrow's package: its writer copies each buffer twice, and
// its reader allocates what the message claims.
const (
	arrowV5          = 4 // MetadataVersion
	arrowRecordBatch = 3 // MessageHeader

	// Places of fields in the tables of Arrow's Message.fbs.
	messageVersion, messageType, messageHeader, messageBody = 0, 1, 2, 3
	recordLength, recordNodes, recordBuffers, recordCoding  = 0, 1, 2, 3
	recordFields, messageFields                             = 5, 5
)

// span is a buffer of a record's body, or a node: two numbers.
type span struct{ a, b int64 }

// recordWriter writes records; its memory is used again for the next one.
type recordWriter struct {
	build   *flatbuffers.Builder
	body    []byte
	nodes   []span // rows, nulls
	buffers []span // offset, length
}

// write encodes rows [from, to) of columns. What it returns is good until the
// next call.
func (w *recordWriter) write(cols []column, from, to int) (header, body []byte, err error) {
	w.body, w.nodes, w.buffers = w.body[:0], w.nodes[:0], w.buffers[:0]
	for i := range cols {
		w.column(&cols[i], from, to)
	}
	if len(w.body) > frameBytesMax-1<<20 {
		return nil, nil, fmt.Errorf("%d rows take %d bytes: more than a message may have (%d)", to-from, len(w.body), frameBytesMax)
	}
	if w.build == nil {
		w.build = flatbuffers.NewBuilder(1 << 10)
	}
	b := w.build
	b.Reset()
	nodes := structVector(b, w.nodes)
	buffers := structVector(b, w.buffers)
	b.StartObject(recordFields)
	b.PrependInt64Slot(recordLength, int64(to-from), 0)
	b.PrependUOffsetTSlot(recordNodes, nodes, 0)
	b.PrependUOffsetTSlot(recordBuffers, buffers, 0)
	record := b.EndObject()
	b.StartObject(messageFields)
	b.PrependInt64Slot(messageBody, int64(len(w.body)), 0)
	b.PrependUOffsetTSlot(messageHeader, record, 0)
	b.PrependInt16Slot(messageVersion, arrowV5, 0)
	b.PrependByteSlot(messageType, arrowRecordBatch, 0)
	b.Finish(b.EndObject())
	return b.FinishedBytes(), w.body, nil
}

// structVector writes a vector of pairs of numbers.
func structVector(b *flatbuffers.Builder, pairs []span) flatbuffers.UOffsetT {
	b.StartVector(16, len(pairs), 8)
	for i := len(pairs) - 1; i >= 0; i-- {
		b.Prep(8, 16)
		b.PrependInt64(pairs[i].b)
		b.PrependInt64(pairs[i].a)
	}
	return b.EndVector(len(pairs))
}

// column appends one column to the body.
func (w *recordWriter) column(c *column, from, to int) {
	n := to - from
	if c.typ == storage.TypeNull {
		w.nodes = append(w.nodes, span{int64(n), int64(n)})
		return
	}
	nulls := w.validity(c, from, to)
	w.nodes = append(w.nodes, span{int64(n), int64(nulls)})
	start := len(w.body)
	switch c.typ {
	case storage.TypeBool:
		w.bits(c.ints[from:to])
	case storage.TypeFloat64:
		w.body = append(w.body, bytesOf(c.floats[from:to])...)
	case typeRows:
		w.body = append(w.body, bytesOf(c.rows[from:to])...)
	case storage.TypeString:
		w.texts(c, from, to)
		return
	case storage.TypeList:
		w.listColumn(c, from, to)
		return
	default:
		w.body = append(w.body, bytesOf(c.ints[from:to])...)
	}
	w.closeBuffer(start)
}

// closeBuffer notes a buffer that begins at start and pads it to 8 bytes.
func (w *recordWriter) closeBuffer(start int) {
	w.buffers = append(w.buffers, span{int64(start), int64(len(w.body) - start)})
	for len(w.body)&7 != 0 {
		w.body = append(w.body, 0)
	}
}

// validity appends the bitmap of rows that are not null, if there is a null,
// and returns how many are.
func (w *recordWriter) validity(c *column, from, to int) (nulls int) {
	start := len(w.body)
	if c.anyNull(from, to) {
		for i := from; i < to; i += 64 {
			word := nullWord(c.nulls, i)
			if left := to - i; left < 64 {
				word &= 1<<left - 1
			}
			nulls += popcount(word)
			w.body = binary.LittleEndian.AppendUint64(w.body, ^word)
		}
	}
	w.closeBuffer(start)
	return nulls
}

// bits appends bools, eight to a byte.
func (w *recordWriter) bits(values []int64) {
	for len(values) > 0 {
		var b byte
		for i, v := range values[:min(8, len(values))] {
			b |= byte(v&1) << i
		}
		w.body = append(w.body, b)
		values = values[min(8, len(values)):]
	}
}

// texts appends the offsets and bytes of strings.
func (w *recordWriter) texts(c *column, from, to int) {
	if c.text != nil {
		w.vectorTexts(c.text, from, to)
		return
	}
	start := len(w.body)
	end := uint32(0)
	w.body = binary.LittleEndian.AppendUint32(w.body, 0)
	for _, s := range c.strs[from:to] {
		end += uint32(len(s))
		w.body = binary.LittleEndian.AppendUint32(w.body, end)
	}
	w.closeBuffer(start)
	start = len(w.body)
	for _, s := range c.strs[from:to] {
		w.body = append(w.body, s...)
	}
	w.closeBuffer(start)
}

// vectorTexts appends texts [from, to) of a batch's vector.
func (w *recordWriter) vectorTexts(v *storage.Vector, from, to int) {
	start := len(w.body)
	base := endBefore(v.Ends, from)
	w.body = binary.LittleEndian.AppendUint32(w.body, 0)
	for _, end := range v.Ends[from:to] {
		w.body = binary.LittleEndian.AppendUint32(w.body, end-base)
	}
	w.closeBuffer(start)
	start = len(w.body)
	w.body = append(w.body, v.Bytes[base:endBefore(v.Ends, to)]...)
	w.closeBuffer(start)
}

// listColumn appends the offsets of lists and their items as a child column.
func (w *recordWriter) listColumn(c *column, from, to int) {
	start := len(w.body)
	w.body = binary.LittleEndian.AppendUint32(w.body, 0)
	if c.text != nil {
		first, last := itemSpan(c.text, from, to)
		for _, end := range c.text.Lists[from:to] {
			w.body = binary.LittleEndian.AppendUint32(w.body, end-uint32(first))
		}
		w.closeBuffer(start)
		w.child(last - first)
		w.vectorTexts(c.text, first, last)
		return
	}
	var items []string
	for _, list := range c.lists[from:to] {
		items = append(items, list...)
		w.body = binary.LittleEndian.AppendUint32(w.body, uint32(len(items)))
	}
	w.closeBuffer(start)
	w.child(len(items))
	w.texts(&column{strs: items}, 0, len(items))
}

// child notes a column of n items without nulls.
func (w *recordWriter) child(n int) {
	w.nodes = append(w.nodes, span{int64(n), 0})
	w.closeBuffer(len(w.body))
}

// bytesOf is the memory of numbers; hosts are little-endian.
func bytesOf[T int64 | float64 | uint32](s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), len(s)*int(unsafe.Sizeof(s[0])))
}
