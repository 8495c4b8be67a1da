package storage

import "slices"

// A batchPart is rows that become one block.
type batchPart struct {
	batch   *Batch
	arrival int64     // newest arrival of a row, ns
	class   blockKind // how far the times are off the arrival
}

// cutBatch cuts a batch so that times far off the clock, and columns past the
// limit of a block, go to batches of their own. Mostly that is the batch itself.
func cutBatch(b *Batch, arrival int64) (parts []batchPart) {
	if b.Rows() == 0 {
		return nil
	}
	if class, one := classOf(b.Times(), arrival); one {
		return cutColumns(batchPart{b, arrival, class})
	}
	if parts, ok := sliceClasses(b, arrival); ok {
		return parts
	}
	for _, class := range timeClasses {
		part := NewBatch()
		part.appendRows(b, func(row int) bool { return timeClass(b.times[row], arrival) == class })
		if part.Rows() > 0 {
			parts = append(parts, cutColumns(batchPart{part, arrival, class})...)
		}
	}
	return parts
}

// timeClasses are all there are.
var timeClasses = [...]blockKind{classNear, classPast, classFuture}

// timeClass tells how far a time is off the arrival. The distance is unsigned, so
// that it never wraps.
func timeClass(t, arrival int64) blockKind {
	switch {
	case t < arrival && uint64(arrival)-uint64(t) > uint64(clockSlack):
		return classPast
	case t > arrival && uint64(t)-uint64(arrival) > uint64(clockSlack):
		return classFuture
	}
	return classNear
}

// classOf returns the class of the times if they share one.
func classOf(times []int64, arrival int64) (class blockKind, one bool) {
	if len(times) == 0 {
		return classNear, true
	}
	low, high := timeClass(slices.Min(times), arrival), timeClass(slices.Max(times), arrival)
	return low, low == high
}

// cutColumns halves a part until no batch has more columns than a block. A row
// has at most ColumnsPerRowMax, so this ends.
func cutColumns(p batchPart) []batchPart {
	rows := p.batch.Rows()
	if p.batch.storedColumns() <= ColumnsPerBlockMax || rows <= 1 {
		return []batchPart{p}
	}
	low, high := NewBatch(), NewBatch()
	low.appendRows(p.batch, func(row int) bool { return row < rows/2 })
	high.appendRows(p.batch, func(row int) bool { return row >= rows/2 })
	return append(cutColumns(batchPart{low, p.arrival, p.class}), cutColumns(batchPart{high, p.arrival, p.class})...)
}

// storedColumns is the number of columns of the block that the batch makes.
func (b *Batch) storedColumns() int {
	n := 1 // time
	for i := range b.slots {
		for _, v := range b.slots[i].Vectors {
			if v != nil && v.Len() > 0 {
				n++
			}
		}
	}
	return n
}

// appendBatch appends the rows of src, at most RowsPerBlockMax in all.
func (b *Batch) appendBatch(src *Batch) {
	if b.rows+src.rows > RowsPerBlockMax {
		panic("BUG: more rows than a block takes")
	}
	for i := range src.slots {
		s := &src.slots[i]
		for t, v := range s.Vectors {
			if v != nil && v.Len() > 0 {
				b.vector(s.Name, Type(t)).appendVector(v, uint32(b.rows))
			}
		}
	}
	b.times = append(b.times, src.times...)
	b.rows += src.rows
}

// vector returns the vector of a column, made if there is none.
func (b *Batch) vector(name string, t Type) *Vector {
	i, ok := b.byName[name]
	if !ok {
		i = b.Slot([]byte(name))
	}
	v := b.slots[i].Vectors[t]
	if v == nil {
		v = &Vector{Type: t}
		b.slots[i].Vectors[t] = v
	}
	return v
}

func (v *Vector) appendVector(src *Vector, rows uint32) {
	for _, r := range src.Rows {
		v.Rows = append(v.Rows, r+rows)
	}
	bytes, ends := uint32(len(v.Bytes)), uint32(len(v.Ends))
	if src.Coded {
		v.appendPlain(src)
		return
	}
	v.Ints = append(v.Ints, src.Ints...)
	v.Floats = append(v.Floats, src.Floats...)
	v.Bytes = append(v.Bytes, src.Bytes...)
	for _, e := range src.Ends {
		v.Ends = append(v.Ends, e+bytes)
	}
	for _, l := range src.Lists {
		v.Lists = append(v.Lists, l+ends)
	}
}

// appendRows appends the rows of src that keep wants. It is for the rare batches
// that must be cut.
func (b *Batch) appendRows(src *Batch, keep func(row int) bool) {
	to := make([]int64, src.rows) // new number of each row, or -1
	n := int64(b.rows)
	for row := range to {
		to[row] = -1
		if keep(row) {
			to[row] = n
			n++
			b.times = append(b.times, src.times[row])
		}
	}
	for i := range src.slots {
		s := &src.slots[i]
		for t, v := range s.Vectors {
			if v == nil {
				continue
			}
			for j, row := range v.Rows {
				if to[row] >= 0 {
					b.vector(s.Name, Type(t)).appendValue(v, j, uint32(to[row]))
				}
			}
		}
	}
	b.rows = int(n)
}

// appendValue appends value j of src.
func (v *Vector) appendValue(src *Vector, j int, row uint32) {
	v.Rows = append(v.Rows, row)
	switch v.Type {
	case TypeFloat64:
		v.Floats = append(v.Floats, src.Floats[j])
	case TypeString:
		v.appendItem(src.Text(j))
	case TypeList:
		from, to := src.Items(j)
		for item := from; item < to; item++ {
			v.appendItem(src.Text(item))
		}
		v.Lists = append(v.Lists, uint32(len(v.Ends)))
	default:
		v.Ints = append(v.Ints, src.Ints[j])
	}
}

func (v *Vector) appendItem(text []byte) {
	v.Bytes = append(v.Bytes, text...)
	v.Ends = append(v.Ends, uint32(len(v.Bytes)))
}
