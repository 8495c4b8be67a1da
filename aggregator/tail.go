package aggregator

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// New rows, as they are committed: in rounds, each of what every leaf has got since the
// round before (query.Tail), late rows too. What is more than a page can show is sampled
// and counted.
//
//	event: rows | error
//	data: {"rows": [{...}], "matched": 20000, "sent": 200, "missing": [{"leaf", "reason"}]}

const (
	// tailRows is the most rows a second, and in one round: more can nobody read.
	tailRows = 200

	// tailBytes is how much of a round is sent, to the end of the row that passes it.
	tailBytes = 4 << 20

	// tailDrift is how long a round waits where nothing is heard: a leaf that hears
	// nothing for leaf.tailLease forgets who follows a table.
	tailDrift = 2 * time.Second

	// tailTimeout is the time of a round: a leaf that is slower is missing from it.
	tailTimeout = 2 * time.Second
)

// tail is one who follows a table.
type tail struct {
	stream
	ask     Ask
	before  int           // characters of the SQL before the filter; 0: there is none
	missing []LeafMissing // as they were said last
}

// tailJSON is a round; its rows stand before it.
type tailJSON struct {
	Matched uint64        `json:"matched"` // rows that are new and fit the filter
	Sent    int           `json:"sent"`    // of those
	Missing []LeafMissing `json:"missing"` // leaves of which rows may be missing from the round
}

// serveTail is GET /v1/tail.
func (a *Aggregator) serveTail(stopping <-chan struct{}) func(w http.ResponseWriter, r *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := params(r, "table", "filter", "tz")
		if err != nil {
			return err
		}
		table, filter := v.Get("table"), v.Get("filter")
		if table == "" {
			return badRequest("there is no table", "send ?table=NAME, and filter=CONDITION if not all rows are wanted")
		}
		sql, before := "SELECT * FROM "+query.QuoteName(table), 0
		if strings.TrimSpace(filter) != "" {
			if _, err := query.ParseExpr(filter); err != nil {
				return inField("filter", err)
			}
			sql += " WHERE ("
			before = utf8.RuneCountInString(sql)
			sql += filter + "\n)" // its comments end with the line
		}
		t := &tail{stream: a.newStream(w, r, table, tailDrift), before: before, ask: Ask{SQL: sql + " ORDER BY time SAMPLE 200 ROWS", TZ: v.Get("tz"),
			TimeoutMs: tailTimeout.Milliseconds(), remote: r.RemoteAddr, user: bearerOf(r.Context()).name}}
		t.ask.id = t.out.id
		t.ask.tail = query.Tail{ID: t.out.id, Round: 1}
		return t.serve(stopping, t.round)
	}
}

// round asks for what is new, and sends it.
func (t *tail) round(ctx context.Context) error {
	ans, err := t.a.Select(ctx, t.ask)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var refused *apiError
	var unknown *errUnknownTable
	switch {
	case err == nil:
		t.rest = max(restAfter(ans.Elapsed), time.Second*time.Duration(ans.Result.Rows)/tailRows)
		t.ask.tail.Round++
		t.send(ans.Result, tailJSON{Matched: ans.Stats.RowsMatched, Missing: ans.Completeness.Leaves.Missing})
		return nil
	case t.out.began && errors.As(err, &unknown): // it was dropped, and may be born again
		t.ask.tail.Round++
	case errors.As(err, &refused) && refused.Completeness != nil:
		if refused.Code != "timeout" { // else the leaves still have the round's rows
			t.ask.tail.Round++
		}
		t.send(nil, tailJSON{Missing: refused.Completeness.Leaves.Missing})
	case t.out.began && asAPIError(err).Status == http.StatusServiceUnavailable: // for want of a turn
	default:
		return t.inFilter(err)
	}
	t.rest = liveRest
	return nil
}

// inFilter says where in the filter an error of the whole statement is.
func (t *tail) inFilter(err error) error {
	var bad *query.Error
	if t.before == 0 || !errors.As(err, &bad) {
		return err
	}
	out := *bad
	if out.Pos.Line == 1 {
		out.Pos.Column -= t.before
	}
	return inField("filter", &out)
}

// send writes a round, if it says anything new.
func (t *tail) send(rows *query.Result, said tailJSON) {
	if said.Missing == nil {
		said.Missing = []LeafMissing{}
	}
	if t.out.began && said.Matched == 0 && slices.Equal(said.Missing, t.missing) {
		return
	}
	t.missing, t.wrote = said.Missing, time.Now()
	buf := []byte(`{"rows":[`)
	if rows != nil {
		buf, said.Sent = appendRowObjects(buf, rows)
	}
	text, err := json.Marshal(said)
	if err != nil {
		panic("BUG: a round is not JSON: " + err.Error())
	}
	t.out.send("rows", func(w http.ResponseWriter) {
		_, _ = w.Write(append(append(append(buf, `],`...), text[1:]...), '\n')) // the client may have gone
	})
}

// appendRowObjects appends rows as JSON objects of what is not null, with commas, as many
// as there is room for.
func appendRowObjects(buf []byte, rows *query.Result) (out []byte, sent int) {
	names := make([][]byte, len(rows.Columns))
	for i, c := range rows.Columns {
		names[i] = append(query.AppendJSONValue(nil, storage.String(c.Name)), ':')
	}
	for ; sent < rows.Rows && len(buf) < tailBytes; sent++ {
		if sent > 0 {
			buf = append(buf, ',')
		}
		buf = append(buf, '{')
		some := false
		for i, col := range rows.Cols {
			v := col.Value(sent)
			if v.IsNull() {
				continue
			}
			if some {
				buf = append(buf, ',')
			}
			some = true
			buf = query.AppendJSONValue(append(buf, names[i]...), v)
		}
		buf = append(buf, '}')
	}
	return buf, sent
}
