package exec

import (
	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// A vector is values of an aggregate's argument, none null, and the rows they
// are of. They are in the argument's type; a text may point into the block.
type vector struct {
	set    *rowSet
	typ    storage.Type
	ints   []int64
	floats []float64
	texts  []string
	lists  [][]string

	numbers *vector // as floats, made when first needed
	hashes  []uint64
	times   []int64

	sortedInts   []int64 // in the order of the runs of set
	sortedFloats []float64

	// Of texts that are stored as numbers: their form and the numbers of the rows.
	// The texts are written out only if somebody wants them.
	form    *storage.TextForm
	formInt []int64

	// From a dictionary: the codes of all rows of the block, and the value of each
	// code. The values of the rows are written out only if somebody wants them.
	table    *vector
	codes    []uint16
	entries  int
	expanded bool
	paired   bool // pairs is known
	pairs    *pairs
}

// vectors computes an input over the rows of a set: one vector for each stored
// column that has values, as at most one has one in a row.
func (v *blockView) vectors(in *inputPlan, set *rowSet) ([]vector, error) {
	switch {
	case set.n == 0:
		return nil, nil
	case in.arg == nil:
		return v.rowsAlone(set), nil
	case len(in.columns) == 0:
		return v.constantVector(in, set, in.arg.Eval(&valueRow{warn: &v.warned}))
	case len(in.columns) > 1:
		if vecs, ok, err := v.vectorOfArith(in, set); ok || err != nil {
			return vecs, err
		}
		return v.vectorOfRows(in, set)
	}
	stored := v.column(in.columns[0])
	if len(stored) == 1 && stored[0].shape == storage.ShapeCodes {
		return v.vectorOfCodes(in, set, stored[0], true)
	}
	if vecs, ok, err := v.vectorOfArith(in, set); ok || err != nil {
		return vecs, err
	}
	var all []vector
	rest := set
	for _, c := range stored {
		valid, err := v.loadValid(c)
		if err != nil {
			return nil, err
		}
		part := set.narrow(valid)
		if part.n > 0 {
			vecs, err := v.vectorOfColumn(in, part, c)
			if err != nil {
				return nil, err
			}
			all = append(all, vecs...)
		}
		rest = rest.without(valid)
	}
	if rest.n > 0 {
		vecs, err := v.constantVector(in, rest, in.arg.Eval(&valueRow{warn: &v.warned}))
		if err != nil {
			return nil, err
		}
		all = append(all, vecs...)
	}
	return all, v.complete(in, all)
}

// rowsAlone is the vector of rows of which no value is wanted.
func (v *blockView) rowsAlone(set *rowSet) []vector {
	one := v.bare.take()
	*one = [1]vector{{set: set}}
	return one[:]
}

// without returns the rows of the set that are not valid.
func (s *rowSet) without(valid bitmap) *rowSet {
	mask := bitmap(s.sel.view.u64.takeClear(len(s.bits)))
	if valid != nil {
		copy(mask, s.bits)
		mask.andNot(valid)
	}
	return s.narrow(mask)
}

// complete adds what some aggregates need beside the values.
func (v *blockView) complete(in *inputPlan, vecs []vector) error {
	if !in.timed {
		return nil
	}
	times, err := v.loadInts(v.timeColumn())
	if err != nil {
		return err
	}
	for i := range vecs {
		vecs[i].times = at(vecs[i].set, v.i64.take, times)
	}
	return nil
}

// constantVector is one value for all rows.
func (v *blockView) constantVector(in *inputPlan, set *rowSet, x storage.Value) ([]vector, error) {
	x = query.Coerce(x, in.arg.Type)
	if x.IsNull() {
		return nil, nil
	}
	vec := v.newVector(set, x.Type, set.n)
	for i := range set.n {
		vec.put(i, x)
	}
	vecs := []vector{vec}
	return vecs, v.complete(in, vecs)
}

// newVector returns a vector with room for n values.
func (v *blockView) newVector(set *rowSet, t storage.Type, n int) vector {
	vec := vector{set: set, typ: t}
	switch t {
	case storage.TypeFloat64:
		vec.floats = v.f64.take(n)
	case storage.TypeString:
		vec.texts = make([]string, n)
	case storage.TypeList:
		vec.lists = make([][]string, n)
	default:
		vec.ints = v.i64.take(n)
	}
	return vec
}

func (vec *vector) put(i int, x storage.Value) {
	switch x.Type {
	case storage.TypeFloat64:
		vec.floats[i] = x.Float
	case storage.TypeString:
		vec.texts[i] = x.Str
	case storage.TypeList:
		vec.lists[i] = x.List
	default:
		vec.ints[i] = x.Int
	}
}

// value returns value i.
func (vec *vector) value(i int) storage.Value {
	switch vec.typ {
	case storage.TypeFloat64:
		return storage.Float(vec.floats[i])
	case storage.TypeString:
		return storage.String(vec.texts[i])
	case storage.TypeList:
		return storage.List(vec.lists[i])
	}
	return storage.Value{Type: vec.typ, Int: vec.ints[i]}
}

// vectorOfColumn computes an input over rows in which a stored column is not null.
func (v *blockView) vectorOfColumn(in *inputPlan, set *rowSet, c *storedColumn) ([]vector, error) {
	if c.shape == storage.ShapeCodes {
		return v.vectorOfCodes(in, set, c, false)
	}
	if !in.values && in.plain {
		return v.rowsAlone(set), nil
	}
	if in.plain && c.shape == storage.ShapeInts {
		ints, err := v.loadInts(c)
		if err != nil {
			return nil, err
		}
		switch in.arg.Type {
		case c.Type():
			return []vector{{set: set, typ: c.Type(), ints: at(set, v.i64.take, ints)}}, nil
		case storage.TypeFloat64:
			vec := v.newVector(set, storage.TypeFloat64, set.n)
			for i, x := range at(set, v.i64.take, ints) {
				vec.floats[i] = float64(x)
			}
			return []vector{vec}, nil
		}
	}
	if in.plain && c.shape == storage.ShapeFloats && in.arg.Type == storage.TypeFloat64 {
		floats, err := v.loadFloats(c)
		if err != nil {
			return nil, err
		}
		return []vector{{set: set, typ: storage.TypeFloat64, floats: at(set, v.f64.take, floats)}}, nil
	}
	if in.plain && c.shape == storage.ShapeText && in.arg.Type == storage.TypeString {
		switch ok, err := v.loadNumbers(c); {
		case err != nil:
			return nil, err
		case ok:
			return []vector{{set: set, typ: storage.TypeString, form: &c.form, formInt: at(set, v.i64.take, c.numbers)}}, nil
		}
		text, err := v.loadText(c, set.bits)
		if err != nil {
			return nil, err
		}
		vec := v.newVector(set, storage.TypeString, set.n)
		if set.all() {
			for row := range vec.texts {
				vec.texts[row] = volatileString(text.At(row))
			}
		} else {
			for i, r := range set.rows() {
				vec.texts[i] = volatileString(text.At(int(r)))
			}
		}
		return []vector{vec}, nil
	}
	if err := v.load(c, set.bits); err != nil {
		return nil, err
	}
	row := &valueRow{warn: &v.warned}
	return v.evaluate(in, set, func(r int) storage.Value {
		row.value = v.value(c, r)
		return in.arg.Eval(row)
	})
}

// vectorOfRows evaluates an argument over several columns row by row.
func (v *blockView) vectorOfRows(in *inputPlan, set *rowSet) ([]vector, error) {
	for _, i := range in.columns {
		for _, c := range v.column(i) {
			if err := v.load(c, set.bits); err != nil {
				return nil, err
			}
		}
	}
	row := &blockRow{view: v}
	vecs, err := v.evaluate(in, set, func(r int) storage.Value {
		row.row = r
		return in.arg.Eval(row)
	})
	if err != nil {
		return nil, err
	}
	return vecs, v.complete(in, vecs)
}

// evaluate makes a vector of the values of rows that are not null.
func (v *blockView) evaluate(in *inputPlan, set *rowSet, eval func(row int) storage.Value) ([]vector, error) {
	mask := v.bitmap(v.rows)
	vec := v.newVector(set, in.arg.Type, set.n)
	n := 0
	for i, r := range set.rows() {
		if i%pollRows == 0 && v.expired() {
			return nil, errExpired
		}
		x := keyValue(eval(int(r)), in.arg.Type)
		if x.IsNull() {
			continue
		}
		vec.put(n, x)
		mask.set(int(r))
		n++
	}
	if n == 0 {
		return nil, nil
	}
	vec.set = set.narrow(mask)
	vec.cut(n)
	return []vector{vec}, nil
}

func (vec *vector) cut(n int) {
	switch vec.typ {
	case storage.TypeFloat64:
		vec.floats = vec.floats[:n]
	case storage.TypeString:
		vec.texts = vec.texts[:n]
	case storage.TypeList:
		vec.lists = vec.lists[:n]
	default:
		vec.ints = vec.ints[:n]
	}
}

// vectorOfCodes evaluates an argument over one dictionary column once per entry.
// null says that the null code is a row like others: what the argument makes of
// null may be a value.
func (v *blockView) vectorOfCodes(in *inputPlan, set *rowSet, c *storedColumn, null bool) ([]vector, error) {
	if err := v.loadHead(c); err != nil {
		return nil, err
	}
	codes := codeCount(c.codes)
	t := codeTable{passes: v.u8.takeClear(max(256, codes+1))}
	table := v.newVector(nil, in.arg.Type, codes)
	warned := codeWarnings{codes: codes + 1}
	row := &valueRow{warn: &warned.last}
	passing := 0
	for code := range codes {
		if code == c.codes.Entries && !null {
			break
		}
		row.value = v.entry(c, code)
		if x := keyValue(in.arg.Eval(row), in.arg.Type); !x.IsNull() {
			table.put(code, x)
			t.passes[code] = 1
			passing++
		}
		warned.note(code)
	}
	if err := v.warnCodes(c, warned.all, set.bits); err != nil {
		return nil, err
	}
	if passing == 0 {
		return nil, nil
	}
	if passing < codes {
		mask := bitmap(v.u64.take(words(v.rows)))
		if err := t.mask(v, c, mask, false); err != nil {
			return nil, err
		}
		set = set.narrow(mask)
	}
	if set.n == 0 {
		return nil, nil
	}
	if !in.values {
		return v.rowsAlone(set), nil
	}
	all, err := v.load16(c)
	if err != nil {
		return nil, err
	}
	vecs := []vector{{set: set, typ: in.arg.Type, table: &table, codes: all, entries: codes}}
	return vecs, v.complete(in, vecs)
}

// rowValues makes sure that the values of the rows are there.
func (vec *vector) rowValues() *vector {
	if vec.form != nil && vec.texts == nil {
		vec.writeTexts()
	}
	if vec.table == nil || vec.expanded {
		return vec
	}
	vec.expanded = true
	v := vec.set.sel.view
	full := v.newVector(vec.set, vec.typ, vec.set.n)
	vec.ints, vec.floats, vec.texts, vec.lists = full.ints, full.floats, full.texts, full.lists
	expandTable(vec, vec.table, at(vec.set, v.u16.take, vec.codes))
	return vec
}

// writeTexts writes the texts of the numbers of a form.
func (vec *vector) writeTexts() {
	v := vec.set.sel.view
	vec.texts = make([]string, len(vec.formInt))
	ends := v.u32.take(len(vec.formInt))
	var bytes []byte
	for i, number := range vec.formInt {
		if i == 0 {
			bytes = vec.form.Append(v.u8.take(textRoom)[:0], number)
			bytes = append(v.u8.take(len(vec.formInt) * (len(bytes) + 1))[:0], bytes...)
		} else {
			bytes = vec.form.Append(bytes, number)
		}
		ends[i] = uint32(len(bytes))
	}
	start := uint32(0)
	for i, end := range ends {
		vec.texts[i] = volatileString(bytes[start:end])
		start = end
	}
}

// textRoom holds any text that is stored as a number.
const textRoom = 128

// expandTable writes the value of each code.
func expandTable(dst, table *vector, codes []uint16) {
	switch dst.typ {
	case storage.TypeFloat64:
		mapTable(dst.floats, table.floats, codes)
	case storage.TypeString:
		mapTable(dst.texts, table.texts, codes)
	case storage.TypeList:
		mapTable(dst.lists, table.lists, codes)
	default:
		mapTable(dst.ints, table.ints, codes)
	}
}

func mapTable[T any](dst, table []T, codes []uint16) []T {
	dst = dst[:len(codes)]
	for i, c := range codes {
		dst[i] = table[c]
	}
	return dst
}
