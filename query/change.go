package query

import (
	"slices"
	"strconv"
	"time"

	"github.com/kelpdb/kelp/storage"
)

// A Change is an EXPLAIN CHANGE that has been bound: two questions over the same
// table, of the present and of the past, each asked once for every column that may
// explain the move between them. They are plain SELECTs, so that all that holds for
// those (weights, completeness, budgets) holds for a change.
type Change struct {
	Table         string
	Name          string // of the aggregate
	Present, Past Range
	Closed        bool // the last instant of Present was written
	By            []ChangeBy
	together      bool // the aggregate can be asked for by several columns in one pass
	agg           Expr
	where         Expr
}

// ChangeBy is what may explain a change: a column, or an expression over columns.
type ChangeBy struct {
	Name string
	expr Expr
	// narrowed: it stands for some of its values alone, and other for all others.
	narrowed bool
	other    storage.Value
}

// IsOther tells whether a value stands for all that Narrow has left out.
func (by *ChangeBy) IsOther(v storage.Value) bool {
	return by.narrowed && v.Type == by.other.Type && Order(v, by.other) == 0
}

// BindChange resolves an EXPLAIN CHANGE against the schema of q. Without a range it
// is the last while as long as COMPARE says. BY * stays open: By is what ByColumns
// is given. Errors are *Error.
func BindChange(c *ExplainChange, q *Query) (*Change, error) {
	out := &Change{Table: c.Table, Name: PrintExpr(c.Agg), agg: c.Agg}
	sel := &Select{Pos: c.Pos, Items: []SelectItem{{Pos: c.Agg.Position(), Expr: c.Agg, Text: out.Name}},
		Table: c.Table, TablePos: c.TablePos, Range: c.Range, Where: c.Where}
	if sel.Range == nil && !hasTimeCondition(c.Where) {
		sel.Range = &RangeClause{Pos: c.Pos, Kind: RangeLast, Last: c.Compare}
	}
	plan, err := Bind(sel, q)
	if err != nil {
		return nil, err
	}
	if len(plan.Aggs) == 0 {
		return nil, errorAt(CodeBadRequest, c.Agg.Position(), "EXPLAIN CHANGE takes an aggregate").withHint("count(), avg(ms), p99(ms)")
	}
	if t := plan.Outputs[0].Type; t != storage.TypeInt64 && t != storage.TypeFloat64 {
		return nil, errorAt(CodeType, c.Agg.Position(), "EXPLAIN CHANGE takes an aggregate that is a number, this one is a %s", t)
	}
	if plan.Range.From == openFrom || plan.Range.To == openTo {
		return nil, errorAt(CodeBadRequest, c.Pos, "EXPLAIN CHANGE needs a range with two ends").withHint("LAST 1h, or SINCE t UNTIL t")
	}
	if c.Compare.Ns <= 0 && c.Compare.Months <= 0 {
		return nil, errorAt(CodeBadRequest, c.Compare.Pos, "COMPARE takes a duration above 0")
	}
	out.Present, out.Closed, out.together = plan.Range, plan.Closed, canSplit(plan)
	out.Past = Range{From: goBack(plan.Range.From, c.Compare), To: goBack(plan.Range.To, c.Compare)}
	if out.where, err = withoutTimeConditions(c.Where); err != nil {
		return nil, err
	}
	for _, e := range c.By {
		if _, isLiteral := e.(*Literal); isLiteral {
			return nil, errorAt(CodeBadRequest, e.Position(), "BY takes columns, not constants")
		}
		by := ChangeBy{Name: PrintExpr(e), expr: e}
		if name, ok := e.(*Name); ok {
			by.Name = name.Name
		}
		out.By = append(out.By, by)
	}
	return out, nil
}

// goBack moves a time back by a duration.
func goBack(t int64, d *Duration) int64 {
	moved, ok := addMonths(t, -d.Months)
	if !ok {
		return openFrom
	}
	return subClamped(moved, d.Ns)
}

// ByColumns has the change explained by these columns.
func (c *Change) ByColumns(names []string) {
	c.By = nil
	for _, name := range names {
		c.By = append(c.By, ChangeBy{Name: name, expr: &Name{Name: name}})
	}
}

// SQL is the question for a range, by some of c.By: the aggregate and the number of
// events of each combination of their values, for each of sets. It parses and binds
// alike on every node.
func (c *Change) SQL(r Range, sets ...[]int) string {
	sel := &Select{Table: c.Table, Range: betweenTimes(r), Where: c.where, Limit: &LimitClause{N: -1},
		Items: []SelectItem{{Expr: c.agg, Alias: "agg"}, {Expr: &Call{Name: "count"}, Alias: "events"}}}
	for _, by := range sets {
		set := []int{}
		for _, i := range by {
			set = append(set, len(sel.GroupBy))
			sel.GroupBy = append(sel.GroupBy, GroupItem{Expr: c.By[i].expr})
		}
		if len(sets) > 1 {
			sel.Sets = append(sel.Sets, set)
		}
	}
	return Print(sel)
}

// Narrow has a column stand for some of its values from here on, those up to best, and be
// one other where it has the others: so that pairs of columns have few combinations.
// Expressions, and columns of other types than text, bools and integers, stay as they are.
func (c *Change) Narrow(i int, values []storage.Value, best int) {
	by := &c.By[i]
	if _, isName := by.expr.(*Name); !isName {
		return
	}
	var list []Expr
	null := false
	for _, v := range values[:best] {
		switch v.Type {
		case storage.TypeNull:
			null = true
		case storage.TypeString, storage.TypeInt64, storage.TypeBool:
			list = append(list, &Literal{Value: v})
		default:
			return
		}
	}
	if len(list) == 0 {
		return
	}
	var among, others Expr = &In{X: by.expr, List: list}, nil
	if null {
		by.other = valueBeside(values)
		among, others = &Logic{Or: true, Args: []Expr{among, &IsNull{X: by.expr}}}, &Literal{Value: by.other}
	}
	by.narrowed = true
	by.expr = &Case{Whens: []When{{Cond: among, Then: by.expr}}, Else: others}
}

// valueBeside is a text that is none of some values, or an integer if all of them are.
func valueBeside(values []storage.Value) storage.Value {
	taken := make(map[string]bool, len(values))
	text := false
	for _, v := range values {
		if !v.IsNull() {
			text = text || v.Type != storage.TypeInt64
			taken[CanonicalText(v)] = true
		}
	}
	for i := int64(len(values)); ; i++ {
		switch name := strconv.FormatInt(i, 10); {
		case taken[name]:
		case text:
			return storage.String(name)
		default:
			return storage.Int(i)
		}
	}
}

// changeSetsMax is how many sets of columns are asked for in one pass: each has
// groups and states of its own.
const changeSetsMax = 32

// Passes divides sets of columns into those that are asked for together: columns as
// they are in passes of many, expressions each in a pass of its own.
func (c *Change) Passes(sets [][]int) [][][]int {
	var passes [][][]int
	together := -1
	for _, by := range sets {
		plain := c.together && !slices.ContainsFunc(by, func(i int) bool {
			_, isName := c.By[i].expr.(*Name)
			return !isName && !c.By[i].narrowed
		})
		switch {
		case plain && together >= 0 && len(passes[together]) < changeSetsMax:
			passes[together] = append(passes[together], by)
		default:
			if plain {
				together = len(passes)
			}
			passes = append(passes, [][]int{by})
		}
	}
	return passes
}

// betweenTimes is a range as it is written; nil where both ends are open.
func betweenTimes(r Range) *RangeClause {
	if r.From == openFrom && r.To == openTo {
		return nil
	}
	out := &RangeClause{Kind: RangeSince}
	if r.From != openFrom {
		out.From = timeLiteral(r.From)
	}
	if r.To != openTo {
		out.To = timeLiteral(r.To)
	}
	return out
}

// isTimeCondition tells a comparison of the column time, which is part of the range.
func isTimeCondition(e Expr) bool {
	isTime := func(e Expr) bool {
		name, ok := e.(*Name)
		return ok && name.Name == storage.TimeColumn
	}
	switch e := e.(type) {
	case *Binary:
		return e.Op.IsComparison() && e.Op != BinaryNe && (isTime(e.X) || isTime(e.Y))
	case *Between:
		return !e.Not && isTime(e.X)
	}
	return false
}

// terms are the conditions that all have to hold.
func terms(where Expr) []Expr {
	if and, ok := where.(*Logic); ok && !and.Or {
		var all []Expr
		for _, arg := range and.Args {
			all = append(all, terms(arg)...)
		}
		return all
	}
	if where == nil {
		return nil
	}
	return []Expr{where}
}

func hasTimeCondition(where Expr) bool { return slices.ContainsFunc(terms(where), isTimeCondition) }

// withoutTimeConditions is a condition without its part in the range, which holds
// for the present alone.
func withoutTimeConditions(where Expr) (Expr, error) {
	kept := slices.DeleteFunc(terms(where), isTimeCondition)
	switch len(kept) {
	case 0:
		return nil, nil
	case 1:
		return kept[0], nil
	}
	return &Logic{Pos: where.Position(), Args: kept}, nil
}

// ParseExpr reads one expression, a condition for example.
func ParseExpr(text string) (Expr, error) {
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := &parser{src: text, tokens: tokens}
	e, err := p.expr()
	if err != nil {
		return nil, err
	}
	if p.cur().kind != tokenEnd {
		return nil, p.expected("the end of the condition", "AND", "OR")
	}
	return e, nil
}

// BindSelection is the Change whose present is the number of events for which a
// condition holds, nil: of all, from a time to another; "" is an open end.
func BindSelection(table string, where Expr, from, to string, q *Query) (*Change, error) {
	out := &Change{Table: table, Name: "count()", together: true, agg: &Call{Name: "count"}, where: where}
	sel := &Select{Items: []SelectItem{{Expr: out.agg, Text: out.Name}}, Table: table, Where: where}
	if from != "" || to != "" {
		sel.Range = &RangeClause{Kind: RangeSince}
		if from != "" {
			sel.Range.From = &Literal{Value: storage.String(from)}
		}
		if to != "" {
			sel.Range.To = &Literal{Value: storage.String(to)}
		}
	}
	plan, err := Bind(sel, q)
	if err != nil {
		return nil, err
	}
	out.Present, out.Closed = plan.Range, plan.Closed
	return out, nil
}

// UpTo is a condition that holds for what the given one holds for, nil: for all, of
// the rows up to a time.
func UpTo(where Expr, at int64) Expr {
	until := &Binary{Op: BinaryLe, X: &Name{Name: storage.TimeColumn}, Y: timeLiteral(at)}
	if where == nil {
		return until
	}
	return &Logic{Args: []Expr{where, until}}
}

// timeLiteral is a time as it is written.
func timeLiteral(t int64) Expr {
	return &Literal{Value: storage.String(time.Unix(0, t).UTC().Format(time.RFC3339Nano))}
}
