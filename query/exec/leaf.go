package exec

import (
	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// leafPath is how a condition is evaluated over one block.
type leafPath uint8

const (
	pathConstant leafPath = iota // the block decides: nothing is read
	pathCodes                    // once per dictionary entry, then codes
	pathSpan                     // integers or floats against constants
	pathArith                    // computed numbers
	pathText                     // texts against a constant pattern
	pathLists                    // items of lists
	pathRows                     // row by row
)

var leafPathNames = [...]string{"constant", "codes", "ints", "arithmetic", "text", "lists", "row-wise"}

func (p leafPath) String() string { return leafPathNames[p] }

// cost is about what a path takes for a row, in tenths of a nanosecond.
func (p leafPath) cost() int {
	return [...]int{0, 1, 20, 100, 300, 200, 1000}[p]
}

// path says how the leaf is evaluated over the block.
func (l *leaf) path(v *blockView) (leafPath, error) {
	switch len(l.columns) {
	case 0:
		return pathConstant, nil
	case 1:
	default:
		if l.compared != nil {
			return pathArith, nil
		}
		return pathRows, nil
	}
	worst := pathConstant
	for _, c := range v.column(l.columns[0]) {
		worst = max(worst, l.pathOf(c))
	}
	return worst, nil
}

func (l *leaf) pathOf(c *storedColumn) leafPath {
	switch c.shape {
	case storage.ShapeCodes:
		return pathCodes
	case storage.ShapeInts, storage.ShapeFloats:
		if l.spans[c.Type()].ok {
			return pathSpan
		}
		if l.compared != nil && c.isNumber() {
			return pathArith
		}
	case storage.ShapeText:
		if l.textTest() != textOther {
			return pathText
		}
	case storage.ShapeLists:
		if l.hasTest() {
			return pathLists
		}
	}
	return pathRows
}

// decide tells whether all rows of the block pass, or none, without a look at rows.
func (l *leaf) decide(v *blockView) (verdict, error) {
	if len(l.columns) == 0 {
		return verdictOf(l.null), nil
	}
	if len(l.columns) > 1 {
		return someRows, nil
	}
	stored := v.column(l.columns[0])
	nulls := v.rows
	passing, failing := false, false
	for _, c := range stored {
		nulls -= v.rows - c.NullCount()
		d, err := l.decideStored(v, c)
		if err != nil {
			return someRows, err
		}
		passing = passing || d != noRows
		failing = failing || d != allRows
	}
	if nulls > 0 {
		passing, failing = passing || l.null, failing || !l.null
	}
	switch {
	case !failing:
		return allRows, nil
	case !passing:
		return noRows, nil
	}
	return someRows, nil
}

func verdictOf(all bool) verdict {
	if all {
		return allRows
	}
	return noRows
}

// decideStored is decide for the values of one stored column that are not null.
func (l *leaf) decideStored(v *blockView, c *storedColumn) (verdict, error) {
	switch c.shape {
	case storage.ShapeCodes:
		t, err := l.table(v, c)
		if err != nil {
			return someRows, err
		}
		switch t.passing {
		case 0:
			return noRows, nil
		case c.codes.Entries:
			return allRows, nil
		}
		return someRows, nil
	case storage.ShapeInts, storage.ShapeFloats:
		s := l.spans[c.Type()]
		if c.Column == v.timeColumn().Column {
			h := v.block.Header()
			return s.within(storage.Time(h.MinTime), storage.Time(h.MaxTime)), nil
		}
		if lo, hi, _, ok := c.Stats(); ok {
			return s.within(lo, hi), nil
		}
	}
	return someRows, nil
}

// restrict takes the rows that do not pass out of sel.
func (l *leaf) restrict(v *blockView, sel bitmap) error {
	d, err := l.decide(v)
	if err == nil {
		err = l.warn(v, sel)
	}
	switch {
	case err != nil:
		return err
	case d == allRows:
		return nil
	case d == noRows:
		sel.clear()
		return nil
	}
	if len(l.columns) > 1 {
		return l.restrictRows(v, sel)
	}
	stored := v.column(l.columns[0])
	if len(stored) == 1 && stored[0].shape == storage.ShapeCodes {
		return l.restrictCodes(v, stored[0], sel)
	}
	return l.restrictStored(v, stored, sel)
}

// restrictCodes is restrict for a column that is all in one dictionary, null too.
func (l *leaf) restrictCodes(v *blockView, c *storedColumn, sel bitmap) error {
	t, err := l.table(v, c)
	if err != nil {
		return err
	}
	mask := bitmap(v.u64.take(len(sel)))
	if err := t.mask(v, c, mask, l.null); err != nil {
		return err
	}
	sel.and(mask)
	return nil
}

// restrictStored puts together what passes in each stored column, and the rows
// that have a value in none.
func (l *leaf) restrictStored(v *blockView, stored []*storedColumn, sel bitmap) error {
	pass, nulls, mask := v.bitmap(v.rows), bitmap(v.u64.take(len(sel))), bitmap(v.u64.take(len(sel)))
	copy(nulls, sel)
	for _, c := range stored {
		valid, err := v.loadValid(c)
		if err != nil {
			return err
		}
		copy(mask, sel)
		if valid == nil {
			nulls.clear()
		} else {
			mask.and(valid)
			nulls.andNot(valid)
		}
		if err := l.restrictColumn(v, c, mask); err != nil {
			return err
		}
		pass.or(mask)
	}
	if l.null {
		pass.or(nulls)
	}
	sel.and(pass)
	return nil
}

// restrictColumn takes the rows that do not pass out of sel, which has only rows
// where the stored column is not null.
func (l *leaf) restrictColumn(v *blockView, c *storedColumn, sel bitmap) error {
	d, err := l.decideStored(v, c)
	switch {
	case err != nil:
		return err
	case d == allRows || sel.empty():
		return nil
	case d == noRows:
		sel.clear()
		return nil
	}
	switch l.pathOf(c) {
	case pathCodes:
		t, err := l.table(v, c)
		if err != nil {
			return err
		}
		mask := bitmap(v.u64.take(len(sel)))
		if err := t.mask(v, c, mask, false); err != nil {
			return err
		}
		sel.and(mask)
		return nil
	case pathSpan:
		return l.restrictSpan(v, c, sel)
	case pathText:
		return l.restrictText(v, c, sel)
	case pathLists:
		return l.restrictLists(v, c, sel)
	}
	return l.restrictValues(v, c, sel)
}

func (l *leaf) restrictSpan(v *blockView, c *storedColumn, sel bitmap) error {
	s := l.spans[c.Type()]
	if s.none { // of a block without statistics that would have told
		sel.clear()
		return nil
	}
	mask := bitmap(v.u64.take(len(sel)))
	if c.shape == storage.ShapeFloats {
		floats, err := v.loadFloats(c)
		if err != nil {
			return err
		}
		maskFloats(mask, floats, s.lo, s.size)
	} else {
		ints, err := v.loadInts(c)
		if err != nil {
			return err
		}
		maskInts(mask, ints, s.lo, s.size)
	}
	sel.and(mask)
	return nil
}

// restrictValues evaluates the leaf for each selected value of one stored column.
func (l *leaf) restrictValues(v *blockView, c *storedColumn, sel bitmap) error {
	if ok, err := l.restrictArith(v, sel); ok || err != nil {
		return err
	}
	if err := v.load(c, sel); err != nil {
		return err
	}
	row := &valueRow{warn: &v.warned}
	rows := appendPositions(v.u16.take(v.rows)[:0], sel)
	for i, r := range rows {
		if i%pollRows == 0 && v.expired() {
			return errExpired
		}
		if !l.passesValue(row, v.value(c, int(r))) {
			sel[r>>6] &^= 1 << (r & 63)
		}
	}
	return nil
}

// restrictRows evaluates the leaf for each selected row.
func (l *leaf) restrictRows(v *blockView, sel bitmap) error {
	if ok, err := l.restrictArith(v, sel); ok || err != nil {
		return err
	}
	for _, i := range l.columns {
		for _, c := range v.column(i) {
			if err := v.load(c, sel); err != nil {
				return err
			}
		}
	}
	row := &blockRow{view: v}
	rows := appendPositions(v.u16.take(v.rows)[:0], sel)
	for i, r := range rows {
		if i%pollRows == 0 && v.expired() {
			return errExpired
		}
		row.row = int(r)
		if !l.passes(row) {
			sel[r>>6] &^= 1 << (r & 63)
		}
	}
	return nil
}

// A codeTable says for which entries of a dictionary a leaf passes.
type codeTable struct {
	passes  []uint8         // by code, 1 or 0; one more for null, kept 0
	passing int             // entries that pass
	warns   []query.Warning // by code, one more for null; nil: none
}

// table evaluates the leaf once for each dictionary entry.
func (l *leaf) table(v *blockView, c *storedColumn) (codeTable, error) {
	if err := v.loadHead(c); err != nil {
		return codeTable{}, err
	}
	if t, ok := v.tables[tableKey{l, c}]; ok {
		return t, nil
	}
	n := c.codes.Entries
	t := codeTable{passes: v.u8.takeClear(max(256, n+1))}
	warned := codeWarnings{codes: n + 1}
	row := &valueRow{warn: &warned.last}
	text := c.Type() == storage.TypeString
	s := l.spans[c.Type()]
	for code := range n {
		if code%pollRows == pollRows-1 && v.expired() {
			return codeTable{}, errExpired
		}
		pass := false
		switch {
		case s.ok && c.Type() == storage.TypeFloat64:
			pass = s.has(floatKey(c.EntryFloats()[code]))
		case s.ok:
			pass = s.has(c.EntryInts()[code])
		case text:
			pass = l.passesValue(row, storage.String(volatileString(c.EntryText(code))))
		default:
			pass = l.passesValue(row, v.entry(c, code))
		}
		if pass {
			t.passes[code] = 1
			t.passing++
		}
		warned.note(code)
	}
	t.warns = warned.all
	v.tables[tableKey{l, c}] = t
	return t, nil
}

// tableKey names a table while the block has its turn.
type tableKey struct {
	leaf   *leaf
	column *storedColumn
}

// mask sets dst to the rows that pass; null tells whether those with null do.
func (t codeTable) mask(v *blockView, c *storedColumn, dst bitmap, null bool) error {
	if err := v.loadCodes(c); err != nil {
		return err
	}
	codes := codeCount(c.codes)
	passes := t.passes
	if null && c.codes.HasNull {
		passes = append(v.u8.take(len(t.passes))[:0], t.passes...)
		passes[c.codes.Entries] = 1
	}
	switch {
	case c.codes.Rare != nil:
		rare := c.codes.RareCodes()
		if rare.Width <= 8 {
			codes8 := unpackBytes(v.u8.take(rare.Rows), rare)
			maskRare(dst, v.rows, uint16(c.codes.Base), c.codes.Rare, codes8, passes)
			return nil
		}
		codes16 := rare.Unpack16(v.u16.take(rare.Rows))
		maskRare(dst, v.rows, uint16(c.codes.Base), c.codes.Rare, codes16, passes)
		return nil
	case c.codes.Width == 1:
		maskBits(dst, c.codes, passes[0] != 0, passes[1] != 0)
		return nil
	}
	var ranges [rangesMax]codeRange
	found := codeRanges(ranges[:0], passes[:codes])
	if c.codes.Width <= 8 {
		codes8, err := v.load8(c)
		if err != nil {
			return err
		}
		if len(found) > rangesMax {
			maskTable8(dst, codes8, (*[256]uint8)(passes))
			return nil
		}
		maskAny(v, dst, found, func(dst []uint64, r codeRange) { maskRange8(dst, codes8, uint8(r.first), r.n) })
		return nil
	}
	codes16, err := v.load16(c)
	if err != nil {
		return err
	}
	if len(found) > rangesMax {
		maskTable16(dst, codes16, passes)
		return nil
	}
	maskAny(v, dst, found, func(dst []uint64, r codeRange) { maskRange16(dst, codes16, uint16(r.first), r.n) })
	return nil
}

// maskAny puts the masks of some ranges together.
func maskAny(v *blockView, dst bitmap, ranges []codeRange, kernel func(dst []uint64, r codeRange)) {
	if len(ranges) == 0 {
		dst.clear()
		return
	}
	kernel(dst, ranges[0])
	if len(ranges) == 1 {
		return
	}
	more := bitmap(v.u64.take(len(dst)))
	for _, r := range ranges[1:] {
		kernel(more, r)
		dst.or(more)
	}
}

// codeRange is n codes from first on.
type codeRange struct{ first, n int }

// codeRanges appends the runs of codes that pass, one more than rangesMax if
// they are too many to compare one by one.
func codeRanges(dst []codeRange, passes []uint8) []codeRange {
	for code := 0; code < len(passes); code++ {
		if passes[code] == 0 {
			continue
		}
		first := code
		for code < len(passes) && passes[code] != 0 {
			code++
		}
		dst = append(dst, codeRange{first: first, n: code - first})
		if len(dst) > rangesMax {
			break
		}
	}
	return dst
}
