package side

import (
	"strings"
	"testing"
	"time"
)

// figures is a report of two systems without a run behind it.
func figures() *Report {
	ms := func(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }
	k := &measured{name: kelpName, version: "kelp 0.1.0", times: map[key]*timing{}}
	k.loads = []loaded{{took: ms(1000), cpu: ms(2000), clientCPU: ms(300), anonymous: 80e6}, {took: ms(2000), cpu: ms(2000), clientCPU: ms(300)}}
	k.forms = []ofForm{{name: "arrow", blocks: 17, loads: []loaded{{took: ms(500), cpu: ms(900), clientCPU: ms(100), anonymous: 70e6}, {took: ms(250), cpu: ms(900), clientCPU: ms(100)}}}}
	k.settled = settled{took: ms(500), cpu: ms(2500), anonymous: 90e6, atRest: 70e6}
	k.sizes = sizes{counted: counted{bytes: 44e6, disk: 44e6, blocks: 16, columns: map[string]int64{"time": 1e6}}, memory: 48e6, disk: 50e6}
	k.restarts = []reopened{{after: afterStop, program: ms(20), engine: ms(20), both: ms(30), blocks: 16}}
	k.recovery = &recovered{dropped: true, bytes: 44e6, dd: 440e6, first: ms(10), firstRatio: 0.25, whole: ms(125), second: ms(130)}
	p := &measured{name: "DuckDB file", version: "DuckDB 1", times: map[key]*timing{}}
	p.loads = []loaded{{took: ms(2000), cpu: ms(3000)}}
	p.forms = []ofForm{{name: parquet, loads: []loaded{{took: ms(1000), cpu: ms(1800)}}}}
	p.sizes = sizes{counted: counted{bytes: 80e6}, disk: 90e6}
	p.restarts = []reopened{{after: afterStop, program: ms(100), engine: ms(40), both: ms(110)}}
	p.recovery = &recovered{dropped: true, bytes: 80e6, dd: 500e6, first: ms(60), firstRatio: 1, whole: ms(60), second: ms(90)}
	for _, q := range questions() {
		k.times[key{question: q.id}] = &timing{first: ms(5), warm: []time.Duration{ms(1), ms(2), ms(3)}}
		p.times[key{question: q.id}] = &timing{first: ms(10), warm: []time.Duration{ms(4), ms(4), ms(5)}}
	}
	return &Report{begun: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC), commit: "abc1234", machine: &machine{cores: 2, canDrop: true},
		cfg: Config{Rows: 1_000_000, Loads: 2, Rounds: 3}, bytes: 428e6, systems: []*measured{k, p}}
}

func written(t *testing.T, r *Report) string {
	t.Helper()
	var b strings.Builder
	if n, err := r.WriteTo(&b); err != nil || n != int64(b.Len()) {
		t.Fatalf("%d bytes of %d, %v", n, b.Len(), err)
	}
	return b.String()
}

// cells finds the row of a table by its first cells.
func cells(t *testing.T, text, heading string, first ...string) []string {
	t.Helper()
	_, section, ok := strings.Cut(text, "## "+heading)
	if !ok {
		t.Fatalf("no section %q in:\n%s", heading, text)
	}
	section, _, _ = strings.Cut(section, "\n## ")
next:
	for line := range strings.Lines(section) {
		row := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(row) < len(first) {
			continue
		}
		for i := range row {
			row[i] = strings.TrimSpace(row[i])
		}
		for i := range first {
			if row[i] != first[i] {
				continue next
			}
		}
		return row[len(first):]
	}
	t.Fatalf("no row %q in %q", first, section)
	return nil
}

func TestReport(t *testing.T) {
	text := written(t, figures())
	f := func(heading string, want string, first ...string) {
		t.Helper()
		if got := strings.Join(cells(t, text, heading, first...), " | "); got != want {
			t.Errorf("%s, %q: %s, want %s", heading, first, got, want)
		}
	}
	f("Targets", "at least 1,000,000 | 666,666 | no", "NDJSON until queryable, rows/s")
	f("Targets", "at most 45 | 44.0 | yes", "bytes a row in memory")
	f("Targets", "at most 50.0 | 30.0 | yes", "Q2 and Q5 after: stopped, ms")
	f("Targets", "at least 0.70 | 0.80 | yes", "recovery from disk, share of dd")
	f("Targets", "at most 104 | 90.0 | yes", "memory beside the blocks at most while merging, MB")
	f("NDJSON in", "666,666 | (500,000-1,000,000) | 2.00 | 0.30 | 2.50 | 0.5 | 80.0", kelpName)
	f("NDJSON in", "500,000 | (500,000-500,000) | 3.00 | in CPU | 0.00 | 0.0 | 0", "DuckDB file")
	f("NDJSON in", "1.33 |  |  |  |  |  | ", vsBest)
	f("Targets", "at least 2,500,000 | 2,666,666 | yes", "arrow streams until queryable, rows/s")
	f("Columns in", "2,666,666 | (2,000,000-4,000,000) | 0.90 | 0.10 | 70.0 | 17", kelpName, "arrow")
	f("Columns in", "1,000,000 | (1,000,000-1,000,000) | 1.80 | in CPU | 0 | -", "DuckDB file", parquet)
	f("Columns in", "2.67 |  |  |  |  | ", vsBest, "arrow")
	f("Bytes a row, settled", "44.00 | 48.00 | 44.00 | 50.00 | 70.0 | 16", kelpName)
	f("Bytes a row, settled", "- | - | 80.00 | 90.00 | 0 | -", "DuckDB file")
	f("Bytes a row, settled", "- |  | 0.55 |  |  | ", vsBest)
	f("Bytes a row by column", "1.00 | -", "time")
	f("Restart", "20.0 | 20.0 | 30.0 | 16", "stopped", kelpName)
	f("Restart", "100 | 40.0 | 110 | -", "stopped", "DuckDB file")
	f("Restart", " | 0.50 |  | ", "stopped", vsBest)
	f("From disk alone", "10.0 | 0.25 | 125 | 130 | 44.0 | 352 | 440 | 0.80", kelpName)
	f("Questions over 24 hours", "2.00 (1.00) | 4.00 (4.00) | 0.50", "Q1 count")
	f("Questions asked for the first time", "5.00 | 10.0 | 0.50", "Q1 count")
	if !strings.Contains(text, "all systems agreed") || strings.Contains(text, "WRONG") || !strings.Contains(text, "not held against exact answers") {
		t.Error("the verdict is not that of a good run")
	}
	if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") || !strings.HasSuffix(text, "\n") || strings.HasSuffix(text, "\n\n") {
		t.Errorf("ends or divides badly:\n%s", text)
	}
}

func TestReportOfAFailedRun(t *testing.T) {
	r := figures()
	for range differencesMax + 5 {
		r.wrong = append(r.wrong, "kelp against other: 1 against 2")
	}
	r.off = map[key]map[string]deviation{{question: "Q6a"}: {kelpName: {median: 0.004, largest: 0.02}}}
	r.machine.canDrop = false
	text := written(t, r)
	if !strings.Contains(text, "25 WRONG ANSWERS: this run has failed") || strings.Count(text, "- kelp against other") != differencesMax {
		t.Errorf("wrong answers are not said:\n%.3000s", text)
	}
	if !strings.Contains(text, "NOT dropped") {
		t.Error("it does not say that the page cache was not dropped")
	}
	if got := cells(t, text, "Approximations", "Q6a, 24 h"); got[0] != "0.40% (2.00%)" || got[1] != none {
		t.Errorf("deviations: %q", got)
	}
}

func TestReportName(t *testing.T) {
	if got, want := figures().Name(), "2026-11-22-side-1M-abc1234.md"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
