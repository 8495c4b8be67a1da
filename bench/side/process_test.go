package side

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"
)

func TestCPUOf(t *testing.T) {
	f := func(stat string, want time.Duration, wrong string) {
		t.Helper()
		got, err := cpuOf(stat)
		if got != want || (err == nil) != (wrong == "") || err != nil && !strings.Contains(err.Error(), wrong) {
			t.Errorf("%q: %v, %v", stat, got, err)
		}
	}
	f("7 (node) S 1 7 7 0 -1 4194560 1 0 0 0 120 30 0 0 20 0 11 0", 1500*time.Millisecond, "")
	f("7 (a) b) c) R 1 7 7 0 -1 4194560 1 0 0 0 1 2 0 0", 30*time.Millisecond, "") // a name may hold anything
	f("7 (node) S 1 7", 0, "cannot read")
	f("7 (node) S 1 7 7 0 -1 4194560 1 0 0 0 x 30 0 0", 0, "cannot read")
}

func TestKibibytes(t *testing.T) {
	const text = "Name:\tkelp\nRssAnon:\t  152616 kB\nRssFile:\t 1 kB\n"
	if n, err := kibibytes(text, "RssAnon:"); n != 152616<<10 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := kibibytes(text, "RssShmem:"); err == nil {
		t.Error("found what is not there")
	}
}

func TestProcessor(t *testing.T) {
	const text = "processor\t: 0\ncpu family\t: 26\nmodel\t\t: 2\nmodel name\t: AMD EPYC\nflags\t: avx2 avx512f\n"
	if got, want := processor(text), "AMD EPYC (family 26, model 2), AVX-512"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestProcess(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("SKIP: there is no /proc: processes are measured on Linux only")
	}
	ctx := context.Background()
	p, err := startProcess(t.TempDir(), "/bin/sh", "-c", "echo first; read line; echo $line >&2; echo second; exec sleep 60")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.kill(); err != nil {
			t.Error(err)
		}
	}()
	f := func(want string) {
		t.Helper()
		if line, err := p.line(ctx, time.Minute); string(line) != want || err != nil {
			t.Errorf("%q, %v, want %q", line, err, want)
		}
	}
	f("first\n")
	if _, err := p.stdin.Write([]byte("last words\n")); err != nil {
		t.Fatal(err)
	}
	f("second\n")
	if n, err := p.anonymous(); n <= 0 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	if _, err := p.cpu(); err != nil {
		t.Error(err)
	}
	peak := p.watch()
	if n := peak(); n <= 0 {
		t.Errorf("peak of %d bytes", n)
	}
	if _, err := p.line(ctx, time.Millisecond); err == nil || !strings.Contains(err.Error(), "said nothing for 1ms") ||
		!strings.Contains(err.Error(), "last words") {
		t.Errorf("silence: %v", err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if err := p.wait(cancelled, time.Minute); err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
}

func TestProcessThatFails(t *testing.T) {
	ctx := context.Background()
	p, err := startProcess("", "/bin/sh", "-c", "echo why >&2; exit 3")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.wait(ctx, time.Minute); err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "why") {
		t.Errorf("wait: %v", err)
	}
	if _, err := p.line(ctx, time.Minute); err == nil || !strings.Contains(err.Error(), "ended") {
		t.Errorf("line: %v", err)
	}
	if _, err := startProcess("", "/nowhere/kelp"); err == nil {
		t.Error("started what is not there")
	}
}

func TestLastLines(t *testing.T) {
	var l lastLines
	for range 1000 {
		if _, err := l.Write([]byte("a line\nand ")); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(l.String(), "\n"); n != stderrLines {
		t.Errorf("%d lines are kept, want %d", n, stderrLines)
	}
}
