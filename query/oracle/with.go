package oracle

import "github.com/kelpdb/kelp/query"

// substituted writes the derived columns of WITH out, wherever their names stand.
// An alias of the same name is not known to it.
func substituted(sel *query.Select) (*query.Select, map[string]query.Expr) {
	if len(sel.With) == 0 {
		return sel, nil
	}
	defs := make(map[string]query.Expr)
	for _, w := range sel.With {
		defs[w.Name] = substituteNames(w.Expr, func(n *query.Name) query.Expr {
			if def, ok := defs[n.Name]; ok {
				return def
			}
			return &query.Name{Pos: query.Pos{Line: definitionLine}, Name: n.Name}
		})
	}
	out := *sel
	out.With, out.Items, out.GroupBy, out.OrderBy = nil, nil, nil, nil
	for _, it := range sel.Items {
		if !it.Star {
			it.Expr = substitute(it.Expr, defs)
		}
		out.Items = append(out.Items, it)
	}
	out.GroupBy = substituteItems(sel.GroupBy, defs)
	for _, t := range sel.OrderBy {
		t.Expr = substitute(t.Expr, defs)
		out.OrderBy = append(out.OrderBy, t)
	}
	out.Where, out.Having = substitute(sel.Where, defs), substitute(sel.Having, defs)
	if sel.LimitBy != nil {
		by := *sel.LimitBy
		by.Exprs = substituteItems(by.Exprs, defs)
		out.LimitBy = &by
	}
	return &out, defs
}

func substituteItems(items []query.GroupItem, defs map[string]query.Expr) []query.GroupItem {
	var out []query.GroupItem
	for _, g := range items {
		g.Expr = substitute(g.Expr, defs)
		out = append(out, g)
	}
	return out
}

// definitionLine is the line of names in the definitions of derived columns: no name
// of a query lies there.
const definitionLine = -1

// substitute copies an expression; names that are derived become what they stand for.
func substitute(e query.Expr, defs map[string]query.Expr) query.Expr {
	return substituteNames(e, func(n *query.Name) query.Expr {
		if def, ok := defs[n.Name]; ok {
			return def
		}
		return n
	})
}

// substituteNames copies an expression with something else for each name.
func substituteNames(e query.Expr, of func(*query.Name) query.Expr) query.Expr {
	sub := func(e query.Expr) query.Expr { return substituteNames(e, of) }
	all := func(list []query.Expr) (out []query.Expr) {
		for _, e := range list {
			out = append(out, sub(e))
		}
		return out
	}
	switch e := e.(type) {
	case *query.Name:
		return of(e)
	case *query.Unary:
		return &query.Unary{Op: e.Op, X: sub(e.X)}
	case *query.Logic:
		return &query.Logic{Or: e.Or, Args: all(e.Args)}
	case *query.Binary:
		return &query.Binary{Op: e.Op, X: sub(e.X), Y: sub(e.Y)}
	case *query.IsNull:
		return &query.IsNull{X: sub(e.X), Not: e.Not}
	case *query.In:
		return &query.In{X: sub(e.X), List: all(e.List), Not: e.Not}
	case *query.Between:
		return &query.Between{X: sub(e.X), From: sub(e.From), To: sub(e.To), Not: e.Not}
	case *query.Like:
		return &query.Like{X: sub(e.X), Pattern: sub(e.Pattern), Escape: e.Escape, Fold: e.Fold, Not: e.Not}
	case *query.Regex:
		return &query.Regex{X: sub(e.X), Pattern: sub(e.Pattern), Fold: e.Fold, Not: e.Not}
	case *query.Has:
		return &query.Has{X: sub(e.X), Kind: e.Kind, Items: all(e.Items)}
	case *query.Index:
		return &query.Index{X: sub(e.X), At: sub(e.At)}
	case *query.CastExpr:
		return &query.CastExpr{X: sub(e.X), Type: e.Type}
	case *query.Case:
		c := &query.Case{Operand: sub(e.Operand), Else: sub(e.Else)}
		for _, w := range e.Whens {
			c.Whens = append(c.Whens, query.When{Cond: sub(w.Cond), Then: sub(w.Then)})
		}
		return c
	case *query.Call:
		return &query.Call{Name: e.Name, Args: all(e.Args), Star: e.Star, Distinct: e.Distinct, Filter: sub(e.Filter)}
	case *query.Extract:
		return &query.Extract{Field: e.Field, X: sub(e.X), Zone: e.Zone}
	}
	return e // a literal, a duration, nothing
}
