package ui

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

func built() fstest.MapFS {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	return fstest.MapFS{
		"dist/placeholder.html":       file("make build"),
		"dist/app/index.html":         file("<script src=\"/assets/index-1.js\"></script>"),
		"dist/app/assets/index-1.js":  file(strings.Repeat("code;", 100)),
		"dist/app/assets/index-2.css": file("body {}"),
	}
}

// TestPage: every page is the same file, with a policy that lets it load and talk to
// its own server alone; files with a digest in their name may be kept for ever.
func TestPage(t *testing.T) {
	get := func(path, body, kind, cache string) {
		t.Helper()
		w := httptest.NewRecorder()
		handler(built()).ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		h := w.Header()
		if w.Code != 200 || !strings.Contains(w.Body.String(), body) || h.Get("Content-Type") != kind || h.Get("Cache-Control") != cache {
			t.Errorf("%s: %d, %v, %.40q", path, w.Code, h, w.Body)
		}
		p := h.Get("Content-Security-Policy")
		if !strings.Contains(p, "default-src 'none'") || !strings.Contains(p, "connect-src 'self'") || strings.Contains(p, "unsafe") {
			t.Errorf("%s: policy %q", path, p)
		}
	}
	const page, kept = "no-cache", "public, max-age=31536000, immutable"
	for _, path := range []string{"/", "/x/shop?q=FROM+shop+SELECT+count()", "/queries", "/cluster"} {
		get(path, "/assets/index-1.js", "text/html; charset=utf-8", page)
	}
	get("/assets/index-1.js", "code;", "text/javascript; charset=utf-8", kept)
	get("/assets/index-2.css", "body", "text/css; charset=utf-8", kept)
	for _, path := range []string{"/assets/index-0.js", "/assets/", "/assets/../placeholder.html"} {
		w := httptest.NewRecorder()
		handler(built()).ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestCompressed(t *testing.T) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/assets/index-1.js", nil)
	r.Header.Set("Accept-Encoding", "gzip, br")
	handler(built()).ServeHTTP(w, r)
	z, err := gzip.NewReader(w.Body)
	if err != nil || w.Header().Get("Content-Encoding") != "gzip" {
		t.Fatal(err, w.Header())
	}
	if text, err := io.ReadAll(z); err != nil || string(text) != strings.Repeat("code;", 100) {
		t.Errorf("%v, %.40q", err, text)
	}
}

// TestNotBuilt: a binary that was built without the page says how to build it.
func TestNotBuilt(t *testing.T) {
	files := built()
	delete(files, "dist/app/index.html")
	w := httptest.NewRecorder()
	handler(files).ServeHTTP(w, httptest.NewRequest("GET", "/x/shop", nil))
	if w.Code != 200 || !strings.Contains(w.Body.String(), "make build") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	// What is embedded has the placeholder, built or not.
	if text, err := dist.ReadFile("dist/placeholder.html"); err != nil || !bytes.Contains(text, []byte("make build")) {
		t.Errorf("%v %s", err, text)
	}
}
