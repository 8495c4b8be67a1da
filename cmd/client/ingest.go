package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Media types of bodies of rows.
const (
	TypeNDJSON = "application/x-ndjson"
	TypeJSON   = "application/json"
	TypeCSV    = "text/csv"
	TypeArrow  = "application/vnd.apache.arrow.stream"
)

// Batch is the rows of one ingest call.
type Batch struct {
	Table     string
	Key       string // Idempotency-Key; empty: none, and then Retry must not be used
	Type      string // one of the Type constants
	Encoding  string // "", "gzip" or "zstd"
	TimeField string // the field that holds the time; empty: the usual names
	Body      []byte
}

// Receipt says what became of a batch.
type Receipt struct {
	Accepted  int64      `json:"accepted"`
	Rejected  int64      `json:"rejected"`
	Errors    []RowError `json:"errors"`
	Batch     string     `json:"batch"`
	Duplicate bool       `json:"duplicate"`
	Warnings  []string   `json:"warnings"`
}

// RowError is a row that was rejected; Row counts from 1 within the batch.
type RowError struct {
	Row   int64  `json:"row"`
	Error string `json:"error"`
}

// Ingest sends a batch once.
func (c *Client) Ingest(ctx context.Context, b *Batch) (*Receipt, error) {
	header := http.Header{"Content-Type": {b.Type}}
	if b.Key != "" {
		header.Set("Idempotency-Key", b.Key)
	}
	if b.Encoding != "" {
		header.Set("Content-Encoding", b.Encoding)
	}
	path := "/v1/ingest/" + url.PathEscape(b.Table)
	if b.TimeField != "" {
		path += "?time=" + url.QueryEscape(b.TimeField)
	}
	resp, err := c.call(ctx, http.MethodPost, path, header, b.Body)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var r Receipt
	if err := json.NewDecoder(resp.Body).Decode(&r); err != nil {
		// The rows may well be in: a broken answer is no answer.
		return nil, &Unreachable{Address: c.base, Err: fmt.Errorf("the receipt broke off: %w", err)}
	}
	return &r, nil
}

// Retrying says how long a batch is repeated, and who wants to know about it.
type Retrying struct {
	For    time.Duration                              // since the first try, without the pauses of a quota; 0 tries once
	Notify func(err error, wait time.Duration)        // before each pause; may be nil
	Sleep  func(context.Context, time.Duration) error // nil: a timer
}

// Retry sends a batch under its key until it gets a receipt, an answer that
// will not change, the end of ctx, or the end of its time: then the last error.
func (c *Client) Retry(ctx context.Context, b *Batch, how Retrying) (*Receipt, error) {
	if b.Key == "" {
		panic("BUG: a batch without a key must not be repeated")
	}
	sleep := how.Sleep
	if sleep == nil {
		sleep = sleepFor
	}
	deadline := time.Now().Add(how.For)
	for wait := waitMin; ; wait = min(wait*2, waitMax) {
		receipt, err := c.Ingest(ctx, b)
		if err == nil || !passing(err) {
			return receipt, err
		}
		pause := wait/2 + rand.N(wait/2+1)
		var answer *Error
		if errors.As(err, &answer) && answer.RetryAfter > 0 {
			pause = min(answer.RetryAfter, retryAfterMax)
		}
		if IsOverQuota(err) && how.For > 0 {
			deadline, wait = deadline.Add(pause), waitMin // the server is there, and says when
		}
		if time.Now().Add(pause).After(deadline) {
			return nil, err
		}
		if how.Notify != nil {
			how.Notify(err, pause)
		}
		if sleep(ctx, pause) != nil {
			return nil, err
		}
	}
}

// IsOverQuota tells whether a call was refused since its table has had its quota.
func IsOverQuota(err error) bool {
	var answer *Error
	return errors.As(err, &answer) && answer.Status == http.StatusTooManyRequests
}

// passing tells whether the same call may succeed later.
func passing(err error) bool {
	var lost *Unreachable
	var answer *Error
	switch {
	case errors.As(err, &lost):
		return true
	case errors.As(err, &answer):
		switch answer.Status {
		case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
	}
	return false
}

func sleepFor(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// retryAfter reads the header in both of its forms, seconds and a date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if s, err := strconv.ParseFloat(text, 64); err == nil && s > 0 {
		return min(time.Duration(s*float64(time.Second)), retryAfterMax)
	}
	if at, err := http.ParseTime(text); err == nil && at.After(now) {
		return min(at.Sub(now), retryAfterMax)
	}
	return 0
}
