package storage

import (
	"errors"
	"os"
)

// fileOps is what the disk does to files of the data directory beyond reading and
// syncing them (Config.syncFile does that). Tests put in another one that notes
// what was done, or fails. It is used by one goroutine at a time.
type fileOps interface {
	create(path string) (*os.File, error) // a new file, for reading and writing
	write(f *os.File, data []byte, at int64) error
	rename(from, to string) error
	remove(path string) error // of a file that is not there: nil
	syncDir(dir string) error
}

// osFiles is the real thing.
type osFiles struct{}

func (osFiles) create(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

func (osFiles) write(f *os.File, data []byte, at int64) error {
	_, err := f.WriteAt(data, at)
	return err
}

func (osFiles) rename(from, to string) error { return os.Rename(from, to) }

func (osFiles) remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func (osFiles) syncDir(dir string) error { return syncDir(dir) }
