package parquet

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	writer "github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
)

// What comes out of a file is what went in, for every type, codec, version of
// pages, and size of groups, pages and parts.
func TestRoundTrip(t *testing.T) {
	// Always the same rows: Arrow's writer itself fails, rarely, on other files
	// such as these.
	r := rand.New(rand.NewPCG(1, 1))
	codecs := []compress.Compression{compress.Codecs.Uncompressed, compress.Codecs.Snappy, compress.Codecs.Gzip, compress.Codecs.Brotli, compress.Codecs.Zstd}
	files := 24
	if underRace {
		files = 6
	}
	for i := range files {
		record := randomRecord(t, r, []int{1, 50, 700}[i%3])
		codec, version := codecs[i%len(codecs)], []writer.DataPageVersion{writer.DataPageV1, writer.DataPageV2}[i/2%2]
		group, page, dict := int64(1+r.IntN(900)), int64(1+r.IntN(3000)), r.IntN(2) == 0
		name := fmt.Sprintf("%v, version %d, groups of %d, pages of %d, dictionary %v", codec, version, group, page, dict)
		file := written(t, record, writer.WithCompression(codec), writer.WithDataPageVersion(version), writer.WithMaxRowGroupLength(group),
			writer.WithDataPageSize(page), writer.WithDictionaryDefault(dict), writer.WithBatchSize(64),
			writer.WithCompressionFor("binary", compress.Codecs.Uncompressed), writer.WithDictionaryFor("binary", false), writer.WithCompressionFor("text", compress.Codecs.Snappy))
		sameRows(t, name, record, file, Options{Rows: 1 + r.IntN(500)})
		sameRows(t, name, record, file, Options{Bytes: 1 + r.IntN(50_000)})
		sameRows(t, name, record, file, Options{})
	}
}

// The encodings that Arrow's writer does not choose by itself.
func TestEncodings(t *testing.T) {
	record := randomRecord(t, rand.New(rand.NewPCG(3, 4)), 3000)
	var picked []int
	f := func(encoding writer.Encoding, names ...string) {
		t.Helper()
		o := []writer.WriterProperty{writer.WithDictionaryDefault(false), writer.WithDataPageSize(5000), writer.WithBatchSize(128)}
		for _, name := range names {
			o = append(o, writer.WithEncodingFor(name, encoding))
		}
		for _, version := range []writer.DataPageVersion{writer.DataPageV1, writer.DataPageV2} {
			sameRows(t, encoding.String(), record, written(t, record, append(o, writer.WithDataPageVersion(version))...), Options{})
		}
		picked = append(picked, len(names))
	}
	f(writer.Encodings.DeltaBinaryPacked, "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "ms", "us", "ns", "date", "must")
	f(writer.Encodings.DeltaLengthByteArray, "text", "near", "binary")
	f(writer.Encodings.DeltaByteArray, "text", "near", "binary")
	f(writer.Encodings.RLE, "bool")
	if len(picked) != 4 {
		t.Error("not every encoding was written")
	}
}

// Where a file is cut depends on its bytes alone: read again, the parts are the
// same, byte for byte.
func TestPartsRepeat(t *testing.T) {
	record := randomRecord(t, rand.New(rand.NewPCG(5, 6)), 2000)
	file := written(t, record, writer.WithMaxRowGroupLength(700))
	for _, o := range []Options{{Rows: 300}, {Bytes: 20_000}, {}} {
		a, errA := partsOf(file, o)
		b, errB := partsOf(file, o)
		if errA != nil || errB != nil || len(a) != len(b) {
			t.Fatalf("%v, %v: %d and %d parts", errA, errB, len(a), len(b))
		}
		for i := range a {
			if string(a[i].Stream) != string(b[i].Stream) || len(a[i].Stream) > 2_000_000 {
				t.Errorf("%+v: part %d differs, or is large: %d and %d bytes", o, i, len(a[i].Stream), len(b[i].Stream))
			}
		}
		if o.Rows > 0 && len(a) != (2000+o.Rows-1)/o.Rows {
			t.Errorf("%d parts of %d rows", len(a), o.Rows)
		}
	}
}

func TestNothing(t *testing.T) {
	record := recordOf(t, []arrow.Field{nullable("a", arrow.PrimitiveTypes.Int64)}, "[]")
	parts, err := partsOf(written(t, record), Options{})
	if err != nil || len(parts) != 0 {
		t.Errorf("a file without rows: %d parts, %v", len(parts), err)
	}
}
