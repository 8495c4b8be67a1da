package aggregator

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/kelpdb/kelp/catalog"
	"github.com/kelpdb/kelp/query"
	"github.com/kelpdb/kelp/wire"
)

// HTTPConfig is what the public API stands on beside the Aggregator.
type HTTPConfig struct {
	UI      http.Handler        // GET /, its other pages, and their files
	Members func() []MemberInfo // /v1/cluster; nil: the leaves alone
	Hosts   []string            // names the server answers to beside loopback
	Access  *Access             // who may make which call; nil: everyone all

	// Forget removes a leaf from the membership for good; its error says that the
	// leaf is alive and stays. nil: what this process can not reach is dead.
	Forget func(name string) error

	// Stopping is closed when the process begins to end: streams, which have no end of
	// their own, end then. nil: never.
	Stopping <-chan struct{}
}

// Handler is the public API.
func (a *Aggregator) Handler(cfg HTTPConfig) http.Handler {
	return sameOrigin().Handler(a.routes(cfg))
}

// routes is every call with those who may make it: what passes through need asks for
// a token, if there are any; health and the files of the page do not.
func (a *Aggregator) routes(cfg HTTPConfig) chi.Router {
	need := cfg.Access.guard
	r := chi.NewRouter()
	r.Use(onlyHosts(cfg), middleware.GetHead)
	r.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "ok\n") })
	r.Get("/readyz", a.serveReady)
	r.Get("/metrics", need(forRead, promhttp.HandlerFor(a.metrics.registry, promhttp.HandlerOpts{}).ServeHTTP))
	r.Route("/v1", func(r chi.Router) {
		r.Post("/ingest/{table}", need(forIngest, wrap(a.serveIngest)))
		r.Post("/query", need(forRead, wrap(a.serveQuery)))
		r.Get("/query", need(forRead, wrap(a.serveQuery)))
		r.Get("/live", need(forRead, wrap(a.serveLive(cfg.Stopping))))
		r.Get("/tail", need(forRead, wrap(a.serveTail(cfg.Stopping))))
		r.Post("/explain", need(forRead, wrap(a.serveExplain)))
		r.Post("/differs", need(forRead, plain(a.serveDiffers)))
		r.Get("/queries", need(forRead, plain(a.serveQueries)))
		r.Delete("/queries/{id}", need(forRead, plain(a.serveCancel)))
		r.Get("/tables", need(forRead, plain(a.serveTables)))
		r.Get("/tables/{table}", need(forRead, plain(a.serveTable)))
		r.Delete("/tables/{table}", need(forAdmin, plain(a.serveDrop)))
		r.Patch("/tables/{table}", need(forAdmin, plain(a.serveSettings)))
		r.Get("/tables/{table}/values", need(forRead, wrap(a.serveValues)))
		a.routeSaved(r, cfg.Access)
		r.Get("/catalog", need(forAdmin, plain(a.serveCatalog)))
		r.Get("/catalog/export", need(forAdmin, plain(a.withCatalog(a.serveCatalogExport))))
		r.Post("/catalog/import", need(forAdmin, plain(a.withCatalog(a.serveCatalogImport))))
		r.Post("/catalog/voters/{name}", need(forAdmin, plain(a.serveVoter((*catalog.Catalog).AddVoter))))
		r.Delete("/catalog/voters/{name}", need(forAdmin, plain(a.serveVoter((*catalog.Catalog).RemoveVoter))))
		r.Delete("/catalog/nodes/{name}", need(forAdmin, plain(a.serveVoter((*catalog.Catalog).Remove))))
		r.Get("/cluster/promises", need(forNodes, plain(a.servePromises)))
		r.Get("/cluster", need(forMembers, plain(a.serveCluster(cfg.Members), "gossip")))
		r.Post("/cluster/{leaf}/suspend", need(forAdmin, plain(a.serveSuspend)))
		r.Post("/cluster/{leaf}/forget", need(forAdmin, plain(a.serveForget(cfg.Forget))))
	})
	if cfg.UI != nil {
		for _, page := range []string{"/", "/x/{table}", "/queries", "/cluster", "/assets/{file}"} {
			r.Get(page, cfg.UI.ServeHTTP)
		}
	}
	r.NotFound(need(forAll, noSuchCall("")))
	r.MethodNotAllowed(need(forAll, noSuchMethod))
	return r
}

// noSuchCall answers what is not there; elsewhere says where it may be.
func noSuchCall(elsewhere string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		e := &apiError{Status: http.StatusNotFound, Code: "bad_request",
			Message: "there is no " + r.Method + " " + r.URL.Path, Hint: "the calls are listed in docs/api.md"}
		if plannedCall.MatchString(r.URL.Path) {
			e.Message, e.Hint = r.URL.Path+" is not there yet", "the calls of this version are listed in docs/api.md"
		}
		if elsewhere != "" {
			e.Hint = elsewhere
		}
		writeError(w, e)
	}
}

func noSuchMethod(w http.ResponseWriter, r *http.Request) {
	e := &apiError{Status: http.StatusMethodNotAllowed, Code: "bad_request",
		Message: r.Method + " is not a method of " + r.URL.Path}
	var takes []string
	routes := chi.RouteContext(r.Context()).Routes
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete} {
		if routes.Match(chi.NewRouteContext(), method, r.URL.Path) {
			takes = append(takes, method)
		}
	}
	if len(takes) > 0 {
		w.Header().Set("Allow", strings.Join(takes, ", "))
		e.Hint = "it takes " + strings.Join(takes, ", ")
	}
	writeError(w, e)
}

// ServeLoading answers while a node maps its blocks: alive, not ready yet.
func ServeLoading(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/healthz" {
		writeText(w, http.StatusOK, "ok\n")
		return
	}
	writeError(w, &apiError{Status: http.StatusServiceUnavailable, Code: "unavailable", RetryAfter: true,
		Message: "the blocks are being mapped", Hint: "try again in a moment; /readyz tells when"})
}

// plannedCall matches the calls of the contract that a later version brings.
var plannedCall = regexp.MustCompile(`^/v1/(derived|tokens|cluster/[^/]+/drain)(/|$)`)

// sameOrigin refuses what a web page of another server would have a browser
// send. Programs send no Origin, so nothing changes for them.
func sameOrigin() *http.CrossOriginProtection {
	p := http.NewCrossOriginProtection()
	p.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writeError(w, &apiError{Status: http.StatusForbidden, Code: "forbidden",
			Message: "a web page of another server may not call this one", Hint: "call it from a program, or from its own page"})
	}))
	return p
}

// onlyHosts refuses requests that name a host we are not: a web page that had
// its own name point at loopback would otherwise read the data. With tokens a server
// may have any address, and is called by it: no name can point a page there.
func onlyHosts(cfg HTTPConfig) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			host := r.Host
			if h, _, err := net.SplitHostPort(host); err == nil {
				host = h
			}
			host = strings.Trim(host, "[]")
			ip := net.ParseIP(host)
			known := host == "" || strings.EqualFold(host, "localhost") || (ip != nil && (ip.IsLoopback() || cfg.Access != nil))
			for _, h := range cfg.Hosts {
				known = known || strings.EqualFold(h, host)
			}
			if !known {
				writeError(w, &apiError{Status: http.StatusForbidden, Code: "forbidden",
					Message: "this server is not called " + host, Hint: "use its own address, or start it with --allowed-hosts " + host})
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func (a *Aggregator) serveReady(w http.ResponseWriter, _ *http.Request) {
	writeReady(w, a.Ready())
}

func writeReady(w http.ResponseWriter, ready bool) {
	if ready {
		writeText(w, http.StatusOK, "ready\n")
		return
	}
	writeText(w, http.StatusServiceUnavailable, "loading\n")
}

// wrap turns a handler that returns its error into one that writes it.
func wrap(serve func(w http.ResponseWriter, r *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := serve(w, r); err != nil {
			writeError(w, ended(r.Context(), asAPIError(err)))
		}
	}
}

// plain is wrap for a call that takes no parameters in its address but those
// that are known.
func plain(serve func(w http.ResponseWriter, r *http.Request) error, known ...string) http.HandlerFunc {
	return wrap(func(w http.ResponseWriter, r *http.Request) error {
		if _, err := params(r, known...); err != nil {
			return err
		}
		return serve(w, r)
	})
}

// ErrStopping is the cause of a request's context when the process ends and can
// not wait for the request any longer.
var ErrStopping = errors.New("the server is stopping")

// ended is the error of a request that ErrStopping broke off; any other stays as
// it is.
func ended(ctx context.Context, e *apiError) *apiError {
	if !errors.Is(context.Cause(ctx), ErrStopping) {
		return e
	}
	return &apiError{Status: http.StatusServiceUnavailable, Code: "unavailable", RetryAfter: true, Receipt: e.Receipt,
		Message: ErrStopping.Error() + ", and the request was not finished in the time left to it",
		Hint:    "send it again; with an Idempotency-Key a repeat counts once"}
}

// apiError is an error as clients see it.
type apiError struct {
	Status       int           `json:"-"`
	Code         string        `json:"code"`
	Message      string        `json:"message"`
	Position     *query.Pos    `json:"position,omitempty"`
	Hint         string        `json:"hint,omitempty"`
	Completeness *Completeness `json:"completeness,omitempty"`
	RetryAfter   bool          `json:"-"`
	Wait         time.Duration `json:"-"` // what Retry-After says; 0: a second
	Receipt      *Receipt      `json:"-"` // what had been stored by then
}

func (e *apiError) Error() string { return e.Message }

// statusClientGone is what nginx calls a request whose client went away; nobody
// reads it but the access log.
const statusClientGone = 499

func badRequest(message, hint string) *apiError {
	return &apiError{Status: http.StatusBadRequest, Code: "bad_request", Message: message, Hint: hint}
}

// asAPIError is the one place that maps errors to statuses.
func asAPIError(err error) *apiError {
	var api *apiError
	var bad *query.Error
	var unknown *errUnknownTable
	var incomplete *errIncomplete
	var home *silentHome
	var journal *journalError
	var coded *wire.Error
	var body *bodyError
	var quota *overQuota
	switch {
	case errors.As(err, &api):
		return api
	case catalogError(err) != nil:
		return catalogError(err)
	case errors.As(err, &bad):
		return queryError(bad)
	case errors.As(err, &unknown):
		e := &apiError{Status: http.StatusNotFound, Code: "unknown_table", Message: err.Error(),
			Hint: "a table is born with its first row: POST one to /v1/ingest/" + unknown.table}
		if strings.HasPrefix(unknown.table, "_kelp.") {
			e.Hint = "of kelp's own tables there is _kelp.queries, a second after the first query"
		} else if unknown.near != "" {
			e.Hint = "did you mean " + unknown.near + "?"
		}
		return e
	case errors.As(err, &incomplete):
		return &apiError{Status: http.StatusServiceUnavailable, Code: "incomplete", Message: err.Error(),
			Completeness: &incomplete.answer.Completeness}
	case errors.As(err, &quota):
		return &apiError{Status: http.StatusTooManyRequests, Code: "over_quota", Message: err.Error(), RetryAfter: true, Wait: quota.wait,
			Hint: "send it again then; the settings quota_rows_s and quota_bytes_s of the table say how much it takes"}
	case errors.As(err, &home), errors.As(err, &journal), errors.Is(err, errNoLeaf):
		return &apiError{Status: http.StatusServiceUnavailable, Code: "unavailable", Message: err.Error(), RetryAfter: true}
	case errors.As(err, &coded):
		return wireError(coded)
	case errors.Is(err, context.DeadlineExceeded):
		return &apiError{Status: http.StatusGatewayTimeout, Code: "timeout", Message: "no leaf answered in time",
			Hint: "raise timeout_ms, or narrow the time range"}
	case errors.Is(err, context.Canceled):
		return &apiError{Status: statusClientGone, Code: "timeout", Message: "the request was cancelled"}
	case errors.As(err, &body):
		return badRequest(err.Error(), "the rows before that place are counted in the receipt")
	}
	return &apiError{Status: http.StatusInternalServerError, Code: "internal", Message: err.Error(), Hint: internalHint}
}

// internalHint goes with what nobody outside can have caused.
const internalHint = "this is a fault of kelp's or of its machine; the server's log may say more"

func queryError(e *query.Error) *apiError {
	out := &apiError{Status: http.StatusBadRequest, Code: e.Code, Message: e.Message, Hint: e.Hint}
	if e.Code == "over_budget" {
		out.Status = http.StatusUnprocessableEntity
	}
	if e.Pos.Line > 0 {
		out.Position = &e.Pos
	}
	return out
}

func wireError(e *wire.Error) *apiError {
	switch e.Code {
	case wire.CodeKeyReused:
		return &apiError{Status: http.StatusConflict, Code: "key_reused", Message: e.Message,
			Hint: "use a new Idempotency-Key for new content"}
	case wire.CodeFateUnknown:
		return &apiError{Status: http.StatusServiceUnavailable, Code: "unavailable", Message: "fate unknown: " + e.Message, RetryAfter: true,
			Hint: "with an Idempotency-Key a repeat counts once"}
	case wire.CodeFull, wire.CodeClosing, wire.CodeLoading, wire.CodeUnreachable:
		return &apiError{Status: http.StatusServiceUnavailable, Code: "unavailable", Message: e.Message, RetryAfter: true}
	case wire.CodeBad:
		return badRequest(e.Message, "")
	}
	return &apiError{Status: http.StatusInternalServerError, Code: "internal", Message: e.Message, Hint: internalHint}
}

// writeError is the single writer of errors.
func writeError(w http.ResponseWriter, e *apiError) {
	if e.RetryAfter {
		w.Header().Set("Retry-After", strconv.Itoa(seconds(e.Wait)))
	}
	writeJSON(w, e.Status, struct {
		Error    *apiError `json:"error"`
		*Receipt           // its fields beside the error: what had been stored by then
	}{e, e.Receipt})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic("BUG: an answer is not JSON: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client may have gone; nobody is left to tell
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // as above
}
