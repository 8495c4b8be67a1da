package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The model of the crash tests: batch b holds rows b*batchRows+i, each a
// function of its id, so every sum can be worked out without the server.
const batchRows = 500

func batchKey(b int) string { return fmt.Sprintf("batch-%06d", b) }

func modelService(id int) string { return fmt.Sprintf("service-%d", id%7) }

func batchBody(b int, at time.Time) []byte {
	var body []byte
	for i := range batchRows {
		id := b*batchRows + i
		body = fmt.Appendf(body, `{"time":%d,"batch":%d,"id":%d,"service":%q,"ms":%d.5,"note":"row %d of batch %d"}`+"\n",
			at.UnixMilli()+int64(i), b, id, modelService(id), id%997, i, b)
	}
	return body
}

// fleet is where the writers send: the server that lives now.
type fleet struct {
	mu  sync.Mutex
	now *process
}

func (f *fleet) get() *process  { f.mu.Lock(); defer f.mu.Unlock(); return f.now }
func (f *fleet) set(p *process) { f.mu.Lock(); defer f.mu.Unlock(); f.now = p }

// write stores batches, repeating each under its key until it is acknowledged.
// acked gets the time of each batch's receipt.
func write(f *fleet, batches <-chan int, acked *sync.Map, at func(int) time.Time, wrong chan<- string) {
	c := client()
	for b := range batches {
		body := batchBody(b, at(b))
		for try := 0; ; try++ {
			r, err := f.get().post(c, "events", batchKey(b), "application/x-ndjson", body)
			if err == nil && r.Status == http.StatusOK {
				if r.Accepted != batchRows || r.Rejected != 0 {
					wrong <- fmt.Sprintf("batch %d: receipt %+v", b, r)
				}
				acked.Store(b, time.Now())
				break
			}
			if err == nil && r.Status != http.StatusServiceUnavailable {
				wrong <- fmt.Sprintf("batch %d: status %d %+v", b, r.Status, r.Error)
				return
			}
			time.Sleep(2 * time.Millisecond) // the server is being started again
		}
	}
}

// onlyLost tells that an answer lacks nothing but rows that are gone for ever.
func onlyLost(a answer) bool {
	missing := a.Completeness.Leaves.Missing
	for _, m := range missing {
		if m.Reason != "lost" {
			return false
		}
	}
	return len(missing) > 0
}

// checkBatches holds what is stored against what was acknowledged: every
// acknowledged batch whole and once, every other one whole or not at all.
func checkBatches(t *testing.T, p *process, acked *sync.Map) {
	t.Helper()
	before := make(map[int]bool)
	acked.Range(func(b, _ any) bool { before[b.(int)] = true; return true })
	a := p.query("SELECT batch, count(), count(distinct id) FROM events GROUP BY batch LIMIT ALL")
	if a.Completeness.Ratio != 1 && !onlyLost(a) {
		t.Fatalf("completeness %+v", a.Completeness)
	}
	for _, row := range a.Rows {
		b, rows, ids := asInt(t, row[0]), asInt(t, row[1]), asInt(t, row[2])
		if rows != batchRows || ids != batchRows {
			t.Fatalf("batch %d has %d rows, %d different ones; want %d", b, rows, ids, batchRows)
		}
		delete(before, b)
	}
	if len(before) > 0 {
		t.Fatalf("%d acknowledged batches are gone: %v", len(before), before)
	}
}

func asInt(t testing.TB, v any) int {
	t.Helper()
	n, ok := v.(json.Number)
	if !ok {
		t.Fatalf("%v is no number", v)
	}
	i, err := strconv.Atoi(n.String())
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// TestKillDuringIngest kills -9 a server of four leaves fifty times while
// writers fill it with 200,000 rows, and holds the result against the model.
func TestKillDuringIngest(t *testing.T) {
	const kills, batches, writers = 50, 400, 4
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	args := serveArgs(t, "--leaves", "4")
	f := &fleet{}
	f.set(start(t, args...))
	begin := time.Now().Add(-time.Hour)
	var acked sync.Map
	work := make(chan int)
	wrong := make(chan string, writers)
	var writing sync.WaitGroup
	var sent atomic.Int64
	for range writers {
		writing.Go(func() {
			write(f, work, &acked, func(b int) time.Time { return begin.Add(time.Duration(b) * time.Second) }, wrong)
		})
	}
	go func() {
		defer close(work)
		for b := range batches {
			work <- b
			sent.Add(1)
		}
	}()
	var readies []time.Duration
	for k := range kills {
		// Not before the share of batches that belongs to this kill is on its way.
		until(t, time.Minute, "writers get on", func() bool {
			return sent.Load() >= int64(batches*(k+1)/(kills+1)) || len(wrong) > 0
		})
		time.Sleep(time.Duration(rnd.IntN(30_000)) * time.Microsecond) // a random moment
		f.get().kill()
		next := start(t, args...)
		readies = append(readies, next.ready)
		checkBatches(t, next, &acked)
		f.set(next)
	}
	writing.Wait()
	select {
	case w := <-wrong:
		t.Fatal(w)
	default:
	}
	slices.Sort(readies)
	t.Logf("ready after kill -9: median %v, slowest %v", readies[kills/2], readies[kills-1])
	if readies[kills/2] > 200*time.Millisecond {
		t.Errorf("ready after %v in the median, want 200 ms at most", readies[kills/2])
	}
	checkModel(t, f.get(), batches)
}

// checkModel asks several questions whose answers follow from the model.
func checkModel(t *testing.T, p *process, batches int) {
	t.Helper()
	rows := batches * batchRows
	counts := make(map[string]int)
	sums := make(map[string]float64)
	for id := range rows {
		counts[modelService(id)]++
		sums[modelService(id)] += float64(id%997) + 0.5
	}
	a := p.query("SELECT service, count(), sum(ms), min(id), max(id) FROM events GROUP BY service ORDER BY service")
	if len(a.Rows) != len(counts) || a.Completeness.Ratio != 1 {
		t.Fatalf("%d services, want %d; %+v", len(a.Rows), len(counts), a.Completeness)
	}
	for i, row := range a.Rows {
		name := row[0].(string)
		sum, err := row[2].(json.Number).Float64()
		if err != nil {
			t.Fatal(err)
		}
		if asInt(t, row[1]) != counts[name] || sum != sums[name] || asInt(t, row[3]) != i || asInt(t, row[4])%7 != i {
			t.Errorf("%s: %v, want count %d sum %v", name, row, counts[name], sums[name])
		}
	}
	if n := p.query("SELECT count(distinct id) FROM events WHERE ms >= 500").number(t); n != int64(countMs(rows, 500)) {
		t.Errorf("%d ids with ms >= 500, want %d", n, countMs(rows, 500))
	}
}

func countMs(rows, least int) int {
	n := 0
	for id := range rows {
		if float64(id%997)+0.5 >= float64(least) {
			n++
		}
	}
	return n
}

// TestReboot takes the memory away while rows come in, as a reboot does, and
// wants back from disk every batch acknowledged more than a second before, with
// answers meanwhile that say what they lack. Loading may be too quick to be
// caught, so there are several attempts at that.
func TestReboot(t *testing.T) {
	shm, data := shmDir(t), t.TempDir()
	args := []string{"serve", "--listen", "127.0.0.1:0", "--data", data, "--memory-dir", shm, "--memory", "1GiB", "--leaves", "2"}
	f := &fleet{}
	f.set(start(t, args...))
	var acked sync.Map
	work := make(chan int)
	wrong := make(chan string, 1)
	var writing sync.WaitGroup
	writing.Go(func() { write(f, work, &acked, func(int) time.Time { return time.Now() }, wrong) })
	next := 0
	send := func(batches int) {
		for range batches {
			work <- next
			next++
		}
	}
	const attempts = 10
	sawPart := false
	for attempt := 0; attempt < attempts && !sawPart; attempt++ {
		send(200)
		pause := time.Now()
		until(t, 5*time.Second, "a second passes", func() bool { return time.Since(pause) > 1100*time.Millisecond })
		send(20) // acknowledged within the last second: they may go
		f.get().kill()
		killed := time.Now()
		if err := os.RemoveAll(shm); err != nil {
			t.Fatal(err)
		}
		old := &sync.Map{} // batches that must be back
		acked.Range(func(b, at any) bool {
			if at.(time.Time).Before(killed.Add(-time.Second)) {
				old.Store(b, at)
			} else {
				acked.Delete(b) // it may be lost
			}
			return true
		})
		p := start(t, args...)
		sawPart = waitLoaded(t, p, old) || sawPart
		checkBatches(t, p, old)
		f.set(p)
	}
	close(work)
	writing.Wait()
	select {
	case w := <-wrong:
		t.Fatal(w)
	default:
	}
	if !sawPart {
		t.Errorf("no answer came while blocks were loading, in %d attempts", attempts)
	}
	checkLost(t, f.get(), next*batchRows)
}

// TestSyncReboot takes the memory away right after a receipt of a table with
// durability sync, while another table is being written: every row is back.
func TestSyncReboot(t *testing.T) {
	shm, data := shmDir(t), t.TempDir()
	args := []string{"serve", "--listen", "127.0.0.1:0", "--data", data, "--memory-dir", shm, "--memory", "256MiB"}
	p := start(t, args...)
	setDurability(t, p, "sure", "sync")
	rows := int64(1)
	for round := range 5 {
		stop := make(chan struct{})
		var writing sync.WaitGroup
		writing.Go(func() {
			for b := 0; ; b++ {
				select {
				case <-stop:
					return
				default: // it ends in errors, when the server is killed
					_, _ = p.post(client(), "soon", "", "application/x-ndjson", batchBody(b, time.Now()))
				}
			}
		})
		for i := range 20 {
			n := 1 + i%3
			if r := p.ingest("sure", []byte(strings.Repeat(`{"a":1}`+"\n", n))); int(r.Accepted) != n {
				t.Fatalf("round %d: %+v", round, r)
			}
			rows += int64(n)
		}
		p.kill()
		close(stop)
		writing.Wait()
		if err := os.RemoveAll(shm); err != nil {
			t.Fatal(err)
		}
		p = start(t, args...)
		until(t, 20*time.Second, "all is back from disk", func() bool {
			return p.query("SELECT count() FROM sure").number(t) == rows
		})
	}
}

// checkLost: acknowledged rows that went with the memory stay expected until
// someone says that they may be forgotten.
func checkLost(t *testing.T, p *process, rows int) {
	t.Helper()
	a := p.query("SELECT count() FROM events")
	if a.Completeness.RowsExpected < uint64(rows) || a.Completeness.Ratio > float64(a.number(t))/float64(rows) {
		t.Errorf("%d rows acknowledged, %d there: %+v", rows, a.number(t), a.Completeness)
	}
	t.Logf("%d rows acknowledged, %d there after reboots, ratio %v", rows, a.number(t), a.Completeness.Ratio)
	for _, leaf := range []string{"leaf-1", "leaf-2"} {
		res, err := http.Post(p.http+"/v1/cluster/"+leaf+"/forget", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Errorf("forget %s: status %d", leaf, res.StatusCode)
		}
	}
	if a := p.query("SELECT count() FROM events"); a.Completeness.Ratio != 1 {
		t.Errorf("after forget: %+v", a.Completeness)
	}
}

// waitLoaded asks until an answer is complete, and tells whether one was not.
func waitLoaded(t *testing.T, p *process, old *sync.Map) (sawPart bool) {
	t.Helper()
	least := uint64(0)
	old.Range(func(any, any) bool { least += batchRows; return true })
	until(t, 20*time.Second, "all is back from disk", func() bool {
		a := p.query("SELECT count() FROM events")
		if a.Completeness.RowsExpected < least {
			t.Fatalf("expected %d rows, want at least %d: %+v", a.Completeness.RowsExpected, least, a.Completeness)
		}
		if a.Completeness.Ratio < 1 && !onlyLost(a) {
			sawPart = true
			return false
		}
		return true
	})
	return sawPart
}
