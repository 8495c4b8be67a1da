package exec

import (
	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// hasTest tells whether the leaf is HAS over a column of lists.
func (l *leaf) hasTest() bool {
	b := l.expr
	switch b.Op {
	case query.OpHasAny, query.OpHasNone:
		return b.Args[0].Op == query.OpColumn && len(b.Set) > 0
	case query.OpHasAll:
		return b.Args[0].Op == query.OpColumn && len(b.Set) == 1 && !b.SetNull
	}
	return false
}

// restrictLists takes the rows that do not pass out of sel, where no row is
// null. HAS ANY of some items is a look at each item of each list; HAS NONE is
// its opposite and HAS ALL of one item the same.
func (l *leaf) restrictLists(v *blockView, c *storedColumn, sel bitmap) error {
	lists, err := v.loadLists(c)
	if err != nil {
		return err
	}
	wanted := make(map[string]bool, len(l.expr.Set))
	for _, x := range l.expr.Set {
		wanted[query.CanonicalText(x)] = true
	}
	mask := v.bitmap(v.rows)
	if lists.Coded {
		maskCodedLists(v, mask, lists, wanted)
	} else {
		forEach(sel, func(row int) {
			from, to := lists.Range(row)
			for j := from; j < to; j++ {
				if wanted[string(lists.Item(j))] {
					mask.set(row)
					return
				}
			}
		})
	}
	if l.want == (l.expr.Op != query.OpHasNone) {
		sel.and(mask)
	} else {
		sel.andNot(mask)
	}
	return nil
}

// maskCodedLists sets the rows with an item that is wanted.
func maskCodedLists(v *blockView, dst bitmap, lists storage.Lists, wanted map[string]bool) {
	hit := v.u8.takeClear(lists.Items.Len() + 1)
	any := false
	for i := range lists.Items.Len() {
		if wanted[string(lists.Items.At(i))] {
			hit[i], any = 1, true
		}
	}
	if !any {
		return
	}
	codes := lists.Codes.Unpack16(v.u16.take(lists.Codes.Rows))
	from := uint32(0)
	for row, end := range lists.Ends {
		for _, code := range codes[from:end] {
			if hit[code] != 0 {
				dst.set(row)
				break
			}
		}
		from = end
	}
}
