package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/kelpdb/kelp/cmd/client/clienttest"
)

const parquetFile = "../parquet/testdata/duck_lz4_raw.parquet" // 24 rows, see the README there

// TestIngestParquet sends a Parquet file to a server, and asks what is there.
func TestIngestParquet(t *testing.T) {
	url := startServer(t)
	r := receiptOf(t, kelp(t, "", "ingest", "files", parquetFile, "--server", url).want(t, 0))
	if r.Accepted != 24 || r.Rejected != 0 || len(r.Errors) != 0 || len(r.Warnings) != 0 {
		t.Errorf("receipt %+v", r)
	}
	file, err := os.ReadFile(parquetFile)
	if err != nil {
		t.Fatal(err)
	}
	r = receiptOf(t, kelp(t, string(file), "ingest", "streams", "--time", "ns", "--server", url).want(t, 0))
	if r.Accepted != 24 || r.Rejected != 0 {
		t.Errorf("receipt %+v", r)
	}
	f := func(sql, want string) {
		t.Helper()
		if got := kelp(t, "", "query", sql, "--strict", "--server", url).want(t, 0).stdout; strings.TrimSpace(got) != want {
			t.Errorf("%s: %s, want %s", sql, got, want)
		}
	}
	f("SELECT count(), sum(n), min(time), max(http.status), count(name) FROM files",
		`{"count()":24,"sum(n)":276,"min(time)":"2026-11-22T10:00:00Z","max(http.status)":202,"count(name)":19}`)
	f("SELECT tags, price, id FROM files WHERE tags HAS 'b2' AND n = 2",
		`{"tags":["a","b2"],"price":2.5,"id":"00000000-0000-0000-0000-000000000002"}`)
	f("SELECT count(), max(time) FROM streams", `{"count()":24,"max(time)":"2026-01-02T03:04:05.123456789Z"}`)
}

// A server that is away for a while, and a lost answer, do not double rows of a
// Parquet file; a damaged one is no success, and says what went in.
func TestIngestParquetFails(t *testing.T) {
	s := clienttest.New(t)
	s.Fail(clienttest.Failure{Status: 503, Header: "0.01"}, clienttest.Failure{After: true})
	r := receiptOf(t, kelp(t, "", "ingest", "t", parquetFile, "--server", s.URL).want(t, 0, "trying again"))
	if r.Accepted != 24 || len(s.Rows("t")) != 24 {
		t.Errorf("receipt %+v, %d rows", r, len(s.Rows("t")))
	}
	file, err := os.ReadFile(parquetFile)
	if err != nil {
		t.Fatal(err)
	}
	cut := write(t, "cut.parquet", string(file[:3000]))
	whole := receiptOf(t, kelp(t, "", "ingest", "u", parquetFile, cut, "--server", s.URL).want(t, 1, "cut.parquet", "the end of this Parquet file is missing"))
	if whole.Accepted != 24 {
		t.Errorf("receipt %+v", whole)
	}
	wrong := bytes.Clone(file)
	copy(wrong[4:], "what is this?")
	kelp(t, "", "ingest", "v", write(t, "wrong", string(wrong)), "--server", s.URL).want(t, 1, `column "time" of row group 0 cannot be read`)
}

// TestIngestArrowFile sends a file with dictionaries and compressed bodies.
func TestIngestArrowFile(t *testing.T) {
	url := startServer(t)
	colour := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	schema := arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}, {Name: "colour", Type: colour}}, nil)
	for i, o := range []ipc.Option{ipc.WithLZ4(), ipc.WithZstd()} {
		path := filepath.Join(t.TempDir(), "rows.feather")
		file, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		w, err := ipc.NewFileWriter(file, ipc.WithSchema(schema), o)
		if err != nil {
			t.Fatal(err)
		}
		for n := range 3 {
			r, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(fmt.Sprintf(`[{"n":%d,"colour":"red"},{"n":10,"colour":"blue"}]`, n)))
			if err == nil {
				err = w.Write(r)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(w.Close(), file.Close()); err != nil {
			t.Fatal(err)
		}
		table := fmt.Sprint("rows", i)
		kelp(t, "", "ingest", table, path, "--server", url).want(t, 0, `"accepted":6`)
		kelp(t, "", "query", "SELECT colour, sum(n) FROM "+table+" GROUP BY 1", "--strict", "--server", url).
			want(t, 0, `{"colour":"blue","sum(n)":30}`, `{"colour":"red","sum(n)":3}`)
	}
}
