package query

import (
	"slices"

	"github.com/kelpdb/kelp/storage"
)

// derived is a derived column: WITH name AS expr. It stands for its expression
// wherever its name does.
type derived struct {
	item  *WithItem
	bound *Bound // nil until it is used
}

// checkWith notes the derived columns.
func (b *binder) checkWith() error {
	if n := len(b.sel.With); n > derivedMax {
		return errTooMany(b.sel.With[derivedMax].Pos, "columns are derived", n, derivedMax)
	}
	for i := range b.sel.With {
		item := &b.sel.With[i]
		switch {
		case item.Name == storage.TimeColumn || item.Name == storage.SampleRateColumn:
			return errorAt(CodeBadRequest, item.Pos, "`%s` cannot be derived: rows are read and weighed by it", item.Name).
				withHint("take another name")
		case b.derivedIndex(item.Name) >= 0:
			return errorAt(CodeBadRequest, item.Pos, "`%s` is derived a second time", clip(item.Name))
		}
		b.derived = append(b.derived, derived{item: item})
	}
	return nil
}

// derivedIndex is the derived column of a name, -1 if there is none.
func (b *binder) derivedIndex(name string) int {
	return slices.IndexFunc(b.derived, func(d derived) bool { return d.item.Name == name })
}

// derive binds a derived column. Its expression sees the columns derived before
// it; its own name in it, and those behind it, are columns of rows.
func (b *binder) derive(i int, sc scope) (*Bound, error) {
	if bound := b.derived[i].bound; bound != nil {
		return bound, nil
	}
	inner := scope{place: "WITH"}
	if sc.place == "WHERE" {
		inner.place = sc.place // where time(auto) cannot stand
	}
	all := b.derived
	b.derived = all[:i]
	bound, err := b.expr(all[i].item.Expr, inner)
	b.derived = all
	if err != nil {
		return nil, err
	}
	if u := unnestIn(bound); u != nil {
		return nil, errorAt(CodeBadRequest, u.Pos, "UNNEST stands in GROUP BY, not in WITH")
	}
	if nodes, depth := treeSize(bound, make(map[*Bound][2]int)); nodes > derivedNodesMax || depth > exprDepthMax {
		return nil, errorAt(CodeBadRequest, all[i].item.Pos, "`%s` is too large an expression when what it is derived from is written out", clip(all[i].item.Name)).
			withHint("derive it in fewer steps")
	}
	b.derived[i].bound = bound
	return bound, nil
}

// bindDerived binds the derived columns that nobody has used: what is wrong with
// them is told all the same.
func (b *binder) bindDerived() error {
	for i := range b.derived {
		if _, err := b.derive(i, scope{}); err != nil {
			return err
		}
	}
	return nil
}

// treeSize counts the nodes of an expression as if nothing were shared, as
// evaluating it does, and how deep it is. Counts stay below twice the most.
func treeSize(e *Bound, known map[*Bound][2]int) (nodes, depth int) {
	if k, ok := known[e]; ok {
		return k[0], k[1]
	}
	nodes = 1
	for _, arg := range e.Args {
		n, d := treeSize(arg, known)
		nodes, depth = min(nodes+n, 2*derivedNodesMax), max(depth, d)
	}
	known[e] = [2]int{nodes, depth + 1}
	return nodes, depth + 1
}
