package aggregator

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// risingLeaf is a leaf whose rows become more, and which counts how often it is asked.
type risingLeaf struct {
	*faultLeaf
	count, asks atomic.Uint64
}

func newRisingLeaf(rows uint64) *risingLeaf {
	l := &risingLeaf{faultLeaf: &faultLeaf{name: "l", rows: rows}}
	l.count.Store(rows)
	l.lie = func(p *query.Partial) {
		l.asks.Add(1)
		p.States[0].(*query.CountState).N[0], p.Leaves[0].Covered = l.count.Load(), l.count.Load()
		p.Leaves[0].Seq = 1 << 40 // it is ahead of what it has told
	}
	return l
}

// commit gives the leaf rows, and has the aggregator hear of it.
func (l *risingLeaf) commit(a *Aggregator, seq, rows uint64) {
	l.count.Store(rows)
	a.book.apply(update("l", false, 1, seq, rows, bucketOf(100, rows)))
}

// serveLiveTest serves a question kept fresh over real connections: only what is heard
// has it asked anew, unless alter says otherwise.
func serveLiveTest(t *testing.T, a *Aggregator, sql string, stopping chan struct{}, alter func(*live)) (lines *bufio.Scanner, leave func()) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) }) // when all below has ended
	server := httptest.NewServer(wrap(func(w http.ResponseWriter, r *http.Request) error {
		l, err := a.newLive(w, r, Ask{SQL: sql})
		if err != nil {
			return err
		}
		l.drift, l.beat = time.Hour, time.Hour
		alter(l)
		return l.serve(stopping, l.refresh)
	}))
	ctx, leave := context.WithCancel(t.Context())
	t.Cleanup(func() { leave(); server.Close() })
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != eventStream {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	return bufio.NewScanner(res.Body), leave
}

// TestLive: a question is asked anew when its table has changed, and only then, and the
// answer goes out when it is another one.
func TestLive(t *testing.T) {
	l := newRisingLeaf(10)
	a := newTest(t)
	a.Attach("l", "", l, true)
	until(t, a.Ready)
	lines, leave := serveLiveTest(t, a, "SELECT count() FROM t", nil, func(*live) {})
	if e, ok := readEvent(t, lines); !ok || e.Name != "answer" || e.Data.Rows[0][0] != 10.0 || e.Data.Completeness.Ratio != 1 {
		t.Fatalf("first %+v", e)
	}
	other := update("l", false, 1, 2, 1)
	other.Tables[0].Table = "other"
	a.book.apply(other)
	l.commit(a, 3, 10) // an edit that changes nothing
	until(t, func() bool { return l.asks.Load() == 2 })
	l.commit(a, 4, 25)
	if e, ok := readEvent(t, lines); !ok || e.Name != "answer" || e.Data.Rows[0][0] != 25.0 {
		t.Fatalf("then %+v", e)
	}
	if n := l.asks.Load(); n != 3 {
		t.Errorf("asked %d times, want once for the beginning and once for each edit of the table", n)
	}
	if list := a.queries.list(time.Now()); len(list) != 0 {
		t.Errorf("between two questions %+v is running", list)
	}
	leave()
	l.commit(a, 5, 30)
	if e, ok := readEvent(t, lines); ok {
		t.Errorf("after it left %+v", e)
	}
}

// TestLiveLeaves: a leaf that goes is named at once, without a row, and one that fails
// a question for good ends the stream with the error.
func TestLiveLeaves(t *testing.T) {
	l := newRisingLeaf(10)
	a := newTest(t, &faultLeaf{name: "other", rows: 30})
	a.Attach("l", "", l, true)
	until(t, a.Ready)
	lines, _ := serveLiveTest(t, a, "SELECT count() FROM t", nil, func(*live) {})
	if e, _ := readEvent(t, lines); e.Name != "answer" || e.Data.Rows[0][0] != 40.0 {
		t.Fatalf("first %+v", e)
	}
	a.Detach("other", StateDown)
	if e, _ := readEvent(t, lines); e.Name != "answer" || e.Data.Rows[0][0] != 10.0 || e.Data.Completeness.Ratio != 0.25 ||
		e.Data.Completeness.Leaves.Missing[0] != (LeafMissing{"other", "down"}) {
		t.Fatalf("then %+v", e)
	}
	a.Detach("l", StateDown)
	if e, _ := readEvent(t, lines); e.Name != "error" || e.Data.Error == nil || e.Data.Error.Code != "unavailable" {
		t.Fatalf("last %+v", e)
	}
	if lines.Scan() {
		t.Errorf("after the error %q", lines.Text())
	}
}

// TestLiveDrift: where nothing is heard the question is asked anew after a while, as
// its range may have moved, and the stream is not silent.
func TestLiveDrift(t *testing.T) {
	l := newRisingLeaf(10)
	a := newTest(t)
	a.Attach("l", "", l, true)
	until(t, a.Ready)
	lines, _ := serveLiveTest(t, a, "SELECT count() FROM t", nil, func(l *live) { l.drift, l.beat = time.Millisecond, time.Millisecond })
	if e, _ := readEvent(t, lines); e.Name != "answer" {
		t.Fatalf("first %+v", e)
	}
	if !lines.Scan() || lines.Text() != ":" || !lines.Scan() || lines.Text() != "" {
		t.Fatalf("silence is %q", lines.Text())
	}
	l.count.Store(11) // and nobody is told
	for lines.Scan() && lines.Text() != "event: answer" {
		if text := lines.Text(); text != ":" && text != "" {
			t.Fatalf("a line %q", text)
		}
	}
	if !lines.Scan() || !strings.Contains(lines.Text(), `"rows":[[11]]`) {
		t.Errorf("then %q", lines.Text())
	}
}

// TestLiveEnds: a server that ends, ends its streams.
func TestLiveEnds(t *testing.T) {
	stopping := make(chan struct{})
	a := newTest(t, &faultLeaf{name: "l", rows: 10})
	lines, _ := serveLiveTest(t, a, "SELECT count() FROM t", stopping, func(*live) {})
	if e, _ := readEvent(t, lines); e.Name != "answer" {
		t.Fatalf("first %+v", e)
	}
	close(stopping)
	if e, _ := readEvent(t, lines); e.Name != "error" || e.Data.Error.Code != "unavailable" {
		t.Errorf("then %+v", e)
	}
}

// TestLiveCall: what can not be kept fresh is an error with its status, and places for
// streams are given back.
func TestLiveCall(t *testing.T) {
	a := newTest(t, &faultLeaf{name: "l", rows: 10})
	h := a.Handler(HTTPConfig{})
	f := func(sql string, status int) {
		t.Helper()
		w := do(t, h, "GET", "/v1/live?q="+url.QueryEscape(sql), "")
		if w.Code != status {
			t.Errorf("%q: %d %s", sql, w.Code, w.Body)
		}
	}
	f("", 400)
	f("SELECT FROM", 400)
	f("SHOW TABLES", 400)
	f("EXPLAIN SELECT count() FROM t", 400)
	f("SELECT * FROM t LIMIT ALL", 400)
	for range streamsMax {
		a.streams <- struct{}{}
	}
	w := do(t, h, "GET", "/v1/live?q=SELECT+count()+FROM+t", "")
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "5" {
		t.Errorf("beyond the most: %d %v", w.Code, w.Header())
	}
	for range streamsMax {
		<-a.streams
	}
	server := httptest.NewServer(h)
	defer server.Close()
	ctx, leave := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/v1/live?q=SELECT+count()+FROM+t", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Header.Get("Kelp-Query-Id") == "" || len(a.streams) != 1 {
		t.Errorf("%d %v, %d streams", res.StatusCode, res.Header, len(a.streams))
	}
	leave()
	until(t, func() bool { return len(a.streams) == 0 })
}

// TestRestAfter: what takes little is asked often, what takes long at most half the time.
func TestRestAfter(t *testing.T) {
	f := func(took, want time.Duration) {
		t.Helper()
		if got := restAfter(took); got != want {
			t.Errorf("%v after a question of %v, want %v", got, took, want)
		}
	}
	f(0, 200*time.Millisecond)
	f(50*time.Millisecond, 500*time.Millisecond)
	f(300*time.Millisecond, time.Second)
	f(3*time.Second, 3*time.Second)
}

// TestStreamDue: a question rests, then waits for news or its time.
func TestStreamDue(t *testing.T) {
	a := newTest(t)
	s := &stream{a: a, table: "t", drift: time.Hour}
	f := func(what string, want bool) {
		t.Helper()
		if s.due() != want {
			t.Errorf("%s: due is %v", what, !want)
		}
	}
	s.seen, s.asked = s.mark(), time.Now()
	f("nothing has happened", false)
	a.Know("l", "", "id-l", 0)
	a.SetState("l", StateUp, 0)
	f("a leaf came up", true)
	s.seen = s.mark()
	a.SetState("l", StateUp, 1)
	f("it has less memory", false)
	a.book.apply(update("l", true, 1, 1, 10))
	f("it has told of rows", true)
	s.rest = time.Hour
	f("it is too early", false)
	s.rest, s.seen, s.drift = 0, s.mark(), 0
	f("it is time", true)
}

// TestMarks: a table's mark moves with what is heard of it and of nothing else, and with
// what may be of any.
func TestMarks(t *testing.T) {
	b := newBook()
	marks := []uint64{b.mark("t")}
	f := func(what string, moves bool, do func()) {
		t.Helper()
		do()
		mark := b.mark("t")
		for _, seen := range marks {
			if moves && mark == seen {
				t.Errorf("%s: the mark is one from before", what)
			}
		}
		if !moves && mark != marks[len(marks)-1] {
			t.Errorf("%s: the mark moves", what)
		}
		marks = append(marks, mark)
	}
	of := func(table string, u *wire.Update) *wire.Update {
		u.Tables[0].Table = table
		return u
	}
	f("all of a leaf, without the table", true, func() { b.apply(of("other", update("l", true, 1, 1, 10))) })
	f("its first rows", true, func() { b.apply(update("l", false, 1, 2, 1)) })
	f("another table", false, func() { b.apply(of("other", update("l", false, 1, 2, 2))) })
	f("rows", true, func() { b.apply(update("l", false, 1, 3, 11)) })
	f("a drop", true, func() {
		b.apply(&wire.Update{Leaf: "l", ID: "id-l", Epoch: 1, Seq: 4, Tables: []wire.TableUpdate{{TableChange: storage.TableChange{Table: "t", Dropped: true}}}})
	})
	if len(b.marks.tables) != 1 {
		t.Errorf("marks of %d tables are kept, want those that are there", len(b.marks.tables))
	}
	f("rows of one born again", true, func() { b.apply(update("l", false, 1, 5, 1)) })
	f("a suspension", true, func() { b.change("l", func(p *leafPage) { p.Suspended = true }) })
	f("what was lost is forgotten", true, func() { b.forgetTable("t") })
}
