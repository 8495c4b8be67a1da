package aggregator

import (
	"context"
	"net/http"

	"github.com/go-chi/chi/v5"
)

// Suspending and forgetting leaves.
//
// A suspended leaf is no home of keys and is not read, but what it had stays
// expected: nobody knows how much of it has been stored again elsewhere. That
// ends when it is forgotten. A leaf that was both may still be alive or return;
// it is known by its id then, and neither read nor expected.

// suspended is the set of leaves that take no batches; nil if it is empty, as it
// nearly always is.
func (b *book) suspended() map[string]bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	var set map[string]bool
	for _, page := range b.leaves {
		if page.Suspended {
			if set == nil {
				set = make(map[string]bool)
			}
			set[page.Leaf] = true
		}
	}
	return set
}

// forgotten is the set of leaves that have been suspended and forgotten, and are
// there all the same.
func (b *book) forgotten() map[string]bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.banned) == 0 {
		return nil // as nearly always
	}
	set := make(map[string]bool)
	for _, page := range b.leaves {
		if b.banned[page.ID] {
			set[page.Leaf] = true
		}
	}
	return set
}

// forget takes a leaf and all it promised out of the book.
func (b *book) forget(leaf string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if page := b.leaves[leaf]; page != nil && page.Suspended && page.ID != "" {
		b.banned[page.ID] = true
	}
	delete(b.leaves, leaf)
	b.marks.noteAll()
}

// retire makes a suspended leaf that is alive one of the forgotten. Its page
// stays, so that it is known by its id at once.
func (b *book) retire(leaf string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	page := b.leaves[leaf]
	if page == nil || !page.Suspended || page.ID == "" {
		return
	}
	b.banned[page.ID] = true
	clear(page.Tables)
	clear(page.Lost)
	b.marks.noteAll()
}

// bans tells whether a leaf of this id has been suspended and forgotten.
func (b *book) bans(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.banned[id]
}

// serveSuspend is POST /v1/cluster/{leaf}/suspend, for a leaf that is gone: the
// keys it was home to move on. It is not read any more, should it come back:
// what it has may by then be stored elsewhere too.
func (a *Aggregator) serveSuspend(w http.ResponseWriter, r *http.Request) error {
	name := chi.URLParam(r, "leaf")
	already := a.book.suspended()[name]
	for _, s := range a.seats() {
		if s.name == name && !already && a.lives(r.Context(), s) {
			return &apiError{Status: http.StatusConflict, Code: "bad_request", Message: "leaf " + name + " is up",
				Hint: "suspend is for a leaf that will not come back; stop it first"}
		}
	}
	if !already && !a.agreesOnLeaves(name) {
		return a.changeLeaf(w, name, "suspended", &bookRecord{Suspend: name})
	}
	if a.agreesOnLeaves(name) && !a.book.bans(a.book.idOf(name)) {
		if err := a.suspend(r.Context(), name, false); err != nil {
			return err
		}
	}
	writeJSON(w, http.StatusOK, map[string]any{"suspended": name})
	return nil
}

// serveForget is POST /v1/cluster/{leaf}/forget: a leaf that is gone is not
// expected any more, nor is anything it had; the same of one that is alive and
// suspended; of any other that is alive, the rows that it came back without are not.
func (a *Aggregator) serveForget(forget func(string) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		name := chi.URLParam(r, "leaf")
		if !a.book.has(name) {
			return unknownLeaf(name)
		}
		alive, suspended := a.reaches(name), a.book.suspended()[name]
		agreed := suspended && a.agreesOnLeaves(name)
		if agreed { // first, for where it fails nothing may have been done
			if err := a.suspend(r.Context(), name, true); err != nil {
				return err
			}
		}
		if forget != nil {
			alive = forget(name) != nil
		}
		if agreed && alive {
			writeJSON(w, http.StatusOK, map[string]any{"forgotten": name})
			return nil
		}
		if alive && suspended {
			return a.changeLeaf(w, name, "forgotten", &bookRecord{Retire: name})
		}
		if alive {
			return a.changeLeaf(w, name, "forgotten_lost_rows_of", &bookRecord{ForgetLost: name})
		}
		if err := a.Forget(name); err != nil {
			return err
		}
		writeJSON(w, http.StatusOK, map[string]any{"forgotten": name})
		return nil
	}
}

// lives tells whether a leaf answers now. Gossip takes seconds to tell of a
// death, the leaf's own connection does at once; where that is broken, it is asked.
func (a *Aggregator) lives(ctx context.Context, s seat) bool {
	if s.leaf == nil || s.state != StateUp {
		return false
	}
	if s.lease {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	_, err := s.leaf.Status(ctx)
	return err == nil
}

// reaches tells whether a leaf is attached.
func (a *Aggregator) reaches(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.nodes[name] != nil && a.nodes[name].leaf != nil
}

// Forget drops all that is known of a leaf that is gone for good. One that is
// not known is none.
func (a *Aggregator) Forget(name string) error {
	a.Detach(name, StateDown)
	a.mu.Lock()
	delete(a.nodes, name)
	a.mu.Unlock()
	if !a.book.has(name) {
		return nil
	}
	return a.note(&bookRecord{Forget: name})
}

// changeLeaf applies an operator's word about a leaf and keeps it.
func (a *Aggregator) changeLeaf(w http.ResponseWriter, leaf, done string, rec *bookRecord) error {
	if !a.book.has(leaf) {
		return unknownLeaf(leaf)
	}
	if err := a.note(rec); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{done: leaf})
	return nil
}

// note enters a record into the book, here and on disk.
func (a *Aggregator) note(rec *bookRecord) error {
	rec.At = a.cfg.Now().UnixNano()
	a.book.replay(rec)
	return a.file.write(a.book, rec)
}
