package storage

import (
	"testing"
	"time"

	"github.com/kelpdb/kelp/bench/gen"
)

// workloadBatch is rows of the reference workload of the benchmarks, from row
// first on.
func workloadBatch(rows int, first int64) *Batch {
	g := gen.New(gen.Config{Seed: 1, End: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)})
	b := NewBatch()
	slot := func(name string) int { return b.Slot([]byte(name)) }
	str := func(name, text string) { b.SetString(slot(name), []byte(text)) }
	for i := range int64(rows) {
		r := g.Row(first + i)
		str("service", r.Service)
		str("endpoint", r.Endpoint)
		str("method", r.Method)
		b.SetInt(slot("status"), r.Status)
		str("region", r.Region)
		str("host", r.Host)
		str("country", r.Country)
		str("user_id", r.UserID())
		str("trace_id", r.TraceID())
		b.SetFloat(slot("duration_ms"), r.DurationMs())
		b.SetInt(slot("bytes"), r.Bytes)
		if r.Error != "" {
			str("error", r.Error)
		}
		tags := slot("tags")
		b.SetList(tags)
		for _, tag := range r.Tags() {
			b.AppendItem(tags, []byte(tag))
		}
		b.SetInt(slot("sample_rate"), r.SampleRate)
		str("message", r.Message())
		b.EndRow(r.TimeMs * 1e6)
	}
	return b
}

// columnBudget is the bytes a row that doc.go allows each column of the
// reference workload.
var columnBudget = map[string]float64{
	"time": 0.7, "service": 0.55, "endpoint": 1.2, "method": 0.55, "status": 0.55, "region": 0.55, "host": 2.3, "country": 1.1,
	"user_id": 2.6, "trace_id": 16.1, "duration_ms": 2.6, "bytes": 2.2, "error": 0.15, "tags": 2.5, "sample_rate": 0.3, "message": 10.2,
}

// rowBudget is what all of them may take together, heads of blocks included.
const rowBudget = 43.5

// TestColumnBudget holds the budget, and that no text of the workload has to be
// decompressed by a scan.
func TestColumnBudget(t *testing.T) {
	if underRace {
		t.Skip("one goroutine that encodes much: the run without the race detector does it")
	}
	data, _ := sealed(t, workloadBatch(RowsPerBlockMax, 3_000_000), BlockOptions{Richness: Rich})
	b := mustOpen(t, data)
	for _, c := range b.Columns() {
		perRow := float64(c.Bytes()) / RowsPerBlockMax
		t.Logf("%-12s %-8v %-8v %-6v %6.2f bytes a row", c.Name(), c.Type(), c.Encoding(), c.Shape(), perRow)
		if budget := columnBudget[c.Name()]; perRow > budget {
			t.Errorf("%s takes %.2f bytes a row, %.2f are budgeted", c.Name(), perRow, budget)
		}
		if c.Encoding() == EncZstd {
			t.Errorf("%s has to be decompressed", c.Name())
		}
		if err := c.Check(); err != nil {
			t.Fatal(err)
		}
		if r, ok := c.open().text.(*templateReader); ok {
			t.Logf("%d templates, %d of %d rows loose", len(r.templates), r.looseRows, r.rows)
			if r.looseRows*100 > r.rows {
				t.Errorf("%d of %d rows of %s have no template", r.looseRows, r.rows, c.Name())
			}
		}
	}
	perRow := float64(len(data)) / RowsPerBlockMax
	t.Logf("%.2f bytes a row", perRow)
	if perRow > rowBudget {
		t.Errorf("%.2f bytes a row, %.2f are budgeted", perRow, rowBudget)
	}
}
