package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/kelpdb/kelp/cmd/client"
	"github.com/kelpdb/kelp/cmd/client/clienttest"
)

const (
	wholeSummary = `"completeness": {"ratio": 1, "exact": true, "leaves": {"total": 1, "answered": 1, "missing": []}},
		"bucket": null, "stats": {"rows_scanned": 42703, "elapsed_ms": 6.2}, "approximate": [], "truncated": null, "other": {"rows": [1], "groups": 37}, "warnings": []`
	halfSummary = `"completeness": {"ratio": 0.7599, "exact": true, "leaves": {"total": 4, "answered": 3, "missing": [{"leaf": "leaf-2", "reason": "timeout"}]},
		"by_time": [{"from": "2026-11-22T10:00:00Z", "to": "2026-11-22T10:01:00Z", "ratio": 0.5}]},
		"bucket": null, "stats": {"rows_scanned": 9, "elapsed_ms": 0.31}, "approximate": ["uniq(x)"], "truncated": null, "other": null, "warnings": ["no row has statsu; did you mean status?"]`
	columns = `"columns": [{"name": "service", "type": "string"}, {"name": "count()", "type": "int64"}, {"name": "p99(ms)", "type": "float64"}, {"name": "id", "type": "int64"}]`
	rows    = `"rows": [["api", 41220, 839.5, 1234567], [null, 902, null, 7]]`
)

// answering gives the same answer to any question, in the format asked for.
func answering(t *testing.T, summary string) *clienttest.Server {
	s := clienttest.New(t)
	s.Answer = func(sql, accept string) (int, string) {
		switch accept {
		case client.TypeNDJSON:
			flat := strings.NewReplacer("\n", "", "\t", "").Replace(summary)
			return 200, `{"_kelp":"a row with that name"}` + "\n" + `{"service":"api","count()":41220}` + "\n" + `{"_kelp": {` + flat + "}}\n"
		case client.TypeCSV:
			return 200, "service,count()\napi,41220\n"
		}
		return 200, "{" + columns + "," + rows + "," + summary + "}"
	}
	return s
}

func TestQueryTable(t *testing.T) {
	s := answering(t, wholeSummary)
	got := kelp(t, "", "query", "FROM t", "--format", "table", "--server", s.URL).want(t, 0).stdout
	want := "" +
		"service     count()  p99(ms)       id\n" +
		"api          41,220    839.5  1234567\n" +
		"(other 37)      902        -        7\n" +
		"100% complete · 1/1 leaf · 42,703 rows · 6.2 ms\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	s = answering(t, halfSummary)
	kelp(t, "", "query", "FROM t", "--format", "table", "--server", s.URL).want(t, 0,
		"75.99% complete · 3/4 leaves · 9 rows · 0.3 ms\n! leaf-2: timeout\n! 2026-11-22T10:00:00Z to 2026-11-22T10:01:00Z: 50% complete\n"+
			"approximate: uniq(x)\nwarning: no row has statsu; did you mean status?\n")
}

// TestQueryPage: below a table on a terminal stands the page that asks the same.
func TestQueryPage(t *testing.T) {
	f := func(sql, want string) {
		t.Helper()
		if got := pageOf("http://127.0.0.1:7411", sql); got != want {
			t.Errorf("%q: %s, want %s", sql, got, want)
		}
	}
	f(" FROM shop SELECT count() ", "http://127.0.0.1:7411/x/shop?q=FROM+shop+SELECT+count%28%29")
	f("FROM shop -- a & b\nSELECT 'x  y'", "http://127.0.0.1:7411/x/shop?q=FROM+shop+--+a+%26+b%0ASELECT+%27x++y%27")
	f("SHOW TABLES", "http://127.0.0.1:7411/?q=SHOW+TABLES")
	f("FROM shop SELECT '"+strings.Repeat("x", linkBytesMax)+"'", "")
	var s client.Summary
	s.Completeness.Ratio, s.Completeness.Exact, s.Completeness.Leaves.Total, s.Completeness.Leaves.Answered = 1, true, 1, 1
	if got, want := footerLink(&s, "http://h/x/t?q=1"), "100% complete · 1/1 leaf     open: http://h/x/t?q=1\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestQueryInAPipe(t *testing.T) {
	s := answering(t, wholeSummary)
	o := kelp(t, "", "query", "FROM t", "--server", s.URL).want(t, 0)
	if o.stdout != `{"_kelp":"a row with that name"}`+"\n"+`{"service":"api","count()":41220}`+"\n" || o.stderr != "" {
		t.Errorf("stdout %q, stderr %q", o.stdout, o.stderr)
	}
	s = answering(t, halfSummary)
	o = kelp(t, "", "query", "FROM t", "--server", s.URL).want(t, 0)
	if !strings.HasPrefix(o.stderr, "75.99% complete") || strings.Contains(o.stdout, "completeness") {
		t.Errorf("stdout %q, stderr %q", o.stdout, o.stderr)
	}
	var whole client.Answer
	o = kelp(t, "", "query", "FROM t", "--format", "json", "--server", s.URL).want(t, 0)
	if err := json.Unmarshal([]byte(o.stdout), &whole); err != nil || whole.Completeness.Ratio != 0.7599 {
		t.Errorf("%v: %s", err, o.stdout)
	}
	if o = kelp(t, "", "query", "FROM t", "--format", "csv", "--server", s.URL).want(t, 0); o.stdout != "service,count()\napi,41220\n" {
		t.Errorf("csv: %q", o.stdout)
	}
	s = answering(t, strings.Replace(wholeSummary, `"warnings": []`, `"warnings": ["no row has x"]`, 1))
	if o = kelp(t, "", "query", "FROM t", "--server", s.URL).want(t, 0); o.stderr != "warning: no row has x\n" {
		t.Errorf("stderr %q", o.stderr)
	}
	if o = kelp(t, "", "query", "FROM t", "--format", "json", "--server", s.URL).want(t, 0); o.stderr != "" {
		t.Errorf("stderr %q though the answer says it", o.stderr)
	}
	s = answering(t, wholeSummary)
	// Statements on standard input, one after another.
	o = kelp(t, "FROM a; -- not; this\n FROM 'b;c' ;", "query", "--server", s.URL).want(t, 0)
	if strings.Count(o.stdout, "api") != 2 {
		t.Errorf("two statements gave %q", o.stdout)
	}
	kelp(t, " ; ", "query", "--server", s.URL).want(t, 2, "no SQL")
}

// An answer without its end is an error, whatever was printed before.
func TestQueryBrokenOff(t *testing.T) {
	s := clienttest.New(t)
	s.Answer = func(string, string) (int, string) { return 200, `{"a":1}` + "\n" }
	kelp(t, "", "query", "FROM t", "--server", s.URL).want(t, 1, "broke off", `{"a":1}`)
	kelp(t, "", "query", "FROM t", "--format", "json", "--server", s.URL).want(t, 0)
	s.Answer = func(string, string) (int, string) { return 200, `{"columns": [` }
	kelp(t, "", "query", "FROM t", "--format", "table", "--server", s.URL).want(t, 1, "cannot read the answer")
}

func TestQueryStrict(t *testing.T) {
	f := func(summary string, status int, say ...string) {
		t.Helper()
		s := answering(t, summary)
		for _, format := range []string{"table", "json", "ndjson"} {
			kelp(t, "", "query", "FROM t", "--strict", "--format", format, "--server", s.URL).want(t, status, append(say, "api")...)
		}
	}
	f(wholeSummary, 0)
	f(halfSummary, 3, "incomplete: 75.99%")
	f(strings.Replace(wholeSummary, `"truncated": null`, `"truncated": {"by": "rows", "limit": 100000, "kept": 100000}`, 1), 3, "truncated to 100,000")
	f(strings.Replace(wholeSummary, `"exact": true`, `"exact": false`, 1), 3, "not exact")
	s := clienttest.New(t)
	s.Answer = func(string, string) (int, string) {
		return 503, `{"error": {"code": "incomplete", "message": "3 of 4 leaves answered", "completeness": {"ratio": 0.75, "leaves": {"total": 4, "answered": 3, "missing": [{"leaf": "leaf-2", "reason": "down"}]}}}}`
	}
	kelp(t, "", "query", "FROM t", "--strict", "--format", "csv", "--server", s.URL).want(t, 3, "3 of 4 leaves answered", "leaf-2: down")
}

func TestQueryErrors(t *testing.T) {
	s := clienttest.New(t)
	s.Answer = func(sql, accept string) (int, string) {
		return 400, `{"error": {"code": "parse_error", "message": "expected an expression", "position": {"line": 2, "column": 9}, "hint": "did you mean count()?"}}`
	}
	sql := "SELECT a\n\tWHERE ä  FROM t"
	for _, format := range []string{"table", "json", "ndjson", "csv", "arrow"} {
		kelp(t, "", "query", sql, "--format", format, "--server", s.URL).want(t, 1,
			"expected an expression\n  \tWHERE ä  FROM t\n  \t       ^\n  did you mean count()?")
	}
	got := drawError("x", &client.Error{Message: "m", Position: &client.Position{Line: 7, Column: 99}})
	if got != "m" {
		t.Errorf("a place outside of the text: %q", got)
	}
	if got := drawError("ab", &client.Error{Message: "m", Position: &client.Position{Line: 1, Column: 99}}); got != "m\n  ab\n    ^" {
		t.Errorf("a place behind the line: %q", got)
	}
}

type typedLines []string

func (h *typedLines) AppendHistory(line string) { *h = append(*h, line) }

func TestPrompt(t *testing.T) {
	s := answering(t, wholeSummary)
	server, err := client.New(s.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	var stdout, stderr bytes.Buffer
	a := &asker{
		console: &console{ctx: context.Background(), stdout: &stdout, stderr: &stderr, server: s.URL},
		server:  server, cmd: &queryCmd{Format: "table", Timeout: time.Second},
	}
	var history typedLines
	rest := ""
	for _, line := range []string{"FROM t", "  SELECT ';'", "; FROM u; FR", "OM v;", "", `\?`, `\t`} {
		var done bool
		if rest, done = a.typed(&history, rest, line); done {
			t.Fatalf("%q ended it", line)
		}
	}
	if want := `[FROM t SELECT ';'; FROM u; FR OM v; \? \t]`; fmt.Sprint(history) != want || rest != "" {
		t.Errorf("history %v, want %v; rest %q", history, want, rest)
	}
	if n := strings.Count(stdout.String(), "100% complete"); n != 3 {
		t.Errorf("%d answers, want 3", n)
	}
	if !strings.Contains(stderr.String(), "error: nothing at /v1/tables") {
		t.Errorf("an error must be said and not end it: %q", stderr.String())
	}
	if _, done := a.typed(&history, "", ` \q `); !done {
		t.Error(`\q did not end it`)
	}
}

func TestStatements(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		if got := statements(text); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	f("")
	f("a", "a")
	f("a;;b ; ", "a", "b")
	f(`a 'it''s; x' ; b "c;d" -- e;`+"\n; c /* ; */ d", `a 'it''s; x'`, `b "c;d" -- e;`, "c /* ; */ d")
	f("a 'open ; b", "a 'open ; b")
}

func TestSparkLines(t *testing.T) {
	a := &client.Answer{Columns: []client.Column{{Name: "time(1m)", Type: "time"}, {Name: "service", Type: "string"}, {Name: "count()", Type: "int64"}}}
	a.Bucket = &client.Bucket{Column: "time(1m)", WidthMs: 60_000}
	add := func(minute int, service string, n string) {
		at := time.Date(2026, 11, 22, 10, minute, 0, 0, time.UTC).Format(time.RFC3339Nano)
		a.Rows = append(a.Rows, []any{at, service, json.Number(n)})
	}
	for m, n := range []string{"0", "10", "20", "70"} {
		add(m, "api", n)
	}
	add(0, "web", "5")
	add(3, "web", "5")
	if got, want := sparkLines(a), "api  ▁▂▃█  0 to 70\nweb  █  █  5 to 5\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := fmt.Sprint(narrow([]float64{1, 3, math.NaN(), 5, math.NaN(), math.NaN(), 9}, 4)); got != "[2 5 NaN 9]" {
		t.Errorf("narrow: %s", got)
	}
	a.Bucket = nil
	if got := sparkLines(a); got != "" {
		t.Errorf("without buckets: %q", got)
	}
}

func TestNumbers(t *testing.T) {
	eq := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	eq(thousands(0), "0")
	eq(thousands(-999), "-999")
	eq(thousands(-1000), "-1,000")
	eq(thousands(math.MinInt64), "-9,223,372,036,854,775,808")
	eq(byteSize(0), "0 B")
	eq(byteSize(1023), "1023 B")
	eq(byteSize(13_743_895_347), "12.8 GiB")
	eq(byteSize(1<<20-1), "1.0 MiB")
	eq(percent(1), "100%")
	eq(percent(0.99999), "99.99%")
	eq(percent(0.992), "99.2%")
	eq(percent(0.07), "7%")
	eq(percent(0), "0%")
	eq(span(226*time.Hour), "9d 10h")
	eq(span(200*time.Millisecond), "0.2s")
	eq(span(time.Hour), "1h")
	eq(cell(json.Number("9007199254740993"), false), "9007199254740993")
	eq(cell(json.Number("9007199254740993"), true), "9,007,199,254,740,993")
	eq(cell(json.Number("0.333333333"), false), "0.333333")
	eq(cell(json.Number("1234567.891"), false), "1234567.89")
	eq(approximate("96.497412", false), "96.5")
	eq(approximate("4129.5", false), "4129.5")
	eq(cell("a\nb\x1b[2J", false), "a b·[2J")
	eq(cell([]any{"x", "y"}, false), "[x, y]")
	eq(cell(nil, true), "-")
	counts := countColumns([]client.Column{{Name: "n"}, {Name: "sum(x)"}, {Name: "user_id"}, {Name: "the count"}}, `SELECT count() AS n, sum(x), user_id, count(a) as "the count"`)
	eq(fmt.Sprint(counts), "[true true false true]")
}
