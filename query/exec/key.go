package exec

import (
	"encoding/binary"
	"math"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// A keyPlan is one GROUP BY key, worked out once per query.
type keyPlan struct {
	*query.Key
	columns []int // plan columns it reads
	plain   bool  // the expression is a column
	arith   *arith
}

func compileKeys(keys []query.Key) []keyPlan {
	plans := make([]keyPlan, len(keys))
	for i := range keys {
		plans[i] = keyPlan{
			Key: &keys[i], columns: columnsOf(nil, keys[i].Expr), plain: keys[i].Expr.Op == query.OpColumn,
		}
		if a := compileArith(keys[i].Expr); a != nil && a.typ == keys[i].Type {
			plans[i].arith = a
		}
	}
	return plans
}

// A keyTable gives each value of one key, null too, its id for one chain of
// blocks, in the order they come.
type keyTable struct {
	typ   storage.Type
	ints  intTable  // bool, int64, time; the bits of float64
	texts byteTable // string; lists, encoded
	grow  bool      // new values are taken
	buf   []byte

	rawInts intTable // memo: stored integers of a column ...
	rawIDs  []uint32 // ... and the id of what the expression makes of each
}

// id returns the id of a value of the key's type, or null; noID if it is new and
// no more are taken.
func (t *keyTable) id(v storage.Value) uint32 {
	switch v.Type {
	case storage.TypeNull:
		return t.nullID()
	case storage.TypeFloat64:
		return t.idOfFloat(v.Float)
	case storage.TypeString:
		return t.texts.id(lend(v.Str), t.grow)
	case storage.TypeList:
		t.buf = appendList(t.buf[:0], v.List)
		return t.texts.id(t.buf, t.grow)
	}
	return t.ints.id(v.Int, t.grow)
}

// isText tells whether the ids are those of texts.
func (t *keyTable) isText() bool {
	return t.typ == storage.TypeString || t.typ == storage.TypeList
}

func (t *keyTable) nullID() uint32 {
	if t.isText() {
		return t.texts.nullID(t.grow)
	}
	return t.ints.nullID(t.grow)
}

// isNull tells whether an id is that of null.
func (t *keyTable) isNull(id uint32) bool {
	if t.isText() {
		return id+1 == t.texts.null
	}
	return id+1 == t.ints.null
}

func (t *keyTable) idOfInt(v int64) uint32 { return t.ints.id(v, t.grow) }

func (t *keyTable) idOfFloat(f float64) uint32 {
	if f != f {
		f = math.NaN()
	}
	return t.ints.id(int64(math.Float64bits(f+0)), t.grow)
}

func (t *keyTable) idOfText(v []byte) uint32 { return t.texts.id(v, t.grow) }

// value returns the value of an id; it owns its memory.
func (t *keyTable) value(id uint32) storage.Value {
	if t.isNull(id) {
		return storage.Value{}
	}
	switch t.typ {
	case storage.TypeFloat64:
		return storage.Float(math.Float64frombits(uint64(t.ints.values[id])))
	case storage.TypeString:
		return storage.String(string(t.texts.appendAt(nil, int(id))))
	case storage.TypeList:
		return storage.List(decodeList(t.texts.appendAt(nil, int(id))))
	}
	return storage.Value{Type: t.typ, Int: t.ints.values[id]}
}

func (t *keyTable) bytes() int {
	return t.ints.bytes() + t.texts.bytes() + t.rawInts.bytes() + cap(t.rawIDs)*4
}

// appendList writes a list as its items, each behind its length.
func appendList(dst []byte, items []string) []byte {
	for _, item := range items {
		dst = binary.AppendUvarint(dst, uint64(len(item)))
		dst = append(dst, item...)
	}
	return dst
}

// decodeList reads what appendList wrote.
func decodeList(src []byte) []string {
	items := []string{}
	for len(src) > 0 {
		n, size := binary.Uvarint(src)
		items = append(items, string(src[size:size+int(n)]))
		src = src[size+int(n):]
	}
	return items
}

// keyValue brings the result of a key's expression to the key's type.
func keyValue(v storage.Value, t storage.Type) storage.Value {
	if v = query.Coerce(v, t); v.Type == t {
		return v
	}
	v, _ = query.Cast(v, t)
	return v
}

// A blockKey is a key over the rows of one block: codes local to the block where
// it has few values, or else an id for each selected row.
type blockKey struct {
	size    int // of the codes; 0: ids
	codes8  []uint8
	codes16 []uint16              // both nil: one code for all rows
	resolve func(code int) uint32 // the id of a code
	ids     []uint32              // by selected row
}

// keyOf makes the blockKey of key k. rows are the selected rows; they are asked
// for only if the key needs ids.
func (g *grouper) keyOf(v *blockView, k int, rows func() []uint16) (blockKey, error) {
	plan, table := &g.plans[k], &g.tables[k]
	switch {
	case plan.counts(v.block.Header()):
		return g.keyOfTime(v, plan, table, rows)
	case len(plan.columns) == 0:
		return constantKey(table, keyValue(plan.Expr.Eval(&valueRow{warn: &v.warned}), plan.Type)), nil
	case len(plan.columns) > 1:
		return g.keyOfRows(v, plan, table, rows())
	case plan.TimeBucket:
		if value, ok := plan.evenBucket(v); ok {
			return constantKey(table, value), nil
		}
		return g.keyOfUneven(v, plan, table, rows())
	}
	stored := v.column(plan.columns[0])
	switch {
	case len(stored) == 0:
		return constantKey(table, keyValue(plan.Expr.Eval(&valueRow{warn: &v.warned}), plan.Type)), nil
	case len(stored) > 1 || stored[0].shape != storage.ShapeCodes:
		return g.keyOfStored(v, plan, table, stored, rows())
	}
	return g.keyOfCodes(v, k, stored[0])
}

// evenBucket returns the bucket that all times of the block lie in, for buckets
// that are not counted: months, and those at the edges of time.
func (k *keyPlan) evenBucket(v *blockView) (storage.Value, bool) {
	h := v.block.Header()
	first := keyValue(k.Expr.Eval(&valueRow{value: storage.Time(h.MinTime)}), k.Type)
	last := keyValue(k.Expr.Eval(&valueRow{value: storage.Time(h.MaxTime)}), k.Type)
	// Null stands for what is before or after all buckets: it says nothing of the
	// times between.
	return first, !first.IsNull() && query.Order(first, last) == 0
}

// counts tells whether the buckets of a block's times can be counted: they are of
// one width, and none begins or ends beyond the times that there are.
func (k *keyPlan) counts(h storage.BlockHeader) bool {
	if !k.TimeBucket || k.Width <= 0 {
		return false
	}
	room := uint64(k.Width) + uint64(max(k.Origin, -k.Origin)) + uint64(k.Shift)
	return uint64(h.MinTime)-1<<63 >= room && uint64(math.MaxInt64)-uint64(h.MaxTime) >= room
}

// path says how a key is computed over a block.
func (k *keyPlan) path(v *blockView) leafPath {
	h := v.block.Header()
	counts := k.counts(h)
	if k.TimeBucket && !counts && len(k.columns) == 1 {
		if _, ok := k.evenBucket(v); ok {
			return pathConstant
		}
		return pathSpan
	}
	switch {
	case counts:
		if k.bucket(h.MinTime) == k.bucket(h.MaxTime) {
			return pathConstant
		}
		return pathSpan
	case len(k.columns) == 0:
		return pathConstant
	case len(k.columns) > 1 && k.arith != nil:
		return pathArith
	case len(k.columns) > 1:
		return pathRows
	}
	worst := pathConstant
	for _, c := range v.column(k.columns[0]) {
		path := pathRows
		switch {
		case c.shape == storage.ShapeCodes:
			path = pathCodes
		case k.plain && c.shape == storage.ShapeText:
			path = pathText
		case k.plain && c.shape != storage.ShapeLists:
			path = pathSpan
		case k.arith != nil && c.isNumber():
			path = pathArith
		}
		worst = max(worst, path)
	}
	return worst
}

func constantKey(table *keyTable, value storage.Value) blockKey {
	return blockKey{size: 1, resolve: func(int) uint32 { return table.id(value) }}
}

// A codeKey resolves the codes of a key of the present block. There is one for each
// key of a grouper, as every block needs one.
type codeKey struct {
	v         *blockView
	plan      *keyPlan
	table     *keyTable
	c         *storedColumn
	row       valueRow
	plainText bool
	resolve   func(code int) uint32 // codeKey.id
}

func (k *codeKey) id(code int) uint32 {
	if k.plainText && code < k.c.codes.Entries {
		return k.table.idOfText(k.c.EntryText(code))
	}
	k.row.value = k.v.entry(k.c, code)
	return k.table.id(keyValue(k.plan.Expr.Eval(&k.row), k.plan.Type))
}

// keyOfCodes makes codes of a dictionary: the expression is evaluated for the
// entries that occur.
func (g *grouper) keyOfCodes(v *blockView, k int, c *storedColumn) (blockKey, error) {
	if err := v.loadHead(c); err != nil {
		return blockKey{}, err
	}
	if g.coded == nil {
		g.coded = make([]codeKey, len(g.plans))
	}
	plan, at := &g.plans[k], &g.coded[k]
	if at.resolve == nil {
		at.resolve = at.id
	}
	at.v, at.plan, at.table, at.c, at.row = v, plan, &g.tables[k], c, valueRow{warn: &v.warned}
	at.plainText = plan.plain && plan.Type == storage.TypeString && c.Type() == storage.TypeString
	key := blockKey{size: codeCount(c.codes), resolve: at.resolve}
	if c.codes.HasNull && c.codes.Entries == 0 || c.codes.Width == 0 {
		key.size = 1
	}
	return key, nil
}

// noValue stands for the id of a row for which no column has had a value yet.
const noValue = noID - 1

// keyOfStored gives ids to the values of columns that are no dictionary, or of
// which several share a name. Rows with a value in none get the id of null.
func (g *grouper) keyOfStored(v *blockView, plan *keyPlan, table *keyTable, stored []*storedColumn, rows []uint16) (blockKey, error) {
	if k, ok, err := g.keyOfArith(v, plan, table, rows); ok || err != nil {
		return k, err
	}
	k := blockKey{ids: v.u32.take(len(rows))}
	for i := range k.ids {
		k.ids[i] = noValue
	}
	sel := v.bitmap(v.rows)
	for _, r := range rows {
		sel[r>>6] |= 1 << (r & 63)
	}
	for _, c := range stored {
		if done, err := g.idsOfNumbers(v, plan, table, c, rows, k.ids); done || err != nil {
			if err != nil {
				return blockKey{}, err
			}
			continue
		}
		if err := v.load(c, sel); err != nil {
			return blockKey{}, err
		}
		if err := g.idsOf(v, plan, table, c, rows, k.ids); err != nil {
			return blockKey{}, err
		}
	}
	null := noValue // asked for when there is a row of it, so that no id is in vain
	for i, id := range k.ids {
		if id == noValue {
			if null == noValue {
				null = table.id(keyValue(plan.Expr.Eval(&valueRow{warn: &v.warned}), plan.Type))
			}
			k.ids[i] = null
		}
	}
	return k, nil
}

// idsOfNumbers is idsOf for a plain column whose values are integers, or texts
// stored as such; done tells whether it is one.
func (g *grouper) idsOfNumbers(v *blockView, plan *keyPlan, table *keyTable, c *storedColumn, rows []uint16, ids []uint32) (done bool, err error) {
	if !plan.plain || plan.Type != c.Type() {
		return false, nil
	}
	form := -1
	switch c.shape {
	case storage.ShapeInts:
		if _, err := v.loadInts(c); err != nil {
			return false, err
		}
	case storage.ShapeText:
		if ok, err := v.loadNumbers(c); !ok || err != nil {
			return false, err
		}
		if form = table.texts.formOf(&c.form); form < 0 {
			return false, nil
		}
	default:
		return false, nil
	}
	valid, err := v.loadValid(c)
	if err != nil {
		return false, err
	}
	of := func(dst []uint32, rows []uint16) {
		if form >= 0 {
			table.texts.idsAt(dst, form, c.numbers, rows, table.grow)
		} else {
			table.ints.idsAt(dst, c.ints, rows, table.grow)
		}
	}
	if valid == nil {
		of(ids, rows)
		return true, nil
	}
	with, at := v.withValue(rows, valid)
	found := v.u32.take(len(with))
	of(found, with)
	for i, id := range found {
		ids[at[i]] = id
	}
	return true, nil
}

// withValue returns the rows that are valid, and the place of each among rows.
func (v *blockView) withValue(rows []uint16, valid bitmap) (with, at []uint16) {
	with, at = v.u16.take(len(rows))[:0], v.u16.take(len(rows))[:0]
	for i, r := range rows {
		if valid.has(int(r)) {
			with, at = append(with, r), append(at, uint16(i))
		}
	}
	return with, at
}

// idsOf writes the ids of the rows in which the stored column has a value.
func (g *grouper) idsOf(v *blockView, plan *keyPlan, table *keyTable, c *storedColumn, rows []uint16, ids []uint32) error {
	same := plan.plain && plan.Type == c.Type()
	valid := func(r uint16) bool { return c.valid == nil || c.valid.has(int(r)) }
	switch {
	case same && c.shape == storage.ShapeFloats:
		for i, r := range rows {
			if valid(r) {
				ids[i] = table.idOfFloat(c.floats[r])
			}
		}
		return nil
	case same && c.shape == storage.ShapeText:
		for i, r := range rows {
			if valid(r) {
				ids[i] = table.idOfText(c.text.At(int(r)))
			}
		}
		return nil
	}
	row := &valueRow{warn: &v.warned}
	for i, r := range rows {
		if i%pollRows == 0 && v.expired() {
			return errExpired
		}
		if valid(r) {
			ids[i] = table.memo(c, int(r), func() uint32 {
				row.value = v.value(c, int(r))
				return table.id(keyValue(plan.Expr.Eval(row), plan.Type))
			})
		}
	}
	return nil
}

// memo returns the id for a row of a stored column, remembered by the stored
// value while there are not too many.
func (t *keyTable) memo(c *storedColumn, row int, make func() uint32) uint32 {
	var raw uint32
	room := len(t.rawIDs) < memoMax
	if c.shape != storage.ShapeInts || c.Type() != storage.TypeInt64 {
		return make()
	}
	raw = t.rawInts.id(c.ints[row], room)
	switch {
	case raw == noID:
		return make()
	case int(raw) == len(t.rawIDs):
		t.rawIDs = append(t.rawIDs, make())
	}
	return t.rawIDs[raw]
}

// keyOfRows evaluates the expression of several columns for every selected row.
func (g *grouper) keyOfRows(v *blockView, plan *keyPlan, table *keyTable, rows []uint16) (blockKey, error) {
	if k, ok, err := g.keyOfArith(v, plan, table, rows); ok || err != nil {
		return k, err
	}
	k := blockKey{ids: v.u32.take(len(rows))}
	sel := v.bitmap(v.rows)
	for _, r := range rows {
		sel[r>>6] |= 1 << (r & 63)
	}
	for _, i := range plan.columns {
		for _, c := range v.column(i) {
			if err := v.load(c, sel); err != nil {
				return blockKey{}, err
			}
		}
	}
	row := &blockRow{view: v}
	for i, r := range rows {
		if i%pollRows == 0 && v.expired() {
			return blockKey{}, errExpired
		}
		row.row = int(r)
		k.ids[i] = table.id(keyValue(plan.Expr.Eval(row), plan.Type))
	}
	return k, nil
}
