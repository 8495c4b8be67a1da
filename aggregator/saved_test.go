package aggregator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/kelpdb/kelp/catalog"
	"github.com/kelpdb/kelp/storage"
)

// TestSaved: each kind is made, read, listed, changed field by field, and deleted.
func TestSaved(t *testing.T) {
	cat := newCatalog(t)
	a := newWith(t, cat, leafWith("leaf-1", storage.Settings{}))
	h := a.Handler(HTTPConfig{})
	f := func(path, body, patch string, want ...string) {
		t.Helper()
		ask := func(method, path, body string, status int) map[string]any {
			t.Helper()
			w := do(t, h, method, path, body)
			var out map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != status {
				t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
			}
			return out
		}
		made := ask("POST", "/v1/"+path, body, http.StatusOK)
		at := "/v1/" + path + "/" + made["id"].(string)
		changed := ask("PATCH", at, patch, http.StatusOK)
		if changed["version"].(float64) <= made["version"].(float64) || changed["id"] != made["id"] {
			t.Errorf("%v after %v", changed, made)
		}
		text := strings.TrimSpace(do(t, h, "GET", at, "").Body.String())
		if strings.Contains(text, `"note"`) {
			t.Errorf("a field that was taken away is in %s", text)
		}
		for _, part := range want {
			if !strings.Contains(text, part) {
				t.Errorf("%s is not in %s", part, text)
			}
		}
		if list := ask("GET", "/v1/"+path, "", http.StatusOK)[path].([]any); len(list) != 1 {
			t.Errorf("listed: %v", list)
		}
		ask("DELETE", at, "", http.StatusOK)
		for _, method := range []string{"GET", "PATCH", "DELETE"} {
			ask(method, at, "{}", http.StatusNotFound)
		}
		if list := ask("GET", "/v1/"+path, "", http.StatusOK)[path].([]any); len(list) != 0 {
			t.Errorf("still listed: %v", list)
		}
	}
	f("saved", `{"name": "errors", "sql": "SELECT count() FROM t", "note": "old", "view": {"chart": "line"}}`,
		`{"sql": "SELECT 1 FROM t", "note": null}`, `"errors"`, `SELECT 1 FROM t`, `"chart":"line"`)
	f("boards", `{"name": "b", "panels": [{"sql": "SELECT count() FROM t", "width": 2}]}`, `{"name": "c"}`, `"name":"c"`, `"width":2`)
	f("markers", `{"text": "deploy", "time": "2026-11-22T10:00:00Z"}`, `{"table": "t"}`, `"deploy"`, `"table":"t"`, `2026-11-22T10:00:00Z`)
}

// TestSavedRefused: what cannot be meant is not kept, and the field is named.
func TestSavedRefused(t *testing.T) {
	cat := newCatalog(t)
	h := newWith(t, cat, leafWith("leaf-1", storage.Settings{})).Handler(HTTPConfig{})
	f := func(path, body, want string) {
		t.Helper()
		if w := do(t, h, "POST", "/v1/"+path, body); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s %s: %d %s", path, body, w.Code, w.Body)
		}
	}
	f("saved", `[]`, "not a JSON object")
	f("saved", `null`, "not a JSON object")
	f("saved", `{"sql": "SELECT count() FROM t"}`, "field name is missing")
	f("saved", `{"name": " ", "sql": "SELECT count() FROM t"}`, "field name")
	f("saved", `{"name": "x", "sql": "SELEC count() FROM t"}`, "field sql")
	f("saved", `{"name": "x", "sql": "SELECT count() FROM t", "vieww": {}}`, `\"vieww\"`)
	f("saved", `{"name": "x", "sql": "SELECT count() FROM t", "view": 3}`, "field view")
	f("boards", `{"name": "x", "panels": [{"sql": "SELECT count() FROM t"}, {}]}`, "panel 2")
	f("boards", `{"name": "x", "panels": [`+strings.Repeat(`{},`, panelsMax)+`{}]}`, "at most 50")
	f("markers", `{"text": "x", "time": "noon"}`, "field time")
	f("markers", `{"text": "x", "time": "2026-11-22T10:00:00Z", "table": "no/table"}`, "field table")
	f("saved", "{\"name\": \"x\xff\", \"sql\": \"SELECT count() FROM t\"}", "not UTF-8")
	f("saved", "{\"name\": \"x\", \"sql\": \"SELECT count() FROM t\", \"view\": {\"a\": \"\xff\"}}", "not UTF-8")
	long := `{"name": "x", "note": "` + strings.Repeat("x", queryBytesMax) + `"}`
	if w := do(t, h, "POST", "/v1/saved", long); w.Code != http.StatusRequestEntityTooLarge || !strings.Contains(w.Body.String(), "too_large") {
		t.Errorf("a long body: %d %s", w.Code, w.Body)
	}
	if len(cat.List(catalog.KindSaved))+len(cat.List(catalog.KindBoard))+len(cat.List(catalog.KindMarker)) != 0 {
		t.Error("something was kept")
	}
}

// TestSavedTwice: of two changes made for the same version one is refused.
func TestSavedTwice(t *testing.T) {
	cat := newCatalog(t)
	newWith(t, cat, leafWith("leaf-1", storage.Settings{}))
	k := savedKinds()[0]
	version, err := cat.Propose(t.Context(), catalog.Change{Kind: k.kind, ID: "x", Value: []byte(`{}`)})
	if err != nil {
		t.Fatal(err)
	}
	e, _ := cat.Get(k.kind, "x")
	for i, status := range []int{0, http.StatusConflict} {
		_, err := cat.Propose(t.Context(), catalog.Change{Kind: k.kind, ID: e.ID, Value: []byte(`{"n": 1}`), Expect: int64(version)})
		if i == 0 && err != nil || i == 1 && (err == nil || asAPIError(err).Status != status) {
			t.Errorf("change %d: %v", i, err)
		}
	}
}

// TestSavedVersion: a change that was made for a version is not made to another.
func TestSavedVersion(t *testing.T) {
	cat := newCatalog(t)
	h := newWith(t, cat, leafWith("leaf-1", storage.Settings{})).Handler(HTTPConfig{})
	first, err := cat.Propose(t.Context(), catalog.Change{Kind: catalog.KindMarker, ID: "m", Value: []byte(`{"text": "a", "time": "2026-11-22T10:00:00Z"}`)})
	if err != nil {
		t.Fatal(err)
	}
	f := func(method string, version any, body string, want int) {
		t.Helper()
		if w := do(t, h, method, fmt.Sprintf("/v1/markers/m?version=%v", version), body); w.Code != want {
			t.Errorf("%s for version %v: %d %s, not %d", method, version, w.Code, w.Body, want)
		}
	}
	f("PATCH", first+1, `{"text": "b"}`, http.StatusConflict)
	f("PATCH", "x", `{"text": "b"}`, http.StatusBadRequest)
	f("PATCH", first, `{"text": "c"}`, http.StatusOK)
	f("DELETE", first, "", http.StatusConflict)
	e, _ := cat.Get(catalog.KindMarker, "m")
	if !strings.Contains(string(e.Value), `"c"`) || e.Version == first {
		t.Errorf("%+v", e)
	}
	f("DELETE", e.Version, "", http.StatusOK)
}
