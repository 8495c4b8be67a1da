package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

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
