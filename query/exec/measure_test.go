package exec

import (
	"slices"
	"testing"
	"time"
)

// TestMeasure: EXPLAIN says of each part of a query what it took over a few blocks,
// and what that makes for all rows. Each look at the test's clock takes a millisecond.
func TestMeasure(t *testing.T) {
	table := plainTable(t, 12, 1000)
	f := func(sql string, want ...string) {
		t.Helper()
		var at time.Time
		m := newMeter(func() time.Time {
			at = at.Add(time.Millisecond)
			return at
		})
		m.measure(table.plan(t, sql), table.units)
		if got := m.lines(12_000); !slices.Equal(got, want) {
			t.Errorf("%s:\n got  %q\n want %q", sql, got, want)
		}
	}
	f("SELECT service, sum(n) FROM t WHERE user LIKE '%7' GROUP BY service",
		"rows: 6.000 ms measured over 6000 rows in 6 blocks, 12.00 ms of one core if all 12000 are read",
		"groups: 6.000 ms measured over 6000 rows in 6 blocks, 12.00 ms of one core if all 12000 are read",
		"values: 6.000 ms measured over 6000 rows in 6 blocks, 12.00 ms of one core if all 12000 are read",
		"aggregates: 6.000 ms measured over 6000 rows in 6 blocks, 12.00 ms of one core if all 12000 are read",
		"all: 24.000 ms measured over 6000 rows in 6 blocks, 48.00 ms of one core if all 12000 are read")
	f("SELECT service, n FROM t WHERE n >= 0",
		"rows: 6.000 ms measured over 6000 rows in 6 blocks, 12.00 ms of one core if all 12000 are read",
		"values: 6.000 ms measured over 6000 rows in 6 blocks, 12.00 ms of one core if all 12000 are read",
		"all: 12.000 ms measured over 6000 rows in 6 blocks, 24.00 ms of one core if all 12000 are read")
	f("SELECT count() FROM t WHERE n < 0") // pruned by the headers
	f("SELECT unnest(service), count() FROM t WHERE user = 'nobody' GROUP BY 1",
		"rows: 6.000 ms measured over 6000 rows in 6 blocks, 12.00 ms of one core if all 12000 are read",
		"all: 6.000 ms measured over 6000 rows in 6 blocks, 12.00 ms of one core if all 12000 are read")
	// The time is up: less is measured, not more waited for.
	at := time.Time{}
	slow := newMeter(func() time.Time {
		at = at.Add(measureTime / 4)
		return at
	})
	if slow.measure(table.plan(t, "SELECT sum(n) FROM t"), table.units); slow.blocks != 1 {
		t.Errorf("%d blocks were measured", slow.blocks)
	}
	if e := describe(table.plan(t, "SELECT service, count() FROM t GROUP BY service"), table.units); len(e.Cost) != 5 {
		t.Errorf("EXPLAIN says %q", e.Cost)
	}
}
