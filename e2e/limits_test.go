package e2e

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// set changes a table's settings.
func (p *process) set(table, settings string) {
	p.t.Helper()
	if status, _, text := p.call(http.MethodPatch, "/v1/tables/"+table, settings); status != http.StatusOK {
		p.t.Fatalf("settings %s: %d %s", settings, status, text)
	}
}

// plainRows is a body of rows that are numbered from first.
func plainRows(first, n int, at time.Time) []byte {
	var body []byte
	for i := range n {
		body = fmt.Appendf(body, `{"time":%d,"id":%d,"v":%d,"service":"svc-%d"}`+"\n", at.UnixNano()+int64(i)*1000, first+i, (first+i)%1000, i%7)
	}
	return body
}

// metric reads the value of a line of /metrics, 0 if it is not there.
func (p *process) metric(line string) float64 {
	p.t.Helper()
	res, err := client().Get(p.http + "/metrics")
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	for l := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(l, line+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				p.t.Fatal(err)
			}
			return v
		}
	}
	return 0
}

// TestQuota: of two tables that are sent rows as fast as may be, the one with a quota
// takes its quota within 5 percent, and the other all. Whoever waits as Retry-After
// says and sends again under the same key loses no row and doubles none.
func TestQuota(t *testing.T) {
	t.Parallel() // it goes by the clock
	s := start(t, "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--memory-dir", filepath.Join(shmDir(t), "m"), "--memory", "256MiB")
	const quota, bodyRows, senders = 5_000, 2_500, 3
	now := time.Now()
	s.ingest("slow", plainRows(0, 1, now))
	s.ingest("fast", plainRows(0, 1, now))
	s.set("slow", fmt.Sprintf(`{"quota_rows_s": %d}`, quota))
	const lasts = 12 * time.Second
	began := time.Now()
	var slow, fast, refused atomic.Int64
	var work sync.WaitGroup
	for w := range senders {
		work.Go(func() {
			c := client()
			for b := 0; time.Since(began) < lasts; {
				r, after, err := s.postAfter(c, "slow", fmt.Sprintf("s%d-%d", w, b), plainRows(1+(w*1000+b)*bodyRows, bodyRows, now))
				switch {
				case err == nil && r.Status == http.StatusOK:
					slow.Add(int64(r.Accepted))
					b++
				case err == nil && r.Status == http.StatusTooManyRequests && r.Error != nil && r.Error.Code == "over_quota" && after >= time.Second:
					refused.Add(1)
					time.Sleep(after) // as told
				default:
					t.Errorf("slow: %+v %+v, again in %v: %v", r, r.Error, after, err)
					return
				}
			}
		})
	}
	work.Go(func() {
		c := client()
		for b := 0; time.Since(began) < lasts; b++ {
			r, err := s.post(c, "fast", "", "application/x-ndjson", plainRows(1+b*bodyRows, bodyRows, now))
			if err != nil || r.Status != http.StatusOK {
				t.Errorf("the other table: %+v %+v %v", r, r.Error, err)
				return
			}
			fast.Add(int64(r.Accepted))
		}
	})
	work.Wait()
	took := time.Since(began)
	t.Logf("%d rows with a quota of %d a second and %d refusals, %d without, in %v", slow.Load(), quota, refused.Load(), fast.Load(), took)
	// A second's quota may come at once at the begin, and a body ahead at the end.
	most := took.Seconds()*quota*1.05 + quota + bodyRows
	if got := float64(slow.Load()); got > most || got < lasts.Seconds()*quota*0.95-quota {
		t.Errorf("%.0f rows in %v: the quota is %d a second", got, took, quota)
	}
	if refused.Load() == 0 || fast.Load() < 4*slow.Load() {
		t.Errorf("%d refusals, %d rows of the other table: the test shows nothing, or it was held up", refused.Load(), fast.Load())
	}
	if n := s.query("SELECT count(distinct id) FROM slow").number(t); n != slow.Load()+1 || s.query("SELECT count() FROM slow").number(t) != n {
		t.Errorf("%d rows, %d were accepted", n, slow.Load()+1)
	}
	if n := s.metric(`kelp_over_quota_total{table="slow"}`); n != float64(refused.Load()) {
		t.Errorf("/metrics counts %v refusals, there were %d", n, refused.Load())
	}
	if s.metric(`kelp_over_quota_total{table="fast"}`) != 0 {
		t.Error("the other table was refused")
	}
}

// postAfter is post that also returns what Retry-After says.
func (p *process) postAfter(c *http.Client, table, key string, body []byte) (r receipt, after time.Duration, err error) {
	wait := &retryAfter{RoundTripper: c.Transport}
	r, err = p.post(&http.Client{Transport: wait, Timeout: c.Timeout}, table, key, "application/x-ndjson", body)
	return r, wait.said, err
}

// retryAfter notes the header of an answer.
type retryAfter struct {
	http.RoundTripper
	said time.Duration
}

func (w *retryAfter) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := w.RoundTripper.RoundTrip(r)
	if err == nil {
		n, _ := strconv.Atoi(res.Header.Get("Retry-After")) // 0: none
		w.said = time.Duration(n) * time.Second
	}
	return res, err
}

// TestQuotaIngest: kelp ingest sends a file of some seconds' quota, in bodies of
// megabytes that are refused before they are read, and loses nothing.
func TestQuotaIngest(t *testing.T) {
	s := start(t, "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--memory-dir", filepath.Join(shmDir(t), "m"), "--memory", "256MiB")
	now := time.Now()
	s.ingest("t", plainRows(0, 1, now))
	const rows = 300_000
	body := plainRows(1, rows, now)
	quota := len(body) / 8
	s.set("t", fmt.Sprintf(`{"quota_bytes_s": %d}`, quota))
	path := filepath.Join(t.TempDir(), "rows.ndjson")
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	var out, said bytes.Buffer
	cmd := exec.Command(binary(t), "ingest", "t", path, "--server", s.http, "--retry-for", "2s")
	cmd.Stdout, cmd.Stderr = &out, &said
	began := time.Now()
	err := cmd.Run()
	took := time.Since(began)
	t.Logf("%d bytes with a quota of %d a second in %v: %s%s", len(body), quota, took, out.String(), said.String())
	if err != nil || !strings.Contains(out.String(), fmt.Sprintf(`"accepted":%d,`, rows)) || strings.Contains(out.String(), `"over_quota":0`) {
		t.Errorf("kelp ingest: %v", err)
	}
	if strings.Count(said.String(), "has had its quota") != 1 {
		t.Errorf("it said %q", said.String())
	}
	if n := s.query("SELECT count(distinct id) FROM t").number(t); n != rows+1 || s.query("SELECT count() FROM t").number(t) != n {
		t.Errorf("%d rows, not %d", n, rows+1)
	}
	if took < time.Second { // the least that Retry-After says
		t.Errorf("it took %v", took)
	}
}

// TestThinning: old rows are thinned on two leaves, the sums stay within the error
// of a sample, nothing is missing by it, and nothing changes by kill -9 or a restart.
func TestThinning(t *testing.T) {
	t.Parallel() // it waits for the next look at old rows
	s := start(t, "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--memory-dir", filepath.Join(shmDir(t), "m"),
		"--memory", "256MiB", "--leaves", "2")
	const batches, rows, keep = 12, 20_000, 20
	old, now := time.Now().Add(-5*time.Hour), time.Now()
	for b := range batches {
		s.ingest("t", plainRows(b*rows, rows, old.Add(time.Duration(b)*time.Minute)))
	}
	s.ingest("t", plainRows(batches*rows, 60_000, now)) // full blocks: they merge with no others
	s.set("t", fmt.Sprintf(`{"thin_after": "1h", "thin_keep": %d}`, keep))
	const sql = "SELECT count(), hits(), sum(v), count_if(service = 'svc-3') FROM t WHERE id < 240000"
	until(t, 60*time.Second, "old rows are thinned", func() bool {
		return asInt(t, s.query(sql).Rows[0][1]) < batches*rows/keep*3/2
	})
	a := s.query(sql)
	n, v := float64(batches*rows), 0.0
	for id := range batches * rows {
		v += float64(id % 1000)
	}
	near := func(what string, got, want, sum2 float64) { // sum2: of the squares of what is summed
		t.Helper()
		if sigma := math.Sqrt(sum2 * (keep - 1)); math.Abs(got-want) > 6*sigma {
			t.Errorf("%s is %.0f, want %.0f ± %.0f", what, got, want, sigma)
		}
	}
	cell := func(i int) float64 { return float64(asInt(t, a.Rows[0][i])) }
	near("count()", cell(0), n, n)
	near("hits() * keep", cell(1)*keep, n, n)
	near("sum(v)", cell(2), v, n*333_000)
	near("count_if", cell(3), n/7, n/7)
	if cell(0) != cell(1)*keep {
		t.Errorf("count() %v, hits() %v: each row stands for %d", cell(0), cell(1), keep)
	}
	all := s.query("SELECT hits(), count() FROM t")
	if c := all.Completeness; c.Ratio != 1 || c.RowsExpected != uint64(cell(1))+60_000 || all.Horizon != nil {
		t.Errorf("completeness %+v, horizon %v: thinned rows are not expected", c, all.Horizon)
	}
	if young := s.query("SELECT hits() FROM t WHERE id >= 240000").number(t); young != 60_000 {
		t.Errorf("%d young rows of 60000 are left", young)
	}
	if rates := s.query("SELECT sample_rate, count() FROM t WHERE id < 240000 GROUP BY sample_rate"); len(rates.Rows) != 1 || asInt(t, rates.Rows[0][0]) != keep {
		t.Errorf("sample_rate of thinned rows: %v", rates.Rows)
	}
	s.set("t", `{"thin_keep": 3}`)
	for i := range 2 {
		if i == 0 {
			s.kill()
		} else {
			s.terminate()
		}
		s = s.again()
		s.ingest("t", plainRows(1_000_000+i, 1, now))
		began := time.Now()
		until(t, 10*time.Second, "two looks at what is to be thinned", func() bool { return time.Since(began) > 5*time.Second })
		if got := s.query(sql); fmt.Sprint(got.Rows) != fmt.Sprint(a.Rows) || got.Completeness.Ratio != 1 {
			t.Errorf("after a restart %v, completeness %+v; before %v", got.Rows, got.Completeness, a.Rows)
		}
	}
}
