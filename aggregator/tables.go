package aggregator

import (
	"context"
	"sort"
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
			s := sums[name]
			if s == nil {
				s = &sum{newest: minTime, from: maxTime}
				sums[name] = s
			}
			for k, rows := range t.Buckets {
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

// tableJSON is one table in detail.
type tableJSON struct {
	Table     string       `json:"table"`
	Rows      uint64       `json:"rows"`
	Bytes     uint64       `json:"bytes"`
	DiskBytes uint64       `json:"disk_bytes"`
	Blocks    uint64       `json:"blocks"`
	From      any          `json:"from"`
	To        any          `json:"to"`
	Horizon   any          `json:"horizon"`
	Settings  settingsJSON `json:"settings"`
	Columns   []columnJSON `json:"columns"`
	Leaves    LeavesAsked  `json:"leaves"`

	settings storage.Settings // the newest that a leaf that answered has
}

// columnJSON is one column of a table.
type columnJSON struct {
	Name     string             `json:"name"`
	Types    map[string]float64 `json:"types"` // share of the non-null values
	Nulls    float64            `json:"nulls"` // share of the rows
	Distinct uint64             `json:"distinct"`
	Bytes    uint64             `json:"bytes"`
}

// onLeaves calls every reachable leaf at once and gathers what they say.
func onLeaves[T any](ctx context.Context, a *Aggregator, call func(ctx context.Context, leaf wire.Leaf) (T, error)) (got []T, asked LeavesAsked) {
	asked.Missing = []LeafMissing{}
	ctx, cancel := context.WithTimeout(ctx, timeoutDefault)
	defer cancel()
	var mu sync.Mutex
	var calls sync.WaitGroup
	for _, s := range a.seats() {
		asked.Total++
		if s.leaf == nil || s.state == StateDown {
			mu.Lock() // the first calls may be back already
			asked.Missing = append(asked.Missing, LeafMissing{s.name, reasonOf(s)})
			mu.Unlock()
			continue
		}
		calls.Go(func() {
			v, err := call(ctx, s.leaf)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				asked.Missing = append(asked.Missing, LeafMissing{s.name, reasonDown})
				return
			}
			got = append(got, v)
			asked.Answered++
		})
	}
	calls.Wait()
	sort.Slice(asked.Missing, func(i, j int) bool { return asked.Missing[i].Leaf < asked.Missing[j].Leaf })
	return got, asked
}

// describe gathers a table's detail from all leaves.
func (a *Aggregator) describe(ctx context.Context, table string) (*tableJSON, error) {
	details, asked := onLeaves(ctx, a, func(ctx context.Context, l wire.Leaf) (*wire.TableDetail, error) {
		return l.Describe(ctx, table)
	})
	out := &tableJSON{Table: table, Leaves: asked, Columns: []columnJSON{}}
	known := false
	var settings storage.Settings
	var from, to, horizon int64 = maxTime, minTime, 0
	columns := make(map[string]*wire.ColumnDetail)
	for _, d := range details {
		if !d.Known {
			continue
		}
		if !known || d.Settings.Version > settings.Version {
			settings = d.Settings
		}
		known = true
		out.Rows, out.Bytes, out.DiskBytes, out.Blocks = out.Rows+d.Rows, out.Bytes+d.Bytes, out.DiskBytes+d.DiskBytes, out.Blocks+d.Blocks
		if d.Rows > 0 {
			from, to = min(from, d.From), max(to, d.To)
		}
		horizon = max(horizon, d.Horizon)
		mergeColumns(columns, d.Columns)
	}
	if !known && (asked.Answered == asked.Total || !a.book.knows(table)) {
		return nil, &errUnknownTable{table, a.nearTable(table)}
	}
	out.From, out.To, out.Horizon = timeOrNil(from), timeOrNil(to), timeOrNil(horizon)
	out.settings, out.Settings = settings, settingsToJSON(settings)
	for _, c := range columns {
		out.Columns = append(out.Columns, columnToJSON(c, out.Rows))
	}
	sort.Slice(out.Columns, func(i, j int) bool { return out.Columns[i].Name < out.Columns[j].Name })
	return out, nil
}

func mergeColumns(into map[string]*wire.ColumnDetail, from []wire.ColumnDetail) {
	for _, c := range from {
		sum := into[c.Name]
		if sum == nil {
			sum = &wire.ColumnDetail{Name: c.Name}
			into[c.Name] = sum
		}
		for t, rows := range c.Rows {
			sum.Rows[t] += rows
		}
		sum.Bytes += c.Bytes
		sum.Distinct = max(sum.Distinct, c.Distinct)
	}
}

func columnToJSON(c *wire.ColumnDetail, rows uint64) columnJSON {
	out := columnJSON{Name: c.Name, Types: make(map[string]float64), Distinct: c.Distinct, Bytes: c.Bytes}
	values := uint64(0)
	for t, n := range c.Rows {
		if storage.Type(t) != storage.TypeNull {
			values += n
		}
	}
	for t, n := range c.Rows {
		if n > 0 && storage.Type(t) != storage.TypeNull {
			out.Types[storage.Type(t).String()] = float64(n) / float64(values)
		}
	}
	if rows > values {
		out.Nulls = float64(rows-values) / float64(rows)
	}
	return out
}

// knows tells whether any leaf has promised rows of a table.
func (b *book) knows(table string) bool {
	_, _, _, known := b.schema(table)
	return known
}

// showTables answers SHOW TABLES.
func (a *Aggregator) showTables(_ context.Context, ask Ask) (*Answer, error) {
	res := newResult("table", storage.TypeString, "rows", storage.TypeInt64, "bytes", storage.TypeInt64,
		"newest", storage.TypeTime)
	for _, t := range a.book.tableList(a.cfg.Now()) {
		newest := storage.Value{}
		if _, _, to, _ := a.book.schema(t.Table); t.Rows > 0 {
			newest = storage.Time(to - 1)
		}
		addRow(res, storage.String(t.Table), storage.Int(int64(t.Rows)), storage.Int(int64(t.Bytes)), newest)
	}
	return a.statementAnswer(res, LeavesAsked{}), nil
}

// describeStatement answers DESCRIBE t.
func (a *Aggregator) describeStatement(ctx context.Context, _ Ask, table string) (*Answer, error) {
	d, err := a.describe(ctx, table)
	if err != nil {
		return nil, err
	}
	res := newResult("column", storage.TypeString, "types", storage.TypeString, "nulls", storage.TypeFloat64,
		"distinct", storage.TypeInt64, "bytes", storage.TypeInt64)
	for _, c := range d.Columns {
		addRow(res, storage.String(c.Name), storage.String(typeMix(c.Types)), storage.Float(c.Nulls),
			storage.Int(int64(c.Distinct)), storage.Int(int64(c.Bytes)))
	}
	return a.statementAnswer(res, d.Leaves), nil
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

// statementAnswer wraps a result that is not of a SELECT.
func (a *Aggregator) statementAnswer(res *query.Result, asked LeavesAsked) *Answer {
	if asked.Total == 0 {
		for _, s := range a.seats() {
			asked.Total++
			if s.leaf != nil && s.state != StateDown {
				asked.Answered++
			} else {
				asked.Missing = append(asked.Missing, LeafMissing{s.name, reasonOf(s)})
			}
		}
	}
	if asked.Missing == nil {
		asked.Missing = []LeafMissing{}
	}
	return &Answer{Result: res, Completeness: Completeness{
		Ratio: ratio(0, 0, asked.Total == asked.Answered), Exact: true, Leaves: asked}}
}

// Tables is how many tables the leaves have rows of.
func (a *Aggregator) Tables() int { return len(a.book.tableList(a.cfg.Now())) }
