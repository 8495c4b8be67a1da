package wire

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	"github.com/kelpdb/kelp/storage"
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
	head, err := in.next()
	if err != nil {
		return nil, errorBefore(ctx, err, stream.Trailer())
	}
	answer := partialReader{plan: plan, memory: allowance{c.cfg.PartialBytesMax}}
	if head.kind != kindPartial || len(head.payload) > headBytesMax {
		err = &errDamaged{errors.New("an answer without a head")}
	} else if err = answer.begin(head.payload); err != nil {
		err = &errDamaged{err}
	} else {
		err = in.receiveRecords(answer.record)
	}
	if err != nil {
		return nil, errorFrom(ctx, err, stream.Trailer())
	}
	p, err := answer.end()
	if err != nil {
		return nil, errorFrom(ctx, &errDamaged{err}, nil)
	}
	return p, nil
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
		return &Error{Code: CodeUnreachable, Message: "cannot reach the peer: " + status.Convert(err).Message()}
	}
	return errorFrom(ctx, err, trailer)
}

// Append sends a batch to the peer.
func (c *Client) Append(ctx context.Context, a *Append) (*Appended, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := flight.NewFlightServiceClient(c.appends).DoPut(ctx)
	if err != nil {
		return nil, appendFailed(ctx, err, nil, false)
	}
	closed, err := sendBatch(&sender{to: stream}, a)
	var result *flight.PutResult
	if err == nil || errors.Is(err, io.EOF) { // io.EOF: the peer has answered already
		if err = stream.CloseSend(); err == nil {
			result, err = stream.Recv()
		}
	}
	if err != nil {
		return nil, appendFailed(ctx, err, stream.Trailer(), closed)
	}
	payload, err := openSealAs(kindAppended, result.GetAppMetadata())
	r := &reader{src: payload}
	done := &Appended{Receipt: readReceipt(r), Duplicate: r.bool()}
	if err == nil {
		err = r.err
	}
	if err != nil {
		return nil, &Error{Code: CodeFateUnknown, Message: "the receipt can not be read: " + err.Error()}
	}
	return done, nil
}

// sendBatch sends the frames of a batch. closed tells whether the last one may
// have gone out: without it the peer does nothing.
func sendBatch(out *sender, a *Append) (closed bool, err error) {
	layout := layOut(a.Batch)
	err = out.send(kindAppend, func(dst []byte) []byte { return appendAppend(dst, a, layout) })
	for i := range layout.sections {
		if err == nil {
			err = out.section(i, layout.columns[i], layout.sections[i].rows)
		}
	}
	if err != nil {
		return false, err
	}
	return true, out.send(kindEnd, nil)
}

// appendFailed says what is known of a batch after an error: an answer of the
// peer is one; else nothing was done unless the last frame may have reached it.
func appendFailed(ctx context.Context, err error, trailer metadata.MD, closed bool) error {
	answer := errorFrom(ctx, err, trailer)
	var coded *Error
	if len(trailer.Get(errorTrailer)) > 0 && errors.As(answer, &coded) {
		return coded
	}
	if closed {
		return &Error{Code: CodeFateUnknown, Message: "whether the rows were stored is not known: " + answer.Error()}
	}
	if errors.As(answer, &coded) && coded.Code != CodeBroken {
		return coded
	}
	return &Error{Code: CodeUnreachable, Message: "the rows were not sent: " + answer.Error()}
}

// Subscribe receives the peer's updates.
func (c *Client) Subscribe(ctx context.Context, name string, sink func(*Update) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := flight.NewFlightServiceClient(c.control).DoExchange(ctx)
	if err != nil {
		return errorBefore(ctx, err, nil)
	}
	out := sender{to: stream}
	err = out.send(kindSubscribe, func(dst []byte) []byte { return appendText(dst, name) })
	if err != nil && !errors.Is(err, io.EOF) {
		return errorBefore(ctx, err, stream.Trailer())
	}
	in := receiver{from: stream}
	for number := uint64(0); ; number++ {
		u, err := receiveUpdate(&in)
		if err != nil {
			return errorFrom(ctx, err, stream.Trailer())
		}
		if err := sink(u); err != nil {
			return err
		}
		err = out.send(kindConfirm, func(dst []byte) []byte { return binary.AppendUvarint(dst, number) })
		if err != nil && !errors.Is(err, io.EOF) { // after io.EOF the reason is received
			return errorFrom(ctx, err, stream.Trailer())
		}
	}
}

// receiveUpdate puts the pieces of an update together.
func receiveUpdate(in *receiver) (*Update, error) {
	var text []byte
	for {
		f, err := in.next()
		if err != nil {
			return nil, err
		}
		if f.kind != kindUpdate || len(f.payload) < 1 || len(text)+len(f.payload) > updateBytesMax+1 {
			return nil, &errDamaged{errors.New("a frame that is no piece of an update, or too large a one")}
		}
		last := f.payload[0] != 0
		if text == nil && last {
			text = f.payload[1:]
		} else {
			text = append(text, f.payload[1:]...)
		}
		if last {
			u, err := decodeUpdate(text)
			if err != nil {
				return nil, &errDamaged{err}
			}
			return u, nil
		}
	}
}

// action does a call without columns and returns the answer's payload.
func (c *Client) action(ctx context.Context, name string, payload func([]byte) []byte) ([]byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	msg := beginSeal(nil, kindAction, 0)
	if payload != nil {
		msg = payload(msg)
	}
	action := &flight.Action{Type: name, Body: endSeal(msg, nil, nil)}
	stream, err := flight.NewFlightServiceClient(c.control).DoAction(ctx, action)
	if err != nil {
		return nil, errorBefore(ctx, err, nil)
	}
	result, err := stream.Recv()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = &errDamaged{errors.New("no answer to an action")}
		}
		return nil, errorBefore(ctx, err, stream.Trailer())
	}
	answer, err := openSealAs(kindAnswer, result.GetBody())
	if err != nil {
		return nil, errorFrom(ctx, &errDamaged{err}, nil)
	}
	return answer, nil
}

// Holds asks whether the peer has any chunk under a key.
func (c *Client) Holds(ctx context.Context, table, key string) (bool, error) {
	return c.askBool(ctx, actionHolds, func(dst []byte) []byte { return appendText(appendText(dst, table), key) })
}

// Drop drops a table on the peer.
func (c *Client) Drop(ctx context.Context, table string) (bool, error) {
	return c.askBool(ctx, actionDrop, func(dst []byte) []byte { return appendText(dst, table) })
}

func (c *Client) askBool(ctx context.Context, name string, payload func([]byte) []byte) (bool, error) {
	answer, err := c.action(ctx, name, payload)
	if err != nil {
		return false, err
	}
	r := &reader{src: answer}
	yes := r.bool()
	if r.err != nil {
		return false, errorFrom(ctx, &errDamaged{r.err}, nil)
	}
	return yes, nil
}

// Set stores a table's settings on the peer.
func (c *Client) Set(ctx context.Context, table string, s storage.Settings) error {
	_, err := c.action(ctx, actionSet, func(dst []byte) []byte { return appendSettings(appendText(dst, table), &s) })
	return err
}

// Describe asks what the peer knows of a table.
func (c *Client) Describe(ctx context.Context, table string) (*TableDetail, error) {
	var d TableDetail
	return &d, c.askJSON(ctx, actionDescribe, func(dst []byte) []byte { return appendText(dst, table) }, &d)
}

// Status asks for the peer's figures.
func (c *Client) Status(ctx context.Context) (*LeafStatus, error) {
	var s LeafStatus
	return &s, c.askJSON(ctx, actionStatus, nil, &s)
}

// Explain asks how the peer would run a query.
func (c *Client) Explain(ctx context.Context, q *query.Query) (json.RawMessage, error) {
	var plan json.RawMessage
	err := c.askJSON(ctx, actionExplain, func(dst []byte) []byte { return appendQuery(dst, q, 0) }, &plan)
	return plan, err
}

func (c *Client) askJSON(ctx context.Context, name string, payload func([]byte) []byte, into any) error {
	answer, err := c.action(ctx, name, payload)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return errorFrom(ctx, &errDamaged{err}, nil)
	}
	return nil
}
