package storage

import (
	"cmp"
	"fmt"
	"slices"
)

// part is a column of a block that is merged: its first row becomes row base.
type part struct {
	col  *Column
	base uint32
}

// MergeBlocks encodes the rows of several blocks, RowsPerBlockMax or fewer, into
// one block that is appended to dst: by time if rich, rows of equal time in the
// order of the blocks. Dictionaries are merged by their entries, columns that share a
// form in that form, others by their values, one column at a time. It returns what AppendBlock returns
// (ErrBlockTooLarge: leave the blocks as they are) or a *DamageError.
func MergeBlocks(dst []byte, blocks []*Block, o BlockOptions) ([]byte, Meta, error) {
	rows := 0
	for _, b := range blocks {
		rows += b.header.Rows
	}
	switch {
	case rows == 0:
		return dst, Meta{}, ErrNoRows
	case rows > RowsPerBlockMax:
		return dst, Meta{}, fmt.Errorf("%w: %d rows, at most %d fit", ErrBlockTooLarge, rows, RowsPerBlockMax)
	}
	if o.Richness == Rich {
		blocks = inTimeOrder(blocks)
	}
	e := takeEncoder(&mergers)
	defer e.release(&mergers)
	e.begin(rows, o)
	if err := e.collectBlocks(blocks); err != nil {
		return dst, Meta{}, fmt.Errorf("cannot merge %d blocks: %w", len(blocks), err)
	}
	return e.block(dst, o)
}

// inTimeOrder returns blocks of which each ends before the next begins in that order, and
// others as they are: their rows then need not be put into order, which is a step of
// its own for every column.
func inTimeOrder(blocks []*Block) []*Block {
	sorted := slices.Clone(blocks)
	slices.SortFunc(sorted, func(a, b *Block) int { return cmp.Compare(a.header.MinTime, b.header.MinTime) })
	for i := range sorted[1:] {
		if sorted[i].header.MaxTime >= sorted[i+1].header.MinTime {
			return blocks
		}
	}
	return sorted
}

// collectBlocks lists the columns of the blocks, and finds times and weights.
func (e *encoder) collectBlocks(blocks []*Block) error {
	a := appenders.Get().(*appender)
	defer appenders.Put(a)
	var parts []part
	times, base := slices.Grow(e.partTimes[:0], e.rows), uint32(0)
	for _, b := range blocks {
		for _, c := range b.Columns() {
			if c.name != TimeColumn {
				parts = append(parts, part{c, base})
				continue
			}
			if c.typ != TypeTime {
				return c.damaged(fmt.Errorf("times of rows are of type %v", c.typ))
			}
			ints, err := c.Ints(a.ints)
			if err != nil {
				return err
			}
			times = append(times, ints...)
		}
		base += uint32(b.header.Rows)
	}
	e.partTimes = times
	e.orderRows(times)
	slices.SortStableFunc(parts, func(a, b part) int {
		return cmp.Or(cmp.Compare(a.col.name, b.col.name), cmp.Compare(a.col.typ, b.col.typ))
	})
	e.stored = append(e.stored[:0], storedColumn{name: TimeColumn})
	for len(parts) > 0 {
		n := 1
		for n < len(parts) && parts[n].col.name == parts[0].col.name {
			n++
		}
		if err := e.collectName(a, parts[:n:n]); err != nil {
			return err
		}
		parts = parts[n:]
	}
	if len(e.stored) > ColumnsPerBlockMax {
		return fmt.Errorf("%w: %d columns, at most %d fit", ErrBlockTooLarge, len(e.stored), ColumnsPerBlockMax)
	}
	slices.SortFunc(e.stored, compareColumns)
	return nil
}

// collectName lists the stored columns of one name; parts are in order of type.
func (e *encoder) collectName(a *appender, parts []part) error {
	name := parts[0].col.name
	var byType [typesCount][]part
	for i, p := range parts {
		t := p.col.typ
		if byType[t] == nil {
			byType[t] = parts[i:i:len(parts)]
		}
		byType[t] = byType[t][:len(byType[t])+1]
	}
	if name == SampleRateColumn {
		for _, t := range [...]Type{TypeInt64, TypeFloat64} {
			v, err := a.load(&e.merged, t, byType[t])
			if err != nil {
				return err
			}
			e.weigh(v)
		}
	}
	if byType[TypeInt64] != nil && byType[TypeFloat64] != nil {
		ints, err := a.load(new(Vector), TypeInt64, byType[TypeInt64])
		if err != nil {
			return err
		}
		if fitFloats(ints.Ints) {
			floats, err := a.load(new(Vector), TypeFloat64, byType[TypeFloat64])
			if err != nil {
				return err
			}
			e.stored = append(e.stored, storedColumn{name: name, vec: joinFloats(ints, floats)})
			byType[TypeInt64], byType[TypeFloat64] = nil, nil
		}
	}
	for _, parts := range byType {
		if parts != nil {
			e.stored = append(e.stored, storedColumn{name: name, parts: parts})
		}
	}
	return nil
}

// load reads the values of parts into v, which keeps its arrays.
func (a *appender) load(v *Vector, t Type, parts []part) (*Vector, error) {
	*v = Vector{
		Type: t, Rows: v.Rows[:0], Ints: v.Ints[:0], Floats: v.Floats[:0],
		Bytes: v.Bytes[:0], Ends: v.Ends[:0], Lists: v.Lists[:0],
	}
	for _, p := range parts {
		if err := a.appendColumn(v, p.col, p.base); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// merge makes a source of the parts of a column. If it is coded, the codes of its
// values are in e.dict, and vec holds the entries.
func (e *encoder) merge(c *storedColumn, stats *columnStats) (s source, coded bool, err error) {
	if s, coded, err = e.mergeCodes(c, stats); coded || err != nil {
		return s, coded, err
	}
	a := appenders.Get().(*appender)
	defer appenders.Put(a)
	v, err := a.load(&e.merged, c.parts[0].col.typ, c.parts)
	if err != nil {
		return s, false, err
	}
	if e.text += len(v.Bytes); e.text > BlockTextMax {
		return s, false, fmt.Errorf("%w: %d bytes of text, at most %d fit", ErrBlockTooLarge, e.text, BlockTextMax)
	}
	return e.sourceOf(v), false, nil
}

// mergeCodes merges columns of codes without looking at values: the entries of
// all parts are numbered, and codes are mapped. coded is false where another
// encoding than a dictionary may be better.
func (e *encoder) mergeCodes(c *storedColumn, stats *columnStats) (s source, coded bool, err error) {
	n := 0
	v := &e.merged
	*v = Vector{Type: c.parts[0].col.typ, Rows: v.Rows[:0], Ints: v.Ints[:0], Floats: v.Floats[:0], Bytes: v.Bytes[:0], Ends: v.Ends[:0]}
	for _, p := range c.parts {
		if p.col.Shape() != ShapeCodes {
			return s, false, nil
		}
		if err := p.col.Check(); err != nil {
			return s, false, err
		}
		v.appendEntries(p.col)
		n += p.col.Rows() - p.col.nulls
	}
	s = source{vec: v, n: n, rows: e.rows, weights: e.weights}
	if s.worthSparse() || !e.numberEntries(&s, stats) {
		*stats = columnStats{}
		return s, false, nil
	}
	if len(e.dict.first) == 1 && s.nulls() == 0 {
		*stats = columnStats{} // as of any constant
	}
	if err := e.mapCodes(c, &s); err != nil {
		return s, false, err
	}
	s.at = e.placesOf(v.Rows)
	return s, true, nil
}

// appendEntries appends the dictionary of a column.
func (v *Vector) appendEntries(c *Column) {
	switch c.typ {
	case TypeString:
		v.appendTextEntries(c.open().codes)
	case TypeFloat64:
		v.Floats = append(v.Floats, c.EntryFloats()...)
	default:
		v.Ints = append(v.Ints, c.EntryInts()...)
	}
}

// appendTextEntries appends the texts of a dictionary.
func (v *Vector) appendTextEntries(r *codesReader) {
	at := uint32(len(v.Bytes))
	v.Bytes = append(v.Bytes, r.text...)
	for _, end := range r.ends {
		v.Ends = append(v.Ends, at+end)
	}
}

// numberEntries finds the distinct entries of all parts and puts them into order.
// It reports false unless a dictionary is what the values would get as well.
func (e *encoder) numberEntries(s *source, stats *columnStats) bool {
	v := s.vec
	if v.Type == TypeString {
		if !e.dict.texts(v.Bytes, v.Ends, min(entriesMaxOf(s), max(2, s.n/e.usesMin()))) {
			return false
		}
		*stats = columnStats{worth: true, distinct: len(e.dict.first)}
		e.dict.sortTexts(v.Bytes, v.Ends)
		return true
	}
	keys := v.Ints
	if v.Type == TypeFloat64 {
		e.keys = e.keys[:0]
		for _, x := range v.Floats {
			e.keys = append(e.keys, floatKey(x))
		}
		keys = e.keys
	}
	low, high := slices.Min(keys), slices.Max(keys)
	*stats = columnStats{worth: true, ordered: true, min: uint64(low), max: uint64(high)}
	entriesMax := min(countedEntriesMax, max(2, s.n/entryUses))
	if v.Type == TypeFloat64 {
		stats.min, stats.max = floatBits(floatOfKey(low)), floatBits(floatOfKey(high))
		if !e.rich {
			entriesMax = floatEntriesMax(s)
		}
	}
	if !e.dict.numbers(keys, low, high, entriesMax) {
		return false
	}
	stats.distinct = len(e.dict.first)
	e.dict.sortNumbers()
	return true
}

// usesMin is how often entries of texts must be used to be merged as they are.
func (e *encoder) usesMin() int {
	if e.rich {
		return entryUses
	}
	return 2
}

// mapCodes replaces the codes of entries in e.dict by the codes of values, whose
// rows go to the vector.
func (e *encoder) mapCodes(c *storedColumn, s *source) error {
	e.remap = append(e.remap[:0], e.dict.codes...)
	e.dict.codes = slices.Grow(e.dict.codes[:0], s.n)
	text := 0
	remap := e.remap
	for _, p := range c.parts {
		codes, err := p.col.Codes()
		if err != nil {
			return err
		}
		if codes.Width == 16 && codes.Rare == nil {
			e.wide = append(e.wide[:0], codes.Unpack16(nil)...)
		} else {
			e.wide = codes.Unpack16(e.wide)
		}
		for row, code := range e.wide {
			if int(code) < codes.Entries {
				s.vec.Rows = append(s.vec.Rows, p.base+uint32(row))
				e.dict.codes = append(e.dict.codes, remap[code])
			}
		}
		if p.col.typ == TypeString {
			r := p.col.open().codes
			longest := 0
			for i := range codes.Entries {
				longest = max(longest, len(r.entryText(i)))
			}
			text += longest * codes.Rows
		}
		remap = remap[codes.Entries:]
	}
	// The bound on text is of what the rows hold, but counting entries at their
	// longest settles it for all but the strangest columns.
	if e.text+text > BlockTextMax {
		text = 0
		for _, code := range e.dict.codes {
			text += len(s.vec.Text(int(e.dict.first[code])))
		}
	}
	if e.text += text; e.text > BlockTextMax {
		return fmt.Errorf("%w: %d bytes of text, at most %d fit", ErrBlockTooLarge, e.text, BlockTextMax)
	}
	return nil
}

// appendCoded appends a merged column of codes.
func (e *encoder) appendCoded(dst []byte, s *source) ([]byte, Encoding) {
	if len(e.dict.first) == 1 && s.nulls() == 0 {
		return appendConstant(dst, s), EncConstant
	}
	return appendCodes(dst, s, &e.dict, e)
}
