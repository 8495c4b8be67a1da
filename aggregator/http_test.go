package aggregator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kelpdb/kelp/storage"
	"github.com/kelpdb/kelp/wire"
)

// do makes a request of a handler; headers are name, value, ...
func do(t *testing.T, h http.Handler, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:7411"+path, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestOnLeavesMissing: leaves that can not be asked and leaves that fail at once
// are all named (a race, if they are not noted under the lock).
func TestOnLeavesMissing(t *testing.T) {
	a := newTest(t, &faultLeaf{name: "a"}, &faultLeaf{name: "c"})
	for i := range 50 {
		a.Know(fmt.Sprintf("b-%02d", i), "", "", 0)
		a.Know(fmt.Sprintf("d-%02d", i), "", "", 0)
	}
	for range 20 {
		_, asked := onLeaves(t.Context(), a, func(context.Context, wire.Leaf) (int, error) { return 0, errors.New("no") })
		if asked.Total != 102 || asked.Answered != 0 || len(asked.Missing) != 102 {
			t.Fatalf("%d of %d answered, %d are missing", asked.Answered, asked.Total, len(asked.Missing))
		}
	}
}

// frozenLeaf never tells its status, and says when it is asked.
type frozenLeaf struct {
	*faultLeaf
	asked chan struct{}
}

func (l *frozenLeaf) Status(ctx context.Context) (*wire.LeafStatus, error) {
	l.asked <- struct{}{}
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestClusterWithFrozenLeaf: the members are told soon, and whoever joins is
// told at once.
func TestClusterWithFrozenLeaf(t *testing.T) {
	a := newTest(t)
	l := &frozenLeaf{&faultLeaf{name: "leaf-1"}, make(chan struct{}, 9)}
	a.Attach("leaf-1", "", l, false)
	h := a.Handler(HTTPConfig{})
	if w := do(t, h, "GET", "/v1/cluster?gossip=1", ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "leaf-1") || len(l.asked) != 0 {
		t.Errorf("gossip: %d %s, %d leaves were asked", w.Code, w.Body, len(l.asked))
	}
	began := time.Now()
	if w := do(t, h, "GET", "/v1/cluster", ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "leaf-1") || len(l.asked) != 1 {
		t.Errorf("%d %s, %d leaves were asked", w.Code, w.Body, len(l.asked))
	}
	if took := time.Since(began); took > 3*statusTimeout {
		t.Errorf("it took %v", took)
	}
}

func TestRecentShare(t *testing.T) {
	const second = int64(time.Second)
	now := 1_000_000 * second
	f := func(fromSec, widthSec int64, want float64) {
		t.Helper()
		got := recentShare(bucket{now + fromSec*second, widthSec * second}, now)
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("bucket at %d s of %d s: %v, want %v", fromSec, widthSec, got, want)
		}
	}
	f(-30, 1, 1)
	f(-60, 1, 1)
	f(-61, 1, 0)
	f(-65, 10, 0.5)
	f(-5, 10, 1)      // it is being filled
	f(-120, 600, 0.5) // the same: two of its ten minutes have passed
	f(-630, 600, 0.05)
	f(-60, 60, 1)
	f(0, 60, 0)
	f(5, 60, 0)
	f(-10, 0, 0) // rows of no known time
	if got := recentShare(bucket{math.MinInt64, 36_500 * 86_400 * second}, now); got != 0 {
		t.Errorf("the first bucket of all: %v", got)
	}
}

func TestFormatOf(t *testing.T) {
	f := func(accept, want string) {
		t.Helper()
		got, err := formatOf(accept)
		if err != nil {
			got.media = err.Error()
		}
		if got.media != want {
			t.Errorf("%q: %s, want %s", accept, got.media, want)
		}
	}
	const html = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	f("", "application/json")
	f("*/*", "*/*")
	f(html, "text/html")
	f("text/csv", "text/csv")
	f("text/csv;q=0.5, application/x-ndjson", "application/x-ndjson")
	f("text/csv;q=0.5, application/x-ndjson;q=0.4, image/png", "text/csv")
	f("text/csv;q=0, */*;q=0.1", "*/*")
	f("application/json, text/csv", "application/json")
	f("text/csv;q=0", `cannot answer as "text/csv;q=0"`)
	f("text/csv;q=x", `cannot answer as "text/csv;q=x"`)
	f("image/png", `cannot answer as "image/png"`)
}

func TestReadAsk(t *testing.T) {
	f := func(method, query, body string, want Ask, part string) {
		t.Helper()
		got, err := readAsk(httptest.NewRequest(method, "/v1/query"+query, strings.NewReader(body)))
		if part != "" {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s %s: %v, want an error with %q", query, body, err, part)
			}
			return
		}
		if err != nil || got != want {
			t.Errorf("%s %s: %+v %v, want %+v", query, body, got, err, want)
		}
	}
	most := timeoutMax.Milliseconds()
	f("GET", "?q=x&timeout_ms=20&min_completeness=0.95&strict=1&tz=UTC", "", Ask{SQL: "x", TimeoutMs: 20, MinCompleteness: 0.95, Strict: true, TZ: "UTC"}, "")
	f("GET", "?q=x&timeout_ms=9223372036854775807", "", Ask{SQL: "x", TimeoutMs: most}, "")
	f("POST", "", `{"sql": "x", "timeout_ms": 9223372036854, "min_completeness": 1}`, Ask{SQL: "x", TimeoutMs: most, MinCompleteness: 1}, "")
	f("GET", "?q=x&min_completeness=much", "", Ask{}, "min_completeness")
	f("GET", "?q=x&min_completeness=1.5", "", Ask{}, "min_completeness")
	f("GET", "?q=x&min_completeness=NaN", "", Ask{}, "min_completeness")
	f("GET", "?q=x&timeout_ms=-1", "", Ask{}, "negative")
}

// TestQueryID: whatever comes of a query, it has an id.
func TestQueryID(t *testing.T) {
	a := newTest(t, &faultLeaf{name: "leaf-1", rows: 5})
	h := a.Handler(HTTPConfig{})
	seen := make(map[string]bool)
	for _, sql := range []string{"SELECT count() FROM t", "SHOW TABLES", "SELECT", "DESCRIBE nothing", ""} {
		w := do(t, h, "POST", "/v1/query", sql)
		id := w.Header().Get("Kelp-Query-Id")
		if id == "" || seen[id] {
			t.Errorf("%q: id %q (%d %s)", sql, id, w.Code, w.Body)
		}
		seen[id] = true
		var answer struct {
			ID string `json:"query_id"`
		}
		if w.Code == http.StatusOK && (json.Unmarshal(w.Body.Bytes(), &answer) != nil || answer.ID != id) {
			t.Errorf("%q: id %q in the header, %q in the body", sql, id, answer.ID)
		}
	}
}

// TestOtherOrigin: pages of other servers can not write; programs can.
func TestOtherOrigin(t *testing.T) {
	h := newTest(t, &faultLeaf{name: "leaf-1", rows: 5}).Handler(HTTPConfig{})
	f := func(status int, headers ...string) {
		t.Helper()
		if w := do(t, h, "POST", "/v1/query", "SHOW TABLES", headers...); w.Code != status {
			t.Errorf("%v: %d %s, want %d", headers, w.Code, w.Body, status)
		}
	}
	f(http.StatusOK)
	f(http.StatusOK, "Content-Type", "application/x-www-form-urlencoded")
	f(http.StatusOK, "Origin", "http://127.0.0.1:7411", "Sec-Fetch-Site", "same-origin")
	f(http.StatusForbidden, "Origin", "https://elsewhere.example", "Sec-Fetch-Site", "cross-site", "Content-Type", "text/plain")
	f(http.StatusForbidden, "Origin", "http://127.0.0.1:8000")
}

// settledLeaf has a table with settings.
type settledLeaf struct {
	*faultLeaf
	settings storage.Settings
}

func (l *settledLeaf) Describe(context.Context, string) (*wire.TableDetail, error) {
	return &wire.TableDetail{Known: true, Settings: l.settings}, nil
}

// TestPatchKeepsTheRest: a change of one setting keeps the others as the leaf
// has them, also where the book has not heard of them yet, and is a newer version.
func TestPatchKeepsTheRest(t *testing.T) {
	a := newTest(t)
	ahead := uint64(time.Now().Add(time.Hour).UnixNano()) // set by an aggregator whose clock is ahead
	l := &settledLeaf{&faultLeaf{name: "leaf-1", rows: 5, set: make(chan storage.Settings, 9)}, storage.Settings{Version: ahead, RetentionBytes: 7}}
	a.Attach("leaf-1", "", l, true)
	w := do(t, a.Handler(HTTPConfig{}), "PATCH", "/v1/tables/t", `{"durability": "memory"}`)
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	got := <-l.set
	if got.RetentionBytes != 7 || got.Durability != storage.DurabilityMemory || got.Version <= ahead {
		t.Errorf("set %+v", got)
	}
}

func TestMemberReady(t *testing.T) {
	ready := false
	h := MemberHandler(HTTPConfig{Members: func() []MemberInfo { return []MemberInfo{{Name: "leaf-1"}} }}, func() bool { return ready }, func() *wire.LeafStatus { return &wire.LeafStatus{Name: "leaf-1", DamagedBlocks: 3} })
	if w := do(t, h, "GET", "/readyz", ""); w.Code != http.StatusServiceUnavailable {
		t.Errorf("not ready: %d", w.Code)
	}
	ready = true
	if w := do(t, h, "GET", "/readyz", ""); w.Code != http.StatusOK {
		t.Errorf("ready: %d", w.Code)
	}
	if w := do(t, h, "GET", "/v1/cluster", ""); !strings.Contains(w.Body.String(), `"leaf-1"`) {
		t.Errorf("members %s", w.Body)
	}
	if w := do(t, h, "GET", "/metrics", ""); !strings.Contains(w.Body.String(), "kelp_leaf_damaged_blocks{leaf=\"leaf-1\"} 3\n") {
		t.Errorf("no damage in the metrics: %s", w.Body)
	}
}
