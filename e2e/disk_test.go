package e2e

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// TestFullDisk fills the disk under a server: receipts stop with 503 and the
// reason, also after a kill -9 with the disk still full; when there is room again
// they go on, and after a reboot every acknowledged batch is there.
func TestFullDisk(t *testing.T) {
	data, shm := smallTmpfs(t), shmDir(t)
	ballast := data + "/ballast"
	if err := os.WriteFile(ballast, make([]byte, 40<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"serve", "--listen", "127.0.0.1:0", "--data", data, "--memory-dir", shm, "--memory", "256MiB"}
	p := start(t, args...)
	next := 0
	send := func() (status int, says string) {
		r, err := p.post(client(), "wide", batchKey(next), "application/x-ndjson", wideBody(next, time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		if r.Status == http.StatusOK {
			next++
			return r.Status, ""
		}
		return r.Status, fmt.Sprint(r.Error)
	}
	refused := func() {
		t.Helper()
		for range 5_000 {
			status, says := send()
			if status == http.StatusServiceUnavailable && strings.Contains(says, "no space left on device") {
				return
			}
			if status != http.StatusOK && !strings.Contains(says, "can not be reached") { // as it is not yet, after a start
				t.Fatalf("batch %d: status %d: %s\n%s", next, status, says, p.log)
			}
		}
		t.Fatal("the disk is never full")
	}
	refused()
	full := next
	p.kill()
	p = start(t, args...)
	refused()
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	until(t, 20*time.Second, "rows are taken again", func() bool { status, _ := send(); return status == http.StatusOK })
	settled := time.Now()
	until(t, 5*time.Second, "a second passes", func() bool { return time.Since(settled) > 1100*time.Millisecond })
	p.kill()
	if err := os.RemoveAll(shm); err != nil {
		t.Fatal(err)
	}
	p = start(t, args...)
	rows, acked := int64(0), next*2000
	until(t, 20*time.Second, "all is back from disk", func() bool {
		a := p.query("SELECT count(), count(distinct id), count(distinct id) FILTER (WHERE id < " + fmt.Sprint(acked) + ") FROM wide")
		rows = a.number(t)
		return rows == int64(asInt(t, a.Rows[0][1])) && asInt(t, a.Rows[0][2]) == acked
	})
	t.Logf("%d batches until the disk was full, %d in all, %d rows", full, next, rows)
}
