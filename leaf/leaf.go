package leaf

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/query/exec"
	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// Config is what a Leaf stands on. All fields are needed but Limits.
type Config struct {
	Name    string
	Version string
	Store   *storage.Store
	Pool    *exec.Pool // the process's; shared by its leaves
	Limits  exec.Limits
	Now     func() time.Time
	Log     *slog.Logger
}

// Leaf serves one store. It implements wire.Leaf.
type Leaf struct {
	cfg  Config
	subs subscribers
	news signal // an edit was committed

	columns columnCounts
	tails   tails
}

var _ wire.Leaf = (*Leaf)(nil)

// New returns a leaf over an open store. The store is closed by its owner,
// after the last call has returned. Unless the leaf is just being born, an
// aggregator may know it from an earlier life and rely on what it heard then:
// so for LeaseTime no row is acknowledged before one has come back.
func New(cfg Config) *Leaf {
	l := &Leaf{cfg: cfg}
	now := cfg.Now()
	if cfg.Store.Seq() > 0 || now.Sub(cfg.Store.Born()) >= LeaseTime {
		l.subs.hold = now.Add(LeaseTime)
	}
	return l
}

// Run answers a query over the leaf's view of the table.
func (l *Leaf) Run(ctx context.Context, q *query.Query) (*query.Partial, error) {
	plan, err := q.Plan()
	if err != nil {
		return nil, err
	}
	store := l.cfg.Store
	// Seq is read before the view is taken: what is read holds all up to it.
	report := query.LeafReport{Leaf: l.cfg.Name, Shard: uint64(store.Shard()), Epoch: store.Epoch(), Seq: store.Seq()}
	if q.Tail.ID != "" {
		return l.runTail(ctx, q, plan, report)
	}
	var refs []*storage.Ref
	table, known := store.Table(plan.Table)
	if known {
		view := table.Pin()
		defer view.Release()
		refs = view.Blocks
	}
	p, err := l.runOver(ctx, q, plan, refs, &report)
	if err != nil {
		return nil, err
	}
	report.Unknown = !known
	p.Leaves = append(p.Leaves, report)
	if known {
		p.Horizon = max(p.Horizon, table.Horizon())
		p.Newest = max(p.Newest, table.Newest())
	}
	return p, nil
}

// runOver answers over blocks that are pinned, and reports what of them was read.
func (l *Leaf) runOver(ctx context.Context, q *query.Query, plan *query.Plan, refs []*storage.Ref, report *query.LeafReport) (*query.Partial, error) {
	limits := l.cfg.Limits
	limits.Progress, limits.Sole, limits.InRange = q.Progress, q.Sole, q.InRange
	p, cover, err := l.cfg.Pool.Run(ctx, plan, refs, limits)
	if err != nil {
		var stale *exec.StaleSchemaError
		if errors.As(err, &stale) {
			return nil, &wire.Error{Code: wire.CodeStaleSchema, Message: err.Error()}
		}
		if errors.Is(err, exec.ErrClosed) {
			return nil, &wire.Error{Code: wire.CodeClosing, Message: err.Error()}
		}
		return nil, err
	}
	report.Covered, report.Skipped = cover.Covered, cover.Skipped
	return p, nil
}

// Explain says how the query would run here, as JSON.
func (l *Leaf) Explain(_ context.Context, q *query.Query) (json.RawMessage, error) {
	plan, err := q.Plan()
	if err != nil {
		return nil, err
	}
	var refs []*storage.Ref
	if table, ok := l.cfg.Store.Table(plan.Table); ok {
		view := table.Pin()
		defer view.Release()
		refs = view.Blocks
	}
	return json.Marshal(exec.Describe(plan, refs))
}

// Append commits a chunk and returns when every subscriber knows of its rows.
func (l *Leaf) Append(ctx context.Context, a *wire.Append) (*wire.Appended, error) {
	if err := l.checkColumns(a.Table, a.Batch); err != nil {
		return nil, err
	}
	res, err := l.cfg.Store.Append(ctx, storage.Append{
		Table: a.Table, Batch: a.Batch, Key: a.Key, Chunk: a.Chunk,
		Digest: a.Digest, Receipt: a.Receipt, Arrival: a.Arrival, Settings: a.Settings,
	})
	if err != nil {
		return nil, appendError(err)
	}
	if waiting, _ := l.subs.pending(res.Seq, l.cfg.Now()); !waiting {
		return &wire.Appended{Receipt: res.Receipt, Duplicate: res.Duplicate}, nil
	}
	l.news.fire()
	if err := l.subs.await(ctx, res.Seq, l.cfg.Now); err != nil {
		return nil, &wire.Error{Code: wire.CodeFateUnknown,
			Message: "the rows are stored, but an aggregator did not confirm them in time; repeat with the same Idempotency-Key"}
	}
	return &wire.Appended{Receipt: res.Receipt, Duplicate: res.Duplicate}, nil
}

// appendError gives a store's refusal the code that the other side acts on.
func appendError(err error) error {
	var full *storage.FullError
	var lag *storage.DiskLagError
	var unsynced *storage.UnsyncedError
	switch {
	case errors.As(err, &unsynced):
		return &wire.Error{Code: wire.CodeFateUnknown, Message: err.Error()}
	case errors.As(err, &full), errors.As(err, &lag), errors.Is(err, storage.ErrTables), errors.Is(err, storage.ErrNoDisk):
		return &wire.Error{Code: wire.CodeFull, Message: err.Error()}
	case errors.Is(err, storage.ErrKeyReused):
		return &wire.Error{Code: wire.CodeKeyReused, Message: "this Idempotency-Key came with other content before"}
	case errors.Is(err, storage.ErrClosed):
		return &wire.Error{Code: wire.CodeClosing, Message: "the leaf is shutting down"}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &wire.Error{Code: wire.CodeFateUnknown, Message: "the commit did not finish in time"}
	}
	return &wire.Error{Code: wire.CodeInternal, Message: err.Error()}
}

// Holds tells whether any chunk under the key was committed here.
func (l *Leaf) Holds(_ context.Context, table, key string) (bool, error) {
	return l.cfg.Store.Holds(table, key), nil
}

// Drop drops a table.
func (l *Leaf) Drop(_ context.Context, table string) (bool, error) {
	err := l.cfg.Store.DropTable(table)
	if errors.Is(err, storage.ErrUnknownTable) {
		return false, nil
	}
	if err == nil {
		l.news.fire()
	}
	return err == nil, err
}

// Set stores newer settings of a table. Without the table there is nothing to
// do: they come again when it has rows.
func (l *Leaf) Set(_ context.Context, table string, s storage.Settings) error {
	err := l.cfg.Store.SetSettings(table, s)
	if errors.Is(err, storage.ErrUnknownTable) {
		return nil
	}
	l.news.fire()
	return err
}
