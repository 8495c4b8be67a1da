package ingest

import (
	"github.com/kelpdb/kelp/storage"
)

// Most records are taken column by column: values of fixed width are converted in
// a loop, texts copied as they lie there, and indices into a dictionary become
// codes of the batch. What this cannot do goes row by row (arrow.go), which says
// what is right: a window of rows is taken by column only if no row of it would
// be rejected or warned of, and the chunks are cut at the same rows.

// arrowTake is how a column is appended to the batch.
type arrowTake uint8

const (
	arrowTakeNone arrowTake = iota // there is no value
	arrowTakeTime                  // it is the time of the rows
	arrowTakeBools
	arrowTakeInts
	arrowTakeTimes
	arrowTakeFloats
	arrowTakeTexts // plain, or from a dictionary that has no use as such
	arrowTakeCodes // texts of a dictionary
	arrowTakeHex   // bytes of fixed size
	arrowTakeLists // of texts
)

// arrowWindow is rows of a record of which is known how they are taken.
type arrowWindow struct {
	from, to int
	byColumn bool
	lends    bool     // its texts are not copied
	timed    int      // the column of their times, -1: none
	times    []int64  // of its rows; of those without one undefined
	rows     []uint32 // numbers in the batch of the rows being appended
	later    []uint32 // their array, if they do not begin with 0
	some     []uint32 // those of them that have a value, from 0
	indices  []uint32 // of them into a dictionary
	arrivals []int64
}

// arrowPlanned is what a window knows of a column.
type arrowPlanned struct {
	take    arrowTake
	valid   []uint64 // bits of the rows of the window that have a value; nil: all
	bits    []uint64 // the array of valid
	longest int      // bound of the bytes of a text, or of an item

	// Of arrowTakeCodes, for one chunk: entry k of the dictionary is code
	// remap[k]-1, or not met yet (0). known has the entries of the batch by text,
	// once a second dictionary came.
	root  *arrowDictionary
	remap []uint16
	known map[string]uint16
}

// planWindow decides how the next rows of the record are taken.
func (p *arrowRows) planWindow(c *chunker) {
	w := &p.window
	w.from, w.to = p.row, min(p.row+storage.RowsPerBlockMax, p.rows)
	w.byColumn = p.distinct && !p.rowsOnly && p.planColumns(c)
}

func (p *arrowRows) planColumns(c *chunker) bool {
	from, to := p.window.from, p.window.to
	timed := -1 // the column of the preferred time field
	for i := range p.columns {
		col := &p.columns[i]
		col.valid = col.validity(from, to)
		if !col.plan(from, to) {
			return false
		}
		if rank := c.times.rank(string(col.name)); rank != 0 && col.take != arrowTakeNone {
			if col.rank = rank; timed < 0 || rank < p.columns[timed].rank {
				timed = i
			}
		}
	}
	if timed < 0 {
		return true
	}
	// Another time field is kept as it is, but the name `time` is none of a column.
	for i := range p.columns {
		if col := &p.columns[i]; i != timed && col.rank != 0 && col.take != arrowTakeNone {
			if p.columns[timed].valid != nil || string(col.name) == storage.TimeColumn {
				return false
			}
		}
	}
	p.window.timed = timed
	var ok bool
	p.window.times, ok = p.columns[timed].appendTimes(p.window.times[:0], from, to)
	p.columns[timed].take = arrowTakeTime
	return ok
}

// plan decides how rows [from, to) of the column are taken; ok is false if only
// row by row. It looks at values of null rows as well: they seldom are there.
func (col *arrowColumn) plan(from, to int) (ok bool) {
	a := col.values
	if a.dict != nil {
		return col.planDictionary(from, to)
	}
	switch col.longest = 0; a.field.kind {
	case arrowNull:
		col.take = arrowTakeNone
	case arrowBool:
		col.take = arrowTakeBools
	case arrowInt, arrowDuration:
		col.take = arrowTakeInts
		return a.field.kind == arrowDuration || a.field.signed || a.field.bits < 64 || a.lowUint64(from, to)
	case arrowFloat:
		col.take = arrowTakeFloats
	case arrowDate, arrowTimestamp:
		col.take = arrowTakeTimes
		return a.timesFit(from, to)
	case arrowFixedSizeBinary:
		col.take, col.longest = arrowTakeHex, 2*a.field.size
		return a.field.size <= ValueBytesMax
	case arrowUtf8, arrowLargeUtf8, arrowBinary, arrowLargeBinary, arrowUtf8View, arrowBinaryView:
		col.take = arrowTakeTexts
		col.longest, ok = a.textsPlain(from, to)
		return ok && col.longest <= ValueBytesMax
	case arrowList, arrowLargeList, arrowFixedSizeList:
		col.take = arrowTakeLists
		col.longest, ok = a.listsPlain(from, to)
		return ok
	default:
		return false
	}
	return true
}

// planDictionary is plan for a column whose values are in a dictionary.
func (col *arrowColumn) planDictionary(from, to int) bool {
	d := col.values.dict
	if d.length == 0 {
		col.take = arrowTakeNone // its values are all null
		return true
	}
	if !d.plain || d.longest > ValueBytesMax {
		return false
	}
	col.longest = d.longest
	switch {
	case d.length <= arrowCodesMax && d.length <= arrowEntriesPerRow*(to-from):
		col.take = arrowTakeCodes
	default:
		col.take = arrowTakeTexts
	}
	return true
}

// validity returns the bitmap of rows [from, to) in which the column and all the
// structs around it have a value; nil if all have.
func (col *arrowColumn) validity(from, to int) []uint64 {
	words := (to - from + 63) / 64
	bits := col.bits[:0]
	and := func(valid []byte) {
		for i := range words {
			w := bitsFrom(valid, from+64*i, min(64, to-from-64*i))
			if i == len(bits) {
				bits = append(bits, w)
			} else {
				bits[i] &= w
			}
		}
	}
	if col.values.valid != nil {
		and(col.values.valid)
	}
	for _, a := range col.around {
		and(a.valid)
	}
	col.bits = bits
	if len(bits) == 0 || countBits(bits, 0, to-from) == to-from {
		return nil
	}
	return bits
}

// takeRows appends the next rows of the window to the batch and returns how many
// there were: so many that the chunk is not full before the last.
func (p *arrowRows) takeRows(c *chunker) int {
	n := p.rowsFitting(c)
	from := p.row - p.window.from
	p.window.rows = p.rowsFrom(uint32(c.batch.Rows()), n)
	// Texts of a record that fills a chunk stay where they are.
	p.window.lends = c.batch.Rows() == 0 && n == p.rows && n == c.options.ChunkRows
	timed := false
	for i := range p.columns {
		col := &p.columns[i]
		if col.take == arrowTakeNone || col.valid != nil && countBits(col.valid, from, n) == 0 {
			continue
		}
		if col.slot < 0 {
			col.slot = c.slot(col.name)
			col.rank = c.times.rank(string(col.name))
		}
		if col.take == arrowTakeTime {
			timed = true
			continue
		}
		p.takeColumn(c, col, from, n)
	}
	c.batch.EndRows(p.timesOfRows(c, timed, from, n))
	c.row += uint64(n)
	if p.window.lends {
		c.lent = p.messages.lend()
	}
	return n
}

// rowsFrom returns n numbers from one on. Those from 0 on may be lent: they are never
// written again.
func (p *arrowRows) rowsFrom(first uint32, n int) []uint32 {
	dst := p.window.later[:0]
	if first == 0 {
		if n <= len(p.numbers) {
			return p.numbers[:n]
		}
		dst = make([]uint32, 0, n)
	}
	for i := range n {
		dst = append(dst, first+uint32(i))
	}
	if first == 0 {
		p.numbers = dst
	} else {
		p.window.later = dst
	}
	return dst
}

// timesOfRows returns the times of rows [from, from+n) of the window; that of
// arrival where there is none.
func (p *arrowRows) timesOfRows(c *chunker, timed bool, from, n int) []int64 {
	if !timed {
		p.window.arrivals = p.window.arrivals[:0]
		for range n {
			p.window.arrivals = append(p.window.arrivals, c.nowNs)
		}
		return p.window.arrivals
	}
	times := p.window.times[from : from+n]
	if valid := p.columns[p.window.timed].valid; valid != nil {
		for i := range times {
			if valid[(from+i)>>6]>>((from+i)&63)&1 == 0 {
				times[i] = c.nowNs
			}
		}
	}
	return times
}

// rowsFitting is how many rows of the window are appended at once: none but the
// last can fill the chunk.
func (p *arrowRows) rowsFitting(c *chunker) int {
	n := min(p.window.to-p.row, c.options.ChunkRows-c.batch.Rows())
	fresh := 0 // columns that the chunk may not have yet
	for i := range p.columns {
		if p.columns[i].slot < 0 {
			fresh++
		}
	}
	if c.columns+fresh >= columnsPerChunkMax {
		return 1
	}
	room := c.options.ChunkBytes - c.batch.Bytes()
	for n > 1 && p.bytesAtMost(n, room) >= room {
		n /= 2
	}
	return n
}

// bytesAtMost is a bound of what the next n rows add to the bytes of the batch; it
// stops where enough is passed.
func (p *arrowRows) bytesAtMost(n, enough int) int {
	sum := 8 * n // times
	for i := range p.columns {
		if sum >= enough {
			break
		}
		col := &p.columns[i]
		switch a := col.values; col.take {
		case arrowTakeNone, arrowTakeTime:
		case arrowTakeTexts:
			sum += 8*n + a.textBytesAtMost(p.row, p.row+n, col.longest)
		case arrowTakeLists:
			first, _ := a.span(p.row)
			_, last := a.span(p.row + n - 1)
			sum += 8*n + a.children[0].textBytesAtMost(first, last, col.longest)
		default:
			sum += 8*n + n*col.longest
		}
	}
	return sum
}

// takeColumn appends rows [from, from+n) of the window, of one column.
func (p *arrowRows) takeColumn(c *chunker, col *arrowColumn, from, n int) {
	a, first := col.values, p.window.from+from // in the record
	switch col.take {
	case arrowTakeCodes:
		p.takeCodes(c, col, from, n)
		return
	case arrowTakeBools:
		v, rows := p.extend(c, col, storage.TypeBool, from, n)
		v.Ints = a.appendBools(v.Ints, rows, first, n)
	case arrowTakeInts:
		v, rows := p.extend(c, col, storage.TypeInt64, from, n)
		v.Ints = a.appendInts(v.Ints, rows, first, n)
	case arrowTakeTimes:
		v, rows := p.extend(c, col, storage.TypeTime, from, n)
		at := len(v.Ints)
		v.Ints = a.appendInts(v.Ints, rows, first, n)
		for i := range v.Ints[at:] {
			v.Ints[at+i] *= a.field.unit
		}
	case arrowTakeFloats:
		v, rows := p.extend(c, col, storage.TypeFloat64, from, n)
		v.Floats = a.appendFloats(v.Floats, rows, first, n)
	case arrowTakeTexts:
		c.batch.Extend(col.slot, storage.TypeString).MakePlain() // another record may have brought codes
		v, rows := p.extend(c, col, storage.TypeString, from, n)
		if p.window.lends && rows == nil && a.lendSpan(v, first, first+n) {
			return
		}
		a.takeTexts(v, rows, first, n)
	case arrowTakeHex:
		c.batch.Extend(col.slot, storage.TypeString).MakePlain()
		v, rows := p.extend(c, col, storage.TypeString, from, n)
		a.takeHex(v, rows, first, n)
	case arrowTakeLists:
		v, rows := p.extend(c, col, storage.TypeList, from, n)
		a.takeLists(v, rows, first, n)
	}
}

// extend appends the rows that have a value to the vector of the column, and
// returns these, counted from the first of the range; all is nil.
func (p *arrowRows) extend(c *chunker, col *arrowColumn, t storage.Type, from, n int) (v *storage.Vector, rows []uint32) {
	v = c.batch.Extend(col.slot, t)
	if col.valid == nil || countBits(col.valid, from, n) == n {
		if p.window.lends {
			v.LendRows(p.window.rows)
			return v, nil
		}
		v.Rows = append(v.Rows, p.window.rows[:n]...)
		return v, nil
	}
	p.window.some = appendSetBits(p.window.some[:0], col.valid, from, n)
	base := uint32(c.batch.Rows())
	for _, row := range p.window.some {
		v.Rows = append(v.Rows, base+row)
	}
	return v, p.window.some
}
