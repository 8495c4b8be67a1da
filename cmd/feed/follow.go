package feed

import (
	"bytes"
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

	warn    func(text string) // may be nil
	tail    []byte            // what was read last, tailBytes at most
	changed time.Time         // when the file was, as far as tail has been compared
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
	if f.rewritten() {
		if f.warn != nil {
			f.warn(f.path + " was overwritten while it was followed; it is read anew from its start")
		}
		return f.rewind(p)
	}
	n, err := f.file.Read(p)
	f.advance(p[:n])
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
			f.advance(p[:n])
			return n, nil
		}
		f.close()
		return f.endLine(p), nil
	case held.Size() < f.offset:
		return f.rewind(p)
	}
	return 0, f.wait()
}

// advance takes note of what was read.
func (f *follower) advance(b []byte) {
	f.offset += int64(len(b))
	f.tail = append(f.tail, b[max(0, len(b)-tailBytes):]...)
	f.tail = append(f.tail[:0], f.tail[max(0, len(f.tail)-tailBytes):]...)
}

// rewind goes back to the start of a file that holds something else now.
func (f *follower) rewind(p []byte) (int, error) {
	f.offset, f.tail = 0, f.tail[:0]
	if _, err := f.file.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	return f.endLine(p), nil
}

// rewritten tells whether a file that changed holds something else where it was
// read last. A file that has become shorter was truncated: Read meets its end.
func (f *follower) rewritten() bool {
	info, err := f.file.Stat()
	if err != nil || info.ModTime().Equal(f.changed) {
		return false
	}
	f.changed = info.ModTime()
	now := make([]byte, len(f.tail))
	n, _ := f.file.ReadAt(now, f.offset-int64(len(f.tail))) // less is found out by Read
	return n == len(now) && !bytes.Equal(now, f.tail)
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
	f.file, f.offset, f.tail, f.changed = file, 0, f.tail[:0], time.Time{}
	if !f.fromEnd {
		return nil
	}
	f.fromEnd = false
	if f.offset, err = file.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	f.tail = make([]byte, min(f.offset, tailBytes))
	_, err = file.ReadAt(f.tail, f.offset-int64(len(f.tail)))
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
