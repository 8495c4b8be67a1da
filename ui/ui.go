package ui

import (
	"bytes"
	"compress/gzip"
	"embed"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed all:dist
var dist embed.FS

// policy lets the page load what lies beside it and talk to its own server, no more.
// Styles that scripts set are objects, never text.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// asset is one file of the page, as it is and compressed.
type asset struct {
	kind   string // Content-Type
	plain  []byte
	zipped []byte
}

// Handler serves the page and its files. Every path but a file's is the page, which
// reads its address: / lists the tables, /x/TABLE is about one, and ?q= is SQL to ask.
func Handler() http.Handler {
	return handler(dist)
}

func handler(built fs.FS) http.Handler {
	// With the first request: a start has no time to compress.
	loaded := sync.OnceValue(func() map[string]*asset { return load(built) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assets := loaded()
		a, cache := assets["index.html"], "no-cache"
		if a == nil {
			a = assets["placeholder.html"]
		}
		if name, is := strings.CutPrefix(r.URL.Path, "/assets/"); is {
			// A file's name holds a digest of what is in it.
			if a, cache = assets["assets/"+name], "public, max-age=31536000, immutable"; a == nil {
				http.NotFound(w, r)
				return
			}
		}
		h := w.Header()
		h.Set("Content-Type", a.kind)
		h.Set("Cache-Control", cache)
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer") // addresses hold what is asked
		h.Set("Vary", "Accept-Encoding")
		body := a.plain
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			body = a.zipped
		}
		_, _ = w.Write(body) // the browser may have gone
	})
}

// load reads the files of the built page, and the one that takes its place.
func load(built fs.FS) map[string]*asset {
	assets := map[string]*asset{}
	err := fs.WalkDir(built, "dist", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		plain, err := fs.ReadFile(built, name)
		if err != nil {
			return err
		}
		short := strings.TrimPrefix(strings.TrimPrefix(name, "dist/"), "app/")
		assets[short] = &asset{kind: kindOf(short), plain: plain, zipped: compress(plain)}
		return nil
	})
	if err != nil || assets["placeholder.html"] == nil {
		panic("BUG: the embedded page cannot be read")
	}
	return assets
}

// kindOf does not ask the machine's own table of types, which may lack one.
func kindOf(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".html":
		return "text/html; charset=utf-8"
	}
	if kind := mime.TypeByExtension(path.Ext(name)); kind != "" {
		return kind
	}
	return "application/octet-stream"
}

func compress(plain []byte) []byte {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err == nil {
		_, err = z.Write(plain)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		panic("BUG: memory can not be written to: " + err.Error())
	}
	return out.Bytes()
}
