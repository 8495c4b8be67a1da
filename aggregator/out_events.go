package aggregator

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/kelpdb/kelp/query"
)

// Server-sent events: an answer as soon as one leaf has answered, a better one each
// time that others have, and the last one when all have or their time is over. Each is
// a whole answer with its completeness.
//
//	event: partial | final | error
//	data: the answer, or the error, as JSON on one line

const (
	eventStream = "text/event-stream"

	// eventsRest is the least time between two answers that are not the last: a
	// page draws no more, and each costs a merge.
	eventsRest = 100 * time.Millisecond
)

// A refiner wants to know what the leaves that have answered come to, while others
// have not. It is called by the goroutine that asked, which waits for it.
type refiner interface {
	refine(got *ran)
}

// passRefined has a query's answers so far go to refined, nil: to nobody. Those of
// COMPARE are of one range alone and stay here.
func (a *Aggregator) passRefined(q *query.Query, refined refiner) {
	plan, err := q.Plan()
	if refined == nil || err != nil || plan.Compare != nil {
		return
	}
	var last time.Time
	q.Refined = func(soFar func() (*query.Partial, error)) {
		if time.Since(last) < eventsRest {
			return
		}
		if p, err := soFar(); err == nil { // else the last answer will say it
			refined.refine(&ran{query: q, plan: plan, partial: p})
		}
		last = time.Now()
	}
}

// events writes the answers of one query. It belongs to the request's goroutine.
type events struct {
	a     *Aggregator
	w     http.ResponseWriter
	r     *http.Request
	id    string
	began bool
	start time.Time
}

// eventBody is a body without headers of its own.
type eventBody struct {
	http.ResponseWriter
	header http.Header
}

func (b *eventBody) Header() http.Header { return b.header }

// send writes one event.
func (e *events) send(name string, data func(w http.ResponseWriter)) {
	if !e.began {
		e.began = true
		e.w.Header().Set("Content-Type", eventStream)
		e.w.Header().Set("Cache-Control", "no-store")
	}
	// Who takes nothing may hold up the query, not for ever. A recorder has no deadline.
	_ = http.NewResponseController(e.w).SetWriteDeadline(time.Now().Add(exportIdle))
	body := &eventBody{e.w, make(http.Header)}
	_, _ = body.Write([]byte("event: " + name + "\ndata: ")) // the client may have gone
	data(body)                                               // one line, with its end
	_, _ = body.Write([]byte("\n"))
	_ = http.NewResponseController(e.w).Flush()
}

func (e *events) answer(name string, ans *Answer) {
	e.send(name, func(w http.ResponseWriter) { outFormat{stream: newJSONStream}.write(w, e.r, ans) })
}

func (e *events) refine(got *ran) {
	ans, err := e.a.answerOf(got, e.id)
	if err != nil { // no leaf that answered has the table, say: others may
		return
	}
	ans.Elapsed = time.Since(e.start)
	e.answer("partial", ans)
}

// fail says as the last event what went wrong, if others have gone out; else it is
// for the caller to say.
func (e *events) fail(err error) error {
	if err == nil || !e.began {
		return err
	}
	text, jsonErr := json.Marshal(map[string]any{"error": ended(e.r.Context(), asAPIError(err))})
	if jsonErr != nil {
		panic("BUG: an error is not JSON: " + jsonErr.Error())
	}
	e.send("error", func(w http.ResponseWriter) { _, _ = w.Write(append(text, '\n')) })
	return nil
}

// beat writes a comment, so that the connection is not taken for dead.
func (e *events) beat() {
	_ = http.NewResponseController(e.w).SetWriteDeadline(time.Now().Add(exportIdle)) // a recorder has none
	_, _ = e.w.Write([]byte(":\n\n"))                                                // the client may have gone
	_ = http.NewResponseController(e.w).Flush()
}

// serveEvents answers a query with events. What goes wrong before the first of them is
// an error as of any query.
func (a *Aggregator) serveEvents(w http.ResponseWriter, r *http.Request, ask Ask) error {
	out := &events{a: a, w: w, r: r, id: ask.id, start: time.Now()}
	ask.refined = out
	ans, err := a.Answer(r.Context(), ask)
	a.metrics.count(ans, err)
	if err == nil {
		ans.ID = ask.id
		out.answer("final", ans)
	}
	err = out.fail(err)
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // as above
	return err
}
