package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestVerbatim runs what README and the first five minutes tell a newcomer to
// type, as they are written, in a shell.
func TestVerbatim(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		skip(t, "there is no curl", "apt-get install curl")
	}
	s := start(t, serveArgs(t, "--leaves", "4")...)
	dir := t.TempDir()
	three := "{\"path\":\"/a\",\"ms\":1}\n{\"path\":\"/b\",\"ms\":2}\n{\"path\":\"/c\",\"ms\":3}\n"
	if err := os.WriteFile(filepath.Join(dir, "three-lines.ndjson"), []byte(three), 0o600); err != nil {
		t.Fatal(err)
	}
	sh := func(command string, want ...string) {
		t.Helper()
		cmd := exec.Command("sh", "-c", strings.ReplaceAll(command, "localhost:7411", strings.TrimPrefix(s.http, "http://")))
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "KELP_SERVER="+s.http, "PATH="+kelpDir(t)+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", command, err, out)
		}
		for _, w := range want {
			if !strings.Contains(string(out), w) {
				t.Errorf("%s printed\n%s\nwithout %q", command, out, w)
			}
		}
	}
	sh(`echo '{"path":"/pay","ms":31}' | curl -sd @- localhost:7411/v1/ingest/mine`, `"accepted":1`, `"rejected":0`)
	sh(`curl -s -d @three-lines.ndjson localhost:7411/v1/ingest/mine`, `"accepted":3`, `"rejected":0`)
	sh(`kelp query "SELECT count() FROM mine" --format csv`, "4")
	sh(`kelp demo --backfill 5m --rate 500 --outage-after 1s --duration 6s`)
	sh(`kelp query "FROM shop LAST 10m SELECT count(), p99(ms) GROUP BY service LIMIT 3 WITH OTHER" --format table`,
		"service", "(other", "100% complete", "4/4 leaves")
	sh(`kelp query "FROM shop LAST 2m SELECT version, region, count(), p99(ms) WHERE service = 'payment' GROUP BY ALL" --format table`, "4.2.1")
	sh(`kelp tables`, "shop", "mine")
	sh(`kelp describe shop`, "service", "version")
	sh(`kelp status`, "leaf-4")
	sh(`printf 'level=info msg="hello there" took=3ms\n' | kelp ingest app`, "1")
	sh(`kelp query "SELECT msg FROM app" --format csv`, "hello there")
	sh(`curl -s localhost:7411/v1/query -d "EXPLAIN SELECT service, count() FROM shop GROUP BY service"`, "leaf-1")
	sh(`curl -s localhost:7411/`, "<title>kelp</title>")
}

// kelpDir is a directory where the binary under test is called kelp.
func kelpDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(binary(t), filepath.Join(dir, "kelp")); err != nil {
		t.Fatal(err)
	}
	return dir
}
