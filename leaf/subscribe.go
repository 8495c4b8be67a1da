package leaf

import (
	"context"
	"maps"
	"time"

	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/wire"
)

// Subscribe sends the leaf's promises to an aggregator until ctx ends or sink
// fails. The first Update is full, unless the aggregator knows all up to some edit
// of this memory, as it mostly does after a restart: then, and later, Updates hold
// what changed.
func (l *Leaf) Subscribe(ctx context.Context, who wire.Subscriber, sink func(*wire.Update) error) error {
	asked := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sub := l.subs.join(who.Name, l.cfg.Now(), cancel)
	defer l.subs.leave(sub)

	heartbeat := time.NewTicker(HeartbeatEvery)
	defer heartbeat.Stop()
	feed := feed{leaf: l, schemas: make(map[string]query.Schema), full: true, due: true}
	if l.continues(who.Known) {
		feed.since, feed.full = who.Known.Seq, false
	}
	for {
		if asked.Err() == nil && ctx.Err() != nil {
			return ctx.Err() // a newer connection of the aggregator hears it all
		}
		news := l.news.wait()
		if u := feed.next(); u != nil {
			if err := sink(u); err != nil {
				return err
			}
			l.subs.confirm(sub, u.Seq, l.cfg.Now())
		}
		select {
		case <-news:
			feed.due = false
		case <-l.cfg.Store.Notify():
			// Heard of the commit before those who wait for it: once they look, the
			// rows are mostly confirmed. The others are to hear of it, too.
			l.news.fire()
			feed.due = false
		case <-heartbeat.C:
			l.sweepTails()
			feed.due = true
		case <-ctx.Done():
			if asked.Err() == nil {
				continue
			}
			// The last word, for who starts next: a store that was sealed has no more.
			if u := feed.next(); u != nil && len(u.Tables) > 0 && sink(u) == nil {
				l.subs.confirm(sub, u.Seq, l.cfg.Now())
			}
			return ctx.Err()
		}
	}
}

// continues tells whether this leaf can go on from what a subscriber knows.
func (l *Leaf) continues(known wire.Known) bool {
	store := l.cfg.Store
	return known.ID == store.LeafID() && known.Epoch == store.Epoch() && known.Seq > 0 && known.Seq <= store.Seq()
}

// feed makes the Updates for one subscriber.
type feed struct {
	leaf    *Leaf
	since   uint64
	full    bool
	due     bool                    // send even if nothing changed
	schemas map[string]query.Schema // as sent last, by table
	pool    query.SchemaPool        // of those
}

// next returns what changed since the last call, nil if there is nothing to say.
func (f *feed) next() *wire.Update {
	store := f.leaf.cfg.Store
	upTo, changes, all := store.Changes(f.since)
	if all && !f.full {
		// More tables were dropped than the store remembers: say everything anew.
		f.full = true
		clear(f.schemas)
	}
	if len(changes) == 0 && !f.full && !f.due && upTo == f.since {
		return nil
	}
	u := &wire.Update{
		Leaf: f.leaf.cfg.Name, ID: store.LeafID(), Shard: uint64(store.Shard()),
		Born: store.Born().UnixNano(), Epoch: store.Epoch(), Seq: upTo, Full: f.full,
	}
	for _, change := range changes {
		t := wire.TableUpdate{TableChange: change}
		if table, ok := store.Table(change.Table); ok && !change.Dropped {
			t.Rows, t.Bytes = uint64(table.Rows()), uint64(table.Bytes())
			t.Settings, t.OldestKey = table.Settings(), table.OldestKey()
			schema, known := f.schemas[change.Table]
			if change.Columns {
				schema, known = schemaOf(table), true
			}
			if known {
				f.leaf.columns.set(change.Table, len(schema))
			}
			if change.Columns && !maps.Equal(schema, f.schemas[change.Table]) {
				schema = f.pool.Share(schema)
				t.Schema = schema
				f.schemas[change.Table] = schema
			}
		} else {
			delete(f.schemas, change.Table)
			f.leaf.columns.forget(change.Table)
		}
		u.Tables = append(u.Tables, t)
	}
	f.since, f.full = upTo, false
	return u
}
