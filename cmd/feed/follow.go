package feed

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"
)

// follower reads a file for ever, like tail -F: it waits for more at the end,
// starts again when the file was truncated, and goes on with the new file when
// another one took its name. A line cut off by either ends there. Its end is the
// end of ctx.
type follower struct {
	ctx     context.Context
	path    string
	poll    time.Duration
	fromEnd bool // skip what the file held at first

	file   *os.File
	offset int64
	last   byte // the last byte handed out, 0 at first
}

func (f *follower) Read(p []byte) (int, error) {
	for {
		n, err := f.step(p)
		if n > 0 {
			f.last = p[n-1]
			return n, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// step reads once, or does one thing that may lead to more.
func (f *follower) step(p []byte) (int, error) {
	if f.file == nil {
		return 0, f.open()
	}
	n, err := f.file.Read(p)
	f.offset += int64(n)
	if n > 0 || (err != nil && !errors.Is(err, io.EOF)) {
		return n, err
	}
	named, err := os.Stat(f.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	held, heldErr := f.file.Stat()
	if heldErr != nil {
		return 0, heldErr
	}
	switch {
	case err == nil && !os.SameFile(named, held):
		// Lines written between our read and the renaming are still there.
		if n, _ := f.file.Read(p); n > 0 {
			f.offset += int64(n)
			return n, nil
		}
		f.close()
		return f.endLine(p), nil
	case held.Size() < f.offset:
		if _, err := f.file.Seek(0, io.SeekStart); err != nil {
			return 0, err
		}
		f.offset = 0
		return f.endLine(p), nil
	}
	return 0, f.wait()
}

func (f *follower) open() error {
	file, err := os.Open(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		f.fromEnd = false // what appears later is new
		return f.wait()
	}
	if err != nil {
		return err
	}
	f.file, f.offset = file, 0
	if f.fromEnd {
		f.fromEnd = false
		f.offset, err = file.Seek(0, io.SeekEnd)
	}
	return err
}

// endLine ends a line that the old file left open.
func (f *follower) endLine(p []byte) int {
	if f.last == 0 || f.last == '\n' {
		return 0
	}
	p[0] = '\n'
	return 1
}

func (f *follower) wait() error {
	t := time.NewTimer(f.poll)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-f.ctx.Done():
		return io.EOF
	}
}

func (f *follower) close() {
	if f.file != nil {
		f.file.Close()
		f.file = nil
	}
}
