package side

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// binary is the kelp to measure: what KELP_BIN names, else one built here.
func binary(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat("/dev/shm"); err != nil {
		t.Skip("SKIP: there is no /dev/shm: kelp is measured on Linux only")
	}
	if path := os.Getenv("KELP_BIN"); path != "" {
		return path
	}
	path := filepath.Join(t.TempDir(), "kelp")
	build := exec.Command("go", "build", "-o", path, "../../cmd/kelp")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is released; the race detector is for this package
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build kelp: %v\n%s", err, out)
	}
	return path
}

// shared makes a directory in shared memory that is gone after the test.
func shared(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", fmt.Sprintf("kelp-test-%d-", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// empty fails if a run left something in a directory, or a process that was
// told of it.
func empty(t *testing.T, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 0 {
			t.Errorf("%s holds %v, %v", dir, entries, err)
		}
		processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range processes {
			if line, err := os.ReadFile(name); err == nil && bytes.Contains(line, []byte(dir)) {
				t.Errorf("%s still runs: %q", name, line)
			}
		}
	}
}

func smoke(t *testing.T, systems ...string) {
	work, memory := t.TempDir(), shared(t)
	var progress strings.Builder
	report, err := Run(context.Background(), Config{Kelp: binary(t), Peers: "../peers", Systems: systems, Rows: 1000, Seed: 3,
		Loads: 2, Rounds: 2, Work: work, Shared: memory, Log: &progress})
	if err != nil {
		t.Fatalf("%v\n%s", err, progress.String())
	}
	text := written(t, report)
	if wrong := report.Wrong(); len(wrong) != 0 {
		t.Errorf("wrong answers: %s", strings.Join(wrong, "\n"))
	}
	for _, m := range report.systems {
		if len(m.loads) != 2 || m.version == "" || m.sizes.bytes <= 0 || m.settled.atRest <= 0 || m.settled.took > settleMax/2 || len(m.times) != 2*len(questions()) {
			t.Errorf("%s: %+v", m.name, m)
		}
		restarts := 0
		if m.name != "DuckDB mem" {
			restarts = 3
		}
		if len(m.restarts) != restarts || (m.recovery != nil) != (restarts > 0) {
			t.Errorf("%s: restarts %v, recovery %v", m.name, m.restarts, m.recovery)
		}
		if c := map[string]int{kelpName: 2, "DuckDB mem": 1}; len(m.forms) != c[m.name] {
			t.Errorf("%s: loaded from %+v", m.name, m.forms)
		}
		for _, f := range m.forms {
			if len(f.loads) != 2 || f.loads[0].took <= 0 || (f.blocks > 0) != (m.name == kelpName) {
				t.Errorf("%s: %+v", m.name, f)
			}
		}
		for k, timing := range m.times {
			if timing.first <= 0 || len(timing.warm) != 2 || median(timing.warm) <= 0 {
				t.Errorf("%s, %s: %+v", m.name, k, timing)
			}
		}
	}
	if !strings.Contains(text, "# Side by side, 1k rows") {
		t.Errorf("report:\n%s", text)
	}
	empty(t, work, memory)
}

func TestSmoke(t *testing.T) { smoke(t, kelpName) }

// onWord calls a function when a word is written.
type onWord struct {
	word string
	call func()
}

func (w onWord) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(w.word)) {
		w.call()
	}
	return len(p), nil
}

// A run that is interrupted leaves nothing behind. The words have blanks, so that
// they are not found in the names of directories.
func TestInterrupted(t *testing.T) {
	kelp := binary(t)
	for _, word := range []string{"writing ", "loaded in ", "Q3all ", "stopped: "} {
		t.Run(word, func(t *testing.T) {
			work, memory := t.TempDir(), shared(t)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			begun := time.Now()
			_, err := Run(ctx, Config{Kelp: kelp, Systems: []string{kelpName}, Rows: 1000, Loads: 1, Rounds: 1, Work: work, Shared: memory,
				Log: onWord{word, cancel}})
			if !errors.Is(err, context.Canceled) || time.Since(begun) > stopMax {
				t.Errorf("%v after %v", err, time.Since(begun))
			}
			empty(t, work, memory)
		})
	}
}

func TestRunRefuses(t *testing.T) {
	f := func(cfg Config, want string) {
		t.Helper()
		cfg.Work, cfg.Shared, cfg.Peers = t.TempDir(), t.TempDir(), t.TempDir()
		if _, err := Run(context.Background(), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error with %q", err, want)
		}
		empty(t, cfg.Work, cfg.Shared)
	}
	f(Config{Rows: -1}, "must be 1 or more")
	f(Config{Rows: 10, Systems: []string{"duckdb"}}, "npm install")
	f(Config{Rows: 10, Systems: []string{kelpName}, Kelp: "/nowhere/kelp"}, "cannot ask /nowhere/kelp for its version")
}
