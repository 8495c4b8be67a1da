package aggregator

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"time"
)

// A stream asks something of a table again and again and writes what comes of it as
// server-sent events. It asks when leaves have told of new edits of the table, or when a
// leaf came or went. Nothing is asked to find that out: the book knows (book_mark.go).
// Between two questions it holds neither a turn nor memory of leaves' answers, and is
// not among the running queries. It belongs to the request's goroutine.
type stream struct {
	a     *Aggregator
	table string
	out   *events
	drift time.Duration // the longest time between two questions
	beat  time.Duration // liveBeat

	seen  liveMark
	asked time.Time     // when the last question ended
	rest  time.Duration // after it
	wrote time.Time     // when anything went out
}

// liveMark is all that another answer can come of, but time.
type liveMark struct{ table, leaves uint64 }

const (
	// liveRest is the longest time between an edit and the question after it, unless
	// the question itself takes longer. A question that takes little comes sooner:
	// liveCost times what it took, but not before liveRestLeast has gone by.
	liveRest      = time.Second
	liveRestLeast = 200 * time.Millisecond
	liveCost      = 10

	// liveBeat is how long a stream may be silent: proxies close connections on which
	// nothing comes for a minute or half of one.
	liveBeat = 15 * time.Second

	// streamWait is when to come again if there is no place for a stream.
	streamWait = 5 * time.Second
)

func (a *Aggregator) newStream(w http.ResponseWriter, r *http.Request, table string, drift time.Duration) stream {
	id := rand.Text()
	w.Header().Set("Kelp-Query-Id", id)
	return stream{a: a, table: table, drift: drift, beat: liveBeat, out: &events{a: a, w: w, r: r, id: id}}
}

// serve asks until the client goes, the server ends, or a question fails. stopping is
// closed when the server begins to end.
func (s *stream) serve(stopping <-chan struct{}, ask func(context.Context) error) error {
	select {
	case s.a.streams <- struct{}{}:
		defer func() { <-s.a.streams }()
	default:
		return &apiError{Status: http.StatusServiceUnavailable, Code: "unavailable", RetryAfter: true, Wait: streamWait,
			Message: fmt.Sprintf("%d streams are open, which is the most at once", streamsMax),
			Hint:    "close pages that nobody looks at, or ask /v1/query now and then"}
	}
	err := s.out.fail(s.run(s.out.r.Context(), stopping, ask))
	_ = http.NewResponseController(s.out.w).SetWriteDeadline(time.Time{}) // a recorder has none
	return err
}

func (s *stream) run(ctx context.Context, stopping <-chan struct{}, ask func(context.Context) error) error {
	look := time.NewTicker(liveRestLeast)
	defer look.Stop()
	for {
		s.seen = s.mark() // before it is asked: what comes meanwhile may not be in the answer
		if err := ask(ctx); err != nil {
			return err
		}
		s.asked = time.Now()
		for !s.due() {
			select {
			case <-look.C:
			case <-stopping:
				return &apiError{Status: http.StatusServiceUnavailable, Code: "unavailable", RetryAfter: true,
					Message: ErrStopping.Error(), Hint: "connect again in a moment"}
			case <-ctx.Done():
				return ctx.Err()
			}
			if time.Since(s.wrote) >= s.beat {
				s.out.beat()
				s.wrote = time.Now()
			}
		}
	}
}

// due tells whether it is time for the next question.
func (s *stream) due() bool {
	since := time.Since(s.asked)
	return since >= s.rest && (since >= s.drift || s.mark() != s.seen)
}

func (s *stream) mark() liveMark { return liveMark{s.a.book.mark(s.table), s.a.moves.Load()} }

// restAfter is how long a question rests that took so long.
func restAfter(took time.Duration) time.Duration {
	return max(liveRestLeast, took, min(liveCost*took, liveRest))
}
