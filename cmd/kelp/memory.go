package main

import (
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// size is a number of bytes on the command line: 512MiB, 2GB, 1073741824.
type size int64

// UnmarshalText reads a size.
func (s *size) UnmarshalText(text []byte) error {
	units := []struct {
		name string
		n    float64
	}{
		{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"tib", 1 << 40},
		{"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"tb", 1e12},
		{"k", 1 << 10}, {"m", 1 << 20}, {"g", 1 << 30}, {"t", 1 << 40}, {"b", 1}, {"", 1},
	}
	number := strings.ToLower(strings.ReplaceAll(string(text), " ", ""))
	for _, u := range units {
		if digits, ok := strings.CutSuffix(number, u.name); ok {
			v, err := strconv.ParseFloat(digits, 64)
			if err != nil || v <= 0 || v*u.n > 1<<62 {
				break
			}
			*s = size(v * u.n)
			return nil
		}
	}
	return fmt.Errorf("%q is not a size; write 512MiB, 2GiB or a number of bytes", text)
}

// formatBytes writes a size for people.
func formatBytes(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	v, i := float64(n), 0
	for v >= 1024 && i < len(units)-1 {
		v, i = v/1024, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, units[i])
}

// memoryDefault is where the blocks of a data directory lie when nothing else
// is said: on tmpfs, apart for each user and each data directory.
func memoryDefault(data string) (string, error) {
	path, err := filepath.Abs(data)
	if err != nil {
		return "", fmt.Errorf("cannot name the memory directory: %w", err)
	}
	h := fnv.New64a()
	h.Write([]byte(path))
	return filepath.Join("/dev/shm", fmt.Sprintf("kelp-%d", os.Getuid()), fmt.Sprintf("%016x", h.Sum64())), nil
}

// budgetDefault is half of what the file system of the memory directory and the
// memory of the machine and its cgroups leave, with what the directory holds
// already counted as ours.
func budgetDefault(dir string) (int64, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, fmt.Errorf("cannot make the memory directory: %w", err)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return 0, fmt.Errorf("cannot tell the free memory of %q: %w", dir, err)
	}
	free := int64(fs.Bavail) * int64(fs.Bsize)
	for _, left := range memoryLeft() {
		free = min(free, left)
	}
	return (free + held(dir)) / 2, nil
}

// held is the bytes that the files below a directory take.
func held(dir string) int64 {
	sum := int64(0)
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // gone meanwhile
		}
		var st unix.Stat_t
		if unix.Stat(path, &st) == nil {
			sum += st.Blocks * 512
		}
		return nil
	})
	return sum
}

// heldBy is the bytes that each leaf's memory takes from before.
func (f *storeFlags) heldBy(names []string) []int64 {
	bytes := make([]int64, len(names))
	for i, name := range names {
		bytes[i] = held(filepath.Join(f.MemoryDir, name))
	}
	return bytes
}

// shareMemory divides memory evenly among leaves, but for those that hold more
// than their part: they keep what they hold, with some room to work in, so that
// a leaf more does not cost rows. If that leaves the others next to nothing, it
// is divided evenly after all.
func shareMemory(total int64, held []int64) []int64 {
	budgets := make([]int64, len(held))
	left, rest := total, int64(len(held))
	even := total / rest
	for again := true; again && rest > 0; {
		again = false
		for i, bytes := range held {
			need := bytes + bytes/workingRoom
			if budgets[i] == 0 && need > left/rest {
				budgets[i], left, rest, again = need, left-need, rest-1, true
				break
			}
		}
	}
	for i := range budgets {
		if rest > 0 && left/rest < even/evenShareMin || left < 0 {
			budgets[i] = even
		} else if budgets[i] == 0 {
			budgets[i] = left / rest
		}
	}
	return budgets
}
