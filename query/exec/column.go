package exec

import (
	"errors"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// A blockView is a block during its turn: its columns as the plan names them,
// decoded when first needed and at most once. Everything in it lives until the
// scratch is reset.
type blockView struct {
	*scratch
	block   *storage.Block
	rows    int
	refs    []query.ColumnRef
	columns []blockColumn // by index of Plan.Columns
	time    *storedColumn // the column time
	tables  map[tableKey]codeTable
	bytes   uint64 // of what was touched
	warned  query.Warning
	expired func() bool // the query is over: give up

	// Taken back when the next block begins.
	storeds    objects[storedColumn]
	selections objects[selection]
	sets       objects[rowSet]
	bare       objects[[1]vector] // of rows alone
	feeds      objects[blockFeed]
}

// errExpired says that a block was given up because the query is over.
var errExpired = errors.New("the query is over")

// A blockColumn is what a block stores under one name: a column for each type,
// of which at most one has a value in a row.
type blockColumn struct {
	found  bool
	stored []*storedColumn
}

// A storedColumn is a column of the block and what has been decoded of it.
type storedColumn struct {
	*storage.Column
	shape   storage.Shape
	touched bool

	codes     storage.Codes
	hasHead   bool // codes has all but the rows
	hasCodes  bool // codes has the rows too
	codes8    []uint8
	codes16   []uint16
	ints      []int64
	floats    []float64
	text      storage.Text
	textRows  bitmap // the rows that text has
	lists     storage.Lists
	hasLists  bool
	form      storage.TextForm // of numbers
	numbers   []int64          // texts as the numbers that they are stored as
	valid     bitmap
	hasValid  bool
	entries   []storage.Value
	hasEntry  []bool
	listBuf   *storage.ListBuf
	textReady bool
	textAgain bool // text was decoded a second time, for more rows
	windowed  bool // windows of its texts were decoded
}

// isNumber tells whether a column holds what arithmetic takes as it is.
func (c *storedColumn) isNumber() bool {
	return c.Type() == storage.TypeInt64 || c.Type() == storage.TypeFloat64
}

func newBlockView(refs []query.ColumnRef, expired func() bool) *blockView {
	return &blockView{
		refs: refs, columns: make([]blockColumn, len(refs)), tables: make(map[tableKey]codeTable), expired: expired,
	}
}

// open begins the turn of a block.
func (v *blockView) open(s *scratch, b *storage.Block) {
	s.reset()
	v.scratch, v.block, v.rows = s, b, b.Header().Rows
	for i := range v.columns {
		v.columns[i] = blockColumn{stored: v.columns[i].stored[:0]}
	}
	v.time, v.bytes = nil, 0
	clear(v.tables)
	v.storeds.used, v.selections.used, v.sets.used, v.bare.used, v.feeds.used = 0, 0, 0, 0, 0
}

// stored begins the turn of a column.
func (v *blockView) stored(of *storage.Column) *storedColumn {
	c := v.storeds.take()
	*c = storedColumn{Column: of, shape: of.Shape()}
	return c
}

// column returns the stored columns of Plan.Columns[i].
func (v *blockView) column(i int) []*storedColumn {
	c := &v.columns[i]
	if !c.found {
		c.found = true
		if v.refs[i].Name == storage.TimeColumn {
			c.stored = append(c.stored, v.timeColumn())
			return c.stored
		}
		for _, s := range v.block.Find(v.refs[i].Name) {
			c.stored = append(c.stored, v.stored(s))
		}
	}
	return c.stored
}

// timeColumn returns the column time, which every block has.
func (v *blockView) timeColumn() *storedColumn {
	if v.time == nil {
		found := v.block.Find(storage.TimeColumn)
		if len(found) != 1 {
			panic("BUG: a block without the column time")
		}
		v.time = v.stored(found[0])
	}
	return v.time
}

// weightColumns returns the stored columns of sample_rate.
func (v *blockView) weightColumns() []*storedColumn {
	for i := range v.refs {
		if v.refs[i].Name == storage.SampleRateColumn {
			return v.column(i)
		}
	}
	var stored []*storedColumn
	for _, s := range v.block.Find(storage.SampleRateColumn) {
		stored = append(stored, v.stored(s))
	}
	return stored
}

// touch counts the bytes of a column that is about to be read.
func (v *blockView) touch(c *storedColumn) {
	if !c.touched {
		c.touched = true
		v.bytes += uint64(c.Bytes())
	}
}

// loadHead reads the dictionary of a column of codes, without its rows.
func (v *blockView) loadHead(c *storedColumn) error {
	if c.hasHead {
		return nil
	}
	codes, err := c.Head()
	if err != nil {
		return err
	}
	c.codes, c.hasHead = codes, true
	v.bytes += uint64(c.HeadBytes())
	return nil
}

// loadCodes reads the codes of the rows, too.
func (v *blockView) loadCodes(c *storedColumn) error {
	if c.hasCodes {
		return nil
	}
	if err := v.loadHead(c); err != nil {
		return err
	}
	codes, err := c.Codes()
	if err != nil {
		return err
	}
	c.codes, c.hasCodes = codes, true
	v.touch(c)
	return nil
}

// codeCount is the number of different codes: the entries, and null.
func codeCount(c storage.Codes) int {
	if c.HasNull {
		return c.Entries + 1
	}
	return c.Entries
}

// load8 returns the codes as bytes; Width is at most 8.
func (v *blockView) load8(c *storedColumn) ([]uint8, error) {
	if err := v.loadCodes(c); err != nil {
		return nil, err
	}
	if c.codes8 == nil {
		c.codes8 = unpackBytes(v.u8.take(v.rows), c.codes)
	}
	return c.codes8, nil
}

// load16 returns the codes as 16-bit integers.
func (v *blockView) load16(c *storedColumn) ([]uint16, error) {
	if err := v.loadCodes(c); err != nil {
		return nil, err
	}
	if c.codes16 == nil {
		if c.codes8 != nil {
			c.codes16 = v.u16.take(v.rows)
			scaleBytes(c.codes16, c.codes8, 1)
		} else {
			c.codes16 = c.codes.Unpack16(v.u16.take(v.rows))
		}
	}
	return c.codes16, nil
}

func (v *blockView) loadInts(c *storedColumn) ([]int64, error) {
	if c.ints == nil {
		v.touch(c)
		ints, err := c.Ints(v.i64.take(v.rows))
		if err != nil {
			return nil, err
		}
		c.ints = ints
	}
	return c.ints, nil
}

// loadNumbers decodes a column of ShapeText into the numbers that its texts are
// stored as; false if they are none.
func (v *blockView) loadNumbers(c *storedColumn) (bool, error) {
	if c.numbers != nil {
		return true, nil
	}
	if c.Encoding() != storage.EncAffix {
		return false, nil
	}
	v.touch(c)
	var ok bool
	var err error
	c.form, c.numbers, ok, err = c.TextNumbers(v.i64.take(v.rows))
	return ok, err
}

func (v *blockView) loadFloats(c *storedColumn) ([]float64, error) {
	if c.floats == nil {
		v.touch(c)
		floats, err := c.Floats(v.f64.take(v.rows))
		if err != nil {
			return nil, err
		}
		c.floats = floats
	}
	return c.floats, nil
}

// loadText returns texts of which those of the rows in sel are right. Texts that
// were returned before stay as they are until the block's turn is over.
func (v *blockView) loadText(c *storedColumn, sel bitmap) (storage.Text, error) {
	if c.textReady && covers(c.textRows, sel) {
		return c.text, nil
	}
	rows := bitmap(v.u64.take(words(v.rows)))
	switch {
	case !c.textReady:
		copy(rows, sel)
	case !c.textAgain:
		copy(rows, c.textRows)
		rows.or(sel)
		c.textAgain = true
	default: // all at last, so that there are three buffers at most
		rows.setAll(v.rows)
	}
	v.touch(c)
	// A buffer of its own: somebody may still hold texts in the one before.
	text, err := c.TextOf(rows, v.textBuf())
	if err != nil {
		return storage.Text{}, err
	}
	c.text, c.textRows, c.textReady = text, rows, true
	return text, nil
}

// covers tells whether all rows of b are in a.
func covers(a, b bitmap) bool {
	a = a[:len(b)]
	for i := range b {
		if b[i]&^a[i] != 0 {
			return false
		}
	}
	return true
}

func (v *blockView) loadLists(c *storedColumn) (storage.Lists, error) {
	if !c.hasLists {
		c.listBuf = v.listBuf()
		v.touch(c)
		lists, err := c.Lists(c.listBuf)
		if err != nil {
			return storage.Lists{}, err
		}
		c.lists, c.hasLists = lists, true
	}
	return c.lists, nil
}

// loadValid returns the rows that are not null; nil: all.
func (v *blockView) loadValid(c *storedColumn) (bitmap, error) {
	if !c.hasValid {
		if err := c.Check(); err != nil {
			return nil, err
		}
		if c.NullCount() > 0 {
			v.touch(c)
		}
		c.valid, c.hasValid = c.Valid(), true
	}
	return c.valid, nil
}

// entry returns a dictionary entry, null for the code of null. It is owned, and
// made once.
func (v *blockView) entry(c *storedColumn, code int) storage.Value {
	if code >= c.codes.Entries {
		return storage.Value{}
	}
	if c.entries == nil {
		c.entries = make([]storage.Value, c.codes.Entries)
		c.hasEntry = make([]bool, c.codes.Entries)
	}
	if !c.hasEntry[code] {
		c.entries[code], c.hasEntry[code] = c.Entry(code), true
	}
	return c.entries[code]
}

// load decodes whatever value needs of the rows in sel.
func (v *blockView) load(c *storedColumn, sel bitmap) error {
	if _, err := v.loadValid(c); err != nil {
		return err
	}
	var err error
	switch c.shape {
	case storage.ShapeCodes:
		_, err = v.load16(c)
	case storage.ShapeInts:
		_, err = v.loadInts(c)
	case storage.ShapeFloats:
		_, err = v.loadFloats(c)
	case storage.ShapeText:
		_, err = v.loadText(c, sel)
	case storage.ShapeLists:
		_, err = v.loadLists(c)
	}
	return err
}

// value returns the value of one row of a column that was loaded; null if it has
// none. A string may point into the block or the scratch.
func (v *blockView) value(c *storedColumn, row int) storage.Value {
	if c.shape == storage.ShapeCodes {
		return v.entry(c, int(c.codes16[row]))
	}
	if c.valid != nil && !c.valid.has(row) {
		return storage.Value{}
	}
	switch c.shape {
	case storage.ShapeInts:
		return storage.Value{Type: c.Type(), Int: c.ints[row]}
	case storage.ShapeFloats:
		return storage.Float(c.floats[row])
	case storage.ShapeText:
		return storage.String(volatileString(c.text.At(row)))
	}
	from, to := c.lists.Range(row)
	items := make([]string, to-from)
	for i := range items {
		items[i] = volatileString(c.lists.Item(from + i))
	}
	return storage.List(items)
}

// A blockRow is a row of a block as expressions see it. The columns it is asked
// for have been loaded.
type blockRow struct {
	view *blockView
	row  int
}

func (r *blockRow) Column(i int) storage.Value {
	for _, c := range r.view.columns[i].stored {
		if x := r.view.value(c, r.row); x.Type != storage.TypeNull {
			return x
		}
	}
	return storage.Value{}
}

func (r *blockRow) Key(int) storage.Value { panic("BUG: a key inside a block") }
func (r *blockRow) Agg(int) storage.Value { panic("BUG: an aggregate inside a block") }

// Warn collects what went wrong in an expression.
func (r *blockRow) Warn(w query.Warning) { r.view.warned |= w }

// A valueRow is a row of one known value, whatever column is asked for: an entry
// of a dictionary, say. The zero value is a row of nulls.
type valueRow struct {
	value storage.Value
	warn  *query.Warning
}

func (r *valueRow) Column(int) storage.Value { return r.value }
func (r *valueRow) Key(int) storage.Value    { panic("BUG: a key inside a block") }
func (r *valueRow) Agg(int) storage.Value    { panic("BUG: an aggregate inside a block") }

// Warn collects what went wrong in an expression.
func (r *valueRow) Warn(w query.Warning) {
	if r.warn != nil {
		*r.warn |= w
	}
}

// columnsOf appends the plan columns an expression reads, each once.
func columnsOf(dst []int, b *query.Bound) []int {
	if b == nil {
		return dst
	}
	if b.Op == query.OpColumn {
		for _, c := range dst {
			if c == b.Index {
				return dst
			}
		}
		return append(dst, b.Index)
	}
	for _, arg := range b.Args {
		dst = columnsOf(dst, arg)
	}
	return dst
}

// owned returns a value that points into nothing.
func owned(v storage.Value) storage.Value {
	switch v.Type {
	case storage.TypeString:
		v.Str = string(append([]byte(nil), v.Str...))
	case storage.TypeList:
		items := make([]string, len(v.List))
		for i, item := range v.List {
			items[i] = string(append([]byte(nil), item...))
		}
		v.List = items
	}
	return v
}
