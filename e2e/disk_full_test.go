package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFullDisk fills the disk of the data directory under a running server.
// Receipts stop with an error that names the disk and the knob, reading goes on
// and sees every acknowledged row, also after kill -9 and a start on the full disk.
// When there is room again, rows come in again; and then memory can be lost.
func TestFullDisk(t *testing.T) {
	shm, disk := shmDir(t), smallTmpfs(t)
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 40<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, "serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(disk, "d"), "--memory-dir", shm, "--memory", "512MiB")
	accepted, unsure, batch := int64(0), int64(0), 0
	// Rows are acknowledged for a second after the disk is full. What comes in it must
	// fit into the room that the ballast leaves: 200,000 rows a second, some 8 MB.
	pace := time.NewTicker(10 * time.Millisecond)
	defer pace.Stop()
	// fill sends rows until several in a row were refused: the first waits for the
	// disk, those behind it do not.
	fill := func() (message string) {
		refused := 0
		for ; refused < 3; batch++ {
			<-pace.C
			if batch > 3000 {
				t.Fatalf("never refused after %d rows\n%s", accepted, s.log)
			}
			r, err := s.post(client(), "wide", "", "application/x-ndjson", wideBody(batch, time.Now()))
			switch {
			case err != nil:
				t.Fatalf("batch %d: %v\n%s", batch, err, s.log)
			case r.Status == http.StatusOK:
				accepted += int64(r.Accepted)
				refused = 0
			case r.Status == http.StatusServiceUnavailable && r.Error != nil:
				unsure += 2000
				refused++
				message = r.Error.Message
			default:
				t.Fatalf("batch %d: %+v %+v", batch, r, r.Error)
			}
		}
		return message
	}
	// holds checks that what was acknowledged is there, and nothing that was not sent.
	holds := func(when string) {
		t.Helper()
		a := s.query("SELECT count(), uniq_exact(id) FROM wide")
		n, ids := int64(asInt(t, a.Rows[0][0])), int64(asInt(t, a.Rows[0][1]))
		if n < accepted || n > accepted+unsure || n != ids || a.Completeness.Ratio != 1 {
			t.Errorf("%s: %d rows of %d ids, %d acknowledged, %d of unknown fate, %+v", when, n, ids, accepted, unsure, a.Completeness)
		}
	}
	message := fill()
	t.Logf("%d rows acknowledged, %d refused: %s", accepted, unsure, message)
	if !strings.Contains(message, disk) || !strings.Contains(message, "free the disk") || !strings.Contains(message, "no space") {
		t.Errorf("the refusal names not the disk, why and what to do: %s", message)
	}
	holds("on the full disk")
	s.kill()
	s = s.again()
	holds("after kill -9 on the full disk")
	fill()
	holds("still full")
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	until(t, 30*time.Second, "rows are acknowledged again", func() bool {
		batch++
		r, err := s.post(client(), "wide", "", "application/x-ndjson", wideBody(batch, time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		if r.Status != http.StatusOK {
			unsure += 2000
			return false
		}
		accepted += int64(r.Accepted)
		return true
	})
	holds("with room on the disk")
	s.terminate() // all is flushed
	if err := os.RemoveAll(shm); err != nil {
		t.Fatal(err)
	}
	s = s.again()
	until(t, 30*time.Second, "all is back from disk", func() bool {
		return s.query("SELECT count() FROM wide").Completeness.Ratio == 1
	})
	holds("from disk alone")
}
