package storage

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// takeSpace makes the file system give the range of the file real pages and
// keeps what is there. Without it a write through the mapping would be the first
// to learn that tmpfs is full, by SIGBUS.
func takeSpace(f *os.File, off, length int64) error {
	for {
		err := unix.Fallocate(int(f.Fd()), 0, off, length)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
			return errNoSpace
		case err != nil:
			return fmt.Errorf("cannot take %d bytes at %d of %s: %w", length, off, f.Name(), err)
		}
		return nil
	}
}

// giveSpace returns the pages of a range to the file system. The range must not
// be read again before takeSpace: a read would take pages back.
func giveSpace(f *os.File, off, length int64) error {
	if length <= 0 {
		return nil
	}
	return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, length)
}

// syncData makes the file's bytes survive power loss.
func syncData(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }

// DefaultBootID names the running system: it changes with every boot, when
// tmpfs has lost all it held.
func DefaultBootID() (string, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return string(id), err
}

// DefaultTmpfsOK returns nil if the directory lies on a real tmpfs, so that its
// files cannot have survived a power loss in part.
func DefaultTmpfsOK(dir string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("cannot tell the file system of %s: %w", dir, err)
	}
	if int64(st.Type) != unix.TMPFS_MAGIC {
		return fmt.Errorf("%s is not on tmpfs", dir)
	}
	return nil
}
