// Package ui is the web page, embedded into the binary.
//
// The page is written in TypeScript (src) and built by `npm run build` into
// dist/app, which git does not keep; `make` does that where Node is there. A binary
// that was built without it has dist/placeholder.html alone, which says how to build
// the page. The page uses the public API and nothing else; it holds no state of its
// own but its address (src/model/state.ts).
package ui
