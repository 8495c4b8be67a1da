package storage

import (
	"errors"
	"fmt"
	"os"
	"unsafe"
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

// write writes a large block around the page cache: that takes a sixth of the
// processor's time or less, as no pages are found, copied to and given back, and
// pushes out nothing that others need. What is less than a page at its end goes
// through the cache. So does all where this cannot be done, which then also says
// what is wrong.
func (osFiles) write(f *os.File, data []byte, at int64) error {
	if whole := data[:len(data)&^(diskDirectAlign-1)]; directly(data, at) && writeDirect(f, whole, at) == nil {
		data, at = data[len(whole):], at+int64(len(whole))
	}
	_, err := f.WriteAt(data, at)
	return err
}

// directly tells whether data can be written around the page cache, and is long
// enough for it.
func directly(data []byte, at int64) bool {
	return openDirect != 0 && len(data) >= fullBlockBytes && at%diskDirectAlign == 0 &&
		uintptr(unsafe.Pointer(unsafe.SliceData(data)))%diskDirectAlign == 0
}

// writeDirect writes whole pages by a handle of its own, as f is for any places and
// lengths. It fails if the name of f has become another file's.
func writeDirect(f *os.File, pages []byte, at int64) error {
	direct, err := os.OpenFile(f.Name(), os.O_WRONLY|openDirect, 0)
	if err != nil {
		return err
	}
	mine, err := f.Stat()
	other, err2 := direct.Stat()
	if err = errors.Join(err, err2); err == nil && !os.SameFile(mine, other) {
		err = fmt.Errorf("%s is another file now", f.Name())
	}
	if err == nil {
		_, err = direct.WriteAt(pages, at)
	}
	return errors.Join(err, direct.Close())
}

func (osFiles) rename(from, to string) error { return os.Rename(from, to) }

func (osFiles) remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func (osFiles) syncDir(dir string) error { return syncDir(dir) }
