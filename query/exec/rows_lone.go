package exec

import "github.com/kelpdb/kelp/storage"

const (
	// loneShare is how many rows of a block there must be for each that is wanted, so
	// that its values are reached one by one: to decode a column costs as much as about
	// a thousand of them.
	loneShare = 2048

	// loneTexts is how many texts are reached one by one at most: each may have to
	// unpack what is packed together with it.
	loneTexts = 4
)

// readsAlone tells whether the values of n rows out of a block's are reached one by
// one, and the column is not decoded for them.
func readsAlone(c *storedColumn, n, rows int) bool {
	switch c.shape {
	case storage.ShapeText, storage.ShapeLists:
		return n <= loneTexts && n*loneShare <= rows
	}
	return n*loneShare <= rows
}

// A loneRow is a blockRow that is one of few.
type loneRow struct {
	blockRow
	of  int // rows that are wanted
	err error
}

func (r *loneRow) Column(i int) storage.Value {
	for _, c := range r.view.columns[i].stored {
		var x storage.Value
		if readsAlone(c, r.of, r.view.rows) {
			var err error
			if x, err = c.ValueAt(r.row); err != nil {
				r.err = err
			}
		} else {
			x = r.view.value(c, r.row)
		}
		if x.Type != storage.TypeNull {
			return x
		}
	}
	return storage.Value{}
}
