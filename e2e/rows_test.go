package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kelpdb/kelp/bench/gen"
)

// rssAnonMax is the memory of the process's own, in bytes, beside the blocks.
const rssAnonMax = 300 << 20

// TestRowsLieInSharedMemory loads a part of the reference workload: the rows
// are in shared memory and nowhere else, and counting by a column reads the
// blocks' headers, not their rows. EXPLAIN says so.
func TestRowsLieInSharedMemory(t *testing.T) {
	const rows, perBody = 600_000, 50_000
	s := start(t, serveArgs(t, "--leaves", "2")...)
	g := gen.New(gen.Config{Rows: rows, Seed: 1, End: time.Now()})
	want := make(map[string]int)
	var body []byte
	for i := range rows {
		body = g.AppendNDJSON(body, int64(i))
		if (i+1)%perBody == 0 {
			s.ingest("events", body)
			body = body[:0]
		}
	}
	for i := range rows {
		r := g.Row(int64(i))
		want[r.Service]++
	}
	a := s.query("SELECT service, hits() FROM events GROUP BY service LIMIT ALL")
	if len(a.Rows) != len(want) {
		t.Errorf("%d services, want %d", len(a.Rows), len(want))
	}
	for _, row := range a.Rows {
		if asInt(t, row[1]) != want[row[0].(string)] {
			t.Errorf("%v: want %d", row, want[row[0].(string)])
		}
	}
	if perRow := float64(a.Stats.BytesScanned) / rows; perRow >= 1 {
		t.Errorf("count by service read %.2f bytes a row, want less than 1", perRow)
	}
	for _, row := range s.query("EXPLAIN SELECT service, hits() FROM events GROUP BY service").Rows {
		if row[1] == "bytes_per_row" {
			if v, err := strconv.ParseFloat(fmt.Sprint(row[2]), 64); err != nil || v >= 1 {
				t.Errorf("EXPLAIN: %v", row)
			}
		}
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	anon, shmem := procKiB(t, string(status), "RssAnon:"), procKiB(t, string(status), "RssShmem:")
	t.Logf("RssAnon %d MiB, RssShmem %d MiB, %d rows", anon>>10, shmem>>10, rows)
	if anon<<10 > rssAnonMax {
		t.Errorf("RssAnon is %d KiB after %d rows", anon, rows)
	}
	if shmem<<10 < 30*rows {
		t.Errorf("RssShmem is %d KiB: where are %d rows?", shmem, rows)
	}
}

func procKiB(t *testing.T, status, field string) int {
	t.Helper()
	_, rest, ok := strings.Cut(status, field)
	if !ok {
		t.Fatalf("no %s in /proc/PID/status", field)
	}
	n, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
