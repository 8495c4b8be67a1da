package aggregator

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metrics is what /metrics shows.
type metrics struct {
	registry *prometheus.Registry
	rowsIn   *prometheus.CounterVec
	queries  *prometheus.CounterVec
	seconds  prometheus.Histogram
	ratio    prometheus.Gauge

	overQuota  *prometheus.CounterVec
	logDropped prometheus.Counter
}

func newMetrics(a *Aggregator) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		rowsIn: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kelp_ingested_rows_total", Help: "Rows acknowledged, by table."}, []string{"table"}),
		queries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kelp_queries_total", Help: "Queries by outcome: complete, partial, failed."}, []string{"outcome"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "kelp_query_seconds", Help: "Time to answer a query.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16)}),
		ratio: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "kelp_last_completeness_ratio", Help: "Completeness of the last answer."}),
		overQuota: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kelp_over_quota_total", Help: "Ingest calls refused for a table's quota, by table."}, []string{"table"}),
		logDropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "kelp_query_log_dropped_total", Help: "Ended queries that are missing from _kelp.queries."}),
	}
	up := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "kelp_leaves_up", Help: "Leaves that can be asked now."},
		func() float64 {
			n := 0
			for _, s := range a.seats() {
				if s.leaf != nil && s.state == StateUp {
					n++
				}
			}
			return float64(n)
		})
	m.registry.MustRegister(&leafMetrics{a.localStatus}, m.rowsIn, m.queries, m.seconds, m.ratio, m.overQuota, m.logDropped, up,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// count notes a query's outcome.
func (m *metrics) count(ans *Answer, err error) {
	switch {
	case err != nil:
		m.queries.WithLabelValues("failed").Inc()
		return
	case ans.Completeness.Ratio < 1:
		m.queries.WithLabelValues("partial").Inc()
	default:
		m.queries.WithLabelValues("complete").Inc()
	}
	m.seconds.Observe(ans.Elapsed.Seconds())
	m.ratio.Set(ans.Completeness.Ratio)
}
