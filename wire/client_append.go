package wire

import (
	"context"
	"errors"
	"io"

	"github.com/apache/arrow/go/v15/arrow/flight"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

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

// refused tells whether gRPC turned a call away before the peer's Leaf saw it.
func refused(err error) bool {
	switch status.Code(err) {
	case codes.Unauthenticated, codes.Unimplemented, codes.ResourceExhausted:
		return true
	}
	return false
}

// appendFailed says what is known of a batch after an error: an answer of the
// peer is one; else nothing was done unless the last frame may have reached it.
func appendFailed(ctx context.Context, err error, trailer metadata.MD, closed bool) error {
	answer := errorFrom(ctx, err, trailer)
	var coded *Error
	if len(trailer.Get(errorTrailer)) > 0 && errors.As(answer, &coded) {
		return coded
	}
	if closed && !refused(err) {
		return &Error{Code: CodeFateUnknown, Message: "whether the rows were stored is not known: " + answer.Error()}
	}
	if errors.As(answer, &coded) && coded.Code != CodeBroken {
		return coded
	}
	return &Error{Code: CodeUnreachable, Message: "the rows were not sent: " + answer.Error()}
}
