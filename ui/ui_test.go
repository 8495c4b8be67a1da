package ui

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// TestPage: the page about a table is the same page, with a policy that lets it
// talk to its own server alone, and nothing it loads is relative to its address.
func TestPage(t *testing.T) {
	for _, path := range []string{"/", "/x/shop?q=FROM+shop+SELECT+count()"} {
		w := httptest.NewRecorder()
		Handler().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		body := w.Body.String()
		if w.Code != 200 || !strings.Contains(body, `URLSearchParams(location.search).get("q")`) {
			t.Errorf("%s: %d", path, w.Code)
		}
		if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "connect-src 'self'") {
			t.Errorf("%s: policy %q", path, policy)
		}
		for _, relative := range []string{`fetch("v1`, `src="`, `href="./`, `href = "?`} {
			if strings.Contains(body, relative) {
				t.Errorf("%s: the page has %s", path, relative)
			}
		}
	}
}
