package aggregator

import (
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/wire"
)

// Ask is a question as a client puts it.
type Ask struct {
	SQL             string  `json:"sql"`
	TimeoutMs       int64   `json:"timeout_ms"`
	Strict          bool    `json:"strict"`
	MinCompleteness float64 `json:"min_completeness"`
	TZ              string  `json:"tz"`

	now    int64  // ns: what now() means; 0: when it is bound
	id     string // of the query; "": it gets one
	remote string // where it was asked from; "": by the server itself
	user   string // whose token it came with; "": it needed none

	tail       query.Tail // of one who follows the table; the zero one: all rows are asked for
	refined    refiner    // nil: only the last answer is wanted
	everyGroup bool       // all groups are wanted, not only those that will be shown
	read       *parsed    // what SQL says; nil: it has not been read
}

// parsed is a text that has been read. Nobody changes the statement.
type parsed struct {
	sql  string
	stmt query.Statement
	err  error
}

// parse reads the text, once for all copies of the question that are made later.
func (ask *Ask) parse() (query.Statement, error) {
	if ask.read == nil || ask.read.sql != ask.SQL {
		stmt, err := query.Parse(ask.SQL)
		ask.read = &parsed{ask.SQL, stmt, err}
	}
	return ask.read.stmt, ask.read.err
}

// Answer is a result with what stands behind it.
type Answer struct {
	ID           string
	Plan         *query.Plan
	Result       *query.Result
	Completeness Completeness
	From, To     int64    // ns: the range that was read
	Horizon      int64    // ns; 0: nothing ever went
	Newest       int64    // ns; 0: no rows
	Compare      *Compare // of COMPARE and EXPLAIN CHANGE; nil: none
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
	return a.underWay(ctx, ask, a.selectIn)
}

// underWay lists a question as running while it is answered, within its time, and
// judges the answer.
func (a *Aggregator) underWay(ctx context.Context, ask Ask, answer func(context.Context, Ask, *running) (*Answer, error)) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, ask.timeout())
	defer cancel()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	start := time.Now()
	run := a.queries.begin(ask, a.cfg.Now(), end)
	defer a.queries.end(run)
	ans, err := answer(ctx, ask, run)
	if err != nil {
		err = cancelledOr(ctx, err)
		a.logQuery(run, nil, err, time.Since(start))
		return nil, err
	}
	ans.Elapsed = time.Since(start)
	err = ans.judge(ask)
	a.logQuery(run, ans, err, ans.Elapsed)
	return ans, err
}

// timeout is the time a question has: by the request, or by WITHIN if that is
// shorter.
func (ask *Ask) timeout() time.Duration {
	timeout := timeoutDefault
	if ask.TimeoutMs > 0 {
		timeout = time.Duration(min(ask.TimeoutMs, timeoutMax.Milliseconds())) * time.Millisecond
	}
	if stmt, err := ask.parse(); err == nil {
		if within := query.WithinOf(stmt); within > 0 {
			timeout = min(timeout, within)
		}
	}
	return timeout
}

// selectIn waits for the query's turn, runs it, and makes the answer of what comes
// back.
func (a *Aggregator) selectIn(ctx context.Context, ask Ask, run *running) (*Answer, error) {
	done, err := a.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	got, err := a.runBound(ctx, ask, run.progress)
	if err != nil {
		return nil, err
	}
	return a.answerOf(got, run.id)
}

// answerOf makes the answer of what came back.
func (a *Aggregator) answerOf(got *ran, id string) (*Answer, error) {
	ans, err := a.standing(got, id)
	if err != nil {
		return nil, err
	}
	return ans, a.finalise(ans, got)
}

// standing is an answer without its result: what stands behind what came back.
func (a *Aggregator) standing(got *ran, id string) (*Answer, error) {
	plan, p := got.plan, got.partial
	ans := &Answer{ID: id, Plan: plan, Horizon: p.Horizon, Newest: p.Newest, Stats: p.Stats}
	ans.Completeness = a.weighPartial(plan, p)
	if ans.Completeness.Leaves.Answered == 0 {
		return nil, noAnswer(ans.Completeness)
	}
	if a.unknown(p) {
		return nil, &errUnknownTable{plan.Table, a.nearTable(plan.Table)}
	}
	ans.From, ans.To = rangeRead(plan, p)
	return ans, nil
}

// weighPartial is the completeness of a merged partial.
func (a *Aggregator) weighPartial(plan *query.Plan, p *query.Partial) Completeness {
	c := completeness(plan, p, func(leaf string) bool { return a.book.word(leaf).heard })
	if c.Leaves.Answered > 0 && c.Ratio < 1 {
		c.ByTime = a.byTime(plan, p)
	}
	return c
}

// cancelledOr is the error of a query that was cancelled by name; any other stays
// as it is.
func cancelledOr(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause == errCancelled {
		return cause
	}
	return err
}

// finalise makes the result of what came back, and says what stands behind the
// range that COMPARE moved back.
func (a *Aggregator) finalise(ans *Answer, got *ran) (err error) {
	env := query.FinalEnv{Now: got.query.Now, From: ans.From, To: ans.To}
	if got.earlier == nil {
		ans.Result, err = query.Finalise(got.plan, got.partial, env)
		return err
	}
	ans.Compare = a.compared(got.earlier, &ans.Stats)
	ans.Result, err = query.FinaliseCompared(got.plan, got.partial, got.earlier.partial, env)
	if err == nil && ans.Compare.From < ans.Horizon {
		ans.Result.Warnings = append(ans.Result.Warnings, "the range compared with begins before "+formatTime(ans.Horizon)+", and rows from before that are gone")
	}
	return err
}

// judge refuses an answer that is less than the client wants.
func (ans *Answer) judge(ask Ask) error {
	c := ans.Completeness
	if ans.Compare != nil { // the less complete of both
		c.Ratio = min(c.Ratio, ans.Compare.Completeness.Ratio)
		c.Exact = c.Exact && ans.Compare.Completeness.Exact
	}
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
func (a *Aggregator) runBound(ctx context.Context, ask Ask, progress *query.Progress) (*ran, error) {
	stmt, err := ask.parse()
	if err != nil {
		return nil, err
	}
	table := query.TableRead(stmt)
	now := ask.now
	if now == 0 {
		now = a.cfg.Now().UnixNano()
	}
	learnt := make(query.Schema)
	for try := 0; ; try++ {
		schema, from, to, _ := a.book.schema(table)
		for name, types := range learnt {
			schema[name] |= types
		}
		q := &query.Query{SQL: ask.SQL, Now: now, Zone: ask.TZ, Schema: schema, DataFrom: from, DataTo: to, Progress: progress, Sole: !ask.everyGroup, Tail: ask.tail}
		a.passRefined(q, ask.refined)
		got, err := a.runCompared(ctx, q)
		var stale *staleError
		if !errors.As(err, &stale) {
			return got, err
		}
		if try >= rebindsMax {
			return nil, &apiError{Status: http.StatusServiceUnavailable, Code: "unavailable", RetryAfter: true,
				Message: "the columns of " + table + " change faster than a query can be bound"}
		}
		if err := a.learn(ctx, stale.leaf, table, learnt); err != nil {
			return nil, err
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
