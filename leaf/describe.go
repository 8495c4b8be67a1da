package leaf

import (
	"context"
	"sort"

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
	store := l.cfg.Store
	// Seq is read first: what is told holds all up to it.
	d := &wire.TableDetail{Leaf: l.cfg.Name, Epoch: store.Epoch(), Seq: store.Seq()}
	t, ok := store.Table(name)
	if !ok {
		return d, nil
	}
	d.Known, d.Settings = true, t.Settings()
	d.Rows, d.Blocks, d.Bytes, d.DiskBytes = uint64(t.Rows()), uint64(t.Blocks()), uint64(t.Bytes()), uint64(t.DiskBytes())
	d.From, d.To, d.Horizon = t.From(), t.Newest(), t.Horizon()
	d.Damaged, d.Loading = unreadable(t)
	for column, info := range t.Schema() {
		d.Columns = append(d.Columns, wire.ColumnDetail{
			Name: column, Rows: info.Rows, Bytes: uint64(info.Bytes),
		})
	}
	sort.Slice(d.Columns, func(i, j int) bool { return d.Columns[i].Name < d.Columns[j].Name })
	return d, nil
}

// unreadable is the rows of a table in blocks that are damaged, or not in memory yet.
func unreadable(t *storage.Table) (damaged, loading uint64) {
	view := t.Pin()
	defer view.Release()
	for _, ref := range view.Blocks {
		switch ref.State() {
		case storage.Damaged:
			damaged += uint64(ref.Meta.Rows)
		case storage.Loading:
			loading += uint64(ref.Meta.Rows)
		}
	}
	return damaged, loading
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
