package aggregator

import (
	"context"
	"crypto/rand"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/kelpdb/kelp/query"
)

// queries is the queries that are running now.
type queries struct {
	mu   sync.Mutex
	byID map[string]*running
}

// running is one query under way.
type running struct {
	id       string
	sql      string
	remote   string // where it was asked from: the address; "": by the server itself
	user     string // the name of the token it came with; "": it needed none
	since    time.Time
	progress *query.Progress
	cancel   context.CancelCauseFunc
	quiet    bool // one of many rounds: not for the log
}

// runningJSON is a query under way as GET /v1/queries shows it.
type runningJSON struct {
	ID        string       `json:"id"`
	SQL       string       `json:"sql"`
	Remote    string       `json:"remote"`
	User      string       `json:"user,omitempty"` // the name of the token
	Since     time.Time    `json:"since"`
	ElapsedMs float64      `json:"elapsed_ms"`
	Progress  progressJSON `json:"progress"`
	Cost      costJSON     `json:"cost"`
}

type progressJSON struct {
	Leaves         uint64 `json:"leaves"`
	LeavesAnswered uint64 `json:"leaves_answered"`
	Blocks         uint64 `json:"blocks"`
	BlocksDone     uint64 `json:"blocks_done"`
}

type costJSON struct {
	RowsScanned  uint64 `json:"rows_scanned"`
	BytesScanned uint64 `json:"bytes_scanned"`
}

// errCancelled is the cause of a query that DELETE /v1/queries/{id} has ended.
var errCancelled = &apiError{Status: statusClientGone, Code: "timeout", Message: "the query was cancelled",
	Hint: "by DELETE /v1/queries/{id}"}

// begin enters a query under its id, a new one if it has none.
func (qs *queries) begin(ask Ask, now time.Time, cancel context.CancelCauseFunc) *running {
	r := &running{id: ask.id, sql: ask.SQL, remote: ask.remote, user: ask.user, since: now.UTC(), progress: new(query.Progress), cancel: cancel,
		quiet: ask.tail.Round > 1}
	if r.id == "" {
		r.id = rand.Text()
	}
	qs.mu.Lock()
	defer qs.mu.Unlock()
	if qs.byID == nil {
		qs.byID = make(map[string]*running)
	}
	qs.byID[r.id] = r
	return r
}

func (qs *queries) end(r *running) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	delete(qs.byID, r.id)
}

// list is the queries under way, the oldest first.
func (qs *queries) list(now time.Time) []runningJSON {
	qs.mu.Lock()
	list := make([]runningJSON, 0, len(qs.byID))
	for _, r := range qs.byID {
		at := r.progress.Now()
		list = append(list, runningJSON{ID: r.id, SQL: r.sql, Remote: r.remote, User: r.user,
			Since: r.since, ElapsedMs: elapsedMs(now.Sub(r.since)),
			Progress: progressJSON{at.Leaves, at.Answered, at.Blocks, min(at.Read, at.Blocks)},
			Cost:     costJSON{at.Rows, at.Bytes}})
	}
	qs.mu.Unlock()
	slices.SortFunc(list, func(a, b runningJSON) int { return a.Since.Compare(b.Since) })
	return list
}

// cancel ends a query of the bearer's own, and for RoleAdmin any; without tokens all
// have one name. A nil error: it was told to end.
func (qs *queries) cancel(id string, by bearer) *apiError {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	r := qs.byID[id]
	switch {
	case r == nil:
		return &apiError{Status: http.StatusNotFound, Code: "bad_request", Message: "no query " + id + " is running",
			Hint: "GET /v1/queries lists those that are"}
	case r.user != by.name && !by.may(forAdmin):
		return forbidden(by, forAdmin)
	}
	r.cancel(errCancelled)
	return nil
}

// serveQueries is GET /v1/queries.
func (a *Aggregator) serveQueries(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, map[string]any{"queries": a.queries.list(a.cfg.Now())})
	return nil
}

// serveCancel is DELETE /v1/queries/{id}.
func (a *Aggregator) serveCancel(w http.ResponseWriter, r *http.Request) error {
	id := chi.URLParam(r, "id")
	if refused := a.queries.cancel(id, bearerOf(r.Context())); refused != nil {
		return refused
	}
	writeJSON(w, http.StatusOK, map[string]any{"cancelled": id})
	return nil
}
