package e2e

import (
	"net/http"
	"strings"
	"testing"
)

// serveArgs are the arguments of a serving process of its own.
func serveArgs(t testing.TB, more ...string) []string {
	t.Helper()
	return append([]string{"serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(),
		"--memory-dir", shmDir(t), "--memory", "1GiB"}, more...)
}

// TestFirstFiveMinutes is README's and UX.md's first steps on a fresh server.
func TestFirstFiveMinutes(t *testing.T) {
	s := start(t, serveArgs(t)...)
	r, err := s.post(client(), "mine", "", "application/x-www-form-urlencoded", []byte(`{"path":"/pay","ms":31}`))
	if err != nil || r.Status != http.StatusOK || r.Accepted != 1 || r.Rejected != 0 {
		t.Fatalf("%+v %v", r, err)
	}
	three := "{\"path\":\"/a\",\"ms\":1}\n{\"path\":\"/b\",\"ms\":2}\n{\"path\":\"/a\",\"ms\":4.5}\n"
	// curl -d strips newlines: objects come one after another.
	r, err = s.post(client(), "mine", "", "application/x-www-form-urlencoded", []byte(strings.ReplaceAll(three, "\n", "")))
	if err != nil || r.Accepted != 3 {
		t.Fatalf("three lines as curl -d sends them: %+v %v", r, err)
	}
	if n := s.query("SELECT count() FROM mine").number(t); n != 4 {
		t.Fatalf("count %d, want 4", n)
	}
	a := s.query("SELECT path, count(), sum(ms) FROM mine GROUP BY path ORDER BY path")
	if got := len(a.Rows); got != 3 || a.Rows[0][0] != "/a" {
		t.Fatalf("rows %v", a.Rows)
	}
	if a.Completeness.Ratio != 1 || a.Completeness.RowsCovered != 4 {
		t.Fatalf("completeness %+v", a.Completeness)
	}
	s.terminate()
	s = s.again()
	if n := s.query("SELECT count() FROM mine").number(t); n != 4 {
		t.Fatalf("count %d after SIGTERM, want 4", n)
	}
	s.kill()
	s = s.again()
	if n := s.query("SELECT count() FROM mine").number(t); n != 4 {
		t.Fatalf("count %d after kill -9, want 4", n)
	}
}

// TestUnknownTable is a 404 only where no leaf has heard of the table.
func TestUnknownTable(t *testing.T) {
	s := start(t, serveArgs(t, "--leaves", "3")...)
	s.ingest("requests", []byte(`{"a":1}`))
	a, err := s.ask("SELECT count() FROM request", readyTimeout)
	if err != nil || a.Status != http.StatusNotFound || a.Error == nil || a.Error.Code != "unknown_table" {
		t.Fatalf("%+v %v", a, err)
	}
	if !strings.Contains(a.Error.Hint, "requests") {
		t.Fatalf("hint %q does not name the table meant", a.Error.Hint)
	}
}
