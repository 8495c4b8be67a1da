package restart

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

	"golang.org/x/sys/unix"
)

// shared makes a directory in shared memory that is gone after the test.
func shared(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat("/dev/shm"); err != nil {
		t.Skip("SKIP: there is no /dev/shm: kelp is measured on Linux only")
	}
	dir, err := os.MkdirTemp("/dev/shm", fmt.Sprintf("kelp-test-%d-", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// binaries builds kelp and kelprestart into a directory.
func binaries(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin+string(os.PathSeparator), "../../cmd/kelp", "./kelprestart")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as they are released; the race detector is for this package
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build: %v\n%s", err, out)
	}
	return bin
}

func TestSmoke(t *testing.T) {
	memory, work, bin := shared(t), t.TempDir(), binaries(t)
	var log, report strings.Builder
	all, err := Run(context.Background(), Config{
		Kelp: []string{filepath.Join(bin, "kelp")}, Filler: []string{filepath.Join(bin, "kelprestart"), "fill"},
		Rows: []int64{20_000}, Starts: 2, Seed: 1, Work: work, Shared: memory, Log: &log,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 {
		t.Fatalf("%d kinds of starts, want 2", len(all))
	}
	for _, m := range all {
		for _, s := range m.Starts {
			if s.Ready <= 0 || s.Q2 <= s.Ready || s.Q5 <= s.Q2 || s.ReadyCPU <= 0 || s.AnswerCPU <= s.ReadyCPU {
				t.Errorf("%d rows after %s: %+v", m.Rows, m.After, s)
			}
		}
	}
	if err := Write(&report, all); err != nil || strings.Count(report.String(), "\n") != 4 {
		t.Errorf("the report is %v:\n%s", err, &report)
	}
	for _, dir := range []string{work, memory} {
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%s holds %v, %v", dir, left, err)
		}
	}
}

// TestKeep: a table that is kept is made once, and one that was not made to its end
// is made anew.
func TestKeep(t *testing.T) {
	memory, bin, keep := shared(t), binaries(t), t.TempDir()
	if err := os.MkdirAll(filepath.Join(keep, "restart-2000", "SIGTERM", "data", "leaf-1"), 0o700); err != nil {
		t.Fatal(err)
	}
	for want := 1; want >= 0; want-- {
		var log strings.Builder
		all, err := Run(context.Background(), Config{
			Kelp: []string{filepath.Join(bin, "kelp")}, Filler: []string{filepath.Join(bin, "kelprestart"), "fill"},
			Rows: []int64{2_000}, Starts: 1, Seed: 1, Keep: keep, Shared: memory, Log: &log,
		})
		if err != nil || len(all) != 2 {
			t.Fatalf("%d kinds of starts, %v", len(all), err)
		}
		if got := strings.Count(log.String(), "rows made"); got != want {
			t.Errorf("the table was made %d times, want %d", got, want)
		}
	}
}

func TestRows(t *testing.T) {
	f := func(answer, want, fails string) {
		t.Helper()
		got, err := rows([]byte(answer))
		if got != want || (err == nil) != (fails == "") || err != nil && !strings.Contains(err.Error(), fails) {
			t.Errorf("%s: %q, %v", answer, got, err)
		}
	}
	f(`{"rows":[["api",1]],"completeness":{"ratio":1,"rows_covered":7}}`, `7 rows: [["api",1]]`, "")
	f(`{"rows":[["api",1]],"completeness":{"ratio":0.999,"rows_covered":7}}`, "", "completeness 0.999")
	f(`{"rows":[["api",1]]}`, "", "completeness 0")
	f(`{"rows":`, "", "cannot read")
}

func TestUnwritten(t *testing.T) {
	f := func(meminfo string, want int64, fails string) {
		t.Helper()
		got, err := unwritten(meminfo)
		if got != want || (err == nil) != (fails == "") || err != nil && !strings.Contains(err.Error(), fails) {
			t.Errorf("%q: %d bytes, %v", meminfo, got, err)
		}
	}
	f("MemFree: 7 kB\nDirty:             3 kB\nWriteback:         4 kB\nWritebackTmp:      9 kB\n", 7<<10, "")
	f("Dirty: 0 kB\nWriteback: 0 kB\n", 0, "")
	f("Dirty: 3 kB\n", 0, "1 times of 2")
	f("Dirty: x kB\nWriteback: 0 kB\n", 0, `"Dirty: x kB"`)
}

// TestRest: rest ends when the system says so, and not before.
func TestRest(t *testing.T) {
	stopped, cancel := context.WithCancel(context.Background())
	cancel()
	f := func(dirty int, want int64, fails error) {
		t.Helper()
		status := filepath.Join(t.TempDir(), "meminfo")
		if err := os.WriteFile(status, fmt.Appendf(nil, "Dirty: %d kB\nWriteback: 0 kB\n", dirty>>10), 0o600); err != nil {
			t.Fatal(err)
		}
		if left, err := rest(stopped, status); left != want || !errors.Is(err, fails) {
			t.Errorf("%d bytes to write: %d are left, %v", dirty, left, err)
		}
	}
	f(restBytes, 0, nil)
	f(restBytes+1024, restBytes+1024, context.Canceled)
}

func TestCopyKeepsHoles(t *testing.T) {
	dir := shared(t)
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	if err := os.MkdirAll(filepath.Join(from, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	const size = 8 << 20
	want := make([]byte, size)
	copy(want, "begins")
	copy(want[4<<20:], "goes on")
	f, err := os.Create(filepath.Join(from, "sub", "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, at := range []int64{0, 4 << 20} {
		if _, err := f.WriteAt(want[at:at+16], at); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	if err := copyTree(from, to); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(to, "sub", "file"))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the copy is another, %d bytes, %v", len(got), err)
	}
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(to, "sub", "file"), &st); err != nil || st.Blocks*512 > 1<<20 {
		t.Errorf("the copy takes %d bytes, %v", st.Blocks*512, err)
	}
}
