package side

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kelpdb/kelp/cmd/client"
)

// askedOf answers every query with the same text and asks.
func askedOf(t *testing.T, status int, text string) (*reply, error) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		if _, err := w.Write([]byte(text)); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	c, err := client.New(server.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return (&kelp{client: c}).ask(context.Background(), "SELECT 1")
}

// What kelp says about its answer is heard.
func TestKelpAsk(t *testing.T) {
	const rows = `{"rows": [[9007199254740993]], `
	f := func(rest string, whole float64, inexact string) {
		t.Helper()
		r, err := askedOf(t, http.StatusOK, rows+rest+"}")
		if err != nil {
			t.Fatal(err)
		}
		if r.whole != whole || r.inexact != inexact || r.took <= 0 || len(r.rows) != 1 {
			t.Errorf("%s: %+v", rest, r)
		}
		if a, err := normalise([]kind{kindInt}, r.rows); err != nil || a[0][0] != int64(9007199254740993) {
			t.Errorf("digits were lost: %v, %v", a, err)
		}
	}
	f(`"completeness": {"ratio": 1, "exact": true}`, 1, "")
	f(`"completeness": {"ratio": 0.5, "exact": true}`, 0.5, "")
	f(`"completeness": {"ratio": 1, "exact": false}`, 1, "not exact by its own word")
	f(`"completeness": {"ratio": 1, "exact": true}, "truncated": {"by": "groups", "limit": 10}`, 1, "cut by groups at 10")
	f(`"completeness": {"ratio": 1, "exact": true}, "approximate": ["uniq(user_id)"]`, 1, "")
	f(`"completeness": {"ratio": 1, "exact": true}, "approximate": ["uniq_exact(user_id)"]`, 1, "approximate where it was asked to be exact")
}

func TestKelpNotYet(t *testing.T) {
	f := func(status int, text string, want bool) {
		t.Helper()
		_, err := askedOf(t, status, text)
		if err == nil || notYet(err) != want {
			t.Errorf("%d %s: %v", status, text, err)
		}
	}
	f(http.StatusServiceUnavailable, `{"error": {"code": "incomplete", "message": "loading"}}`, true)
	f(http.StatusServiceUnavailable, `{"error": {"code": "unavailable", "message": "no leaf"}}`, true)
	f(http.StatusNotFound, `{"error": {"code": "unknown_table", "message": "no table"}}`, true)
	f(http.StatusBadRequest, `{"error": {"code": "parse_error", "message": "expected"}}`, false)
	f(http.StatusOK, `{"rows": [`, false)
	if notYet(errors.New("other")) || notYet(nil) {
		t.Error("any error would be waited out")
	}
}

// timedSystem answers each question in a time that depends on its words.
type timedSystem struct {
	system
	times map[string]time.Duration
	asked []string
}

func (s *timedSystem) name() string { return "timed" }

func (s *timedSystem) dialect() *dialect {
	return &dialect{words: map[string][]string{"distinct": {"slow", "fast", "slower"}}}
}

func (s *timedSystem) ask(_ context.Context, sql string) (*reply, error) {
	s.asked = append(s.asked, sql)
	for word, took := range s.times {
		if strings.Contains(sql, " "+word+" ") {
			return &reply{took: took, whole: 1}, nil
		}
	}
	return nil, errors.New("no such word in " + sql)
}

// The fastest way to ask is the one that is measured, whatever came first.
func TestFastestWayIsMeasured(t *testing.T) {
	s := &timedSystem{times: map[string]time.Duration{"slow": 30, "fast": 10, "slower": 90}}
	for _, patience := range []time.Duration{time.Hour, 0} {
		s.asked = nil
		b := &bench{cfg: Config{Rounds: 9, Patience: patience}, constants: draw(workload(100), 1, 10), book: newBook(questions())}
		timing, err := b.question(context.Background(), s, b.book.question("Q6"), false)
		if err != nil {
			t.Fatal(err)
		}
		rounds := 9
		if patience == 0 {
			rounds = roundsMin
		}
		if timing.first != 30 || len(timing.warm) != rounds || largest(timing.warm) != 10 || !strings.Contains(timing.way, " fast ") {
			t.Errorf("%+v", timing)
		}
		if len(s.asked) != 3*candidateTries+rounds {
			t.Errorf("asked %d times: %q", len(s.asked), s.asked)
		}
		if wrong, _ := b.book.verdict(); len(wrong) != 0 {
			t.Errorf("%q", wrong)
		}
	}
}
