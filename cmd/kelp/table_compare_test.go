package main

import (
	"encoding/json"
	"testing"

	"github.com/kelpdb/kelp/cmd/client/clienttest"
)

func TestQueryCompare(t *testing.T) {
	s := clienttest.New(t)
	s.Answer = func(string, string) (int, string) {
		return 200, `{"columns": [{"name": "service", "type": "string"}, {"name": "n", "type": "int64"}, {"name": "n_prev", "type": "int64"},
			{"name": "n_change", "type": "float64"}], "rows": [["api", 41220, 20610, 1], ["web", 1044, 0, null]],
			"completeness": {"ratio": 1, "exact": true, "leaves": {"total": 1, "answered": 1, "missing": []}},
			"compare": {"range": {"from": "2026-11-22T09:00:00Z", "to": "2026-11-22T10:00:00Z"},
				"completeness": {"ratio": 0.5, "exact": true, "leaves": {"missing": [{"leaf": "leaf-2", "reason": "down"}]}}}}`
	}
	sql := "SELECT service, count() AS n FROM t COMPARE 1h"
	kelp(t, "", "query", sql, "--format", "table", "--server", s.URL).want(t, 0, "service       n  n_prev  n_change\n"+
		"api      41,220  20,610     +100%\n"+
		"web       1,044       0         -\n"+
		"100% complete · 1/1 leaf\n"+
		"compared with 2026-11-22T09:00:00Z to 2026-11-22T10:00:00Z, 50% complete · leaf-2: down\n")
	kelp(t, "", "query", sql, "--strict", "--format", "json", "--server", s.URL).want(t, 3)
}

func TestChange(t *testing.T) {
	f := func(n, want string) {
		t.Helper()
		if got := change(json.Number(n)); got != want {
			t.Errorf("%s is shown as %s, want %s", n, got, want)
		}
	}
	f("0", "+0%")
	f("-1", "-100%")
	f("0.0312", "+3.1%")
	f("-0.5", "-50%")
	f("8.5", "+850%")
	f("11", "x12")
	f("NaN", "+NaN%")
}
