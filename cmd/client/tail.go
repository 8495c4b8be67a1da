package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
)

// TailRound is rows that were committed to a table, as far as they were sent.
type TailRound struct {
	Rows    []json.RawMessage `json:"rows"`    // objects
	Matched int64             `json:"matched"` // rows that are new and fit the filter
	Sent    int64             `json:"sent"`    // of those
	Missing []Missing         `json:"missing"` // leaves of which rows may be missing
}

// Tail follows a table: round gets what is new until ctx ends, it returns an error, or
// the server ends the stream. The first round comes at once and has no rows. An error
// that the server sends is an *Error.
func (c *Client) Tail(ctx context.Context, table, filter string, round func(*TailRound) error) error {
	v := url.Values{"table": {table}}
	if filter != "" {
		v.Set("filter", filter)
	}
	resp, err := c.call(ctx, http.MethodGet, "/v1/tail?"+v.Encode(), nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, eventBytesMax)
	var event string
	for lines.Scan() {
		line := lines.Bytes()
		if name, ok := bytes.CutPrefix(line, []byte("event: ")); ok {
			event = string(name)
			continue
		}
		data, ok := bytes.CutPrefix(line, []byte("data: "))
		switch {
		case !ok: // the end of an event, or a comment
		case event == "error":
			return streamError(data)
		case event == "rows":
			var r TailRound
			if err := json.Unmarshal(data, &r); err != nil {
				return fmt.Errorf("cannot read what %s sends: %w", c.base, err)
			}
			if err := round(&r); err != nil {
				return err
			}
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("the stream broke off: %w", err)
	}
	return fmt.Errorf("the stream broke off: %s ended it without a word", c.base)
}
