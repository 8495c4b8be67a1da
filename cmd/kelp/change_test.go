package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kelpdb/kelp/cmd/client"
)

// fillOutage sends two hours of rows: in the last one, requests of version 2 in eu
// begin to fail; a row in ten is a sample of ten.
func fillOutage(t *testing.T, address string) {
	t.Helper()
	var body bytes.Buffer
	now := time.Now()
	for i := range 7200 {
		at := now.Add(-time.Duration(7200-i) * time.Second)
		region, version, status, rate := []string{"eu", "us", "ap"}[i%3], 1+i/3%2, 200, 1
		if i%10 == 0 {
			rate = 10
		}
		if failing := i >= 3600 && region == "eu" && version == 2; failing && i%5 != 0 || i%97 == 0 {
			status = 500
		}
		fmt.Fprintf(&body, `{"time":%q,"region":%q,"version":"v%d","status":%d,"ms":%d.5,"user":"u%d","sample_rate":%d}`+"\n",
			at.UTC().Format(time.RFC3339Nano), region, version, status, i%300, i, rate)
	}
	sendRows(t, address, body.Bytes(), 7200)
}

// sendRows fills the table web.
func sendRows(t *testing.T, address string, body []byte, rows int64) {
	t.Helper()
	server, err := client.New(address, "")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	receipt, err := server.Ingest(context.Background(), &client.Batch{Table: "web", Key: "web", Type: client.TypeNDJSON, Body: body})
	if err != nil || receipt.Accepted != rows {
		t.Fatalf("%+v %v", receipt, err)
	}
}

// askRows asks a question and returns its rows by the names of their columns.
func askRows(t *testing.T, address, sql string) (rows []map[string]any, summary map[string]any) {
	t.Helper()
	res, err := http.Get(address + "/v1/query?q=" + url.QueryEscape(sql))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	dec := json.NewDecoder(res.Body)
	if err := dec.Decode(&summary); err != nil || summary["error"] != nil {
		t.Fatalf("%s: %v %v", sql, err, summary["error"])
	}
	for _, r := range summary["rows"].([]any) {
		row := make(map[string]any)
		for i, c := range summary["columns"].([]any) {
			row[c.(map[string]any)["name"].(string)] = r.([]any)[i]
		}
		rows = append(rows, row)
	}
	return rows, summary
}

// TestExplainChangeOfMany: a pair is found of a column with more values than pairs are
// made of, and its other values are no pair.
func TestExplainChangeOfMany(t *testing.T) {
	text := func(host int) string { return fmt.Sprintf(`"h%02d"`, host) }
	testChangeOfMany(t, text)
	for _, named := range []func(int) string{text, strconv.Itoa} { // null is a value as any other
		testChangeOfMany(t, func(host int) string {
			if host == 7 {
				return "null"
			}
			return named(host)
		})
	}
}

// testChangeOfMany plants a change in the rows of host 7; named is a host's name, as JSON.
func testChangeOfMany(t *testing.T, named func(host int) string) {
	t.Helper()
	address := startServer(t)
	var body bytes.Buffer
	now := time.Now()
	for i := range 8000 {
		host, version, status := i%100, 1+i/100%2, 200
		// In host 7 the errors move from version 1 to 2 and become more, in 0 fewer move from 2 to 1.
		toVersion2 := (version == 2) == (i >= 4000)
		if host == 7 && toVersion2 && (version == 2 || i%800 < 600) || host == 0 && !toVersion2 && i%800 < 400 {
			status = 500
		}
		fmt.Fprintf(&body, `{"time":%q,"host":%s,"version":"v%d","status":%d}`+"\n",
			now.Add(-time.Duration(8000-i)*900*time.Millisecond).UTC().Format(time.RFC3339Nano), named(host), version, status)
	}
	sendRows(t, address, body.Bytes(), 8000)
	rows, _ := askRows(t, address, "EXPLAIN CHANGE OF count_if(status = 500) FROM web LAST 1h COMPARE 1h BY host, version")
	name := func(value any) string { // in place of a number stands its text
		if value == nil {
			return "null"
		}
		return strings.Trim(value.(string), `"`)
	}
	if best := rows[1]; name(best["value"]) != strings.Trim(named(7), `"`) || best["and_value"] != "v2" {
		t.Errorf("the best is %v", best)
	}
	known := map[string]bool{"v1": true, "v2": true}
	for host := range 100 {
		known[strings.Trim(named(host), `"`)] = true
	}
	for _, row := range rows[1:] {
		if !known[name(row["value"])] || row["and_column"] != nil && row["and_value"] == nil {
			t.Errorf("%v", row)
		}
	}
}

// TestExplainChange: what was planted is found, the pair of values before each alone,
// with the weights of the rows, and with what stands behind the answer.
func TestExplainChange(t *testing.T) {
	address := startServer(t)
	fillOutage(t, address)
	ask := func(sql string) (rows []map[string]any, summary map[string]any) { return askRows(t, address, sql) }
	for _, by := range []string{"*", "region, version, user"} { // status is all of the errors before, too: it explains nothing
		rows, sum := ask("EXPLAIN CHANGE OF count_if(status = 500) FROM web LAST 1h COMPARE 1h BY " + by)
		all := rows[0]
		want, _ := ask("SELECT count_if(status = 500) AS now, count() AS events FROM web LAST 1h")
		if all["column"] != nil || all["now"] != want[0]["now"] || all["events"] != want[0]["events"] {
			t.Errorf("BY %s: all %v, want %v", by, all, want[0])
		}
		if best := rows[1]; best["column"] != "region" || best["value"] != "eu" || best["and_column"] != "version" || best["and_value"] != "v2" ||
			best["share"].(float64) < 0.95 || best["expected"].(float64) > 0.4 {
			t.Errorf("the best is %v", best)
		}
		if c := sum["completeness"].(map[string]any); c["ratio"] != 1.0 || sum["compare"].(map[string]any)["completeness"].(map[string]any)["ratio"] != 1.0 {
			t.Errorf("completeness %v", sum)
		}
	}
	rows, sum := ask("EXPLAIN CHANGE OF count() FROM web SINCE '2001-01-01' UNTIL '2001-01-02' COMPARE 1d BY region")
	if len(rows) != 1 || len(sum["warnings"].([]any)) != 1 {
		t.Errorf("of nothing: %v, %v", rows, sum["warnings"])
	}
}

// TestDiffers: the same rows by a selection and its rest, which is all other rows if
// it is not given.
func TestDiffers(t *testing.T) {
	address := startServer(t)
	fillOutage(t, address)
	type difference struct {
		Column, Value  string
		And            string  `json:"and_column"`
		AndValue       string  `json:"and_value"`
		ShareSelection float64 `json:"share_selection"`
		ShareRest      float64 `json:"share_rest"`
		Score          float64
	}
	type reply struct {
		Columns         []difference
		EventsSelection float64 `json:"events_selection"`
		EventsRest      float64 `json:"events_rest"`
		Error           *struct{ Code, Message string }
	}
	post := func(body string) (out reply) {
		t.Helper()
		res, err := http.Post(address+"/v1/differs", "application/json", bytes.NewBufferString(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil || res.Header.Get("Kelp-Query-Id") == "" {
			t.Fatalf("%v %v", err, res.Header)
		}
		if err := json.Unmarshal(text, &out); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return out
	}
	from := time.Now().Add(-time.Hour + time.Second).UTC().Format(time.RFC3339)
	implied := post(fmt.Sprintf(`{"table": "web", "selection": "status = 500", "from": %q, "by": ["region", "version"]}`, from))
	said := post(fmt.Sprintf(`{"table": "web", "selection": "status = 500", "rest": "status != 500", "from": %q, "by": ["region", "version"]}`, from))
	if implied.Error != nil || fmt.Sprint(implied) != fmt.Sprint(said) || implied.EventsSelection == 0 || implied.EventsRest == 0 {
		t.Errorf("%+v\n%+v", implied, said)
	}
	best := implied.Columns[0]
	if best.Column != "region" || best.Value != "eu" || best.And != "version" || best.AndValue != "v2" || best.ShareSelection < 0.8 || best.ShareRest > 0.2 {
		t.Errorf("the best is %+v", best)
	}
	for body, want := range map[string]string{
		`{"table": "web"}`:                                                "table and selection are needed",
		`{"table": "web", "selection": "status ="}`:                       "selection: expected an expression after `=`",
		`{"table": "web", "selection": "ok", "rest": "count() > 1"}`:      "rest: the aggregate count() cannot stand",
		`{"table": "web", "selection": "ok", "of": 1}`:                    "the request can not be read",
		`{"table": "nosuch", "selection": "ok"}`:                          "there is no table nosuch",
		`{"table": "web", "selection": "ok", "from": "yesterday"}`:        "'yesterday' is not a time",
		`{"table": "web", "selection": "ok", "timeout_ms": -1}`:           "timeout_ms is negative",
		`{"table": "web", "selection": "ok LIMIT 5"}`:                     "selection: expected the end of the condition",
		`{"table": "web", "selection": "ok", "by": ["region"], "to": ""}`: "",
	} {
		out := post(body)
		switch {
		case want == "" && out.Error == nil:
		case out.Error == nil || !bytes.Contains([]byte(out.Error.Message), []byte(want)):
			t.Errorf("%s: %+v, want %s", body, out.Error, want)
		}
	}
}
