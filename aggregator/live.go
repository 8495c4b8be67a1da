package aggregator

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"net/http"
	"time"

	"github.com/kelpdb/kelp/query"
)

// An answer that is kept fresh: it goes out when it is another one.
//
//	event: answer | error
//	data: as JSON on one line

// liveDrift is how long a question rests when nothing is heard: its range may move with
// the clock, and retention takes rows.
const liveDrift = 5 * time.Second

// live is one query that is kept fresh.
type live struct {
	stream
	ask   Ask
	seed  maphash.Seed
	print uint64 // of the answer that went out
}

// serveLive is GET /v1/live.
func (a *Aggregator) serveLive(stopping <-chan struct{}) func(w http.ResponseWriter, r *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		ask, err := readAsk(r)
		if err != nil {
			return err
		}
		l, err := a.newLive(w, r, ask)
		if err != nil {
			return err
		}
		return l.serve(stopping, l.refresh)
	}
}

// newLive is a stream of a question's answers, if it is one that can be kept fresh.
func (a *Aggregator) newLive(w http.ResponseWriter, r *http.Request, ask Ask) (*live, error) {
	stmt, err := ask.parse()
	if err != nil {
		return nil, err
	}
	sel, ok := stmt.(*query.Select)
	if !ok {
		return nil, badRequest("only the answer to a SELECT is kept fresh", "ask /v1/query for anything else")
	}
	if a.exporter(&ask) != nil {
		return nil, badRequest("an export is not kept fresh", fmt.Sprintf("give a LIMIT below %d", exportRowsLeast))
	}
	l := &live{stream: a.newStream(w, r, sel.Table, liveDrift), ask: ask, seed: maphash.MakeSeed()}
	l.ask.id, l.ask.remote, l.ask.user = l.out.id, r.RemoteAddr, bearerOf(r.Context()).name
	return l, nil
}

// refresh asks, and sends the answer if it is another one than the last.
func (l *live) refresh(ctx context.Context) error {
	ans, err := l.a.Select(ctx, l.ask)
	l.a.metrics.count(ans, err)
	if err != nil {
		return err
	}
	l.rest = restAfter(ans.Elapsed)
	if p := l.printOf(ans); !l.out.began || p != l.print {
		l.print = p
		l.out.answer("answer", ans)
		l.wrote = time.Now()
	}
	return nil
}

// printOf is a hash of what an answer says. What moves by itself is not in it: times,
// costs, and how many rows were read for the same result.
func (l *live) printOf(ans *Answer) uint64 {
	var h maphash.Hash
	h.SetSeed(l.seed)
	buf := appendColumns(nil, ans.Result)
	for row := range ans.Result.Rows {
		for _, col := range ans.Result.Cols {
			buf = append(query.AppendJSONValue(buf, col.Value(row)), ',')
		}
		_, _ = h.Write(buf) // it has no errors
		buf = buf[:0]
	}
	s := summary(ans)
	s.Range, s.Newest, s.Stats, s.QueryID = rangeJSON{}, nil, statsJSON{}, ""
	s.Completeness = steady(s.Completeness)
	if s.Compare != nil {
		s.Compare = &compareJSON{Completeness: steady(s.Compare.Completeness)}
	}
	text, err := json.Marshal(s)
	if err != nil {
		panic("BUG: a summary is not JSON: " + err.Error())
	}
	_, _ = h.Write(append(buf, text...))
	return h.Sum64()
}

// steady is a completeness without the numbers that move with every row.
func steady(c Completeness) Completeness {
	c.RowsExpected, c.RowsCovered, c.ByTime = 0, 0, nil
	return c
}
