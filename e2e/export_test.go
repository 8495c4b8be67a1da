package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
)

// exportGrowth is how much more memory a process may take while it exports than
// before: a few pages, and what the collector has not come to yet. The rows of the
// test, all at once, would take several times as much.
const exportGrowth = 80 << 20

// TestExportMemory: an export takes as much memory as its pages do, not as its rows.
func TestExportMemory(t *testing.T) {
	s := start(t, serveArgs(t)...)
	const batches, rows = 20, 30_000
	var body bytes.Buffer
	for b := range batches {
		body.Reset()
		for i := range rows {
			id := b*rows + i
			fmt.Fprintf(&body, `{"time":%d,"id":%d,"user":"user-%06d","message":"request %d of somebody took %d ms on its way to the other side of the house","ms":%d.25,"tags":["a","b%d"],"path":"/a/%d"}`+"\n",
				1_790_000_000_000+int64(id)/3, id, id%99_991, id, id%977, id%3001, id%7, id%311)
		}
		if r, err := s.post(client(), "wide", batchKey(b), "application/x-ndjson", body.Bytes()); err != nil || r.Accepted != rows {
			t.Fatalf("%+v %v", r, err)
		}
	}
	for _, media := range []string{"application/x-ndjson", "application/json", "text/csv", "application/vnd.apache.arrow.stream"} {
		before := s.rssAnon()
		stop := s.watchRSS()
		req, err := http.NewRequest(http.MethodGet, s.http+"/v1/query?q="+url.QueryEscape("SELECT * FROM wide LIMIT ALL"), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", media)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, res.Body)
		res.Body.Close()
		peak := stop()
		if err != nil || res.Trailer.Get("Kelp-Completeness") != "1" {
			t.Errorf("%s: %v, trailers %v", media, err, res.Trailer)
		}
		t.Logf("%s: %d MB went out, memory grew from %d to %d MB at most", media, n>>20, before>>20, peak>>20)
		if n < 60<<20 || peak-before > exportGrowth {
			t.Errorf("%s: %d bytes went out, memory grew by %d MB", media, n, (peak-before)>>20)
		}
	}
}
