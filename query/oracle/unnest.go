package oracle

import (
	"maps"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// itemColumn is where a row keeps the item that it stands for. No column of a
// table can be called so.
const itemColumn = "\x00item"

// unnest makes a row of each item of the list that a key unnests.
func (o *oracle) unnest(rows []Row) []Row {
	var list query.Expr
	for _, k := range o.keys {
		o.walk(o.unalias(k.expr, k.mode), func(e query.Expr) {
			if call, ok := e.(*query.Call); ok && call.Name == "unnest" {
				list = call.Args[0]
			}
		})
	}
	if list == nil {
		return rows
	}
	var out []Row
	for _, row := range rows {
		for _, item := range itemsOf(o.value(list, ctx{row: row})) {
			copied := maps.Clone(row)
			copied[itemColumn] = storage.String(item)
			out = append(out, copied)
		}
	}
	return out
}
