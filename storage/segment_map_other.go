//go:build !linux

package storage

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// takeSpace extends the file with zero bytes where it is shorter. Systems
// without fallocate and tmpfs keep the directory on a disk, where the file
// system, not a full memory, is the limit.
func takeSpace(f *os.File, off, length int64) error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if st.Size() >= off+length {
		return nil
	}
	if err := f.Truncate(off + length); err != nil {
		return fmt.Errorf("cannot take %d bytes at %d of %s: %w", length, off, f.Name(), err)
	}
	return nil
}

// giveSpace does nothing here: pages go with the file.
func giveSpace(*os.File, int64, int64) error { return nil }

// syncData makes the file's bytes survive power loss.
func syncData(f *os.File) error { return f.Sync() }

// DefaultBootID names the running system: it changes with every boot.
func DefaultBootID() (string, error) { return unix.Sysctl("kern.bootsessionuuid") }

// DefaultTmpfsOK says that there is no tmpfs here, so every block's checksums
// are verified before a store serves.
func DefaultTmpfsOK(dir string) error {
	return fmt.Errorf("%s is not on tmpfs: this system has none", dir)
}
