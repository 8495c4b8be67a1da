package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"

	"github.com/kelpdb/kelp/cmd/client"
)

// exportRows is how many rows the test's table has: a dozen pages. A fifth of them are
// of one instant, more than a page takes at first; the others come in dozens.
const exportRows = 100_000

// exportTime is the time of a row, in ms.
func exportTime(id int) int64 {
	const base = 1_790_000_000_000
	if id >= 40_000 && id < 60_000 {
		return base + 40_000/12
	}
	return base + int64(id)/12
}

func fillExport(t *testing.T, address string) {
	t.Helper()
	server, err := client.New(address, "")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	const parts = 10
	for part := range parts {
		var body bytes.Buffer
		for id := part; id < exportRows; id += parts {
			fmt.Fprintf(&body, `{"time":%d,"id":%d,"text":"row \"%d\"","half":%d.5,"tags":["a","b%d"]}`+"\n", exportTime(id), id, id, id, id%3)
		}
		receipt, err := server.Ingest(context.Background(), &client.Batch{Table: "many", Key: fmt.Sprint(part), Type: client.TypeNDJSON, Body: body.Bytes()})
		if err != nil || receipt.Accepted != exportRows/parts {
			t.Fatalf("%+v %v", receipt, err)
		}
	}
}

// exported asks for rows in one format.
func exported(t *testing.T, address, sql, media, more string) *http.Response {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, address+"/v1/query?q="+url.QueryEscape(sql)+more, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", media)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(res.Body)
		t.Fatalf("%s: %d %s", sql, res.StatusCode, text)
	}
	return res
}

// ids reads the column id of an export, and says in which formats other columns are
// not those of the row.
func ids(t *testing.T, media string, body io.Reader) (list []int) {
	t.Helper()
	check := func(id int, text string) {
		if text != fmt.Sprintf(`row "%d"`, id) {
			t.Fatalf("%s: row %d has the text %s", media, id, text)
		}
		list = append(list, id)
	}
	switch media {
	case "application/x-ndjson":
		lines := bufio.NewScanner(body)
		for lines.Scan() {
			var row struct {
				ID   int
				Text string
			}
			if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
				t.Fatal(err)
			}
			check(row.ID, row.Text)
		}
	case "application/json":
		var all struct{ Rows [][]any }
		if err := json.NewDecoder(body).Decode(&all); err != nil {
			t.Fatal(err)
		}
		for _, row := range all.Rows {
			check(int(row[0].(float64)), row[1].(string))
		}
	case "text/csv":
		records, err := csv.NewReader(body).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records[1:] {
			id, err := strconv.Atoi(r[0])
			if err != nil {
				t.Fatal(err)
			}
			check(id, r[1])
		}
	default:
		r, err := ipc.NewReader(body)
		if err != nil {
			t.Fatal(err)
		}
		for r.Next() {
			id, text := r.Record().Column(0).(*array.Int64), r.Record().Column(1).(*array.String)
			for i := range id.Len() {
				check(int(id.Value(i)), text.Value(i))
			}
		}
		if r.Err() != nil {
			t.Fatal(r.Err())
		}
	}
	return list
}

// TestExport: rows go out once each, in their order, in every format, with what
// stands behind them at the end.
func TestExport(t *testing.T) {
	address := startServer(t)
	fillExport(t, address)
	check := func(media, sql string, want int) {
		t.Helper()
		res := exported(t, address, sql, media, "")
		got := ids(t, media, res.Body)
		_, _ = io.Copy(io.Discard, res.Body) // trailers come behind all of it
		res.Body.Close()
		if len(got) != want {
			t.Fatalf("%s of %s: %d rows, want %d", media, sql, len(got), want)
		}
		checkExportOrder(t, sql, got)
		if ratio := res.Trailer.Get("Kelp-Completeness") + res.Header.Get("Kelp-Completeness"); ratio != "1" {
			t.Errorf("%s of %s: completeness %q", media, sql, ratio)
		}
	}
	parts := []struct {
		sql  string
		rows int
	}{
		{"SELECT id, text FROM many WHERE id % 2 = 0 LIMIT 49999", 49_999},
		{"SELECT id, text FROM many WHERE id >= 30000 AND id < 70000 ORDER BY time DESC, id DESC LIMIT ALL", 40_000},
		{"SELECT id, text FROM many WHERE id < 0 LIMIT ALL", 0},
		{"SELECT id, text FROM many LIMIT 70001", 70_001},
	}
	// Pages know nothing of formats: each format has all rows and one of the parts.
	first := rand.IntN(len(parts))
	for i, media := range []string{"application/x-ndjson", "application/json", "text/csv", "application/vnd.apache.arrow.stream"} {
		check(media, "SELECT id, text, half, tags FROM many LIMIT ALL", exportRows)
		part := parts[(first+i)%len(parts)]
		check(media, part.sql, part.rows)
	}
}

// checkExportOrder: newest first, rows of one instant by id, and none twice.
func checkExportOrder(t *testing.T, sql string, list []int) {
	t.Helper()
	seen := make(map[int]bool)
	down := bytes.Contains([]byte(sql), []byte("id DESC"))
	for i, id := range list {
		if seen[id] {
			t.Fatalf("%s: row %d comes twice", sql, id)
		}
		seen[id] = true
		if i == 0 {
			continue
		}
		before, now := exportTime(list[i-1]), exportTime(id)
		if now > before || now == before && (list[i-1] > id) != down {
			t.Fatalf("%s: row %d comes after row %d", sql, id, list[i-1])
		}
	}
}

// readExport reads an export of NDJSON, after a pause behind its first row.
func readExport(t *testing.T, res *http.Response, pause time.Duration) (rows int, summary *client.Summary, err error) {
	t.Helper()
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if !bytes.HasPrefix(lines.Bytes(), []byte(`{"_kelp"`)) {
			if rows++; rows == 1 {
				time.Sleep(pause)
			}
			continue
		}
		var e struct {
			Kelp *client.Summary `json:"_kelp"`
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		summary = e.Kelp
	}
	return rows, summary, lines.Err()
}

// TestExportSummary: the summary of all pages; and an export whose client is so slow
// that its time is over before its end, which says so, or breaks off if it must not be
// truncated.
func TestExportSummary(t *testing.T) {
	address := startServer(t)
	fillExport(t, address)
	const media = "application/x-ndjson"
	rows, sum, err := readExport(t, exported(t, address, "SELECT * FROM many LIMIT ALL", media, "&summary=1"), 0)
	if err != nil || rows != exportRows || sum == nil || !sum.Whole() || sum.Completeness.RowsCovered != exportRows || sum.Truncated != nil {
		t.Errorf("%d rows, %+v, %v", rows, sum, err)
	}
	// Wide rows: all of them are more than what connections hold.
	wide := "SELECT *, replace('          ', ' ', text || text || text) AS wide FROM many LIMIT ALL"
	const most = 6 * time.Second
	limit := fmt.Sprintf("&summary=1&timeout_ms=%d", most.Milliseconds())
	slow, strict := exported(t, address, wide, media, limit), exported(t, address, wide, media, limit+"&strict=1")
	rows, sum, err = readExport(t, slow, most)
	if err != nil || rows == exportRows || sum == nil || sum.Truncated == nil || sum.Truncated.By != "time" || sum.Truncated.Kept != int64(rows) {
		t.Errorf("with little time: %d rows, %+v, %v", rows, sum, err)
	}
	rows, sum, err = readExport(t, strict, 0)
	if err == nil || rows == exportRows || sum != nil {
		t.Errorf("strict, with little time: %d rows, %+v, %v", rows, sum, err)
	}
}
