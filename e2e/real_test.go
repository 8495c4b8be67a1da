package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestNginxLog lets a real nginx write a real access log under wrk's requests,
// and holds the counts against awk's.
func TestNginxLog(t *testing.T) {
	for _, tool := range []string{"nginx", "wrk", "awk"} {
		if _, err := exec.LookPath(tool); err != nil {
			skip(t, "there is no "+tool, "apt-get install nginx-light wrk gawk")
		}
	}
	dir := t.TempDir()
	log := filepath.Join(dir, "access.log")
	port := freePort(t)
	conf := fmt.Sprintf(`daemon off; pid %[1]s/pid; error_log %[1]s/error.log;
events { worker_connections 256; }
http { access_log %[2]s combined; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
server { listen 127.0.0.1:%[3]d; location /ok { return 200 "fine"; } location /gone { return 410; } location / { return 404; } } }
`, dir, log, port)
	path := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	nginx := exec.Command("nginx", "-c", path, "-p", dir)
	nginx.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := nginx.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, 10*time.Second, "nginx answers", func() bool {
		return exec.Command("wrk", "-t1", "-c1", "-d1s", fmt.Sprintf("http://127.0.0.1:%d/ok", port)).Run() == nil && size(log) > 0
	})
	for _, p := range []string{"/gone", "/nowhere?a=b"} {
		if out, err := exec.Command("wrk", "-t1", "-c2", "-d1s", fmt.Sprintf("http://127.0.0.1:%d%s", port, p)).CombinedOutput(); err != nil {
			t.Fatalf("wrk: %v\n%s", err, out)
		}
	}
	if err := nginx.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	_ = nginx.Wait()
	s := start(t, serveArgs(t, "--leaves", "2")...)
	if _, errs, status := run(t, nil, "ingest", "--server", s.http, "access", log); status != 0 {
		t.Fatalf("kelp ingest: status %d\n%s", status, errs)
	}
	want := awkCounts(t, `{n[$9]++} END {for (k in n) print k, n[k]}`, log)
	sameCounts(t, s, "SELECT status, count() FROM access GROUP BY status", want)
	want = awkCounts(t, `{split($7, p, "?"); n[p[1]]++} END {for (k in n) print k, n[k]}`, log)
	sameCounts(t, s, "SELECT path, count() FROM access GROUP BY path", want)
}

func freePort(t *testing.T) int {
	t.Helper()
	ln := listen(t)
	defer ln.Close()
	return portOf(ln)
}

func size(path string) int64 {
	st, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return st.Size()
}

// awkCounts runs a program that prints "name count" lines.
func awkCounts(t *testing.T, program string, files ...string) map[string]string {
	t.Helper()
	out, err := exec.Command("awk", append([]string{program}, files...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	counts := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		name, n, ok := strings.Cut(strings.TrimSpace(line), " ")
		if ok {
			counts[name] = n
		}
	}
	return counts
}

// sameCounts holds a grouped count against counts worked out elsewhere.
func sameCounts(t *testing.T, s *process, sql string, want map[string]string) {
	t.Helper()
	got := make(map[string]string)
	for _, row := range s.query(sql).Rows {
		got[fmt.Sprint(row[0])] = fmt.Sprint(row[1])
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d groups, want %d", sql, len(got), len(want))
	}
	for k, n := range want {
		if got[k] != n {
			t.Errorf("%s: %s is %s, want %s", sql, k, got[k], n)
		}
	}
}

// TestSampleLogs loads the Loghub samples where they are present: every line of
// every file is a row, and the counts by level and host equal awk's.
func TestSampleLogs(t *testing.T) {
	files, err := filepath.Glob("../../shared/data/loghub/*.log")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("SKIP: no sample logs beside the project (../shared/data/loghub); nothing to install: they are not part of it")
	}
	sort.Strings(files)
	s := start(t, serveArgs(t, "--leaves", "2")...)
	for _, file := range files {
		table := strings.ToLower(strings.TrimSuffix(filepath.Base(file), "_2k.log"))
		if _, errs, status := run(t, nil, "ingest", "--server", s.http, table, file); status != 0 {
			t.Fatalf("%s: status %d\n%s", table, status, errs)
		}
		// A file may end without a newline: count the records, as awk does.
		lines := awkCounts(t, `END {print "lines", NR}`, file)["lines"]
		if n := s.query("SELECT count() FROM " + table).number(t); fmt.Sprint(n) != lines {
			t.Errorf("%s: %d rows, %s lines", table, n, lines)
		}
	}
	of := func(name string) string { return "../../shared/data/loghub/" + name + "_2k.log" }
	sameCounts(t, s, "SELECT level, count() FROM zookeeper GROUP BY level",
		awkCounts(t, `{n[$4]++} END {for (k in n) print k, n[k]}`, of("Zookeeper")))
	sameCounts(t, s, "SELECT level, count() FROM spark GROUP BY level",
		awkCounts(t, `{n[$3]++} END {for (k in n) print k, n[k]}`, of("Spark")))
	sameCounts(t, s, "SELECT host, count() FROM openssh GROUP BY host",
		awkCounts(t, `{n[$4]++} END {for (k in n) print k, n[k]}`, of("OpenSSH")))
	sameCounts(t, s, "SELECT host, count() FROM linux GROUP BY host",
		awkCounts(t, `{n[$4]++} END {for (k in n) print k, n[k]}`, of("Linux")))
}
