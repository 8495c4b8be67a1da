package aggregator

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// TestBodyRoom: small bodies take no room, a larger one takes that of a chunk once
// and gives it back with each chunk; one of an unknown length, or longer than it
// said, is read all the same.
func TestBodyRoom(t *testing.T) {
	a := newTest(t)
	room := a.room.total
	free := func(want int64) {
		t.Helper()
		if !a.room.bytes.TryAcquire(want) {
			t.Fatalf("less than %d bytes of room are free", want)
		}
		defer a.room.bytes.Release(want)
		if want < room && a.room.bytes.TryAcquire(1) {
			a.room.bytes.Release(1)
			t.Fatalf("more than %d bytes of room are free", want)
		}
	}
	f := func(bytes, length, takes int64) {
		t.Helper()
		r := a.newBodyReader(t.Context(), strings.NewReader(strings.Repeat("x", int(bytes))), length)
		n, err := io.Copy(io.Discard, r)
		if n != bytes || err != nil {
			t.Errorf("%d of %d bytes, %v", n, bytes, err)
		}
		free(room - takes)
		r.chunkDone()
		free(room)
	}
	f(bodyFree-1, -1, 0)
	f(bodyFree*2, bodyFree*2, bodyFree*2)
	f(bodyFree*2, -1, bodyRoomEach)
	f(bodyFree*2, 0, bodyRoomEach)
	f(bodyFree*2+bodyAhead, 1, bodyRoomEach+1) // it said 1
	f(bodyRoomEach+bodyAhead+5, -1, 2*bodyRoomEach)
}

// TestBodyRoomFull: who finds no room waits, lets go of what he keeps, and gets the
// room that comes free; or the end of his time.
func TestBodyRoomFull(t *testing.T) {
	a := newTest(t)
	if !a.room.bytes.TryAcquire(a.room.total) {
		t.Fatal("the room is not empty")
	}
	ctx, cancel := context.WithCancel(t.Context())
	shed := make(chan struct{}, 2)
	read := func(ctx context.Context) chan error {
		done := make(chan error, 1)
		r := a.newBodyReader(ctx, strings.NewReader(strings.Repeat("x", 2*bodyFree)), -1)
		r.shed = func() { shed <- struct{}{} }
		go func() {
			_, err := io.Copy(io.Discard, r)
			r.chunkDone()
			done <- err
		}()
		return done
	}
	gone, patient := read(ctx), read(t.Context())
	<-shed
	<-shed
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("a client that went: %v", err)
	}
	a.room.bytes.Release(a.room.total)
	if err := <-patient; err != nil {
		t.Errorf("with room: %v", err)
	}
	if n := a.room.waiting.Load(); n != 0 || !a.room.bytes.TryAcquire(a.room.total) {
		t.Errorf("%d wait, or not all room came back", n)
	}
}

// TestBodyTooSlow: a slow body is given up for those who wait, and for nobody else.
func TestBodyTooSlow(t *testing.T) {
	a := newTest(t)
	f := func(spent time.Duration, read, held, waiting int64, places int, want bool) {
		t.Helper()
		for range places {
			a.bodies <- struct{}{}
		}
		a.room.waiting.Store(waiting)
		r := &bodyReader{a: a, spent: spent, read: read, held: held}
		if got := r.tooSlow(); got != want {
			t.Errorf("%d bytes in %v, %d held, %d wait, %d places taken: %v", read, spent, held, waiting, places, got)
		}
		a.room.waiting.Store(0)
		for range places {
			<-a.bodies
		}
	}
	f(time.Minute, 1000, 1<<20, 1, 0, true)
	f(time.Minute, 1000, 1<<20, 0, 0, false)
	f(time.Minute, 1000, 0, 1, 0, false) // it holds nothing that is waited for
	f(time.Minute, 1000, 0, 0, bodiesMax/2+1, true)
	f(time.Second, 1000, 1<<20, 1, bodiesMax, false)
	f(time.Minute, 61*bodyRateMin, 1<<20, 1, bodiesMax, false)
}
