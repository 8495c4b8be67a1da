package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A torture is one history: a server's directories, what was sent to it, and who
// sends, asks and kills.
type torture struct {
	t      testing.TB
	seed   uint64
	rnd    *rand.Rand // of the killer alone
	plan   historyPlan
	shm    string
	args   []string
	tables []*tortureTable
	fleet  fleet
	proof  diskProof
	began  time.Time

	wantDrop atomic.Bool // a table is to be dropped at once

	next    atomic.Int64 // number of the next batch
	sent    atomic.Int64 // rows
	stop    chan struct{}
	workers sync.WaitGroup

	mu     sync.Mutex
	wrong  error
	broken chan struct{} // closed when something is wrong

	count *tortureCount
}

// historyPlan is what a history is about.
type historyPlan struct {
	rounds, leaves int
	memory         string
	evict          bool  // so little memory that rows go
	large          bool  // large batches, one after another
	rowsMax        int64 // beyond, batches are small
	writers        int
	lossOf         int // memory is lost once in so many kills
}

// tortureCount is what a campaign came to.
type tortureCount struct {
	kills, wall, missed, starts, terms, memory atomic.Int64
	complete, partial, receipts, repeats       atomic.Int64
	rows, late                                 atomic.Int64

	mu      sync.Mutex
	points  map[string]int
	readies []time.Duration
}

func (w *torture) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.wrong == nil {
		w.wrong = err
		close(w.broken)
	}
}

func (w *torture) err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wrong
}

// over tells that the history has ended, well or badly.
func (w *torture) over() bool {
	select {
	case <-w.stop:
		return true
	case <-w.broken:
		return true
	default:
		return false
	}
}

// pause waits, unless the history ends.
func (w *torture) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-w.stop:
	case <-w.broken:
	}
}

// retryPause is how long a client waits for a server that is being started.
const retryPause = 3 * time.Millisecond

// write sends batches to random tables, one after another.
func (w *torture) write(rnd *rand.Rand) {
	c := client()
	defer c.CloseIdleConnections()
	for !w.over() {
		t := w.tables[rnd.IntN(len(w.tables))]
		t.gate.RLock()
		var b *tortureBatch
		if rnd.IntN(20) == 0 {
			b = w.again(rnd, t)
		}
		if b == nil {
			b = w.batch(rnd, t)
		}
		w.send(c, t, b)
		t.gate.RUnlock()
		if !t.settledNow() {
			w.settle(c, t)
		}
		if !w.plan.large {
			w.pause(time.Duration(rnd.IntN(30)) * time.Millisecond)
		}
	}
}

// batch makes a new batch of a table.
func (w *torture) batch(rnd *rand.Rand, t *tortureTable) *tortureBatch {
	b := &tortureBatch{
		no: int(w.next.Add(1)), rows: tortureSize(rnd, w.plan.large, w.sent.Load() > w.plan.rowsMax),
		strays: !t.rolling && rnd.IntN(12) == 0, atMs: time.Now().UnixMilli() - 5_000,
	}
	w.sent.Add(int64(b.rows))
	t.mu.Lock()
	defer t.mu.Unlock()
	// A leaf learns the settings of a table after its first rows there, so where
	// there are several it is not known whether they were in force.
	b.life, b.synced = t.life, t.settled && t.durability == "sync"
	return b
}

// again takes a batch that has its receipt, as a client that lost it would.
func (w *torture) again(rnd *rand.Rand, t *tortureTable) *tortureBatch {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := rnd.IntN(len(t.batches) + 1)
	for _, b := range t.batches {
		if n--; n > 0 {
			continue
		}
		if b.life != t.life || b.fate != fateAcked || b.resend || t.rolling {
			return nil
		}
		b.resend = true
		return b
	}
	return nil
}

// send sends a batch until it has a receipt.
func (w *torture) send(c *http.Client, t *tortureTable, b *tortureBatch) {
	body := b.body(w.seed)
	t.mu.Lock()
	t.batches[b.no] = b
	t.mu.Unlock()
	for !w.over() {
		p := w.fleet.get()
		if p == nil {
			w.pause(retryPause)
			continue
		}
		began := time.Now()
		r, err := p.post(c, t.name, b.key(), "application/x-ndjson", body)
		switch {
		case err != nil || r.Status == http.StatusServiceUnavailable:
			w.pause(retryPause)
			continue
		case r.Status != http.StatusOK || r.Accepted != uint64(b.rows) || r.Rejected != 0:
			w.fail(fmt.Errorf("table %s, batch %d of %d rows: status %d, %+v %+v", t.name, b.no, b.rows, r.Status, r, r.Error))
			return
		}
		if w.received(p, t, b, r, began) {
			return
		}
	}
}

// received takes note of a receipt, unless its server is being killed: then what
// it stands for may be gone already, and the batch is sent once more.
func (w *torture) received(p *process, t *tortureTable, b *tortureBatch, r receipt, began time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if w.fleet.get() != p {
		return false
	}
	if b.resend && b.fate == fateAcked && !r.Duplicate {
		w.fail(fmt.Errorf("table %s, batch %d: a batch that was acknowledged was taken again: %+v", t.name, b.no, r))
	}
	w.count.receipts.Add(1)
	if r.Duplicate {
		w.count.repeats.Add(1)
	}
	if b.fate == fateUnknown {
		b.fate, b.acked = fateAcked, time.Now()
	}
	b.resend = false
	if t.durability != "memory" && !r.Duplicate {
		w.proof.heard(began, w.plan.leaves)
	}
	return true
}

func (t *tortureTable) settledNow() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.settled
}

// settle gives a table its settings; who fails leaves it to the next.
func (w *torture) settle(c *http.Client, t *tortureTable) {
	p := w.fleet.get()
	if p == nil {
		return
	}
	t.mu.Lock()
	life, durability := t.life, t.durability
	t.mu.Unlock()
	settings := map[string]any{"durability": durability}
	if t.rolling && !w.plan.evict {
		const rollingBytes = 300_000
		settings["retention_bytes"] = rollingBytes
	}
	body, err := json.Marshal(settings)
	if err != nil {
		w.fail(err)
		return
	}
	status, text, err := call(c, http.MethodPatch, p.http+"/v1/tables/"+t.name, body)
	if err != nil || status == http.StatusServiceUnavailable || status == http.StatusNotFound {
		return
	}
	if status == http.StatusBadRequest && durability == "sync" {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.durability = "disk" // this version does not know it
		return
	}
	if status != http.StatusOK {
		w.fail(fmt.Errorf("settings of %s: status %d %s", t.name, status, text))
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settled = t.life == life && w.fleet.get() == p
}

func call(c *http.Client, method, url string, body []byte) (status int, text []byte, err error) {
	req, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	res, err := c.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	text, err = io.ReadAll(res.Body)
	return res.StatusCode, text, err
}

// drop drops a table, and goes on until the server has said so.
func (w *torture) drop(c *http.Client, t *tortureTable) {
	t.mu.Lock()
	t.dropping = true
	t.mu.Unlock()
	t.gate.Lock() // whoever sends has its receipt first
	defer t.gate.Unlock()
	for !w.over() {
		p := w.fleet.get()
		if p == nil {
			w.pause(retryPause)
			continue
		}
		status, text, err := call(c, http.MethodDelete, p.http+"/v1/tables/"+t.name, nil)
		if err != nil || status == http.StatusServiceUnavailable {
			w.pause(retryPause)
			continue
		}
		if status != http.StatusOK && status != http.StatusNotFound {
			w.fail(fmt.Errorf("drop of %s: status %d %s", t.name, status, text))
			return
		}
		if w.dropped(p, t) {
			return
		}
	}
}

// dropped takes note of a drop, unless its server is being killed.
func (w *torture) dropped(p *process, t *tortureTable) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if w.fleet.get() != p {
		return false
	}
	t.life++
	t.dropping, t.settled, t.droppedAt = false, false, time.Now()
	return true
}

// dropSome drops a table now and then, and those whose drop may be undone.
func (w *torture) dropSome(rnd *rand.Rand) {
	c := client()
	defer c.CloseIdleConnections()
	last := time.Now()
	for !w.over() {
		w.pause(20 * time.Millisecond)
		due := time.Since(last) > 6*time.Second || w.wantDrop.Swap(false)
		if due {
			last = time.Now()
		}
		chosen := w.tables[rnd.IntN(len(w.tables))]
		for _, t := range w.tables {
			t.mu.Lock()
			again := t.dropping
			t.mu.Unlock()
			if again || due && t == chosen {
				w.drop(c, t)
			}
		}
	}
}

// read asks all the time.
func (w *torture) read(rnd *rand.Rand) {
	for !w.over() {
		p := w.fleet.get()
		if p == nil {
			w.pause(retryPause)
			continue
		}
		t := w.tables[rnd.IntN(len(w.tables))]
		known := t.known()
		w.ask(p, t, pickQuestion(rnd, t.name, known), known)
		w.pause(time.Duration(rnd.IntN(20)) * time.Millisecond)
	}
}

// ask asks one question and judges the answer; complete tells that it was there
// and whole.
func (w *torture) ask(p *process, t *tortureTable, q tortureQuestion, known *tortureKnown) (complete bool) {
	a, err := p.ask(q.sql, 20*time.Second)
	if err != nil {
		return false // the server died
	}
	if err := t.judge(w.seed, q, known, a); err != nil {
		w.fail(fmt.Errorf("%w\n%s", err, logTail(p)))
		return false
	}
	if a.Error != nil {
		return a.Error.Code == "unknown_table"
	}
	if isWhole(a) {
		w.count.late.Add(t.lateRows())
		w.count.complete.Add(1)
		return true
	}
	w.count.partial.Add(1)
	return false
}

func logTail(p *process) string {
	const tail = 4_000
	text := p.log.String()
	return "the server's log ends with:\n" + text[max(0, len(text)-tail):]
}

// errDied says that the server ended while it was looked at.
var errDied = errors.New("the server died")

// verify asks for a summary of every table until it is complete.
func (w *torture) verify(p *process) error {
	for _, t := range w.tables {
		if err := w.askUntilWhole(p, t, tortureSummary(t.name)); err != nil {
			return err
		}
	}
	return nil
}

// askUntilWhole asks one question until its answer is complete.
func (w *torture) askUntilWhole(p *process, t *tortureTable, q tortureQuestion) error {
	deadline := time.Now().Add(readyTimeout)
	for known := t.known(); !w.ask(p, t, q, known); known = t.known() {
		select {
		case <-p.done:
			return errDied
		case <-w.broken:
			return w.err()
		default:
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no complete answer of %s within %v\n%s", t.name, readyTimeout, logTail(p))
		}
		w.pause(retryPause)
	}
	return nil
}

// forget says that what is lost is not expected any more.
func (w *torture) forget(p *process) {
	c := client()
	defer c.CloseIdleConnections()
	for _, t := range w.tables {
		t.forget()
	}
	for leaf := range w.plan.leaves {
		url := fmt.Sprintf("%s/v1/cluster/leaf-%d/forget", p.http, leaf+1)
		if status, text, err := call(c, http.MethodPost, url, nil); err == nil && status != http.StatusOK {
			w.fail(fmt.Errorf("forget: status %d %s", status, text))
		}
	}
}

// checkLog wants no error in what the server logged.
func (w *torture) checkLog(p *process) {
	for line := range strings.Lines(p.log.String()) {
		for _, word := range []string{"level=ERROR", "damaged", "panic", "BUG", "fatal error"} {
			if strings.Contains(line, word) {
				w.fail(fmt.Errorf("the server logged: %s\n%s", line, logTail(p)))
				return
			}
		}
	}
}

// loseMemory removes the memory directory, of all leaves or of one.
func (w *torture) loseMemory(killed time.Time) {
	entries, err := os.ReadDir(w.shm)
	if err != nil {
		w.fail(err)
		return
	}
	one := -1
	if len(entries) > 1 && w.rnd.IntN(3) == 0 {
		one = w.rnd.IntN(len(entries))
	}
	for i, e := range entries {
		if one < 0 || i == one {
			if err := os.RemoveAll(filepath.Join(w.shm, e.Name())); err != nil {
				w.fail(err)
			}
		}
	}
	for _, t := range w.tables {
		t.memoryLost(killed, w.proof.until())
	}
	w.count.memory.Add(1)
}
