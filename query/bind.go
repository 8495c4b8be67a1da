package query

import (
	"maps"
	"slices"
	"time"

	"github.com/kelpdb/kelp/storage"
)

// bindText makes the plan of a query's text: of its SELECT, or of the one that
// it explains.
func bindText(q *Query) (*Plan, error) {
	plan, err := bindParsed(q.SQL, q)
	if err == nil {
		return plan, nil
	}
	return nil, correct(q.SQL, err, func(sql string) error {
		_, err := bindParsed(sql, q)
		return err
	})
}

// bindParsed makes the plan of a text in the place of the query's own.
func bindParsed(sql string, q *Query) (*Plan, error) {
	stmt, err := parse(sql)
	if err != nil {
		return nil, err
	}
	switch s := stmt.(type) {
	case *Select:
		return bindSelect(s, q)
	case *Explain:
		if s.Select.Sets != nil {
			return nil, errorAt(CodeBadRequest, s.Pos, "EXPLAIN takes one grouping, not GROUPING SETS").withHint("explain one of the sets")
		}
		return bindSelect(s.Select, q)
	case *ExplainChange:
		return nil, errorAt(CodeBadRequest, s.Pos, "EXPLAIN CHANGE is several queries, not one")
	default:
		return nil, errorAt(CodeBadRequest, Pos{}, "this statement reads no rows")
	}
}

// bindSelect binds a SELECT for the range that the query is about.
func bindSelect(sel *Select, q *Query) (*Plan, error) {
	plan, err := Bind(sel, q)
	switch {
	case err != nil || !q.IsEarlier:
		return plan, err
	case plan.Compare == nil:
		return nil, errorAt(CodeBadRequest, sel.Pos, "only COMPARE has a range that is moved back")
	}
	return plan.earlier(), nil
}

// Bind resolves a SELECT against a schema: names to columns, aggregates out of
// expressions, conditions on time into the range. Errors are *Error.
func Bind(sel *Select, q *Query) (*Plan, error) {
	b := &binder{
		q: q, sel: sel,
		plan:    &Plan{Table: sel.Table, Raw: sel.Raw},
		columns: make(map[string]int),
		warned:  make(map[string]bool),
		over:    make(map[*Bound]*Bound),
	}
	steps := []func() error{b.checkClauses, b.checkWith, b.bindRange, b.bindWhere, b.bindEarlier, b.bindItems, b.bindKeys, b.bindHaving, b.bindOrder, b.bindLimit,
		b.bindDerived, b.checkUnnest, b.finishOutputs, b.finishOrder, b.bindFill, b.bindSample, b.bindSets}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	b.finishWeights()
	return b.plan, nil
}

// binder is the state of one Bind. Until finishOutputs, expressions are over
// columns and aggregates; then, if groups come out, over keys and aggregates.
type binder struct {
	q       *Query
	sel     *Select
	plan    *Plan
	columns map[string]int // name to index in plan.Columns
	names   []string       // of the schema, sorted; made when needed
	warned  map[string]bool
	items   []boundItem
	aliases map[string]int // to items
	having  *Bound
	order   []boundOrder
	limitBy []boundOrder
	marks   []uint64          // of plan.Aggs
	over    map[*Bound]*Bound // what overGroups has made
	other   Pos               // of WITH OTHER

	groupKeys []int // by item of GROUP BY: the key

	derived []derived // WITH

	zone     *time.Location // of buckets and of times without one; nil: UTC
	zoneName string
}

// boundItem is one thing selected, a * already spread out.
type boundItem struct {
	name  string
	expr  *Bound
	agg   bool // expr depends on an aggregate
	alias bool // name was written as an alias
	pos   Pos
}

// boundOrder is one ORDER BY term: of an item, or of an expression of its own.
type boundOrder struct {
	item int // index into items, -1: expr
	expr *Bound
	text string
	desc bool
	null NullsOrder
}

// checkClauses binds WITHIN and TIMEZONE.
func (b *binder) checkClauses() error {
	s := b.sel
	switch {
	case s.Within != nil && (s.Within.Months != 0 || s.Within.Ns <= 0):
		return errorAt(CodeBadRequest, s.Within.Pos, "WITHIN takes a time to wait, above 0").withHint("write WITHIN 2s, say")
	case s.Within != nil:
		b.plan.Within = s.Within.Ns
	}
	return b.bindZone()
}

// warn notes a warning once.
func (b *binder) warn(text string) {
	if !b.warned[text] && len(b.plan.Warnings) < planWarningsMax {
		b.warned[text] = true
		b.plan.Warnings = append(b.plan.Warnings, text)
	}
}

func (b *binder) schemaNames() []string {
	if b.names == nil {
		b.names = slices.Sorted(maps.Keys(b.q.Schema))
		if _, ok := b.q.Schema[storage.TimeColumn]; !ok {
			b.names = append(b.names, storage.TimeColumn)
		}
	}
	return b.names
}

// isColumn tells whether some row has the column, or it is derived.
func (b *binder) isColumn(name string) bool {
	return name == storage.TimeColumn || b.q.Schema[name] != 0 || b.derivedIndex(name) >= 0
}

// column binds a column's name; a name that no row has is a column of nulls.
func (b *binder) column(name string, pos Pos) *Bound {
	i, ok := b.columns[name]
	if !ok {
		types := b.q.Schema[name]
		if name == storage.TimeColumn {
			types = storage.TypeSet(0).With(storage.TypeTime)
		}
		ref := ColumnRef{Name: name, Types: types, Type: ClusterType(types)}
		if types == 0 {
			ref.Type = storage.TypeString
			b.warnUnknown(name)
		}
		i = len(b.plan.Columns)
		b.plan.Columns = append(b.plan.Columns, ref)
		b.columns[name] = i
	}
	return &Bound{Op: OpColumn, Type: b.plan.Columns[i].Type, Index: i, Pos: pos}
}

func (b *binder) warnUnknown(name string) {
	if len(b.plan.Warnings) >= planWarningsMax {
		return
	}
	text := "no row has `" + name + "`"
	candidates := slices.AppendSeq(slices.Clone(b.schemaNames()), maps.Keys(b.aliases))
	for _, d := range b.derived {
		candidates = append(candidates, d.item.Name)
	}
	slices.Sort(candidates)
	if near := didYouMean(name, candidates); near != "" {
		text += "; " + near
	}
	b.warn(text)
}

func (b *binder) bindWhere() error {
	if b.sel.Where == nil {
		return nil
	}
	cond, err := b.condition(b.sel.Where, scope{place: "WHERE"})
	if err != nil {
		return err
	}
	b.narrowRange(cond)
	if cond.Op == OpConst && cond.Const.Type == storage.TypeBool && cond.Const.Int != 0 {
		return nil
	}
	b.plan.Filter = cond
	return nil
}

// bindItems binds what is selected and notes the aliases.
func (b *binder) bindItems() error {
	b.aliases = make(map[string]int)
	for _, item := range b.sel.Items {
		if item.Star {
			if err := b.spreadStar(item.Pos); err != nil {
				return err
			}
			continue
		}
		e, err := b.expr(item.Expr, scope{place: "SELECT", aggs: true})
		if err != nil {
			return err
		}
		bound := boundItem{name: item.Text, expr: e, agg: hasAgg(e), pos: item.Pos}
		if item.Alias != "" {
			bound.name, bound.alias = item.Alias, true
			if _, ok := b.aliases[item.Alias]; !ok {
				b.aliases[item.Alias] = len(b.items)
			}
		}
		b.items = append(b.items, bound)
	}
	if len(b.items) > outputsMax {
		return errTooMany(b.sel.Pos, "columns are selected", len(b.items), outputsMax)
	}
	return nil
}

func errTooMany(pos Pos, what string, n, most int) *Error {
	return errorAt(CodeBadRequest, pos, "%d %s, at most %d are possible", n, what, most)
}

// spreadStar puts all columns for *: time, then the others by name, derived ones
// among them.
func (b *binder) spreadStar(pos Pos) error {
	b.items = append(b.items, boundItem{name: storage.TimeColumn, expr: b.column(storage.TimeColumn, pos), pos: pos})
	names := slices.Clone(b.schemaNames())
	for _, d := range b.derived {
		names = append(names, d.item.Name)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if name == storage.TimeColumn || !b.isColumn(name) {
			continue
		}
		e, err := b.columnOrDerived(name, pos, scope{})
		if err != nil {
			return err
		}
		b.items = append(b.items, boundItem{name: name, expr: e, pos: pos})
	}
	return nil
}

// position reads a whole number that stands for an item, from 1.
func (b *binder) position(e Expr, clause string) (item int, ok bool, err error) {
	lit, isLiteral := e.(*Literal)
	if !isLiteral || lit.Value.Type != storage.TypeInt64 {
		return 0, false, nil
	}
	n := lit.Value.Int
	if n < 1 || n > int64(len(b.items)) {
		return 0, false, errorAt(CodeBadRequest, lit.Pos, "%s %d: there is no such column, %d are selected", clause, n, len(b.items))
	}
	return int(n - 1), true, nil
}

// bindKeys binds GROUP BY.
func (b *binder) bindKeys() error {
	if n := len(b.sel.GroupBy); n > keysMax {
		return errTooMany(b.sel.Pos, "keys are grouped by", n, keysMax)
	}
	if b.sel.GroupAll {
		for _, item := range b.items {
			if !item.agg {
				b.addKey(item.expr, item.name)
			}
		}
		b.plan.Grouped = true
	}
	for _, g := range b.sel.GroupBy {
		b.plan.Grouped = true
		i, ok, err := b.position(g.Expr, "GROUP BY")
		if err != nil {
			return err
		}
		e, name := (*Bound)(nil), g.Text
		if ok {
			e, name = b.items[i].expr, b.items[i].name
		} else if e, err = b.expr(g.Expr, scope{place: "GROUP BY", aliases: aliasesAfter}); err != nil {
			return err
		}
		if hasAgg(e) {
			return errorAt(CodeBadRequest, g.Expr.Position(), "an aggregate cannot stand in GROUP BY").
				withHint("conditions on aggregates stand in HAVING")
		}
		b.groupKeys = append(b.groupKeys, b.addKey(e, name))
	}
	if n := len(b.plan.Keys); n > keysMax {
		return errTooMany(b.sel.Pos, "keys are grouped by", n, keysMax)
	}
	return nil
}

// addKey returns the number of the key, which may be there already.
func (b *binder) addKey(e *Bound, name string) int {
	for i, k := range b.plan.Keys {
		if sameBound(k.Expr, e) {
			return i
		}
	}
	k := Key{Expr: e, Type: e.Type, Name: name}
	if k.Type == storage.TypeNull {
		k.Type = storage.TypeString
	}
	if k.TimeBucket, k.Width, k.Origin = b.timeBucketOf(e); k.TimeBucket {
		var ok bool
		if k.buckets, ok = bucketerOf(e); !ok {
			panic("BUG: a time bucket without a width")
		}
	}
	b.plan.Keys = append(b.plan.Keys, k)
	return len(b.plan.Keys) - 1
}

func (b *binder) bindHaving() error {
	if b.sel.Having == nil {
		return nil
	}
	b.plan.Grouped = true
	var err error
	b.having, err = b.condition(b.sel.Having, scope{place: "HAVING", aggs: true, aliases: aliasesFirst})
	return err
}

// bindOrder binds ORDER BY: aliases, positions, then columns.
func (b *binder) bindOrder() error {
	if n := len(b.sel.OrderBy); n > orderTermsMax {
		return errTooMany(b.sel.Pos, "terms stand in ORDER BY", n, orderTermsMax)
	}
	for _, o := range b.sel.OrderBy {
		term, err := b.outputRef(o.Expr, "ORDER BY")
		if err != nil {
			return err
		}
		term.desc, term.null, term.text = o.Desc, o.Nulls, o.Text
		b.order = append(b.order, term)
	}
	return nil
}

// outputRef binds an expression that means an item if it can.
func (b *binder) outputRef(e Expr, clause string) (boundOrder, error) {
	i, ok, err := b.position(e, clause)
	if err != nil || ok {
		return boundOrder{item: i}, err
	}
	if name, isName := e.(*Name); isName {
		if i, ok := b.aliases[name.Name]; ok {
			return boundOrder{item: i}, nil
		}
		if !b.isColumn(name.Name) {
			for i, item := range b.items {
				if item.name == name.Name {
					return boundOrder{item: i}, nil
				}
			}
		}
	}
	bound, err := b.expr(e, scope{place: clause, aggs: true, aliases: aliasesFirst})
	if err != nil {
		return boundOrder{}, err
	}
	for i, item := range b.items {
		if sameBound(item.expr, bound) {
			return boundOrder{item: i}, nil
		}
	}
	return boundOrder{item: -1, expr: bound}, nil
}

func (b *binder) bindLimit() error {
	l := &b.plan.Limit
	l.N, l.Offset = limitRowsDefault, b.sel.Offset
	if c := b.sel.Limit; c != nil {
		l.N, l.Explicit, l.WithOther, b.other = c.N, true, c.Other, c.Pos
	}
	if c := b.sel.LimitBy; c != nil {
		if l.WithOther {
			return errorAt(CodeBadRequest, b.other, "WITH OTHER stands behind LIMIT %d BY if there is one", c.N).
				withHint("write LIMIT %d BY ... WITH OTHER LIMIT %d", c.N, l.N)
		}
		if c.Other {
			l.WithOther, b.other = true, c.Pos
		}
		if c.N == 0 {
			return errorAt(CodeBadRequest, c.Pos, "LIMIT 0 BY leaves no rows").withHint("write LIMIT 0 for none")
		}
		l.ByN = c.N
		if n := len(c.Exprs); n > keysMax {
			return errTooMany(c.Pos, "keys stand in LIMIT BY", n, keysMax)
		}
		for _, g := range c.Exprs {
			term, err := b.outputRef(g.Expr, "LIMIT BY")
			if err != nil {
				return err
			}
			term.text = g.Text
			b.limitBy = append(b.limitBy, term)
		}
	}
	if l.WithOther && l.N < 0 && l.ByN == 0 {
		return errorAt(CodeBadRequest, b.other, "WITH OTHER needs a number of groups to keep, not ALL")
	}
	return nil
}

// finishWeights tells whether sample_rate has to be read.
func (b *binder) finishWeights() {
	if b.plan.Raw || b.q.Schema[storage.SampleRateColumn] == 0 {
		return
	}
	for _, a := range b.plan.Aggs {
		switch a.Kind {
		case AggCount, AggSum, AggAvg, AggVariance, AggStddev, AggPercentile, AggHistogram, AggTopK:
			b.plan.Weighted = true
		}
	}
}
