package storage

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// checkpointStory is a store whose tables change at every step of a checkpoint,
// with what must be there at each moment.
type checkpointStory struct {
	t    testing.TB
	dir  string
	cfg  Config
	s    *Store
	rows map[string]map[int64]int
	keys map[string]bool
	next int64
}

func newCheckpointStory(t testing.TB) *checkpointStory {
	dir := testShm(t)
	return &checkpointStory{
		t: t, dir: dir, cfg: testConfig(t, dir), rows: map[string]map[int64]int{}, keys: map[string]bool{},
	}
}

func (c *checkpointStory) append(table string) {
	key := fmt.Sprint("key-", c.next)
	testAppend(c.t, c.s, Append{Table: table, Batch: testBatch(c.next, 3, time.Now().UnixNano()), Key: key})
	if c.rows[table] == nil {
		c.rows[table] = map[int64]int{}
	}
	for i := range int64(3) {
		c.rows[table][c.next+i] = 1
	}
	c.keys[table+"/"+key] = true
	c.next += 3
}

// change does one of each that an edit can do.
func (c *checkpointStory) change() {
	c.append("t")
	c.append("u")
	c.append(fmt.Sprint("new", c.next))
	tab, _ := c.s.Table("t")
	if refs, _ := tab.candidates(levelFresh, classNear, 3, RowsPerBlockMax); len(refs) > 1 {
		if err := c.s.merge(tab, refs, mergeRuleOf(mergeFresh), classNear); err != nil {
			c.t.Fatal(err)
		}
	}
	u, _ := c.s.Table("u")
	c.s.commitMu.Lock()
	err := c.s.dropLocked(u.refs[:1])
	c.s.commitMu.Unlock()
	if err != nil {
		c.t.Fatal(err)
	}
	c.rows["u"] = readIDs(c.t, c.s, "u")
	if err := c.s.SetSettings("t", Settings{Version: uint64(c.next)}); err != nil {
		c.t.Fatal(err)
	}
	for name := range c.rows {
		if strings.HasPrefix(name, "new") && len(c.rows) > 4 {
			if err := c.s.DropTable(name); err != nil {
				c.t.Fatal(err)
			}
			delete(c.rows, name)
			maps.DeleteFunc(c.keys, func(k string, _ bool) bool { return strings.HasPrefix(k, name+"/") })
			break
		}
	}
}

// moment is what a process that dies now leaves, and what must be found in it.
type moment struct {
	name    string
	dir     string
	rows    map[string]map[int64]int
	keys    map[string]bool
	version uint64
	seq     uint64
}

func (c *checkpointStory) moment(name string) moment {
	m := moment{name: name, dir: filepath.Join(c.dir, name), rows: map[string]map[int64]int{}, keys: maps.Clone(c.keys), seq: c.s.Seq()}
	copyDir(c.t, c.cfg.MemoryDir, m.dir)
	for table, rows := range c.rows {
		m.rows[table] = maps.Clone(rows)
	}
	tab, _ := c.s.Table("t")
	m.version = tab.Settings().Version
	return m
}

// check opens what was left and compares.
func (m moment) check(t *testing.T, cfg Config) {
	t.Helper()
	cfg.MemoryDir, cfg.atCheckpoint = m.dir, nil
	s, err := Open(cfg)
	if err != nil {
		t.Fatalf("%s: %v", m.name, err)
	}
	defer testClose(t, s)
	if s.Status().LogDamaged || s.Status().Damaged > 0 {
		t.Fatalf("%s: %+v", m.name, s.Status())
	}
	if s.Seq() != m.seq || s.Status().Tables != len(m.rows) {
		t.Fatalf("%s: edit %d and %d tables, not %d and %d", m.name, s.Seq(), s.Status().Tables, m.seq, len(m.rows))
	}
	for table, rows := range m.rows {
		wantIDs(t, s, table, rows)
	}
	for key := range m.keys {
		if table, key, _ := strings.Cut(key, "/"); !s.Holds(table, key) {
			t.Fatalf("%s: key %s of table %s is gone", m.name, key, table)
		}
	}
	if tab, _ := s.Table("t"); tab.Settings().Version != m.version {
		t.Fatalf("%s: settings %d, not %d", m.name, tab.Settings().Version, m.version)
	}
	if logs, _ := filepath.Glob(filepath.Join(m.dir, logPrefix+"*")); len(logs) != 1 {
		t.Fatalf("%s: logs %v are left", m.name, logs)
	}
	if t.Failed() {
		t.Fatalf("%s: not what was there", m.name)
	}
}

// manyKeys makes a checkpoint long: it takes several edits.
func (c *checkpointStory) manyKeys(table string, n int) {
	tab, _ := c.s.Table(table)
	now := time.Now().UnixNano()
	for i := range n {
		tab.keys.put(fmt.Sprint("long-", i), &chunkReceipt{seq: 1, at: now})
	}
	c.s.commitMu.Lock()
	defer c.s.commitMu.Unlock()
	if err := c.s.checkpointLocked(); err != nil {
		c.t.Fatal(err)
	}
}

// checkpoint makes one beside commits, however short the log is.
func (c *checkpointStory) checkpoint() {
	c.s.commitMu.Lock()
	c.s.log.base = 0
	c.s.commitMu.Unlock()
	c.s.checkpoint(0)
}

// TestCheckpointCrash changes the tables at every step of a checkpoint and dies
// there: what is found again is always all that was committed.
func TestCheckpointCrash(t *testing.T) {
	c := newCheckpointStory(t)
	var moments []moment
	active, inside := false, map[string]int{}
	c.cfg.atCheckpoint = func(step string) {
		if !active {
			return
		}
		if inside[step]++; step == "begin" {
			c.longEdits()
		}
		if step != "switch" { // where commits wait
			c.change()
		}
		moments = append(moments, c.moment(fmt.Sprint(step, "-", inside[step])))
	}
	c.s = testOpen(t, c.cfg)
	for range 4 {
		c.append("t")
		c.append("u")
	}
	c.manyKeys("t", 12_000)
	active = true
	c.checkpoint()
	moments = append(moments, c.moment("after"))
	c.change()
	c.checkpoint()
	active = false
	c.change()
	moments = append(moments, c.moment("end"))
	if inside["state"] < 6 || inside["switch"] != 2 {
		t.Fatalf("the steps were %v", inside)
	}
	for _, m := range moments {
		m.check(t, c.cfg)
	}
}

// longEdits commits more than a checkpoint copies while commits wait.
func (c *checkpointStory) longEdits() {
	errs := make([]RowError, RowErrorsMax)
	for i := range errs {
		errs[i].Error = strings.Repeat("x", ReceiptTextMax)
	}
	for from := c.s.log.tail; c.s.log.tail < from+2*checkpointLastBytes; c.next++ {
		key := fmt.Sprint("key-", c.next)
		testAppend(c.t, c.s, Append{Table: "t", Batch: testBatch(c.next, 1, 1), Key: key, Receipt: Receipt{Errors: errs}})
		c.rows["t"][c.next], c.keys["t/"+key] = 1, true
	}
}

// TestCheckpointTwo makes a checkpoint in one go while another one is under way:
// the second replaces the log and the first gives up, wherever it is.
func TestCheckpointTwo(t *testing.T) {
	for _, at := range []string{"begin", "state", "finish"} {
		c := newCheckpointStory(t)
		in := false
		c.cfg.atCheckpoint = func(step string) {
			if step == at && in {
				in = false
				c.change()
				c.longEdits() // so that the first has records to copy
				c.s.commitMu.Lock()
				err := c.s.checkpointLocked()
				c.s.commitMu.Unlock()
				if err != nil {
					t.Error(err)
				}
				c.change()
			}
		}
		c.s = testOpen(t, c.cfg)
		c.append("t")
		c.append("u")
		c.manyKeys("t", 12_000)
		c.change()
		number := c.s.log.number
		in = true
		c.checkpoint()
		if in || c.s.log.number != number+2 {
			t.Fatalf("at %s: log %d became %d", at, number, c.s.log.number)
		}
		c.change()
		c.moment("two-"+at).check(t, c.cfg)
		if logs, _ := filepath.Glob(filepath.Join(c.cfg.MemoryDir, logPrefix+"*")); len(logs) != 1 {
			t.Fatalf("at %s: logs %v are left", at, logs)
		}
		testClose(t, c.s)
	}
}

// TestCheckpointLogCut cuts a log whose checkpoint was made beside commits behind
// every byte of what was committed meanwhile.
func TestCheckpointLogCut(t *testing.T) {
	c := newCheckpointStory(t)
	var states []map[int64]int
	in := false
	c.cfg.atCheckpoint = func(step string) {
		if in && step == "begin" {
			for range 8 {
				states = append(states, maps.Clone(c.rows["t"]))
				c.append("t")
			}
			states = append(states, maps.Clone(c.rows["t"]))
		}
	}
	c.s = testOpen(t, c.cfg)
	c.append("t")
	c.append("t")
	in = true
	c.checkpoint()
	log := c.s.log.path
	end := c.s.log.tail
	testClose(t, c.s)
	whole, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	whole = whole[:end]
	// The checkpoint is the first record, the edits are the others.
	tails := []int64{logHead}
	for at := int64(logHead); at < end; {
		at += logWord + roundUp(int64(uint32(loadRecordWord(whole, at))), logWord)
		tails = append(tails, at)
	}
	if len(tails) != len(states)+1 {
		t.Fatalf("%d records, %d states", len(tails)-1, len(states))
	}
	for cut := tails[1]; cut <= end; cut++ {
		data := append(bytes.Clone(whole[:cut]), make([]byte, 64)...)
		if err := os.WriteFile(log, data, 0o600); err != nil {
			t.Fatal(err)
		}
		trial := filepath.Join(c.dir, "trial")
		copyDir(t, c.cfg.MemoryDir, trial)
		cfg := c.cfg
		cfg.MemoryDir, cfg.Log, cfg.atCheckpoint = trial, nil, nil
		s, err := Open(cfg)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		wantIDs(t, s, "t", states[wholeRecords(whole, data, tails)])
		testClose(t, s)
		os.RemoveAll(trial)
		if t.Failed() {
			t.Fatalf("cut at %d", cut)
		}
	}
}

// BenchmarkCheckpointStall gives the longest time that an append took while the
// log was replaced, with 1,000,000 keys, and how long that took: in one go, as a
// commit does that finds the log full, and beside commits. Without a checkpoint
// the same time is watched for comparison.
func BenchmarkCheckpointStall(b *testing.B) {
	for _, how := range []string{"none", "in one go", "beside"} {
		b.Run(how, func(b *testing.B) {
			cfg := testConfig(b, testShm(b))
			cfg.checkpointPast = 1 << 40
			s := testOpen(b, cfg)
			now := time.Now().UnixNano()
			testAppend(b, s, Append{Table: "t", Batch: testBatch(0, 1, now), Arrival: now})
			tab, _ := s.Table("t")
			for i := range 1_000_000 {
				tab.keys.put(fmt.Sprintf("01J%023d", i), &chunkReceipt{seq: 1, digest: uint64(i), at: now, receipt: Receipt{Accepted: 100}})
			}
			runtime.GC()
			var longest, total time.Duration
			for b.Loop() {
				took, stall := stallDuring(b, s, func() { replaceLog(b, s, how) })
				longest, total = max(longest, stall), total+took
			}
			b.ReportMetric(longest.Seconds()*1e3, "longest-append-ms")
			b.ReportMetric(total.Seconds()*1e3/float64(b.N), "checkpoint-ms")
		})
	}
}

func replaceLog(b *testing.B, s *Store, how string) {
	switch how {
	case "none":
		time.Sleep(time.Second)
	case "in one go":
		s.commitMu.Lock()
		defer s.commitMu.Unlock()
		if err := s.checkpointLocked(); err != nil {
			b.Fatal(err)
		}
	default:
		before := s.log.number
		s.log.base = 0
		if s.checkpoint(0); s.log.number == before {
			b.Fatal("no checkpoint")
		}
	}
}

// stallDuring appends single rows as long as fn runs, and returns how long that
// was and the longest append.
func stallDuring(b *testing.B, s *Store, fn func()) (took, longest time.Duration) {
	var done atomic.Bool
	stalls := make(chan time.Duration)
	row := testBatch(1, 1, 1)
	go func() {
		longest := time.Duration(0)
		for !done.Load() {
			start := time.Now()
			if _, err := s.Append(context.Background(), Append{Table: "t", Batch: row, Arrival: 1}); err != nil {
				b.Error(err)
				break
			}
			longest = max(longest, time.Since(start))
		}
		stalls <- longest
	}()
	start := time.Now()
	fn()
	took = time.Since(start)
	done.Store(true)
	return took, <-stalls
}
