package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// rssAnon is the memory of a process beside its mapped files, in bytes.
func (p *process) rssAnon() int64 {
	p.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "RssAnon: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	p.t.Fatal("no RssAnon")
	return 0
}

// watchRSS polls a process's memory until stop, which returns the most it was.
func (p *process) watchRSS() (stop func() int64) {
	end, peak := make(chan struct{}), make(chan int64)
	go func() {
		most := int64(0)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				most = max(most, p.rssAnon())
			case <-end:
				peak <- most
				return
			}
		}
	}()
	return func() int64 {
		close(end)
		return <-peak
	}
}

// memoryMax is what a server of two processors may take beside its blocks under any
// bodies, as docs/operations.md says: room for bodies that are being read, three
// times as columns, the chunks on their way, and what the collector has not seen yet.
const memoryMax = 1 << 30

// TestManyLargeBodies: 500 clients send bodies of 30 MB at once. What does not fit is
// refused with 503 and Retry-After, the process stays below its bound, and a table
// that gets a row now and then goes on.
func TestManyLargeBodies(t *testing.T) {
	s := start(t, "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--memory-dir", filepath.Join(shmDir(t), "m"), "--memory", "192MiB")
	const clients, bodyBytes, lasts = 500, 30 << 20, 20 * time.Second
	line := fmt.Appendf(nil, `{"service":"api","pad":%q,"n":1}`+"\n", strings.Repeat("x", 900))
	block := bytes.Repeat(line, 64)
	peak := s.watchRSS()
	ctx, cancel := context.WithTimeout(t.Context(), lasts)
	defer cancel()
	var done, refused, rows atomic.Int64
	var work sync.WaitGroup
	for range clients {
		work.Go(func() {
			c := &http.Client{Transport: &http.Transport{}}
			defer c.CloseIdleConnections()
			body := io.LimitReader(&repeated{block: block}, bodyBytes/int64(len(block))*int64(len(block)))
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.http+"/v1/ingest/large", body)
			if err != nil {
				t.Error(err)
				return
			}
			req.ContentLength = bodyBytes / int64(len(block)) * int64(len(block))
			res, err := c.Do(req)
			if err != nil {
				return // the time is over, or the answer came before the body's end
			}
			defer res.Body.Close()
			var r receipt
			text, _ := io.ReadAll(res.Body)
			if err := json.Unmarshal(text, &r); err != nil && ctx.Err() == nil {
				t.Errorf("%d %q: %v", res.StatusCode, text, err)
			}
			rows.Add(int64(r.Accepted))
			switch res.StatusCode {
			case http.StatusOK:
				done.Add(1)
			case http.StatusServiceUnavailable:
				refused.Add(1)
				if res.Header.Get("Retry-After") == "" {
					t.Error("503 without Retry-After")
				}
			default:
				t.Errorf("%d %s", res.StatusCode, text)
			}
		})
	}
	small := 0
	c := client()
	for ctx.Err() == nil {
		r, err := s.post(c, "small", "", "application/x-ndjson", plainRows(small, 1, time.Now()))
		if err == nil && r.Status == http.StatusOK {
			small++
		} else if err != nil || r.Status != http.StatusServiceUnavailable {
			t.Errorf("one row among large bodies: %+v %v", r, err)
			break
		}
	}
	work.Wait()
	most := peak()
	t.Logf("%d bodies stored, %d refused, %d rows; %d calls of one row; RssAnon at most %d MiB", done.Load(), refused.Load(), rows.Load(), small, most>>20)
	if most > memoryMax {
		t.Errorf("RssAnon was %d MiB, more than %d", most>>20, memoryMax>>20)
	}
	if done.Load() < 2 || small < 10 {
		t.Errorf("%d large bodies and %d small ones: the test shows nothing, or they were held up", done.Load(), small)
	}
	if n := s.query("SELECT count() FROM small").number(t); n != int64(small) {
		t.Errorf("%d rows of the small table, %d were accepted", n, small)
	}
}

// repeated is a block of bytes without end.
type repeated struct {
	block []byte
	at    int
}

func (r *repeated) Read(p []byte) (int, error) {
	n := copy(p, r.block[r.at:])
	r.at = (r.at + n) % len(r.block)
	return n, nil
}

// TestBombs: bodies that are small until they are unpacked take no more memory than
// others.
func TestBombs(t *testing.T) {
	s := start(t, "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--memory-dir", filepath.Join(shmDir(t), "m"), "--memory", "192MiB")
	plain := bytes.Repeat(fmt.Appendf(nil, `{"pad":%q}`+"\n", strings.Repeat("x", 500_000)), 300) // 150 MB
	var zipped, packed bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write(plain) // into memory
	z.Close()
	e, err := zstd.NewWriter(&packed)
	if err != nil {
		t.Fatal(err)
	}
	e.Write(plain)
	e.Close()
	t.Logf("%d bytes are %d of gzip and %d of zstd", len(plain), zipped.Len(), packed.Len())
	peak := s.watchRSS()
	var work sync.WaitGroup
	var done, refused atomic.Int64
	for i := range 24 {
		work.Go(func() {
			encoding, body := "gzip", zipped.Bytes()
			if i%2 == 0 {
				encoding, body = "zstd", packed.Bytes()
			}
			req, err := http.NewRequest(http.MethodPost, s.http+"/v1/ingest/bomb", bytes.NewReader(body))
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("Content-Encoding", encoding)
			res, err := client().Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			switch res.StatusCode {
			case http.StatusOK:
				done.Add(1)
			case http.StatusServiceUnavailable:
				refused.Add(1)
			default:
				text, _ := io.ReadAll(res.Body)
				t.Errorf("%s: %d %s", encoding, res.StatusCode, text)
			}
		})
	}
	work.Wait()
	most := peak()
	t.Logf("%d stored, %d refused, RssAnon at most %d MiB", done.Load(), refused.Load(), most>>20)
	if most > memoryMax || done.Load() < 12 {
		t.Errorf("RssAnon was %d MiB, %d of 24 were stored", most>>20, done.Load())
	}
}

// TestSlowBodies: clients that begin a body and send nothing are let go, and the
// others are not concerned.
func TestSlowBodies(t *testing.T) {
	t.Parallel() // it waits for half a minute
	s := start(t, "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--memory-dir", filepath.Join(shmDir(t), "m"), "--memory", "64MiB")
	const clients = 511 // one place is left
	conns := make([]net.Conn, clients)
	for i := range conns {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.http, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /v1/ingest/slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{\"a\":")
		conns[i] = conn
	}
	began := time.Now()
	for i := range 20 {
		if r, err := s.post(client(), "t", "", "application/x-ndjson", plainRows(i, 1, began)); err != nil || r.Status != http.StatusOK {
			t.Fatalf("beside slow ones: %+v %+v %v", r, r.Error, err)
		}
	}
	answer := func(conn net.Conn) string {
		if err := conn.SetReadDeadline(began.Add(60 * time.Second)); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return err.Error()
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		return fmt.Sprint(res.StatusCode, " ", string(text), err)
	}
	for i, conn := range conns {
		if said := answer(conn); !strings.HasPrefix(said, "400") || !strings.Contains(said, "nothing of it came for 30s") {
			t.Fatalf("slow client %d: %s", i, said)
		}
	}
	if took := time.Since(began); took < 25*time.Second || took > 50*time.Second {
		t.Errorf("slow clients were let go after %v", took)
	}
	if n := s.query("SELECT count() FROM t").number(t); n != 20 {
		t.Errorf("%d rows", n)
	}
}
