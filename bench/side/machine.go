package side

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// machine is what figures depend on.
type machine struct {
	cpu     string
	cores   int
	memory  int64
	kernel  string
	load    string // average of the last minute, before the run: others were busy if it is high
	canDrop bool   // may drop the page cache
}

func thisMachine() *machine {
	m := &machine{cores: runtime.NumCPU(), cpu: "unknown", kernel: "unknown", load: "unknown"}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		m.cpu = processor(string(text))
	}
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		m.memory, _ = kibibytes(string(text), "MemTotal:")
	}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.kernel = strings.TrimSpace(string(text))
	}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.load, _, _ = strings.Cut(string(text), " ")
	}
	if f, err := os.OpenFile(dropCaches, os.O_WRONLY, 0); err == nil {
		m.canDrop = f.Close() == nil
	}
	return m
}

// processor names the model; where a hypervisor hides it, family and model tell.
func processor(cpuinfo string) string {
	field := func(name string) string {
		for line := range strings.Lines(cpuinfo) {
			if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
				return strings.TrimSpace(value)
			}
		}
		return "?"
	}
	name := fmt.Sprintf("%s (family %s, model %s)", field("model name"), field("cpu family"), field("model"))
	if strings.Contains(cpuinfo, "avx512f") {
		name += ", AVX-512"
	}
	return name
}

const dropCaches = "/proc/sys/vm/drop_caches"

// dropPageCache writes what is dirty and forgets what is clean, of every file.
func dropPageCache() error {
	syscall.Sync()
	if err := os.WriteFile(dropCaches, []byte("3\n"), 0); err != nil {
		return fmt.Errorf("cannot drop the page cache: %w", err)
	}
	return nil
}

// readThrough reads a file once, so that it is in the page cache.
func readThrough(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(io.Discard, cancellable{ctx, f})
	return err
}

// cancellable is a reader or writer that ends with its context.
type cancellable struct {
	ctx  context.Context
	file *os.File
}

func (c cancellable) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.file.Read(p)
}

func (c cancellable) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.file.Write(p)
}

// used is the bytes that the files below a directory take, holes not counted.
func used(dir string) (int64, error) {
	sum := int64(0)
	err := eachFile(dir, func(_ string, info fs.FileInfo) error {
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			sum += st.Blocks * 512
		}
		return nil
	})
	return sum, err
}

func eachFile(dir string, f func(path string, info fs.FileInfo) error) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone meanwhile, or never there
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return f(path, info)
	})
}

// ddRead reads every file below a directory with dd and returns bytes per
// second, by what the files take on disk.
func ddRead(ctx context.Context, dir string) (float64, error) {
	bytes, err := used(dir)
	if err != nil {
		return 0, err
	}
	took := time.Duration(0)
	err = eachFile(dir, func(path string, info fs.FileInfo) error {
		if info.Size() == 0 {
			return nil
		}
		begun := time.Now()
		out, err := exec.CommandContext(ctx, "dd", "if="+path, "of=/dev/null", "bs=1M").CombinedOutput()
		if err != nil {
			return fmt.Errorf("dd of %s: %w: %s", path, err, out)
		}
		took += time.Since(begun)
		return nil
	})
	if err != nil || took == 0 {
		return 0, err
	}
	return float64(bytes) / took.Seconds(), nil
}

// pause waits, unless the context ends before.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// commit names the revision of the working tree, if there is one.
func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	name := strings.TrimSpace(string(out))
	changed, err := exec.CommandContext(ctx, "git", "status", "--porcelain", "--untracked-files=no").Output()
	if err == nil && len(changed) > 0 {
		name += "-dirty"
	}
	return name
}
