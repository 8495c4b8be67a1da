package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A dirLock keeps a second process out of a directory. The kernel lets go of it
// when the process dies, however it dies.
type dirLock struct{ file *os.File }

// lockDir makes the directory if there is none and locks it. It waits up to
// lockWait for a process that is just dying.
func lockDir(dir string) (*dirLock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the directory of a store: %w", err)
	}
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot open the lock of a store: %w", err)
	}
	for tries := int(lockWait / lockPause); ; time.Sleep(lockPause) {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			break
		}
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if tries--; !errors.Is(err, unix.EWOULDBLOCK) || tries <= 0 {
			holder, _ := os.ReadFile(path)
			return nil, errors.Join(fmt.Errorf("%s is in use by process %s: stop it, or give another directory: %w",
				dir, strings.TrimSpace(string(holder)), err), f.Close())
		}
	}
	if err := f.Truncate(0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	// The number is for people; nothing reads it but the error above.
	if _, err := f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0); err != nil && !errors.Is(err, unix.ENOSPC) {
		return nil, errors.Join(err, f.Close())
	}
	return &dirLock{file: f}, nil
}

func (l *dirLock) unlock() error {
	if l == nil {
		return nil
	}
	return l.file.Close()
}
