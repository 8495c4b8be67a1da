package storage

import (
	"fmt"
	"slices"
	"strings"
)

// storedColumn is a column to encode: the values of a batch (vec), or columns of
// blocks that are merged (parts), or the time of the rows (neither).
type storedColumn struct {
	name  string
	vec   *Vector
	parts []part
}

func (c *storedColumn) typ() Type {
	switch {
	case c.vec != nil:
		return c.vec.Type
	case c.parts != nil:
		return c.parts[0].col.typ
	}
	return TypeTime
}

// compareColumns is the order of a directory. No two columns are equal in it.
func compareColumns(a, b storedColumn) int {
	if order := strings.Compare(a.name, b.name); order != 0 {
		return order
	}
	return int(a.typ()) - int(b.typ())
}

// orderRows finds the place of each row: by time if rich, equal times in the
// order of the batch.
func (e *encoder) orderRows(times []int64) {
	e.times, e.newRow = times, nil
	if !e.rich || slices.IsSorted(times) {
		return
	}
	e.pairs = grow(e.pairs, len(times))
	for i, t := range times {
		e.pairs[i] = sortPair{key: uint64(t) ^ 1<<63, id: uint32(i)}
	}
	e.spare = sortPairs(e.pairs, e.spare)
	e.rowBuf, e.timeBuf = grow(e.rowBuf, len(times)), grow(e.timeBuf, len(times))
	e.newRow, e.times = e.rowBuf, e.timeBuf
	for row, p := range e.pairs {
		e.newRow[p.id] = uint32(row)
		e.times[row] = int64(p.key ^ 1<<63)
	}
}

// collect lists the columns to store, by name, then type.
func (e *encoder) collect(b *Batch) error {
	e.stored = append(e.stored[:0], storedColumn{name: TimeColumn})
	for i := range b.slots {
		s := &b.slots[i]
		if len(s.Name) > ColumnNameBytesMax {
			return fmt.Errorf("column name %.40q... has %d bytes, at most %d are allowed", s.Name, len(s.Name), ColumnNameBytesMax)
		}
		var vectors [typesCount]*Vector
		for t, v := range s.Vectors {
			if v != nil && v.Len() > 0 {
				vectors[t] = v
				e.text += v.textBytes()
			}
		}
		if ints, floats := vectors[TypeInt64], vectors[TypeFloat64]; ints != nil && floats != nil && fitFloats(ints.Ints) {
			vectors[TypeInt64], vectors[TypeFloat64] = nil, joinFloats(ints, floats)
		}
		for _, v := range vectors {
			if v == nil {
				continue
			}
			if len(v.Lists) > 0 && len(v.Ends) > BlockItemsMax {
				return fmt.Errorf("%w: lists of %q have %d items, at most %d fit", ErrBlockTooLarge, s.Name, len(v.Ends), BlockItemsMax)
			}
			e.stored = append(e.stored, storedColumn{name: s.Name, vec: v})
		}
	}
	if e.text > BlockTextMax {
		return fmt.Errorf("%w: %d bytes of text, at most %d fit", ErrBlockTooLarge, e.text, BlockTextMax)
	}
	if len(e.stored) > ColumnsPerBlockMax {
		return fmt.Errorf("%w: %d columns, at most %d fit", ErrBlockTooLarge, len(e.stored), ColumnsPerBlockMax)
	}
	slices.SortFunc(e.stored, compareColumns)
	return nil
}

// fitFloats tells whether float64 holds all the integers exactly.
func fitFloats(ints []int64) bool {
	const exactMax = 1 << 53
	for _, x := range ints {
		if x > exactMax || x < -exactMax {
			return false
		}
	}
	return true
}

// joinFloats returns the values of both vectors as floats, in order of rows.
func joinFloats(ints, floats *Vector) *Vector {
	n := ints.Len() + floats.Len()
	v := &Vector{Type: TypeFloat64, Rows: make([]uint32, 0, n), Floats: make([]float64, 0, n)}
	i := 0
	for j := 0; j <= floats.Len(); j++ {
		for i < ints.Len() && (j == floats.Len() || ints.Rows[i] < floats.Rows[j]) {
			v.Rows = append(v.Rows, ints.Rows[i])
			v.Floats = append(v.Floats, float64(ints.Ints[i]))
			i++
		}
		if j < floats.Len() {
			v.Rows = append(v.Rows, floats.Rows[j])
			v.Floats = append(v.Floats, floats.Floats[j])
		}
	}
	return v
}

// heavyRow is a row that weighs more than 1.
type heavyRow struct {
	row  uint32
	more uint64 // its weight beyond 1
}

// weigh takes the weights of rows from values of sample_rate; e.weights stays nil
// while all are 1.
func (e *encoder) weigh(v *Vector) {
	if v == nil || v.Type != TypeInt64 && v.Type != TypeFloat64 {
		return
	}
	for i, row := range v.Rows {
		if v.Type == TypeInt64 && v.Ints[i] <= 1 {
			continue // nearly all
		}
		rate := Value{Type: v.Type}
		if v.Type == TypeInt64 {
			rate.Int = v.Ints[i]
		} else {
			rate.Float = v.Floats[i]
		}
		w := Weight(rate)
		if w == 1 {
			continue
		}
		if e.newRow != nil {
			row = e.newRow[row]
		}
		if e.weights == nil {
			e.weights = e.heavy[:0]
		}
		e.weights = append(e.weights, heavyRow{row, w - 1})
		e.heavy = e.weights
	}
}
