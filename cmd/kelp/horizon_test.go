package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestHorizon: blocks that overlap in time go by size, on two leaves. The horizon is
// the time of the newest row that went from either, the same in every answer: of the rows
// after it none is missing, and all that is missing lies before it.
func TestHorizon(t *testing.T) {
	const batches, rows = 40, 9000
	url := startServer(t)
	begin := time.Now().Add(-time.Hour).Truncate(time.Second)
	var times []time.Time // of every row sent
	for b := range batches {
		var body strings.Builder
		for i := range rows { // each batch reaches over the next nine
			at := begin.Add(time.Duration(b)*10*time.Second + time.Duration(i)*100*time.Second/rows)
			times = append(times, at)
			fmt.Fprintf(&body, "{\"time\":%d,\"id\":%d}\n", at.UnixNano(), b*rows+i)
		}
		if status, said := call(t, "POST", url+"/v1/ingest/events", body.String()); status != http.StatusOK {
			t.Fatalf("%d %s", status, said)
		}
	}
	// horizonAt returns the horizon of an answer, and its count or bytes.
	horizonAt := func(method, path, body string) (time.Time, int64) {
		t.Helper()
		_, text := call(t, method, url+path, body)
		var got struct {
			Horizon *time.Time
			Tables  []struct{ Horizon *time.Time }
			Rows    json.RawMessage // of a query, its rows; of a table, their number
			Bytes   int64
		}
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatalf("%s: %v: %s", path, err, text)
		}
		if len(got.Tables) == 1 {
			got.Horizon = got.Tables[0].Horizon
		}
		var counted [][]int64
		if json.Unmarshal(got.Rows, &counted) == nil && len(counted) == 1 {
			got.Bytes = counted[0][0]
		}
		if got.Horizon == nil {
			return time.Time{}, got.Bytes
		}
		return *got.Horizon, got.Bytes
	}
	horizon, bytes := horizonAt("GET", "/v1/tables/events", "")
	if !horizon.IsZero() {
		t.Errorf("a horizon of %v before anything went", horizon)
	}
	if status, said := call(t, "PATCH", url+"/v1/tables/events", fmt.Sprintf(`{"retention_bytes": %d}`, bytes/4)); status != http.StatusOK {
		t.Fatalf("%d %s", status, said)
	}
	held := int64(0)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) { // a poll
		if time.Now().After(deadline) {
			t.Fatalf("horizon %v, %d rows: retention did nothing, or does not end", horizon, held)
		}
		h, _ := horizonAt("GET", "/v1/tables", "")
		again, n := horizonAt("POST", "/v1/query", "SELECT count() FROM events")
		detail, _ := horizonAt("GET", "/v1/tables/events", "")
		if !h.IsZero() && h.Equal(horizon) && n == held && again.Equal(h) && detail.Equal(h) {
			break // it has come to rest, and is the same everywhere
		}
		horizon, held = h, n
	}
	after := int64(0)
	for _, at := range times {
		if at.After(horizon) {
			after++
		}
	}
	_, got := horizonAt("POST", "/v1/query", "SELECT count() FROM events WHERE time > '"+horizon.Format(time.RFC3339Nano)+"'")
	_, before := horizonAt("POST", "/v1/query", "SELECT count() FROM events WHERE time <= '"+horizon.Format(time.RFC3339Nano)+"'")
	if got != after || got == 0 || before == 0 || got+before != held || held == int64(len(times)) {
		t.Errorf("horizon %v: %d of %d rows after it are there, %d before it, %d in all", horizon.Sub(begin), got, after, before, held)
	}
	// A table born again has lost nothing yet, in all three answers.
	if status, said := call(t, "DELETE", url+"/v1/tables/events", ""); status != http.StatusOK {
		t.Fatalf("%d %s", status, said)
	}
	if status, said := call(t, "POST", url+"/v1/ingest/events", fmt.Sprintf(`{"time":%d,"id":1}`, begin.UnixNano())); status != http.StatusOK {
		t.Fatalf("%d %s", status, said)
	}
	for _, ask := range [][3]string{{"GET", "/v1/tables", ""}, {"GET", "/v1/tables/events", ""}, {"POST", "/v1/query", "SELECT count() FROM events"}} {
		if h, _ := horizonAt(ask[0], ask[1], ask[2]); !h.IsZero() {
			t.Errorf("%s of a table born again: horizon %v", ask[1], h)
		}
	}
}
