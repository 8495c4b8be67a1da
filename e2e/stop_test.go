package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// stopClients is how many connections are busy when the server is told to stop.
const stopClients = 40

// TestStopUnderLoad: whoever has sent a whole request to a server that is told
// to stop gets an answer, and the rows that were acknowledged are there.
func TestStopUnderLoad(t *testing.T) {
	s := start(t, serveArgs(t)...)
	var acked atomic.Int64
	for round := range 10 {
		var clients sync.WaitGroup
		var busy atomic.Int64
		for c := range stopClients {
			clients.Go(func() {
				for sendUntilClosed(t, s, c%2 == 0, &acked, &busy) {
				}
			})
		}
		until(t, 10*time.Second, "requests are answered", func() bool { return busy.Load() > 5*stopClients })
		s.terminate()
		clients.Wait()
		s = s.again()
		if got := s.query("SELECT hits() FROM t").number(t); got < acked.Load() {
			t.Fatalf("round %d: %d rows were acknowledged, %d are there", round, acked.Load(), got)
		}
	}
}

// sendUntilClosed sends one request after another on one connection, until the
// server says that it was the last; more tells whether to connect again.
func sendUntilClosed(t *testing.T, s *process, rows bool, acked, busy *atomic.Int64) (more bool) {
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(s.http, "http://"), 300*time.Millisecond)
	if err != nil {
		return false // refused: nothing was sent
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	request := "GET /v1/tables HTTP/1.1\r\nHost: localhost\r\n\r\n"
	if rows {
		body := `{"a":1}`
		request = fmt.Sprintf("POST /v1/ingest/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	for {
		if closedByPeer(t, conn) {
			return true
		}
		if _, err := io.WriteString(conn, request); err != nil {
			return true // not sent as a whole
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Errorf("a request that was sent got no answer: %v", err)
			return false
		}
		var receipt struct{ Accepted int64 }
		if err := json.NewDecoder(resp.Body).Decode(&receipt); err != nil {
			t.Errorf("status %d, a broken answer: %v", resp.StatusCode, err)
			return false
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		acked.Add(receipt.Accepted)
		busy.Add(1)
		if resp.Close {
			return true
		}
	}
}

// closedByPeer tells whether the server has closed a connection on which
// nothing is awaited.
func closedByPeer(t *testing.T, conn net.Conn) (closed bool) {
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		n, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		closed = n == 0 && err == nil || err != nil && err != syscall.EAGAIN
	})
	return closed || err != nil
}

// TestStopWhileSending: a body that is still being sent when the server stops is
// read to its end; one that does not end is answered all the same.
func TestStopWhileSending(t *testing.T) {
	s := start(t, serveArgs(t)...)
	begin := func() net.Conn {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.http, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, err := io.WriteString(conn, "POST /v1/ingest/t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 18\r\n\r\n"+`{"a":1}`+"\n"); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	ends, endless := begin(), begin()
	s.signal(syscall.SIGTERM)
	until(t, 5*time.Second, "no new connection is taken", func() bool {
		conn, err := net.DialTimeout("tcp", strings.TrimPrefix(s.http, "http://"), 100*time.Millisecond)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	if _, err := io.WriteString(ends, `{"a":2}`+"\n\n\n"); err != nil {
		t.Fatal(err)
	}
	check := func(conn net.Conn, status int, holds string) {
		t.Helper()
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != status || !strings.Contains(string(text), holds) || !resp.Close {
			t.Errorf("status %d, close %v, %s: %v", resp.StatusCode, resp.Close, text, err)
		}
		if status == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") == "" {
			t.Error("503 without Retry-After")
		}
	}
	check(ends, http.StatusOK, `"accepted":2`)
	check(endless, http.StatusServiceUnavailable, "the server is stopping")
	<-s.done
	if s.err != nil {
		t.Error(s.err)
	}
}
