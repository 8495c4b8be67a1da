package ui

import (
	_ "embed"
	"net/http"
)

//go:embed landing.html
var landing []byte

// Handler serves the page, which reads its address: at /x/TABLE it is about that
// table, and it fills in and asks the query in ?q=.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:")
		_, _ = w.Write(landing) // the browser may have gone
	})
}
