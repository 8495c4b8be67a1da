package aggregator

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// TestEdgesOfAPI: what is not there, or not meant, is said plainly.
func TestEdgesOfAPI(t *testing.T) {
	a := newTest(t, &faultLeaf{name: "leaf-1", rows: 3})
	h := a.Handler(HTTPConfig{UI: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})})
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
	f(http.MethodPost, "/v1/query", `SELECT count() FROM t`, "text/event-stream", 200, "event: final\ndata: {")
	f(http.MethodPost, "/v1/cluster/leaf-1/drain", "", "", 404, "not there yet")
	f(http.MethodGet, "/v1/nothing", "", "", 404, "there is no GET /v1/nothing")
	f(http.MethodPost, "/v1/ingest/..", `{"a":1}`, "", 400, "not a table name")
	f(http.MethodPost, "/v1/ingest/_kelp.x", `{"a":1}`, "", 400, "reserved")
	f(http.MethodPost, "/v1/explain", `SELECT count() FROM nosuch`, "", 404, "unknown_table")
	f(http.MethodPost, "/v1/query?strict=true", `SELECT count() FROM t`, "", 200, `"rows":[[3]]`)
	f(http.MethodPost, "/v1/query?min_completeness=1&timeout_ms=5000", `{"sql":"SELECT count() FROM t"}`, "", 200, `"rows":[[3]]`)
	f(http.MethodPost, "/v1/query?q=SELECT+count()+FROM+t", ``, "", 200, `"rows":[[3]]`)
	for _, path := range []string{"/v1/tables", "/v1/cluster", "/v1/queries", "/v1/cluster/promises"} {
		f(http.MethodGet, path, "", "", 200, "{")
		f(http.MethodGet, path+"?formt=csv", "", "", 400, `has no parameter \"formt\"`)
	}
	f(http.MethodGet, "/v1/cluster?gossip=1", "", "", 200, "leaf-1")
	f(http.MethodGet, "/v1/tables/t?formt=csv", "", "", 400, `has no parameter \"formt\"`)
	f(http.MethodDelete, "/v1/tables/t?dry=1", "", "", 400, "it takes none")
	f(http.MethodHead, "/v1/nothing", "", "", 404, "")
	f(http.MethodHead, "/v1/ingest/t", "", "", 405, "")
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/", "/v1/tables", "/v1/query?q=FROM+t+SELECT+count()"} {
		f(http.MethodHead, path, "", "", 200, "")
	}
	f(http.MethodPost, "/v1/query?summary=true", `SELECT count() FROM t`, "application/x-ndjson", 200, `{"_kelp":`)
}

// TestErrorTexts: an error says what is wrong and what to do, in words that are
// not the program's own.
func TestErrorTexts(t *testing.T) {
	a := newTest(t)
	a.Attach("leaf-1", "", &tableLeaf{faultLeaf: &faultLeaf{name: "leaf-1", rows: 3}}, true)
	until(t, a.Ready)
	h := a.Handler(HTTPConfig{UI: http.NotFoundHandler()})
	inside := regexp.MustCompile(`json:|unmarshal|strconv|Go (struct|value)|EOF|context |chunk \d|deadline|int64|invalid character|unexpected end|magic`)
	f := func(method, path, body string, status int, says string, headers ...string) {
		t.Helper()
		w := do(t, h, method, path, body, headers...)
		var got struct {
			Error *struct{ Code, Message, Hint string }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.Error == nil || w.Code != status {
			t.Errorf("%s %s %s: %d %s, want %d", method, path, body, w.Code, w.Body, status)
			return
		}
		e := got.Error
		if e.Code == "" || e.Hint == "" || !strings.Contains(e.Message, says) {
			t.Errorf("%s %s %s: %+v, want %q and a hint", method, path, body, e, says)
		}
		if found := inside.FindString(e.Message + " " + e.Hint); found != "" {
			t.Errorf("%s %s %s: %q in %+v", method, path, body, found, e)
		}
	}
	ask := func(body, says string) { t.Helper(); f("POST", "/v1/query", body, 400, says) }
	ask(``, "no query")
	ask(`{"sql": }`, "not JSON at byte 9")
	ask(`{"sql": "SELECT 1"`, "ends too early")
	ask(`{"sql": 5}`, "sql is a JSON number; it must be a string")
	ask(`{"sql": "x", "timeout_ms": "x"}`, "timeout_ms is a JSON string; it must be a whole number")
	ask(`{"sql": "x", "timeout_ms": 1.5}`, "timeout_ms is a JSON number 1.5; it must be a whole number")
	ask(`{"sql": "x", "strict": "yes"}`, "strict is a JSON string; it must be true or false")
	ask(`{"sql": "x", "min_completeness": "1"}`, "it must be a number")
	ask(`{"sql": "x", "foo": 1}`, `a field "foo" that is not known`)
	ask(`{"sql": "x"} {}`, "something follows")
	ask(`{"sql": "x", "timeout_ms": -1}`, "negative")
	ask(`{"sql": "x", "min_completeness": 2}`, "from 0 to 1")
	ask("{\"sql\": \"x\",\n \x00}", "not JSON at byte")
	for query, says := range map[string]string{
		"q=x&timeout_ms=abc": `timeout_ms is "abc"`, "q=x&timeout_ms=1e3": "timeout_ms", "q=x&strict=maybe": `strict is "maybe"`,
		"q=x&timeoutms=1": `no parameter "timeoutms"`, "q=%zz": "can not be read", "q=x&min_completeness=x": "min_completeness",
		"q=x&summary=2": `summary is "2"`,
	} {
		f("GET", "/v1/query?"+query, "", 400, says)
	}
	patch := func(body, says string) { t.Helper(); f("PATCH", "/v1/tables/t", body, 400, says) }
	patch(`x`, "not JSON at byte 1")
	patch(``, "ends too early")
	patch(`[]`, "it is a JSON array; it must be an object")
	patch(`{"retention_age": "x"}`, "duration")
	patch(`{"retention_age": true}`, "duration")
	patch(`{"retention_bytes": "1GiB"}`, "it is a JSON string; it must be a whole number")
	patch(`{"retention_bytes": 1.5}`, "whole number")
	patch(`{"retention_bytes": -5}`, "negative")
	patch(`{"durability": 5}`, "it is a JSON number; it must be a string")
	patch(`{"durability": "none"}`, `"none" is not memory, disk or sync`)
	patch(`{"replicas": 2}`, "no setting")
	f("POST", "/v1/ingest/t?tiem=at", `{"a":1}`, 400, `no parameter "tiem"`)
	f("POST", "/v1/ingest/t", ``, 400, "no row")
	f("POST", "/v1/ingest/t", "a,b\n", 400, "no row", "Content-Type", "text/csv")
	f("POST", "/v1/ingest/t", `xx`, 400, "the gzip body is cut short", "Content-Encoding", "gzip")
	f("POST", "/v1/ingest/t", strings.Repeat("x", 99), 400, "the body is not gzip", "Content-Encoding", "gzip")
	f("POST", "/v1/ingest/t", strings.Repeat("x", 99), 400, "the body is not zstd", "Content-Encoding", "zstd")
	f("POST", "/v1/ingest/t", `xx`, 400, `content encoding "br"`, "Content-Encoding", "br")
	f("POST", "/v1/ingest/t", `xx`, 400, "ends inside a message", "Content-Type", "application/vnd.apache.arrow.stream")
	f("GET", "/v1/ingest/t", ``, 405, "GET is not a method")
	f("GET", "/v1/tables/a%20b", ``, 400, "is not a table name")
	f("GET", "/v1/tables/t/values?colunm=a", ``, 400, "no parameter")
	f("DELETE", "/v1/queries/x", ``, 404, "no query x is running")
	f("POST", "/v1/explain", `SHOW TABLES`, 400, "only SELECT can be explained")
	f("GET", "/nothing", ``, 404, "there is no GET /nothing")
	f("POST", "/v1/tables/t", ``, 405, "POST is not a method")

	w := do(t, h, "POST", "/v1/tables/t", "")
	if got := w.Header().Get("Allow"); got != "GET, PATCH, DELETE" {
		t.Errorf("Allow: %q", got)
	}
}

// TestLeafPort: what a leaf has not, it says in the shape of every error.
func TestLeafPort(t *testing.T) {
	h := MemberHandler(HTTPConfig{Members: func() []MemberInfo { return nil }}, func() bool { return true }, func() *wire.LeafStatus { return &wire.LeafStatus{Name: "leaf-1"} })
	f := func(method, path string, status int, says string) {
		t.Helper()
		w := do(t, h, method, path, "")
		if w.Code != status || !strings.HasPrefix(w.Body.String(), `{"error":{"code":"bad_request",`) || !strings.Contains(w.Body.String(), says) {
			t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
	}
	f("POST", "/v1/query", 404, "aggregators answer queries")
	f("GET", "/v1/query", 404, "aggregators answer queries")
	f("POST", "/v1/ingest/t", 404, "aggregators answer queries and take rows")
	f("GET", "/", 404, "this is a leaf")
	f("DELETE", "/v1/cluster", 405, "it takes GET")
}

// TestWarningsHeader: a program reads the warnings out of the header.
func TestWarningsHeader(t *testing.T) {
	f := func(texts, want []string) {
		t.Helper()
		header := headerList(texts)
		for _, b := range []byte(header) {
			if b < 0x20 || b > 0x7e {
				t.Errorf("byte %#x in %q", b, header)
			}
		}
		var got []string
		if err := json.Unmarshal([]byte(header), &got); err != nil || !slices.Equal(got, want) || len(header) > headerBytesMax+20 {
			t.Errorf("%q: %q %v, want %q", header, got, err, want)
		}
	}
	odd := []string{"no row has `stätus`; did you mean `status`?", "a \"b\"; c", "line\nbreak\x7f", "\U0001F41F", "<&>"}
	f(odd, odd)
	f(odd[:1], odd[:1])
	long := strings.Repeat("x", 1000)
	f([]string{long, long, long, long, long}, []string{long, long, long, "2 more"})
	f([]string{strings.Repeat("ä", 1000)}, []string{"1 more"})
}

func TestFormatAge(t *testing.T) {
	f := func(set, want string) {
		t.Helper()
		s, err := patchSettings(storage.Settings{}, []byte(`{"retention_age": `+set+`}`))
		if got := settingsToJSON(s).RetentionAge; err != nil || got != want {
			t.Errorf("%s: %q %v, want %q", set, got, err, want)
		}
	}
	f(`"7d"`, "7d")
	f(`"1w"`, "7d")
	f(`"36h"`, "36h")
	f(`"90s"`, "90s")
	f(`3600`, "1h")
	f(`""`, "")
	f(`null`, "")
}
