package exec

import (
	"math"
	"math/bits"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// arithStrip is how many rows are computed at a time: the numbers of some steps stay in
// the first cache.
const arithStrip = 1024

// An arithRun computes ariths over a block. The rows it is asked for have a value in
// every column.
type arithRun struct {
	view    *blockView
	columns []arithColumn // by index of Plan.Columns
}

// An arithColumn is a column as the block stores it: numbers of all rows, or codes and
// the numbers of the entries.
type arithColumn struct {
	codes  []uint16 // nil: none
	ints   []int64
	floats []float64
}

// arithOver prepares to compute expressions of some columns; ok tells whether the block
// stores them as numbers. valid is the rows that have a value in all of them; nil: all.
func (v *blockView) arithOver(columns []int, floats func(column int) bool) (r *arithRun, valid bitmap, ok bool, err error) {
	r = &arithRun{view: v, columns: make([]arithColumn, len(v.refs))}
	for _, i := range columns {
		stored := v.column(i)
		if len(stored) == 0 {
			return r, v.bitmap(v.rows), true, nil
		}
		if len(stored) > 1 {
			return nil, nil, false, nil
		}
		c := stored[0]
		if !c.isNumber() || c.Type() == storage.TypeFloat64 && !floats(i) {
			return nil, nil, false, nil
		}
		has, err := v.loadValid(c)
		if err != nil {
			return nil, nil, false, err
		}
		if has != nil {
			if valid == nil {
				valid = bitmap(v.u64.take(len(has)))
				copy(valid, has)
			} else {
				valid.and(has)
			}
		}
		if ok, err := r.columns[i].load(v, c); !ok || err != nil {
			return nil, nil, false, err
		}
	}
	return r, valid, true, nil
}

// warnPartly takes the warnings of those rows of sel that have a value in some of the
// columns of an expression, but not in all of them, which valid says.
func (v *blockView) warnPartly(expr *query.Bound, columns []int, sel, valid bitmap) error {
	if valid == nil || len(columns) < 2 {
		return nil
	}
	partly := v.bitmap(v.rows)
	for _, i := range columns {
		for _, c := range v.column(i) {
			has, err := v.loadValid(c)
			switch {
			case err != nil:
				return err
			case has == nil:
				partly.setAll(v.rows)
			default:
				partly.or(has)
			}
		}
	}
	partly.andNot(valid)
	partly.and(sel)
	if partly.empty() {
		return nil
	}
	for _, i := range columns {
		for _, c := range v.column(i) {
			if err := v.load(c, partly); err != nil {
				return err
			}
		}
	}
	row := &blockRow{view: v}
	for i, r := range appendPositions(v.u16.take(v.rows)[:0], partly) {
		if i%pollRows == 0 && v.expired() {
			return errExpired
		}
		row.row = int(r)
		expr.Eval(row)
	}
	return nil
}

func (a *arithColumn) load(v *blockView, c *storedColumn) (ok bool, err error) {
	switch c.shape {
	case storage.ShapeInts:
		a.ints, err = v.loadInts(c)
	case storage.ShapeFloats:
		a.floats, err = v.loadFloats(c)
	case storage.ShapeCodes:
		if a.codes, err = v.load16(c); err != nil {
			return false, err
		}
		// One more for the code of null, which no row has that is asked for.
		if n := c.codes.Entries + 1; c.Type() == storage.TypeFloat64 {
			a.floats = v.f64.take(n)
			copy(a.floats, c.EntryFloats())
		} else {
			a.ints = v.i64.take(n)
			copy(a.ints, c.EntryInts())
		}
	default:
		return false, nil
	}
	return true, err
}

// floatsAt tells whether a column may be stored as floats; what is computed with as an
// integer must not be.
func (a *arith) floatsAt(column int) bool {
	if a.op == query.OpColumn && a.column == column {
		return a.typ == storage.TypeFloat64
	}
	for _, arg := range a.args {
		if !arg.floatsAt(column) {
			return false
		}
	}
	return true
}

// strips calls f for each strip of rows until it returns false.
func (r *arithRun) strips(rows []uint16, f func(at int, rows []uint16) bool) (whole bool, err error) {
	for at := 0; at < len(rows); at += arithStrip {
		if r.view.expired() {
			return false, errExpired
		}
		m := r.view.mark()
		ok := f(at, rows[at:min(at+arithStrip, len(rows))])
		r.view.release(m)
		if !ok {
			return false, nil
		}
	}
	return true, nil
}

// ints computes an arith of type int64; false if some row has no value.
func (r *arithRun) ints(a *arith, rows []uint16, dst []int64) bool {
	switch a.op {
	case query.OpConst:
		fill(dst, a.value.Int)
		return true
	case query.OpColumn:
		c := &r.columns[a.column]
		gatherRows(dst, c.ints, c.codes, rows)
		return true
	}
	if !r.ints(a.args[0], rows, dst) {
		return false
	}
	if len(a.args) == 1 {
		return a.oneInt(dst)
	}
	y := r.view.i64.take(len(rows))
	return r.ints(a.args[1], rows, y) && a.twoInts(dst, y)
}

// oneInt computes a step of one integer in place.
func (a *arith) oneInt(x []int64) bool {
	switch {
	case a.op == query.OpNeg:
		for i, v := range x {
			if v == math.MinInt64 {
				return false
			}
			x[i] = -v
		}
	case a.f == arithAbs:
		for i, v := range x {
			if v == math.MinInt64 {
				return false
			}
			x[i] = max(v, -v)
		}
	}
	return true
}

// twoInts computes a step of two integers into the first.
func (a *arith) twoInts(x, y []int64) bool {
	y = y[:len(x)]
	over := int64(0) // negative: a result does not fit
	switch a.op {
	case query.OpAdd:
		for i, v := range x {
			z := v + y[i]
			over |= (v ^ z) & (y[i] ^ z)
			x[i] = z
		}
	case query.OpSub:
		for i, v := range x {
			z := v - y[i]
			over |= (v ^ y[i]) & (v ^ z)
			x[i] = z
		}
	case query.OpMul:
		for i, v := range x {
			hi, lo := bits.Mul64(uint64(v), uint64(y[i]))
			high := int64(hi) - (v>>63)&y[i] - (y[i]>>63)&v
			if high != int64(lo)>>63 {
				return false
			}
			x[i] = int64(lo)
		}
	default:
		return a.divideInts(x, y)
	}
	return over >= 0
}

// divideInts computes quotients, rests and buckets. The processor would trap on the
// smallest int64 divided by -1.
func (a *arith) divideInts(x, y []int64) bool {
	for i, v := range x {
		w := y[i]
		if w == 0 || w == -1 {
			return false
		}
		q := v / w
		rest := v - q*w
		switch {
		case a.op == query.OpDiv:
			x[i] = q
			continue
		case a.op == query.OpMod:
			x[i] = rest
			continue
		}
		if rest != 0 && rest^w < 0 {
			rest += w
		}
		if x[i] = v - rest; (v^rest)&(v^x[i]) < 0 {
			return false
		}
	}
	return true
}

// floats computes an arith as floats; false if some row has no value.
func (r *arithRun) floats(a *arith, rows []uint16, dst []float64) bool {
	switch {
	case a.op == query.OpColumn:
		c := &r.columns[a.column]
		if c.floats != nil {
			gatherRows(dst, c.floats, c.codes, rows)
			return true
		}
		return r.converted(a, c, rows, dst)
	case a.typ == storage.TypeInt64:
		return r.converted(a, nil, rows, dst)
	case a.op == query.OpConst:
		fill(dst, a.value.Float)
		return true
	}
	if !r.floats(a.args[0], rows, dst) {
		return false
	}
	if len(a.args) == 1 {
		return a.oneFloat(dst)
	}
	y := r.view.f64.take(len(rows))
	return r.floats(a.args[1], rows, y) && a.twoFloats(dst, y)
}

// converted computes integers, those of a column or of a, and makes floats of them.
func (r *arithRun) converted(a *arith, c *arithColumn, rows []uint16, dst []float64) bool {
	ints := r.view.i64.take(len(rows))
	if c != nil {
		gatherRows(ints, c.ints, c.codes, rows)
	} else if !r.ints(a, rows, ints) {
		return false
	}
	for i, v := range ints {
		dst[i] = float64(v)
	}
	return true
}

// oneFloat computes a step of one float in place.
func (a *arith) oneFloat(x []float64) bool {
	switch {
	case a.op == query.OpNeg:
		for i, v := range x {
			x[i] = -v
		}
	case a.f == arithAbs:
		for i, v := range x {
			x[i] = math.Abs(v)
		}
	case a.f == arithWhole:
		for i, v := range x {
			x[i] = a.one(v)
		}
	default:
		for i, v := range x {
			z := a.one(v)
			if z != z && v == v || z < -math.MaxFloat64 {
				return false
			}
			x[i] = z
		}
	}
	return true
}

// twoFloats computes a step of two floats into the first.
func (a *arith) twoFloats(x, y []float64) bool {
	y = y[:len(x)]
	switch a.op {
	case query.OpAdd:
		for i := range x {
			x[i] += y[i]
		}
		return true
	case query.OpSub:
		for i := range x {
			x[i] -= y[i]
		}
		return true
	case query.OpMul:
		for i := range x {
			x[i] *= y[i]
		}
		return true
	}
	for i, w := range y {
		switch {
		case w == 0:
			return false
		case a.op == query.OpDiv:
			x[i] /= w
		case a.op == query.OpMod:
			x[i] = math.Mod(x[i], w)
		default:
			x[i] = math.Floor(x[i]/w) * w
		}
	}
	return true
}

// gatherRows takes the numbers of rows, those of their codes if there are codes.
func gatherRows[T any](dst, numbers []T, codes, rows []uint16) {
	dst = dst[:len(rows)]
	if codes == nil {
		for i, r := range rows {
			dst[i] = numbers[r]
		}
		return
	}
	for i, r := range rows {
		dst[i] = numbers[codes[r]]
	}
}

// vectorOfArith computes an argument; ok tells whether it could be.
func (v *blockView) vectorOfArith(in *inputPlan, set *rowSet) (vecs []vector, ok bool, err error) {
	if in.arith == nil {
		return nil, false, nil
	}
	run, valid, ok, err := v.arithOver(in.columns, in.arith.floatsAt)
	if !ok || err != nil {
		return nil, false, err
	}
	if in.arith.warns() {
		if err := v.warnPartly(in.arg, in.columns, set.bits, valid); err != nil {
			return nil, false, err
		}
	}
	if set = set.narrow(valid); set.n == 0 {
		return nil, true, nil
	}
	vec := v.newVector(set, in.arith.typ, set.n)
	ok, err = run.all(in.arith, set.rows(), vec.ints, vec.floats)
	if !ok || err != nil {
		return nil, false, err
	}
	vecs = []vector{vec}
	return vecs, true, v.complete(in, vecs)
}

// all computes an arith for many rows, into the slice of its type.
func (r *arithRun) all(a *arith, rows []uint16, ints []int64, floats []float64) (whole bool, err error) {
	return r.strips(rows, func(at int, rows []uint16) bool {
		if a.typ == storage.TypeInt64 {
			return r.ints(a, rows, ints[at:at+len(rows)])
		}
		return r.floats(a, rows, floats[at:at+len(rows)])
	})
}

// keyOfArith gives ids to the results of an expression; ok tells whether it could be
// computed.
func (g *grouper) keyOfArith(v *blockView, plan *keyPlan, table *keyTable, rows []uint16) (k blockKey, ok bool, err error) {
	if plan.arith == nil {
		return k, false, nil
	}
	run, valid, ok, err := v.arithOver(plan.columns, plan.arith.floatsAt)
	if !ok || err != nil {
		return k, false, err
	}
	if plan.arith.warns() {
		sel := v.bitmap(v.rows)
		for _, r := range rows {
			sel.set(int(r))
		}
		if err := v.warnPartly(plan.Expr, plan.columns, sel, valid); err != nil {
			return k, false, err
		}
	}
	with, at := rows, []uint16(nil)
	if valid != nil {
		with, at = v.withValue(rows, valid)
	}
	var ints []int64
	var floats []float64
	if plan.Type == storage.TypeInt64 {
		ints = v.i64.take(len(with))
	} else {
		floats = v.f64.take(len(with))
	}
	if ok, err := run.all(plan.arith, with, ints, floats); !ok || err != nil {
		return k, false, err
	}
	k.ids = v.u32.take(len(rows))
	if at == nil {
		table.idsOfAll(v, k.ids, ints, floats)
		return k, true, nil
	}
	if len(with) < len(rows) {
		fill(k.ids, table.nullID())
	}
	found := v.u32.take(len(with))
	table.idsOfAll(v, found, ints, floats)
	for i, id := range found {
		k.ids[at[i]] = id
	}
	return k, true, nil
}

// idsOfAll gives ids to numbers, one of the slices.
func (t *keyTable) idsOfAll(v *blockView, ids []uint32, ints []int64, floats []float64) {
	if floats == nil {
		each := v.u16.take(len(ids))
		for i := range each {
			each[i] = uint16(i)
		}
		t.ints.idsAt(ids, ints, each, t.grow)
		return
	}
	last, id := math.NaN(), uint32(0)
	for i, f := range floats {
		if f != last { // NaN is never the last
			last, id = f, t.idOfFloat(f)
		}
		ids[i] = id
	}
}

// restrictArith takes the rows out of sel that a comparison does not pass; ok tells
// whether it could be computed, else those that are left are to be looked at.
func (l *leaf) restrictArith(v *blockView, sel bitmap) (ok bool, err error) {
	c := l.compared
	if c == nil {
		return false, nil
	}
	run, valid, ok, err := v.arithOver(l.columns, func(i int) bool { return c.x.floatsAt(i) && c.y.floatsAt(i) })
	if !ok || err != nil {
		return false, err
	}
	if c.x.warns() || c.y.warns() {
		if err := v.warnPartly(l.expr, l.columns, sel, valid); err != nil {
			return false, err
		}
	}
	if valid != nil {
		sel.and(valid) // the others are unknown
	}
	return run.strips(appendPositions(v.u16.take(v.rows)[:0], sel), func(_ int, rows []uint16) bool {
		if c.x.typ == storage.TypeInt64 && c.y.typ == c.x.typ {
			x, y := v.i64.take(len(rows)), v.i64.take(len(rows))
			return run.ints(c.x, rows, x) && run.ints(c.y, rows, y) && compareRows(c, l.want, x, y, rows, sel)
		}
		x, y := v.f64.take(len(rows)), v.f64.take(len(rows))
		return run.floats(c.x, rows, x) && run.floats(c.y, rows, y) && compareRows(c, l.want, x, y, rows, sel)
	})
}

// compareRows takes rows out of sel whose numbers do not compare as wanted; false if
// there is a NaN, which is beyond all numbers.
func compareRows[T int64 | float64](c *comparison, want bool, x, y []T, rows []uint16, sel bitmap) bool {
	y = y[:len(x)]
	for i, r := range rows {
		less, equal := x[i] < y[i], x[i] == y[i]
		if !less && !equal && !(x[i] > y[i]) {
			return false
		}
		if c.holds(less, equal) != want {
			sel[r>>6] &^= 1 << (r & 63)
		}
	}
	return true
}
