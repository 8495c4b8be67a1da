package storage

import (
	"maps"
	"sync"
)

// ColumnInfo is what a table holds under one name.
type ColumnInfo struct {
	Types TypeSet
	Rows  [typesCount]uint64 // rows with a value, by type
	Nulls uint64             // rows without
	Bytes uint64             // stored

	Encoded [encodingsEnd]uint64 // rows with a value, by Encoding
}

// schemaCache sums up the columns of the blocks it has seen. A call of Schema
// takes in the blocks that came since the last one and takes out those that
// went, so blocks that come and go between two calls cost nothing.
type schemaCache struct {
	mu      sync.Mutex
	seq     uint64 // the view it was made for
	seen    []*Ref // blocks taken in
	round   uint64 // the last call that looked at all blocks
	columns map[columnKind]*columnSum
	infos   map[string]ColumnInfo // handed out; never changed
}

type columnName struct {
	name string
	typ  Type
}

// columnKind is what is summed up apart: the columns of one name, type and
// encoding.
type columnKind struct {
	columnName
	enc Encoding
}

type columnSum struct{ rows, bytes uint64 }

// columnShare is what one block gave to a sum.
type columnShare struct {
	sum         *columnSum
	rows, bytes uint32
}

// Schema returns the columns of the live rows. Rows of blocks that cannot be read
// now count as null everywhere. The map belongs to the table and must not be
// changed.
func (t *Table) Schema() map[string]ColumnInfo {
	view := t.Pin()
	defer view.Release()
	c := &t.schema
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.infos != nil && c.seq == view.Seq {
		return c.infos
	}
	if c.columns == nil {
		c.columns = map[columnKind]*columnSum{}
	}
	c.round++
	rows := uint64(0)
	live := make([]*Ref, 0, len(view.Blocks))
	for _, r := range view.Blocks {
		rows += uint64(r.Meta.Rows)
		if r.columns == nil && !c.takeIn(r) {
			continue
		}
		r.round = c.round
		live = append(live, r)
	}
	for _, r := range c.seen {
		if r.round != c.round {
			for _, share := range r.columns {
				share.sum.rows -= uint64(share.rows)
				share.sum.bytes -= uint64(share.bytes)
			}
			r.columns = nil
		}
	}
	c.seen, c.seq = live, view.Seq
	c.infos = c.sumUp(rows)
	return c.infos
}

// takeIn adds the columns of a block; false if it cannot be read now.
func (c *schemaCache) takeIn(r *Ref) bool {
	b, err := r.Open()
	if err != nil {
		return false
	}
	columns := b.Columns()
	r.columns = make([]columnShare, 0, len(columns))
	for _, col := range columns {
		name := columnKind{columnName{col.Name(), col.Type()}, col.Encoding()}
		r.columns = append(r.columns, c.add(name, uint32(r.Meta.Rows-col.NullCount()), uint32(col.Bytes())))
	}
	return true
}

// add adds what a block has of a column to its sum.
func (c *schemaCache) add(name columnKind, rows, bytes uint32) columnShare {
	sum := c.columns[name]
	if sum == nil {
		sum = &columnSum{}
		c.columns[name] = sum
	}
	sum.rows += uint64(rows)
	sum.bytes += uint64(bytes)
	return columnShare{sum: sum, rows: rows, bytes: bytes}
}

func (c *schemaCache) sumUp(rows uint64) map[string]ColumnInfo {
	infos := make(map[string]ColumnInfo, len(c.columns))
	maps.DeleteFunc(c.columns, func(_ columnKind, sum *columnSum) bool { return sum.rows == 0 && sum.bytes == 0 })
	for name, sum := range c.columns {
		info, ok := infos[name.name]
		if !ok {
			info.Nulls = rows
		}
		info.Types = info.Types.With(name.typ)
		info.Rows[name.typ] += sum.rows
		info.Encoded[name.enc] += sum.rows
		info.Nulls -= min(info.Nulls, sum.rows)
		info.Bytes += sum.bytes
		infos[name.name] = info
	}
	return infos
}

// LooseTexts returns, for each column with templates in the newest blocks that can
// be read, which share of the texts there fits none of them and lies beside them as
// it is, or compressed. It reads these columns, so blocks says how many at most.
func (t *Table) LooseTexts(blocks int) map[string]float64 {
	view := t.Pin()
	defer view.Release()
	type sum struct{ rows, loose int }
	sums := map[string]sum{}
	for i := len(view.Blocks) - 1; i >= 0 && blocks > 0; i-- {
		r := view.Blocks[i]
		b, err := r.Open()
		if err != nil {
			continue
		}
		blocks--
		for _, col := range b.Columns() {
			if col.Encoding() != EncTemplate {
				continue
			}
			err := Guard(func() error {
				s := col.open()
				if s.err == nil {
					had := sums[col.Name()]
					sums[col.Name()] = sum{had.rows + col.Rows() - col.NullCount(), had.loose + s.text.(*templateReader).looseRows}
				}
				return s.err
			})
			if err != nil {
				r.SetDamaged(err)
			}
		}
	}
	shares := make(map[string]float64, len(sums))
	for name, s := range sums {
		shares[name] = float64(s.loose) / float64(max(s.rows, 1))
	}
	return shares
}
