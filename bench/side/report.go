package side

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kelpdb/kelp/bench/gen"
)

// Report is what a run found out.
type Report struct {
	begun   time.Time
	took    time.Duration
	commit  string
	machine *machine
	cfg     Config
	bytes   int64     // of the NDJSON
	end     time.Time // of the workload

	systems []*measured
	wrong   []string
	off     map[key]map[string]deviation
}

// Wrong lists wrong answers; a run that has any has failed.
func (r *Report) Wrong() []string { return r.wrong }

// Name is a name for the report's file: date, commit and rows.
func (r *Report) Name() string {
	return fmt.Sprintf("%s-side-%s-%s.md", r.begun.UTC().Format("2006-01-02"), short(r.cfg.Rows), r.commit)
}

// short writes a number of rows for a name: 10M, 200k.
func short(n int64) string {
	switch {
	case n >= 1e6 && n%1e6 == 0:
		return fmt.Sprintf("%dM", n/1e6)
	case n >= 1000 && n%1000 == 0:
		return fmt.Sprintf("%dk", n/1000)
	}
	return fmt.Sprint(n)
}

// vsBest heads the column, or the row, of ratios.
const vsBest = "kelp / best"

// kelp returns kelp's figures, nil if it was not measured.
func (r *Report) kelp() *measured {
	i := slices.IndexFunc(r.systems, func(m *measured) bool { return m.name == kelpName })
	if i < 0 {
		return nil
	}
	return r.systems[i]
}

// best returns the best figure of the peers by less, ignoring zeros, which mean
// not measured; 0 if none was.
func (r *Report) best(figure func(*measured) float64, lessIsBetter bool) float64 {
	best := 0.0
	for _, m := range r.systems {
		v := figure(m)
		if m.name != kelpName && v != 0 && (best == 0 || (v < best) == lessIsBetter) {
			best = v
		}
	}
	return best
}

// WriteTo writes the report as Markdown.
func (r *Report) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	for _, part := range []func(*strings.Builder){
		r.header, r.wrongAnswers, r.targets, r.ingest, r.columnar, r.bytesPerRow, r.columns, r.restart, r.recovery,
	} {
		part(&b)
	}
	r.asked(&b, false)
	r.asked(&b, true)
	r.firstAsked(&b)
	r.errors(&b)
	n, err := io.WriteString(w, strings.TrimRight(b.String(), "\n")+"\n")
	return int64(n), err
}

func (r *Report) header(b *strings.Builder) {
	m := r.machine
	fmt.Fprintf(b, "# Side by side, %s rows\n\n", short(r.cfg.Rows))
	fmt.Fprintf(b, "%s UTC, commit %s, %.0f s in all. %d cores of %s, %.1f GB of memory, Linux %s, load average %s before the run.\n\n",
		r.begun.UTC().Format("2006-01-02 15:04"), r.commit, r.took.Seconds(), m.cores, m.cpu, float64(m.memory)/1e9, m.kernel, m.load)
	fmt.Fprintf(b, "The reference workload (bench/gen), seed %d: %s rows over %v, %.2f GB of NDJSON (%.0f bytes a row) in one file, in the page "+
		"cache before each load. One system at a time, all cores, nothing else tuned than what bench/peers and bench/side/dialect.go show. "+
		"Ratios are kelp / best peer of this run.\n\n",
		r.cfg.Seed, grouped(r.cfg.Rows), gen.SpanDefault, float64(r.bytes)/1e9, float64(r.bytes)/float64(r.cfg.Rows))
	t := newTable("system", "version")
	for _, s := range r.systems {
		t.add(s.name, s.version)
	}
	t.WriteTo(b)
}

func (r *Report) wrongAnswers(b *strings.Builder) {
	if len(r.wrong) == 0 {
		b.WriteString("Answers: all systems agreed on all of them, also after every restart.\n\n")
		return
	}
	fmt.Fprintf(b, "## %d WRONG ANSWERS: this run has failed\n\n", len(r.wrong))
	for _, w := range r.wrong[:min(len(r.wrong), differencesMax)] {
		fmt.Fprintf(b, "- %s\n", w)
	}
	b.WriteByte('\n')
}

// targets holds kelp against what the storage work set out to reach. They are
// meant for 10 million rows on two cores.
func (r *Report) targets(b *strings.Builder) {
	k := r.kelp()
	if k == nil {
		return
	}
	b.WriteString("## Targets\n\nMeant for 10M rows on two cores.\n\n")
	t := newTable("what", "target", "measured", "met")
	add := func(what, target, measured string, met bool) {
		t.add(what, target, measured, map[bool]string{true: "yes", false: "no"}[met])
	}
	rate := r.rate(k)
	add("NDJSON until queryable, rows/s", "at least "+grouped(targetRowsPerSecond), grouped(int64(rate)), rate >= targetRowsPerSecond)
	for _, f := range k.forms {
		rate := r.rateOf(f.loads)
		add(f.name+" streams until queryable, rows/s", "at least "+grouped(targetArrowRows), grouped(int64(rate)), rate >= targetArrowRows)
	}
	perRow := float64(k.sizes.bytes) / float64(r.cfg.Rows)
	add("bytes a row in memory", fmt.Sprintf("at most %d", targetBytesPerRow), significant(perRow), perRow <= targetBytesPerRow)
	for _, after := range []string{afterLastReceipt, afterStop, afterKill} {
		if took := largest(k.restartTimes(after, func(re reopened) time.Duration { return re.both })); took > 0 {
			add("Q2 and Q5 after: "+after+", ms", "at most "+milliseconds(targetRestart), milliseconds(took), took <= targetRestart)
		}
	}
	if rec := k.recovery; rec != nil && rec.dropped && rec.dd > 0 {
		share := float64(rec.bytes) / rec.whole.Seconds() / rec.dd
		add("recovery from disk, share of dd", fmt.Sprintf("at least %.2f", targetRecovery), significant(share), share >= targetRecovery)
	}
	beside := int64(targetBesideShare*float64(k.sizes.bytes)) + targetBesideBytes
	for _, memory := range []struct {
		when  string
		bytes int64
	}{{"at rest", k.settled.atRest}, {"at most while merging", k.settled.anonymous}} {
		add("memory beside the blocks "+memory.when+", MB", "at most "+significant(float64(beside)/1e6), significant(float64(memory.bytes)/1e6),
			memory.bytes <= beside)
	}
	t.WriteTo(b)
}

// rate is the median of the loads in rows per second.
func (r *Report) rate(m *measured) float64 { return r.rateOf(m.loads) }

func (r *Report) rateOf(loads []loaded) float64 {
	return float64(r.cfg.Rows) / median(loadTimes(loads)).Seconds()
}

func loadTimes(loads []loaded) []time.Duration {
	var took []time.Duration
	for _, l := range loads {
		took = append(took, l.took)
	}
	return took
}

func (r *Report) ingest(b *strings.Builder) {
	fmt.Fprintf(b, "## NDJSON in, until the last row is queryable\n\nMedian of %d loads into an empty place (slowest and fastest in brackets). "+
		"CPU in µs a row: of the system's process until queryable, of the client if it is another process (it reads the file, cuts it and speaks HTTP), "+
		"and of the system until its background work had ended as well, in the last load. Memory is the peak of the process's anonymous memory.\n\n", r.cfg.Loads)
	t := newTable("system", "rows/s", "(range)", "CPU", "client", "CPU until settled", "settled after, s", "memory, MB")
	for _, m := range r.systems {
		var cpu, client []float64
		peak := int64(0)
		for _, l := range m.loads {
			cpu = append(cpu, r.microseconds(l.cpu))
			client = append(client, r.microseconds(l.clientCPU))
			peak = max(peak, l.anonymous)
		}
		ofClient := "in CPU"
		if m.name == kelpName {
			ofClient = fmt.Sprintf("%.2f", median(client))
		}
		took := loadTimes(m.loads)
		rows := float64(r.cfg.Rows)
		t.add(m.name, grouped(int64(r.rate(m))),
			fmt.Sprintf("(%s-%s)", grouped(int64(rows/largest(took).Seconds())), grouped(int64(rows/smallest(took).Seconds()))),
			fmt.Sprintf("%.2f", median(cpu)), ofClient, fmt.Sprintf("%.2f", r.microseconds(m.settled.cpu)),
			fmt.Sprintf("%.1f", m.settled.took.Seconds()), significant(float64(peak)/1e6))
	}
	if k := r.kelp(); k != nil {
		t.add(vsBest, ratio(r.rate(k), r.best(r.rate, false)))
	}
	t.WriteTo(b)
}

func (r *Report) microseconds(d time.Duration) float64 {
	return float64(d) / float64(time.Microsecond) / float64(r.cfg.Rows)
}

func (r *Report) bytesPerRow(b *strings.Builder) {
	b.WriteString("## Bytes a row, settled\n\nIn memory: kelp's blocks (and what its files in shared memory take), DuckDB's in-memory table. On disk: live bytes by " +
		"the engine's own count, and what its files take, with what will be removed later. At rest: anonymous memory of the process, all of DuckDB's table in it.\n\n")
	t := newTable("system", "in memory", "files in memory", "live on disk", "files on disk", "process at rest, MB", "blocks")
	for _, m := range r.systems {
		rows, s := r.cfg.Rows, m.sizes
		inMemory, live := none, perRow(s.bytes, rows)
		switch {
		case m.name == kelpName:
			inMemory, live = live, perRow(s.counted.disk, rows)
		case s.disk == 0:
			inMemory, live = live, none
			if s.compressed > 0 {
				inMemory += " (" + perRow(s.compressed, rows) + " after CHECKPOINT)"
			}
		}
		blocks := none
		if s.blocks > 0 {
			blocks = grouped(s.blocks)
		}
		t.add(m.name, inMemory, perRow(s.memory, rows), live, perRow(s.disk, rows), significant(float64(m.settled.atRest)/1e6), blocks)
	}
	if k := r.kelp(); k != nil {
		t.add(vsBest, ratio(float64(k.sizes.bytes), r.best(inMemoryBytes, true)), "", ratio(onDisk(k), r.best(onDisk, true)))
	}
	t.WriteTo(b)
}

// onDisk is the live bytes on disk by the engine's own count.
func onDisk(m *measured) float64 {
	if m.name == kelpName {
		return float64(m.sizes.counted.disk)
	}
	if m.sizes.disk == 0 {
		return 0 // in memory alone
	}
	return float64(m.sizes.bytes)
}

// inMemoryBytes is what a peer that keeps everything in memory can do with.
func inMemoryBytes(m *measured) float64 {
	if m.sizes.disk != 0 || m.name == kelpName {
		return 0
	}
	if m.sizes.compressed > 0 {
		return float64(m.sizes.compressed)
	}
	return float64(m.sizes.bytes)
}

func (r *Report) columns(b *strings.Builder) {
	told := slices.DeleteFunc(slices.Clone(r.systems), func(m *measured) bool { return len(m.sizes.columns) == 0 })
	if len(told) == 0 {
		return
	}
	b.WriteString("## Bytes a row by column\n\nFor the systems that tell: kelp in memory, ClickHouse compressed on disk, both without what belongs to no column.\n\n")
	header := []string{"column"}
	for _, m := range told {
		header = append(header, m.name)
	}
	t := newTable(append(header, vsBest)...)
	sums := make([]int64, len(told))
	for _, column := range gen.Columns() {
		row := []string{column}
		for i, m := range told {
			row = append(row, perRow(m.sizes.columns[column], r.cfg.Rows))
			sums[i] += m.sizes.columns[column]
		}
		t.add(append(row, r.columnRatio(func(m *measured) int64 { return m.sizes.columns[column] }))...)
	}
	row := []string{"sum"}
	for _, sum := range sums {
		row = append(row, perRow(sum, r.cfg.Rows))
	}
	t.add(row...)
	t.WriteTo(b)
}

func (r *Report) columnRatio(bytes func(*measured) int64) string {
	k := r.kelp()
	if k == nil {
		return none
	}
	return ratio(float64(bytes(k)), r.best(func(m *measured) float64 { return float64(bytes(m)) }, true))
}
