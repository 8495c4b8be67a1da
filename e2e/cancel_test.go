package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// cpu is the processor time that the process has used, to 10 ms.
func (p *process) cpu() time.Duration {
	p.t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	ticks := 0
	for _, field := range fields[11:13] { // of user and of system
		n, err := strconv.Atoi(field)
		if err != nil {
			p.t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// runningQuery is a line of GET /v1/queries.
type runningQuery struct {
	ID, SQL, Remote string
	Progress        struct {
		Leaves, Blocks uint64
		Answered       uint64 `json:"leaves_answered"`
		Done           uint64 `json:"blocks_done"`
	}
	Cost struct {
		Rows uint64 `json:"rows_scanned"`
	}
}

func (p *process) running() []runningQuery {
	p.t.Helper()
	var out struct{ Queries []runningQuery }
	getJSON(p.t, p.http+"/v1/queries", &out)
	return out.Queries
}

// heavySQL is a question that takes a leaf seconds for each 10,000 rows: every term
// is worked out row by row, and none holds.
func heavySQL() string {
	terms := make([]string, 60)
	for i := range terms {
		terms[i] = fmt.Sprintf(`length(regexp_replace(concat(text, id, '%d'), '([a-f]+)([0-9]*)', '\2-\1', 'g')) = -1`, i)
	}
	return "SELECT count() FROM heavy WHERE " + strings.Join(terms, " OR ")
}

// stopWork is the processor time that a leaf may still spend on a query that nobody
// waits for any more: 50 ms on each of its workers, and what it does anyway.
const stopWork = 2*50*time.Millisecond + 50*time.Millisecond

// TestQueryEndsOnLeaves: a query whose connection is closed, or that is cancelled by
// its id, stops the work on every leaf. The measure is processor time, which other
// load on the machine does not change.
func TestQueryEndsOnLeaves(t *testing.T) {
	agg, leaves := fleetOf(t, 3)
	var body bytes.Buffer
	for b := range 12 {
		body.Reset()
		for i := range 10_000 {
			fmt.Fprintf(&body, "{\"id\":%d,\"text\":\"abcdef%d fedcba%d\"}\n", b*10_000+i, i, b)
		}
		if r, err := agg.post(client(), "heavy", batchKey(b), "application/x-ndjson", body.Bytes()); err != nil || r.Accepted != 10_000 {
			t.Fatalf("%+v %v", r, err)
		}
	}
	byClosing := func(_ string, hangUp func()) { hangUp() }
	byID := func(id string, _ func()) {
		req, err := http.NewRequest(http.MethodDelete, agg.http+"/v1/queries/"+id, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%v %v", res, err)
		}
		res.Body.Close()
	}
	for i, end := range []func(string, func()){byClosing, byID} {
		endQuery(t, agg, leaves, end)
		checkLogged(t, agg, i+1)
	}
}

// endQuery asks, waits until every leaf works, ends the query, and sees how much
// work they still do.
func endQuery(t *testing.T, agg *process, leaves []*process, end func(id string, hangUp func())) {
	t.Helper()
	ctx, hangUp := context.WithCancel(t.Context())
	defer hangUp()
	answered := make(chan string, 1)
	before := make([]time.Duration, len(leaves))
	for i, l := range leaves {
		before[i] = l.cpu()
	}
	ask, err := json.Marshal(map[string]any{"sql": heavySQL(), "timeout_ms": 300_000})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, agg.http+"/v1/query", bytes.NewReader(ask))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		res, err := (&http.Client{Transport: &http.Transport{}}).Do(req) // a connection of its own
		if err != nil {
			answered <- err.Error()
			return
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		answered <- fmt.Sprint(res.StatusCode, res.Header.Get("Kelp-Query-Id"), string(text))
	}()
	until(t, 60*time.Second, "every leaf works on the query", func() bool {
		for i, l := range leaves {
			if l.cpu()-before[i] < 150*time.Millisecond {
				return false
			}
		}
		return true
	})
	list := agg.running()
	if len(list) != 1 || list[0].SQL != heavySQL() || list[0].Remote == "" || list[0].Progress.Leaves != 3 || list[0].Progress.Answered != 0 {
		t.Fatalf("running: %+v", list)
	}
	for i, l := range leaves {
		before[i] = l.cpu()
	}
	end(list[0].ID, hangUp)
	got := <-answered
	if ctx.Err() == nil && !strings.Contains(got, "the query was cancelled") {
		t.Errorf("the answer to a cancelled query: %s", got)
	}
	until(t, 10*time.Second, "the query is gone from the list", func() bool { return len(agg.running()) == 0 })
	time.Sleep(time.Second) // in which work that goes on would show, on a busy machine too
	for i, l := range leaves {
		after := l.cpu() - before[i]
		if after > stopWork {
			t.Errorf("%s worked on for %v", l.name, after)
		}
		t.Logf("%s worked on for %v", l.name, after)
	}
}

// checkLogged waits for the queries that were ended in the log of queries.
func checkLogged(t *testing.T, agg *process, times int) {
	t.Helper()
	sql := "SELECT outcome, count(), max(length(sql)), min(completeness) FROM _kelp.queries WHERE table = 'heavy' GROUP BY outcome"
	until(t, 20*time.Second, "the log has it", func() bool {
		a, err := agg.ask(sql, 10*time.Second)
		return err == nil && len(a.Rows) == 1 && a.Rows[0][0] == "cancelled" && asInt(t, a.Rows[0][1]) == times
	})
}
