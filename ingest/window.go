package ingest

import (
	"context"
	"errors"
	"io"

	"github.com/zeebo/xxh3"
)

// windowSlack zero bytes follow the data, so that a scanner may read 64 bytes at
// once and stops by itself at the end.
const windowSlack = 64

// window is the part of a body that is in memory: buf[pos:end] is still to be
// read by the format. It also keeps the digest of what was read.
type window struct {
	r        io.Reader
	buf      []byte // windowSlack longer than the data may be
	pos, end int
	eof      bool // buf[end] is the end of the body
	err      error

	hash   *xxh3.Hasher
	hashed int   // buf[:hashed] is in the digest, or belongs to no chunk
	before int64 // bytes of the body before buf[0]
	start  int64 // where the chunk began in the body
}

func newWindow(r io.Reader) *window {
	w := &window{hash: xxh3.New()}
	w.open(r)
	return w
}

// open begins a body, in the buffer of the one before if there was one.
func (w *window) open(r io.Reader) {
	if w.buf == nil {
		w.buf = make([]byte, readBytesMin+windowSlack)
	}
	w.r, w.pos, w.end, w.eof, w.err = r, 0, 0, false, nil
}

// beginChunk starts the digest of a chunk at pos.
func (w *window) beginChunk() {
	w.hash.Reset()
	w.hashed = w.pos
	w.start = w.before + int64(w.pos)
}

// endChunk returns the digest of the bytes from the chunk's start to pos.
func (w *window) endChunk() uint64 {
	w.digestTo(w.pos)
	return w.hash.Sum64()
}

// chunkBytes is how much of the body the chunk has taken.
func (w *window) chunkBytes() int64 { return w.before + int64(w.pos) - w.start }

func (w *window) digestTo(pos int) {
	if pos > w.hashed {
		// The hasher never fails.
		_, _ = w.hash.Write(w.buf[w.hashed:pos])
		w.hashed = pos
	}
}

// more reads on until the buffer is full or the body ends: a row that was cut
// by the end of the buffer is read again from its start, and that must not
// happen for every few bytes a slow sender sends. buf[pos:] moves to the
// front; if that leaves no room, the buffer grows. The caller bounds the row.
func (w *window) more(ctx context.Context) error {
	if w.eof {
		panic("BUG: reading past the end of the body")
	}
	if w.err != nil {
		return w.err
	}
	w.makeRoom()
	limit := len(w.buf) - windowSlack
	for empty := 0; w.end < limit; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := w.r.Read(w.buf[w.end:limit])
		w.end += n
		if n == 0 && err == nil {
			if empty++; empty > 100 {
				err = io.ErrNoProgress
			}
		} else {
			empty = 0
		}
		if errors.Is(err, io.EOF) {
			w.eof = true
			break
		}
		if err != nil {
			w.err = err
			return err
		}
	}
	clear(w.buf[w.end : w.end+windowSlack])
	return nil
}

// makeRoom drops what was read and, where the buffer was filled to the end,
// takes a larger one.
func (w *window) makeRoom() {
	w.digestTo(w.pos)
	rest := w.buf[w.pos:w.end]
	size := len(w.buf) - windowSlack
	grown := size
	if w.end == size && (size < readBytesMax || len(rest) > size/2) {
		grown = size * 2
	}
	w.before += int64(w.pos)
	w.hashed -= w.pos
	if grown > size {
		buf := make([]byte, grown+windowSlack)
		copy(buf, rest)
		w.buf = buf
	} else {
		copy(w.buf, rest)
	}
	w.pos, w.end = 0, len(rest)
}

// rest is what is in memory and not read yet.
func (w *window) rest() []byte { return w.buf[w.pos:w.end] }
