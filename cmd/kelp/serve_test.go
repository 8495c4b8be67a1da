package main

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/ipc"

	"github.com/kelpdb/kelp/aggregator"
	"github.com/kelpdb/kelp/cmd/client"
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

// TestJSONLog: with --log-format json a program can read every line of stderr,
// and stdout is the ready line alone.
func TestJSONLog(t *testing.T) {
	url, stop := serve(t, "--log-format", "json")
	stdout, stderr := stop()
	if want := "ready http=" + strings.TrimPrefix(url, "http://") + " rpc=- gossip=- name=kelp\n"; stdout != want {
		t.Errorf("stdout %q, want %q", stdout, want)
	}
	told := false
	for line := range strings.Lines(stderr) {
		var entry struct{ Msg, UI string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Errorf("%v: %q", err, line)
		}
		told = told || entry.Msg == "serving" && entry.UI == url
	}
	if !told {
		t.Errorf("no line says where it serves:\n%s", stderr)
	}
}

// TestDistinct: the detail of a table says about how many values a column has,
// whatever its encoding.
func TestDistinct(t *testing.T) {
	url := startServer(t)
	var body strings.Builder
	const rows = 20_000
	for i := range rows {
		fmt.Fprintf(&body, `{"id":"%x","n":%d,"f":%d.5,"even":%t,"one":1,"tags":["a","%d"],"mixed":%s}`+"\n",
			uint64(i)*0x9E3779B97F4A7C15, i*7919, i, i%2 == 0, i%5, []string{`"x"`, `1`, `2.5`}[i%3])
	}
	if status, said := call(t, "POST", url+"/v1/ingest/events", body.String()); status != http.StatusOK {
		t.Fatalf("%d %s", status, said)
	}
	_, text := call(t, "GET", url+"/v1/tables/events", "")
	var detail client.TableDetail
	if err := json.Unmarshal([]byte(text), &detail); err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{"id": rows, "n": rows, "f": rows, "even": 2, "one": 1, "tags": 5, "mixed": 3}
	for _, c := range detail.Columns {
		n, ok := want[c.Name]
		if !ok {
			continue // the time, of arrival
		}
		if c.Distinct == nil || math.Abs(float64(*c.Distinct-n)) > 0.04*float64(n) {
			t.Errorf("column %s: %v distinct, want about %d", c.Name, c.Distinct, n)
		}
		delete(want, c.Name)
	}
	if len(want) > 0 {
		t.Errorf("no word of %v in %s", want, text)
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

// TestCatalogExport: settings and saved things go from one server to another.
func TestCatalogExport(t *testing.T) {
	from, to := startServer(t), startServer(t)
	for _, url := range []string{from, to} {
		kelp(t, `{"a": 1}`, "ingest", "t", "--server", url).want(t, 0)
	}
	for _, do := range [][3]string{
		{http.MethodPatch, from + "/v1/tables/t", `{"retention_age": "7d"}`},
		{http.MethodPatch, to + "/v1/tables/t", `{"retention_age": "1d"}`}, // later
		{http.MethodPost, from + "/v1/saved", `{"name": "mine", "sql": "SELECT count() FROM t"}`},
	} {
		if status, body := call(t, do[0], do[1], do[2]); status != http.StatusOK {
			t.Fatalf("%v: %s", do, body)
		}
	}
	out := kelp(t, "", "catalog", "export", "--server", from)
	out.want(t, 0)
	kelp(t, out.stdout, "catalog", "import", "-", "--server", to).want(t, 0, "2 entries imported")
	kelp(t, strings.ReplaceAll(out.stdout, "SELECT", "SELEC"), "catalog", "import", "-", "--server", to).want(t, 1, "nothing was imported", "field sql")
	kelp(t, "{}", "catalog", "import", "-", "--server", to).want(t, 1, "no export")
	kelp(t, "", "describe", "t", "--format", "json", "--server", to).want(t, 0, `"7d"`)
	kelp(t, "", "catalog", "export", "--server", to).want(t, 0, "mine")
}
