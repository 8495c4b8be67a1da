package aggregator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// Aggregators tell each other what leaves have promised. One that was away, or
// cut off from a leaf, has an old promise: rows were acknowledged through the
// others meanwhile. Before an old promise is counted, theirs is asked for.

// promisesBytesMax bounds the book that another aggregator sends.
const promisesBytesMax = 256 << 20

// servePromises is GET /v1/cluster/promises: the book, for other aggregators.
func (a *Aggregator) servePromises(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, a.book.save())
	return nil
}

// Unheard tells whether the promise of some leaf is not being listened to, so
// that other aggregators may know better.
func (a *Aggregator) Unheard() bool {
	for _, s := range a.seats() {
		if !s.ready {
			return true
		}
	}
	return false
}

// Adopt takes in the book of another aggregator: the promises of leaves that
// this one does not hear, where the other has heard later words.
func (a *Aggregator) Adopt(book io.Reader) error {
	rec := new(bookRecord)
	if err := json.NewDecoder(io.LimitReader(book, promisesBytesMax)).Decode(rec); err != nil {
		return fmt.Errorf("cannot read another aggregator's promises: %w", err)
	}
	heard := make(map[string]bool)
	for _, s := range a.seats() {
		heard[s.name] = s.ready
	}
	later := &bookRecord{Snapshot: []savedPage{}, At: a.cfg.Now().UnixNano()}
	for i, page := range rec.Snapshot {
		if page.Heard && !heard[page.Leaf] && !a.book.bans(page.ID) && a.book.olderThan(&page.leafPage) {
			later.Snapshot = append(later.Snapshot, rec.Snapshot[i])
		}
	}
	if len(later.Snapshot) == 0 {
		return nil
	}
	a.book.replay(later)
	a.mu.Lock()
	for _, page := range later.Snapshot {
		if a.nodes[page.Leaf] == nil {
			a.nodes[page.Leaf] = &node{name: page.Leaf, state: StateDown}
		}
	}
	a.mu.Unlock()
	return a.file.write(a.book, later)
}

// olderThan tells whether what the book knows of a leaf is older than a page.
func (b *book) olderThan(page *leafPage) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	ours := b.leaves[page.Leaf]
	switch {
	case ours == nil || !ours.Heard:
		return true
	case ours.ID != page.ID:
		return ours.Born < page.Born
	case ours.Epoch != page.Epoch:
		return ours.Epoch < page.Epoch // epochs follow the clock of the leaf
	}
	return ours.Seq < page.Seq
}
