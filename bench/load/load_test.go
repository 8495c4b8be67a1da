package load

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kelpdb/kelp/bench/gen"
	"github.com/kelpdb/kelp/cmd/client"
	"github.com/kelpdb/kelp/cmd/client/clienttest"
)

func workload(rows int64) gen.Config {
	return gen.Config{Seed: 1, Rows: rows, End: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
}

// Whichever way the bodies are made, every row arrives once.
func TestEveryRowOnce(t *testing.T) {
	const rows = 1234
	g := gen.New(workload(rows))
	var text []byte
	want := map[string]bool{}
	for i := range int64(rows) {
		text = g.AppendNDJSON(text, i)
		row := g.Row(i)
		want[row.TraceID()] = true
	}
	file := filepath.Join(t.TempDir(), "events.ndjson")
	if err := os.WriteFile(file, bytes.TrimSuffix(text, []byte("\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]Config{
		"made on the way": {}, "ahead": {Ahead: true}, "zstd": {Zstd: true}, "zstd ahead": {Zstd: true, Ahead: true},
		"file": {File: file}, "file ahead": {File: file, Ahead: true, Zstd: true}, "one connection": {Connections: 1},
		"arrow": {Format: Arrow}, "arrow-dict": {Format: ArrowDict, RecordRows: 30, Ahead: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := clienttest.New(t)
			s.Fail(clienttest.Failure{Status: 503, Header: "0.01"}, clienttest.Failure{After: true})
			cfg.Server, cfg.Workload, cfg.BatchRows = s.URL, workload(rows), 100
			if cfg.Connections == 0 {
				cfg.Connections = 3
			}
			r, err := Run(context.Background(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			// net/http itself repeats a request with a key on a connection that was cut.
			if r.Rows != rows || r.Batches != 13 || (r.Bytes == int64(len(text))) == cfg.Format.arrow() || r.Retries < 1 || (r.Sent < r.Bytes/2) != cfg.Zstd {
				t.Errorf("result %+v, %d bytes", r, len(text))
			}
			got := map[string]bool{}
			for _, row := range s.Rows("events") {
				got[row["trace_id"].(string)] = true
			}
			if len(got) != rows || len(s.Rows("events")) != rows {
				t.Errorf("%d rows, %d distinct, want %d", len(s.Rows("events")), len(got), rows)
			}
			for id := range want {
				if !got[id] {
					t.Fatalf("row %s is missing", id)
				}
			}
		})
	}
}

func TestFormat(t *testing.T) {
	for _, f := range []Format{NDJSON, Arrow, ArrowDict} {
		var got Format
		if err := got.UnmarshalText([]byte(f)); err != nil || got != f || (f.mediaType() == client.TypeArrow) != f.arrow() {
			t.Errorf("%q was read as %q, %v", f, got, err)
		}
	}
	var f Format
	if err := f.UnmarshalText([]byte("parquet")); err == nil || f != "" {
		t.Errorf("parquet is sent as %q", f)
	}
	if _, err := Run(context.Background(), Config{Server: clienttest.New(t).URL, File: "/dev/null", Format: Arrow}); err == nil {
		t.Error("a file of NDJSON was sent as Arrow")
	}
}

func TestReceiptsAreVerified(t *testing.T) {
	s := clienttest.New(t)
	file := filepath.Join(t.TempDir(), "events.ndjson")
	if err := os.WriteFile(file, []byte("{\"a\":1}\nbroken\n{\"a\":2}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Run(context.Background(), Config{Server: s.URL, File: file})
	if err == nil || !strings.Contains(err.Error(), "sent 3 rows, the receipt says 2 accepted, 1 rejected") {
		t.Errorf("error %v", err)
	}
}
