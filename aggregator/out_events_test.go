package aggregator

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kelpdb/kelp/query"
)

// event is one that a client has read.
type event struct {
	Name string
	Data struct {
		Rows         [][]any
		Completeness Completeness
		Error        *apiError
	}
}

// readEvent reads the next event; false at the end.
func readEvent(t *testing.T, lines *bufio.Scanner) (e event, ok bool) {
	t.Helper()
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "event":
			e.Name = value
		case "data":
			if err := json.Unmarshal([]byte(value), &e.Data); err != nil {
				t.Fatalf("%s: %v", value, err)
			}
		case "":
			return e, true
		default:
			t.Fatalf("a line %q", lines.Text())
		}
	}
	return e, false
}

// askEvents asks for events over a real connection.
func askEvents(t *testing.T, a *Aggregator, query string) (*http.Response, *bufio.Scanner) {
	t.Helper()
	server := httptest.NewServer(a.Handler(HTTPConfig{}))
	t.Cleanup(server.Close)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/v1/query"+query, strings.NewReader("SELECT count() FROM t"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res, bufio.NewScanner(res.Body)
}

// TestEvents: the first answer comes while a leaf is still at work, and says so; the
// last is as complete as any.
func TestEvents(t *testing.T) {
	slow := &faultLeaf{name: "slow", rows: 30}
	let := make(chan struct{})
	slow.lie = func(*query.Partial) { <-let }
	a := newTest(t, &faultLeaf{name: "quick", rows: 10}, slow)
	res, lines := askEvents(t, a, "")
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" || res.Header.Get("Kelp-Query-Id") == "" {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	e, ok := readEvent(t, lines)
	c := e.Data.Completeness
	if !ok || e.Name != "partial" || e.Data.Rows[0][0] != 10.0 || c.Ratio != 0.25 || len(c.Leaves.Missing) != 1 || c.Leaves.Missing[0] != (LeafMissing{"slow", "pending"}) {
		t.Fatalf("first %+v", e)
	}
	close(let)
	if e, ok = readEvent(t, lines); !ok || e.Name != "final" || e.Data.Rows[0][0] != 40.0 || e.Data.Completeness.Ratio != 1 {
		t.Fatalf("then %+v", e)
	}
	if e, ok = readEvent(t, lines); ok {
		t.Errorf("and %+v", e)
	}
}

// TestEventsLate: a leaf that does not answer in time is missing from the last answer
// for that reason, and a strict question ends with the error.
func TestEventsLate(t *testing.T) {
	a := newTest(t, &faultLeaf{name: "quick", rows: 10}, &faultLeaf{name: "slow", rows: 30, slow: true})
	_, lines := askEvents(t, a, "?timeout_ms=400")
	if e, _ := readEvent(t, lines); e.Name != "partial" {
		t.Errorf("first %+v", e)
	}
	if e, _ := readEvent(t, lines); e.Name != "final" || e.Data.Completeness.Ratio != 0.25 || e.Data.Completeness.Leaves.Missing[0] != (LeafMissing{"slow", "timeout"}) {
		t.Errorf("then %+v", e)
	}
	_, lines = askEvents(t, a, "?timeout_ms=400&strict=1")
	if e, _ := readEvent(t, lines); e.Name != "partial" {
		t.Errorf("strict: first %+v", e)
	}
	if e, _ := readEvent(t, lines); e.Name != "error" || e.Data.Error == nil || e.Data.Error.Code != "incomplete" {
		t.Errorf("strict: then %+v", e)
	}
}

// TestEventsError: what is wrong from the start is an error like any other.
func TestEventsError(t *testing.T) {
	a := newTest(t, &faultLeaf{name: "quick", rows: 10})
	w := do(t, a.Handler(HTTPConfig{}), "POST", "/v1/query", "SELECT FROM", "Accept", "text/event-stream")
	if w.Code != http.StatusBadRequest || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}

// countRefined counts how often it is called.
type countRefined int

func (n *countRefined) refine(*ran) { *n++ }

// TestEventsRest: answers that are not the last do not come faster than a page draws.
func TestEventsRest(t *testing.T) {
	a := newTest(t, &faultLeaf{name: "a", rows: 1})
	q := &query.Query{SQL: "SELECT count() FROM t", Now: time.Now().UnixNano()}
	var made countRefined
	a.passRefined(q, &made)
	for range 100 {
		q.Refined(func() (*query.Partial, error) { return nil, nil })
	}
	if made != 1 {
		t.Errorf("%d answers at once", made)
	}
}
