package aggregator

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/kelpdb/kelp/wire"
)

const (
	readToken   = "read-0123456789abcdefgh"
	ingestToken = "ingest-0123456789abcdef"
	adminToken  = "admin-0123456789abcdefg"
	clusterKey  = "0123456789abcdef"
)

// testAccess is a token of each role, and a node's.
func testAccess(t *testing.T) *Access {
	t.Helper()
	x, err := ParseTokens(fmt.Appendf(nil, "# who may what\nann read %s\n\n shop\tingest %s\nops admin %s\n",
		readToken, ingestToken, adminToken), []byte(clusterKey))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// with makes a call with a token; "": without.
func with(t *testing.T, h http.Handler, method, path, token string) (status int, body, challenge string) {
	t.Helper()
	var header []string
	if token != "" {
		header = []string{"Authorization", "Bearer " + token}
	}
	w := do(t, h, method, path, "", header...)
	return w.Code, w.Body.String(), w.Header().Get("WWW-Authenticate")
}

// whoMay is every call of an aggregator and who may make it: the initials of
// read, ingest, admin, node; "open" for those that need no token.
func whoMay() map[string]string {
	return map[string]string{
		"GET /healthz": "open", "GET /readyz": "open",
		"GET /": "open", "GET /x/{table}": "open", "GET /queries": "open", "GET /cluster": "open", "GET /assets/{file}": "open",
		"GET /metrics":             "ra",
		"POST /v1/ingest/{table}":  "ia",
		"POST /v1/query":           "ra",
		"GET /v1/query":            "ra",
		"GET /v1/tail":             "ra",
		"GET /v1/live":             "ra",
		"POST /v1/explain":         "ra",
		"POST /v1/differs":         "ra",
		"GET /v1/queries":          "ra",
		"DELETE /v1/queries/{id}":  "ra",
		"GET /v1/tables":           "ra",
		"GET /v1/tables/{table}":   "ra",
		"PATCH /v1/tables/{table}": "a", "DELETE /v1/tables/{table}": "a",
		"GET /v1/tables/{table}/values": "ra",
		"GET /v1/saved":                 "ra", "GET /v1/saved/{id}": "ra", "POST /v1/saved": "a", "PATCH /v1/saved/{id}": "a", "DELETE /v1/saved/{id}": "a",
		"GET /v1/boards": "ra", "GET /v1/boards/{id}": "ra", "POST /v1/boards": "a", "PATCH /v1/boards/{id}": "a", "DELETE /v1/boards/{id}": "a",
		"GET /v1/markers": "ra", "GET /v1/markers/{id}": "ra", "POST /v1/markers": "a", "PATCH /v1/markers/{id}": "a", "DELETE /v1/markers/{id}": "a",
		"GET /v1/catalog": "a", "GET /v1/catalog/export": "a", "POST /v1/catalog/import": "a",
		"POST /v1/catalog/voters/{name}": "a", "DELETE /v1/catalog/voters/{name}": "a", "DELETE /v1/catalog/nodes/{name}": "a",
		"GET /v1/cluster": "ran", "GET /v1/cluster/promises": "an",
		"POST /v1/cluster/{leaf}/suspend": "a", "POST /v1/cluster/{leaf}/forget": "a",
	}
}

// whoMayLeaf is the same of a leaf.
func whoMayLeaf() map[string]string {
	return map[string]string{"GET /healthz": "open", "GET /readyz": "open", "GET /metrics": "ra", "GET /v1/cluster": "ran"}
}

// TestWhoMay asks every call that there is with no, a wrong, each too weak and each
// sufficient token. A call that the lists above do not have is a failure.
func TestWhoMay(t *testing.T) {
	x := testAccess(t)
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "page\n") })
	members := func() []MemberInfo { return nil }
	a := newTest(t, &faultLeaf{name: "leaf-1", rows: 3})
	routesAre(t, a.routes(HTTPConfig{UI: page, Members: members, Access: x}), whoMay())
	status := func() *wire.LeafStatus { return &wire.LeafStatus{Name: "leaf-1"} }
	routesAre(t, memberRoutes(HTTPConfig{Members: members, Access: x}, func() bool { return true }, status), whoMayLeaf())
}

func routesAre(t *testing.T, r chi.Router, want map[string]string) {
	t.Helper()
	seen := 0
	err := chi.Walk(r, func(method, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		call := method + " " + pattern
		roles, known := want[call]
		if !known {
			t.Errorf("%s is in no list: who may make it?", call)
			return nil
		}
		seen++
		path := strings.NewReplacer("{table}", "t", "{id}", "none", "{name}", "none", "{leaf}", "none", "{file}", "none").Replace(pattern)
		callIs(t, r, method, path, roles)
		if method == http.MethodGet {
			callIs(t, r, http.MethodHead, path, roles)
		}
		return nil
	})
	if err != nil || seen != len(want) {
		t.Errorf("%d calls of %d are there, %v", seen, len(want), err)
	}
	callIs(t, r, http.MethodGet, "/v1/nothing", "ria")
	callIs(t, r, http.MethodDelete, "/metrics", "ria") // not a method of it
}

// callIs makes one call with every kind of token.
func callIs(t *testing.T, h http.Handler, method, path, roles string) {
	t.Helper()
	for _, token := range []string{"", "wrong-0123456789abcdefg", adminToken + "x", adminToken[1:]} {
		status, _, challenge := with(t, h, method, path, token)
		if roles == "open" && (status == http.StatusUnauthorized || challenge != "") {
			t.Errorf("%s %s is open, and answers %d to token %q", method, path, status, token)
		}
		if roles != "open" && (status != http.StatusUnauthorized || !strings.HasPrefix(challenge, "Bearer")) {
			t.Errorf("%s %s, token %q: %d, challenge %q", method, path, token, status, challenge)
		}
	}
	if roles == "open" {
		return
	}
	for initial, token := range map[string]string{"r": readToken, "i": ingestToken, "a": adminToken, "n": NodeToken([]byte(clusterKey))} {
		status, body, _ := with(t, h, method, path, token)
		refused := status == http.StatusUnauthorized || status == http.StatusForbidden
		if may := strings.Contains(roles, initial); may == refused || refused && status != http.StatusForbidden {
			t.Errorf("%s %s as %s: %d %s, but %s may", method, path, initial, status, body, roles)
		}
		if refused && method != http.MethodHead && !strings.Contains(body, "needs a token of role "+map[byte]string{'r': "read", 'i': "ingest", 'a': "admin"}[roles[0]]) {
			t.Errorf("%s %s as %s: %s does not say which role is needed", method, path, initial, body)
		}
	}
}

// TestNoTokens: without tokens a header of whatever kind changes nothing.
func TestNoTokens(t *testing.T) {
	h := newTest(t, &faultLeaf{name: "leaf-1", rows: 3}).Handler(HTTPConfig{})
	for _, token := range []string{"", "wrong-0123456789abcdefg"} {
		if status, body, _ := with(t, h, "GET", "/v1/tables", token); status != http.StatusOK {
			t.Errorf("%q: %d %s", token, status, body)
		}
	}
}

// TestSchemes: what is no bearer's token is none, and how Bearer is written is the
// client's affair.
func TestSchemes(t *testing.T) {
	h := newTest(t, &faultLeaf{name: "leaf-1", rows: 3}).Handler(HTTPConfig{Access: testAccess(t)})
	f := func(header string, want int) {
		t.Helper()
		if w := do(t, h, "GET", "/v1/tables", "", "Authorization", header); w.Code != want {
			t.Errorf("%q: %d %s", header, w.Code, w.Body)
		}
	}
	f("Bearer "+readToken, 200)
	f("bearer  "+readToken+" ", 200)
	f("Basic "+readToken, 401)
	f(readToken, 401)
	f("Bearer", 401)
	f("Bearer ", 401)
	f("Bearer "+readToken+","+readToken, 401)
	f("Bearer "+nodeName, 401)
	f("Bearer "+clusterKey, 401)
	f("Bearer "+strings.Repeat("x", tokenBytesMax+1), 401)
}

// TestParseTokens: what is wrong is said with its line, and never with the words
// that stand there.
func TestParseTokens(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		_, err := ParseTokens([]byte(text), nil)
		if want == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
		if err == nil {
			return
		}
		for _, word := range strings.Fields(text) {
			if len(word) >= 12 && strings.Contains(err.Error(), word) {
				t.Errorf("the error tells a secret: %v", err)
			}
		}
	}
	ok := "ann read " + readToken + "\n"
	f(ok, "")
	f("\r\n# x\r\nann read "+readToken+"\r\n", "")
	f(ok+"bob read "+ingestToken, "") // without a newline at the end
	f("", "it has no token")
	f("# ann read "+readToken, "it has no token")
	f(ok+"bob read", "line 2: it has 2 words")
	f(ok+"\nbob read "+ingestToken+" more", "line 3: it has 4 words")
	f(readToken+" read ann", "line 1: the token has 3 bytes")
	f("ann "+readToken+" read", "line 1: the second word must be a role")
	f("ann READ "+readToken, "role")
	f("ann node "+readToken, "role")
	f("a/b read "+readToken, "line 1: the name")
	f(nodeName+" read "+readToken, "line 1: the name")
	f(strings.Repeat("a", tokenNameMax)+" read "+readToken+"==", "")
	f("ann read "+readToken+"=x", "or it can not be sent")
	f("ann read "+strings.Repeat("=", 30), "or it can not be sent")
	f(strings.Repeat("a", tokenNameMax+1)+" read "+readToken, "line 1: the name")
	f("ann read tooshort", "it must have 22 to 1024")
	f("ann read "+strings.Repeat("x", tokenBytesMax+1), "it must have 22 to 1024")
	f("ann read "+strings.Repeat("ä", 20), "or it can not be sent")
	f(ok+"ann admin "+adminToken, "line 2: the name is line 1's already")
	f(ok+"bob admin "+readToken, "line 2: the token is line 1's already")
	var many strings.Builder
	for i := range tokensMax + 1 {
		fmt.Fprintf(&many, "name-%d read secret-of-many-words-%04d\n", i, i)
	}
	f(many.String(), fmt.Sprintf("line %d: there are more than %d", tokensMax+1, tokensMax))
}

// TestCancelOnlyOwn: a reader ends its own queries, an admin all.
func TestCancelOnlyOwn(t *testing.T) {
	a := newTest(t)
	h := a.Handler(HTTPConfig{Access: testAccess(t)})
	ended := make(chan string, 9)
	begin := func(user string) *running {
		return a.queries.begin(Ask{SQL: "SELECT 1", user: user}, a.cfg.Now(), func(error) { ended <- user })
	}
	f := func(user, token string, want int) {
		t.Helper()
		r := begin(user)
		defer a.queries.end(r)
		status, body, _ := with(t, h, "DELETE", "/v1/queries/"+r.id, token)
		if told := len(ended) == 1; status != want || told != (want == http.StatusOK) {
			t.Errorf("a query of %s's: %d %s, it was ended: %v", user, status, body, told)
		}
		for len(ended) > 0 {
			<-ended
		}
	}
	f("ann", readToken, 200)
	f("ops", readToken, 403)
	f("", readToken, 403)
	f("ann", adminToken, 200)
	f("", adminToken, 200)
	r := begin("ann")
	defer a.queries.end(r)
	if _, body, _ := with(t, h, "GET", "/v1/queries", readToken); !strings.Contains(body, `"user":"ann"`) {
		t.Errorf("it does not say whose query runs: %s", body)
	}
}

// TestWhoAsked: the log of queries names the token, and does not hold it.
func TestWhoAsked(t *testing.T) {
	a, stored := loggingTest(t, &faultLeaf{name: "leaf-1", rows: 7})
	h := a.Handler(HTTPConfig{Access: testAccess(t)})
	if w := do(t, h, "POST", "/v1/query", "SELECT count() FROM t", "Authorization", "Bearer "+readToken); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	select {
	case b := <-stored:
		if user := field(t, b, "user", 0); user != "ann" {
			t.Errorf("it was asked by %v", user)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the query is not in the log")
	}
}

// TestHosts: what a server is called by beside loopback; an address is its name only
// where a token keeps strangers out.
func TestHosts(t *testing.T) {
	a := newTest(t)
	open := a.Handler(HTTPConfig{Hosts: []string{"kelp.example"}})
	closed := a.Handler(HTTPConfig{Hosts: []string{"kelp.example"}, Access: testAccess(t)})
	f := func(h http.Handler, host string, want int) {
		t.Helper()
		if w := do(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Host = host
			h.ServeHTTP(w, r)
		}), "GET", "/healthz", ""); w.Code != want {
			t.Errorf("%s: %d %s", host, w.Code, w.Body)
		}
	}
	for _, h := range []http.Handler{open, closed} {
		f(h, "KELP.example:7411", 200)
		f(h, "localhost:7411", 200)
		f(h, "[::1]:7411", 200)
		f(h, "evil.example", 403)
		f(h, "x.kelp.example", 403)
	}
	f(open, "192.0.2.7:7411", 403)
	f(closed, "192.0.2.7:7411", 200)
	f(closed, "[2001:db8::7]:7411", 200)
	f(closed, "192.0.2.7.evil.example", 403)
}

func BenchmarkAdmit(b *testing.B) {
	var text strings.Builder
	for i := range tokensMax {
		fmt.Fprintf(&text, "name-%d read secret-of-many-words-%04d\n", i, i)
	}
	x, err := ParseTokens([]byte(text.String()), nil)
	if err != nil {
		b.Fatal(err)
	}
	r := &http.Request{Header: http.Header{"Authorization": {"Bearer secret-of-many-words-0000"}}}
	b.ReportAllocs()
	for b.Loop() {
		if who, refused := x.admit(r, forRead); refused != nil || who.name != "name-0" {
			b.Fatal(who, refused)
		}
	}
}
