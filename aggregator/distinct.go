package aggregator

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/kelpdb/kelp/query"
)

// How many values a column has is asked of the engine, which reads the column
// for it. So that pages which ask every second do not keep the leaves busy, what
// was found is kept and used again: as long as the same leaves answer and the table
// has not changed, and else for distinctRest times as long as it took to find.

// distincts keeps the estimates, by table and column.
type distincts struct {
	mu     sync.Mutex
	tables map[string]map[string]distinct
}

// distinct is how many values a column had.
type distinct struct {
	count       uint64
	rows, bytes uint64 // of the table then
	newest      any
	leaves      int // that answered
	at          time.Time
	took        time.Duration
}

// fresh tells whether the estimate is as good as a new one.
func (e *distinct) fresh(d *tableJSON, now time.Time) bool {
	if e.leaves != d.Completeness.Leaves.Answered {
		return false
	}
	return e.rows == d.Rows && e.bytes == d.Bytes && e.newest == d.To || now.Sub(e.at) < distinctRest*e.took
}

func (k *distincts) of(table string) map[string]distinct {
	k.mu.Lock()
	defer k.mu.Unlock()
	columns := make(map[string]distinct, len(k.tables[table]))
	for name, e := range k.tables[table] {
		columns[name] = e
	}
	return columns
}

// put replaces what is known of a table's columns.
func (k *distincts) put(table string, columns map[string]distinct) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.tables == nil || len(k.tables) >= distinctTablesMax {
		k.tables = make(map[string]map[string]distinct)
	}
	k.tables[table] = columns
}

// addDistinct estimates how many values each column has, as uniq does, for as
// long as distinctTime allows: the columns of which nothing is known first, and
// of those the smallest. A column that was not reached has its last estimate; nil
// if there is none, or if leaves that are there did not answer.
func (a *Aggregator) addDistinct(ctx context.Context, d *tableJSON) {
	ctx, cancel := context.WithTimeout(ctx, distinctTime)
	defer cancel()
	known, next := a.distincts.of(d.Table), make(map[string]distinct, len(d.Columns))
	var stale []*columnJSON
	for i := range d.Columns {
		c := &d.Columns[i]
		if e, ok := known[c.Name]; ok {
			next[c.Name] = e
			if e.fresh(d, a.cfg.Now()) {
				continue
			}
		}
		stale = append(stale, c)
	}
	slices.SortStableFunc(stale, func(x, y *columnJSON) int {
		return cmp.Or(next[x.Name].at.Compare(next[y.Name].at), cmp.Compare(x.Bytes, y.Bytes))
	})
	for _, c := range stale {
		began := a.cfg.Now()
		ans, err := a.Select(ctx, Ask{SQL: fmt.Sprintf("SELECT uniq(%s) FROM %s", query.QuoteName(c.Name), query.QuoteName(d.Table))})
		if ctx.Err() != nil {
			break
		}
		if err != nil || ans.Completeness.Leaves.Answered < d.Completeness.Leaves.Answered || ans.Result.Truncated != nil {
			delete(next, c.Name)
			continue
		}
		now := a.cfg.Now()
		next[c.Name] = distinct{uint64(ans.Result.Cols[0].Value(0).Int), d.Rows, d.Bytes, d.To, ans.Completeness.Leaves.Answered, now, now.Sub(began)}
	}
	for i := range d.Columns {
		if e, ok := next[d.Columns[i].Name]; ok {
			d.Columns[i].Distinct = &e.count
		}
	}
	a.distincts.put(d.Table, next)
}
