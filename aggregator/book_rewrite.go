package aggregator

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// A journal that has grown is replaced in three steps, so that no leaf waits for
// its promises meanwhile:
//
//	begin   under the file's mutex: the book as a snapshot, and where the journal
//	        ends. The book holds all that stands before that place
//	write   without it: the snapshot into a new file, synced; then what was written
//	        to the journal meanwhile, until little is left
//	finish  under the mutex: the rest, and the new file takes the journal's name
//
// The snapshot may hold Updates that stand behind the place, too. As values in them
// are absolute, reading them again does no harm.

// snapshot is all of a book as a record.
func (b *book) snapshot() []byte {
	return appendBookRecord(nil, func(dst []byte) []byte {
		b.mu.Lock()
		defer b.mu.Unlock()
		return appendBookLocked(dst, b)
	})
}

// writeSnapshot writes a snapshot into an empty file and syncs it.
func writeSnapshot(file *os.File, snapshot []byte) error {
	if _, err := file.Write(snapshot); err != nil {
		return err
	}
	return file.Sync()
}

// createBook makes an empty file beside the journal, to take its name.
func createBook(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
}

func (f *bookFile) rewrite(b *book) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rewriteLocked(b)
}

// rewriteLocked replaces the journal by a snapshot of the book in one go: at the
// start, and where the journal cannot be written on.
func (f *bookFile) rewriteLocked(b *book) error {
	next, err := createBook(f.path + ".new")
	if err != nil {
		return fmt.Errorf("cannot write the promises of the leaves: %w", err)
	}
	snapshot := b.snapshot()
	err = writeSnapshot(next, snapshot)
	if err == nil {
		err = f.replaceLocked(next, int64(len(snapshot)), int64(len(snapshot)))
	}
	if err != nil {
		next.Close()
		return fmt.Errorf("cannot write the promises of the leaves: %w", err)
	}
	f.dirty = false
	return nil
}

// replaceLocked gives the journal's name to another file.
func (f *bookFile) replaceLocked(next *os.File, snapshot, size int64) error {
	if err := os.Rename(next.Name(), f.path); err != nil {
		return err
	}
	if f.file != nil {
		f.file.Close()
	}
	f.file, f.snapshot, f.size, f.dirty, f.failed = next, snapshot, size, true, nil
	return nil
}

// compact replaces the journal if it has grown. One goroutine calls it; records may
// be written meanwhile, and wait only for the last few to be copied.
func (f *bookFile) compact(b *book) error {
	f.mu.Lock()
	old, at := f.file, f.size
	if old == nil || f.failed != nil || at <= max(bookRewriteBytes, bookRewriteTimes*f.snapshot) {
		f.mu.Unlock()
		return nil
	}
	snapshot := b.snapshot()
	f.mu.Unlock()
	err := f.compactFrom(old, at, snapshot)
	if err != nil {
		err = fmt.Errorf("cannot write a shorter journal of promises: %w", err)
	}
	return err
}

func (f *bookFile) compactFrom(old *os.File, at int64, snapshot []byte) error {
	next, err := createBook(f.path + ".next")
	if err != nil {
		return err
	}
	err = writeSnapshot(next, snapshot)
	size, copied := int64(len(snapshot)), at
	copyTo := func(end int64) {
		if err == nil && end > copied {
			_, err = io.Copy(next, io.NewSectionReader(old, copied, end-copied))
			size, copied = size+end-copied, end
		}
	}
	for range bookRounds {
		f.mu.Lock()
		end := f.size
		f.mu.Unlock()
		if end-copied < bookLastBytes {
			break
		}
		copyTo(end)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file != old || f.failed != nil { // it was replaced, or broke, meanwhile
		return errors.Join(err, next.Close(), os.Remove(next.Name()))
	}
	copyTo(f.size)
	if err == nil {
		err = f.replaceLocked(next, int64(len(snapshot)), size)
	}
	if err != nil {
		return errors.Join(err, next.Close(), os.Remove(next.Name()))
	}
	return nil
}
