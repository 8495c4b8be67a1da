package aggregator

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/kelpdb/kelp/catalog"
)

// Suspensions are agreed on in the catalog, by the id of the leaf: another leaf
// under its name is not meant. Each aggregator enters them into its book as well,
// where they hold also while the catalog cannot be read, and those from before
// there was one.

// suspension is the value of such an entry.
type suspension struct {
	Leaf      string `json:"leaf"`                // its name
	Forgotten bool   `json:"forgotten,omitempty"` // nothing of it is expected any more
}

// takeSuspensions enters what the catalog says of leaves into the book. A record
// that the journal does not take is in the book all the same, and written with it.
func (a *Aggregator) takeSuspensions() {
	for _, e := range a.cfg.Catalog.List(catalog.KindSuspension) {
		var s suspension
		if err := json.Unmarshal(e.Value, &s); err != nil {
			a.tellUnreadable(e, err)
			continue
		}
		for _, rec := range a.book.suspending(e.ID, s) {
			if err := a.note(rec); err != nil {
				a.cfg.Log.Error("a leaf is suspended, but not on disk", "leaf", s.Leaf, "error", err)
			}
		}
	}
}

// suspending lists what is to be noted of a suspension; nothing, if the book has it.
func (b *book) suspending(id string, s suspension) (recs []*bookRecord) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var page *leafPage
	for _, p := range b.leaves {
		if p.ID == id {
			page = p
		}
	}
	if page != nil && !page.Suspended {
		recs = append(recs, &bookRecord{Suspend: page.Leaf})
	}
	if s.Forgotten && !b.banned[id] {
		if page == nil {
			return []*bookRecord{{Snapshot: []savedPage{}, Banned: []string{id}}}
		}
		recs = append(recs, &bookRecord{Retire: page.Leaf})
	}
	return recs
}

// idOf is the id of the leaf that has a name; "": it is not known.
func (b *book) idOf(leaf string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if page := b.leaves[leaf]; page != nil {
		return page.ID
	}
	return ""
}

// agreesOnLeaves tells whether suspensions go to the catalog.
func (a *Aggregator) agreesOnLeaves(leaf string) bool {
	return a.cfg.Catalog != nil && a.cfg.Catalog.Begun() && a.book.idOf(leaf) != ""
}

// suspend has all aggregators suspend a leaf, or forget it as well. One that was
// forgotten through another aggregator stays so.
func (a *Aggregator) suspend(ctx context.Context, leaf string, forgotten bool) error {
	id := a.book.idOf(leaf)
	for try := 1; ; try++ {
		next, expect := suspension{leaf, forgotten}, int64(catalog.ExpectNone)
		if e, ok := a.cfg.Catalog.Get(catalog.KindSuspension, id); ok {
			expect = int64(e.Version)
			var has suspension
			if err := json.Unmarshal(e.Value, &has); err != nil {
				a.tellUnreadable(e, err)
			}
			next.Forgotten = next.Forgotten || has.Forgotten
		}
		value, err := json.Marshal(next)
		if err != nil {
			panic("BUG: a suspension is not JSON: " + err.Error())
		}
		_, err = a.cfg.Catalog.Propose(ctx, catalog.Change{Kind: catalog.KindSuspension, ID: id, Value: value, Expect: expect})
		var conflict *catalog.Conflict
		if errors.As(err, &conflict) && try < settleTries {
			continue
		}
		if err == nil {
			a.takeAgreed()
		}
		return err
	}
}
