package side

import (
	"fmt"
	"strings"
	"time"
)

func (r *Report) restart(b *strings.Builder) {
	b.WriteString("## Restart to a right answer, page cache warm\n\nMilliseconds from the start of the program to the last byte of Q2, and of Q5 over the last hour asked " +
		"behind it; every answer complete and equal to that before. `engine`: Q2 without what the program's runtime took to be there (Node and the " +
		"library of the peers; kelp has none).\n\n")
	t := newTable("after", "system", "Q2", "engine Q2", "Q2 and Q5", "blocks")
	engine := func(re reopened) time.Duration { return re.engine }
	for _, after := range []string{afterLastReceipt, afterStop, afterKill} {
		for _, m := range r.systems {
			program := m.restartTimes(after, func(re reopened) time.Duration { return re.program })
			both := m.restartTimes(after, func(re reopened) time.Duration { return re.both })
			if len(program) == 0 {
				continue
			}
			blocks := none
			for _, re := range m.restarts {
				if re.after == after && re.blocks > 0 {
					blocks = grouped(re.blocks)
				}
			}
			t.add(after, m.name, milliseconds(median(program)), milliseconds(median(m.restartTimes(after, engine))), milliseconds(median(both)), blocks)
		}
		of := func(m *measured) float64 { return float64(median(m.restartTimes(after, engine))) }
		if k := r.kelp(); k != nil && of(k) > 0 && r.best(of, true) > 0 {
			t.add(after, vsBest, "", ratio(of(k), r.best(of, true)))
		}
	}
	t.WriteTo(b)
}

// restartTimes lists a figure of the restarts of one sort.
func (m *measured) restartTimes(after string, of func(reopened) time.Duration) []time.Duration {
	var took []time.Duration
	for _, re := range m.restarts {
		if re.after == after {
			took = append(took, of(re))
		}
	}
	return took
}

func (r *Report) recovery(b *strings.Builder) {
	cache := "dropped before each"
	if !r.machine.canDrop {
		cache = "NOT dropped (that takes root and -drop-caches): these are no cold figures"
	}
	fmt.Fprintf(b, "## From disk alone\n\nkelp without its memory directory; page cache %s. kelp reads everything "+
		"into memory, the peers what the question needs; dd reads kelp's files, just before and as cold. Milliseconds since the engine began.\n\n", cache)
	t := newTable("system", "first answer", "its completeness", "complete Q1", "then Q2", "live MB", "MB/s", "dd MB/s", "MB/s / dd")
	for _, m := range r.systems {
		rec := m.recovery
		if rec == nil {
			continue
		}
		rate := float64(rec.bytes) / rec.whole.Seconds()
		row := []string{m.name, milliseconds(rec.first), fmt.Sprintf("%.2f", rec.firstRatio), milliseconds(rec.whole), milliseconds(rec.second),
			significant(float64(rec.bytes) / 1e6)}
		if m.name == kelpName {
			row = append(row, significant(rate/1e6), significant(rec.dd/1e6), ratio(rate, rec.dd))
		}
		t.add(row...)
	}
	t.WriteTo(b)
}

// asked is the table of warm questions.
func (r *Report) asked(b *strings.Builder, hour bool) {
	if hour {
		b.WriteString("## Questions over the last hour, warm\n\n")
	} else {
		fmt.Fprintf(b, "## Questions over 24 hours, warm\n\nMilliseconds, median of %d rounds (fastest in brackets), each round with its own constants, the same for every "+
			"system. kelp: HTTP and JSON included, asked RAW; peers: the engine's call alone, and where it has several ways to ask, the fastest. No system "+
			"has a cache of results or conditions.\n\n", r.rounds())
	}
	r.times(b, hour, func(t *timing) time.Duration { return median(t.warm) }, func(t *timing) string {
		return fmt.Sprintf("%s (%s)", milliseconds(median(t.warm)), milliseconds(smallest(t.warm)))
	})
}

// rounds is the smallest number of warm answers behind a median.
func (r *Report) rounds() int {
	least := r.cfg.Rounds
	for _, m := range r.systems {
		for _, t := range m.times {
			least = min(least, len(t.warm))
		}
	}
	return least
}

func (r *Report) firstAsked(b *strings.Builder) {
	b.WriteString("## Questions asked for the first time\n\nMilliseconds, over 24 hours, in this order, after the load, on data that the load left in memory or page cache.\n\n")
	of := func(t *timing) time.Duration { return t.first }
	r.times(b, false, of, func(t *timing) string { return milliseconds(t.first) })
}

func (r *Report) times(b *strings.Builder, hour bool, of func(*timing) time.Duration, cell func(*timing) string) {
	header := []string{"question"}
	for _, m := range r.systems {
		header = append(header, m.name)
	}
	t := newTable(append(header, vsBest)...)
	for _, q := range questions() {
		k := key{question: q.id, hour: hour}
		figure := func(m *measured) float64 {
			if t := m.times[k]; t != nil {
				return float64(of(t))
			}
			return 0
		}
		row := []string{q.id + " " + q.title}
		for _, m := range r.systems {
			if t := m.times[k]; t != nil {
				row = append(row, cell(t))
			} else {
				row = append(row, none)
			}
		}
		last := none
		if kelp := r.kelp(); kelp != nil {
			last = ratio(figure(kelp), r.best(figure, true))
		}
		t.add(append(row, last)...)
	}
	t.WriteTo(b)
}

// errors is the table of approximations.
func (r *Report) errors(b *strings.Builder) {
	if len(r.off) == 0 {
		b.WriteString("Approximations were not held against exact answers: DuckDB in memory, which gives them, was not part of the run.\n")
		return
	}
	b.WriteString("## Approximations: error against the exact answer\n\nMedian of all groups and columns (largest in brackets), with the constants of the published " +
		"figures. In groups of a few rows, peers interpolate between values; kelp takes the value at the rank. kelp promises 1% for percentiles and a standard " +
		"error of 0.8% for distinct counts, and fails the run beyond.\n\n")
	header := []string{"question"}
	for _, m := range r.systems {
		header = append(header, m.name)
	}
	t := newTable(header...)
	for _, hour := range []bool{false, true} {
		for _, q := range questions() {
			by := r.off[key{question: q.id, hour: hour}]
			if by == nil {
				continue
			}
			row := []string{q.id + ", " + rangeName(hour)}
			for _, m := range r.systems {
				cell := none
				if d, ok := by[m.name]; ok {
					cell = fmt.Sprintf("%.2f%% (%.2f%%)", d.median*100, d.largest*100)
				}
				row = append(row, cell)
			}
			t.add(row...)
		}
	}
	t.WriteTo(b)
}
