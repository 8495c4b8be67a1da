package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// fleetOf starts one aggregator and n leaves that join it.
func fleetOf(t *testing.T, n int) (agg *process, leaves []*process) {
	t.Helper()
	dir, shm := t.TempDir(), shmDir(t)
	// An address of its own, so that the leaves find it again after its restart.
	agg = start(t, "aggregator", "--bootstrap", "--listen", freeAddress(t), "--data", filepath.Join(dir, "agg"), "--name", "agg-1")
	for i := range n {
		name := fmt.Sprintf("leaf-%d", i+1)
		leaves = append(leaves, start(t, "leaf", "--listen", "127.0.0.1:0", "--join", agg.http[len("http://"):],
			"--name", name, "--data", filepath.Join(dir, name), "--memory-dir", filepath.Join(shm, name), "--memory", "256MiB"))
	}
	waitUp(t, agg, n)
	return agg, leaves
}

// states is each leaf's state as the aggregator sees it.
func states(t *testing.T, p *process) map[string]string {
	t.Helper()
	var out struct {
		Members []struct{ Name, Role, State string }
	}
	getJSON(t, p.http+"/v1/cluster", &out)
	m := make(map[string]string)
	for _, k := range out.Members {
		if k.Role == "leaf" {
			m[k.Name] = k.State
		}
	}
	return m
}

func waitUp(t *testing.T, agg *process, n int) {
	t.Helper()
	until(t, 20*time.Second, "all leaves are up", func() bool {
		up := 0
		for _, s := range states(t, agg) {
			if s == "up" {
				up++
			}
		}
		return up == n
	})
}

// TestClusterMissingLeaf freezes a leaf, kills it, and brings it back. In
// between every answer comes in time, says which leaf is missing, and its ratio
// is below the truth by at most one percent of the rows and never above it.
func TestClusterMissingLeaf(t *testing.T) {
	agg, leaves := fleetOf(t, 3)
	begin := time.Now().Add(-30 * time.Minute).Truncate(time.Second)
	const batches = 120
	for b := range batches {
		r, err := agg.post(client(), "events", batchKey(b), "application/x-ndjson", batchBody(b, begin.Add(time.Duration(b)*15*time.Second)))
		if err != nil || r.Accepted != batchRows {
			t.Fatalf("batch %d: %+v %v", b, r, err)
		}
	}
	all := "SELECT count() FROM events"
	cutFrom, cutTo := begin.Add(307*time.Second), begin.Add(1503*time.Second)
	cut := fmt.Sprintf("SELECT count() FROM events SINCE '%s' UNTIL '%s'", cutFrom.UTC().Format(time.RFC3339), cutTo.UTC().Format(time.RFC3339))
	wholeAll, wholeCut := agg.query(all).number(t), agg.query(cut).number(t)
	if wholeAll != batches*batchRows {
		t.Fatalf("%d rows, want %d", wholeAll, batches*batchRows)
	}
	check := func(when string, reasons ...string) {
		t.Helper()
		checkPart(t, agg, when, all, wholeAll, reasons)
		checkPart(t, agg, when, cut, wholeCut, reasons)
	}
	leaves[0].freeze()
	check("frozen", "timeout", "down", "restarting")
	leaves[0].kill()
	check("killed", "down", "timeout", "restarting")

	agg.terminate()
	agg = agg.again()
	until(t, 20*time.Second, "the other leaves are up", func() bool {
		s := states(t, agg)
		return s["leaf-2"] == "up" && s["leaf-3"] == "up"
	})
	check("after a restart of the aggregator", "down", "restarting")

	leaves[0] = leaves[0].again()
	waitUp(t, agg, 3)
	until(t, 10*time.Second, "complete again", func() bool {
		a := agg.query(all)
		return a.Completeness.Ratio == 1 && a.number(t) == wholeAll
	})
}

// checkPart asks a question of a cluster that lacks leaf-1. whole is what a
// complete answer counts.
func checkPart(t *testing.T, agg *process, when, sql string, whole int64, reasons []string) {
	t.Helper()
	const timeout, late = 2 * time.Second, 200 * time.Millisecond
	began := time.Now()
	rang := make(chan time.Duration, 1) // when a timer of that length does, on this machine now
	defer time.AfterFunc(timeout, func() { rang <- time.Since(began) }).Stop()
	a, err := agg.ask(sql, timeout)
	took := time.Since(began)
	if err != nil || a.Error != nil {
		t.Fatalf("%s: %s: %v %+v", when, sql, err, a.Error)
	}
	if took > timeout+late {
		if twin := <-rang; took > twin+late {
			t.Errorf("%s: the answer took %v, its timeout is %v, and a timer took %v", when, took, timeout, twin)
		}
	}
	truth := float64(a.number(t)) / float64(whole)
	ratio := a.Completeness.Ratio
	if ratio >= 1 || ratio > truth || ratio < truth-0.01 {
		t.Errorf("%s: %s: ratio %v, the truth is %v (%d of %d)", when, sql, ratio, truth, a.number(t), whole)
	}
	named := false
	for _, m := range a.Completeness.Leaves.Missing {
		for _, r := range reasons {
			named = named || (m.Leaf == "leaf-1" && m.Reason == r)
		}
	}
	if !named {
		t.Errorf("%s: missing %v, want leaf-1 with one of %v", when, a.Completeness.Leaves.Missing, reasons)
	}
	t.Logf("%s: ratio %.4f, truth %.4f, %v", when, ratio, truth, took.Round(time.Millisecond))
}

// TestClusterWhileIngesting freezes a leaf while rows pour in: the ratio stays
// at or below the truth as the receipts tell it.
func TestClusterWhileIngesting(t *testing.T) {
	agg, leaves := fleetOf(t, 3)
	var mu sync.Mutex
	acknowledged := int64(0)
	stop := make(chan struct{})
	var writing sync.WaitGroup
	for w := range 2 {
		writing.Go(func() {
			c := client()
			for b := 0; ; b++ {
				select {
				case <-stop:
					return
				default:
				}
				r, err := agg.post(c, "events", "", "application/x-ndjson", batchBody(1000*w+b, time.Now()))
				if err == nil && r.Status == http.StatusOK {
					mu.Lock()
					acknowledged += int64(r.Accepted)
					mu.Unlock()
				}
			}
		})
	}
	acked := func() int64 { mu.Lock(); defer mu.Unlock(); return acknowledged }
	until(t, 20*time.Second, "rows come in", func() bool { return acked() > 40*batchRows })
	leaves[0].freeze()
	for range 3 {
		atLeast := acked() // acknowledged before the question: all of it is to be expected
		a, err := agg.ask("SELECT count() FROM events", time.Second)
		if err != nil || a.Error != nil {
			t.Fatalf("%v %+v", err, a.Error)
		}
		if int64(a.Completeness.RowsExpected) < atLeast {
			t.Errorf("%d rows expected, but %d had been acknowledged", a.Completeness.RowsExpected, atLeast)
		}
		if a.Completeness.Ratio >= 1 {
			t.Errorf("ratio %v with a frozen leaf", a.Completeness.Ratio)
		}
	}
	leaves[0].kill()
	close(stop)
	writing.Wait()
	total := acked()
	a := agg.query("SELECT count() FROM events")
	if a.Completeness.Ratio >= 1 || int64(a.Completeness.RowsExpected) < total {
		t.Errorf("leaf dead: ratio %v, %d rows expected, %d acknowledged", a.Completeness.Ratio, a.Completeness.RowsExpected, total)
	}
	leaves[0] = leaves[0].again()
	until(t, 20*time.Second, "complete again", func() bool {
		whole := agg.query("SELECT count() FROM events")
		if whole.Completeness.Ratio < 1 || whole.number(t) < total {
			return false
		}
		// Rows that were stored without a receipt count as well, so the truth may
		// have been a little less than the acknowledged rows alone make it.
		least := float64(a.number(t)) / float64(whole.number(t))
		most := float64(a.number(t)) / float64(total)
		t.Logf("leaf dead: ratio %v, the truth is between %.4f and %.4f", a.Completeness.Ratio, least, most)
		if a.Completeness.Ratio < least-0.01 || a.Completeness.Ratio > most {
			t.Errorf("leaf dead: ratio %v, the truth is between %v and %v", a.Completeness.Ratio, least, most)
		}
		return true
	})
}

// TestRetryCountsOnce cuts the reply of a keyed batch and repeats it through
// another aggregator, after a restart, and after a leaf joined.
func TestRetryCountsOnce(t *testing.T) {
	agg, leaves := fleetOf(t, 2)
	join := agg.http[len("http://"):]
	other := start(t, "aggregator", "--listen", "127.0.0.1:0", "--join", join, "--data", t.TempDir(), "--name", "agg-2")
	waitUp(t, other, 2)
	const keys = 40
	begin := time.Now() // a repeat sends the same bytes
	for b := range keys {
		cutReply(t, agg, batchKey(b), batchBody(b, begin))
	}
	send := func(p *process, when string) {
		t.Helper()
		for b := range keys {
			var r receipt
			until(t, 20*time.Second, "the batch is taken", func() bool {
				var err error
				r, err = p.post(client(), "events", batchKey(b), "application/x-ndjson", batchBody(b, begin))
				return err == nil && r.Status == http.StatusOK
			})
			if r.Accepted != batchRows {
				t.Fatalf("%s: batch %d: %+v", when, b, r)
			}
		}
		a := p.query("SELECT count(), count(distinct id) FROM events")
		if asInt(t, a.Rows[0][0]) != keys*batchRows || asInt(t, a.Rows[0][1]) != keys*batchRows {
			t.Fatalf("%s: %v rows and ids, want %d", when, a.Rows[0], keys*batchRows)
		}
	}
	send(other, "through another aggregator")
	for i := range leaves {
		leaves[i].kill()
		leaves[i] = leaves[i].again()
	}
	waitUp(t, other, 2)
	send(other, "after a restart of the leaves")
	shm := shmDir(t)
	start(t, "leaf", "--listen", "127.0.0.1:0", "--join", join, "--name", "leaf-3",
		"--data", t.TempDir(), "--memory-dir", filepath.Join(shm, "leaf-3"), "--memory", "256MiB")
	waitUp(t, other, 3)
	waitUp(t, agg, 3)
	send(other, "after a leaf joined")
	send(agg, "through the first aggregator")
	_ = os.Remove(shm)
}

// TestClusterKey: a leaf with the cluster's key joins, a stranger without it,
// or with another, does not.
func TestClusterKey(t *testing.T) {
	dir := t.TempDir()
	keyFile := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	right, wrong := keyFile("right", "0123456789abcdef0123456789abcdef\n"), keyFile("wrong", "another key of some length")
	agg := start(t, "aggregator", "--listen", "127.0.0.1:0", "--data", filepath.Join(dir, "agg"), "--name", "agg-1", "--cluster-key-file", right)
	leaf := func(name string, more ...string) *process {
		return start(t, append([]string{"leaf", "--listen", "127.0.0.1:0", "--join", agg.http[len("http://"):], "--name", name,
			"--data", filepath.Join(dir, name), "--memory-dir", shmDir(t), "--memory", "64MiB"}, more...)...)
	}
	leaf("stranger")
	leaf("impostor", "--cluster-key-file", wrong)
	// Those that come later have joined: the two above have had their chance.
	leaf("friend", "--cluster-key-file", right)
	leaf("late", "--cluster-key-file", right)
	until(t, 20*time.Second, "the friends are up", func() bool {
		s := states(t, agg)
		return s["friend"] == "up" && s["late"] == "up"
	})
	agg.ingest("t", []byte(`{"a":1}`))
	if s := states(t, agg); len(s) != 2 {
		t.Errorf("the aggregator knows %v, want friend and late alone", s)
	}
}

// TestStaleAggregator: an aggregator that was down while rows came in through
// another, and comes back when their leaf is dead, learns from the other what
// is missing: its ratio is not above the truth.
func TestStaleAggregator(t *testing.T) {
	agg, leaves := fleetOf(t, 2)
	join := agg.http[len("http://"):]
	other := start(t, "aggregator", "--listen", freeAddress(t), "--join", join, "--data", t.TempDir(), "--name", "agg-2")
	waitUp(t, other, 2)
	send := func(p *process, from, to int) {
		t.Helper()
		for b := from; b < to; b++ {
			r, err := p.post(client(), "events", "", "application/x-ndjson", batchBody(b, time.Now()))
			if err != nil || r.Status != http.StatusOK {
				t.Fatalf("batch %d: %+v %v", b, r, err)
			}
		}
	}
	send(other, 0, 4)
	other.kill()
	send(agg, 4, 60)
	leaves[0].kill()
	other = other.again()
	checkBoth := func() bool {
		a, err := other.ask("SELECT count() FROM events", 5*time.Second)
		return err == nil && a.Error == nil && a.Completeness.RowsExpected >= 60*batchRows && a.Completeness.Ratio < 1
	}
	until(t, 20*time.Second, "the aggregator that came back expects every acknowledged row", checkBoth)
	a := other.query("SELECT count() FROM events")
	if truth := float64(a.number(t)) / (60 * batchRows); a.Completeness.Ratio > truth {
		t.Errorf("ratio %v, the truth is %v", a.Completeness.Ratio, truth)
	}
}
