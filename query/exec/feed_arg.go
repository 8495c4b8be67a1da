package exec

import (
	"slices"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// feedArg feeds arg_min and arg_max: what rows are chosen by, and the values of
// rows that have both. A value is looked at only where its row may be chosen.
func feedArg(s *query.ArgState, by, values *vector) {
	by.rowValues()
	groups, value := by.set.rowGroups(), values.valueAt
	if by.set != values.set && !slices.Equal(by.set.bits, values.set.bits) {
		atBy, atValue := commonRows(by.set, values.set)
		groups = gather(by.set.sel.view.u32.take(len(atBy)), groups, atBy)
		by = by.picked(atBy)
		value = func(at int) storage.Value { return values.valueAt(int(atValue[at])) }
	}
	switch by.typ {
	case storage.TypeFloat64:
		s.AddFloats(groups, by.floats, value)
	case storage.TypeString:
		s.AddStrings(groups, by.texts, value)
	default:
		s.AddInts(groups, by.ints, value)
	}
}

// commonRows finds the rows that are in both sets: their positions in each.
func commonRows(a, b *rowSet) (inA, inB []uint16) {
	u16 := a.sel.view.u16.take
	rowsA, rowsB := a.rows(), b.rows()
	n := min(len(rowsA), len(rowsB))
	inA, inB = u16(n)[:0], u16(n)[:0]
	j := 0
	for i, r := range rowsA {
		for j < len(rowsB) && rowsB[j] < r {
			j++
		}
		if j < len(rowsB) && rowsB[j] == r {
			inA, inB = append(inA, uint16(i)), append(inB, uint16(j))
		}
	}
	return inA, inB
}

// picked is the values at positions, without their rows.
func (vec *vector) picked(at []uint16) *vector {
	v := vec.set.sel.view
	out := &vector{typ: vec.typ}
	switch vec.typ {
	case storage.TypeFloat64:
		out.floats = pick(v.f64.take, vec.floats, at)
	case storage.TypeString:
		out.texts = gather(make([]string, len(at)), vec.texts, at)
	default:
		out.ints = pick(v.i64.take, vec.ints, at)
	}
	return out
}

// valueAt is value i, also of a dictionary whose rows are not written out, and of
// texts that are not.
func (vec *vector) valueAt(i int) storage.Value {
	if vec.form != nil && vec.texts == nil {
		return storage.String(string(vec.form.Append(nil, vec.formInt[i])))
	}
	if vec.table != nil && !vec.expanded {
		return vec.table.value(int(vec.codes[vec.set.rows()[i]]))
	}
	return vec.value(i)
}
