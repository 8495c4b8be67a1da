package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/ipc"

	"github.com/kelpdb/kelp/aggregator"
)

// TestServeMembers: the leaves of a serving process and its aggregator are
// members, at the address that it got.
func TestServeMembers(t *testing.T) {
	url := startServer(t)
	_, body := call(t, "GET", url+"/v1/cluster", "")
	var list struct{ Members []aggregator.MemberInfo }
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatal(err)
	}
	roles := map[string]string{"kelp": "aggregator", "leaf-1": "leaf", "leaf-2": "leaf"}
	if len(list.Members) != len(roles) {
		t.Errorf("members %s", body)
	}
	for _, m := range list.Members {
		if m.Role != roles[m.Name] || m.State != "up" || m.Address != strings.TrimPrefix(url, "http://") || m.Version == "" {
			t.Errorf("member %+v", m)
		}
	}
}

// TestQueryArrow: what `kelp query --format arrow` writes is what Arrow reads, with
// the summary behind the schema, also where there is no row.
func TestQueryArrow(t *testing.T) {
	url := startServer(t)
	if status, body := call(t, "POST", url+"/v1/ingest/events", `{"a":1} {"a":2} {"a":3}`); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	f := func(sql string, rows int64) {
		t.Helper()
		out := kelp(t, "", "query", sql, "--format", "arrow", "--strict", "--server", url).want(t, 0).stdout
		r, err := ipc.NewReader(strings.NewReader(out))
		if err != nil {
			t.Fatal(err)
		}
		if r.Schema().HasMetadata() {
			t.Errorf("%s: the schema has metadata", sql)
		}
		got := int64(0)
		for r.Next() {
			got += r.Record().NumRows()
		}
		if r.Err() != nil || got != rows || strings.Count(out, `"completeness":{"ratio":1,`) != 1 {
			t.Errorf("%s: %d rows, error %v, in %q", sql, got, r.Err(), out)
		}
	}
	f("SELECT a FROM events", 3)
	f("SELECT a FROM events WHERE a > 3", 0)
}
