package storage

import (
	"fmt"
	"slices"
)

// Beside rows, a batch takes whole columns of the next rows: Extend gives the
// vector of a column to be appended to, EndRows closes the rows. A column that
// comes as codes into a dictionary stays so: its vector is Coded, and the block's
// dictionary is made of its entries, without a look at the texts of rows. What
// works row by row, or has no use for codes, makes it plain first.

// Extend returns the vector of a slot and type for values to be appended to,
// with their rows counted from Rows(), until EndRows closes these. No other
// value of the slot may stand in the same rows, and no row may be open. Where the
// vector is Coded, the caller appends to Rows and Codes and calls CountCodes, or
// makes it plain.
func (b *Batch) Extend(slot int, t Type) *Vector {
	v := b.slots[slot].Vectors[t]
	if v == nil {
		v = &Vector{Type: t}
		b.slots[slot].Vectors[t] = v
	}
	return v
}

// EndRows closes rows with their times, in nanoseconds since 1970.
func (b *Batch) EndRows(times []int64) {
	if b.rows+len(times) > RowsPerBlockMax {
		panic("BUG: more rows than a block takes")
	}
	if len(b.touched) > 0 {
		panic("BUG: columns are appended while a row is open")
	}
	b.times = append(b.times, times...)
	b.rows += len(times)
	b.nextRow()
}

// SetCoded makes an empty vector of texts Coded.
func (v *Vector) SetCoded() {
	if v.Type != TypeString || len(v.Rows) > 0 {
		panic(fmt.Sprintf("BUG: codes for a vector of %v with %d values", v.Type, len(v.Rows)))
	}
	v.Coded, v.sizes = true, v.sizes[:0]
}

// AppendEntry appends an entry to a Coded vector. The caller appends a value of
// it soon: no entry is without. ok is false if there are as many as codes can say.
func (v *Vector) AppendEntry(text []byte) (code uint16, ok bool) {
	if len(v.Ends) >= dictEntriesMax-1 {
		return 0, false
	}
	v.Bytes = append(v.Bytes, text...)
	v.Ends = append(v.Ends, uint32(len(v.Bytes)))
	return uint16(len(v.Ends) - 1), true
}

// Lend gives an empty vector its texts, and their ends as little-endian uint32s that
// begin at a multiple of 4. Neither is copied, and must not change before the batch is
// reset. The caller appends or lends their rows. What is appended later goes to memory
// of the vector's own, with a copy of them.
func (v *Vector) Lend(texts, ends []byte) {
	if v.Type != TypeString || len(v.Ends)+len(v.Bytes) > 0 {
		panic(fmt.Sprintf("BUG: texts lent to a vector of %v with %d texts", v.Type, len(v.Ends)))
	}
	n := len(ends) / 4
	v.Bytes, v.Ends, v.lent = texts[:len(texts):len(texts)], viewUint32(ends, n)[:n:n], true
}

// LendRows gives a vector without values its rows, in the manner of Lend.
func (v *Vector) LendRows(rows []uint32) {
	if len(v.Rows) > 0 {
		panic(fmt.Sprintf("BUG: rows lent to a vector of %d values", len(v.Rows)))
	}
	v.Rows, v.lent = rows[:len(rows):len(rows)], true
}

// takeBack lets go of what was lent, and of the vector's own that has grown from it.
func (v *Vector) takeBack() {
	if v.lent && v.Type == TypeString && !v.Coded {
		v.Bytes, v.Ends = nil, nil
	}
	if v.lent {
		v.Rows, v.lent = nil, false
	}
}

// CountCodes adds the values from index from on to CodedBytes.
func (v *Vector) CountCodes(from int) {
	for i := len(v.sizes); i < len(v.Ends); i++ {
		v.sizes = append(v.sizes, uint32(len(textAt(v.Bytes, v.Ends, i))))
	}
	sum, sizes := 0, v.sizes
	for _, code := range v.Codes[from:] {
		sum += int(sizes[code])
	}
	v.CodedBytes += sum
}

// textBytes is how many bytes the values take together, as plain texts.
func (v *Vector) textBytes() int {
	if v.Coded {
		return v.CodedBytes
	}
	return len(v.Bytes)
}

// MakePlain makes a Coded vector one of plain texts.
func (v *Vector) MakePlain() {
	if !v.Coded {
		return
	}
	var plain Vector
	plain.appendPlain(v)
	v.Coded, v.Codes, v.CodedBytes = false, v.Codes[:0], 0
	v.Bytes, v.Ends = plain.Bytes, plain.Ends
}

// appendPlain appends the values of a Coded vector, but not their rows, as plain
// texts.
func (v *Vector) appendPlain(src *Vector) {
	v.Bytes, v.Ends = slices.Grow(v.Bytes, src.CodedBytes), slices.Grow(v.Ends, len(src.Codes))
	for _, code := range src.Codes {
		v.Bytes = append(v.Bytes, textAt(src.Bytes, src.Ends, int(code))...)
		v.Ends = append(v.Ends, uint32(len(v.Bytes)))
	}
}

// MakePlain makes all columns plain, for readers that know nothing else.
func (b *Batch) MakePlain() {
	for i := range b.slots {
		if v := b.slots[i].Vectors[TypeString]; v != nil {
			v.MakePlain()
		}
	}
}

// codesOf makes a source of a Coded vector as mergeCodes does of blocks: the codes
// of its values are in e.dict, and vec holds the entries. ok is false where
// another encoding than a dictionary may be better.
func (e *encoder) codesOf(v *Vector, stats *columnStats) (s source, ok bool) {
	e.coded = Vector{Type: TypeString, Bytes: v.Bytes, Ends: v.Ends}
	s = source{vec: &e.coded, n: v.Len(), rows: e.rows, weights: e.weights}
	if s.worthSparse() || !e.numberEntries(&s, stats) {
		*stats = columnStats{}
		return s, false
	}
	if len(e.dict.first) == 1 && s.nulls() == 0 {
		*stats = columnStats{} // as of any constant
	}
	e.remap = append(e.remap[:0], e.dict.codes...)
	e.dict.codes = grow(e.dict.codes, s.n)
	remap := e.remap
	for i, code := range v.Codes[:s.n] {
		e.dict.codes[i] = remap[code]
	}
	s.at = e.placesOf(v.Rows)
	return s, true
}

// plainOf makes a source of the texts of a Coded vector.
func (e *encoder) plainOf(v *Vector) source {
	e.merged = Vector{Type: TypeString, Rows: v.Rows, Bytes: e.merged.Bytes[:0], Ends: e.merged.Ends[:0]}
	e.merged.appendPlain(v)
	s := e.sourceOf(&e.merged)
	e.merged.Rows = nil // they are the batch's
	return s
}
