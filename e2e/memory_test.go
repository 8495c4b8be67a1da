package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// skip says why a test does not run and how to let it; under KELP_TEST_STRICT=1
// that is a failure.
func skip(t testing.TB, reason, install string) {
	t.Helper()
	if os.Getenv("KELP_TEST_STRICT") == "1" {
		t.Fatalf("KELP_TEST_STRICT=1 and %s; %s", reason, install)
	}
	t.Skipf("SKIP: %s; %s", reason, install)
}

// smallTmpfs mounts a tmpfs of 64 MiB.
func smallTmpfs(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		skip(t, "mounting a small tmpfs needs root", "run the tests as root")
	}
	dir := filepath.Join(t.TempDir(), "shm")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", dir).CombinedOutput(); err != nil {
		skip(t, "cannot mount a small tmpfs: "+strings.TrimSpace(string(out)), "run the tests where mount works")
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
	return dir
}

// wideBody is rows that do not compress well: unique text in each.
func wideBody(b int, at time.Time) []byte {
	var body []byte
	for i := range 2000 {
		id := uint64(b*2000 + i)
		h := (id + 1) * 0x9e3779b97f4a7c15
		body = fmt.Appendf(body, `{"time":%d,"id":%d,"trace":"%016x%016x","other":"%016x%016x"}`+"\n",
			at.UnixMilli()+int64(i), id, h, h*0xbf58476d1ce4e5b9, h*0x94d049bb133111eb, (h^h>>31)*0xd6e8feb86659fd93)
	}
	return body
}

// TestFullMemoryEvict fills a 64 MiB tmpfs several times over: the oldest rows
// go, the horizon moves, and nothing fails.
func TestFullMemoryEvict(t *testing.T) {
	shm := smallTmpfs(t)
	s := start(t, "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--memory-dir", filepath.Join(shm, "m"), "--memory", "64MiB")
	begin := time.Now().Add(-2 * time.Hour)
	const batches = 1000
	for b := range batches {
		r, err := s.post(client(), "wide", "", "application/x-ndjson", wideBody(b, begin.Add(time.Duration(b)*4*time.Second)))
		if err != nil || r.Status != http.StatusOK {
			t.Fatalf("batch %d: %+v %+v %v\n%s", b, r, r.Error, err, s.log)
		}
	}
	a := s.query("SELECT count(), min(id), max(id) FROM wide")
	count, oldest, newest := asInt(t, a.Rows[0][0]), asInt(t, a.Rows[0][1]), asInt(t, a.Rows[0][2])
	t.Logf("%d of %d rows held, ids %d to %d, horizon %v", count, batches*2000, oldest, newest, a.Horizon)
	if newest != batches*2000-1 || oldest == 0 || count < 100_000 || count >= batches*2000 {
		t.Errorf("count %d, ids %d to %d: want the newest rows, the oldest gone", count, oldest, newest)
	}
	if a.Horizon == nil || a.Completeness.Ratio != 1 {
		t.Errorf("horizon %v, completeness %+v: rows evicted are not expected any more, and the horizon says so", a.Horizon, a.Completeness)
	}
	s.kill()
	s = s.again()
	if n := s.query("SELECT count() FROM wide").number(t); n != int64(count) {
		t.Errorf("%d rows after kill -9 with full memory, want %d", n, count)
	}
}

// TestFullMemoryReject fills a 64 MiB tmpfs: ingest gets 503 with the knob,
// queries go on, and no acknowledged row is missing.
func TestFullMemoryReject(t *testing.T) {
	shm := smallTmpfs(t)
	s := start(t, "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--memory-dir", filepath.Join(shm, "m"),
		"--memory", "64MiB", "--when-full", "reject")
	accepted, refused := int64(0), 0
	for b := 0; b < 2000 && refused < 5; b++ {
		r, err := s.post(client(), "wide", "", "application/x-ndjson", wideBody(b, time.Now()))
		if err != nil {
			t.Fatalf("batch %d: %v\n%s", b, err, s.log)
		}
		switch r.Status {
		case http.StatusOK:
			accepted += int64(r.Accepted)
		case http.StatusServiceUnavailable:
			refused++
			if r.Error == nil || !strings.Contains(r.Error.Message, "--memory") || !strings.Contains(r.Error.Message, "wide") {
				t.Fatalf("the refusal names neither table nor knob: %+v", r.Error)
			}
		default:
			t.Fatalf("batch %d: %+v %+v", b, r, r.Error)
		}
	}
	if refused == 0 {
		t.Fatalf("never refused after %d rows", accepted)
	}
	if n := s.query("SELECT count() FROM wide").number(t); n != accepted {
		t.Errorf("%d rows, %d were accepted", n, accepted)
	}
	s.kill()
	s = s.again()
	if n := s.query("SELECT count() FROM wide").number(t); n != accepted {
		t.Errorf("%d rows after kill -9, %d were accepted", n, accepted)
	}
}
