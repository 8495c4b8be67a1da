package client_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kelpdb/kelp/cmd/client"
	"github.com/kelpdb/kelp/cmd/client/clienttest"
)

func dial(t *testing.T, address string) *client.Client {
	t.Helper()
	c, err := client.New(address, "secret")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// pauses records the waits between tries instead of taking them.
type pauses []time.Duration

func (p *pauses) sleep(ctx context.Context, d time.Duration) error {
	*p = append(*p, d)
	return ctx.Err()
}

// A batch whose fate is unknown, or that the server could not take yet, is sent
// again under its key, and its rows are there once.
func TestRetryCountsOnce(t *testing.T) {
	for name, failures := range map[string][]clienttest.Failure{
		"refused, then busy":       {{Status: 503}, {Status: 429}},
		"reply cut before storing": {{Status: 0}},
		"reply cut after storing":  {{Status: 0, After: true}},
		"gateway gave up":          {{Status: 504, After: true}, {Status: 502}},
	} {
		t.Run(name, func(t *testing.T) {
			s := clienttest.New(t)
			s.Fail(failures...)
			var waited pauses
			told := 0
			receipt, err := dial(t, s.URL).Retry(context.Background(),
				&client.Batch{Table: "t", Key: "k1", Type: client.TypeNDJSON, Body: []byte(`{"a":1}` + "\n" + `{"a":2}`)},
				client.Retrying{For: time.Hour, Sleep: waited.sleep, Notify: func(error, time.Duration) { told++ }})
			if err != nil || receipt.Accepted != 2 {
				t.Fatalf("receipt %+v, error %v", receipt, err)
			}
			if n := len(s.Rows("t")); n != 2 {
				t.Errorf("%d rows, want 2", n)
			}
			if len(waited) != len(failures) || told != len(failures) {
				t.Errorf("%d pauses, %d notices, want %d", len(waited), told, len(failures))
			}
			for _, r := range s.Requests() {
				if r.Key != "k1" || r.Token != "Bearer secret" {
					t.Errorf("request %+v without its key or token", r)
				}
			}
		})
	}
}

func TestRetryWaitsAsLongAsTold(t *testing.T) {
	s := clienttest.New(t)
	s.Fail(clienttest.Failure{Status: 503, Header: "7"}, clienttest.Failure{Status: 503, Header: "86400"})
	var waited pauses
	_, err := dial(t, s.URL).Retry(context.Background(),
		&client.Batch{Table: "t", Key: "k", Body: []byte(`{}`)}, client.Retrying{For: time.Hour, Sleep: waited.sleep})
	if err != nil || len(waited) != 2 || waited[0] != 7*time.Second || waited[1] != time.Minute {
		t.Fatalf("waited %v, error %v; want 7s and the most a server may ask for, 1m", waited, err)
	}
}

// TestRetryOverQuota: a quota is waited for however long it takes, and the time for
// a server that is away stays.
func TestRetryOverQuota(t *testing.T) {
	s := clienttest.New(t)
	var failures []clienttest.Failure
	for range 9 {
		failures = append(failures, clienttest.Failure{Status: 429, Header: "50"})
	}
	s.Fail(failures...)
	var waited pauses
	receipt, err := dial(t, s.URL).Retry(context.Background(),
		&client.Batch{Table: "t", Key: "k", Type: client.TypeNDJSON, Body: []byte(`{}`)}, client.Retrying{For: time.Second, Sleep: waited.sleep})
	if err != nil || receipt.Accepted != 1 || len(waited) != 9 || waited[8] != 50*time.Second {
		t.Fatalf("receipt %+v, error %v, waited %v", receipt, err, waited)
	}
	s.Fail(clienttest.Failure{Status: 429, Header: "50"}, clienttest.Failure{Status: 503, Header: "2"})
	if _, err := dial(t, s.URL).Retry(context.Background(), &client.Batch{Table: "t", Key: "k2", Body: []byte(`{}`)},
		client.Retrying{For: time.Second, Sleep: func(context.Context, time.Duration) error { return nil }}); err != nil {
		t.Fatalf("error %v: the pause of the quota was not slept, so its 50 s are left", err)
	}
}

func TestRetryEnds(t *testing.T) {
	send := func(c *client.Client, how client.Retrying) error {
		_, err := c.Retry(context.Background(), &client.Batch{Table: "t", Key: "k", Body: []byte(`{}`)}, how)
		return err
	}
	t.Run("at its deadline", func(t *testing.T) {
		s := clienttest.New(t)
		s.Fail(clienttest.Failure{Status: 503, Header: "30"}, clienttest.Failure{Status: 503})
		var answer *client.Error
		if err := send(dial(t, s.URL), client.Retrying{For: time.Second}); !errors.As(err, &answer) || answer.Status != 503 {
			t.Fatalf("error %v, want the 503", err)
		}
		if n := len(s.Requests()); n != 1 {
			t.Errorf("%d requests, want 1: the pause would have passed the deadline", n)
		}
	})
	t.Run("at an answer that will not change", func(t *testing.T) {
		for _, status := range []int{400, 401, 403, 404, 409, 413, 500} {
			s := clienttest.New(t)
			s.Fail(clienttest.Failure{Status: status})
			var answer *client.Error
			if err := send(dial(t, s.URL), client.Retrying{For: time.Hour}); !errors.As(err, &answer) || answer.Status != status {
				t.Fatalf("error %v, want the %d", err, status)
			}
			if n := len(s.Requests()); n != 1 {
				t.Errorf("status %d: %d requests, want 1", status, n)
			}
		}
	})
	t.Run("with its context", func(t *testing.T) {
		s := clienttest.New(t)
		s.Fail(clienttest.Failure{Status: 503})
		ctx, cancel := context.WithCancel(context.Background())
		_, err := dial(t, s.URL).Retry(ctx, &client.Batch{Table: "t", Key: "k", Body: []byte(`{}`)},
			client.Retrying{For: time.Hour, Notify: func(error, time.Duration) { cancel() }})
		if err == nil || len(s.Requests()) != 1 {
			t.Fatalf("error %v after %d requests", err, len(s.Requests()))
		}
	})
}

func TestNobodyThere(t *testing.T) {
	s := clienttest.New(t)
	gone := dial(t, "http://127.0.0.1:1")
	err := gone.Ping(context.Background())
	var lost *client.Unreachable
	if !errors.As(err, &lost) || !strings.Contains(err.Error(), "cannot reach kelp at http://127.0.0.1:1: dial") ||
		!strings.Contains(err.Error(), "start one with `kelp serve`") {
		t.Errorf("error %q", err)
	}
	if err := dial(t, strings.TrimPrefix(s.URL, "http://")).Ping(context.Background()); err != nil {
		t.Errorf("host:port without a scheme: %v", err)
	}
	for _, bad := range []string{"", "ftp://x", "http://", "http://a b"} {
		if _, err := client.New(bad, ""); err == nil {
			t.Errorf("address %q was taken", bad)
		}
	}
}

func TestErrorsOfQueries(t *testing.T) {
	s := clienttest.New(t)
	ask := func(status int, body string) *client.Error {
		s.Answer = func(string, string) (int, string) { return status, body }
		_, _, err := dial(t, s.URL).Query(context.Background(), client.Query{SQL: "SELECT"})
		var answer *client.Error
		if !errors.As(err, &answer) {
			t.Fatalf("error %v, want a *client.Error", err)
		}
		return answer
	}
	e := ask(400, `{"error": {"code": "parse_error", "message": "expected an expression", "position": {"line": 1, "column": 7}, "hint": "did you mean x"}}`)
	if e.Code != "parse_error" || e.Position == nil || e.Position.Column != 7 ||
		e.Error() != "expected an expression (line 1, column 7); did you mean x" {
		t.Errorf("got %+v: %v", e, e)
	}
	e = ask(503, `{"error": {"code": "incomplete", "message": "3 of 4 leaves", "completeness": {"ratio": 0.75, "leaves": {"total": 4, "answered": 3, "missing": [{"leaf": "leaf-2", "reason": "down"}]}}}}`)
	if e.Completeness == nil || e.Completeness.Leaves.Missing[0].Reason != "down" {
		t.Errorf("got %+v", e)
	}
	if e := ask(502, "<html>bad gateway\n</html>"); e.Error() != "HTTP 502: <html>bad gateway" {
		t.Errorf("got %v", e)
	}
	if e := ask(http.StatusTeapot, ""); e.Error() != "HTTP 418: I'm a teapot" {
		t.Errorf("got %v", e)
	}
}
