package storage

import (
	"maps"
	"strings"
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
// went, so blocks that come and go between two calls cost nothing. Of tables with
// few blocks, and of those nobody asks about, nothing is kept: 100 columns take some
// 40 KB with what each block gave to them, and there may be 10,000 such tables.
type schemaCache struct {
	mu      sync.Mutex
	asked   int64  // ns: the last call
	seq     uint64 // the view it was made for
	seen    []*Ref // blocks taken in
	round   uint64 // the last call that looked at all blocks
	columns columnSums
	infos   map[string]ColumnInfo // handed out; never changed
}

type columnSums map[columnKind]*columnSum

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
	c.asked = t.store.cfg.Now().UnixNano()
	if len(view.Blocks) < schemaBlocksMin {
		c.forgetLocked()
		return sumOnce(view.Blocks)
	}
	if c.infos != nil && c.seq == view.Seq {
		return c.infos
	}
	if c.columns == nil {
		c.columns = columnSums{}
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
	c.infos = c.columns.sumUp(rows)
	return c.infos
}

// forget lets go of the sums if nobody has asked for them for schemaIdle.
func (c *schemaCache) forget(now int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.columns != nil && past(c.asked, now, int64(schemaIdle)) {
		c.forgetLocked()
	}
}

func (c *schemaCache) forgetLocked() {
	for _, r := range c.seen {
		r.columns = nil
	}
	c.seen, c.columns, c.infos = nil, nil, nil
}

// sumOnce sums up the columns of a few blocks.
func sumOnce(refs []*Ref) map[string]ColumnInfo {
	sums, rows := columnSums{}, uint64(0)
	for _, r := range refs {
		rows += uint64(r.Meta.Rows)
		if b, err := r.directory(); err == nil {
			for i := range b.header.Columns {
				sums.add(r, b.dir.entry(i))
			}
		}
	}
	return sums.sumUp(rows)
}

// directory returns the block for a look at its directory. That of a block that was
// set aside since it was opened is still good.
func (r *Ref) directory() (*Block, error) {
	if e := r.extent.Load(); e != nil {
		if b := e.block.Load(); b != nil {
			return b, nil
		}
	}
	return r.Open()
}

// takeIn adds the columns of a block; false if it cannot be read now.
func (c *schemaCache) takeIn(r *Ref) bool {
	b, err := r.directory()
	if err != nil {
		return false
	}
	r.columns = make([]columnShare, 0, b.header.Columns)
	for i := range b.header.Columns {
		r.columns = append(r.columns, c.columns.add(r, b.dir.entry(i)))
	}
	return true
}

// add adds a column of a block by its entry: a schema is no reason to make columns.
func (s columnSums) add(r *Ref, col entry) columnShare {
	name := columnKind{columnName{col.name, col.typ}, col.enc}
	sum := s[name]
	if sum == nil {
		sum = &columnSum{}
		name.name = strings.Clone(name.name) // not the names of all its block
		s[name] = sum
	}
	share := columnShare{sum: sum, rows: uint32(r.Meta.Rows - col.nulls), bytes: uint32(col.length)}
	sum.rows += uint64(share.rows)
	sum.bytes += uint64(share.bytes)
	return share
}

func (s columnSums) sumUp(rows uint64) map[string]ColumnInfo {
	infos := make(map[string]ColumnInfo, len(s))
	maps.DeleteFunc(s, func(_ columnKind, sum *columnSum) bool { return sum.rows == 0 && sum.bytes == 0 })
	for name, sum := range s {
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
