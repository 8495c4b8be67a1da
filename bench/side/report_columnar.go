package side

import (
	"fmt"
	"strings"
)

// columnar tells of the loads that were not of NDJSON.
func (r *Report) columnar(b *strings.Builder) {
	if k := r.kelp(); k == nil || len(k.forms) == 0 {
		return
	}
	fmt.Fprintf(b, "## Columns in, until the last row is queryable\n\nMedian of %d loads of the same rows. kelp: Arrow streams over HTTP, a record batch of 65,536 rows each, "+
		"made before the clock starts; arrow with plain strings, arrow-dict with those of few values as dictionaries. DuckDB: a Parquet file of its own, "+
		"by the engine itself. Columns as above; blocks right after the last row.\n\n", r.cfg.Loads)
	t := newTable("system", "form", "rows/s", "(range)", "CPU", "client", "memory, MB", "blocks")
	best := 0.0
	for _, m := range r.systems {
		for _, f := range m.forms {
			var cpu, client []float64
			peak, took, rows := int64(0), loadTimes(f.loads), float64(r.cfg.Rows)
			for _, l := range f.loads {
				cpu = append(cpu, r.microseconds(l.cpu))
				client = append(client, r.microseconds(l.clientCPU))
				peak = max(peak, l.anonymous)
			}
			ofClient, blocks := "in CPU", none
			if m.name == kelpName {
				ofClient, blocks = fmt.Sprintf("%.2f", median(client)), grouped(f.blocks)
			} else {
				best = max(best, r.rateOf(f.loads))
			}
			t.add(m.name, f.name, grouped(int64(r.rateOf(f.loads))),
				fmt.Sprintf("(%s-%s)", grouped(int64(rows/largest(took).Seconds())), grouped(int64(rows/smallest(took).Seconds()))),
				fmt.Sprintf("%.2f", median(cpu)), ofClient, significant(float64(peak)/1e6), blocks)
		}
	}
	for _, f := range r.kelp().forms {
		t.add(vsBest, f.name, ratio(r.rateOf(f.loads), best))
	}
	t.WriteTo(b)
}
