package aggregator

import (
	"context"
	"net/http"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// An export is a question for many rows, the newest first. Its rows go out page by
// page, so that what it takes does not grow with their number: each page is a query
// for the best rows up to the time at which the page before it ended. A page of so
// many rows ends within the rows of one instant, so those of its last instant are
// left to the next.
//
// Pages are asked of the views of their moment. Rows that come in meanwhile with a time
// that has gone out already are not in the export, and no row is in it twice.

const (
	// exportRowsLeast is the LIMIT from which on rows go out by pages.
	exportRowsLeast = 50_000

	// exportPageFirst is the rows of the first page, of which the size of the others
	// is learnt: exportPageBytes, between exportPageMin and exportPageMax rows.
	// exportTiesMax is how many rows a page may be made to get past one instant.
	exportPageFirst = 8_192
	exportPageMin   = 1_024
	exportPageMax   = 65_536
	exportPageBytes = 4 << 20
	exportTiesMax   = 1 << 20

	// exportPageTime bounds one page, and exportIdle how long a client may take for
	// what it is sent of it: a page's memory waits for it.
	exportPageTime = 10 * time.Second
	exportIdle     = 30 * time.Second

	// exportTimeLeast is the least time left in which a page is begun.
	exportTimeLeast = 100 * time.Millisecond
)

// An exporter is one export under way.
type exporter struct {
	a      *Aggregator
	ask    Ask
	run    *running
	sel    *query.Select
	plan   *query.Plan // of the question as it was asked
	byTime int         // the output that is ordered by
	names  []string    // of the columns
	left   int64       // rows that are still wanted; -1: all
	page   int64       // rows of the next page
	cursor *int64      // the newest time that has not gone out; nil: nothing has
	rows   int64       // that went out

	answer  *Answer        // what stands behind all that went out
	partial *query.Partial // the reports of it
}

// exporter returns how to export what is asked, nil if the question is none for
// pages: those are plain rows, newest first, and many of them. What is wrong with it
// is for others to say.
func (a *Aggregator) exporter(asked *Ask) *exporter {
	stmt, err := asked.parse()
	if err != nil {
		return nil
	}
	sel, ok := stmt.(*query.Select)
	if !ok {
		return nil
	}
	if sel.Limit == nil || sel.Limit.N >= 0 && sel.Limit.N < exportRowsLeast || sel.LimitBy != nil || sel.Offset != 0 ||
		sel.Sample != nil || sel.Compare != nil || sel.Within != nil || sel.Fill {
		return nil
	}
	ask := *asked
	plan, err := a.queryOf(&ask, sel.Table).Plan()
	if err != nil || plan.Grouped || len(plan.Order) == 0 || !plan.Order[0].Desc {
		return nil
	}
	first := plan.Outputs[plan.Order[0].Output].Expr
	if first.Op != query.OpColumn || plan.Columns[first.Index].Name != storage.TimeColumn {
		return nil
	}
	if ask.TimeoutMs == 0 {
		ask.TimeoutMs = timeoutMax.Milliseconds()
	}
	e := &exporter{a: a, ask: ask, sel: sel, plan: plan, byTime: plan.Order[0].Output, left: sel.Limit.N, page: exportPageFirst}
	for _, o := range plan.Outputs {
		if !o.Hidden {
			e.names = append(e.names, o.Name)
		}
	}
	return e
}

// next asks for the next page. The answer's Result is the page; last says that no
// other follows.
func (e *exporter) next(ctx context.Context) (page *query.Result, last bool, err error) {
	for {
		want := e.page
		if e.left >= 0 && e.left <= want {
			want, last = e.left, true
		}
		ans, partial, err := e.askPage(ctx, want)
		if err != nil {
			return nil, false, err
		}
		page = ans.Result
		full := int64(page.Rows) >= want && partial.Truncated == nil
		last = last || !full
		if !last {
			oldest, ties := lastInstant(partial.Rows[e.byTime])
			if ties == page.Rows && want < exportTiesMax { // all of one instant: only a larger page gets past it
				e.page = min(4*want, exportTiesMax)
				continue
			}
			if ties < page.Rows {
				page.Rows -= ties
				e.cursor = &oldest
			} else {
				page.Truncated, last = &query.Truncated{By: "memory", Limit: exportTiesMax}, true
			}
			e.page = pageRows(partial)
		}
		e.note(ans, partial)
		e.rows += int64(page.Rows)
		if e.left >= 0 {
			e.left -= int64(page.Rows)
		}
		if cut := e.answer.Result.Truncated; cut != nil {
			cut.Kept = e.rows
		}
		return page, last, nil
	}
}

// askPage asks for the best rows that have not gone out.
func (e *exporter) askPage(ctx context.Context, rows int64) (*Answer, *query.Partial, error) {
	done, err := e.a.turn(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, exportPageTime)
	defer cancel()
	sel := *e.sel
	sel.Limit = &query.LimitClause{N: rows}
	if e.cursor != nil {
		sel.Where = query.UpTo(sel.Where, *e.cursor)
	}
	ask := e.ask
	ask.SQL = query.Print(&sel)
	got, err := e.a.runBound(ctx, ask, e.run.progress)
	if err != nil {
		return nil, nil, err
	}
	ans, err := e.a.answerOf(got, e.run.id)
	if err != nil {
		return nil, nil, err
	}
	for i := range ans.Result.Columns {
		ans.Result.Columns[i].Name = e.names[i]
	}
	return ans, got.partial, nil
}

// lastInstant is the least of some times, and how many there are of it.
func lastInstant(times *query.Vec) (least int64, ties int) {
	for i, t := range times.Ints {
		switch {
		case i == 0 || t < least:
			least, ties = t, 1
		case t == least:
			ties++
		}
	}
	return least, ties
}

// pageRows is how many rows like these a page takes.
func pageRows(p *query.Partial) int64 {
	bytes, rows := 1, 1
	for _, v := range p.Rows {
		rows = max(rows, v.Len())
		bytes += 8*len(v.Ints) + 8*len(v.Floats) + 16*len(v.Strs)
		for _, s := range v.Strs {
			bytes += len(s)
		}
		for _, l := range v.Lists {
			bytes += 24
			for _, s := range l {
				bytes += 16 + len(s)
			}
		}
	}
	return min(max(int64(exportPageBytes)*int64(rows)/int64(bytes), exportPageMin), exportPageMax)
}

// note keeps what stands behind a page. The range of a page is all that was left, so
// what a leaf lacks of the whole is at most the most that it ever lacked.
func (e *exporter) note(ans *Answer, p *query.Partial) {
	if e.answer == nil {
		first := *ans.Result
		first.Cols = nil // the page goes when it is written
		ans.Result = &first
		e.answer, e.partial = ans, &query.Partial{Leaves: p.Leaves}
		return
	}
	e.answer.Stats.Add(ans.Stats)
	e.answer.Result.Warnings = append(e.answer.Result.Warnings, newWarnings(e.answer.Result.Warnings, ans.Result.Warnings)...)
	if e.answer.Result.Truncated == nil {
		e.answer.Result.Truncated = ans.Result.Truncated
	}
	for _, now := range p.Leaves {
		e.partial.Leaves = worseReport(e.partial.Leaves, now)
	}
	e.answer.Completeness = e.a.weighPartial(e.plan, e.partial)
}

func newWarnings(known, more []string) (list []string) {
	for _, w := range more {
		seen := false
		for _, k := range known {
			seen = seen || k == w
		}
		if !seen {
			list = append(list, w)
		}
	}
	return list
}

// worseReport puts a leaf's later report in the place of its first, if it lacks more.
func worseReport(list []query.LeafReport, now query.LeafReport) []query.LeafReport {
	for i := range list {
		first := &list[i]
		if first.Leaf != now.Leaf || first.Shard != now.Shard && now.Shard != 0 && first.Shard != 0 {
			continue
		}
		lacks, lacked := lacking(&now), lacking(first)
		if lacks > lacked || now.Reason != "" && first.Reason == "" {
			now.Covered = first.Covered - min(first.Covered, lacks-min(lacks, lacked))
			*first = now
		}
		return list
	}
	return append(list, now)
}

// lacking is how many rows of the range a leaf did not read.
func lacking(r *query.LeafReport) (rows uint64) {
	for _, s := range r.Skipped {
		for _, b := range s.Hist {
			rows += b.Rows
		}
	}
	return rows
}

// serveExport writes an export page by page. What goes wrong before the first page is
// an error; later the stream breaks off, without its end.
func (a *Aggregator) serveExport(w http.ResponseWriter, r *http.Request, e *exporter, format outFormat) error {
	began := false
	ans, err := a.underWay(r.Context(), e.ask, func(ctx context.Context, _ Ask, run *running) (*Answer, error) {
		e.run = run
		start := time.Now()
		out := format.stream(w, r)
		for last := false; !last; {
			page, ended, err := e.nextInTime(ctx)
			if err != nil {
				return nil, err
			}
			last = ended
			e.answer.Elapsed = time.Since(start)
			if err := e.answer.judge(e.ask); err != nil {
				return nil, err
			}
			// A client that takes nothing holds up a page's memory, not for ever.
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(exportIdle)) // a recorder has none
			if !began {
				began = true
				out.begin(page, e.whole(last))
			}
			if err := out.rows(page); err != nil {
				return nil, context.Canceled // the client went away
			}
		}
		done := e.done()
		return done, out.end(done)
	})
	a.metrics.count(ans, err)
	if err != nil && began {
		panic(http.ErrAbortHandler) // the connection is closed before the end of the stream
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // as above
	return err
}

// nextInTime is next; when the export's time is over, what has gone out is all, and it
// ends with no rows.
func (e *exporter) nextInTime(ctx context.Context) (page *query.Result, last bool, err error) {
	if e.answer == nil || !timeOver(ctx) {
		page, last, err = e.next(ctx)
		if err == nil || e.answer == nil || !timeOver(ctx) || ctx.Err() == context.Canceled {
			return page, last, err
		}
	}
	e.answer.Result.Truncated = &query.Truncated{By: "time", Limit: e.ask.TimeoutMs, Kept: e.rows}
	return &query.Result{}, true, nil
}

// timeOver tells whether too little time is left for another page.
func timeOver(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ok && time.Until(deadline) < exportTimeLeast
}

// whole is the answer if its first page is the last one, else nil.
func (e *exporter) whole(last bool) *Answer {
	if !last {
		return nil
	}
	return e.answer
}

// done is what stands behind all rows that went out.
func (e *exporter) done() *Answer {
	ans, result := *e.answer, *e.answer.Result
	result.Rows = int(e.rows)
	ans.Result = &result
	return &ans
}
