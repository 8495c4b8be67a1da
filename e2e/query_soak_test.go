package e2e

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kelpdb/kelp/bench/gen"
)

var (
	soakFor     = flag.Duration("soakfor", 30*time.Second, "how long TestQuerySoak asks")
	soakClients = flag.Int("soakclients", 24, "how many clients of TestQuerySoak ask at once")
)

const (
	soakBatchRows = 10_000
	soakWarm      = 3 * time.Second // of ingest alone, to know its speed

	// soakMemory holds some six million rows: the oldest are evicted all the while.
	soakMemory = "256MiB"
)

// soakQuestion is a question of the mix; %s stands for the condition on time.
type soakQuestion struct{ name, sql string }

func soakQuestions() []soakQuestion {
	return []soakQuestion{
		{"count", "SELECT count() FROM events %s"},
		{"count by service", "SELECT service, count() FROM events %s GROUP BY service"},
		{"errors by endpoint", "SELECT endpoint, count(), avg(duration_ms), p99(duration_ms) FROM events %s WHERE status >= 500 GROUP BY endpoint"},
		{"per minute by region", "SELECT time(1m), region, count() FROM events %s GROUP BY 1, 2"},
		{"one service", "SELECT time(auto), count(), p95(duration_ms) FROM events %s WHERE country = '{country}' AND service = '{service}' GROUP BY 1"},
		{"distinct users", "SELECT service, uniq(user_id) FROM events %s GROUP BY service"},
		{"text", "SELECT host, count() FROM events %s WHERE contains(message, 'timeout') GROUP BY host ORDER BY count() DESC LIMIT 10"},
		{"one user", "SELECT * FROM events %s WHERE user_id = '{user}' LIMIT 20"},
		{"top users", "SELECT user_id, count() FROM events %s GROUP BY user_id ORDER BY count() DESC LIMIT 20"},
		{"newest errors", "SELECT * FROM events %s WHERE error IS NOT NULL ORDER BY time DESC LIMIT 100"},
		{"three keys", "SELECT endpoint, host, status, count(), sum(bytes) FROM events %s GROUP BY endpoint, host, status ORDER BY count() DESC LIMIT 50"},
		{"heat map", "SELECT time(auto), bucket(duration_ms, 50), count() FROM events %s GROUP BY 1, 2"},
	}
}

// soak is a server under a writer and clients.
type soak struct {
	t      *testing.T
	p      *process
	g      *gen.Generator
	sent   atomic.Int64 // batches
	ended  atomic.Bool
	wrong  chan string
	mu     sync.Mutex
	took   map[string][]soakAnswer
	begun  time.Time
	within time.Duration
}

type soakAnswer struct{ at, took time.Duration }

func (s *soak) fail(format string, args ...any) {
	select {
	case s.wrong <- fmt.Sprintf(format, args...):
	default: // the first ones say it
	}
	s.ended.Store(true)
}

// write sends batches, at most rate rows a second (0: as fast as it goes), until the
// time is over.
func (s *soak) write(c *http.Client, rate float64, until time.Time) (rows int64) {
	var body []byte
	for begun := time.Now(); time.Now().Before(until) && !s.ended.Load(); {
		if ahead := float64(rows)/max(rate, 1) - time.Since(begun).Seconds(); rate > 0 && ahead > 0 {
			time.Sleep(time.Duration(ahead * float64(time.Second)))
		}
		b := s.sent.Load()
		body = body[:0]
		for i := range int64(soakBatchRows) {
			body = s.g.AppendNDJSON(body, b*soakBatchRows+i)
		}
		r, err := s.p.post(c, "events", batchKey(int(b)), "application/x-ndjson", body)
		if err != nil || r.Status != http.StatusOK || r.Accepted != soakBatchRows {
			s.fail("batch %d: %+v, %v", b, r, err)
			return rows
		}
		s.sent.Add(1)
		rows += soakBatchRows
	}
	return rows
}

// since is a condition on time that the newest million or so of the rows meet.
func (s *soak) since(rnd *rand.Rand) string {
	newest := s.sent.Load() * soakBatchRows
	from := max(0, newest-int64(20_000<<rnd.IntN(7)))
	row := s.g.Row(from)
	return "SINCE '" + row.Time().Format("2006-01-02T15:04:05.000Z") + "'"
}

// ask asks until the soak has ended.
func (s *soak) ask(seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 3))
	questions := soakQuestions()
	for !s.ended.Load() {
		q := questions[rnd.IntN(len(questions))]
		row := s.g.Row(rnd.Int64N(max(1, s.sent.Load()*soakBatchRows)))
		sql := strings.NewReplacer("{country}", row.Country, "{service}", row.Service, "{user}", row.UserID()).
			Replace(fmt.Sprintf(q.sql, s.since(rnd)))
		at := time.Now()
		a, err := s.p.ask(sql, 30*time.Second)
		switch {
		case err != nil:
			s.fail("%s: %v", sql, err)
		case a.Error != nil:
			s.fail("%s: %+v", sql, *a.Error)
		case a.Completeness.Ratio != 1:
			s.fail("%s: %+v", sql, a.Completeness)
		}
		s.mu.Lock()
		s.took[q.name] = append(s.took[q.name], soakAnswer{at.Sub(s.begun), time.Since(at)})
		s.mu.Unlock()
	}
}

// held is what a process holds of the system.
type held struct {
	rss                  int64
	files, maps, threads int
}

func (p *process) held() held {
	p.t.Helper()
	proc := fmt.Sprintf("/proc/%d/", p.cmd.Process.Pid)
	count := func(dir string) int {
		list, err := os.ReadDir(filepath.Join(proc, dir))
		if err != nil {
			p.t.Fatal(err)
		}
		return len(list)
	}
	maps, err := os.ReadFile(proc + "maps")
	if err != nil {
		p.t.Fatal(err)
	}
	return held{p.rssAnon(), count("fd"), strings.Count(string(maps), "\n"), count("task")}
}

func (h held) most(o held) held {
	return held{max(h.rss, o.rss), max(h.files, o.files), max(h.maps, o.maps), max(h.threads, o.threads)}
}

// TestQuerySoak: many clients ask mixed questions while rows come in at half the speed
// that the server takes alone and the oldest are evicted. No question fails, each
// answer is complete, and what the process holds in the last third is no more than in
// the second.
func TestQuerySoak(t *testing.T) {
	p := start(t, serveArgs(t, "--memory", soakMemory, "--leaves", "2")...)
	s := &soak{
		t: t, p: p, g: gen.New(gen.Config{Rows: 1 << 30, Seed: 1, Span: 100 * time.Hour, End: time.Now()}),
		wrong: make(chan string, 1), took: map[string][]soakAnswer{}, within: *soakFor,
	}
	c := client()
	rows := s.write(c, 0, time.Now().Add(soakWarm))
	rate := float64(rows) / soakWarm.Seconds() / 2
	s.begun = time.Now()
	var asking sync.WaitGroup
	for i := range *soakClients {
		asking.Go(func() { s.ask(uint64(i)) })
	}
	asking.Go(func() { rows += s.write(c, rate, s.begun.Add(s.within)) })
	var thirds [3]held
	for tick := time.NewTicker(s.within / 60); ; {
		<-tick.C
		at := time.Since(s.begun)
		if at >= s.within || s.ended.Load() {
			break
		}
		third := &thirds[3*at/s.within]
		*third = third.most(p.held())
	}
	s.ended.Store(true)
	asking.Wait()
	select {
	case wrong := <-s.wrong:
		t.Fatalf("after %v and %d rows: %s\n%s", time.Since(s.begun), rows, wrong, p.log)
	default:
	}
	t.Logf("%d rows, %.0f a second beside the clients; held by thirds: %+v", rows, rate, thirds)
	s.table()
	checkHeld(t, thirds[1], thirds[2])
}

// checkHeld: a queue more or a collection less is no leak; what grows by a quarter
// from one third to the next is.
func checkHeld(t *testing.T, before, after held) {
	t.Helper()
	grows := func(what string, before, after, slack int64) {
		if after > before+before/4+slack {
			t.Errorf("%s grew from %d to %d", what, before, after)
		}
	}
	grows("anonymous memory", before.rss, after.rss, 32<<20)
	grows("open files", int64(before.files), int64(after.files), 16)
	grows("mappings", int64(before.maps), int64(after.maps), 32)
	grows("threads", int64(before.threads), int64(after.threads), 8)
}

// table logs the latencies of the first and the last fifth.
func (s *soak) table() {
	s.t.Log("| question | asked | first fifth: p50 | p99 | last fifth: p50 | p99 | slowest |")
	s.t.Log("|---|---:|---:|---:|---:|---:|---:|")
	for _, q := range soakQuestions() {
		all := s.took[q.name]
		if len(all) == 0 {
			s.t.Errorf("%s was never asked", q.name)
			continue
		}
		part := func(from, to time.Duration) (took []time.Duration) {
			for _, a := range all {
				if a.at >= from && a.at < to {
					took = append(took, a.took)
				}
			}
			slices.Sort(took)
			return took
		}
		at := func(took []time.Duration, share float64) string {
			if len(took) == 0 {
				return "-"
			}
			return fmt.Sprintf("%.1f ms", took[int(share*float64(len(took)-1))].Seconds()*1e3)
		}
		first, last, whole := part(0, s.within/5), part(s.within*4/5, 1<<62), part(0, 1<<62)
		s.t.Logf("| %s | %d | %s | %s | %s | %s | %s |", q.name, len(all), at(first, 0.5), at(first, 0.99), at(last, 0.5), at(last, 0.99), at(whole, 1))
	}
}
