package exec

import (
	"math/bits"

	"github.com/kelpdb/kelp/query"
)

// Warnings of a dictionary. An expression is evaluated once per entry, also for
// entries that no selected row has; those must not warn, or a query that leaves
// zeros out would hear of a division by zero, in some layouts of its blocks.

// codeWarnings collects what an expression warns of by code.
type codeWarnings struct {
	codes int           // there are so many, with the one of null
	last  query.Warning // of the entry being evaluated
	all   []query.Warning
}

// note ends the evaluation of an entry.
func (w *codeWarnings) note(code int) {
	if w.last == 0 {
		return
	}
	if w.all == nil {
		w.all = make([]query.Warning, w.codes)
	}
	w.all[code], w.last = w.last, 0
}

// warnCodes takes the warnings of the codes that some rows have.
func (v *blockView) warnCodes(c *storedColumn, warns []query.Warning, rows bitmap) error {
	if warns == nil {
		return nil
	}
	codes, err := v.load16(c)
	if err != nil {
		return err
	}
	for i, w := range rows {
		for ; w != 0; w &= w - 1 {
			v.warned |= warns[codes[i<<6+bits.TrailingZeros64(w)]]
		}
	}
	return nil
}

// warns tells whether some entry of the leaf's dictionaries warns. It is asked
// after decide, which makes the tables.
func (l *leaf) warns(v *blockView) bool {
	for _, c := range l.dictionaries(v) {
		if v.tables[tableKey{l, c}].warns != nil {
			return true
		}
	}
	return false
}

// warn takes the warnings of the selected rows.
func (l *leaf) warn(v *blockView, sel bitmap) error {
	for _, c := range l.dictionaries(v) {
		if err := v.warnCodes(c, v.tables[tableKey{l, c}].warns, sel); err != nil {
			return err
		}
	}
	return nil
}

// dictionaries are the stored columns of a leaf that reads one column; those that
// are no dictionary have no table.
func (l *leaf) dictionaries(v *blockView) []*storedColumn {
	if len(l.columns) != 1 {
		return nil
	}
	return v.column(l.columns[0])
}
