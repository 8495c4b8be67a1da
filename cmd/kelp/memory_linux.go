package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// memoryLeft lists, in bytes, what the machine and each cgroup above the
// process have left. tmpfs pages count against all of them: the kernel kills
// the process where one runs out, also when tmpfs itself has room.
func memoryLeft() []int64 {
	var left []int64
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) >= 2 && fields[0] == "MemAvailable:" {
				if kib, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
					left = append(left, kib<<10)
				}
			}
		}
	}
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return left
	}
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		switch {
		case parts[0] == "0":
			left = append(left, cgroupLeft("/sys/fs/cgroup", parts[2], "memory.max", "memory.current")...)
		case parts[1] == "memory":
			left = append(left, cgroupLeft("/sys/fs/cgroup/memory", parts[2], "memory.limit_in_bytes", "memory.usage_in_bytes")...)
		}
	}
	return left
}

// cgroupLeft walks from a cgroup to its root.
func cgroupLeft(root, path, limitFile, usageFile string) []int64 {
	var left []int64
	for {
		dir := filepath.Join(root, path)
		limit, ok1 := readNumber(filepath.Join(dir, limitFile))
		usage, ok2 := readNumber(filepath.Join(dir, usageFile))
		if ok1 && ok2 {
			left = append(left, max(0, limit-usage))
		}
		if path == "/" || path == "." || path == "" {
			return left
		}
		path = filepath.Dir(path)
	}
}

func readNumber(path string) (int64, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil // "max" is no number: no limit
}
