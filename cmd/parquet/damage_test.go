package parquet

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	writer "github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
)

// damagedFiles are small files of all types, codecs and encodings.
func damagedFiles(t testing.TB) map[string][]byte {
	record := randomRecord(t, rand.New(rand.NewPCG(7, 8)), 40)
	files := map[string][]byte{}
	for _, codec := range []compress.Compression{compress.Codecs.Uncompressed, compress.Codecs.Snappy, compress.Codecs.Gzip, compress.Codecs.Brotli, compress.Codecs.Zstd} {
		files[codec.String()] = written(t, record, writer.WithCompression(codec), writer.WithDataPageSize(300), writer.WithBatchSize(16))
	}
	files["version 2"] = written(t, record, writer.WithDataPageVersion(writer.DataPageV2), writer.WithMaxRowGroupLength(15), writer.WithCompression(compress.Codecs.Zstd))
	delta := []writer.WriterProperty{writer.WithDictionaryDefault(false), writer.WithEncodingFor("bool", writer.Encodings.RLE)}
	for _, name := range strings.Fields("i8 i32 i64 u64 ms ns must") {
		delta = append(delta, writer.WithEncodingFor(name, writer.Encodings.DeltaBinaryPacked))
	}
	delta = append(delta, writer.WithEncodingFor("text", writer.Encodings.DeltaLengthByteArray), writer.WithEncodingFor("near", writer.Encodings.DeltaByteArray))
	files["differences"] = written(t, record, delta...)
	for _, name := range []string{"testdata/duck_zstd_v2.parquet", "testdata/duck_lz4_raw.parquet"} {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = file
	}
	return files
}

// readBounded reads a file that may be damaged; it must end soon, and without a
// panic. rows is what came before an error.
func readBounded(file []byte) (rows int64, err error) {
	p, err := Open(bytes.NewReader(file), int64(len(file)), Options{})
	if err != nil {
		return 0, err
	}
	defer p.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		part, err := p.Next(ctx)
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		rows += int64(part.Rows)
	}
}

// TestDamaged flips bits of good files, and cuts them: no panic, no hang, no
// memory by what the bytes claim.
func TestDamaged(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	each := 1500
	if underRace {
		each = 100
	}
	for name, file := range damagedFiles(t) {
		refused, most := 0, uint64(0)
		var before, after runtime.MemStats
		begun := time.Now()
		for range each {
			bad := bytes.Clone(file)
			for range 1 + r.IntN(3) {
				bad[r.IntN(len(bad))] ^= byte(1 + r.IntN(255))
			}
			if r.IntN(20) == 0 {
				bad = bad[:r.IntN(len(bad))]
			}
			runtime.ReadMemStats(&before)
			_, err := readBounded(bad)
			runtime.ReadMemStats(&after)
			most = max(most, after.TotalAlloc-before.TotalAlloc)
			if errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("%s, seed %d: it hangs\n%x", name, seed, bad)
			}
			if err != nil {
				refused++
			}
		}
		t.Logf("%s: %d of %d refused, at most %d MB, %v", name, refused, each, most>>20, time.Since(begun))
		if refused < each/10 {
			t.Errorf("%s: only %d of %d damaged files were refused", name, refused, each)
		}
		if most > 2*pageBytesMax {
			t.Errorf("%s, seed %d: a damaged file of %d bytes took %d", name, seed, len(file), most)
		}
	}
}

// A damaged footer names what it is; so does what kelp cannot read.
func TestRefused(t *testing.T) {
	record := recordOf(t, []arrow.Field{nullable("a", arrow.PrimitiveTypes.Int64), nullable("s", arrow.BinaryTypes.String)}, `[{"a":1,"s":"x"},{"a":2,"s":null}]`)
	good := written(t, record)
	f := func(name string, file []byte, want string) {
		t.Helper()
		if _, err := readBounded(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
	f("empty", nil, "only 0 bytes")
	f("cut", good[:len(good)-3], "the end of this Parquet file is missing")
	f("other", append([]byte("JSON"), good[4:]...), "no Parquet file")
	f("encrypted", append(bytes.Clone(good[:len(good)-4]), "PARE"...), "encrypted")
	for n := range len(good) - 12 {
		f("footer cut", append(append(bytes.Clone(good[:4]), good[len(good)-8-n:len(good)-8]...), binary.LittleEndian.AppendUint32(nil, uint32(n+1))...), "")
	}
	long := bytes.Clone(good)
	binary.LittleEndian.PutUint32(long[len(long)-8:], 1<<31)
	f("long footer", long, "its footer says it has 2147483648 bytes")
	none := append([]byte("PAR1"), 0, 1, 0, 0, 0)
	f("empty footer", append(none, "PAR1"...), "it has no schema")

	page := bytes.Clone(good)
	page[4+1] = 0x7e // the type of the first page
	f("first page", page, `column "a" of row group 0 cannot be read`)
}

// FuzzReader: no bytes may panic, hang, or take memory by what they claim. Its
// seeds are small, one column each: the fuzzer shortens what it finds.
func FuzzReader(f *testing.F) {
	r := rand.New(rand.NewPCG(9, 9))
	codecs := []compress.Compression{compress.Codecs.Uncompressed, compress.Codecs.Snappy, compress.Codecs.Gzip, compress.Codecs.Brotli, compress.Codecs.Zstd}
	for i, k := range kinds() {
		rows := fmt.Sprintf(`[{%q:%s},{%q:null},{%q:%s}]`, k.name, k.value(r), k.name, k.name, k.value(r))
		record := recordOf(f, []arrow.Field{nullable(k.name, k.typ)}, rows)
		version := []writer.DataPageVersion{writer.DataPageV1, writer.DataPageV2}[i%2]
		o := []writer.WriterProperty{writer.WithDataPageVersion(version), writer.WithCompression(codecs[i%len(codecs)]), writer.WithStats(false)}
		f.Add(written(f, record, o...))
		if encoding, ok := map[string]writer.Encoding{
			"i32": writer.Encodings.DeltaBinaryPacked, "i64": writer.Encodings.DeltaBinaryPacked, "text": writer.Encodings.DeltaLengthByteArray,
			"near": writer.Encodings.DeltaByteArray, "bool": writer.Encodings.RLE,
		}[k.name]; ok {
			f.Add(written(f, record, writer.WithDictionaryDefault(false), writer.WithEncoding(encoding), writer.WithStats(false)))
		}
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		if _, err := readBounded(file); errors.Is(err, context.DeadlineExceeded) {
			t.Fatal("it hangs")
		}
	})
}
