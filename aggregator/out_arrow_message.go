package aggregator

import (
	"encoding/binary"
	"io"

	"github.com/apache/arrow/go/v15/arrow/ipc"
	flatbuffers "github.com/google/flatbuffers/go"
)

// arrowStream writes the messages of an IPC stream. Arrow's own writer has no
// way to give a record batch metadata of its own, so the description of the
// last one is written anew with it:
//
//	| 0xFFFFFFFF | int32 n | n bytes: its description, padded to 8 | its body |
//
// and 0xFFFFFFFF, 0 ends the stream.
type arrowStream struct {
	w    io.Writer
	note []byte // what the next record batch carries under arrowNoteKey; nil: nothing
}

// arrowNoteKey is the key of an answer's summary in the custom_metadata of its
// last record batch.
const arrowNoteKey = "kelp"

// Fields of the tables in Arrow's Message.fbs and Schema.fbs, by place.
const (
	arrowMessageVersion, arrowMessageType, arrowMessageHeader = 0, 1, 2
	arrowMessageBody, arrowMessageMetadata, arrowMessageSlots = 3, 4, 5
	arrowRecordLength, arrowRecordNodes, arrowRecordBuffers   = 0, 1, 2
	arrowRecordCoding, arrowRecordSlots                       = 3, 5
	arrowPairKey, arrowPairValue, arrowPairSlots              = 0, 1, 2

	arrowTypeRecord  = 3  // MessageHeader: RecordBatch
	arrowStructBytes = 16 // of a FieldNode and of a Buffer: two int64
)

// Start is called by ipc.Writer before the schema.
func (s *arrowStream) Start() error { return nil }

// WritePayload writes one message.
func (s *arrowStream) WritePayload(p ipc.Payload) error {
	meta := p.Meta()
	defer meta.Release()
	header := meta.Bytes()
	if s.note != nil && arrowMessageKind(header) == arrowTypeRecord {
		header = withArrowNote(header, s.note)
	}
	padded := (len(header) + 7) &^ 7
	head := make([]byte, 8+padded)
	binary.LittleEndian.PutUint32(head, 0xFFFFFFFF)
	binary.LittleEndian.PutUint32(head[4:], uint32(padded))
	copy(head[8:], header)
	if _, err := s.w.Write(head); err != nil {
		return err
	}
	return p.SerializeBody(s.w)
}

// Close writes the end of the stream.
func (s *arrowStream) Close() error {
	_, err := s.w.Write([]byte{0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0})
	return err
}

// arrowSlot is the place of field i in a table's directory.
func arrowSlot(i int) flatbuffers.VOffsetT { return flatbuffers.VOffsetT(4 + 2*i) }

func arrowRoot(header []byte) flatbuffers.Table {
	return flatbuffers.Table{Bytes: header, Pos: flatbuffers.GetUOffsetT(header)}
}

func arrowMessageKind(header []byte) byte {
	root := arrowRoot(header)
	return root.GetByteSlot(arrowSlot(arrowMessageType), 0)
}

// withArrowNote is the description of a record batch, that this process has just
// made, with one entry of custom_metadata.
func withArrowNote(header, note []byte) []byte {
	message := arrowRoot(header)
	var record flatbuffers.Table
	message.Union(&record, flatbuffers.UOffsetT(message.Offset(arrowSlot(arrowMessageHeader))))
	if record.Offset(arrowSlot(arrowRecordCoding)) != 0 {
		panic("BUG: a compressed record batch, whose coding would be lost")
	}
	b := flatbuffers.NewBuilder(len(header) + len(note) + 256)
	key, value := b.CreateString(arrowNoteKey), b.CreateByteString(note)
	b.StartObject(arrowPairSlots)
	b.PrependUOffsetTSlot(arrowPairKey, key, 0)
	b.PrependUOffsetTSlot(arrowPairValue, value, 0)
	pair := b.EndObject()
	b.StartVector(flatbuffers.SizeUOffsetT, 1, flatbuffers.SizeUOffsetT)
	b.PrependUOffsetT(pair)
	pairs := b.EndVector(1)
	nodes := copyArrowStructs(b, &record, arrowRecordNodes)
	buffers := copyArrowStructs(b, &record, arrowRecordBuffers)
	b.StartObject(arrowRecordSlots)
	b.PrependInt64Slot(arrowRecordLength, record.GetInt64Slot(arrowSlot(arrowRecordLength), 0), 0)
	b.PrependUOffsetTSlot(arrowRecordNodes, nodes, 0)
	b.PrependUOffsetTSlot(arrowRecordBuffers, buffers, 0)
	copied := b.EndObject()
	b.StartObject(arrowMessageSlots)
	b.PrependInt64Slot(arrowMessageBody, message.GetInt64Slot(arrowSlot(arrowMessageBody), 0), 0)
	b.PrependUOffsetTSlot(arrowMessageMetadata, pairs, 0)
	b.PrependUOffsetTSlot(arrowMessageHeader, copied, 0)
	b.PrependInt16Slot(arrowMessageVersion, message.GetInt16Slot(arrowSlot(arrowMessageVersion), 0), 0)
	b.PrependByteSlot(arrowMessageType, arrowTypeRecord, 0)
	b.Finish(b.EndObject())
	return b.FinishedBytes()
}

// copyArrowStructs copies a vector of pairs of int64.
func copyArrowStructs(b *flatbuffers.Builder, from *flatbuffers.Table, field int) flatbuffers.UOffsetT {
	count := 0
	var data []byte
	if at := flatbuffers.UOffsetT(from.Offset(arrowSlot(field))); at != 0 {
		count = from.VectorLen(at)
		start := from.Vector(at)
		data = from.Bytes[start : int(start)+count*arrowStructBytes]
	}
	b.StartVector(arrowStructBytes, count, 8)
	for i := len(data) - 8; i >= 0; i -= 8 {
		b.PrependUint64(binary.LittleEndian.Uint64(data[i:]))
	}
	return b.EndVector(count)
}
