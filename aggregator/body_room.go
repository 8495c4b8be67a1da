package aggregator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/kelpdb/kelp/wire"
)

// Bodies are read into chunks, and as many clients as may be connected would fill
// as many chunks at once. So what a body brings beyond its first bodyFree bytes
// stands in bodyRoom until its chunk is full and counts among those on their way
// into leaves: for the whole of a chunk at once, so that nobody who has some room
// waits for more. Whoever finds none waits for bodyWait, and is refused.
//
// Those who hold places or room and bring nothing are the other danger: a body of
// which nothing comes for bodyIdle is broken off, and one that comes slower than
// bodyRateMin where many are being read.

// bodyRoom is the room for the bytes of all bodies that are being read.
type bodyRoom struct {
	bytes   *semaphore.Weighted
	total   int64
	waiting atomic.Int64 // who finds none
}

func newBodyRoom() bodyRoom {
	total := bodyRoomEach * int64(max(bodyRoomLeast, runtime.GOMAXPROCS(0)))
	return bodyRoom{bytes: semaphore.NewWeighted(total), total: total}
}

// errNoRoom says that no room for a body came free.
var errNoRoom = &wire.Error{Code: wire.CodeFull,
	Message: fmt.Sprintf("large bodies are being read, which take all the memory there is for them; this one waited %v", bodyWait)}

// errTooSlow says that a body was given up for others.
var errTooSlow = &wire.Error{Code: wire.CodeFull,
	Message: fmt.Sprintf("the body comes with less than %d bytes a second, and many others are being read or wait", bodyRateMin)}

// bodyReader is one body on its way from a client to its decoder, with its
// encodings undone. It belongs to the goroutine that reads, but for settle.
type bodyReader struct {
	a     *Aggregator
	ctx   context.Context
	body  io.Reader
	need  int64         // room for a chunk of it
	spent time.Duration // waiting for its bytes
	read  int64         // of the whole body
	used  int64         // of the chunk that is being filled
	held  int64         // room

	shed func() // lets go of memory that is kept for chunks to come
}

// newBodyReader returns a reader of a body of so many bytes in all, 0 or less if that
// is not known. chunkDone gives its room back.
func (a *Aggregator) newBodyReader(ctx context.Context, body io.Reader, length int64) *bodyReader {
	need := int64(bodyRoomEach)
	if length > 0 {
		need = min(need, length)
	}
	return &bodyReader{a: a, ctx: ctx, body: body, need: need, shed: func() {}}
}

func (r *bodyReader) Read(p []byte) (int, error) {
	if r.used >= r.granted() {
		if err := r.more(); err != nil {
			return 0, err
		}
	}
	if left := r.granted() - r.used; int64(len(p)) > left {
		p = p[:left]
	}
	began := time.Now()
	n, err := r.body.Read(p)
	r.spent += time.Since(began)
	r.read += int64(n)
	r.used += int64(n)
	if err == nil && r.tooSlow() {
		err = errTooSlow
	}
	return n, err
}

// granted is how many bytes the chunk may bring with the room it has. A decoder reads
// a little beyond the end of a chunk.
func (r *bodyReader) granted() int64 {
	if r.held == 0 {
		return bodyFree
	}
	return r.held + bodyAhead
}

// more takes room for the chunk. Only the first time it waits: a chunk that is
// larger than all others has to be lucky, but holds nobody up for it.
func (r *bodyReader) more() error {
	room := &r.a.room
	if r.held > 0 {
		if !room.bytes.TryAcquire(bodyRoomEach) {
			return errNoRoom
		}
		r.held += bodyRoomEach
		return nil
	}
	if !room.bytes.TryAcquire(r.need) {
		room.waiting.Add(1)
		defer room.waiting.Add(-1)
		r.shed()
		ctx, cancel := context.WithTimeout(r.ctx, bodyWait)
		defer cancel()
		if room.bytes.Acquire(ctx, r.need) != nil {
			if err := r.ctx.Err(); err != nil {
				return err
			}
			return errNoRoom
		}
	}
	r.held = r.need
	return nil
}

// tooSlow tells whether the client must make room for others.
func (r *bodyReader) tooSlow() bool {
	if r.spent < bodyIdle || float64(r.read) >= r.spent.Seconds()*bodyRateMin {
		return false
	}
	return r.held > 0 && r.a.room.waiting.Load() > 0 || len(r.a.bodies) > bodiesMax/2
}

// chunkDone gives the room back when a chunk is full and counts elsewhere.
func (r *bodyReader) chunkDone() {
	r.a.room.bytes.Release(r.held)
	r.used, r.held = 0, 0
}

// timedBody is a request's body, of which something must come every bodyIdle.
type timedBody struct {
	io.Reader
	request *http.Request
	conn    *http.ResponseController
	until   time.Time // the deadline of the connection
}

// newTimedBody sets a first deadline: it also holds where the body is not read.
func newTimedBody(w http.ResponseWriter, r *http.Request) *timedBody {
	b := &timedBody{Reader: r.Body, request: r, conn: http.NewResponseController(w)}
	b.extend()
	return b
}

// extend moves the deadline, at most once a second. A writer that knows none, as in
// tests, has none.
func (b *timedBody) extend() {
	now := time.Now()
	if b.until.Sub(now) > bodyIdle-time.Second {
		return
	}
	b.until = now.Add(bodyIdle)
	_ = b.conn.SetReadDeadline(b.until)
	if b.request.Context().Err() != nil { // whoever ended the request had set one before
		_ = b.conn.SetReadDeadline(now)
	}
}

func (b *timedBody) Read(p []byte) (int, error) {
	b.extend()
	n, err := b.Reader.Read(p)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		if !errors.Is(context.Cause(b.request.Context()), ErrStopping) {
			err = fmt.Errorf("nothing of it came for %v", bodyIdle)
		}
	case err != nil:
		// From here on the server looks whether the client is still there.
		_ = b.conn.SetReadDeadline(time.Time{})
	}
	return n, err
}
