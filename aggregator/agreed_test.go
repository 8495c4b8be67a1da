package aggregator

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kelpdb/kelp/catalog"
	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

func newCatalog(t *testing.T) *catalog.Catalog {
	t.Helper()
	c := catalog.Open(catalog.Config{Name: "agg", Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// newWith is newTest with a catalog, of a leaf that has a table with settings.
func newWith(t *testing.T, cat *catalog.Catalog, l *settledLeaf) *Aggregator {
	t.Helper()
	a, err := New(Config{Name: "agg", Now: time.Now, Log: slog.New(slog.DiscardHandler), Seed: 1, Catalog: cat})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	a.Attach(l.name, "", l, true)
	until(t, a.Ready)
	return a
}

func leafWith(name string, s storage.Settings) *settledLeaf {
	return &settledLeaf{&faultLeaf{name: name, rows: 5, version: s.Version, set: make(chan storage.Settings, 99)}, s}
}

// TestSettingsAgreed: settings are changed while a leaf is away, which gets them
// later; other aggregators and rows of leaves that have none yet get them at once;
// what a leaf had before there was a catalog stays.
func TestSettingsAgreed(t *testing.T) {
	cat := newCatalog(t)
	l := leafWith("leaf-1", storage.Settings{Version: 7, RetentionBytes: 7})
	a := newWith(t, cat, l)
	reached := leafWith("leaf-1", storage.Settings{Version: 7, RetentionBytes: 7}) // by another aggregator alone
	other := newWith(t, cat, reached)
	away := leafWith("leaf-2", storage.Settings{Version: 3})
	a.Attach("leaf-2", "", away, true)
	until(t, a.Ready)
	a.Detach("leaf-2", StateDown)
	for len(away.set) > 0 {
		<-away.set
	}

	w := do(t, a.Handler(HTTPConfig{}), "PATCH", "/v1/tables/t", `{"durability": "memory"}`)
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	want := a.book.settings("t")
	if want.RetentionBytes != 7 || want.Durability != storage.DurabilityMemory || want.Version <= 7 {
		t.Fatalf("agreed on %+v", want)
	}
	if got := <-l.set; got != want {
		t.Errorf("leaf-1 got %+v", got)
	}
	until(t, func() bool { return other.book.settings("t") == want })
	if got := <-reached.set; got != want {
		t.Errorf("through another aggregator a leaf got %+v", got)
	}
	a.Attach("leaf-2", "", away, true)
	if got := <-away.set; got != want {
		t.Errorf("the leaf that was away got %+v", got)
	}
	placed := make(chan storage.Settings, 1)
	l.appends = func(r *wire.Append) (*wire.Appended, error) {
		placed <- r.Settings
		return &wire.Appended{}, nil
	}
	other.Detach("leaf-1", StateDown)
	other.Attach("leaf-1", "", l, true)
	until(t, other.Ready)
	if _, err := other.place(t.Context(), &wire.Append{Table: "t"}); err != nil || <-placed != want {
		t.Errorf("rows come without the settings: %v", err)
	}
	// A change builds on the last, whoever made it.
	if w := do(t, other.Handler(HTTPConfig{}), "PATCH", "/v1/tables/t", `{"quota_rows_s": 9}`); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if got := other.book.settings("t"); got.QuotaRows != 9 || got.RetentionBytes != 7 || got.Durability != storage.DurabilityMemory || got.Version <= want.Version {
		t.Errorf("then agreed on %+v", got)
	}
	if w := do(t, a.Handler(HTTPConfig{}), "DELETE", "/v1/tables/t", ""); w.Code != http.StatusOK {
		t.Errorf("drop: %d %s", w.Code, w.Body)
	}
	if _, ok := cat.Get(catalog.KindTable, "t"); ok || len(a.book.agreed) != 0 {
		t.Error("a dropped table's settings are kept")
	}
}

// TestCatalogAway: without a catalog that takes changes, only changes stop.
func TestCatalogAway(t *testing.T) {
	cat := newCatalog(t)
	a := newWith(t, cat, leafWith("leaf-1", storage.Settings{Version: 7}))
	if err := cat.Close(); err != nil {
		t.Fatal(err)
	}
	w := do(t, a.Handler(HTTPConfig{}), "PATCH", "/v1/tables/t", `{"durability": "memory"}`)
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "takes no changes") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if c := ask(t, a, 1000).Completeness; c.Ratio != 1 {
		t.Errorf("%+v", c)
	}
}

// TestUnreadableEntry: what does not read in the catalog does nothing.
func TestUnreadableEntry(t *testing.T) {
	cat := newCatalog(t)
	a := newWith(t, cat, leafWith("leaf-1", storage.Settings{Version: 7, RetentionBytes: 7}))
	if _, err := cat.Propose(t.Context(), catalog.Change{Kind: catalog.KindTable, ID: "t", Value: []byte(`["not", "settings"]`)}); err != nil {
		t.Fatal(err)
	}
	a.takeAgreed()
	if got := a.book.settings("t"); got.Version != 7 {
		t.Errorf("%+v", got)
	}
	if w := do(t, a.Handler(HTTPConfig{}), "PATCH", "/v1/tables/t", `{"durability": "memory"}`); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if got := a.book.settings("t"); got.RetentionBytes != 7 || got.Durability != storage.DurabilityMemory {
		t.Errorf("%+v", got)
	}
}

// TestSuspensionAgreed: a leaf that is suspended through one aggregator is through
// all, also through those that meet it later; the same when it is forgotten.
func TestSuspensionAgreed(t *testing.T) {
	cat := newCatalog(t)
	a := newWith(t, cat, leafWith("leaf-1", storage.Settings{}))
	b := newWith(t, cat, leafWith("leaf-1", storage.Settings{}))
	for _, x := range []*Aggregator{a, b} {
		x.Attach("leaf-2", "", leafWith("leaf-2", storage.Settings{}), true)
		until(t, x.Ready)
	}
	a.Detach("leaf-2", StateDown)
	post := func(x *Aggregator, what string) {
		t.Helper()
		for range 2 { // it may be repeated
			if w := do(t, x.Handler(HTTPConfig{}), "POST", "/v1/cluster/leaf-2/"+what, ""); w.Code != http.StatusOK {
				t.Fatalf("%s: %d %s", what, w.Code, w.Body)
			}
		}
	}
	post(a, "suspend")
	until(t, func() bool { return b.book.suspended()["leaf-2"] })
	if c := ask(t, b, 1000).Completeness; c.RowsExpected != 10 || c.RowsCovered != 5 {
		t.Errorf("through the other: %+v", c)
	}
	late := newWith(t, cat, leafWith("leaf-1", storage.Settings{}))
	late.Attach("leaf-2", "", leafWith("leaf-2", storage.Settings{}), true)
	until(t, late.Ready)
	if !late.book.suspended()["leaf-2"] || late.book.suspended()["leaf-1"] {
		t.Error("an aggregator that meets it later reads it")
	}
	if w := do(t, b.Handler(HTTPConfig{}), "POST", "/v1/cluster/leaf-2/forget", ""); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for _, x := range []*Aggregator{a, b, late} {
		until(t, func() bool { return x.book.bans(x.book.idOf("leaf-2")) })
		if c := ask(t, x, 1000).Completeness; c.RowsExpected != 5 || c.Ratio != 1 {
			t.Errorf("after it is forgotten: %+v", c)
		}
	}
	post(b, "suspend")
	if !b.book.bans(b.book.idOf("leaf-2")) || len(cat.List(catalog.KindSuspension)) != 1 {
		t.Error("a forgotten leaf is expected again")
	}
	newest := newWith(t, cat, leafWith("leaf-1", storage.Settings{}))
	if !newest.book.bans(cat.List(catalog.KindSuspension)[0].ID) {
		t.Error("an aggregator that never met it does not know")
	}
}

// TestForgottenStays: who suspends again what another aggregator has forgotten, and
// does not know it yet, does not take that back.
func TestForgottenStays(t *testing.T) {
	cat := newCatalog(t)
	a := newWith(t, cat, leafWith("leaf-1", storage.Settings{}))
	id := a.book.idOf("leaf-1")
	a.agreeing.Lock() // it hears of nothing
	_, err := cat.Propose(t.Context(), catalog.Change{Kind: catalog.KindSuspension, ID: id, Value: []byte(`{"leaf": "leaf-1", "forgotten": true}`)})
	if err != nil || a.book.bans(id) {
		t.Fatal(err, a.book.bans(id))
	}
	a.agreeing.Unlock()
	if err := a.suspend(t.Context(), "leaf-1", false); err != nil {
		t.Fatal(err)
	}
	if e, _ := cat.Get(catalog.KindSuspension, id); !strings.Contains(string(e.Value), `"forgotten":true`) {
		t.Errorf("it is %s", e.Value)
	}
}

// TestCatalogFirst: while the catalog takes no changes, no rows are dropped and no
// leaf is forgotten by gossip.
func TestCatalogFirst(t *testing.T) {
	cat := newCatalog(t)
	a := newWith(t, cat, leafWith("leaf-1", storage.Settings{}))
	l := &droppedLeaf{settledLeaf: leafWith("leaf-2", storage.Settings{})}
	a.Attach("leaf-2", "", l, true)
	until(t, a.Ready)
	if _, err := cat.Propose(t.Context(), catalog.Change{Kind: catalog.KindTable, ID: "t", Value: []byte("{}"), Expect: catalog.ExpectAny}); err != nil {
		t.Fatal(err)
	}
	if err := a.suspend(t.Context(), "leaf-1", false); err != nil {
		t.Fatal(err)
	}
	if err := cat.Close(); err != nil {
		t.Fatal(err)
	}
	gossiped := false
	h := a.Handler(HTTPConfig{Forget: func(string) error { gossiped = true; return nil }})
	if w := do(t, h, "POST", "/v1/cluster/leaf-1/forget", ""); w.Code != http.StatusServiceUnavailable || gossiped {
		t.Errorf("forget: %d %s, gossip: %v", w.Code, w.Body, gossiped)
	}
	if w := do(t, h, "DELETE", "/v1/tables/t", ""); w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "dropped on") {
		t.Errorf("drop: %d %s", w.Code, w.Body)
	}
	if l.drops != 0 {
		t.Error("the rows are gone")
	}
}

// droppedLeaf counts what is dropped.
type droppedLeaf struct {
	*settledLeaf
	drops int
}

func (l *droppedLeaf) Drop(context.Context, string) (bool, error) {
	l.drops++
	return true, nil
}
