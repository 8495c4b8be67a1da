package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/arrow/go/v15/arrow/flight"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

// ServerConfig of a Server. The zero value serves without key and encryption.
type ServerConfig struct {
	Log   *slog.Logger  // nil: discarded
	Key   []byte        // the cluster's key; nil: none is asked for
	TLS   *tls.Config   // nil: plain
	Lease time.Duration // how long a subscriber may take to confirm; 0: 2 s

	// Peer, if not nil, answers messages of other nodes of the same kind: Client.Peer.
	Peer func(ctx context.Context, msg []byte) ([]byte, error)

	// Drained, if not nil, is called once by Stop: batches have ended, and
	// subscriptions not yet. What the leaf does there its subscribers still hear.
	Drained func()
}

// Server gives other processes access to a Leaf. It is the caller's to Stop.
type Server struct {
	flight.BaseFlightServer
	cfg  ServerConfig
	leaf Leaf
	grpc *grpc.Server

	batchesLeft atomic.Int64       // bytes that batches being received may still take
	stopped     context.Context    // ends when subscriptions must end
	stop        context.CancelFunc // ends it
	pumps       sync.WaitGroup     // goroutines of subscriptions

	mu      sync.Mutex
	closing bool           // no more appends
	appends sync.WaitGroup // in flight; Add under mu and not closing
}

// NewServer returns a server over a leaf, or over nil, where only Peer answers.
func NewServer(cfg ServerConfig, leaf Leaf) (*Server, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Lease == 0 {
		cfg.Lease = leaseTime
	}
	if cfg.Lease < 0 {
		return nil, fmt.Errorf("a lease of %v", cfg.Lease)
	}
	s := &Server{cfg: cfg, leaf: leaf}
	s.batchesLeft.Store(batchesBytesMax)
	s.stopped, s.stop = context.WithCancel(context.Background())
	options := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(frameBytesMax + headBytesMax),
		grpc.MaxSendMsgSize(frameBytesMax + headBytesMax),
		grpc.MaxConcurrentStreams(streamsMax),
		grpc.InitialWindowSize(streamWindow),
		grpc.InitialConnWindowSize(connWindow),
		grpc.ReadBufferSize(socketBuffer),
		grpc.WriteBufferSize(socketBuffer),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: pingTime, Timeout: pingTimeout}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingTime / 2, PermitWithoutStream: true}),
		grpc.ChainStreamInterceptor(s.guard),
	}
	if cfg.TLS != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(cfg.TLS)))
	}
	s.grpc = grpc.NewServer(options...)
	flight.RegisterFlightServiceServer(s.grpc, s)
	return s, nil
}

// Serve accepts connections until Stop, and then returns nil. It owns ln.
func (s *Server) Serve(ln net.Listener) error {
	err := s.grpc.Serve(ln)
	if errors.Is(err, grpc.ErrServerStopped) {
		return nil
	}
	return err
}

// Stop ends the server: it takes no more batches, finishes those under way,
// then ends subscriptions with the leaf's last word (in this order, so that no row
// is acknowledged that its subscribers have not confirmed), finishes queries, and
// after d breaks off what is left. It returns when all has ended.
func (s *Server) Stop(d time.Duration) {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.appends.Wait()
		if s.cfg.Drained != nil {
			s.cfg.Drained()
		}
		s.stop()
		s.grpc.GracefulStop()
	}()
	select {
	case <-done:
	case <-deadline.C:
		s.stop()
		s.grpc.Stop()
		<-done
	}
	s.pumps.Wait()
}

// beginAppend counts a batch in, unless the server is closing.
func (s *Server) beginAppend() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return &Error{Code: CodeClosing, Message: "the leaf is shutting down"}
	}
	s.appends.Add(1)
	return nil
}

// guard looks at the key before a call, and turns its error or panic into what
// travels. A panic is a bug of ours: it is logged and ends the call alone.
func (s *Server) guard(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	if err := checkKey(stream.Context(), s.cfg.Key); err != nil {
		return err
	}
	if s.leaf == nil && !strings.HasSuffix(info.FullMethod, "/DoAction") {
		return status.Error(codes.Unimplemented, "this node is no leaf")
	}
	defer func() {
		if cause := recover(); cause != nil {
			s.cfg.Log.Error("a call from another node failed", "call", info.FullMethod, "panic", cause, "stack", string(debug.Stack()))
			err = &Error{Code: CodeInternal, Message: fmt.Sprintf("the leaf failed: %v", cause)}
		}
		if err != nil {
			trailer, status := statusOf(err)
			stream.SetTrailer(trailer)
			err = status
		}
	}()
	return handler(srv, stream)
}

// DoGet runs the query in the ticket and streams its Partial.
func (s *Server) DoGet(ticket *flight.Ticket, stream flight.FlightService_DoGetServer) error {
	payload, err := openSealAs(kindQuery, ticket.GetTicket())
	if err != nil {
		return badMessage(err)
	}
	q, left, err := decodeQuery(payload)
	if err != nil {
		return badMessage(err)
	}
	plan, err := q.Plan()
	if err != nil {
		return err
	}
	ctx := stream.Context()
	if left > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, left)
		defer cancel()
	}
	p, err := s.leaf.Run(ctx, q)
	if err != nil {
		return err
	}
	return sendPartial(&sender{to: stream}, p, plan.Grouped)
}

// badMessage is the answer to bytes that are not what they should be.
func badMessage(err error) error { return &Error{Code: CodeBad, Message: err.Error()} }

// DoPut takes one batch and answers with its receipt.
func (s *Server) DoPut(stream flight.FlightService_DoPutServer) error {
	if err := s.beginAppend(); err != nil {
		return err
	}
	defer s.appends.Done()
	batch := batchReader{memory: allowance{batchBytesMax}}
	defer func() { s.batchesLeft.Add(batchBytesMax - batch.memory.left) }()
	a, err := receiveBatch(&receiver{from: stream}, &batch, func(bytes int64) error {
		if s.batchesLeft.Add(-bytes) < 0 {
			return &Error{Code: CodeFull, Message: fmt.Sprintf("batches being received take more than %d bytes: send fewer at a time", batchesBytesMax)}
		}
		return nil
	})
	if err != nil {
		return putError(err)
	}
	done, err := s.leaf.Append(stream.Context(), a)
	if err != nil {
		return err
	}
	msg := beginSeal(nil, kindAppended, 0)
	msg = appendReceipt(msg, &done.Receipt)
	msg = appendBool(msg, done.Duplicate)
	return stream.Send(&flight.PutResult{AppMetadata: endSeal(msg, nil, nil)})
}

// putError keeps the code of an error met while receiving.
func putError(err error) error {
	var coded *Error
	if errors.As(err, &coded) {
		return coded
	}
	return badMessage(err)
}
