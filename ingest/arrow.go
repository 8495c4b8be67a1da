package ingest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/zeebo/xxh3"

	"github.com/kelpdb/kelp/storage"
)

// arrowRows reads rows from an Arrow IPC stream.
//
// Arrow's own reader trusts what a stream says of its lengths, up to asking for
// more memory than there is. Checking all of it first is most of the work of
// reading, so this reads the stream itself: every step is held against the
// bytes that are there, and the values go from them into the batch.
type arrowRows struct {
	messages arrowMessages
	count    int // messages read
	schema   []arrowField
	dicts    map[int64]*arrowDictionary
	columns  []arrowColumn

	rows, row int // of the record being read
	window    arrowWindow
	distinct  bool   // no two columns have the same name, or slot
	rowsOnly  bool   // of tests: nothing is taken by column
	digest    uint64 // of its message
	hash      *xxh3.Hasher
	text      []byte
	numbers   []uint32 // 0, 1, 2 and so on, lent to columns of all rows
}

// arrowColumn is a leaf of the schema: what becomes a column.
type arrowColumn struct {
	name   []byte
	rank   uint8
	slot   int
	path   []int       // through the structs
	values *arrowArray // of the record being read
	around []*arrowArray
	arrowPlanned
}

func newArrowRows(r io.Reader) *arrowRows {
	p := &arrowRows{hash: xxh3.New()}
	p.open(r)
	return p
}

// open begins a body, with the buffers of the one before.
func (p *arrowRows) open(r io.Reader) {
	p.messages.r, p.messages.digest = r, 0
	p.rows, p.row, p.count, p.window.to = 0, 0, 0, 0
}

// trim lets go of the body that was read, and of what an odd one has left behind;
// it returns the bytes that are kept.
func (p *arrowRows) trim() int {
	p.schema, p.dicts, p.columns = nil, nil, nil
	m := &p.messages
	m.r, m.body = nil, nil
	if cap(m.buffer) > pooledArrowMax/2 {
		m.buffer = nil
	}
	if cap(m.spare) > pooledArrowMax/4 {
		m.spare = nil
	}
	if cap(m.metadata) > pooledWindowMax {
		m.metadata = nil
	}
	w := &p.window
	return cap(m.buffer) + cap(m.spare) + cap(m.metadata) + 8*(cap(w.times)+cap(w.arrivals)) + 4*(cap(p.numbers)+cap(w.later)+cap(w.some)+cap(w.indices))
}

func (p *arrowRows) fill(ctx context.Context, c *chunker) error {
	p.hash.Reset()
	for i := range p.columns {
		p.columns[i].slot, p.columns[i].root = -1, nil
	}
	c.arrived()
	if p.row < p.rows {
		p.note(p.digest, p.row)
	}
	for {
		for p.row < p.rows {
			if c.full(int64(c.batch.Bytes())) {
				c.digest = p.hash.Sum64()
				return nil
			}
			if p.row == p.window.to {
				p.planWindow(c)
			}
			if p.window.byColumn {
				p.row += p.takeRows(c)
				continue
			}
			p.setRow(c)
			p.row++
		}
		if err := p.next(ctx); err != nil {
			c.digest = p.hash.Sum64()
			if errors.Is(err, io.EOF) || ctx.Err() != nil {
				return err
			}
			return fmt.Errorf("cannot read message %d of the Arrow stream: %w", p.count+1, err)
		}
		c.arrived()
		p.count++
		p.note(p.messages.digest, 0)
	}
}

// note adds a message, from a row on, to the digest of the chunk.
func (p *arrowRows) note(digest uint64, row int) {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], digest)
	binary.LittleEndian.PutUint64(b[8:], uint64(row))
	_, _ = p.hash.Write(b[:]) // it never fails
}

// next reads a message.
func (p *arrowRows) next(ctx context.Context) error {
	kind, header, err := p.messages.next(ctx)
	if err != nil {
		return err
	}
	switch kind {
	case arrowMessageEnd: // perhaps of one stream of several
		p.schema, p.dicts, p.columns = nil, nil, nil
		p.messages.digest = 0
		return nil
	case arrowMessageSchema:
		if p.schema != nil {
			return errors.New("a second schema inside a stream")
		}
		return p.setSchema(header)
	}
	if p.schema == nil {
		return errors.New("the stream does not start with a schema")
	}
	if kind == arrowMessageDictionary {
		return p.addDictionary(header)
	}
	return p.setRecord(header)
}

func (p *arrowRows) setSchema(t flatTable) (err error) {
	if p.schema, err = decodeArrowSchema(t); err != nil {
		return err
	}
	if p.schema == nil {
		p.schema = []arrowField{}
	}
	p.dicts = make(map[int64]*arrowDictionary)
	if err := p.addColumns(nil, nil, p.schema); err != nil {
		return err
	}
	names := make(map[string]bool, len(p.columns))
	for i := range p.columns {
		name := string(p.columns[i].name)
		if name == storage.TimeColumn {
			name = timeRawColumn // they share a slot
		}
		names[name] = true
	}
	p.distinct = len(names) == len(p.columns)
	return nil
}

// addColumns lists the leaves of the schema.
func (p *arrowRows) addColumns(prefix []byte, path []int, fields []arrowField) error {
	for i := range fields {
		f := &fields[i]
		name := append(prefix[:len(prefix):len(prefix)], f.name...)
		here := append(path[:len(path):len(path)], i)
		switch {
		case f.name == "":
			return errors.New(failEmptyName.String())
		case len(name) > NameBytesMax:
			return errors.New(failNameLong.String())
		case f.kind == arrowStruct && !f.encoded:
			if err := p.addColumns(append(name, '.'), here, f.children); err != nil {
				return err
			}
		case len(p.columns) >= ColumnsPerRowMax:
			return errors.New(tooManyColumns)
		default:
			p.columns = append(p.columns, arrowColumn{name: name, path: here, slot: -1})
		}
	}
	return nil
}

// addDictionary reads the values of a dictionary, or more of them.
func (p *arrowRows) addDictionary(t flatTable) error {
	id, err := t.int(0, 8, 0)
	if err != nil {
		return err
	}
	table, ok, err := t.table(1)
	if err != nil || !ok {
		return errors.Join(err, errors.New("a dictionary without values"))
	}
	delta, err := t.int(2, 1, 0)
	if err != nil {
		return err
	}
	field := findDictionary(p.schema, id)
	if field == nil {
		return fmt.Errorf("no field has dictionary %d", id)
	}
	r, err := p.record(table)
	if err != nil {
		return err
	}
	values := *field
	values.encoded = false
	part, err := r.array(&values)
	if err != nil {
		return err
	}
	d := p.dicts[id]
	if delta == 0 || d == nil {
		d = &arrowDictionary{field: field, plain: true}
		d.root = d
	} else {
		// Rows of the record before still point to the shorter one.
		longer := *d
		d = &longer
	}
	d.learn(&part)
	d.parts = append(d.parts[:len(d.parts):len(d.parts)], part)
	d.length += part.length
	d.ends = append(d.ends[:len(d.ends):len(d.ends)], d.length)
	d.bytes += r.bytes + int64(len(p.messages.body))
	p.dicts[id] = d
	return p.checkDictionaries(d)
}

func (p *arrowRows) checkDictionaries(d *arrowDictionary) error {
	if len(d.parts) > arrowDeltasMax {
		return fmt.Errorf("a dictionary that is extended more than %d times", arrowDeltasMax)
	}
	sum := int64(0)
	for _, d := range p.dicts {
		sum += d.bytes
	}
	if sum > 2*arrowBodyBytesMax {
		return fmt.Errorf("its dictionaries take more than %d bytes", 2*int64(arrowBodyBytesMax))
	}
	return nil
}

// findDictionary returns the first field whose values are in a dictionary.
func findDictionary(fields []arrowField, id int64) *arrowField {
	for i := range fields {
		f := &fields[i]
		if f.encoded && f.id == id {
			return f
		}
		if found := findDictionary(f.children, id); found != nil {
			return found
		}
	}
	return nil
}

func (p *arrowRows) record(t flatTable) (*arrowRecord, error) {
	r, err := decodeArrowRecord(t, p.messages.body)
	if err != nil {
		return nil, err
	}
	r.unpack, r.dicts = p.messages.unpack, p.dicts
	return r, nil
}

// setRecord takes a record batch apart for its rows to be read.
func (p *arrowRows) setRecord(t flatTable) error {
	r, err := p.record(t)
	if err != nil {
		return err
	}
	root := make([]arrowArray, len(p.schema))
	for i := range p.schema {
		if root[i], err = r.array(&p.schema[i]); err != nil {
			return fmt.Errorf("field %s: %w", quote([]byte(p.schema[i].name)), err)
		}
		if int64(root[i].length) != r.rows {
			return fmt.Errorf("field %s has %d values for %d rows", quote([]byte(p.schema[i].name)), root[i].length, r.rows)
		}
	}
	if r.rows > arrowRowsFree+8*r.bytes {
		return fmt.Errorf("it claims %d rows in %d bytes", r.rows, r.bytes)
	}
	for i := range p.columns {
		col := &p.columns[i]
		col.around = col.around[:0]
		a := &root[col.path[0]]
		for _, k := range col.path[1:] {
			if a.valid != nil {
				col.around = append(col.around, a)
			}
			a = &a.children[k]
		}
		col.values = a
	}
	p.rows, p.row, p.digest, p.window.to = int(r.rows), 0, p.messages.digest, 0
	return nil
}

// setRow sets the columns of a row and closes it.
func (p *arrowRows) setRow(c *chunker) {
	for i := range p.columns {
		col := &p.columns[i]
		if col.isNull(p.row) {
			continue
		}
		a, at, ok := col.values.resolve(p.row)
		if !ok {
			continue
		}
		if col.slot < 0 {
			col.slot = c.slot(col.name)
			col.rank = c.times.rank(string(col.name))
		}
		if why := p.set(c, col, a, at); why != failNone {
			text := ""
			if c.telling() {
				text = "field " + quote(col.name) + ": " + why.String()
			}
			c.reject(text)
			return
		}
	}
	c.endRow()
}

func (col *arrowColumn) isNull(row int) bool {
	for _, a := range col.around {
		if a.isNull(row) {
			return true
		}
	}
	return false
}

// set sets value i of an array in the open row.
func (p *arrowRows) set(c *chunker, col *arrowColumn, a *arrowArray, i int) failure {
	b := c.batch
	switch a.field.kind {
	case arrowBool:
		if col.rank != 0 {
			c.timeUnread(col.rank, col.slot)
		}
		b.SetBool(col.slot, a.bool(i))
	case arrowInt, arrowDuration:
		n, ok := a.int(i)
		if !ok {
			return p.setFloat(c, col, float64(a.unsigned(i)))
		}
		if col.rank == 0 || c.timeRead(col.rank, col.slot, timeOfInt(n)) {
			b.SetInt(col.slot, n)
		}
	case arrowFloat:
		return p.setFloat(c, col, a.float(i))
	case arrowDate, arrowTimestamp:
		p.setTime(c, col, a, i)
	case arrowList, arrowLargeList, arrowFixedSizeList:
		return p.setList(c, col, a, i)
	case arrowStruct, arrowMap:
		return p.setJSON(c, col, a, i)
	case arrowDecimal:
		p.text = a.appendDecimal(p.text[:0], i)
		return p.setDecimal(c, col)
	case arrowTime:
		p.text = a.appendClock(p.text[:0], i)
		return p.setText(c, col)
	default:
		if len(a.bytes(i)) > ValueBytesMax {
			return failValueLong
		}
		var repaired bool
		if p.text, repaired = a.appendText(p.text[:0], i); repaired {
			c.warnText(warnUTF8)
		}
		return p.setText(c, col)
	}
	return failNone
}

func (p *arrowRows) setFloat(c *chunker, col *arrowColumn, x float64) failure {
	if col.rank != 0 {
		ns, ok := timeOfFloat64(x)
		if !ok {
			c.timeUnread(col.rank, col.slot)
		} else if !c.timeRead(col.rank, col.slot, ns) {
			return failNone
		}
	}
	c.batch.SetFloat(col.slot, x)
	return failNone
}

// setTime sets a date or timestamp; one that nanoseconds cannot say is kept as
// the integer it is.
func (p *arrowRows) setTime(c *chunker, col *arrowColumn, a *arrowArray, i int) {
	ns, ok := a.time(i)
	switch {
	case !ok:
		if col.rank != 0 {
			c.timeUnread(col.rank, col.slot)
		}
		c.warnText("timestamps outside the years 1678 to 2261 were kept as integers")
		n, _ := a.int(i)
		c.batch.SetInt(col.slot, n)
	case col.rank == 0 || c.timeRead(col.rank, col.slot, ns):
		c.batch.SetTime(col.slot, ns)
	}
}

// setText sets p.text.
func (p *arrowRows) setText(c *chunker, col *arrowColumn) failure {
	if len(p.text) > ValueBytesMax {
		return failValueLong
	}
	if col.rank != 0 {
		ns, ok := parseTime(p.text)
		if !ok {
			c.timeUnread(col.rank, col.slot)
		} else if !c.timeRead(col.rank, col.slot, ns) {
			return failNone
		}
	}
	c.batch.SetString(col.slot, p.text)
	return failNone
}

// setDecimal sets the decimal in p.text: as an integer or a float64 if that
// loses nothing (a float64 keeps 15 digits), else as text.
func (p *arrowRows) setDecimal(c *chunker, col *arrowColumn) failure {
	if n, ok := parseInt(p.text); ok && col.rank == 0 {
		c.batch.SetInt(col.slot, n)
		return failNone
	}
	digits := 0
	for _, d := range p.text {
		if isDigit(d) && (digits > 0 || d != '0') {
			digits++
		}
	}
	if x, ok := parseFloat(p.text); ok && (digits <= 15 || col.rank != 0) {
		return p.setFloat(c, col, x)
	}
	return p.setText(c, col)
}

// setList sets a list of texts, or any other list as JSON text.
func (p *arrowRows) setList(c *chunker, col *arrowColumn, a *arrowArray, i int) failure {
	from, to := a.span(i)
	items := &a.children[0]
	field := a.field.children[0]
	texts := field.kind == arrowUtf8 || field.kind == arrowLargeUtf8 || field.kind == arrowUtf8View
	if !texts && from < to {
		return p.setJSON(c, col, a, i)
	}
	if to-from > storage.ListItemsMax {
		return failListLong
	}
	if col.rank != 0 {
		c.timeUnread(col.rank, col.slot)
	}
	c.batch.SetList(col.slot)
	bytes := 0
	for k := from; k < to; k++ {
		values, at, ok := items.resolve(k)
		if !ok {
			return p.setJSON(c, col, a, i)
		}
		if bytes += len(values.bytes(at)); bytes > ValueBytesMax {
			return failValueLong
		}
		var repaired bool
		if p.text, repaired = values.appendText(p.text[:0], at); repaired {
			c.warnText(warnUTF8)
		}
		c.batch.AppendItem(col.slot, p.text)
	}
	return failNone
}

func (p *arrowRows) setJSON(c *chunker, col *arrowColumn, a *arrowArray, i int) failure {
	var ok bool
	if p.text, ok = a.appendJSON(p.text[:0], i); !ok || len(p.text) > ValueBytesMax {
		return failValueLong
	}
	if col.rank != 0 {
		c.timeUnread(col.rank, col.slot)
	}
	c.batch.SetString(col.slot, p.text)
	return failNone
}
