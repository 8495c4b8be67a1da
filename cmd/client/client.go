package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client talks to one server.
type Client struct {
	base  string // scheme://host:port, without a slash at the end
	token string
	http  *http.Client
}

// New returns a client of the server at address, a URL or host:port. The token
// may be empty.
func New(address, token string) (*Client, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("server %q: want a URL like http://127.0.0.1:7411", address)
	}
	return &Client{
		base:  u.Scheme + "://" + u.Host + strings.TrimRight(u.Path, "/"),
		token: token,
		http: &http.Client{Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			MaxIdleConns:        connectionsMax,
			MaxIdleConnsPerHost: connectionsMax,
			IdleConnTimeout:     90 * time.Second,
			DisableCompression:  true, // bodies are mostly read on the same machine
		}},
	}, nil
}

// Address returns the server's URL.
func (c *Client) Address() string { return c.base }

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Unreachable is a call that got no answer: whether it was carried out is
// unknown.
type Unreachable struct {
	Address string
	Err     error
}

func (e *Unreachable) Error() string {
	return fmt.Sprintf("cannot reach kelp at %s: %v; start one with `kelp serve`", e.Address, rootOf(e.Err))
}

func (e *Unreachable) Unwrap() error { return e.Err }

// rootOf drops the method and URL that net/http puts before an error.
func rootOf(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// Position is a place in the text of a query, both numbers from 1.
type Position struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

// Error is an answer that says no.
type Error struct {
	Status       int // HTTP
	Code         string
	Message      string
	Position     *Position // of a query's text
	Hint         string
	RetryAfter   time.Duration // 0: not said
	Completeness *Completeness // of code incomplete
	Receipt      *Receipt      // of an ingest: the rows counted before it failed
}

func (e *Error) Error() string {
	text := e.Message
	if text == "" {
		text = http.StatusText(e.Status)
	}
	if e.Position != nil {
		text = fmt.Sprintf("%s (line %d, column %d)", text, e.Position.Line, e.Position.Column)
	}
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	if e.Code == "" {
		return fmt.Sprintf("HTTP %d: %s", e.Status, text)
	}
	return text
}

// call sends a request and returns the answer's open body. An answer of 400 or
// above is an *Error.
func (c *Client) call(ctx context.Context, method, path string, header http.Header, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, &Unreachable{Address: c.base, Err: err}
	}
	if resp.StatusCode < 400 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, readError(resp)
}

func readError(resp *http.Response) *Error {
	text, err := io.ReadAll(io.LimitReader(resp.Body, errorBytesMax))
	e := &Error{Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header, time.Now())}
	if err != nil || !e.decode(text) {
		e.Message = strings.TrimSpace(firstLine(text))
	}
	return e
}

// streamError is an error that came in a stream.
func streamError(text []byte) *Error {
	e := new(Error)
	if !e.decode(text) {
		e.Message = strings.TrimSpace(firstLine(text))
	}
	return e
}

// decode takes an error out of a body; false if there is none in it.
func (e *Error) decode(text []byte) bool {
	var body struct {
		Error *struct {
			Code         string        `json:"code"`
			Message      string        `json:"message"`
			Position     *Position     `json:"position"`
			Hint         string        `json:"hint"`
			Completeness *Completeness `json:"completeness"`
		} `json:"error"`
		Accepted *int64 `json:"accepted"`
	}
	if json.Unmarshal(text, &body) != nil || body.Error == nil {
		return false
	}
	e.Code, e.Message, e.Position, e.Hint = body.Error.Code, body.Error.Message, body.Error.Position, body.Error.Hint
	e.Completeness = body.Error.Completeness
	if body.Accepted != nil {
		e.Receipt = new(Receipt)
		if json.Unmarshal(text, e.Receipt) != nil {
			e.Receipt = nil
		}
	}
	return true
}

func firstLine(text []byte) string {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return string(line[:min(len(line), 300)])
}

// getJSON decodes the answer of a GET into v.
func (c *Client) getJSON(ctx context.Context, path string, v any) error {
	resp, err := c.call(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(v); err != nil {
		return fmt.Errorf("what %s answers to %s broke off, or is not kelp's: %w", c.base, path, err)
	}
	return nil
}

// Ping asks whether a server is there and alive.
func (c *Client) Ping(ctx context.Context) error { return c.probe(ctx, "/healthz") }

// Ready asks whether a server has its rows and serves.
func (c *Client) Ready(ctx context.Context) error { return c.probe(ctx, "/readyz") }

func (c *Client) probe(ctx context.Context, path string) error {
	resp, err := c.call(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
