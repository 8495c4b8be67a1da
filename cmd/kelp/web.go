package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kelpdb/kelp/aggregator"
)

// httpServer serves one handler and ends so that every request that has arrived
// is answered: first nobody new is let in, then those who are connected get
// answers that close their connections, and only a connection on which nothing
// came for quietTime is closed without one.
type httpServer struct {
	server  http.Server
	handler http.Handler
	ln      net.Listener
	failed  chan error
	tls     *tls.Config   // nil: plain HTTP
	served  chan struct{} // closed when no connection is accepted any more

	stopping atomic.Bool
	ending   chan struct{} // closed when stop begins
	mu       sync.Mutex
	open     int // connections
	closed   chan struct{}
	calls    map[*httpCall]struct{}
}

// httpCall is a request in flight.
type httpCall struct {
	http.ResponseWriter
	server *httpServer
	began  bool // the answer's header is out
	cancel context.CancelCauseFunc
}

// startHTTP serves on ln; secure is nil for plain HTTP.
func startHTTP(ln net.Listener, secure *tls.Config, handler http.Handler, log *slog.Logger) *httpServer {
	s := &httpServer{handler: handler, ln: ln, tls: secure, failed: make(chan error, 1), served: make(chan struct{}), ending: make(chan struct{}),
		closed: make(chan struct{}, 1), calls: make(map[*httpCall]struct{})}
	s.server = http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, ConnState: s.count,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	go func() {
		defer close(s.served)
		serving := s.ln // stays as it is: stop asks it who is connecting
		if s.tls != nil {
			serving = tls.NewListener(s.ln, s.tls)
		}
		if err := s.server.Serve(serving); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
		}
	}()
	return s
}

// count keeps the number of connections.
func (s *httpServer) count(_ net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state {
	case http.StateNew:
		s.open++
	case http.StateClosed, http.StateHijacked:
		s.open--
		select {
		case s.closed <- struct{}{}:
		default:
		}
	}
}

// connections is how many are open.
func (s *httpServer) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// ServeHTTP passes a request on, so that stop can end it.
func (s *httpServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	c := &httpCall{ResponseWriter: w, server: s, cancel: cancel}
	s.mu.Lock()
	s.calls[c] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.calls, c)
		s.mu.Unlock()
	}()
	s.handler.ServeHTTP(c, r.WithContext(ctx))
}

// WriteHeader tells a client of a server that ends not to send more.
func (c *httpCall) WriteHeader(status int) {
	c.begin()
	c.ResponseWriter.WriteHeader(status)
}

func (c *httpCall) Write(b []byte) (int, error) {
	c.begin()
	return c.ResponseWriter.Write(b)
}

func (c *httpCall) begin() {
	if !c.began && c.server.stopping.Load() {
		c.Header().Set("Connection", "close")
	}
	c.began = true
}

// Unwrap is for http.ResponseController.
func (c *httpCall) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// stop finishes what is in flight. What lasts longer than drainTime is answered
// with what there is by then.
func (s *httpServer) stop() {
	closeListener(s.ln) // first: who is told to connect anew must find it closed
	<-s.served
	s.stopping.Store(true)
	close(s.ending)
	quiet := time.NewTimer(quietTime)
	defer quiet.Stop()
	for waiting := true; waiting && s.connections() > 0; {
		select {
		case <-s.closed:
		case <-quiet.C:
			waiting = false
		}
	}
	late := time.AfterFunc(drainTime, s.breakOff)
	defer late.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), drainTime+lastWordTime)
	defer cancel()
	if s.server.Shutdown(ctx) != nil {
		s.server.Close()
	}
}

// breakOff ends the requests in flight: their bodies are read no further.
func (s *httpServer) breakOff() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.calls {
		c.cancel(aggregator.ErrStopping)
		// Without a deadline of its own a connection breaks at the end of the grace.
		_ = http.NewResponseController(c.ResponseWriter).SetReadDeadline(time.Now())
	}
}

// untilDone waits for the user's stop or for the listener to fail.
func (s *httpServer) untilDone(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.failed:
		return fmt.Errorf("cannot serve: %w", err)
	}
}

// closeListener closes a listener when all who have connected are accepted: a
// plain Close resets them, with the requests they have sent. What connects in
// the microseconds between the last look and the close is still reset.
func closeListener(ln net.Listener) {
	limit := time.Now().Add(acceptRest)
	for tcp, ok := ln.(*net.TCPListener); ok && connecting(tcp) && time.Now().Before(limit); {
		time.Sleep(acceptPoll)
	}
	_ = ln.Close() // it is closed where listening failed before
}
