package aggregator

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/kelpdb/kelp/catalog"
	"github.com/kelpdb/kelp/storage"
)

// serveCatalogExport is GET /v1/catalog/export. Settings that only leaves have, from before
// there was a catalog, are in it.
func (a *Aggregator) serveCatalogExport(c *catalog.Catalog, w http.ResponseWriter, _ *http.Request) error {
	if err := c.Err(); err != nil { // it would look like an empty one
		return &catalog.Unavailable{Reason: err.Error()}
	}
	out := c.Export()
	for _, table := range a.book.tables() {
		if _, ok := c.Get(catalog.KindTable, table); ok {
			continue
		}
		if s := a.book.settings(table); s.Version > 0 {
			out.Entries = append(out.Entries, catalog.ExportedEntry{Kind: catalog.KindTable, ID: table, Changed: out.Exported, Value: settingsValue(s)})
		}
	}
	writeJSON(w, http.StatusOK, out)
	return nil
}

func settingsValue(s storage.Settings) []byte {
	value, err := json.Marshal(s)
	if err != nil {
		panic("BUG: settings are not JSON: " + err.Error())
	}
	return value
}

// tables names the tables that any leaf has, but for kelp's own, in order.
func (b *book) tables() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	names := make(map[string]bool)
	for _, page := range b.leaves {
		for name := range page.Tables {
			if !strings.HasPrefix(name, ownTables) {
				names[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// serveCatalogImport is POST /v1/catalog/import.
func (a *Aggregator) serveCatalogImport(c *catalog.Catalog, w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, importBytesMax))
	if err != nil {
		return badRequest(fmt.Sprintf("the export broke off before its end, or takes more than %d bytes", importBytesMax), "")
	}
	var from catalog.Export
	if err := json.Unmarshal(body, &from); err != nil {
		return badRequest("the export can not be read: "+jsonFault(err), "send what GET /v1/catalog/export gave")
	}
	for i := range from.Entries {
		if err := a.readable(&from.Entries[i]); err != nil {
			return badRequest(fmt.Sprintf("entry %d, %s %q, can not be taken: %v", i+1, from.Entries[i].Kind, from.Entries[i].ID, err), "nothing was imported")
		}
	}
	n, err := c.Import(r.Context(), &from)
	if err != nil {
		return err
	}
	a.takeAgreed()
	writeJSON(w, http.StatusOK, map[string]any{"imported": n})
	return nil
}

// readable tells what is wrong with an entry of an export. Settings become the
// newest of their table: that is what an import is for.
func (a *Aggregator) readable(e *catalog.ExportedEntry) error {
	switch e.Kind {
	case catalog.KindTable:
		var s storage.Settings
		if err := json.Unmarshal(e.Value, &s); err != nil {
			return err
		}
		if err := s.Validate(); err != nil {
			return err
		}
		if err := s.ValidateTogether(); err != nil {
			return err
		}
		if !storage.IsTableName(e.ID) {
			return fmt.Errorf("%q is not the name of a table", e.ID)
		}
		s.Version = max(uint64(a.cfg.Now().UnixNano()), a.book.settings(e.ID).Version+1)
		e.Value = settingsValue(s)
		return nil
	case catalog.KindSuspension:
		return json.Unmarshal(e.Value, new(suspension))
	}
	for _, k := range savedKinds() {
		if k.kind == e.Kind {
			_, err := k.merged(map[string]json.RawMessage{}, e.Value)
			return err
		}
	}
	return fmt.Errorf("there is no kind %q: import it with the kelp that wrote it, or a newer one", e.Kind)
}
