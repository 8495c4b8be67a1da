package wire

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow/flight"
	"google.golang.org/grpc"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// faultyServer speaks Flight and does what a test wants.
type faultyServer struct {
	flight.BaseFlightServer
	get func(flight.FlightService_DoGetServer) error
	put func(flight.FlightService_DoPutServer) error
}

func (f *faultyServer) DoGet(_ *flight.Ticket, s flight.FlightService_DoGetServer) error {
	return f.get(s)
}

func (f *faultyServer) DoPut(s flight.FlightService_DoPutServer) error { return f.put(s) }

// listen serves f and returns its address, and a function that kills it.
func (f *faultyServer) listen(t *testing.T) (addr string, kill func()) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	flight.RegisterFlightServiceServer(s, f)
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = s.Serve(ln)
	}()
	t.Cleanup(func() {
		s.Stop()
		<-served
	})
	return ln.Addr().String(), s.Stop
}

// proxy forwards connections to a server until it is frozen, which no end of a
// connection notices, or cut, which both do.
type proxy struct {
	ln   net.Listener
	to   string
	done sync.WaitGroup

	mu     sync.Mutex
	thaw   chan struct{} // closed: bytes flow
	conns  []net.Conn
	closed bool
}

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{ln: ln, to: to, thaw: make(chan struct{})}
	close(p.thaw)
	p.done.Add(1)
	go p.accept()
	t.Cleanup(func() {
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		_ = ln.Close()
		p.cut()
		p.unfreeze()
		p.done.Wait()
	})
	return p
}

func (p *proxy) accept() {
	defer p.done.Done()
	for {
		in, err := p.ln.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", p.to)
		if err != nil {
			_ = in.Close()
			continue
		}
		p.mu.Lock()
		if p.closed {
			_, _ = in.Close(), out.Close()
		}
		p.conns = append(p.conns, in, out)
		p.mu.Unlock()
		p.done.Add(2)
		go p.forward(in, out)
		go p.forward(out, in)
	}
}

func (p *proxy) forward(from, to net.Conn) {
	defer p.done.Done()
	defer func() { _, _ = from.Close(), to.Close() }()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		p.mu.Lock()
		thaw := p.thaw
		p.mu.Unlock()
		<-thaw
		if err == nil {
			_, err = to.Write(buf[:n])
		}
		if err != nil {
			return
		}
	}
}

func (p *proxy) freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.thaw = make(chan struct{})
}

func (p *proxy) unfreeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.thaw:
	default:
		close(p.thaw)
	}
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}

// silence is after how long a test no longer waits for a server that says nothing,
// patience for one that does, on the slowest machine. lateMax is how long after its
// context has ended a call may return.
const (
	silence  = 300 * time.Millisecond
	patience = 20 * time.Second
	lateMax  = 500 * time.Millisecond
)

// within gives a call so much time. It tells whether the call took all of it, and
// fails if it did not return soon after. That counts from when the context was seen
// to end, as the timers of a busy machine ring late.
func within(t *testing.T, what string, limit time.Duration, call func(context.Context)) (whole bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	rang := make(chan time.Time, 1)
	stop := context.AfterFunc(ctx, func() { rang <- time.Now() })
	call(ctx)
	if stop() {
		return false
	}
	if late := time.Since(<-rang); late > lateMax {
		t.Errorf("%s: returned %v after its %v", what, late, limit)
	}
	return true
}

// Servers that stop, lie, or break off in the middle of an answer.
func TestFaultyAnswers(t *testing.T) {
	plan, err := countQuery().Plan()
	if err != nil {
		t.Fatal(err)
	}
	whole := partialTape(t, samplePartial(rand.New(rand.NewPCG(1, 2)), plan, 100), true)
	other := rowsTape(t, randomVec(rand.New(rand.NewPCG(1, 2)), storage.TypeInt64, 5, 1, 0))
	play := func(s flight.FlightService_DoGetServer, frames []*flight.FlightData) error {
		for _, f := range frames {
			if err := s.Send(f); err != nil {
				return err
			}
		}
		return nil
	}
	half := whole.frames[:len(whole.frames)/2]
	var kill func()
	f := func(what string, limit time.Duration, get func(flight.FlightService_DoGetServer) error, right func(error) bool) {
		t.Helper()
		server := &faultyServer{get: get}
		var addr string
		addr, kill = server.listen(t)
		c := dial(t, addr, ClientConfig{})
		within(t, what, limit, func(ctx context.Context) {
			if p, err := c.Run(ctx, countQuery()); p != nil || !right(err) {
				t.Errorf("%s: %v", what, err)
			}
		})
	}
	late := func(err error) bool { return errors.Is(err, context.DeadlineExceeded) }
	hasCode := func(code string) func(error) bool {
		return func(err error) bool { return codeOf(err) == code }
	}
	// Not until its context ends: the deadline is the server's too, and its end of
	// the stream may be there before the client's clock has rung.
	end := make(chan struct{})
	defer close(end)
	f("silent from the start", silence, func(flight.FlightService_DoGetServer) error {
		<-end
		return nil
	}, late)
	f("silent in the middle", silence, func(s flight.FlightService_DoGetServer) error {
		_ = play(s, half)
		<-end
		return nil
	}, late)
	f("ended in the middle", patience, func(s flight.FlightService_DoGetServer) error { return play(s, half) }, hasCode(CodeInternal))
	f("ended at once", patience, func(s flight.FlightService_DoGetServer) error { return nil }, hasCode(CodeInternal))
	f("killed in the middle", patience, func(s flight.FlightService_DoGetServer) error {
		_ = play(s, half)
		go kill()
		<-s.Context().Done()
		return nil
	}, func(err error) bool { return codeOf(err) == CodeBroken || codeOf(err) == CodeUnreachable }) // as much as arrived
	f("another plan's columns", patience, func(s flight.FlightService_DoGetServer) error { return play(s, other.frames) }, hasCode(CodeInternal))
	f("a frame left out", patience, func(s flight.FlightService_DoGetServer) error { return play(s, whole.frames[1:]) }, hasCode(CodeInternal))
	f("no frames of ours", patience, func(s flight.FlightService_DoGetServer) error {
		return s.Send(&flight.FlightData{DataHeader: []byte("x")})
	}, hasCode(CodeInternal))
}

// Servers that take a batch and then do not say what became of it.
func TestFaultyReceipts(t *testing.T) {
	drain := func(s flight.FlightService_DoPutServer) {
		for {
			if _, err := s.Recv(); err != nil {
				return
			}
		}
	}
	var kill func()
	f := func(what string, limit time.Duration, put func(flight.FlightService_DoPutServer) error, code string) {
		t.Helper()
		server := &faultyServer{put: put}
		var addr string
		addr, kill = server.listen(t)
		c := dial(t, addr, ClientConfig{})
		whole := within(t, what, limit, func(ctx context.Context) {
			_, err := c.Append(ctx, &Append{Table: "t", Batch: randomBatch(rand.New(rand.NewPCG(1, 1)), 100, 5)})
			if codeOf(err) != code {
				t.Errorf("%s: %v (code %q)", what, err, codeOf(err))
			}
		})
		if whole && limit == patience {
			t.Errorf("%s: the end of the stream was not seen", what)
		}
	}
	end := make(chan struct{}) // see TestFaultyAnswers
	defer close(end)
	f("silent", silence, func(s flight.FlightService_DoPutServer) error {
		drain(s)
		<-end
		return nil
	}, CodeFateUnknown)
	f("killed", patience, func(s flight.FlightService_DoPutServer) error {
		drain(s)
		go kill()
		<-s.Context().Done()
		return nil
	}, CodeFateUnknown)
	f("ended without a receipt", patience, func(s flight.FlightService_DoPutServer) error { drain(s); return nil }, CodeFateUnknown)
	f("a receipt that is none", patience, func(s flight.FlightService_DoPutServer) error {
		drain(s)
		return s.Send(&flight.PutResult{AppMetadata: []byte("yes")})
	}, CodeFateUnknown)
}

// A batch that could not be sent whole was not stored: its stream is cut while
// the server still waits for the rest.
func TestCutBeforeTheEnd(t *testing.T) {
	end := make(chan struct{}) // see TestFaultyAnswers
	defer close(end)
	server := &faultyServer{put: func(s flight.FlightService_DoPutServer) error {
		<-end // reads nothing: the window fills, and the end is never sent
		return nil
	}}
	addr, kill := server.listen(t)
	c := dial(t, addr, ClientConfig{})
	b := storage.NewBatch()
	slot := b.Slot([]byte("text"))
	for i := range 40 {
		b.SetString(slot, make([]byte, 1<<20))
		b.EndRow(int64(i))
	}
	timer := time.AfterFunc(300*time.Millisecond, kill)
	defer timer.Stop()
	if _, err := c.Append(testContext(t), &Append{Table: "t", Batch: b}); codeOf(err) != CodeUnreachable {
		t.Errorf("the error is %v (code %q)", err, codeOf(err))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	addr, _ = server.listen(t)
	c = dial(t, addr, ClientConfig{})
	if _, err := c.Append(ctx, &Append{Table: "t", Batch: b}); codeOf(err) != CodeUnreachable {
		t.Errorf("at the deadline the error is %v (code %q)", err, codeOf(err))
	}
}

// The reply is cut after the leaf has committed; and a peer that freezes, like
// a stopped process, is left at the deadline and is of use again afterwards.
func TestCutAndFrozenConnections(t *testing.T) {
	committed := make(chan struct{}, 1)
	var cutReply atomic.Pointer[func()]
	leaf := &fakeLeaf{
		append: func(ctx context.Context, a *Append) (*Appended, error) {
			committed <- struct{}{}
			if cut := cutReply.Load(); cut != nil {
				(*cut)()
			}
			return &Appended{}, nil
		},
		run: func(ctx context.Context, q *query.Query) (*query.Partial, error) {
			plan, _ := q.Plan()
			return query.NewPartial(plan), nil
		},
	}
	s, err := NewServer(ServerConfig{}, leaf)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() { defer close(served); _ = s.Serve(ln) }()
	t.Cleanup(func() { s.Stop(2 * time.Second); <-served })
	between := newProxy(t, ln.Addr().String())
	c := dial(t, between.ln.Addr().String(), ClientConfig{})
	batch := &Append{Table: "t", Batch: randomBatch(rand.New(rand.NewPCG(1, 1)), 10, 3)}

	cut := between.cut
	cutReply.Store(&cut)
	if _, err := c.Append(testContext(t), batch); codeOf(err) != CodeFateUnknown {
		t.Errorf("cut after the commit: %v", err)
	}
	<-committed
	cutReply.Store(nil)
	if _, err := c.Append(testContext(t), batch); err != nil { // it connects again by itself
		t.Errorf("after the cut: %v", err)
	}
	<-committed
	if _, err := c.Run(testContext(t), countQuery()); err != nil {
		t.Fatal(err)
	}

	between.freeze()
	for range 2 {
		within(t, "calls to a frozen peer", silence, func(ctx context.Context) {
			_, runErr := c.Run(ctx, countQuery())
			if !errors.Is(runErr, context.DeadlineExceeded) {
				t.Errorf("a query to a frozen peer: %v", runErr)
			}
			_, appendErr := c.Append(ctx, batch)
			if code := codeOf(appendErr); code != CodeFateUnknown && code != CodeUnreachable {
				t.Errorf("a batch to a frozen peer: %v", appendErr)
			}
		})
	}
	between.unfreeze()
	if _, err := c.Run(testContext(t), countQuery()); err != nil {
		t.Errorf("after the thaw: %v", err)
	}
}

// latecomer is a client that has found nobody at its address three times, and a
// listener that is there now. A port that someone else took meanwhile is given up.
func latecomer(t *testing.T) (*Client, net.Listener) {
	t.Helper()
	for range 10 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := ln.Addr().String()
		_ = ln.Close()
		c := dial(t, addr, ClientConfig{})
		alone := true
		for range 3 {
			_, err := c.Status(testContext(t))
			alone = alone && codeOf(err) == CodeUnreachable
		}
		if ln, err = net.Listen("tcp", addr); err == nil && alone {
			return c, ln
		}
		if err == nil {
			t.Fatal("an answer where nobody is")
		}
	}
	t.Fatal("ten ports were taken")
	return nil, nil
}

// Wake shortens the pause after failures.
func TestComesBack(t *testing.T) {
	c, ln := latecomer(t)
	s, err := NewServer(ServerConfig{}, &fakeLeaf{})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() { defer close(served); _ = s.Serve(ln) }()
	t.Cleanup(func() { s.Stop(time.Second); <-served })
	c.Wake()
	ctx := testContext(t)
	for {
		if _, err := c.Status(ctx); err == nil {
			return
		} else if codeOf(err) != CodeUnreachable || ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}
