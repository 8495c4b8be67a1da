package aggregator

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// tailLeaf is a leaf that is asked for rounds: it tells asked of each, and answers as
// answer says.
type tailLeaf struct {
	*faultLeaf
	asked  chan query.Tail
	answer chan func(p *query.Partial) error
}

func (l *tailLeaf) Run(ctx context.Context, q *query.Query) (*query.Partial, error) {
	plan, err := q.Plan()
	if err != nil {
		return nil, err
	}
	p := query.NewPartial(plan)
	p.Leaves = []query.LeafReport{{Leaf: l.name, Epoch: 1, Seq: 1}}
	select {
	case l.asked <- q.Tail:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case answer := <-l.answer:
		return p, answer(p)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// readRound reads the next round.
func readRound(t *testing.T, lines *bufio.Scanner) (said struct {
	Rows []json.RawMessage
	tailJSON
}) {
	t.Helper()
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			if err := json.Unmarshal([]byte(data), &said); err != nil {
				t.Fatal(err)
			}
			return said
		}
	}
	t.Fatal("no round comes")
	return said
}

// TestTailRounds: rounds are counted, one of which no leaf has given anything in time is
// asked again, a leaf that has nothing for another reason is named, and once.
func TestTailRounds(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	l := &tailLeaf{&faultLeaf{name: "l", rows: 10}, make(chan query.Tail), make(chan func(*query.Partial) error)}
	a := newTest(t)
	a.Attach("l", "", l, false)
	until(t, a.Ready)
	server := httptest.NewServer(a.Handler(HTTPConfig{}))
	t.Cleanup(server.Close)
	ctx, leave := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/v1/tail?table=t&filter="+url.QueryEscape("a > 1 -- or not"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var id string
	seq := uint64(1)
	f := func(round uint64, answer func(p *query.Partial) error) {
		t.Helper()
		seq++
		a.book.apply(update("l", false, 1, 1, seq))
		asked := <-l.asked
		if asked.Round != round || asked.ID == "" || id != "" && asked.ID != id {
			t.Errorf("asked for %+v, want round %d of %q", asked, round, id)
		}
		id = asked.ID
		l.answer <- answer
	}
	fine := func(*query.Partial) error { return nil }
	go func() { // until the answer's header is there
		l.answer <- fine
	}()
	first := make(chan query.Tail, 1)
	go func() { first <- <-l.asked }()
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	lines := bufio.NewScanner(res.Body)
	if said := readRound(t, lines); len(said.Rows) != 0 || said.Missing == nil || len(said.Missing) != 0 {
		t.Errorf("first %+v", said)
	}
	if tail := <-first; tail.Round != 1 {
		t.Errorf("first asked for %+v", tail)
	}
	f(2, fine)
	f(3, func(*query.Partial) error { return context.DeadlineExceeded })
	if said := readRound(t, lines); len(said.Missing) != 1 || said.Missing[0] != (LeafMissing{"l", "timeout"}) {
		t.Errorf("late %+v", said)
	}
	f(3, func(p *query.Partial) error { p.Stats.RowsMatched = 7; return nil })
	if said := readRound(t, lines); len(said.Missing) != 0 || said.Matched != 7 || said.Sent != 0 {
		t.Errorf("again %+v", said)
	}
	f(4, func(p *query.Partial) error { p.Leaves[0].Reason = "restarting"; return nil })
	if said := readRound(t, lines); len(said.Missing) != 1 || said.Missing[0] != (LeafMissing{"l", "restarting"}) {
		t.Errorf("new %+v", said)
	}
	f(5, func(p *query.Partial) error { p.Leaves[0].Reason = "restarting"; return nil }) // not said again
	f(6, func(p *query.Partial) error { p.Leaves[0].Unknown = true; return nil })        // it was dropped
	f(7, fine)
	if said := readRound(t, lines); len(said.Missing) != 0 || said.Matched != 0 {
		t.Errorf("back %+v", said)
	}
	leave()
	until(t, func() bool { return len(a.streams) == 0 })
	if list := a.queries.list(time.Now()); len(list) != 0 {
		t.Errorf("%d queries run on", len(list))
	}
}

// TestTailCall: what is wrong from the start is an error with its status, at its place in
// the filter.
func TestTailCall(t *testing.T) {
	a := newTest(t, &faultLeaf{name: "l", rows: 10, fail: errors.New("unused")})
	f := func(address string, status int, says string) {
		t.Helper()
		w := do(t, a.Handler(HTTPConfig{}), "GET", "/v1/tail"+address, "")
		if w.Code != status || !strings.Contains(w.Body.String(), says) {
			t.Errorf("%s: %d %s; want %d and %q", address, w.Code, w.Body, status, says)
		}
	}
	f("", 400, "there is no table")
	f("?table=t&filtre=x", 400, "filtre")
	f("?table=t&filter=a+%3E", 400, `"message":"filter: `)
	f("?table=t&filter=a%3E1)+OR+(a%3C2", 400, `"message":"filter: `)
	f("?table=t&filter=true+OR+nosuch(a)", 400, `"position":{"line":1,"column":9}`)
	f("?table=t&filter=a%3D1+GROUP+BY+a", 400, `"message":"filter: `)
}

// TestTailBytes: a round is cut after so much text, between rows.
func TestTailBytes(t *testing.T) {
	texts, nulls := query.NewVec(storage.TypeString), query.NewVec(storage.TypeInt64)
	for range 10 {
		texts.Append(storage.String(strings.Repeat("x", 1<<20)))
		nulls.Append(storage.Value{})
	}
	res := &query.Result{Rows: 10, Cols: []*query.Vec{texts, nulls}, Columns: []query.ResultColumn{{Name: "text"}, {Name: "null"}}}
	buf, sent := appendRowObjects([]byte("["), res)
	var rows []map[string]string
	if err := json.Unmarshal(append(buf, ']'), &rows); err != nil || len(rows) != sent || sent != 4 || len(rows[0]) != 1 {
		t.Errorf("%d rows in %d bytes, %d said: %v", len(rows), len(buf), sent, err)
	}
}

var _ wire.Leaf = (*tailLeaf)(nil)
