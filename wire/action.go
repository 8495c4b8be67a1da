package wire

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow/flight"
)

// Names of actions.
const (
	actionHolds    = "kelp.holds"
	actionDrop     = "kelp.drop"
	actionSet      = "kelp.set"
	actionDescribe = "kelp.describe"
	actionExplain  = "kelp.explain"
	actionStatus   = "kelp.status"
	actionPeer     = "kelp.peer"
)

// DoAction does the calls that have no columns. What is asked often is encoded
// by codec.go; what people look at travels as JSON.
func (s *Server) DoAction(action *flight.Action, stream flight.FlightService_DoActionServer) error {
	payload, err := openSealAs(kindAction, action.GetBody())
	if err != nil {
		return badMessage(err)
	}
	if len(payload) > headBytesMax {
		return badMessage(fmt.Errorf("an action of %d bytes", len(payload)))
	}
	answer, err := s.act(stream.Context(), action.GetType(), payload)
	if err != nil {
		return err
	}
	if len(answer) > jsonBytesMax {
		return fmt.Errorf("the answer takes %d bytes; at most %d", len(answer), jsonBytesMax)
	}
	msg := append(beginSeal(nil, kindAnswer, 0), answer...)
	return stream.Send(&flight.Result{Body: endSeal(msg, nil, nil)})
}

// act does one action.
func (s *Server) act(ctx context.Context, name string, payload []byte) ([]byte, error) {
	if name == actionPeer && s.cfg.Peer != nil {
		return s.cfg.Peer(ctx, payload)
	}
	if s.leaf == nil {
		return nil, &Error{Code: CodeBad, Message: "this node is no leaf"}
	}
	if name == actionExplain {
		q, _, err := decodeQuery(payload)
		if err != nil {
			return nil, badMessage(err)
		}
		return s.leaf.Explain(ctx, q)
	}
	if name == actionStatus {
		status, err := s.leaf.Status(ctx)
		return jsonOf(status, err)
	}
	r := &reader{src: payload}
	table := r.text()
	switch name {
	case actionHolds:
		key := r.text()
		if r.err != nil {
			return nil, badMessage(r.err)
		}
		held, err := s.leaf.Holds(ctx, table, key)
		return appendBool(nil, held), err
	case actionSet:
		settings := readSettings(r)
		if r.err != nil {
			return nil, badMessage(r.err)
		}
		return nil, s.leaf.Set(ctx, table, settings)
	}
	if r.err != nil {
		return nil, badMessage(r.err)
	}
	switch name {
	case actionDrop:
		had, err := s.leaf.Drop(ctx, table)
		return appendBool(nil, had), err
	case actionDescribe:
		detail, err := s.leaf.Describe(ctx, table)
		return jsonOf(detail, err)
	}
	return nil, badMessage(fmt.Errorf("there is no action %.100q: finish the upgrade", name))
}

// jsonOf encodes an answer unless there is an error.
func jsonOf(answer any, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return json.Marshal(answer)
}
