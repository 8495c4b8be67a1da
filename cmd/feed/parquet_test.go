package feed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow/ipc"
	writer "github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"
	"github.com/klauspost/compress/gzip"

	"github.com/kelpdb/kelp/cmd/client"
)

const parquetFile = "../parquet/testdata/duck_zstd_v2.parquet" // 24 rows, n counts them

func parquetBytes(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile(parquetFile)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// rowsOfBodies counts the rows of Arrow bodies.
func rowsOfBodies(t *testing.T, c *collected) int {
	t.Helper()
	rows := 0
	for _, b := range c.bodies {
		if b.Type != client.TypeArrow {
			t.Fatalf("a body of type %s", b.Type)
		}
		r, err := ipc.NewReader(bytes.NewReader(b.Bytes))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := b.Place(1), fmt.Sprintf("%s row %d", b.Source, rows+1); got != want {
			t.Errorf("its first row stands at %q, want %q", got, want)
		}
		for r.Next() {
			rows += int(r.Record().NumRows())
		}
		if r.Err() != nil {
			t.Fatal(r.Err())
		}
	}
	return rows
}

// A Parquet file is read in place; one that comes as a stream is kept first.
// Its name does not matter, and it may be compressed as a whole.
func TestParquetHoweverItComes(t *testing.T) {
	file := parquetBytes(t)
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	f := func(name string, o Options, read func(o Options, sink Sink) error) {
		t.Helper()
		c := &collected{}
		o.BytesRead = new(atomic.Int64)
		if err := read(o, c.sink()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := rowsOfBodies(t, c); n != 24 {
			t.Errorf("%s: %d rows", name, n)
		}
		if n := o.BytesRead.Load(); n < int64(len(file))/3 || n > int64(len(file)) {
			t.Errorf("%s: %d bytes were counted, of %d", name, n, len(file))
		}
	}
	odd := filepath.Join(t.TempDir(), "odd.name")
	if err := os.WriteFile(odd, file, 0o600); err != nil {
		t.Fatal(err)
	}
	packed := filepath.Join(t.TempDir(), "x.parquet.gz")
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(file)
	z.Close()
	if err := os.WriteFile(packed, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	ofFile := func(path string) func(o Options, sink Sink) error {
		return func(o Options, sink Sink) error { return ReadFile(context.Background(), path, o, sink) }
	}
	for _, format := range []Format{Auto, Parquet} {
		f("file", Options{Format: format}, ofFile(odd))
		f("packed file", Options{Format: format}, ofFile(packed))
		f("stream", Options{Format: format}, func(o Options, sink Sink) error {
			return Read(context.Background(), "in", trickle{r: bytes.NewReader(file)}, o, sink)
		})
		f("standard input that is a file", Options{Format: format}, func(o Options, sink Sink) error {
			in, err := os.Open(odd)
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			return Read(context.Background(), "in", in, o, sink)
		})
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("what was kept is still there: %v", left)
	}
}

// The bytes that count as read go with the rows, up to the file's size.
func TestParquetProgress(t *testing.T) {
	stream, err := ipc.NewReader(bytes.NewReader(arrowStream(t, 1, 100)))
	if err != nil || !stream.Next() {
		t.Fatal(err, stream.Err())
	}
	var file bytes.Buffer
	w, err := pqarrow.NewFileWriter(stream.Schema(), &file, writer.NewWriterProperties(writer.WithMaxRowGroupLength(10)), pqarrow.DefaultWriterProps())
	if err == nil {
		err = errors.Join(w.Write(stream.Record()), w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	var read atomic.Int64
	size := int64(file.Len())
	bodies := int64(0)
	sink := Sink{Body: func(*Body) error {
		if got := read.Load(); got < size*(bodies*10-1)/100 || got > size*(bodies*10+1)/100 {
			t.Errorf("%d of %d bytes before body %d", got, size, bodies)
		}
		bodies++
		return nil
	}}
	err = readParquet(context.Background(), "x", bytes.NewReader(file.Bytes()), size, Options{BodyBytes: 1}, sink, &read)
	if err != nil || read.Load() != size || bodies != 10 {
		t.Errorf("%d bodies, %d of %d bytes, %v", bodies, read.Load(), size, err)
	}
}

func TestParquetRefused(t *testing.T) {
	file := parquetBytes(t)
	f := func(b []byte, o Options, want string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{
			ReadFile(context.Background(), path, o, (&collected{}).sink()),
			Read(context.Background(), path, bytes.NewReader(b), o, (&collected{}).sink()),
		} {
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
				t.Errorf("error %v, want %q", err, want)
			}
		}
	}
	f(file[:len(file)-1], Options{}, "the end of this Parquet file is missing")
	f([]byte("PAR1"), Options{}, "only 4 bytes")
	f(append([]byte("PARE\x10\x00\x00\x00 and so on"), "PARE"...), Options{}, "encrypted")
	f([]byte(`{"a":1} and more`), Options{Format: Parquet}, "no Parquet file")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := ReadFile(ctx, parquetFile, Options{Follow: true, Idle: time.Millisecond}, (&collected{}).sink())
	if err == nil || !strings.Contains(err.Error(), "cannot be followed") {
		t.Errorf("followed: %v", err)
	}

	// A word is no file.
	c := &collected{}
	if err := Read(context.Background(), "in", strings.NewReader("PARENT process 17 ended\n"), Options{}, c.sink()); err != nil || len(c.bodies) != 1 {
		t.Errorf("%d bodies, %v", len(c.bodies), err)
	}
}
