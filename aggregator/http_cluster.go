package aggregator

import (
	"context"
	"net/http"
	"sort"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/kelpdb/kelp/wire"
)

// MemberInfo is one node of the cluster as /v1/cluster shows it.
type MemberInfo struct {
	Name          string `json:"name"`
	Role          string `json:"role"` // leaf, aggregator
	State         string `json:"state"`
	Address       string `json:"address"` // HTTP
	Gossip        string `json:"gossip,omitempty"`
	Rows          uint64 `json:"rows"`
	MemoryUsed    uint64 `json:"memory_used"`
	MemoryBudget  uint64 `json:"memory_budget"`
	Version       string `json:"version"`
	DamagedBlocks uint64 `json:"damaged_blocks"`
	HealedBlocks  uint64 `json:"healed_blocks"` // since the process began
	LogDamaged    bool   `json:"log_damaged"`   // its edit log could not be read to the end
	Scrubbed      any    `json:"scrubbed"`      // when the last pass over all checksums ended; null: none did
}

// Fill takes over a leaf's own figures.
func (m *MemberInfo) Fill(st *wire.LeafStatus) {
	m.Rows, m.MemoryUsed, m.MemoryBudget, m.Version = st.Rows, st.MemoryUsed, st.MemoryBudget, st.Version
	m.DamagedBlocks, m.HealedBlocks, m.LogDamaged = st.DamagedBlocks, st.Healed, st.LogDamaged
	if st.Scrubbed != 0 {
		m.Scrubbed = timeOrNil(st.Scrubbed)
	}
}

// statusTimeout is how long /v1/cluster waits for the leaves' own figures: it
// must answer while one is frozen.
const statusTimeout = time.Second

// serveCluster is GET /v1/cluster: what the membership says, with the leaves'
// own figures.
//
// ?gossip=1 asks no leaf: whoever joins wants the addresses, and at once.
func (a *Aggregator) serveCluster(members func() []MemberInfo) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		var stats []*wire.LeafStatus
		if r.URL.Query().Get("gossip") != "1" {
			ctx, cancel := context.WithTimeout(r.Context(), statusTimeout)
			defer cancel()
			stats, _ = onLeaves(ctx, a, func(ctx context.Context, l wire.Leaf) (*wire.LeafStatus, error) { return l.Status(ctx) })
		}
		list := a.clusterList(members, stats)
		writeJSON(w, http.StatusOK, map[string]any{"members": list})
		return nil
	}
}

func (a *Aggregator) clusterList(members func() []MemberInfo, stats []*wire.LeafStatus) []MemberInfo {
	byName := make(map[string]MemberInfo)
	if members != nil {
		for _, m := range members() {
			byName[m.Name] = m
		}
	}
	suspended := a.book.suspended()
	for _, s := range a.seats() {
		m, ok := byName[s.name]
		if !ok {
			m = MemberInfo{Name: s.name, Role: "leaf", State: string(s.state), Address: a.address(s.name)}
		}
		switch {
		case suspended[s.name]:
			m.State = string(StateSuspended)
		case s.broken && m.State == string(StateUp): // gossip is slower
			m.State = string(StateDown)
		}
		byName[s.name] = m
	}
	for name := range a.book.forgotten() {
		if m, ok := byName[name]; ok {
			m.State = string(StateForgotten)
			byName[name] = m
		}
	}
	for _, st := range stats {
		if m, ok := byName[st.Name]; ok {
			m.Fill(st)
			byName[st.Name] = m
		}
	}
	list := make([]MemberInfo, 0, len(byName))
	for _, m := range byName {
		list = append(list, m)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}

func (a *Aggregator) address(name string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := a.nodes[name]; n != nil {
		return n.address
	}
	return ""
}

func unknownLeaf(name string) *apiError {
	return &apiError{Status: http.StatusNotFound, Code: "bad_request", Message: "no leaf is called " + name,
		Hint: "GET /v1/cluster lists them"}
}

// MemberHandler is the HTTP port of a node that answers no queries: health,
// metrics, among them those of its leaf's status, and the members it knows.
func MemberHandler(cfg HTTPConfig, ready func() bool, status func() *wire.LeafStatus) http.Handler {
	return memberRoutes(cfg, ready, status)
}

func memberRoutes(cfg HTTPConfig, ready func() bool, status func() *wire.LeafStatus) chi.Router {
	need := cfg.Access.guard
	r := chi.NewRouter()
	r.Use(onlyHosts(cfg), middleware.GetHead)
	r.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "ok\n") })
	r.Get("/readyz", func(w http.ResponseWriter, _ *http.Request) { writeReady(w, ready()) })
	registry := prometheus.NewRegistry()
	registry.MustRegister(&leafMetrics{func() []*wire.LeafStatus { return []*wire.LeafStatus{status()} }},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	r.Get("/metrics", need(forRead, promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP))
	r.Get("/v1/cluster", need(forMembers, plain(func(w http.ResponseWriter, _ *http.Request) error {
		writeJSON(w, http.StatusOK, map[string]any{"members": cfg.Members()})
		return nil
	}, "gossip")))
	r.NotFound(need(forAll, noSuchCall("this is a leaf: aggregators answer queries and take rows; GET /v1/cluster names them. "+
		"A leaf has /healthz, /readyz, /metrics and /v1/cluster")))
	r.MethodNotAllowed(need(forAll, noSuchMethod))
	return r
}
