package aggregator

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kelpdb/kelp/ingest"
	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// faultLeaf is a leaf of `rows` rows that may be slow, fail or lie.
type faultLeaf struct {
	name    string
	rows    uint64
	slow    bool // answers when its ctx ends
	fail    error
	lie     func(*query.Partial)
	asked   chan struct{} // closed by nobody; gets a value per Run
	appends func(*wire.Append) (*wire.Appended, error)
	holds   bool

	appendCtx func(context.Context) error // instead of appends
	set       chan storage.Settings       // gets what Set is called with
	version   uint64                      // of the settings it begins with
}

func (l *faultLeaf) Run(ctx context.Context, q *query.Query) (*query.Partial, error) {
	if l.asked != nil {
		l.asked <- struct{}{}
	}
	if l.slow {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if l.fail != nil {
		return nil, l.fail
	}
	plan, err := q.Plan()
	if err != nil {
		return nil, err
	}
	p := query.NewPartial(plan)
	p.States[0].(*query.CountState).N[0] = l.rows
	p.Leaves = []query.LeafReport{{Leaf: l.name, Covered: l.rows, Epoch: 1, Seq: 1}}
	if l.lie != nil {
		l.lie(p)
	}
	return p, nil
}

func (l *faultLeaf) Append(ctx context.Context, a *wire.Append) (*wire.Appended, error) {
	if l.appendCtx != nil {
		return nil, l.appendCtx(ctx)
	}
	return l.appends(a)
}
func (l *faultLeaf) Holds(context.Context, string, string) (bool, error) { return l.holds, nil }
func (l *faultLeaf) Drop(context.Context, string) (bool, error)          { return false, nil }
func (l *faultLeaf) Set(_ context.Context, _ string, s storage.Settings) error {
	l.set <- s
	return nil
}
func (l *faultLeaf) Status(context.Context) (*wire.LeafStatus, error) {
	return &wire.LeafStatus{Name: l.name}, nil
}
func (l *faultLeaf) Explain(context.Context, *query.Query) (json.RawMessage, error) {
	return json.RawMessage("{}"), nil
}
func (l *faultLeaf) Describe(context.Context, string) (*wire.TableDetail, error) {
	return &wire.TableDetail{}, nil
}

func (l *faultLeaf) Subscribe(ctx context.Context, _ wire.Subscriber, sink func(*wire.Update) error) error {
	u := update(l.name, true, 1, 1, l.rows, bucketOf(100, l.rows))
	u.Tables[0].Settings.Version = l.version
	if err := sink(u); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// newTest is an aggregator over leaves that have all told their promises.
func newTest(t *testing.T, leaves ...*faultLeaf) *Aggregator {
	t.Helper()
	a, err := New(Config{Name: "agg", Now: time.Now, Log: slog.New(slog.DiscardHandler), Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, l := range leaves {
		a.Attach(l.name, "", l, true)
	}
	if len(leaves) > 0 {
		until(t, a.Ready)
	}
	return a
}

// until waits for a condition.
func until(t *testing.T, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatal("it did not come to hold")
		}
		time.Sleep(time.Millisecond) // a poll
	}
}

// answerLate is how long after its timeout an answer may come.
const answerLate = 200 * time.Millisecond

// ask wants an answer in time: by the timeout, or, on a busy machine, by when a
// timer of its length rings.
func ask(t *testing.T, a *Aggregator, timeoutMs int64) *Answer {
	t.Helper()
	timeout, began := time.Duration(timeoutMs)*time.Millisecond, time.Now()
	twin := make(chan time.Duration, 1)
	defer time.AfterFunc(timeout, func() { twin <- time.Since(began) }).Stop()
	ans, err := a.Select(context.Background(), Ask{SQL: "SELECT count() FROM t", TimeoutMs: timeoutMs})
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > timeout+answerLate {
		if rang := <-twin; took > rang+answerLate {
			t.Errorf("the answer took %v of %v, a timer %v", took, timeout, rang)
		}
	}
	return ans
}

// TestFanOutFaults: whatever one of three leaves does, the answer comes in time
// from the other two, and the third is named with what it had promised.
func TestFanOutFaults(t *testing.T) {
	f := func(name, reason string, break1 func(*faultLeaf)) {
		t.Helper()
		bad := &faultLeaf{name: "leaf-2", rows: 40}
		break1(bad)
		a := newTest(t, &faultLeaf{name: "leaf-1", rows: 10}, bad, &faultLeaf{name: "leaf-3", rows: 50})
		ans := ask(t, a, 1000)
		c := ans.Completeness
		if got := ans.Result.Cols[0].Value(0).Int; got != 60 {
			t.Errorf("%s: count %d, want 60", name, got)
		}
		if c.Ratio != 0.6 || c.RowsExpected != 100 || c.RowsCovered != 60 || c.Leaves.Answered != 2 || c.Leaves.Total != 3 {
			t.Errorf("%s: %+v", name, c)
		}
		if len(c.Leaves.Missing) != 1 || c.Leaves.Missing[0] != (LeafMissing{"leaf-2", reason}) {
			t.Errorf("%s: missing %v, want leaf-2 %s", name, c.Leaves.Missing, reason)
		}
	}
	f("slow", "timeout", func(l *faultLeaf) { l.slow = true })
	f("broken connection", "down", func(l *faultLeaf) { l.fail = &wire.Error{Code: wire.CodeUnreachable, Message: "refused"} })
	f("loading", "loading", func(l *faultLeaf) { l.fail = &wire.Error{Code: wire.CodeLoading, Message: "loading"} })
	f("shutting down", "restarting", func(l *faultLeaf) { l.fail = &wire.Error{Code: wire.CodeClosing, Message: "closing"} })
	f("an error of its own", "unsupported", func(l *faultLeaf) { l.fail = errors.New("odd") })
	f("is too old for the query", "unsupported", func(l *faultLeaf) { l.fail = &query.Error{Code: query.CodeBadRequest, Message: "not there yet"} })
	f("lies about its states", "unsupported", func(l *faultLeaf) { l.lie = func(p *query.Partial) { p.States = nil } })
	f("lies about its groups", "unsupported", func(l *faultLeaf) { l.lie = func(p *query.Partial) { p.Groups = 7 } })
	f("came back with another memory", "restarting", func(l *faultLeaf) { l.lie = func(p *query.Partial) { p.Leaves[0].Epoch = 2 } })
	f("came back with less than it promised", "restarting", func(l *faultLeaf) { l.lie = func(p *query.Partial) { p.Leaves[0].Seq = 0 } })
	f("panics", "unsupported", func(l *faultLeaf) { l.lie = func(*query.Partial) { panic("BUG: a test") } })
	f("speaks for another leaf", "unsupported", func(l *faultLeaf) { l.lie = func(p *query.Partial) { p.Leaves[0].Leaf = "leaf-1" } })
}

// TestAnswerWhole: nothing missing, ratio 1, nobody named.
func TestAnswerWhole(t *testing.T) {
	a := newTest(t, &faultLeaf{name: "leaf-1", rows: 10}, &faultLeaf{name: "leaf-2", rows: 5})
	c := ask(t, a, 1000).Completeness
	if c.Ratio != 1 || len(c.Leaves.Missing) != 0 || c.RowsCovered != 15 {
		t.Errorf("%+v", c)
	}
	a.Detach("leaf-2", StateDown)
	c = ask(t, a, 1000).Completeness
	if c.Ratio != 0.6666 || len(c.ByTime) != 1 || c.ByTime[0].Ratio != 0.6666 {
		t.Errorf("one leaf down: %+v", c)
	}
	_, err := a.Select(context.Background(), Ask{SQL: "SELECT count() FROM t", Strict: true})
	var incomplete *errIncomplete
	if !errors.As(err, &incomplete) {
		t.Errorf("strict: %v, want incomplete", err)
	}
}

// TestPlace: a key's batch goes to its home or nowhere; one without a key goes
// elsewhere when it is certain that it was not stored.
func TestPlace(t *testing.T) {
	ok := func(*wire.Append) (*wire.Appended, error) { return &wire.Appended{}, nil }
	fails := func(code string) func(*wire.Append) (*wire.Appended, error) {
		return func(*wire.Append) (*wire.Appended, error) { return nil, &wire.Error{Code: code, Message: code} }
	}
	a := newTest(t, &faultLeaf{name: "leaf-1", rows: 1, appends: fails(wire.CodeUnreachable)}, &faultLeaf{name: "leaf-2", rows: 1, appends: ok})
	for range 20 {
		if _, err := a.place(context.Background(), &wire.Append{Table: "t"}); err != nil {
			t.Fatalf("without a key: %v", err)
		}
	}
	stored, refused := 0, 0
	for i := range 200 {
		_, err := a.place(context.Background(), &wire.Append{Table: "t", Key: string(rune('a' + i))})
		if err == nil {
			stored++
		} else if asAPIError(err).Code == "unavailable" && asAPIError(err).RetryAfter {
			refused++
		}
	}
	if stored+refused != 200 || stored < 50 || refused < 50 {
		t.Errorf("with a key: %d stored, %d refused of 200 on two leaves, one dead", stored, refused)
	}
	a = newTest(t, &faultLeaf{name: "leaf-1", rows: 1, appends: fails(wire.CodeFateUnknown)}, &faultLeaf{name: "leaf-2", rows: 1, appends: fails(wire.CodeFateUnknown)})
	_, err := a.place(context.Background(), &wire.Append{Table: "t"})
	if e := asAPIError(err); e.Code != "unavailable" || !e.RetryAfter {
		t.Errorf("fate unknown: %+v", e)
	}
}

// TestSettingsReachAll: a leaf that was away when a table's settings changed
// gets them when it comes back.
func TestSettingsReachAll(t *testing.T) {
	late := &faultLeaf{name: "leaf-2", rows: 1, set: make(chan storage.Settings, 8)}
	newTest(t, &faultLeaf{name: "leaf-1", rows: 1, version: 7}, late)
	select {
	case s := <-late.set:
		if s.Version != 7 {
			t.Errorf("version %d, want 7", s.Version)
		}
	case <-time.After(10 * time.Second):
		t.Error("the leaf never got the newer settings")
	}
}

// TestSuspended: a suspended leaf is not read, and what it had stays expected.
func TestSuspended(t *testing.T) {
	a := newTest(t, &faultLeaf{name: "leaf-1", rows: 10}, &faultLeaf{name: "leaf-2", rows: 30})
	a.book.replay(&bookRecord{Suspend: "leaf-2"})
	if c := ask(t, a, 1000).Completeness; c.Ratio != 0.25 || c.RowsExpected != 40 {
		t.Errorf("%+v", c)
	}
	if n := len(a.book.candidates("t")); n != 1 {
		t.Errorf("%d leaves may be homes, want 1", n)
	}
	a.Detach("leaf-2", StateDown)
	a.book.replay(&bookRecord{Forget: "leaf-2"})
	if c := ask(t, a, 1000).Completeness; c.RowsExpected != 10 {
		t.Errorf("after forget: %+v", c)
	}
}

// TestNothingKnown: an answer never claims to be whole when a leaf that might
// hold rows was never heard, and there is none at all without leaves.
func TestNothingKnown(t *testing.T) {
	a := newTest(t)
	status := func(err error) int {
		if err == nil {
			return 200
		}
		return asAPIError(err).Status
	}
	_, err := a.Select(context.Background(), Ask{SQL: "SELECT count() FROM t"})
	if status(err) != 503 {
		t.Errorf("no leaf is known: %v, want 503", err)
	}
	a.Know("leaf-9", "", "id-9", 1)
	if _, err = a.Select(context.Background(), Ask{SQL: "SELECT count() FROM t"}); status(err) != 503 {
		t.Errorf("the only leaf is down: %v, want 503", err)
	}
	a = newTest(t, &faultLeaf{name: "leaf-1", rows: 10})
	a.Know("leaf-9", "", "id-9", 1)
	if c := ask(t, a, 1000).Completeness; c.Ratio != 0 || len(c.Leaves.Missing) != 1 || c.Leaves.Missing[0].Leaf != "leaf-9" {
		t.Errorf("a leaf known by name alone is down: %+v, want ratio 0", c)
	}
	if n := len(a.book.candidates("t")); n != 2 {
		t.Errorf("%d leaves may be homes, want the one that is down too", n)
	}
	a = newTest(t, &faultLeaf{name: "leaf-1", rows: 10, slow: true})
	if _, err = a.Select(context.Background(), Ask{SQL: "SELECT count() FROM t", TimeoutMs: 50}); status(err) != 504 {
		t.Errorf("the only leaf is late: %v, want 504", err)
	}
}

// TestByTimeOfAllTime: rows of the year 1700 and of 2200 do not upset by_time.
func TestByTimeOfAllTime(t *testing.T) {
	a := newTest(t, &faultLeaf{name: "leaf-1", rows: 10})
	u := update("leaf-2", true, 1, 1, 3)
	u.Tables[0].Buckets = []storage.TimeCount{{From: minTime, Width: 36_500 * 86_400 * second, Rows: 1}, {From: maxTime - 5, Width: second, Rows: 1}, bucketOf(100, 1)}
	a.book.apply(u)
	a.Know("leaf-2", "", "id-leaf-2", 1)
	c := ask(t, a, 1000).Completeness
	if c.Ratio >= 1 || len(c.ByTime) == 0 || len(c.ByTime) > 4*byTimeBucketsMax {
		t.Errorf("%+v", c)
	}
}

// TestSlowBodies: bodies that trickle in hold up no other ingest call.
func TestSlowBodies(t *testing.T) {
	ok := func(a *wire.Append) (*wire.Appended, error) { return &wire.Appended{Receipt: a.Receipt}, nil }
	a := newTest(t, &faultLeaf{name: "leaf-1", rows: 1, appends: ok})
	a.SetState("leaf-1", StateUp, 1<<30)
	var slow []*io.PipeWriter
	var calls sync.WaitGroup
	for range 100 {
		r, w := io.Pipe()
		slow = append(slow, w)
		calls.Go(func() {
			_, _ = a.Ingest(context.Background(), "t", "", r, ingest.Options{Now: time.Now}) // ends with the pipe
		})
		if _, err := w.Write([]byte(`{"a":`)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	r, err := a.Ingest(ctx, "t", "", strings.NewReader(`{"a":1}`), ingest.Options{Now: time.Now})
	if err != nil || r.Accepted != 1 {
		t.Errorf("beside 100 slow bodies: %+v %v", r, err)
	}
	for _, w := range slow {
		w.Close()
	}
	calls.Wait()
}

// TestDeadLeafFreesAppends: an append that a leaf does not answer ends when the
// membership takes the leaf for dead, with its fate unknown.
func TestDeadLeafFreesAppends(t *testing.T) {
	block := make(chan struct{})
	entered := make(chan struct{})
	l := &faultLeaf{name: "leaf-1", rows: 1}
	l.appendCtx = func(ctx context.Context) error {
		close(entered)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-block:
			return nil
		}
	}
	a := newTest(t)
	a.Attach(l.name, "", l, false) // nobody takes a leaf of the same process for dead
	until(t, a.Ready)
	done := make(chan error, 1)
	go func() {
		_, err := a.place(context.Background(), &wire.Append{Table: "t"})
		done <- err
	}()
	<-entered
	a.SetState("leaf-1", StateDown, 0)
	select {
	case err := <-done:
		var coded *wire.Error
		if !errors.As(err, &coded) || coded.Code != wire.CodeFateUnknown {
			t.Errorf("%v, want fate unknown", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the append still waits for a dead leaf")
	}
	close(block)
}
