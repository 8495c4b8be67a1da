package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kelpdb/kelp/cmd/client/clienttest"
)

// outcome is what a run of the command line left behind.
type outcome struct {
	stdout, stderr string
	status         int
	err            error
}

// kelp runs the command line in this process.
func kelp(t *testing.T, stdin string, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	err := run(ctx, args, strings.NewReader(stdin), &stdout, &stderr)
	return outcome{stdout.String(), stderr.String(), exitStatus(err), err}
}

func (o outcome) want(t *testing.T, status int, parts ...string) outcome {
	t.Helper()
	text := o.stdout + o.stderr
	if o.err != nil {
		text += o.err.Error()
	}
	if o.status != status {
		t.Errorf("exit status %d, want %d; it said:\n%s", o.status, status, text)
	}
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("it did not say %q but:\n%s", p, text)
		}
	}
	return o
}

func TestUsage(t *testing.T) {
	kelp(t, "").want(t, 2, "--help")
	kelp(t, "", "nonsense").want(t, 2, "nonsense")
	kelp(t, "", "ingest").want(t, 2, "<table>")
	kelp(t, "", "query", "--format", "xml", "SELECT 1").want(t, 2, "xml")
	kelp(t, "", "ingest", "t", "--format", "xml").want(t, 2, "unknown format", "ndjson", "parquet")
	kelp(t, "", "ingest", "t", "--follow").want(t, 2, "--follow needs files")
	for _, name := range []string{"bad/name", "", "a b", "tä", strings.Repeat("x", 129)} {
		kelp(t, "", "ingest", name).want(t, 2, fmt.Sprintf("%q is not a table name", name), "A-Z a-z 0-9 _ . -")
	}
	kelp(t, "", "ingest", "Az09_.-"+strings.Repeat("x", 121), "--server", "ftp://x").want(t, 2, "want a URL") // that name is one
	kelp(t, "", "tables", "--server", "ftp://x").want(t, 2, "want a URL")
	kelp(t, "", "demo", "--rate", "0").want(t, 2, "--rate")
	kelp(t, "", "query", "SELECT 1", "--timeout", "0s").want(t, 2, "--timeout")
	for _, text := range []string{"x", "5", "1mo", "5parsecs"} {
		o := kelp(t, "", "query", "SELECT 1", "--timeout", text).want(t, 2, "--timeout", "is not a duration; write")
		if strings.Contains(o.err.Error(), "time:") {
			t.Errorf("%s: %v", text, o.err)
		}
	}
	for _, text := range []string{"1h30m", "250ms", "1d", "1.5h"} {
		kelp(t, "", "query", "SELECT 1", "--timeout", text, "--server", "http://127.0.0.1:1").want(t, 1, "cannot reach")
	}
	kelp(t, "", "serve", "--memory", "1KiB").want(t, 2, "--memory 1.0 KiB is too little for 1 leaf", "8.0 MiB")
	kelp(t, "", "serve", "--memory", "31MiB", "--leaves", "4").want(t, 2, "4 leaves", "32.0 MiB")
	for _, address := range []string{"foo", "127.0.0.1", "127.0.0.1:abc", "127.0.0.1:99999", "127.0.0.1:-1", ""} {
		kelp(t, "", "serve", "--listen", address).want(t, 2, "--listen")
	}
	kelp(t, "", "serve", "--listen", "0.0.0.0:7411").want(t, 2, "loopback")
	leaf := func(more ...string) outcome {
		return kelp(t, "", append([]string{"leaf", "--data", t.TempDir(), "--memory-dir", t.TempDir()}, more...)...)
	}
	for _, address := range []string{"notanaddr", ":7411", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:0", "a b:1", "-x:1", "https://127.0.0.1:1", "http://127.0.0.1:1/x", "127.0.0.1:1,foo"} {
		leaf("--listen", "127.0.0.1:0", "--join="+address).want(t, 2, "--join")
	}
	leaf("--listen", "127.0.0.1:64000", "--join", "127.0.0.1:1").want(t, 2, "above 65535", "--gossip")
	leaf("--listen", "127.0.0.1:0", "--join", "127.0.0.1:1", "--gossip", "0.0.0.0:0").want(t, 2, "--gossip", "loopback")
	leaf("--listen", "127.0.0.1:0", "--join", "127.0.0.1:1", "--rpc", "foo").want(t, 2, "--rpc", "HOST:PORT")
	aggregator := func(more ...string) outcome {
		return kelp(t, "", append([]string{"aggregator", "--listen", "127.0.0.1:0", "--data", t.TempDir()}, more...)...)
	}
	aggregator("--join", "nobody").want(t, 2, "--join", "HOST:PORT")
	aggregator("--join", "nobody", "--fanout", "2").want(t, 2, "--join", "HOST:PORT")
	aggregator("--bootstrap", "--join", "127.0.0.1:1").want(t, 2, "--bootstrap is for the first", "--join")
	aggregator("--bootstrap", "--fanout", "1").want(t, 2, "--fanout is 1", "2 or more")
	kelp(t, "", "aggregator", "--help").want(t, 0, "--bootstrap", "--fanout", "KELP_FANOUT")
	kelp(t, "", "--help").want(t, 0, "ingest", "query", "demo", "version", "KELP_SERVER")
	kelp(t, "", "demo", "--help").want(t, 0, "--outage-after", "KELP_OUTAGE_AFTER")
	kelp(t, "", "version").want(t, 0, "kelp "+buildVersion(), "go1.")
}

func TestNobodyThere(t *testing.T) {
	for _, args := range [][]string{{"tables"}, {"query", "SELECT 1"}, {"ingest", "t", "main.go"}, {"demo"}, {"status"}} {
		kelp(t, "", append(args, "--server", "http://127.0.0.1:1")...).
			want(t, 1, "cannot reach kelp at http://127.0.0.1:1", "start one with `kelp serve`")
	}
}

func TestEveryFlagIsAVariable(t *testing.T) {
	s := clienttest.New(t)
	s.Get["/v1/tables"] = `{"tables": []}`
	t.Setenv("KELP_SERVER", s.URL)
	t.Setenv("KELP_TOKEN", "secret")
	t.Setenv("KELP_FORMAT", "json")
	if got := kelp(t, "", "tables").want(t, 0).stdout; got != "[]\n" {
		t.Errorf("tables: %q", got)
	}
	kelp(t, "{}", "ingest", "t", "--format", "ndjson").want(t, 0)
	if r := s.Requests(); len(r) != 1 || r[0].Token != "Bearer secret" {
		t.Errorf("requests %+v", r)
	}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func receiptOf(t *testing.T, o outcome) (r tally) {
	t.Helper()
	if err := json.Unmarshal([]byte(o.stdout), &r); err != nil {
		t.Fatalf("no receipt: %v: %q", err, o.stdout)
	}
	return r
}

func TestIngest(t *testing.T) {
	s := clienttest.New(t)
	good := write(t, "good.ndjson", "{\"a\":1}\n{\"a\":2}\n")
	bad := write(t, "bad.ndjson", "{\"a\":3}\n\n{broken\n{\"a\":4}")
	loose := write(t, "loose.ndjson", "{\"b\":1}\nplain words here\n{broken\n")

	r := receiptOf(t, kelp(t, "", "ingest", "t", good, bad, "--server", s.URL).want(t, 0))
	if r.Accepted != 4 || r.Rejected != 1 || r.Failed != 0 || len(r.Errors) != 1 || r.Errors[0].Place != bad+":3" {
		t.Errorf("receipt %+v", r)
	}
	if n := len(s.Rows("t")); n != 4 {
		t.Errorf("%d rows", n)
	}
	r = receiptOf(t, kelp(t, "", "ingest", "loose", loose, "--server", s.URL).want(t, 0))
	if rows := s.Rows("loose"); r.Accepted != 2 || len(r.Errors) != 1 || r.Errors[0].Place != loose+":3" || rows[1]["message"] != "plain words here" {
		t.Errorf("receipt %+v, rows %v", r, rows)
	}
	keys := map[string]bool{}
	for _, q := range s.Requests() {
		keys[q.Key] = true
	}
	if len(keys) != 3 || keys[""] {
		t.Errorf("keys %v: want one for each body", keys)
	}

	r = receiptOf(t, kelp(t, `[{"b":1},{"b":2}]`, "ingest", "u", "--time", "when", "--server", s.URL).want(t, 0))
	if last := s.Requests()[3]; r.Accepted != 2 || last.Time != "when" || last.Table != "u" {
		t.Errorf("receipt %+v, request %+v", r, last)
	}
	receiptOf(t, kelp(t, "broken\n", "ingest", "v", "--format", "ndjson", "--server", s.URL).want(t, 1, "no row could be accepted", `"rejected":1`))
	none := filepath.Join(t.TempDir(), "none")
	r = receiptOf(t, kelp(t, "", "ingest", "v", none, good, "--server", s.URL).want(t, 1, "no such file"))
	if r.Failed != 1 || r.Accepted != 2 || len(r.Errors) != 1 || r.Errors[0].Place != none || !strings.Contains(r.Errors[0].Error, "no such file") {
		t.Errorf("a file that is not there: receipt %+v", r)
	}
	if r := receiptOf(t, kelp(t, "", "ingest", "v", "--server", s.URL).want(t, 0)); r.Accepted != 0 {
		t.Errorf("nothing in gave %+v", r)
	}
}

// A server that is away for a while, and a lost reply, cost time and no rows.
func TestIngestRetries(t *testing.T) {
	s := clienttest.New(t)
	s.Fail(clienttest.Failure{Status: 503, Header: "0.01"}, clienttest.Failure{After: true}, clienttest.Failure{Status: 429, Header: "0.01"})
	r := receiptOf(t, kelp(t, "{\"a\":1}\n", "ingest", "t", "--server", s.URL).want(t, 0, "trying again in 10ms"))
	if r.Accepted != 1 || len(s.Rows("t")) != 1 {
		t.Errorf("receipt %+v, %d rows", r, len(s.Rows("t")))
	}
	s.Fail(clienttest.Failure{Status: 503, Header: "9"})
	kelp(t, "{\"a\":1}\n", "ingest", "t", "--retry-for", "1ms", "--server", s.URL).want(t, 1, "1 request was not taken", "told to fail")
}

// A follow ends well when the user stops it, with what it saw sent.
func TestIngestFollow(t *testing.T) {
	s := clienttest.New(t)
	path := write(t, "app.ndjson", "{\"a\":1}\n")
	ctx, cancel := context.WithCancel(context.Background())
	var stdout, stderr bytes.Buffer
	var wait sync.WaitGroup
	var err error
	wait.Go(func() {
		err = run(ctx, []string{"ingest", "t", path, "--follow", "--server", s.URL}, strings.NewReader(""), &stdout, &stderr)
	})
	until(t, func() bool { return len(s.Rows("t")) == 1 })
	f, openErr := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if openErr != nil {
		t.Fatal(openErr)
	}
	f.WriteString("{\"a\":2}\n{\"a\":3}")
	f.Close()
	until(t, func() bool { return len(s.Rows("t")) == 2 })
	cancel()
	wait.Wait()
	if err != nil || len(s.Rows("t")) != 3 || !strings.Contains(stdout.String(), `"accepted":3`) {
		t.Errorf("error %v, %d rows, said %s%s", err, len(s.Rows("t")), stdout.String(), stderr.String())
	}
}

func until(t *testing.T, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !met(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited 20 s in vain")
		}
	}
}

func TestDemo(t *testing.T) {
	s := clienttest.New(t)
	s.Fail(clienttest.Failure{Status: 503, Header: "0.01"})
	began := time.Now()
	said := kelp(t, "", "demo", "--rate", "5000", "--backfill", "20s", "--outage-after", "100ms", "--duration", "1500ms", "--seed", "7", "--server", s.URL).
		want(t, 0, "seed 7", "history is in", "each standing for 10", "something has just gone wrong", "trying again", "done: ").stdout
	if n := strings.Count(said, "something has just gone wrong"); n != 1 {
		t.Errorf("the outage was told %d times", n)
	}
	ended := time.Now()
	rows := s.Rows("shop")
	weight, live, versions := 0.0, 0, map[any]bool{}
	newest := time.Time{}
	for _, r := range rows {
		weight += r["sample_rate"].(float64)
		if r["sample_rate"].(float64) == 1 {
			live++
		}
		versions[r["version"]] = true
		at, err := time.Parse(time.RFC3339Nano, r["time"].(string))
		if err != nil {
			t.Fatal(err)
		}
		if at.After(newest) {
			newest = at
		}
	}
	if weight < 70_000 || weight > 150_000 {
		t.Errorf("21.5 s of 5,000 a second weigh %.0f", weight)
	}
	if live < 5_000 || live > 11_000 {
		t.Errorf("1.5 s of 5,000 a second are %d rows", live)
	}
	if !versions["4.2.1"] || !versions["4.2.0"] {
		t.Errorf("versions %v: the outage is missing", versions)
	}
	if after := newest.Sub(began); after < time.Second || newest.After(ended) {
		t.Errorf("the newest row is of %v after the start, the end came after %v; live time was 1.5 s", after, ended.Sub(began))
	}
}

// TestDump says what lies in the files of a leaf, and refuses others.
func TestDump(t *testing.T) {
	arena := filepath.Join("..", "..", "storage", "testdata", "arena", "layout-2")
	for file, part := range map[string]string{
		"mem/super": "| epoch 1790000000", "mem/edits-0000000000000002": "| drop from table", "mem/small-00000001.seg": "# data of \"x\" (string, zstd)",
		"data/super": "| layout 2", "data/edits-0000000000000002": "| gone: table", "data/blocks-00000001.blk": "# data of \"x\" (string, template)",
	} {
		kelp(t, "", "dump", filepath.Join(arena, file)).want(t, 0, part)
	}
	kelp(t, "", "dump", filepath.Join(arena, "truth.json")).want(t, 1, "no file of a store")
}

func TestListings(t *testing.T) {
	s := clienttest.New(t)
	const whole, part = `"completeness": {"ratio": 1, "exact": true, "leaves": {"total": 1, "answered": 1, "missing": []}}`,
		`"completeness": {"ratio": 0.75, "exact": true, "leaves": {"total": 4, "answered": 3, "missing": [{"leaf": "leaf-2", "reason": "down"}]}}`
	s.Get["/v1/tables"] = `{"tables": [{"table": "shop", "rows": 41220, "bytes": 13743895347, "rows_per_s": 2000.4, "newest": "2020-11-22T10:00:00Z", "from": null}], ` + whole + `}`
	s.Get["/v1/tables/shop"] = `{"table": "shop", "rows": 41220, "bytes": 1024, "disk_bytes": 0, "blocks": 3, "damaged": {"blocks": 2, "rows": 1500}, "from": "2026-11-22T10:00:00Z", "to": "2026-11-22T12:30:00Z",
		"settings": {"durability": "disk", "quota_rows_s": null}, "columns": [{"name": "ms", "types": {"float64": 0.98, "string": 0.02}, "nulls": 0.5, "distinct": 1200, "bytes": 300, "encodings": {"alp": 0.75, "dict": 0.25}}, {"name": "id", "types": {"string": 1}, "nulls": 0, "distinct": null, "bytes": 9}], ` + whole + `}`
	s.Get["/v1/cluster"] = `{"members": [{"name": "leaf-1", "role": "leaf", "state": "up", "address": "127.0.0.1:7413", "rows": 5, "memory_used": 1048576, "memory_budget": 1073741824, "version": "0.1.0", "damaged_blocks": 2, "healed_blocks": 1, "log_damaged": true}]}`
	f := func(args string, parts ...string) string {
		t.Helper()
		return kelp(t, "", append(strings.Fields(args), "--server", s.URL)...).want(t, 0, parts...).stdout
	}
	f("tables --format table", "41,220", "12.8 GiB", "2000", " ago", "\n100% complete · 1/1 leaf\n")
	f("describe shop --format table", "41,220 rows in 3 blocks", "2h 30m", `durability = "disk"`, "98% float64, 2% string", "50%", "1,200", "id      string                     0%         -", "\n100% complete · 1/1 leaf\n", "1,500 rows in 2 blocks are damaged")
	f("describe shop --verbose --format table", "encoded as", "75% alp, 25% dict")
	f("status --format table", "leaf-1", "up", "1.0 MiB", "1.0 GiB", "127.0.0.1:7413", "leaf-1: 2 damaged blocks are missing", "leaf-1: 1 damaged blocks were read again", "leaf-1: its edit log")
	for _, args := range []string{"tables", "describe shop", "status"} {
		text := f(args)
		var v map[string]any
		if err := json.Unmarshal([]byte(text), &v); err != nil || strings.Count(text, "\n") != 1 {
			t.Errorf("%s in a pipe: %q: %v", args, text, err)
		}
		if strings.Contains(text, "by_time") {
			t.Errorf("%s in a pipe has what the server did not say: %s", args, text)
		}
	}
	kelp(t, "", "describe", "none", "--server", s.URL).want(t, 1, "nothing at /v1/tables/none")
	hour := time.Now().Add(time.Hour + 30*time.Second)
	s.Get["/v1/tables"] = fmt.Sprintf(`{"tables": [{"table": "ahead", "from": %q, "newest": %q}], %s}`, hour.Format(time.RFC3339Nano), hour.Add(5*time.Hour).Format(time.RFC3339Nano), whole)
	if said := f("tables --format table", "in 6h", "5 hours"); strings.Contains(said, "-1h") || strings.Contains(said, " ago") {
		t.Errorf("rows ahead of the clock: %s", said)
	}
	s.Get["/v1/tables"] = `{"tables": [], ` + whole + `}`
	f("tables --format table", "kelp demo")
	s.Get["/v1/tables"] = `{"tables": [], ` + part + `}`
	f("tables --format table", "75% complete · 3/4 leaves\n! leaf-2: down")
	if o := kelp(t, "", "tables", "--server", s.URL).want(t, 0); o.stdout != "" || !strings.HasPrefix(o.stderr, "75% complete · 3/4 leaves\n") {
		t.Errorf("an incomplete list in a pipe: stdout %q, stderr %q", o.stdout, o.stderr)
	}
}
