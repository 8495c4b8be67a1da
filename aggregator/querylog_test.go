package aggregator

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kelpdb/kelp/wire"
)

// loggingTest is an aggregator with a log of queries over one leaf, which hands out
// what is stored on it.
func loggingTest(t *testing.T, l *faultLeaf) (*Aggregator, chan *wire.Append) {
	t.Helper()
	stored := make(chan *wire.Append, 100)
	l.appends = func(a *wire.Append) (*wire.Appended, error) {
		stored <- a
		return &wire.Appended{Receipt: a.Receipt}, nil
	}
	a, err := New(Config{Name: "agg", Now: time.Now, Log: slog.New(slog.DiscardHandler), Seed: 1, QueryLog: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	a.Attach(l.name, "", l, true)
	until(t, a.Ready)
	return a, stored
}

// field is a value of a batch's row.
func field(t *testing.T, a *wire.Append, name string, row uint16) any {
	t.Helper()
	for _, s := range a.Batch.Slots() {
		if s.Name != name {
			continue
		}
		for _, v := range s.Vectors {
			for i := 0; v != nil && i < v.Len(); i++ {
				if uint16(v.Rows[i]) == row {
					return v.Value(i).Str
				}
			}
		}
	}
	return nil
}

// TestQueryLog: what clients ask is written, with what came of it; what is asked of
// kelp's own tables, or by the server itself, is not.
func TestQueryLog(t *testing.T) {
	l := &faultLeaf{name: "leaf-1", rows: 7}
	a, stored := loggingTest(t, l)
	h := a.Handler(HTTPConfig{})
	long := "SELECT count() FROM t -- " + strings.Repeat("é", queryLogSQLMax)
	for _, sql := range []string{"SELECT count() FROM _kelp.queries", "SELECT count() FROM t", "SELECT count(), no_such() FROM t", long} {
		if w := do(t, h, "POST", "/v1/query", sql); w.Header().Get("Kelp-Query-Id") == "" {
			t.Errorf("%s: %d without an id", sql, w.Code)
		}
	}
	if _, err := a.Select(t.Context(), Ask{SQL: "SELECT count() FROM t"}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for rows := 0; rows < 3; {
		select {
		case b := <-stored:
			if b.Table != "_kelp.queries" || b.Settings.RetentionBytes == 0 || b.Settings.RetentionAge == 0 {
				t.Fatalf("stored in %s with %+v", b.Table, b.Settings)
			}
			for i := range b.Batch.Rows() {
				sql := field(t, b, "sql", uint16(i)).(string)
				if len(sql) > queryLogSQLMax+len(" …") {
					t.Errorf("a text of %d bytes", len(sql))
				}
				got = append(got, field(t, b, "outcome", uint16(i)).(string))
			}
			rows += b.Batch.Rows()
		case <-time.After(10 * time.Second):
			t.Fatalf("only %q are written", got)
		}
	}
	if strings.Join(got, " ") != "complete failed complete" {
		t.Errorf("outcomes %q", got)
	}
	select {
	case b := <-stored:
		t.Errorf("%v is written, too", field(t, b, "sql", 0))
	case <-time.After(2 * queryLogEvery): // what is in the log comes sooner
	}
}

// TestQueryLogFull: a log that can not be written holds up no answer and stays
// bounded.
func TestQueryLogFull(t *testing.T) {
	l := &faultLeaf{name: "leaf-1", rows: 7}
	a := newTest(t, l)
	a.past = make(chan pastQuery, 2) // and nobody who takes from it
	h := a.Handler(HTTPConfig{})
	for range 5 {
		if w := do(t, h, "POST", "/v1/query", "SELECT count() FROM t"); w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	if w := do(t, h, "GET", "/metrics", ""); len(a.past) != 2 || !strings.Contains(w.Body.String(), "kelp_query_log_dropped_total 3") {
		t.Errorf("%d wait; %s", len(a.past), w.Body)
	}
}

// TestRunningQuery: a query under way is listed with who asks and how far it is, and
// ends with an answer that says so when it is cancelled.
func TestRunningQuery(t *testing.T) {
	l := &faultLeaf{name: "leaf-1", slow: true, asked: make(chan struct{}, 1)}
	a := newTest(t, &faultLeaf{name: "leaf-0", rows: 1}, l)
	h := a.Handler(HTTPConfig{})
	answer := make(chan int, 1)
	text := make(chan string, 1)
	go func() {
		w := do(t, h, "POST", "/v1/query", "SELECT count() FROM t")
		answer <- w.Code
		text <- w.Body.String()
	}()
	<-l.asked
	var list []runningJSON
	until(t, func() bool {
		list = a.queries.list(time.Now())
		return len(list) == 1 && list[0].Progress.LeavesAnswered == 1
	})
	q := list[0]
	if q.SQL != "SELECT count() FROM t" || q.Remote == "" || q.Progress.Leaves != 2 || q.ID == "" {
		t.Errorf("%+v", q)
	}
	if w := do(t, h, "DELETE", "/v1/queries/"+q.ID, ""); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if code, body := <-answer, <-text; code != statusClientGone || !strings.Contains(body, "the query was cancelled") {
		t.Errorf("%d %s", code, body)
	}
	if list := a.queries.list(time.Now()); len(list) != 0 {
		t.Errorf("still listed: %+v", list)
	}
}
