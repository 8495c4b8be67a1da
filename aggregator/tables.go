package aggregator

import (
	"context"
	"errors"
	"math"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// tableLine is a table in the list of tables.
type tableLine struct {
	Table    string  `json:"table"`
	Rows     uint64  `json:"rows"`
	Bytes    uint64  `json:"bytes"`
	RowsPerS float64 `json:"rows_per_s"`
	Newest   any     `json:"newest"`
	From     any     `json:"from"`
	Horizon  any     `json:"horizon"`
}

// rateWindow is the time rows_per_s is measured over.
const rateWindow = time.Minute

// tableList sums the book up by table.
func (b *book) tableList(now time.Time) []tableLine {
	b.mu.Lock()
	defer b.mu.Unlock()
	type sum struct {
		rows, bytes           uint64
		recent                float64
		newest, from, horizon int64
	}
	sums := make(map[string]*sum)
	for _, page := range b.leaves {
		for name, t := range page.Tables {
			if strings.HasPrefix(name, ownTables) {
				continue // asked for by name; a list is of what clients sent
			}
			s := sums[name]
			if s == nil {
				s = &sum{newest: minTime, from: maxTime}
				sums[name] = s
			}
			for k, rows := range t.promise.buckets() {
				s.rows += rows
				s.from = min(s.from, k.From)
				s.recent += float64(rows) * recentShare(k, now.UnixNano())
			}
			s.bytes += t.Bytes
			s.newest = max(s.newest, t.Newest)
			s.horizon = max(s.horizon, t.Horizon)
		}
	}
	list := make([]tableLine, 0, len(sums))
	for name, s := range sums {
		list = append(list, tableLine{
			Table: name, Rows: s.rows, Bytes: s.bytes, RowsPerS: s.recent / rateWindow.Seconds(),
			Newest: timeOrNil(s.newest), From: timeOrNil(s.from), Horizon: timeOrNil(s.horizon),
		})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Table < list[j].Table })
	return list
}

// recentShare is the part of a bucket's rows that lie in the rateWindow before
// now, if they lie evenly in it, or in what has passed of it.
func recentShare(k bucket, now int64) float64 {
	end := min(bucketEnd(storage.TimeCount{From: k.From, Width: k.Width}), now)
	overlap := end - max(k.From, now-int64(rateWindow))
	if k.Width <= 0 || k.From >= now || overlap <= 0 {
		return 0
	}
	return float64(overlap) / (float64(end) - float64(k.From))
}

// onLeaves calls every reachable leaf at once and gathers what they say.
func onLeaves[T any](ctx context.Context, a *Aggregator, call func(ctx context.Context, leaf wire.Leaf) (T, error)) (got []T, asked LeavesAsked) {
	return leavesBut(ctx, a, nil, call)
}

// readLeaves is onLeaves for what is counted: suspended leaves are not read.
func readLeaves[T any](ctx context.Context, a *Aggregator, call func(ctx context.Context, leaf wire.Leaf) (T, error)) (got []T, asked LeavesAsked) {
	return leavesBut(ctx, a, a.book.suspended(), call)
}

func leavesBut[T any](ctx context.Context, a *Aggregator, but map[string]bool, call func(ctx context.Context, leaf wire.Leaf) (T, error)) (got []T, asked LeavesAsked) {
	asked.Missing = []LeafMissing{}
	ctx, cancel := context.WithTimeout(ctx, timeoutDefault)
	defer cancel()
	var mu sync.Mutex
	var calls sync.WaitGroup
	for _, s := range a.seats() {
		if s.leaf == nil || s.state == StateDown || but[s.name] {
			mu.Lock() // the first calls may be back already
			asked.add(s.name, reasonOf(s))
			mu.Unlock()
			continue
		}
		calls.Go(func() {
			v, err := call(ctx, s.leaf)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil && ctx.Err() == context.DeadlineExceeded:
				asked.add(s.name, reasonTimeout)
				return
			case errors.Is(err, errBehind):
				asked.add(s.name, reasonRestarting)
				return
			case err != nil:
				asked.add(s.name, reasonDown)
				return
			}
			got = append(got, v)
			asked.add(s.name, "")
		})
	}
	calls.Wait()
	asked.sort()
	return got, asked
}

// knows tells whether any leaf has promised rows of a table.
func (b *book) knows(table string) bool {
	_, _, _, known := b.schema(table)
	return known
}

// holdings says how much of the rows of a table, or of all tables for "", lies on
// leaves that can be asked now: by what they have promised. It knows of no damage.
func (a *Aggregator) holdings(table string) Completeness {
	asked := LeavesAsked{Missing: []LeafMissing{}}
	suspended := a.book.suspended()
	for _, s := range a.seats() {
		reason := ""
		switch {
		case suspended[s.name]:
			reason = reasonDown
		case s.leaf == nil || s.state == StateDown || !s.ready && !s.told:
			reason = reasonOf(s)
		case !s.lease && !s.told:
			reason = reasonTimeout
		}
		asked.add(s.name, reason)
	}
	return a.weigh(table, asked)
}

// weigh makes the completeness of what some leaves said of a table, or of all
// tables for "", from what every leaf has promised.
func (a *Aggregator) weigh(table string, asked LeavesAsked) Completeness {
	absent := make(map[string]bool, len(asked.Missing))
	for _, m := range asked.Missing {
		absent[m.Leaf] = true
	}
	c := Completeness{Exact: true, Leaves: asked}
	now, known := a.cfg.Now().UnixNano(), asked.Total > 0
	for _, name := range a.book.names() {
		held, lost := a.book.rowsOf(name, table, now)
		c.RowsExpected += held + lost
		if !absent[name] {
			c.RowsCovered += held
		}
		if lost > 0 {
			c.Leaves.Missing = append(c.Leaves.Missing, LeafMissing{name, reasonLost})
		}
	}
	for name := range absent {
		known = known && a.book.word(name).heard
	}
	c.Leaves.sort()
	if known {
		c.Ratio = ratio(c.RowsCovered, c.RowsExpected, asked.Answered == asked.Total)
	}
	return c
}

// rowsOf is how many rows a leaf has promised of a table, or of all tables for
// "", and how many it came back without, at a time in ns.
func (b *book) rowsOf(leaf, table string, now int64) (held, lost uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	page := b.leaves[leaf]
	if page == nil {
		return 0, 0
	}
	if table != "" {
		page.countRows(table, now, &held, &lost)
		return held, lost
	}
	for name := range page.Tables {
		page.countRows(name, now, &held, &lost)
	}
	for name := range page.Lost {
		if page.Tables[name] == nil {
			page.countRows(name, now, &held, &lost)
		}
	}
	return held, lost
}

// countRows adds the rows of a table that retention would not have taken by now to
// those held and those lost.
func (p *leafPage) countRows(table string, now int64, held, lost *uint64) {
	cut := int64(math.MinInt64)
	if t := p.Tables[table]; t != nil {
		if t.Settings.RetentionAge > 0 {
			cut = now - int64(t.Settings.RetentionAge)
		}
		for k, rows := range t.promise.buckets() {
			if k.Width == 0 || bucketEnd(storage.TimeCount{From: k.From, Width: k.Width}) > cut {
				*held += rows
			}
		}
	}
	for _, c := range p.Lost[table] {
		if c.Width == 0 || bucketEnd(c) > cut {
			*lost += c.Rows
		}
	}
}

// showTables answers SHOW TABLES.
func (a *Aggregator) showTables(_ context.Context, ask Ask) (*Answer, error) {
	res := newResult("table", storage.TypeString, "rows", storage.TypeInt64, "bytes", storage.TypeInt64,
		"newest", storage.TypeTime)
	for _, t := range a.book.tableList(a.cfg.Now()) {
		newest := storage.Value{}
		if _, to := a.book.span(t.Table); t.Rows > 0 {
			newest = storage.Time(to - 1)
		}
		addRow(res, storage.String(t.Table), storage.Int(int64(t.Rows)), storage.Int(int64(t.Bytes)), newest)
	}
	return &Answer{Result: res, Completeness: a.holdings("")}, nil
}

func newResult(namesAndTypes ...any) *query.Result {
	res := &query.Result{}
	for i := 0; i < len(namesAndTypes); i += 2 {
		t := namesAndTypes[i+1].(storage.Type)
		res.Columns = append(res.Columns, query.ResultColumn{Name: namesAndTypes[i].(string), Type: t})
		res.Cols = append(res.Cols, query.NewVec(t))
	}
	return res
}

func addRow(res *query.Result, values ...storage.Value) {
	for i, v := range values {
		res.Cols[i].Append(v)
	}
	res.Rows++
}

// Tables is how many tables the leaves have rows of.
func (a *Aggregator) Tables() int { return a.book.tableCount() }

// tableCount is the length of tableList. It leaves promises as they are written: a
// start asks, and they may have tens of thousands of buckets.
func (b *book) tableCount() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	names := make(map[string]struct{})
	for _, page := range b.leaves {
		for name := range page.Tables {
			names[name] = struct{}{}
		}
	}
	return len(names)
}
