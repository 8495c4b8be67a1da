package wire

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/kelpdb/kelp/query"
)

// errorTrailer carries an error's code and place: gRPC's own status has no
// room for them.
const errorTrailer = "kelp-error-bin"

// errorBody is what the trailer holds, as JSON.
type errorBody struct {
	Code    string       `json:"code"`
	Message string       `json:"message"`
	Query   *query.Error `json:"query,omitempty"`
}

// statusOf turns an error of a Leaf into what gRPC sends.
func statusOf(err error) (metadata.MD, error) {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, status.Error(codes.DeadlineExceeded, "the deadline passed on the leaf")
	case errors.Is(err, context.Canceled):
		return nil, status.Error(codes.Canceled, "canceled")
	}
	body := errorBody{Code: CodeInternal, Message: err.Error()}
	var coded *Error
	var bad *query.Error
	switch {
	case errors.As(err, &coded):
		body.Code, body.Message = coded.Code, coded.Message
	case errors.As(err, &bad):
		body.Code, body.Query = CodeBad, bad
	}
	if len(body.Message) > errorBytesMax {
		body.Message = body.Message[:errorBytesMax] + "..."
	}
	text, jsonErr := json.Marshal(&body)
	if jsonErr != nil {
		panic("BUG: " + jsonErr.Error())
	}
	return metadata.Pairs(errorTrailer, string(text)), status.Error(codes.Unknown, body.Code)
}

// lateError is the end of a deadline, or of a call that was given up.
type lateError struct{ cause error }

func (e *lateError) Error() string { return "the leaf did not answer in time" }
func (e *lateError) Unwrap() error { return e.cause }

// dialled is what the system said of an address, out of all that gRPC says.
func dialled(text string) string {
	_, said, ok := strings.Cut(text, "dial tcp ")
	if !ok {
		return ""
	}
	return " at " + strings.TrimRight(said, `"`)
}

// errorFrom is the reverse, at the client.
func errorFrom(ctx context.Context, err error, trailer metadata.MD) error {
	var damaged *errDamaged
	if errors.As(err, &damaged) {
		return &Error{Code: CodeInternal, Message: "cannot use what the peer sends: " + damaged.Error()}
	}
	if texts := trailer.Get(errorTrailer); len(texts) == 1 {
		var body errorBody
		if json.Unmarshal([]byte(texts[0]), &body) == nil && body.Code != "" {
			if body.Query != nil {
				return body.Query
			}
			return &Error{Code: body.Code, Message: body.Message}
		}
	}
	if ctx.Err() != nil {
		return &lateError{ctx.Err()}
	}
	s, _ := status.FromError(err)
	switch s.Code() {
	case codes.DeadlineExceeded:
		return &lateError{context.DeadlineExceeded}
	case codes.Canceled:
		return &Error{Code: CodeBroken, Message: "the peer broke the call off"}
	case codes.Unavailable:
		return &Error{Code: CodeBroken, Message: "the connection broke" + dialled(s.Message())}
	case codes.Unauthenticated:
		return &Error{Code: CodeBad, Message: "the peer has another cluster key: give all nodes the same --cluster-key-file"}
	case codes.Unimplemented:
		return &Error{Code: CodeBad, Message: "the peer does not know this call: finish the upgrade (" + s.Message() + ")"}
	case codes.ResourceExhausted:
		return &Error{Code: CodeInternal, Message: "a message is larger than a peer takes: " + s.Message()}
	}
	return &Error{Code: CodeInternal, Message: s.Message()}
}
