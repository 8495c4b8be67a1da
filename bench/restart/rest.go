package restart

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// restBytes is what a system at rest may still have to write: other programs
	// write a log now and then.
	restBytes = 32 << 20

	// restMax is how long rest waits for it after a sync. A disk that is busy for
	// longer is busy with somebody else's bytes.
	restMax = 10 * time.Second

	// meminfo is where Linux says how much is to be written.
	meminfo = "/proc/meminfo"

	// restPoll is how often the system is asked.
	restPoll = 50 * time.Millisecond
)

// rest writes out what the copies of a table have left to write, and waits until the
// system has written it: of 40 million rows that is 2 GB, and a machine that writes
// them takes processor and memory from what is being measured. It returns what is
// left when the time is over, 0 if the system is at rest. status is the file meminfo.
func rest(ctx context.Context, status string) (left int64, err error) {
	unix.Sync()
	for end := time.Now().Add(restMax); ; {
		text, err := os.ReadFile(status)
		if err != nil {
			return 0, err
		}
		if left, err = unwritten(string(text)); err != nil || left <= restBytes {
			return 0, err
		}
		if time.Now().After(end) {
			return left, nil
		}
		select {
		case <-ctx.Done():
			return left, ctx.Err()
		case <-time.After(restPoll):
		}
	}
}

// unwritten is the bytes of files that are not on disk yet, by the text of meminfo.
func unwritten(text string) (int64, error) {
	sum, found := int64(0), 0
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		if name != "Dirty" && name != "Writeback" {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s says %q: %w", meminfo, strings.TrimSpace(line), err)
		}
		sum += kib << 10
		found++
	}
	if found != 2 {
		return 0, fmt.Errorf("%s says %d times of 2 how much is to be written", meminfo, found)
	}
	return sum, nil
}
