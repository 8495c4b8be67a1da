package aggregator

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/kelpdb/kelp/query"
)

// readAsk takes the question out of a request: of a GET the parameters, of a POST
// a JSON object, which may override them, or the bare SQL.
func readAsk(r *http.Request) (Ask, error) {
	ask, err := askOfAddress(r)
	if err != nil {
		return ask, err
	}
	if r.Method != http.MethodGet {
		body, err := io.ReadAll(io.LimitReader(r.Body, queryBytesMax+1))
		if err != nil {
			return ask, badRequest("the request broke off before its end", "send it again")
		}
		if len(body) > queryBytesMax {
			return ask, &apiError{Status: http.StatusRequestEntityTooLarge, Code: "too_large",
				Message: fmt.Sprintf("the query is longer than %d bytes", queryBytesMax), Hint: "ask a shorter one"}
		}
		text := strings.TrimSpace(string(body))
		if strings.HasPrefix(text, "{") {
			if err := decodeAsk(body, &ask); err != nil {
				return ask, badRequest("the request can not be read: "+jsonFault(err), askHint)
			}
		} else if text != "" {
			ask.SQL = text
		}
	}
	if strings.TrimSpace(ask.SQL) == "" {
		return ask, badRequest("there is no query", `send {"sql": "SELECT ..."}, the SQL itself, or ?q=`)
	}
	if ask.TimeoutMs < 0 {
		return ask, badRequest("timeout_ms is negative", "leave it out for 10 seconds")
	}
	ask.TimeoutMs = min(ask.TimeoutMs, timeoutMax.Milliseconds())
	if !(ask.MinCompleteness >= 0 && ask.MinCompleteness <= 1) {
		return ask, badRequest("min_completeness is not from 0 to 1", "a share like 0.95")
	}
	return ask, nil
}

const askHint = `send the SQL itself, or {"sql": "SELECT ..."} with timeout_ms, strict, min_completeness, tz`

// askOfAddress reads the parameters that stand for a question.
func askOfAddress(r *http.Request) (ask Ask, err error) {
	v, err := params(r, "q", "timeout_ms", "strict", "min_completeness", "tz", "summary")
	if err != nil {
		return ask, err
	}
	ask.SQL, ask.TZ = v.Get("q"), v.Get("tz")
	if ask.TimeoutMs, err = intParam(v, "timeout_ms"); err != nil {
		return ask, err
	}
	if ask.Strict, err = boolParam(v, "strict"); err != nil {
		return ask, err
	}
	if _, err = boolParam(v, "summary"); err != nil {
		return ask, err
	}
	if s := v.Get("min_completeness"); s != "" {
		if ask.MinCompleteness, err = strconv.ParseFloat(s, 64); err != nil {
			return ask, badRequest(fmt.Sprintf("min_completeness is %q", s), "it must be a share like 0.95")
		}
	}
	return ask, nil
}

// decodeAsk reads a question in JSON. A field that is not known is an error: a
// misspelt "strict" must not be taken for none.
func decodeAsk(body []byte, ask *Ask) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(ask); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("something follows the object")
	}
	return nil
}

// serveQuery is POST and GET /v1/query. Whatever comes of it carries an id.
func (a *Aggregator) serveQuery(w http.ResponseWriter, r *http.Request) error {
	id := rand.Text()
	w.Header().Set("Kelp-Query-Id", id)
	ask, err := readAsk(r)
	if err != nil {
		return err
	}
	format, err := formatOf(r.Header.Get("Accept"))
	if err != nil {
		return err
	}
	ask.id, ask.remote, ask.user = id, r.RemoteAddr, bearerOf(r.Context()).name
	if format.events {
		return a.serveEvents(w, r, ask)
	}
	if export := a.exporter(&ask); export != nil {
		return a.serveExport(w, r, export, format)
	}
	ans, err := a.Answer(r.Context(), ask)
	a.metrics.count(ans, err)
	if err != nil {
		return err
	}
	ans.ID = id // also of a statement, which can not be cancelled
	format.write(w, r, ans)
	return nil
}

// Answer runs any statement: SELECT, SHOW TABLES, DESCRIBE, EXPLAIN.
func (a *Aggregator) Answer(ctx context.Context, ask Ask) (*Answer, error) {
	stmt, err := ask.parse()
	if err != nil {
		return nil, err
	}
	switch s := stmt.(type) {
	case *query.ShowTables:
		return a.showTables(ctx, ask)
	case *query.Describe:
		return a.describeStatement(ctx, ask, s.Table)
	case *query.ExplainChange:
		return a.explainChange(ctx, ask, s)
	case *query.Explain:
		return a.explainStatement(ctx, ask)
	}
	return a.Select(ctx, ask)
}
