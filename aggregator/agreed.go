package aggregator

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/kelpdb/kelp/catalog"
	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// Settings of tables are agreed on in the catalog; each leaf keeps a copy, and
// answers and takes rows by that. The newest version counts, wherever it is: a
// leaf from before there was a catalog may have one that the catalog lacks, and a
// leaf that was away an older one, which it gets with its next update.

// followCatalog takes in what changes in the catalog, until the end.
func (a *Aggregator) followCatalog() {
	for {
		changed := a.cfg.Catalog.Changed()
		a.takeAgreed()
		select {
		case <-changed:
		case <-a.ctx.Done():
			return
		}
	}
}

// takeAgreed brings the book up to the catalog, and leaves up to both.
func (a *Aggregator) takeAgreed() {
	a.agreeing.Lock() // an older look at the catalog must not come last
	defer a.agreeing.Unlock()
	a.takeSuspensions()
	for _, table := range a.book.agree(a.cfg.Catalog.List(catalog.KindTable), a.tellUnreadable) {
		for _, late := range a.book.behind(table) {
			a.bringSettings(late)
		}
	}
}

// tellUnreadable says of an entry that it is not what its kind should be.
func (a *Aggregator) tellUnreadable(e catalog.Entry, err error) {
	a.cfg.Log.Error("an entry of the catalog cannot be read, and does nothing", "kind", e.Kind, "id", e.ID, "error", err)
}

// agreedSettings is what the catalog says of a table.
type agreedSettings struct {
	entry    uint64 // its version
	settings storage.Settings
}

// agree takes in the catalog's settings of all tables, and names the tables of
// which they are new.
func (b *book) agree(entries []catalog.Entry, unreadable func(catalog.Entry, error)) (news []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := make(map[string]agreedSettings, len(entries))
	for _, e := range entries {
		known, ok := b.agreed[e.ID]
		if !ok || known.entry != e.Version {
			known = agreedSettings{entry: e.Version}
			if err := json.Unmarshal(e.Value, &known.settings); err != nil {
				unreadable(e, err)
				continue
			}
			news = append(news, e.ID)
		}
		now[e.ID] = known
	}
	b.agreed = now
	return news
}

// behind lists the leaves that have older settings of a table than are known.
func (b *book) behind(table string) (list []lateSettings) {
	newest := b.settings(table)
	if newest.Version == 0 {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, page := range b.leaves {
		if t := page.Tables[table]; t != nil && t.Settings.Version < newest.Version {
			list = append(list, lateSettings{page.Leaf, table, newest})
		}
	}
	return list
}

// settleTries is how often settings are changed anew that another changed meanwhile.
const settleTries = 4

// settle changes a table's settings in the catalog, and on the leaves that can be
// reached; the others get them when they are back. has is the newest that a leaf
// is known to have.
func (a *Aggregator) settle(ctx context.Context, table string, has storage.Settings, patch func(storage.Settings) (storage.Settings, error)) (storage.Settings, error) {
	for try := 1; ; try++ {
		base, expect := has, int64(catalog.ExpectNone)
		if e, ok := a.cfg.Catalog.Get(catalog.KindTable, table); ok {
			expect = int64(e.Version)
			var agreed storage.Settings
			if err := json.Unmarshal(e.Value, &agreed); err != nil {
				a.tellUnreadable(e, err)
			} else if agreed.Version >= base.Version {
				base = agreed
			}
		}
		next, err := patch(base)
		if err != nil {
			return next, err
		}
		next.Version = max(uint64(a.cfg.Now().UnixNano()), base.Version+1)
		_, err = a.cfg.Catalog.Propose(ctx, catalog.Change{Kind: catalog.KindTable, ID: table, Value: settingsValue(next), Expect: expect})
		var conflict *catalog.Conflict
		if errors.As(err, &conflict) && try < settleTries {
			continue
		}
		if err != nil {
			return next, err
		}
		a.takeAgreed()
		onLeaves(ctx, a, func(ctx context.Context, l wire.Leaf) (bool, error) { return true, l.Set(ctx, table, next) })
		return next, nil
	}
}

// unsettle takes a dropped table's settings out of the catalog.
func (a *Aggregator) unsettle(ctx context.Context, table string) (had bool, err error) {
	if a.cfg.Catalog == nil { // nor is there anything in one that has not begun
		return false, nil
	}
	if _, ok := a.cfg.Catalog.Get(catalog.KindTable, table); !ok {
		return false, nil
	}
	if _, err := a.cfg.Catalog.Propose(ctx, catalog.Change{Kind: catalog.KindTable, ID: table, Delete: true, Expect: catalog.ExpectAny}); err != nil {
		return true, err
	}
	a.takeAgreed()
	return true, nil
}

// catalogError is what the catalog's errors are to clients; nil: it is none.
func catalogError(err error) *apiError {
	var conflict *catalog.Conflict
	var refused *catalog.Refused
	var no *catalog.Unavailable
	switch {
	case errors.As(err, &conflict) && conflict.Version == 0:
		return &apiError{Status: http.StatusNotFound, Code: "bad_request", Message: err.Error()}
	case errors.As(err, &conflict):
		return &apiError{Status: http.StatusConflict, Code: "conflict", Message: err.Error(), Hint: "read it again, and change what is there now"}
	case errors.As(err, &refused):
		return badRequest(err.Error(), "")
	case errors.As(err, &no):
		return &apiError{Status: http.StatusServiceUnavailable, Code: "unavailable", Message: err.Error(), RetryAfter: true, Wait: no.Wait}
	}
	return nil
}
