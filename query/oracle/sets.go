package oracle

import (
	"maps"

	"github.com/kelpdb/kelp/query"
)

// groupSets groups the rows once for each of GROUPING SETS. The keys are columns.
func (o *oracle) groupSets(rows []Row) []*group {
	var groups []*group
	for _, set := range o.sel.Sets {
		lacks := make(map[string]bool)
		for _, k := range o.keys {
			lacks[k.expr.(*query.Name).Name] = true
		}
		for _, i := range set {
			delete(lacks, o.keys[i].expr.(*query.Name).Name)
		}
		byKey := make(map[string]*group)
		if len(set) == 0 { // one group, also of no rows
			byKey[o.keyValues(Row{}, nil)] = &group{lacks: lacks}
			groups = append(groups, byKey[o.keyValues(Row{}, nil)])
		}
		for _, row := range rows {
			k := o.keyValues(without(row, lacks), nil)
			if byKey[k] == nil {
				byKey[k] = &group{lacks: lacks}
				groups = append(groups, byKey[k])
			}
			byKey[k].put(row)
		}
	}
	return groups
}

// without is a row without some columns.
func without(row Row, columns map[string]bool) Row {
	if len(columns) == 0 {
		return row
	}
	row = maps.Clone(row)
	for name := range columns {
		delete(row, name)
	}
	return row
}
