package wire

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// Everything that travels is sealed: a ticket, the body of an action or of its
// result, and the application metadata of every frame of a stream.
//
//	+-------------+----------+---------+-------------+------------+
//	| version (1) | kind (1) | seq (4) | payload (n) | CRC-32C (4)|
//	+-------------+----------+---------+-------------+------------+
//
// Little-endian. seq counts the frames of one direction of a stream from 0, so
// that a lost, doubled or swapped frame shows. The checksum covers what stands
// before it and then the frame's data header, its length (4), and data body,
// which are an Arrow record: no byte of a frame is looked at before it has been
// checked.
//
// Version 1. Within a version, fields may be added at the end of a payload; a
// reader ignores what it does not know.
const (
	sealVersion = 1
	sealHead    = 6
	sealSize    = sealHead + 4
)

// kind says what a sealed message is. The numbers never change meaning.
type kind byte

const (
	kindQuery     kind = 1  // client: a query to run or explain
	kindPartial   kind = 2  // server: head of a Partial
	kindRecord    kind = 3  // both: columns, as an Arrow record
	kindEnd       kind = 4  // both: all records have been sent
	kindAppend    kind = 5  // client: head of a batch
	kindAppended  kind = 6  // server: what came of it
	kindSubscribe kind = 7  // client: begin
	kindUpdate    kind = 8  // server: a piece of an Update
	kindConfirm   kind = 9  // client: the Update is known
	kindAction    kind = 10 // client: arguments of an action
	kindAnswer    kind = 11 // server: its result
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// beginSeal starts a sealed message; the caller appends the payload.
func beginSeal(dst []byte, k kind, seq uint32) []byte {
	dst = append(dst, sealVersion, byte(k))
	return binary.LittleEndian.AppendUint32(dst, seq)
}

// endSeal closes a message that begins at the start of msg.
func endSeal(msg, header, body []byte) []byte {
	return binary.LittleEndian.AppendUint32(msg, sealSum(msg, header, body))
}

func sealSum(msg, header, body []byte) uint32 {
	sum := crc32.Update(0, castagnoli, msg)
	sum = crc32.Update(sum, castagnoli, header)
	sum = crc32.Update(sum, castagnoli, binary.LittleEndian.AppendUint32(make([]byte, 0, 4), uint32(len(header))))
	return crc32.Update(sum, castagnoli, body)
}

// openSeal checks a message and returns its kind and payload, which points
// into msg.
func openSeal(msg, header, body []byte, seq uint32) (kind, []byte, error) {
	if len(msg) < sealSize {
		return 0, nil, fmt.Errorf("a frame of %d bytes is too short to be one", len(msg))
	}
	end := len(msg) - 4
	if binary.LittleEndian.Uint32(msg[end:]) != sealSum(msg[:end], header, body) {
		return 0, nil, fmt.Errorf("the checksum of frame %d is wrong: it was damaged on its way", seq)
	}
	if msg[0] != sealVersion {
		return 0, nil, fmt.Errorf("a frame of version %d; this node reads version %d: finish the upgrade", msg[0], sealVersion)
	}
	if got := binary.LittleEndian.Uint32(msg[2:]); got != seq {
		return 0, nil, fmt.Errorf("frame %d came where frame %d was due", got, seq)
	}
	return kind(msg[1]), msg[sealHead:end], nil
}

// openSealAs checks a message that stands alone and must be of a kind.
func openSealAs(want kind, msg []byte) ([]byte, error) {
	k, payload, err := openSeal(msg, nil, nil, 0)
	if err == nil && k != want {
		err = fmt.Errorf("a message of kind %d came where kind %d was due", k, want)
	}
	return payload, err
}
