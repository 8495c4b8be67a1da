package aggregator

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"github.com/kelpdb/kelp/catalog"
	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/storage"
)

// What people save: queries, boards of them, and markers on the time axis. Each is
// an object in the catalog, of known fields, with an id that is made for it.

// savedKind is one such kind.
type savedKind struct {
	kind   catalog.Kind
	path   string // below /v1, and the name of the list
	fields map[string]savedField
}

// savedField is a field of an object. check returns what is wrong with it.
type savedField struct {
	required bool
	check    func(raw json.RawMessage) error
}

// savedKinds lists the kinds.
func savedKinds() []savedKind {
	name := savedField{true, checkText(savedNameMax)}
	note := savedField{false, checkText(savedNoteMax)}
	return []savedKind{
		{catalog.KindSaved, "saved", map[string]savedField{"name": name, "note": note, "sql": {true, checkSQL}, "view": {false, checkObject}}},
		{catalog.KindBoard, "boards", map[string]savedField{"name": name, "note": note, "panels": {true, checkPanels}}},
		{catalog.KindMarker, "markers", map[string]savedField{
			"text": {true, checkText(savedNoteMax)}, "time": {true, checkTime}, "until": {false, checkTime}, "table": {false, checkTableName}}},
	}
}

func checkText(bytesMax int) func(json.RawMessage) error {
	return func(raw json.RawMessage) error {
		var text string
		switch err := json.Unmarshal(raw, &text); {
		case err != nil:
			return errors.New("it must be a text")
		case strings.TrimSpace(text) == "" || len(text) > bytesMax:
			return fmt.Errorf("it must have 1 to %d bytes", bytesMax)
		}
		return nil
	}
}

func checkSQL(raw json.RawMessage) error {
	var sql string
	if json.Unmarshal(raw, &sql) != nil {
		return errors.New("it must be a query, as text")
	}
	_, err := query.Parse(sql)
	return err
}

// checkObject takes what a client keeps for itself.
func checkObject(raw json.RawMessage) error {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return errors.New("it must be an object")
	}
	return nil
}

func checkPanels(raw json.RawMessage) error {
	var panels []map[string]json.RawMessage
	if json.Unmarshal(raw, &panels) != nil || len(panels) > panelsMax {
		return fmt.Errorf("it must be an array of at most %d objects", panelsMax)
	}
	for i, p := range panels {
		if err := checkSQL(p["sql"]); err != nil {
			return fmt.Errorf("the sql of panel %d: %w", i+1, err)
		}
	}
	return nil
}

func checkTime(raw json.RawMessage) error {
	var t time.Time
	if json.Unmarshal(raw, &t) != nil {
		return errors.New(`it must be a time like "2026-11-22T10:00:00Z"`)
	}
	return nil
}

func checkTableName(raw json.RawMessage) error {
	var name string
	if json.Unmarshal(raw, &name) != nil || !storage.IsTableName(name) {
		return errors.New("it must be the name of a table")
	}
	return nil
}

// merged is an object with a client's fields laid over it; null takes one away.
func (k *savedKind) merged(old map[string]json.RawMessage, body []byte) (map[string]json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil || fields == nil {
		return nil, badRequest("the body is not a JSON object", "it takes "+k.takes())
	}
	out := maps.Clone(old)
	for name, raw := range fields {
		f, ok := k.fields[name]
		if !ok {
			return nil, badRequest(fmt.Sprintf("there is no field %q", name), "it takes "+k.takes())
		}
		if string(raw) == "null" {
			delete(out, name)
			continue
		}
		if err := f.check(raw); err != nil {
			return nil, badRequest(fmt.Sprintf("the field %s can not be taken: %v", name, err), "")
		}
		out[name] = raw
	}
	for name, f := range k.fields {
		if _, ok := out[name]; f.required && !ok {
			return nil, badRequest("the field "+name+" is missing", "it takes "+k.takes())
		}
	}
	return out, nil
}

func (k *savedKind) takes() string { return strings.Join(slices.Sorted(maps.Keys(k.fields)), ", ") }

// shown is an entry as clients see it.
func shown(e catalog.Entry) (map[string]json.RawMessage, error) {
	out := make(map[string]json.RawMessage)
	if err := json.Unmarshal(e.Value, &out); err != nil {
		return nil, fmt.Errorf("%s %q of the catalog cannot be read: %w", e.Kind, e.ID, err)
	}
	for name, v := range map[string]any{"id": e.ID, "version": e.Version, "changed": timeOrNil(e.Changed)} {
		raw, err := json.Marshal(v)
		if err != nil {
			panic("BUG: " + err.Error())
		}
		out[name] = raw
	}
	return out, nil
}

// routeSaved adds the calls of every kind.
func (a *Aggregator) routeSaved(r chi.Router, access *Access) {
	need := access.guard
	for _, k := range savedKinds() {
		r.Get("/"+k.path, need(forRead, plain(a.withCatalog(k.list))))
		r.Post("/"+k.path, need(forAdmin, plain(a.withCatalog(k.create))))
		r.Get("/"+k.path+"/{id}", need(forRead, plain(a.withCatalog(k.show))))
		r.Patch("/"+k.path+"/{id}", need(forAdmin, plain(a.withCatalog(k.patch), "version")))
		r.Delete("/"+k.path+"/{id}", need(forAdmin, plain(a.withCatalog(k.remove), "version")))
	}
}

// withCatalog is a call that needs one.
func (a *Aggregator) withCatalog(serve func(*catalog.Catalog, http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		if a.cfg.Catalog == nil {
			return errNoCatalog()
		}
		return serve(a.cfg.Catalog, w, r)
	}
}

func (k *savedKind) list(c *catalog.Catalog, w http.ResponseWriter, _ *http.Request) error {
	list := []map[string]json.RawMessage{}
	for _, e := range c.List(k.kind) {
		one, err := shown(e)
		if err != nil {
			return err
		}
		list = append(list, one)
	}
	writeJSON(w, http.StatusOK, map[string]any{k.path: list})
	return nil
}

func (k *savedKind) find(c *catalog.Catalog, r *http.Request) (catalog.Entry, error) {
	id := chi.URLParam(r, "id")
	e, ok := c.Get(k.kind, id)
	if !ok {
		return e, &apiError{Status: http.StatusNotFound, Code: "bad_request", Message: fmt.Sprintf("there is no %s %q", k.kind, id),
			Hint: "GET /v1/" + k.path + " lists them"}
	}
	return e, nil
}

// findFor is find for a change: with a version in the address, of that one alone.
func (k *savedKind) findFor(c *catalog.Catalog, r *http.Request) (catalog.Entry, error) {
	e, err := k.find(c, r)
	text := r.URL.Query().Get("version")
	if err != nil || text == "" {
		return e, err
	}
	version, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return e, badRequest(fmt.Sprintf("version=%s is no version", text), "GET shows it as a number")
	}
	if version != e.Version {
		return e, &catalog.Conflict{Kind: e.Kind, ID: e.ID, Version: e.Version}
	}
	return e, nil
}

func (k *savedKind) show(c *catalog.Catalog, w http.ResponseWriter, r *http.Request) error {
	e, err := k.find(c, r)
	if err != nil {
		return err
	}
	one, err := shown(e)
	if err == nil {
		writeJSON(w, http.StatusOK, one)
	}
	return err
}

func (k *savedKind) create(c *catalog.Catalog, w http.ResponseWriter, r *http.Request) error {
	return k.write(c, w, r, catalog.Entry{Kind: k.kind, ID: rand.Text(), Value: []byte("{}")})
}

func (k *savedKind) patch(c *catalog.Catalog, w http.ResponseWriter, r *http.Request) error {
	e, err := k.findFor(c, r)
	if err != nil {
		return err
	}
	return k.write(c, w, r, e)
}

// write lays the body over an entry as it was read, unless it has changed since.
func (k *savedKind) write(c *catalog.Catalog, w http.ResponseWriter, r *http.Request, e catalog.Entry) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, queryBytesMax))
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return &apiError{Status: http.StatusRequestEntityTooLarge, Code: "too_large", Message: fmt.Sprintf("the body is longer than %d bytes", long.Limit)}
	case err != nil:
		return badRequest("the request broke off before its end", "send it again")
	case !utf8.Valid(body): // what decodes it would put another character there
		return badRequest("the body is not UTF-8", "")
	}
	old := make(map[string]json.RawMessage)
	if err := json.Unmarshal(e.Value, &old); err != nil {
		return fmt.Errorf("%s %q of the catalog cannot be read: %w", e.Kind, e.ID, err)
	}
	next, err := k.merged(old, body)
	if err != nil {
		return err
	}
	if e.Value, err = json.Marshal(next); err != nil {
		panic("BUG: " + err.Error())
	}
	return k.propose(r.Context(), c, w, catalog.Change{Kind: k.kind, ID: e.ID, Value: e.Value, Expect: int64(e.Version)})
}

func (k *savedKind) propose(ctx context.Context, c *catalog.Catalog, w http.ResponseWriter, ch catalog.Change) error {
	if _, err := c.Propose(ctx, ch); err != nil {
		return err
	}
	e, ok := c.Get(k.kind, ch.ID)
	if !ok { // deleted in this moment
		e = catalog.Entry{Kind: k.kind, ID: ch.ID, Value: ch.Value}
	}
	one, err := shown(e)
	if err == nil {
		writeJSON(w, http.StatusOK, one)
	}
	return err
}

func (k *savedKind) remove(c *catalog.Catalog, w http.ResponseWriter, r *http.Request) error {
	e, err := k.findFor(c, r)
	if err != nil {
		return err
	}
	if _, err := c.Propose(r.Context(), catalog.Change{Kind: k.kind, ID: e.ID, Delete: true, Expect: int64(e.Version)}); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"deleted": e.ID})
	return nil
}
