package wire

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/apache/arrow/go/v15/arrow/flight"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

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

// Peer sends a message to the peer, which answers by its ServerConfig.Peer.
func (c *Client) Peer(ctx context.Context, msg []byte) ([]byte, error) {
	return c.action(ctx, actionPeer, func(dst []byte) []byte { return append(dst, msg...) })
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
