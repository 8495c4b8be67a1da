package parquet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Codecs, by their number in the format.
const (
	codecNone   = 0
	codecSnappy = 1
	codecGzip   = 2
	codecLZO    = 3
	codecBrotli = 4
	codecLZ4    = 5 // in frames of Hadoop, or raw: writers differ
	codecZstd   = 6
	codecLZ4Raw = 7
)

// unpacker undoes the compression of pages.
type unpacker struct {
	zstd   *zstd.Decoder
	gzip   *gzip.Reader
	brotli *brotli.Reader
}

func (u *unpacker) close() {
	if u.zstd != nil {
		u.zstd.Close()
	}
}

// knownCodec says whether pages can be unpacked at all.
func knownCodec(codec int64) error {
	switch codec {
	case codecNone, codecSnappy, codecGzip, codecBrotli, codecLZ4, codecZstd, codecLZ4Raw:
		return nil
	case codecLZO:
		return errors.New("it is compressed with LZO, which kelp cannot read: write it with zstd or snappy")
	}
	return fmt.Errorf("it is compressed in an unknown way (codec %d)", codec)
}

// unpack returns the size bytes that packed stands for. They are new, but for
// codecNone. A panic of a library on bad bytes is an error.
func (u *unpacker) unpack(codec int64, packed []byte, size int) (data []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			data, err = nil, fmt.Errorf("a page cannot be unpacked: %v", r)
		}
	}()
	if ratio := codecRatio(codec); ratio > 0 && size > ratio*len(packed)+64 {
		return nil, fmt.Errorf("a page of %d bytes cannot unpack to %d", len(packed), size)
	}
	switch codec {
	case codecNone:
		data = packed
	case codecSnappy:
		n, lengthErr := snappy.DecodedLen(packed)
		if lengthErr == nil && n != size {
			return nil, fmt.Errorf("a page unpacks to %d bytes and not to %d", n, size)
		}
		data, err = snappy.Decode(make([]byte, size), packed)
	case codecLZ4Raw:
		data, err = unpackLZ4(packed, size)
	case codecLZ4:
		if data, err = unpackHadoop(packed, size); err != nil {
			data, err = unpackLZ4(packed, size)
		}
	default:
		data, err = u.stream(codec, packed, size)
	}
	if err != nil {
		return nil, fmt.Errorf("a page cannot be unpacked: %w", err)
	}
	if len(data) != size {
		return nil, fmt.Errorf("a page unpacks to %d bytes and not to %d", len(data), size)
	}
	return data, nil
}

// codecRatio is the most that a packed byte can stand for, 0 if there is no
// bound.
func codecRatio(codec int64) int {
	switch codec {
	case codecSnappy:
		return snappyRatio
	case codecGzip:
		return gzipRatio
	case codecLZ4, codecLZ4Raw:
		return lz4Ratio
	}
	return 0
}

func unpackLZ4(packed []byte, size int) ([]byte, error) {
	data := make([]byte, size)
	n, err := lz4.UncompressBlock(packed, data)
	return data[:max(n, 0)], err
}

// unpackHadoop reads frames | uint32 size | uint32 packed size | block |, both
// numbers with the high byte first.
func unpackHadoop(packed []byte, size int) (data []byte, err error) {
	for len(packed) > 0 {
		if len(packed) < 8 {
			return nil, io.ErrUnexpectedEOF
		}
		n, m := int64(binary.BigEndian.Uint32(packed)), int64(binary.BigEndian.Uint32(packed[4:]))
		if m > int64(len(packed)-8) || n > int64(size-len(data)) {
			return nil, io.ErrUnexpectedEOF
		}
		block, err := unpackLZ4(packed[8:8+m], int(n))
		if err != nil {
			return nil, err
		}
		data, packed = append(data, block...), packed[8+m:]
	}
	return data, nil
}

// stream unpacks what has no bound to its ratio, or none that is cheap to know:
// memory is taken as the bytes come.
func (u *unpacker) stream(codec int64, packed []byte, size int) ([]byte, error) {
	r, err := u.reader(codec, bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	data := make([]byte, 0, min(size, max(unpackStep, 4*len(packed))))
	for len(data) < size {
		if len(data) == cap(data) {
			grown := make([]byte, len(data), min(size, 2*cap(data)))
			copy(grown, data)
			data = grown
		}
		n, err := r.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if err != nil && len(data) < size {
			return nil, fmt.Errorf("it ends after %d of %d bytes: %w", len(data), size, err)
		}
	}
	// The end is read too: checksums stand behind it.
	switch n, err := io.ReadFull(r, make([]byte, 1)); {
	case n > 0:
		return nil, fmt.Errorf("it has more than %d bytes", size)
	case !errors.Is(err, io.EOF):
		return nil, err
	}
	return data, nil
}

func (u *unpacker) reader(codec int64, in io.Reader) (r io.Reader, err error) {
	switch codec {
	case codecGzip:
		if u.gzip == nil {
			u.gzip = new(gzip.Reader)
		}
		return u.gzip, u.gzip.Reset(in)
	case codecBrotli:
		if u.brotli == nil {
			u.brotli = new(brotli.Reader)
		}
		return u.brotli, u.brotli.Reset(in)
	}
	if u.zstd == nil {
		u.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(pageBytesMax))
		if err != nil {
			return nil, err
		}
	}
	return u.zstd, u.zstd.Reset(in)
}
