package aggregator

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// explanation is how a query would run, as JSON.
type explanation struct {
	Table   string                     `json:"table"`
	Range   rangeJSON                  `json:"range"`
	Columns []string                   `json:"columns"` // name and type of every column read
	Leaves  map[string]json.RawMessage `json:"leaves"`  // what each leaf would do
	Missing []LeafMissing              `json:"missing"`

	asked LeavesAsked
}

// explain asks every leaf how it would run a SELECT.
func (a *Aggregator) explain(ctx context.Context, ask Ask) (*explanation, error) {
	table, err := query.TableOf(ask.SQL)
	if err != nil {
		return nil, err
	}
	if table == "" {
		return nil, badRequest("only SELECT can be explained", "ask it as a query")
	}
	schema, from, to, known := a.book.schema(table)
	if !known && a.Ready() {
		return nil, &errUnknownTable{table, a.nearTable(table)}
	}
	q := &query.Query{SQL: ask.SQL, Now: a.cfg.Now().UnixNano(), Zone: ask.TZ, Schema: schema, DataFrom: from, DataTo: to}
	plan, err := q.Plan()
	if err != nil {
		return nil, err
	}
	if plan.Sets != nil {
		return nil, badRequest("one grouping can be explained, not GROUPING SETS", "explain one of the sets")
	}
	out := &explanation{Table: plan.Table, Range: rangeJSON{timeOrNil(plan.Range.From), timeOrNil(plan.Range.To)},
		Columns: []string{}, Leaves: make(map[string]json.RawMessage)}
	for _, c := range plan.Columns {
		out.Columns = append(out.Columns, c.Name+" "+c.Type.String())
	}
	type named struct {
		name string
		body json.RawMessage
	}
	ctx, cancel := context.WithTimeout(ctx, describeTimeout)
	defer cancel()
	got, asked := readLeaves(ctx, a, func(ctx context.Context, l wire.Leaf) (named, error) {
		st, err := l.Status(ctx)
		if err != nil {
			return named{}, err
		}
		body, err := l.Explain(ctx, q)
		return named{st.Name, body}, err
	})
	for _, g := range got {
		out.Leaves[g.name] = g.body
	}
	out.Missing, out.asked = asked.Missing, asked
	return out, nil
}

// serveExplain is POST /v1/explain; the body is that of /v1/query, with or
// without EXPLAIN in front of the SELECT.
func (a *Aggregator) serveExplain(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Kelp-Query-Id", rand.Text())
	ask, err := readAsk(r)
	if err != nil {
		return err
	}
	out, err := a.explain(r.Context(), ask)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, out)
	return nil
}

// explainStatement answers EXPLAIN SELECT ...: one row per leaf and fact.
func (a *Aggregator) explainStatement(ctx context.Context, ask Ask) (*Answer, error) {
	out, err := a.explain(ctx, ask)
	if err != nil {
		return nil, err
	}
	res := newResult("leaf", storage.TypeString, "what", storage.TypeString, "value", storage.TypeString)
	var leaves []string
	for leaf := range out.Leaves {
		leaves = append(leaves, leaf)
	}
	slices.Sort(leaves)
	for _, leaf := range leaves {
		var facts map[string]json.RawMessage
		if err := json.Unmarshal(out.Leaves[leaf], &facts); err != nil {
			return nil, err
		}
		var names []string
		for name := range facts {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			for _, fact := range factTexts(facts[name]) {
				addRow(res, storage.String(leaf), storage.String(name), storage.String(fact))
			}
		}
	}
	return &Answer{Result: res, Completeness: a.weigh(out.Table, out.asked)}, nil
}

// factTexts is a fact as text, one for each element of a list.
func factTexts(raw json.RawMessage) []string {
	var list []string
	if json.Unmarshal(raw, &list) == nil {
		return list
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return []string{text}
	}
	return []string{string(raw)}
}
