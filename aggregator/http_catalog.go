package aggregator

import (
	"context"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/kelpdb/kelp/catalog"
)

// catalogJSON is how the catalog is, as this node knows it.
type catalogJSON struct {
	Leader    any            `json:"leader"` // a name; null: none is known
	Voters    []catalog.Node `json:"voters"`
	Followers []catalog.Node `json:"followers"`
	Applied   uint64         `json:"applied"`
	Error     any            `json:"error"` // why it takes no changes; null: it does, with a leader
}

// errNoCatalog is of a process that has none.
func errNoCatalog() *apiError {
	return &apiError{Status: http.StatusServiceUnavailable, Code: "unavailable", Message: "this server has no catalog"}
}

// serveCatalog is GET /v1/catalog.
func (a *Aggregator) serveCatalog(w http.ResponseWriter, _ *http.Request) error {
	if a.cfg.Catalog == nil {
		return errNoCatalog()
	}
	st := a.cfg.Catalog.Status()
	out := catalogJSON{Voters: st.Voters, Followers: st.Followers, Applied: st.Applied}
	if st.Leader != "" {
		out.Leader = st.Leader
	}
	if err := a.cfg.Catalog.Err(); err != nil {
		out.Error = err.Error()
	}
	writeJSON(w, http.StatusOK, out)
	return nil
}

// serveVoter changes who takes part in the catalog: /v1/catalog/voters/{name} and
// /v1/catalog/nodes/{name}.
func (a *Aggregator) serveVoter(change func(*catalog.Catalog, context.Context, string) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		if a.cfg.Catalog == nil {
			return errNoCatalog()
		}
		if err := change(a.cfg.Catalog, r.Context(), chi.URLParam(r, "name")); err != nil {
			return err
		}
		return a.serveCatalog(w, r)
	}
}
