package aggregator

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kelpdb/kelp/wire"
)

// leafMetrics shows the figures of the leaves of this process: those of others are
// on their own ports. status is called for each scrape.
type leafMetrics struct {
	status func() []*wire.LeafStatus
}

// leafMetric is one figure of a leaf.
type leafMetric struct {
	name, help string
	kind       prometheus.ValueType
	value      func(*wire.LeafStatus) float64
}

func leafMetricsList() []leafMetric {
	gauge, counter := prometheus.GaugeValue, prometheus.CounterValue
	return []leafMetric{
		{"kelp_leaf_rows", "Rows in live blocks.", gauge, func(s *wire.LeafStatus) float64 { return float64(s.Rows) }},
		{"kelp_leaf_memory_used_bytes", "Shared memory taken.", gauge, func(s *wire.LeafStatus) float64 { return float64(s.MemoryUsed) }},
		{"kelp_leaf_memory_budget_bytes", "Shared memory that may be taken; 0: what the file system gives.", gauge,
			func(s *wire.LeafStatus) float64 { return float64(s.MemoryBudget) }},
		{"kelp_leaf_damaged_blocks", "Blocks that are damaged now; their rows are missing in answers, which say so.", gauge,
			func(s *wire.LeafStatus) float64 { return float64(s.DamagedBlocks) }},
		{"kelp_leaf_damaged_blocks_total", "Blocks found to be damaged.", counter, func(s *wire.LeafStatus) float64 { return float64(s.SetAside) }},
		{"kelp_leaf_healed_blocks_total", "Damaged blocks that were read again from disk.", counter,
			func(s *wire.LeafStatus) float64 { return float64(s.Healed) }},
		{"kelp_leaf_damaged_copies_total", "Copies on disk that were found to be damaged and written again from memory.", counter,
			func(s *wire.LeafStatus) float64 { return float64(s.BadCopies) }},
		{"kelp_leaf_edit_log_damaged", "1: the edit log could not be read to its end at the start, rows may be lost.", gauge, func(s *wire.LeafStatus) float64 {
			if s.LogDamaged {
				return 1
			}
			return 0
		}},
		{"kelp_leaf_scrub_passes_total", "Times that every checksum was verified in the background.", counter,
			func(s *wire.LeafStatus) float64 { return float64(s.ScrubPasses) }},
		{"kelp_leaf_scrub_bytes_total", "Bytes of blocks verified in the background.", counter,
			func(s *wire.LeafStatus) float64 { return float64(s.ScrubBytes) }},
		{"kelp_leaf_scrub_last_pass_seconds", "When the last such pass ended, in seconds since 1970; 0: none did.", gauge,
			func(s *wire.LeafStatus) float64 { return float64(s.Scrubbed) / 1e9 }},
	}
}

func (m leafMetric) desc() *prometheus.Desc {
	return prometheus.NewDesc(m.name, m.help, []string{"leaf"}, nil)
}

func (c *leafMetrics) Describe(out chan<- *prometheus.Desc) {
	for _, m := range leafMetricsList() {
		out <- m.desc()
	}
}

func (c *leafMetrics) Collect(out chan<- prometheus.Metric) {
	leaves := c.status()
	for _, m := range leafMetricsList() {
		desc := m.desc()
		for _, st := range leaves {
			out <- prometheus.MustNewConstMetric(desc, m.kind, m.value(st), st.Name)
		}
	}
}

// localStatus is the figures of the leaves that run in this process.
func (a *Aggregator) localStatus() (stats []*wire.LeafStatus) {
	for _, s := range a.seats() {
		if !s.local || s.leaf == nil {
			continue
		}
		if st, err := s.leaf.Status(context.Background()); err == nil {
			stats = append(stats, st)
		}
	}
	return stats
}
