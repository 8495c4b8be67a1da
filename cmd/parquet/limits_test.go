package parquet

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	writer "github.com/apache/arrow/go/v15/parquet"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/pierrec/lz4/v4"
)

// A value, or a list, that the server does not take costs its own row only, and
// no more memory than it takes to be rejected.
func TestLongRowsAreRejectedAlone(t *testing.T) {
	f := func(column string, typ arrow.DataType, sizeMax int, long func(b array.Builder)) {
		t.Helper()
		b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{nullable("n", arrow.PrimitiveTypes.Int64), nullable(column, typ)}, nil))
		for n := range 3 {
			b.Field(0).(*array.Int64Builder).Append(int64(n))
			if n == 1 {
				long(b.Field(1))
			} else {
				b.Field(1).AppendNull()
			}
		}
		want := []string{`n=int64 0 0 "" [], time=0`, `n=int64 2 0 "" [], time=0`, fmt.Sprintf(`!field %q: a value is longer than 1048576 bytes`, column)}
		parts, err := partsOf(written(t, b.NewRecord(), writer.WithDictionaryDefault(false)), Options{})
		if err != nil {
			t.Errorf("%s: %v", column, err)
			return
		}
		if got := rowsOf(t, streams(parts)...); !slices.Equal(got, want) || len(parts) != 1 || len(parts[0].Stream) > sizeMax {
			t.Errorf("%s: a part of %d bytes, rows %.500q", column, len(parts[0].Stream), got)
		}
	}
	f("text", arrow.BinaryTypes.String, 2<<20, func(b array.Builder) {
		b.(*array.StringBuilder).Append(strings.Repeat("x", 3<<20))
	})
	f("numbers", arrow.ListOf(arrow.PrimitiveTypes.Int64), 10<<20, func(b array.Builder) {
		list := b.(*array.ListBuilder)
		list.Append(true)
		list.ValueBuilder().(*array.Int64Builder).AppendValues(make([]int64, 2<<20), nil)
	})
	f("texts", arrow.ListOf(arrow.ListOf(arrow.BinaryTypes.String)), 3<<20, func(b array.Builder) {
		outer := b.(*array.ListBuilder)
		outer.Append(true)
		inner := outer.ValueBuilder().(*array.ListBuilder)
		for i := range 40_000 {
			inner.Append(true)
			for range i % 3 {
				inner.ValueBuilder().(*array.StringBuilder).Append(strings.Repeat("y", 100))
			}
		}
	})
}

// Rows that share one long text of a dictionary are written out in pieces.
func TestLongTextOfADictionary(t *testing.T) {
	long := strings.Repeat("y", 100_000)
	const rows = 1_000
	for _, typ := range []arrow.DataType{arrow.BinaryTypes.String, arrow.ListOf(arrow.BinaryTypes.String)} {
		b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{nullable("s", typ)}, nil))
		for range rows {
			switch b := b.Field(0).(type) {
			case *array.StringBuilder:
				b.Append(long)
			case *array.ListBuilder:
				b.Append(true)
				b.ValueBuilder().(*array.StringBuilder).Append(long)
			}
		}
		file := written(t, b.NewRecord())
		if len(file) > 1<<20 {
			t.Fatalf("the file has %d bytes: there is no dictionary in it", len(file))
		}
		parts, err := partsOf(file, Options{})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, p := range parts {
			if n += p.Rows; len(p.Stream) > 30<<20 {
				t.Errorf("%v: a part of %d bytes", typ, len(p.Stream))
			}
		}
		if n != rows || len(parts) < 4 {
			t.Errorf("%v: %d rows in %d parts", typ, n, len(parts))
		}
	}
}

// What a page claims to unpack to costs no memory before its bytes are there.
func TestClaims(t *testing.T) {
	took := func(f func()) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	u := &unpacker{}
	defer u.close()
	for codec, packed := range map[int64][]byte{
		codecSnappy: snappy.Encode(nil, []byte("short")), codecLZ4Raw: {0x50, 's', 'h', 'o', 'r', 't'}, codecLZ4: {0, 0, 0, 5, 0, 0, 0, 6, 0x50, 's', 'h', 'o', 'r', 't'},
		codecZstd: {0x28, 0xb5, 0x2f, 0xfd, 0, 0, 1, 0, 0}, codecGzip: {0x1f, 0x8b, 8}, codecBrotli: {0x3b}, codecNone: {1},
	} {
		if n := took(func() {
			if _, err := u.unpack(codec, packed, pageBytesMax); err == nil {
				t.Errorf("codec %d: %d bytes are taken for %d", codec, len(packed), pageBytesMax)
			}
		}); n > 24<<20 {
			t.Errorf("codec %d: a claim of %d bytes took %d", codec, pageBytesMax, n)
		}
	}
	if _, err := newDictionary(&leaf{physical: physicalBytes}, math.MaxInt32, make([]byte, 100)); err == nil {
		t.Error("a dictionary of 2 billion entries in 100 bytes")
	}
	for _, h := range []pageHead{{packed: 11}, {packed: -1}, {size: -1}, {size: pageBytesMax + 1}, {values: -1}, {defs: 5, size: 4, packed: 9}, {reps: -1}} {
		if h.check(10) == nil {
			t.Errorf("%+v passes", h)
		}
	}
	c := column{file: &source{}}
	for range heldBytesMax / pageBytesMax {
		var counted int64
		if err := c.hold(&counted, pageBytesMax); err != nil {
			t.Fatal(err)
		}
	}
	var counted int64
	if c.hold(&counted, 1) == nil {
		t.Error("the pages of all columns are not bounded")
	}
}

// LZ4 has two forms under one number.
func TestLZ4Forms(t *testing.T) {
	text := bytes.Repeat([]byte("some text "), 100)
	block := make([]byte, lz4.CompressBlockBound(len(text)))
	n, err := lz4.CompressBlock(text, block, nil)
	if err != nil {
		t.Fatal(err)
	}
	frame := append([]byte{0, 0, byte(len(text) >> 8), byte(len(text) & 0xff), 0, 0, byte(n >> 8), byte(n & 0xff)}, block[:n]...)
	u := &unpacker{}
	for _, packed := range [][]byte{block[:n], frame} {
		if got, err := u.unpack(codecLZ4, packed, len(text)); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	}
	if got, err := u.unpack(codecLZ4, append(frame, frame...), 2*len(text)); err != nil || len(got) != 2*len(text) {
		t.Errorf("two frames: %d bytes, %v", len(got), err)
	}
}

// A page whose bytes are not those that were written is named where its writer
// left a checksum.
func TestChecksum(t *testing.T) {
	page := []byte("the bytes of a page")
	h := &pageHead{packed: int64(len(page)), checked: true, crc: int64(int32(crc32.ChecksumIEEE(page)))}
	c := &column{file: &source{r: bytes.NewReader(page)}}
	if got, err := c.readPacked(h); err != nil || !bytes.Equal(got, page) {
		t.Errorf("%q, %v", got, err)
	}
	page[3] ^= 1
	c.pos = 0
	if _, err := c.readPacked(h); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("a changed page: %v", err)
	}
}

// TestStreamEnd: what stands behind the last byte of a packed page is read, its
// checksum too.
func TestStreamEnd(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write([]byte("some values")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var u unpacker
	defer u.close()
	f := func(what string, data []byte, size int, good bool) {
		t.Helper()
		got, err := u.unpack(codecGzip, data, size)
		if (err == nil) != good || good && string(got) != "some values" {
			t.Errorf("%s: %q %v", what, got, err)
		}
	}
	whole := packed.Bytes()
	f("whole", whole, 11, true)
	f("more than was said", whole, 10, false)
	f("less than was said", whole, 12, false)
	f("without its checksum", whole[:len(whole)-8], 11, false)
	wrong := bytes.Clone(whole)
	wrong[len(wrong)-8] ^= 1
	f("with a wrong checksum", wrong, 11, false)
}
