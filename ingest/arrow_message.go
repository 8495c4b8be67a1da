package ingest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/zeebo/xxh3"
)

// arrowMessages reads the messages of a stream. A message is
//
//	| 0xFFFFFFFF | int32 n | n bytes: its description | its body, as long as the description says |
//
// where the first four bytes are missing before version 0.15 of the format,
// and n = 0 ends the stream.
type arrowMessages struct {
	r        io.Reader
	metadata []byte
	body     []byte // of the message
	buffer   []byte // for bodies that are not kept
	spare    []byte // for the next, while a chunk has the one before
	digest   uint64 // of the message
	zstd     *zstd.Decoder
	lz4      *lz4.Reader
}

// Kinds of messages, by their number in the format.
const (
	arrowMessageEnd        = 0
	arrowMessageSchema     = 1
	arrowMessageDictionary = 2
	arrowMessageRecord     = 3
)

// next reads a message: its kind and the table of that kind. m.body is its
// body until the next call, that of a dictionary for good. At the end of the
// stream it returns io.EOF.
func (m *arrowMessages) next(ctx context.Context) (kind int, header flatTable, err error) {
	size, err := m.size()
	if err != nil || size == 0 {
		return arrowMessageEnd, flatTable{}, err
	}
	if m.metadata, err = m.read(ctx, m.metadata[:0], size); err != nil {
		return 0, flatTable{}, err
	}
	message, err := flatRoot(m.metadata)
	if err != nil {
		return 0, flatTable{}, err
	}
	k, err := message.int(1, 1, 0)
	if err != nil {
		return 0, flatTable{}, err
	}
	header, ok, err := message.table(2)
	if err != nil {
		return 0, flatTable{}, err
	}
	if !ok || k < arrowMessageSchema || k > arrowMessageRecord {
		return 0, flatTable{}, fmt.Errorf("it is of kind %d, which has no rows", k)
	}
	length, err := message.int(3, 8, 0)
	if err != nil {
		return 0, flatTable{}, err
	}
	if length < 0 || length > arrowBodyBytesMax {
		return 0, flatTable{}, fmt.Errorf("its body of %d bytes is longer than %d: write smaller record batches", length, int64(arrowBodyBytesMax))
	}
	if k == arrowMessageDictionary {
		m.body, err = m.read(ctx, nil, length)
	} else {
		m.buffer, err = m.read(ctx, m.buffer[:0], length)
		m.body = m.buffer
	}
	if err != nil {
		return 0, flatTable{}, err
	}
	m.digest = xxh3.HashSeed(m.body, xxh3.Hash(m.metadata))
	return int(k), header, nil
}

// lend hands out the body that was just read: the next is read into another buffer.
func (m *arrowMessages) lend() (body []byte) {
	body, m.buffer, m.spare = m.buffer, m.spare, nil
	return body
}

// offer gives a buffer that was handed out back.
func (m *arrowMessages) offer(buffer []byte) {
	switch {
	case cap(buffer) > pooledArrowMax/2:
	case m.buffer == nil:
		m.buffer = buffer
	case m.spare == nil:
		m.spare = buffer
	}
}

// size reads what stands before a message: the bytes of its description.
func (m *arrowMessages) size() (int64, error) {
	var prefix [4]byte
	if _, err := io.ReadFull(m.r, prefix[:]); err != nil {
		return 0, cutShort(err, true)
	}
	n := binary.LittleEndian.Uint32(prefix[:])
	if n == 0xFFFFFFFF {
		if _, err := io.ReadFull(m.r, prefix[:]); err != nil {
			return 0, cutShort(err, false)
		}
		n = binary.LittleEndian.Uint32(prefix[:])
	}
	switch {
	case string(prefix[:]) == "ARRO":
		return 0, errors.New("this is an Arrow file; send the stream format")
	case n > arrowMetadataBytesMax:
		return 0, fmt.Errorf("its description of %d bytes is longer than %d: is this an Arrow stream?", n, int64(arrowMetadataBytesMax))
	}
	return int64(n), nil
}

// cutShort tells the end of a body from an end within a message.
func cutShort(err error, between bool) error {
	if errors.Is(err, io.EOF) && !between || errors.Is(err, io.ErrUnexpectedEOF) {
		return &bodyFault{"the body ends inside a message", io.ErrUnexpectedEOF}
	}
	return err
}

// read appends size bytes to dst, which grows as they come and not by what
// they claim to be; but once a step of them has come, a message gets the room of a
// chunk (arrowTrustedBytes): growing to it by and by would fill half as much again that
// is only copied from. A buffer that is empty and too small is replaced at once, as far
// as it would grow: messages of one writer differ by a few bytes, and what is read
// would be copied for the last of them.
func (m *arrowMessages) read(ctx context.Context, dst []byte, size int64) ([]byte, error) {
	if len(dst) == 0 && cap(dst) >= arrowReadStep && int64(cap(dst)) < size {
		dst = make([]byte, 0, min(4*cap(dst), int(size)+int(size)/arrowSpareShare))
	}
	for left := size; left > 0; {
		if err := ctx.Err(); err != nil {
			return dst, err
		}
		step := int(min(left, arrowReadStep))
		trusted := 0
		if len(dst) >= arrowReadStep {
			trusted = arrowTrustedBytes
		}
		dst = grow(dst, step, int(left), trusted)
		n := len(dst)
		dst = dst[:n+step]
		if _, err := io.ReadFull(m.r, dst[n:]); err != nil {
			return dst[:n], cutShort(err, false)
		}
		left -= int64(step)
	}
	return dst, nil
}

// grow makes room for n more bytes, and for four times what came so far or trusted
// bytes, so that a large message is not copied often; but not for more than most.
func grow(b []byte, n, most, trusted int) []byte {
	if cap(b)-len(b) >= n {
		return b
	}
	grown := make([]byte, len(b), min(max(4*cap(b)+n, trusted), len(b)+most+(len(b)+most)/arrowSpareShare))
	copy(grown, b)
	return grown
}

// unpack undoes the compression of a buffer that must have size bytes. It
// reads no further than that, and takes memory as the bytes come.
func (m *arrowMessages) unpack(codec int, packed []byte, size int64) (data []byte, err error) {
	var r io.Reader
	if codec == 0 {
		if m.lz4 == nil {
			m.lz4 = lz4.NewReader(nil)
		}
		m.lz4.Reset(bytes.NewReader(packed))
		r = m.lz4
	} else {
		if m.zstd == nil {
			m.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindowMax))
			if err != nil {
				return nil, err
			}
		}
		if err := m.zstd.Reset(bytes.NewReader(packed)); err != nil {
			return nil, err
		}
		r = m.zstd
	}
	for left := size; left > 0; {
		step := int(min(left, arrowReadStep))
		data = grow(data, step, int(left), 0)
		n := len(data)
		data = data[:n+step]
		if _, err := io.ReadFull(r, data[n:]); err != nil {
			return nil, fmt.Errorf("a compressed buffer cannot be unpacked to its %d bytes: %w", size, err)
		}
		left -= int64(step)
	}
	return data, nil
}
