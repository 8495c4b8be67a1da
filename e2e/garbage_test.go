package e2e

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestGarbage sends what no one should: each gets a clear error, the good rows
// beside it are kept, and the server lives.
func TestGarbage(t *testing.T) {
	s := start(t, serveArgs(t)...)
	good := `{"ok":1}` + "\n"
	f := func(name, body string, accepted, rejected uint64, reason string) {
		t.Helper()
		r, err := s.post(client(), "garbage", "", "application/x-ndjson", []byte(body))
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, s.log)
		}
		if r.Accepted != accepted || r.Rejected != rejected {
			t.Errorf("%s: accepted %d rejected %d, want %d and %d (%+v)", name, r.Accepted, r.Rejected, accepted, rejected, r.Errors)
		}
		if reason != "" && (len(r.Errors) == 0 || !strings.Contains(r.Errors[0].Error, reason)) {
			t.Errorf("%s: errors %+v do not say %q", name, r.Errors, reason)
		}
	}
	f("a malformed row", good+"{oops}\n"+good, 2, 1, "")
	f("a 100 MB line", good+`{"a":"`+strings.Repeat("x", 100<<20)+"\"}\n"+good, 2, 1, "longer than 4194304 bytes")
	var wide strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&wide, `,"c%d":%d`, i, i)
	}
	f("10,000 columns", good+"{"+wide.String()[1:]+"}\n"+good, 2, 1, "columns")
	f("deep nesting", good+strings.Repeat(`{"a":`, 5000)+"1"+strings.Repeat("}", 5000)+"\n"+good, 2, 1, "deep")
	f("invalid UTF-8", "{\"text\":\"a\xff\xfeb\"}\n", 1, 0, "")
	if n := s.query("SELECT count() FROM garbage WHERE text = 'a\ufffd\ufffdb'").number(t); n != 1 {
		t.Errorf("invalid UTF-8 did not become U+FFFD: %d rows", n)
	}
	fuzzBodies(t, s)
	if n := s.query("SELECT count(ok) FROM garbage").number(t); n < 8 {
		t.Errorf("%d good rows, want 8 at least", n)
	}
}

// fuzzBodies flips bytes of a JSON body and of an Arrow stream.
func fuzzBodies(t *testing.T, s *process) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 2))
	arrow := arrowStream(t)
	for _, kind := range []struct {
		contentType string
		body        []byte
	}{
		{"application/x-ndjson", batchBody(1, time.Now())},
		{"application/vnd.apache.arrow.stream", arrow},
	} {
		for range 150 {
			body := bytes.Clone(kind.body)
			for range 1 + rnd.IntN(3) {
				body[rnd.IntN(len(body))] ^= byte(1 << rnd.IntN(8))
			}
			r, err := s.post(client(), "fuzzed", "", kind.contentType, body)
			if err != nil {
				t.Fatalf("%s: %v\n%s", kind.contentType, err, s.log)
			}
			if r.Status != http.StatusOK && r.Status != http.StatusBadRequest {
				t.Fatalf("%s: status %d %+v", kind.contentType, r.Status, r.Error)
			}
		}
	}
}

// arrowStream is what kelp itself answers in Arrow.
func arrowStream(t *testing.T) []byte {
	t.Helper()
	s := start(t, serveArgs(t)...)
	s.ingest("rows", batchBody(0, time.Now()))
	out, errs, status := run(t, nil, "query", "--server", s.http, "--format", "arrow", "SELECT * FROM rows LIMIT 100")
	if status != 0 || len(out) < 1000 {
		t.Fatalf("status %d, %d bytes: %s", status, len(out), errs)
	}
	r, err := s.post(client(), "copy", "", "application/vnd.apache.arrow.stream", []byte(out))
	if err != nil || r.Accepted != 100 {
		t.Fatalf("an answer in Arrow does not go back in: %+v %v", r, err)
	}
	s.terminate()
	return []byte(out)
}

// TestDamagedMemory flips a byte of a segment and cuts one short. A table that
// lives in memory alone loses the block, which is named and counted; the others
// answer and the process lives. A table with a copy on disk loses nothing.
func TestDamagedMemory(t *testing.T) {
	f := func(table string, memoryOnly bool) {
		t.Helper()
		shm := shmDir(t)
		args := []string{"serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--memory-dir", shm, "--memory", "1GiB"}
		s := start(t, args...)
		rows := int64(0)
		if memoryOnly {
			setDurability(t, s, table, "memory")
			rows++
		}
		for b := range 4 {
			var body []byte
			for c := range 20 {
				body = append(body, batchBody(b*20+c, time.Now().Add(time.Duration(b-10)*time.Minute))...)
			}
			s.ingest(table, body)
			rows += 20 * batchRows
		}
		s.terminate()
		flipSegment(t, shm)
		s = start(t, args...)
		checkDamage(t, s, table, rows, memoryOnly)
		s.kill()
		truncateSegment(t, shm)
		s = start(t, args...)
		a := s.query("SELECT count(), sum(ms) FROM " + table)
		t.Logf("%s, segments cut short: %v, ratio %v, missing %v", table, a.Rows, a.Completeness.Ratio, a.Completeness.Leaves.Missing)
		if !memoryOnly {
			until(t, 20*time.Second, "the blocks are read again from disk", func() bool {
				a := s.query("SELECT count(), sum(ms) FROM " + table)
				return a.Completeness.Ratio == 1 && int64(asInt(t, a.Rows[0][0])) == rows
			})
		} else if a.Completeness.Ratio == 1 {
			t.Errorf("%s: ratio 1 with its segments cut short", table)
		}
		s.ingest(table, batchBody(999, time.Now()))
	}
	f("volatile", true)
	f("durable", false)
}

// checkDamage asks for every column, so that the damaged byte is met.
func checkDamage(t *testing.T, s *process, table string, rows int64, memoryOnly bool) {
	t.Helper()
	sql := "SELECT count(), sum(ms), count(distinct note), min(time), max(batch), sum(id), uniq(service) FROM " + table
	if !memoryOnly {
		until(t, 20*time.Second, "the damaged block is read again from disk", func() bool {
			a := s.query(sql)
			return a.Completeness.Ratio == 1 && int64(asInt(t, a.Rows[0][0])) == rows
		})
		wantMetrics(t, s, `kelp_leaf_healed_blocks_total{leaf="leaf-1"} 1`, `kelp_leaf_damaged_blocks{leaf="leaf-1"} 0`)
		return
	}
	var a answer
	until(t, 20*time.Second, "the damage is met", func() bool {
		a = s.query(sql)
		return a.Completeness.Ratio < 1
	})
	missing := a.Completeness.Leaves.Missing
	if len(missing) != 1 || missing[0].Reason != "damaged" || missing[0].Leaf != "leaf-1" {
		t.Errorf("%s: missing %v, want leaf-1 damaged", table, missing)
	}
	left := int64(asInt(t, a.Rows[0][0]))
	if left == 0 || left >= rows || a.Completeness.RowsExpected < uint64(rows) {
		t.Errorf("%s: %d rows of %d read, %d expected", table, left, rows, a.Completeness.RowsExpected)
	}
	var cluster struct {
		Members []struct {
			DamagedBlocks int `json:"damaged_blocks"`
		}
	}
	getJSON(t, s.http+"/v1/cluster", &cluster)
	damaged := 0
	for _, m := range cluster.Members {
		damaged += m.DamagedBlocks
	}
	if damaged != 1 {
		t.Errorf("%s: /v1/cluster counts %+v, want one damaged block", table, cluster.Members)
	}
	var detail struct {
		Damaged struct{ Blocks, Rows int64 }
	}
	getJSON(t, s.http+"/v1/tables/"+table, &detail)
	if detail.Damaged.Blocks != 1 || detail.Damaged.Rows != rows-left {
		t.Errorf("%s: the table counts %+v, want one block and %d rows", table, detail.Damaged, rows-left)
	}
	wantMetrics(t, s, `kelp_leaf_damaged_blocks{leaf="leaf-1"} 1`, `kelp_leaf_damaged_blocks_total{leaf="leaf-1"} 1`, `kelp_leaf_healed_blocks_total{leaf="leaf-1"} 0`)
	if out, errs, status := run(t, nil, "status", "--server", s.http, "--format", "table"); status != 0 || !strings.Contains(out, "leaf-1: 1 damaged blocks are missing in answers") {
		t.Errorf("%s: kelp status says %q %s", table, out, errs)
	}
}

// wantMetrics holds that /metrics has the lines.
func wantMetrics(t *testing.T, s *process, lines ...string) {
	t.Helper()
	res, err := http.Get(s.http + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		if !strings.Contains(string(text), line+"\n") {
			t.Errorf("/metrics does not say %s", line)
		}
	}
}

// setDurability makes a table with one row and that durability.
func setDurability(t *testing.T, s *process, table, durability string) {
	t.Helper()
	s.ingest(table, []byte(`{"first":1}`))
	req, err := http.NewRequest(http.MethodPatch, s.http+"/v1/tables/"+table, strings.NewReader(`{"durability":"`+durability+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("PATCH: status %d", res.StatusCode)
	}
}

// segments lists the segment files below a memory directory.
func segments(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.Contains(d.Name(), "seg") {
			list = append(list, path)
		}
		return err
	})
	if err != nil || len(list) == 0 {
		t.Fatalf("no segments below %s: %v", dir, err)
	}
	return list
}

// flipSegment flips one bit in the middle of what each segment holds.
func flipSegment(t *testing.T, dir string) {
	t.Helper()
	for _, path := range segments(t, dir) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var used []int
		for at := 64 << 10; at < len(data); at += 64 {
			if data[at] != 0 {
				used = append(used, at)
			}
		}
		if len(used) == 0 {
			continue
		}
		at := used[len(used)/2]
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteAt([]byte{data[at] ^ 0x10}, int64(at)); err != nil {
			t.Fatal(err)
		}
		file.Close()
	}
}

func truncateSegment(t *testing.T, dir string) {
	t.Helper()
	for _, path := range segments(t, dir) {
		if err := os.Truncate(path, 20_000); err != nil {
			t.Fatal(err)
		}
	}
}
