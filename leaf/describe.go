package leaf

import (
	"context"
	"math"
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
	countUnreadable(d, t)
	loose := t.LooseTexts(looseBlocks)
	for column, info := range t.Schema() {
		d.Columns = append(d.Columns, wire.ColumnDetail{
			Name: column, Rows: info.Rows, Bytes: uint64(info.Bytes), Encoded: encoded(&info, loose[column]),
		})
	}
	sort.Slice(d.Columns, func(i, j int) bool { return d.Columns[i].Name < d.Columns[j].Name })
	return d, nil
}

// encoded names the encodings of a column with their rows. Of texts in templates
// the loose share counts apart.
func encoded(info *storage.ColumnInfo, loose float64) map[string]uint64 {
	rows := make(map[string]uint64)
	for e, name := range storage.EncodingNames() {
		if info.Encoded[e] > 0 {
			rows[name] = info.Encoded[e]
		}
	}
	template := storage.EncTemplate.String()
	if n := uint64(math.Round(loose * float64(rows[template]))); n > 0 {
		rows[template] -= n
		rows["loose"] = n
	}
	return rows
}

// countUnreadable counts what is in blocks that are damaged, or not in memory yet.
func countUnreadable(d *wire.TableDetail, t *storage.Table) {
	view := t.Pin()
	defer view.Release()
	for _, ref := range view.Blocks {
		switch ref.State() {
		case storage.Damaged:
			d.Damaged += uint64(ref.Meta.Rows)
			d.DamagedBlocks++
		case storage.Loading:
			d.Loading += uint64(ref.Meta.Rows)
		}
	}
}

// Status returns the leaf's own figures.
func (l *Leaf) Status(context.Context) (*wire.LeafStatus, error) { return l.Figures(), nil }

// Figures is Status for those in the same process.
func (l *Leaf) Figures() *wire.LeafStatus {
	s := l.cfg.Store.Status()
	scrubbed := int64(0)
	if !s.Scrubbed.IsZero() {
		scrubbed = s.Scrubbed.UnixNano()
	}
	return &wire.LeafStatus{
		Name: l.cfg.Name, ID: l.cfg.Store.LeafID(), Version: l.cfg.Version,
		Shard: uint64(l.cfg.Store.Shard()), Born: l.cfg.Store.Born().UnixNano(),
		Rows: uint64(s.Rows), MemoryUsed: uint64(s.Used), MemoryBudget: uint64(s.Budget),
		DamagedBlocks: uint64(s.Damaged), Loading: s.Loading > 0,
		SetAside: uint64(s.SetAside), Healed: uint64(s.Healed), BadCopies: uint64(s.BadCopies), ScrubPasses: uint64(s.ScrubPass), ScrubBytes: uint64(s.ScrubBytes),
		Scrubbed: scrubbed, LogDamaged: s.LogDamaged,
	}
}
