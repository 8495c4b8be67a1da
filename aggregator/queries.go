package aggregator

import (
	"context"
	"crypto/rand"
	"errors"
	"math"
	"net/http"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/wire"
)

// queries is the queries that are running now.
type queries struct {
	mu   sync.Mutex
	byID map[string]*running
}

// running is one query under way.
type running struct {
	ID      string    `json:"id"`
	SQL     string    `json:"sql"`
	Started time.Time `json:"started"`
	cancel  context.CancelFunc
}

func (qs *queries) begin(sql string, now time.Time, cancel context.CancelFunc) *running {
	r := &running{ID: rand.Text(), SQL: sql, Started: now.UTC(), cancel: cancel}
	qs.mu.Lock()
	defer qs.mu.Unlock()
	if qs.byID == nil {
		qs.byID = make(map[string]*running)
	}
	qs.byID[r.ID] = r
	return r
}

func (qs *queries) end(r *running) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	delete(qs.byID, r.ID)
}

func (qs *queries) list() []*running {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	list := make([]*running, 0, len(qs.byID))
	for _, r := range qs.byID {
		list = append(list, r)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Started.Before(list[j].Started) })
	return list
}

func (qs *queries) cancel(id string) bool {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	r := qs.byID[id]
	if r != nil {
		r.cancel()
	}
	return r != nil
}

// Ask is a question as a client puts it.
type Ask struct {
	SQL             string  `json:"sql"`
	TimeoutMs       int64   `json:"timeout_ms"`
	Strict          bool    `json:"strict"`
	MinCompleteness float64 `json:"min_completeness"`
	TZ              string  `json:"tz"`
}

// Answer is a result with what stands behind it.
type Answer struct {
	ID           string
	Plan         *query.Plan
	Result       *query.Result
	Completeness Completeness
	From, To     int64 // ns: the range that was read
	Horizon      int64 // ns; 0: nothing ever went
	Newest       int64 // ns; 0: no rows
	Stats        query.Stats
	Elapsed      time.Duration
}

// errUnknownTable says that every leaf has been asked and none has the table.
type errUnknownTable struct{ table, near string }

func (e *errUnknownTable) Error() string { return "there is no table " + e.table }

// noAnswer is the error of a query that no leaf answered.
func noAnswer(c Completeness) *apiError {
	late, list := true, make([]string, len(c.Leaves.Missing))
	for i, m := range c.Leaves.Missing {
		late = late && m.Reason == reasonTimeout
		list[i] = m.Leaf + " " + m.Reason
	}
	e := &apiError{Status: http.StatusServiceUnavailable, Code: "unavailable", RetryAfter: true,
		Message: "no leaf answered: " + strings.Join(list, ", "), Completeness: &c}
	if late {
		e.Status, e.Code, e.RetryAfter = http.StatusGatewayTimeout, "timeout", false
		e.Hint = "raise timeout_ms, or narrow the time range"
	}
	return e
}

// errIncomplete is a strict query's refusal of an answer that is not whole.
type errIncomplete struct {
	why    string
	answer *Answer
}

func (e *errIncomplete) Error() string { return "the answer is not complete: " + e.why }

// Select answers one SELECT.
func (a *Aggregator) Select(ctx context.Context, ask Ask) (*Answer, error) {
	timeout := timeoutDefault
	if ask.TimeoutMs > 0 {
		timeout = time.Duration(min(ask.TimeoutMs, timeoutMax.Milliseconds())) * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	start := time.Now()
	done, err := a.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	run := a.queries.begin(ask.SQL, a.cfg.Now(), cancel)
	defer a.queries.end(run)
	q, p, err := a.runBound(ctx, ask)
	if err != nil {
		return nil, err
	}
	plan, err := q.Plan()
	if err != nil {
		return nil, err
	}
	ans := &Answer{ID: run.ID, Plan: plan, Horizon: p.Horizon, Newest: p.Newest, Stats: p.Stats}
	ans.Completeness = completeness(plan, p, func(leaf string) bool {
		return a.book.word(leaf).heard
	})
	if ans.Completeness.Leaves.Answered == 0 {
		return nil, noAnswer(ans.Completeness)
	}
	if ans.Completeness.Ratio < 1 {
		ans.Completeness.ByTime = a.byTime(plan, p)
	}
	if a.unknown(p) {
		return nil, &errUnknownTable{plan.Table, a.nearTable(plan.Table)}
	}
	ans.From, ans.To = rangeRead(plan, p)
	ans.Result, err = query.Finalise(plan, p, query.FinalEnv{Now: q.Now, From: ans.From, To: ans.To})
	if err != nil {
		return nil, err
	}
	ans.Elapsed = time.Since(start)
	return ans, ans.judge(ask)
}

// judge refuses an answer that is less than the client wants.
func (ans *Answer) judge(ask Ask) error {
	c := ans.Completeness
	switch {
	case c.Ratio < ask.MinCompleteness:
		return &errIncomplete{"its completeness is below min_completeness", ans}
	case !ask.Strict:
		return nil
	case c.Ratio < 1:
		return &errIncomplete{"a leaf or rows are missing", ans}
	case ans.Result.Truncated != nil:
		return &errIncomplete{"it was cut by a limit on " + ans.Result.Truncated.By, ans}
	case !c.Exact:
		return &errIncomplete{"it is not exact", ans}
	}
	return nil
}

// runBound binds and runs, and binds anew when a leaf has a type that the book
// had not heard of.
func (a *Aggregator) runBound(ctx context.Context, ask Ask) (*query.Query, *query.Partial, error) {
	table, err := query.TableOf(ask.SQL)
	if err != nil {
		return nil, nil, err
	}
	now := a.cfg.Now().UnixNano()
	learnt := make(query.Schema)
	for try := 0; ; try++ {
		schema, from, to, _ := a.book.schema(table)
		for name, types := range learnt {
			schema[name] |= types
		}
		q := &query.Query{SQL: ask.SQL, Now: now, Zone: ask.TZ, Schema: schema, DataFrom: from, DataTo: to}
		p, err := a.Run(ctx, q)
		var stale *staleError
		if !errors.As(err, &stale) {
			return q, p, err
		}
		if try >= rebindsMax {
			return nil, nil, &apiError{Status: http.StatusServiceUnavailable, Code: "unavailable", RetryAfter: true,
				Message: "the columns of " + table + " change faster than a query can be bound"}
		}
		if err := a.learn(ctx, stale.leaf, table, learnt); err != nil {
			return nil, nil, err
		}
	}
}

// learn asks a leaf for the types of a table's columns.
func (a *Aggregator) learn(ctx context.Context, leaf, table string, into query.Schema) error {
	for _, s := range a.seats() {
		if s.name != leaf || s.leaf == nil {
			continue
		}
		d, err := s.leaf.Describe(ctx, table)
		if err != nil {
			return err
		}
		for _, c := range d.Columns {
			for t, rows := range c.Rows {
				if rows > 0 {
					into[c.Name] |= 1 << t
				}
			}
		}
		return nil
	}
	return &wire.Error{Code: wire.CodeUnreachable, Message: "leaf " + leaf + " went away"}
}

// unknown tells whether every leaf was asked and said that it has no such table.
func (a *Aggregator) unknown(p *query.Partial) bool {
	for _, r := range p.Leaves {
		if r.Reason != "" || !r.Unknown || len(r.Skipped) > 0 {
			return false
		}
	}
	return len(p.Leaves) > 0
}

// nearTable is the known table whose name is most like the one asked for.
func (a *Aggregator) nearTable(name string) string {
	return query.Nearest(name, slices.Collect(a.book.tableNames()))
}

// rangeRead is the range of an answer in ns: as asked, with open ends at the
// oldest and newest row read.
func rangeRead(plan *query.Plan, p *query.Partial) (from, to int64) {
	from, to = plan.Range.From, plan.Range.To
	if from == minTime {
		from = p.From
	}
	switch {
	case to == maxTime:
		to = p.To
	case plan.Closed:
		to-- // as it was written
	}
	if from > to {
		return 0, 0
	}
	return from, to
}

// Open ends of a plan's range.
const (
	minTime = math.MinInt64
	maxTime = math.MaxInt64
)
