package main

import (
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kelpdb/kelp/aggregator"
	"github.com/kelpdb/kelp/bench/gen"
)

// serveInProcess is the API of a node without a network, ready to take rows.
func serveInProcess(tb testing.TB) http.Handler {
	tb.Helper()
	all := filepath.Join("/dev/shm", fmt.Sprintf("kelp-test-%d", os.Getpid()))
	if err := os.MkdirAll(all, 0o700); err != nil {
		tb.Fatal(err)
	}
	memory, err := os.MkdirTemp(all, "serve-")
	if err != nil {
		tb.Fatal(err)
	}
	cmd := serveCmd{Leaves: 1, storeFlags: storeFlags{Data: tb.TempDir(), MemoryDir: memory, Memory: 512 << 20, WhenFull: "evict"}}
	node, err := cmd.start("127.0.0.1:0", slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := node.close(); err != nil {
			tb.Error(err)
		}
		os.RemoveAll(memory)
		os.Remove(all) // succeeds when the last directory has gone
	})
	if err := node.untilReady(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return node.agg.Handler(aggregator.HTTPConfig{})
}

// discard is a ResponseWriter that keeps the status alone.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }

// poster sends the same body again and again, allocating nothing itself.
type poster struct {
	handler http.Handler
	body    string
	reader  *strings.Reader
	request *http.Request
	w       discard
}

func newPoster(handler http.Handler, body string) *poster {
	p := &poster{handler: handler, body: body, reader: strings.NewReader(body), w: discard{header: make(http.Header)}}
	request, err := http.NewRequest("POST", "http://127.0.0.1/v1/ingest/events", io.NopCloser(p.reader))
	if err != nil {
		panic(err)
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	p.request = request
	return p
}

func (p *poster) post() (status int) {
	p.reader.Reset(p.body)
	p.handler.ServeHTTP(&p.w, p.request)
	return p.w.status
}

const oneRow = `{"service":"api","endpoint":"/v1/pay","status":200,"duration_ms":12.5,"user_id":"user-17","message":"order 17 paid in 31 ms"}`

// Bounds of TestIngestAllocations. A lone row has a commit, a promise and its
// record in the journal to itself; of many clients' rows each has a part of them.
// A merge beside a large body takes a thousand or two, a row none.
const (
	oneRowAllocationsMax = 100
	perRowAllocationsMax = 0.25
)

// TestIngestAllocations bounds what the whole way of a row allocates, from the
// handler to the receipt, with what its commit and promise take in other goroutines.
func TestIngestAllocations(t *testing.T) {
	handler := serveInProcess(t)
	f := func(what, body string, runs int, most float64) {
		t.Helper()
		p := newPoster(handler, body)
		got := math.Inf(1)
		for range 5 { // the least: the race detector has pools lose what they hold
			got = min(got, testing.AllocsPerRun(runs, func() {
				if status := p.post(); status != http.StatusOK {
					t.Fatalf("%s: status %d", what, status)
				}
			}))
		}
		if got > most {
			t.Errorf("%s: %v allocations, at most %v", what, got, most)
		}
		t.Logf("%s: %v allocations", what, got)
	}
	f("a row", oneRow, 200, oneRowAllocationsMax)
	const rows = 20_000
	f("many rows", strings.Repeat(oneRow+"\n", rows), 1, rows*perRowAllocationsMax)
}

// BenchmarkOneRow is a row per request, from many clients at once.
func BenchmarkOneRow(b *testing.B) {
	handler := serveInProcess(b)
	b.SetParallelism(32)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		p := newPoster(handler, oneRow)
		for pb.Next() {
			if status := p.post(); status != http.StatusOK {
				b.Errorf("status %d", status)
				return
			}
		}
	})
}

// BenchmarkLargeBodies is 20,000 rows of the reference workload per request, from
// two clients.
func BenchmarkLargeBodies(b *testing.B) {
	const rows, bodies = 20_000, 8
	handler := serveInProcess(b)
	texts := make([]string, bodies)
	g := gen.New(gen.Config{Rows: rows * bodies, Seed: 1, End: time.Now()})
	for i := range texts {
		var text []byte
		for row := range int64(rows) {
			text = g.AppendNDJSON(text, int64(i)*rows+row)
		}
		texts[i] = string(text)
	}
	b.SetParallelism(1)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if status := newPoster(handler, texts[i%bodies]).post(); status != http.StatusOK {
				b.Errorf("status %d", status)
				return
			}
		}
	})
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
