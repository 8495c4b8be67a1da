package aggregator

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestEdgesOfAPI: what is not there, or not meant, is said plainly.
func TestEdgesOfAPI(t *testing.T) {
	a := newTest(t, &faultLeaf{name: "leaf-1", rows: 3})
	h := a.Handler(HTTPConfig{})
	f := func(method, path, body, accept string, status int, says string) {
		t.Helper()
		r := httptest.NewRequest(method, "http://localhost"+path, strings.NewReader(body))
		if accept != "" {
			r.Header.Set("Accept", accept)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		text, err := io.ReadAll(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		if w.Code != status || !strings.Contains(string(text), says) {
			t.Errorf("%s %s %s: %d %s; want %d and %q", method, path, body, w.Code, text, status, says)
		}
	}
	f(http.MethodPost, "/v1/query", `{"sql":"SELECT count() FROM t"}`, "", 200, `"rows":[[3]]`)
	f(http.MethodPost, "/v1/query", `{"sql":"SELECT count() FROM t","strickt":true}`, "", 400, "strickt")
	f(http.MethodPost, "/v1/query", `{"sql":"SELECT count() FROM t"} x`, "", 400, "bad_request")
	f(http.MethodPost, "/v1/query", `SELECT count() FROM t`, "text/event-stream", 406, "not there yet")
	f(http.MethodGet, "/v1/tail?table=t", "", "", 404, "not there yet")
	f(http.MethodPost, "/v1/cluster/leaf-1/drain", "", "", 404, "not there yet")
	f(http.MethodGet, "/v1/nothing", "", "", 404, "there is no GET /v1/nothing")
	f(http.MethodPost, "/v1/ingest/..", `{"a":1}`, "", 400, "not a table name")
	f(http.MethodPost, "/v1/ingest/_kelp.x", `{"a":1}`, "", 400, "reserved")
	f(http.MethodPost, "/v1/explain", `SELECT count() FROM nosuch`, "", 404, "unknown_table")
}
