package gen

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
)

func reference() Config {
	return Config{Seed: 1, End: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
}

// The figures that FIGURES.md and the benchmarks lean on.
func TestShape(t *testing.T) {
	g := New(reference())
	const step = 23 // a prime: sees even and odd rows, early and late ones
	var rows, size, messages, errors, failures, timeouts, sampled, tags int
	distinct := map[string]map[string]bool{}
	see := func(column, value string) {
		if distinct[column] == nil {
			distinct[column] = map[string]bool{}
		}
		distinct[column][value] = true
	}
	var line []byte
	for i := int64(0); i < g.Config().Rows; i += step {
		r := g.Row(i)
		line = r.AppendNDJSON(line[:0])
		rows++
		size += len(line)
		messages += len(r.Message())
		tags += len(r.Tags())
		if r.Error != "" {
			errors++
			see("error", r.Error)
		}
		if r.Status >= 500 {
			failures++
		}
		if strings.Contains(r.Message(), "timeout") {
			timeouts++
		}
		if r.SampleRate > 1 {
			sampled++
		}
		for column, value := range map[string]string{
			"service": r.Service, "endpoint": r.Endpoint, "method": r.Method, "region": r.Region, "host": r.Host,
			"country": r.Country, "trace_id": r.TraceID(), "status": string(rune(r.Status)),
		} {
			see(column, value)
		}
	}
	for column, want := range map[string]int{
		"service": 12, "endpoint": 200, "method": 5, "region": 6, "host": 500, "country": 60, "status": 8, "error": 40, "trace_id": rows,
	} {
		if got := len(distinct[column]); got != want {
			t.Errorf("%s: %d distinct values, want %d", column, got, want)
		}
	}
	near := func(what string, got, want, by float64) {
		if math.Abs(got-want) > by {
			t.Errorf("%s: %.4f, want %.4f ± %.4f", what, got, want, by)
		}
	}
	n := float64(rows)
	near("bytes per row", float64(size)/n, 428, 2)
	near("characters per message", float64(messages)/n, 80, 4)
	near("share of errors", float64(errors)/n, 0.03, 0.001)
	near("share of 5xx", float64(failures)/n, 0.02, 0.001)
	near("share of timeouts", float64(timeouts)/n, 0.03, 0.002)
	near("share of sampled rows", float64(sampled)/n, 0.04, 0.002)
	near("tags per row", float64(tags)/n, 2, 0.02)
}

func TestLineIsTheRow(t *testing.T) {
	g := New(Config{Seed: 7, Rows: 5000, End: reference().End})
	for i := range g.Config().Rows {
		r := g.Row(i)
		var got struct {
			Time       int64    `json:"time"`
			Service    string   `json:"service"`
			Status     int64    `json:"status"`
			UserID     string   `json:"user_id"`
			TraceID    string   `json:"trace_id"`
			DurationMs float64  `json:"duration_ms"`
			Bytes      int64    `json:"bytes"`
			Error      *string  `json:"error"`
			Tags       []string `json:"tags"`
			SampleRate int64    `json:"sample_rate"`
			Message    string   `json:"message"`
		}
		line := g.AppendNDJSON(nil, i)
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("row %d: %v: %s", i, err, line)
		}
		if got.Time != r.TimeMs || got.Service != r.Service || got.Status != r.Status || got.UserID != r.UserID() ||
			got.TraceID != r.TraceID() || got.DurationMs != r.DurationMs() || got.Bytes != r.Bytes ||
			(got.Error == nil) != (r.Error == "") || len(got.Tags) != len(r.Tags()) || got.SampleRate != r.SampleRate ||
			got.Message != r.Message() {
			t.Fatalf("row %d: the line and the row differ:\n%s%+v", i, line, r)
		}
		var columns map[string]any
		if err := json.Unmarshal(line, &columns); err != nil {
			t.Fatal(err)
		}
		for _, c := range Columns() {
			if _, ok := columns[c]; !ok || len(columns) != len(Columns()) {
				t.Fatalf("row %d: columns %v, want %v", i, columns, Columns())
			}
		}
	}
}

// Any order, any generator, any goroutine: the same bytes.
func TestDeterministic(t *testing.T) {
	cfg := Config{Seed: 3, Rows: 1000, End: reference().End}
	g, again := New(cfg), New(cfg)
	for i := int64(999); i >= 0; i-- {
		if a, b := g.AppendNDJSON(nil, i), again.AppendNDJSON(nil, i); string(a) != string(b) {
			t.Fatalf("row %d differs:\n%s%s", i, a, b)
		}
	}
	cfg.Seed++
	if string(New(cfg).AppendNDJSON(nil, 5)) == string(g.AppendNDJSON(nil, 5)) {
		t.Fatal("another seed gave the same row")
	}
}

func TestEveryUserOccurs(t *testing.T) {
	g := New(reference())
	seen := make([]int, usersCount)
	for i := range int64(2 * usersCount) {
		seen[g.user(i, uint32(mix(uint64(i))))]++
	}
	top := 0
	for user, n := range seen {
		if n == 0 {
			t.Fatalf("user %d is missing", user)
		}
		top = max(top, n)
	}
	if top < 100 {
		t.Fatalf("the most frequent user has %d of 2M rows: no skew", top)
	}
}

func TestTimeRises(t *testing.T) {
	g := New(reference())
	cfg := g.Config()
	start, end := cfg.End.Add(-cfg.Span), cfg.End
	last := g.Row(cfg.Rows - 1)
	first := g.Row(0)
	if first.Time().Before(start) || first.Time().After(start.Add(jitterMs*time.Millisecond)) {
		t.Errorf("first row at %v, want %v", first.Time(), start)
	}
	if !last.Time().Before(end) || last.Time().Before(end.Add(-time.Second)) {
		t.Errorf("last row at %v, want just before %v", last.Time(), end)
	}
	newest := int64(0)
	for i := range int64(100_000) {
		r := g.Row(i)
		if r.TimeMs < newest-jitterMs {
			t.Fatalf("row %d goes back %d ms", i, newest-r.TimeMs)
		}
		newest = max(newest, r.TimeMs)
	}
}

func BenchmarkAppendNDJSON(b *testing.B) {
	g := New(reference())
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	i := int64(0)
	for b.Loop() {
		buf = g.AppendNDJSON(buf[:0], i%RowsDefault)
		i++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
