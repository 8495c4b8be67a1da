package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/apache/arrow/go/v15/arrow/flight"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/kelpdb/kelp/query"
)

// ClientConfig of a Client. The zero value dials without key and encryption.
type ClientConfig struct {
	Log             *slog.Logger // nil: discarded
	Key             []byte       // the cluster's key; nil: none is sent
	TLS             *tls.Config  // nil: plain
	PartialBytesMax int64        // memory one answer may take; 0: 1 GiB
}

// Client is a Leaf in another process. All methods may be called concurrently
// and return by their context's deadline, whatever the peer does.
//
// Errors that come from the peer's Leaf keep their *Error or *query.Error.
// Code CodeUnreachable says that nothing was done, CodeBroken that the
// connection broke before the answer, CodeFateUnknown the same of an Append.
type Client struct {
	cfg ClientConfig
	// One connection each, so that a large answer does not hold up batches, nor
	// either of them promises.
	queries, appends, control *grpc.ClientConn
}

var _ Leaf = (*Client)(nil)

// Dial returns a client of the server at addr (host:port). It connects when it
// is first used, and again whenever the connection breaks.
func Dial(addr string, cfg ClientConfig) (*Client, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.PartialBytesMax <= 0 {
		cfg.PartialBytesMax = partialBytesMax
	}
	cred := insecure.NewCredentials()
	if cfg.TLS != nil {
		cred = credentials.NewTLS(cfg.TLS)
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(cred),
		grpc.WithDisableServiceConfig(),
		grpc.WithNoProxy(),
		grpc.WithIdleTimeout(0),
		grpc.WithInitialWindowSize(streamWindow),
		grpc.WithInitialConnWindowSize(connWindow),
		grpc.WithReadBufferSize(socketBuffer),
		grpc.WithWriteBufferSize(socketBuffer),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingTime, Timeout: pingTimeout, PermitWithoutStream: true}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: redialMin, Multiplier: 1.6, Jitter: 0.2, MaxDelay: redialMax},
			MinConnectTimeout: dialTimeout,
		}),
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(frameBytesMax+headBytesMax), grpc.MaxCallSendMsgSize(frameBytesMax+headBytesMax),
		),
	}
	if len(cfg.Key) > 0 {
		options = append(options, grpc.WithPerRPCCredentials(keyCredentials{keyDigest(cfg.Key)}))
	}
	c := &Client{cfg: cfg}
	for _, conn := range []**grpc.ClientConn{&c.queries, &c.appends, &c.control} {
		var err error
		if *conn, err = grpc.NewClient("passthrough:///"+addr, options...); err != nil {
			_ = c.Close()
			return nil, fmt.Errorf("cannot use the address %q: %w", addr, err)
		}
	}
	return c, nil
}

// Close ends the connections; calls under way fail.
func (c *Client) Close() error {
	var errs []error
	for _, conn := range []*grpc.ClientConn{c.queries, c.appends, c.control} {
		if conn != nil {
			errs = append(errs, conn.Close())
		}
	}
	return errors.Join(errs...)
}

// Wake ends the pause before the next attempt to connect: for when the peer is
// known to be back.
func (c *Client) Wake() {
	for _, conn := range []*grpc.ClientConn{c.queries, c.appends, c.control} {
		conn.ResetConnectBackoff()
	}
}

// Run runs a query on the peer. It leaves the peer a little less time than ctx
// has, so that a partial answer still arrives.
func (c *Client) Run(ctx context.Context, q *query.Query) (*query.Partial, error) {
	plan, err := q.Plan()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the stream, whatever state it is in
	msg := appendQuery(beginSeal(nil, kindQuery, 0), q, timeToAnswer(ctx))
	if len(msg) > headBytesMax {
		return nil, &Error{Code: CodeBad, Message: fmt.Sprintf("the query with its schema takes %d bytes; at most %d", len(msg), headBytesMax)}
	}
	ticket := &flight.Ticket{Ticket: endSeal(msg, nil, nil)}
	stream, err := flight.NewFlightServiceClient(c.queries).DoGet(ctx, ticket)
	if err != nil {
		return nil, errorBefore(ctx, err, nil)
	}
	in := receiver{from: stream}
	p, err := receivePartial(&in, plan, c.cfg.PartialBytesMax)
	switch {
	case err == nil:
		return p, nil
	case in.seq == 0:
		return nil, errorBefore(ctx, err, stream.Trailer())
	}
	return nil, errorFrom(ctx, err, stream.Trailer())
}

// timeToAnswer is the time the peer has, 0 without a deadline.
func timeToAnswer(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	left := time.Until(deadline)
	return max(left-min(max(left/replyShare, replyTimeMin), replyTimeMax), 1)
}

// errorBefore is errorFrom for a call that has had no answer at all: if there
// is no connection, nothing was done.
func errorBefore(ctx context.Context, err error, trailer metadata.MD) error {
	if len(trailer.Get(errorTrailer)) == 0 && ctx.Err() == nil && status.Code(err) == codes.Unavailable {
		return &Error{Code: CodeUnreachable, Message: "the leaf can not be reached" + dialled(status.Convert(err).Message())}
	}
	return errorFrom(ctx, err, trailer)
}
