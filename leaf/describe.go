package leaf

import (
	"context"
	"sort"
	"strings"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// schemaOf is the types of every column of a table on this leaf.
func schemaOf(t *storage.Table) query.Schema {
	columns := t.Schema()
	schema := make(query.Schema, len(columns))
	for name, info := range columns {
		schema[name] = info.Types
	}
	return schema
}

// Describe returns what the leaf knows of a table.
func (l *Leaf) Describe(_ context.Context, name string) (*wire.TableDetail, error) {
	t, ok := l.cfg.Store.Table(name)
	if !ok {
		return &wire.TableDetail{}, nil
	}
	d := &wire.TableDetail{
		Known: true, Rows: uint64(t.Rows()), Bytes: uint64(t.Bytes()), DiskBytes: uint64(t.DiskBytes()),
		Blocks: uint64(t.Blocks()), From: t.From(), To: t.Newest(), Horizon: t.Horizon(), Settings: t.Settings(),
	}
	distinct := distinctIn(t)
	for column, info := range t.Schema() {
		d.Columns = append(d.Columns, wire.ColumnDetail{
			Name: column, Rows: info.Rows, Bytes: uint64(info.Bytes), Distinct: distinct[column],
		})
	}
	sort.Slice(d.Columns, func(i, j int) bool { return d.Columns[i].Name < d.Columns[j].Name })
	return d, nil
}

// distinctIn is the most different values that one block has of each column: a
// lower bound for the table, read off the blocks' statistics.
func distinctIn(t *storage.Table) map[string]uint64 {
	view := t.Pin()
	defer view.Release()
	most := make(map[string]uint64)
	for _, ref := range view.Blocks {
		block, err := ref.Open()
		if err != nil {
			continue // damaged or loading; the others tell
		}
		err = storage.Guard(func() error {
			for _, c := range block.Columns() {
				if _, _, n, ok := c.Stats(); ok {
					name := strings.Clone(c.Name()) // it outlives the view
					most[name] = max(most[name], uint64(n))
				}
			}
			return nil
		})
		if err != nil {
			ref.SetDamaged(err)
		}
	}
	return most
}

// Status returns the leaf's own figures.
func (l *Leaf) Status(context.Context) (*wire.LeafStatus, error) {
	s := l.cfg.Store.Status()
	return &wire.LeafStatus{
		Name: l.cfg.Name, ID: l.cfg.Store.LeafID(), Version: l.cfg.Version,
		Shard: uint64(l.cfg.Store.Shard()), Born: l.cfg.Store.Born().UnixNano(),
		Rows: uint64(s.Rows), MemoryUsed: uint64(s.Used), MemoryBudget: uint64(s.Budget),
		DamagedBlocks: uint64(s.Damaged), Loading: s.Loading > 0,
	}, nil
}
