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
}

// schemaCache sums up the columns of the blocks it has seen. A call of Schema
// takes in the blocks that came since the last one and takes out those that
// went, so blocks that come and go between two calls cost nothing.
type schemaCache struct {
	mu      sync.Mutex
	seq     uint64 // the view it was made for
	seen    []*Ref // blocks taken in
	round   uint64 // the last call that looked at all blocks
	columns map[columnName]*columnSum
	infos   map[string]ColumnInfo // handed out; never changed
}

type columnName struct {
	name string
	typ  Type
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
		c.columns = map[columnName]*columnSum{}
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
		name := columnName{col.Name(), col.Type()}
		sum := c.columns[name]
		if sum == nil {
			sum = &columnSum{}
			c.columns[name] = sum
		}
		share := columnShare{sum: sum, rows: uint32(r.Meta.Rows - col.NullCount()), bytes: uint32(col.Bytes())}
		sum.rows += uint64(share.rows)
		sum.bytes += uint64(share.bytes)
		r.columns = append(r.columns, share)
	}
	return true
}

func (c *schemaCache) sumUp(rows uint64) map[string]ColumnInfo {
	infos := make(map[string]ColumnInfo, len(c.columns))
	maps.DeleteFunc(c.columns, func(_ columnName, sum *columnSum) bool { return sum.rows == 0 && sum.bytes == 0 })
	for name, sum := range c.columns {
		info, ok := infos[name.name]
		if !ok {
			info.Nulls = rows
		}
		info.Types = info.Types.With(name.typ)
		info.Rows[name.typ] += sum.rows
		info.Nulls -= min(info.Nulls, sum.rows)
		info.Bytes += sum.bytes
		infos[name.name] = info
	}
	return infos
}
