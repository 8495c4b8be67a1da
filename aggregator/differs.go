package aggregator

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// differsAsk is the body of POST /v1/differs.
type differsAsk struct {
	Table     string   `json:"table"`
	Selection string   `json:"selection"` // a condition
	Rest      string   `json:"rest"`      // another; "": all that is not selected
	From      string   `json:"from"`      // a time; "": open
	To        string   `json:"to"`
	By        []string `json:"by"` // columns; none: all of few values
	TimeoutMs int64    `json:"timeout_ms"`
}

// differsJSON is its answer.
type differsJSON struct {
	Columns         []differenceJSON `json:"columns"`
	EventsSelection float64          `json:"events_selection"`
	EventsRest      float64          `json:"events_rest"`
	Completeness    Completeness     `json:"completeness"` // of the less complete of the two
	Range           rangeJSON        `json:"range"`
	Stats           statsJSON        `json:"stats"`
	Truncated       *truncateJSON    `json:"truncated"`
	Warnings        []string         `json:"warnings"`
	QueryID         string           `json:"query_id"`
}

// differenceJSON is a value, or a pair of values, that tells a selection from its
// rest. Values are null, or texts.
type differenceJSON struct {
	Column         string  `json:"column"`
	Value          any     `json:"value"`
	AndColumn      string  `json:"and_column,omitempty"`
	AndValue       any     `json:"and_value,omitempty"`
	ShareSelection float64 `json:"share_selection"`
	ShareRest      float64 `json:"share_rest"`
	Score          float64 `json:"score"`
}

const differsHint = `send {"table": "t", "selection": "status >= 500"} with rest, from, to, by, timeout_ms`

// serveDiffers is POST /v1/differs.
func (a *Aggregator) serveDiffers(w http.ResponseWriter, r *http.Request) error {
	id := rand.Text()
	w.Header().Set("Kelp-Query-Id", id)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, queryBytesMax))
	if err != nil {
		return badRequest("the request can not be read", differsHint)
	}
	var in differsAsk
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return badRequest("the request can not be read: "+jsonFault(err), differsHint)
	}
	if in.Table == "" || strings.TrimSpace(in.Selection) == "" {
		return badRequest("table and selection are needed", differsHint)
	}
	if in.TimeoutMs < 0 {
		return badRequest("timeout_ms is negative", "leave it out for 10 seconds")
	}
	ask := Ask{SQL: "DIFFERS " + query.QuoteName(in.Table) + " WHERE " + in.Selection, TimeoutMs: in.TimeoutMs,
		id: id, remote: r.RemoteAddr, user: bearerOf(r.Context()).name}
	var found *sifting
	var list []query.Factor
	ans, err := a.underWay(r.Context(), ask, func(ctx context.Context, ask Ask, run *running) (*Answer, error) {
		var ans *Answer
		var err error
		found, list, ans, err = a.differs(ctx, ask, run, &in)
		return ans, err
	})
	a.metrics.count(ans, err)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, found.differsJSON(list, ans))
	return nil
}

// differs finds what tells a selection from its rest.
func (a *Aggregator) differs(ctx context.Context, ask Ask, run *running, in *differsAsk) (*sifting, []query.Factor, *Answer, error) {
	q := a.queryOf(&ask, in.Table)
	var sides [2]*query.Change
	for side, text := range []string{in.Selection, in.Rest} {
		var where query.Expr
		if side == 0 || strings.TrimSpace(text) != "" {
			var err error
			if where, err = query.ParseExpr(text); err != nil {
				return nil, nil, nil, inField([]string{"selection", "rest"}[side], err)
			}
		}
		var err error
		if sides[side], err = query.BindSelection(in.Table, where, in.From, in.To, q); err != nil {
			return nil, nil, nil, inField([]string{"selection", "rest"}[side], err)
		}
	}
	s := &sifting{a: a, ask: ask, run: run, change: sides[0]}
	s.change.ByColumns(in.By)
	warnings, err := s.chooseColumns(ctx, len(in.By) == 0)
	if err != nil {
		return nil, nil, nil, err
	}
	sides[1].By = s.change.By
	s.sql = func(side int, sets ...[]int) string { return sides[side].SQL(sides[side].Present, sets...) }
	whole := strings.TrimSpace(in.Rest) == ""
	s.weigh = func(all, f *query.Factor) { weighDifference(all, f, whole) }
	list, err := s.sift(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	ans := s.answers[0].Answer
	if rest := s.answers[1].Answer; rest.Completeness.Ratio < ans.Completeness.Ratio {
		ans = rest
	}
	if whole {
		s.all.EventsBefore = max(0, s.all.EventsBefore-s.all.Events)
	}
	ans.Stats = s.stats()
	ans.Result.Warnings = append(ans.Result.Warnings, warnings...)
	return s, list, ans, nil
}

// inField says in which field of the request an expression is wrong.
func inField(field string, err error) error {
	var bad *query.Error
	if !errors.As(err, &bad) {
		return err
	}
	out := *bad
	out.Message = field + ": " + out.Message
	return &out
}

// weighDifference fills in the shares of the selection (Share) and of the rest
// (Expected). whole tells that what was counted as the rest is all rows: the selected
// ones are taken off.
func weighDifference(all, f *query.Factor, whole bool) {
	rest, restAll := f.EventsBefore, all.EventsBefore
	if whole { // rows that came between the two questions must not count below nothing
		rest, restAll = max(0, rest-f.Events), max(0, restAll-all.Events)
	}
	f.Share, f.Expected = 0, 0
	if all.Events > 0 {
		f.Share = f.Events / all.Events
	}
	if restAll > 0 {
		f.Expected = rest / restAll
	}
	f.Score = f.Share - f.Expected
}

// differsJSON shows the values that the selection has more of than its rest.
func (s *sifting) differsJSON(list []query.Factor, ans *Answer) differsJSON {
	sum := summary(ans)
	out := differsJSON{Columns: []differenceJSON{}, EventsSelection: s.all.Events, EventsRest: s.all.EventsBefore,
		Completeness: sum.Completeness, Range: sum.Range, Stats: sum.Stats, Truncated: sum.Truncated, Warnings: sum.Warnings, QueryID: ans.ID}
	text := func(v storage.Value) any {
		if v.IsNull() {
			return nil
		}
		return query.CanonicalText(v)
	}
	for _, f := range list {
		d := differenceJSON{Column: s.change.By[f.By[0]].Name, Value: text(f.Values[0]), ShareSelection: f.Share, ShareRest: f.Expected, Score: f.Score}
		if len(f.By) > 1 {
			d.AndColumn, d.AndValue = s.change.By[f.By[1]].Name, text(f.Values[1])
		}
		out.Columns = append(out.Columns, d)
	}
	return out
}
