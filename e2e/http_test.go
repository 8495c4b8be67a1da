package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func getJSON(t testing.TB, url string, into any) int {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		t.Fatalf("%s: status %d: %v", url, res.StatusCode, err)
	}
	return res.StatusCode
}

// cutReply sends a whole request and goes away before the answer, as a client
// whose connection breaks does.
func cutReply(t *testing.T, p *process, key string, body []byte) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.http, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	head := fmt.Sprintf("POST /v1/ingest/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"+
		"Idempotency-Key: %s\r\nContent-Length: %d\r\n\r\n", key, len(body))
	if _, err := conn.Write(append([]byte(head), body...)); err != nil {
		t.Fatal(err)
	}
	// One byte of the answer proves that the rows are in; the rest is never read.
	_ = conn.SetReadDeadline(time.Now().Add(readyTimeout))
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func portOf(ln net.Listener) int { return ln.Addr().(*net.TCPAddr).Port }

// freeAddress is a loopback address whose port, and those for RPC and gossip
// above it, nobody listens on now.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		port := 10_000 + rand.IntN(20_000)
		free := true
		for _, above := range []int{0, 1000, 2000} {
			ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+above))
			if err != nil {
				free = false
				continue
			}
			ln.Close()
		}
		if free {
			return fmt.Sprintf("127.0.0.1:%d", port)
		}
	}
	t.Fatal("no three free ports after 100 tries")
	return ""
}
