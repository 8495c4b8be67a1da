package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Query is one question.
type Query struct {
	SQL       string `json:"sql"`
	TimeoutMs int64  `json:"timeout_ms,omitempty"`
	Strict    bool   `json:"strict,omitempty"` // an answer that is not whole is an error
	TZ        string `json:"tz,omitempty"`
}

// Answer is a result with what stands behind it.
type Answer struct {
	Columns []Column `json:"columns"`
	Rows    [][]any  `json:"rows"` // nil, bool, json.Number, string or []any
	Summary
}

// Column is one column of an answer.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Summary is an answer without its columns and rows.
type Summary struct {
	Completeness Completeness `json:"completeness"`
	Range        *Range       `json:"range"`
	Bucket       *Bucket      `json:"bucket"`
	Horizon      *time.Time   `json:"horizon"`
	Newest       *time.Time   `json:"newest"`
	Stats        Stats        `json:"stats"`
	Approximate  []string     `json:"approximate"`
	Truncated    *Truncated   `json:"truncated"`
	Other        *Other       `json:"other"`
	Compare      *Compare     `json:"compare"`
	Warnings     []string     `json:"warnings"`
}

// Compare is what stands behind the range that COMPARE moves back.
type Compare struct {
	Range        *Range       `json:"range"`
	Completeness Completeness `json:"completeness"`
}

// Range is a span of time; To is exclusive.
type Range struct {
	From *time.Time `json:"from"`
	To   *time.Time `json:"to"`
}

// Completeness says how much of the truth an answer covers.
type Completeness struct {
	Ratio        float64 `json:"ratio"`
	Exact        bool    `json:"exact"`
	RowsExpected int64   `json:"rows_expected"`
	RowsCovered  int64   `json:"rows_covered"`
	Leaves       struct {
		Total    int       `json:"total"`
		Answered int       `json:"answered"`
		Missing  []Missing `json:"missing"`
	} `json:"leaves"`
	ByTime []struct {
		From  time.Time `json:"from"`
		To    time.Time `json:"to"`
		Ratio float64   `json:"ratio"`
	} `json:"by_time,omitempty"`
}

// Missing is a leaf that did not answer.
type Missing struct {
	Leaf   string `json:"leaf"`
	Reason string `json:"reason"`
}

// Bucket is the time bucket of the answer.
type Bucket struct {
	Column  string `json:"column"`
	WidthMs int64  `json:"width_ms"`
}

// Stats is what the answer cost.
type Stats struct {
	RowsScanned   int64   `json:"rows_scanned"`
	RowsMatched   int64   `json:"rows_matched"`
	BlocksScanned int64   `json:"blocks_scanned"`
	BlocksPruned  int64   `json:"blocks_pruned"`
	BytesScanned  int64   `json:"bytes_scanned"`
	ElapsedMs     float64 `json:"elapsed_ms"`
}

// Truncated says which limit cut the answer.
type Truncated struct {
	By    string `json:"by"`
	Limit int64  `json:"limit"`
	Kept  int64  `json:"kept"`
}

// Other names the rows that stand for the groups left out.
type Other struct {
	Rows   []int `json:"rows"`
	Groups int64 `json:"groups"`
}

// Whole tells whether nothing is missing, cut or uncertain.
func (s *Summary) Whole() bool {
	c := s.Compare
	return s.Completeness.Ratio >= 1 && s.Completeness.Exact && s.Truncated == nil &&
		(c == nil || c.Completeness.Ratio >= 1 && c.Completeness.Exact)
}

// Stream asks a question and returns the answer as it comes, in the media type
// accept; path is /v1/query or one that takes the same body. The caller closes
// the body. An NDJSON answer ends with its summary.
func (c *Client) Stream(ctx context.Context, q Query, accept string) (*http.Response, error) {
	body, err := json.Marshal(q)
	if err != nil {
		panic("BUG: a query does not encode: " + err.Error())
	}
	header := http.Header{"Content-Type": {TypeJSON}, "Accept": {accept}}
	path := "/v1/query"
	if accept == TypeNDJSON {
		path += "?summary=1"
	}
	return c.call(ctx, http.MethodPost, path, header, body)
}

// Query asks a question and returns the answer and its text as it came.
func (c *Client) Query(ctx context.Context, q Query) (*Answer, []byte, error) {
	resp, err := c.Stream(ctx, q, TypeJSON)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("the answer broke off: %w", err)
	}
	var a Answer
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&a); err != nil {
		return nil, nil, fmt.Errorf("cannot read the answer: %w", err)
	}
	return &a, text, nil
}
