package oracle

import (
	"regexp"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// aliasMode says what a name means that is an alias: nothing, the alias before
// a column, or after.
type aliasMode uint8

const (
	aliasNone aliasMode = iota
	aliasFirst
	aliasAfter
)

// ctx is where an expression is evaluated: on a row, perhaps the first of a group.
type ctx struct {
	row   Row
	group *group // aggregates are taken over its rows
	mode  aliasMode
	inAgg bool
}

// alias finds the item that a name means, if it means one. In the definition of a
// derived column it means none.
func (o *oracle) alias(name *query.Name, c ctx) (item, bool) {
	at, ok := o.aliases[name.Name]
	if !ok || c.mode == aliasNone || name.Pos.Line == definitionLine {
		return item{}, false
	}
	_, column := o.columns[name.Name]
	if column && (c.mode == aliasAfter || c.inAgg) {
		return item{}, false
	}
	return o.items[at], true
}

// inner is the context of an aggregate's arguments.
func (c ctx) inner(row Row) ctx {
	mode := aliasNone
	if c.mode != aliasNone {
		mode = aliasAfter
	}
	return ctx{row: row, mode: mode, inAgg: true}
}

func isAggName(name string) bool {
	switch name {
	case "count", "count_if", "sum", "avg", "stddev", "variance", "median", "percentile", "rate", "hits",
		"min", "max", "first", "last", "any", "uniq", "uniq_exact", "arg_min", "arg_max", "topk", "histogram":
		return true
	}
	_, ok := percentileShare(name)
	return ok
}

// percentileShare reads names such as p50 and p99_9.
func percentileShare(name string) (string, bool) {
	if name == "median" {
		return "0.5", true
	}
	m := percentileName.FindStringSubmatch(name)
	if m == nil {
		return "", false
	}
	if len(m[1]) == 1 {
		m[1] = "0" + m[1]
	}
	return "0." + m[1] + m[2], true
}

// percentileName is p with one or two digits of percent, more behind _.
var percentileName = regexp.MustCompile(`^p([0-9]{1,2})(?:_([0-9]{1,6}))?$`)

// hasAgg tells whether an expression holds an aggregate, also behind an alias.
func (o *oracle) hasAgg(e query.Expr, mode aliasMode) bool {
	found := false
	o.walk(e, func(e query.Expr) {
		switch e := e.(type) {
		case *query.Call:
			found = found || isAggName(e.Name)
		case *query.Name:
			if it, ok := o.alias(e, ctx{mode: mode}); ok {
				found = found || o.hasAgg(it.expr, it.mode)
			}
		}
	})
	return found
}

// column is the column that an expression is, also behind an alias.
func (o *oracle) column(e query.Expr, c ctx) (string, bool) {
	name, ok := e.(*query.Name)
	if !ok {
		return "", false
	}
	if it, ok := o.alias(name, c); ok {
		return o.column(it.expr, ctx{mode: it.mode})
	}
	return name.Name, true
}

// walk visits an expression and all parts of it.
func (o *oracle) walk(e query.Expr, visit func(query.Expr)) {
	if e == nil {
		return
	}
	visit(e)
	for _, part := range parts(e) {
		o.walk(part, visit)
	}
}

// parts are the operands of an expression.
func parts(e query.Expr) []query.Expr {
	switch e := e.(type) {
	case *query.Unary:
		return []query.Expr{e.X}
	case *query.Logic:
		return e.Args
	case *query.Binary:
		return []query.Expr{e.X, e.Y}
	case *query.IsNull:
		return []query.Expr{e.X}
	case *query.In:
		return append([]query.Expr{e.X}, e.List...)
	case *query.Between:
		return []query.Expr{e.X, e.From, e.To}
	case *query.Like:
		return []query.Expr{e.X, e.Pattern}
	case *query.Regex:
		return []query.Expr{e.X, e.Pattern}
	case *query.Has:
		return append([]query.Expr{e.X}, e.Items...)
	case *query.Index:
		return []query.Expr{e.X, e.At}
	case *query.CastExpr:
		return []query.Expr{e.X}
	case *query.Case:
		var all []query.Expr
		if e.Operand != nil {
			all = append(all, e.Operand)
		}
		for _, w := range e.Whens {
			all = append(all, w.Cond, w.Then)
		}
		if e.Else != nil {
			all = append(all, e.Else)
		}
		return all
	case *query.Call:
		if e.Filter != nil {
			return append([]query.Expr{e.Filter}, e.Args...)
		}
		return e.Args
	case *query.Extract:
		return []query.Expr{e.X}
	}
	return nil
}

// same tells whether two expressions are the same when written out, aliases
// and time buckets taken for what they mean.
func (o *oracle) same(a query.Expr, am aliasMode, b query.Expr, bm aliasMode) bool {
	a, b = o.unalias(a, am), o.unalias(b, bm)
	if x, y := o.timeBucketOf(a, aliasNone), o.timeBucketOf(b, aliasNone); x != nil && y != nil {
		return x.equal(y)
	}
	return query.PrintExpr(a) == query.PrintExpr(b)
}

// unalias replaces a name that is an alias by what it stands for.
func (o *oracle) unalias(e query.Expr, mode aliasMode) query.Expr {
	if name, ok := e.(*query.Name); ok {
		if it, ok := o.alias(name, ctx{mode: mode}); ok {
			return it.expr
		}
	}
	return e
}

// columnType is the type of a column; one that no row has is a string of nulls.
func (o *oracle) columnType(name string) storage.Type {
	if t, ok := o.columns[name]; ok {
		return t
	}
	return storage.TypeString
}
